"""The least squared weights of a map, where they are known without the search for them."""

import numpy as np
import pytest
from scipy import linalg, optimize

from advspectra.networks.penalty import fully_connected_penalty, penalty

RNG = np.random.default_rng(0)


def known(found, expected, *, gap=1e-6):
    """Both bounds are this number."""
    assert (found.value, found.least) == pytest.approx((expected, expected), rel=gap)
    assert found.least <= found.value * (1 + 1e-9)


def test_a_kernel_of_one_pixel_has_the_sum_of_singular_values_over_channels():
    grey, colour = RNG.standard_normal((1, 1, 6, 5)), RNG.standard_normal((4, 3, 5, 4))
    known(penalty(grey, kernel=(1, 1)), 2 * np.sqrt((grey**2).sum()))
    known(penalty(colour, kernel=(1, 1)), 2 * linalg.svdvals(np.moveaxis(colour, 1, -1).reshape(-1, 3)).sum())


def test_a_kernel_of_the_whole_image_has_the_mean_magnitude_of_the_spectrum():
    grey, colour = RNG.standard_normal((1, 1, 4, 5)), RNG.standard_normal((1, 3, 4, 5))
    known(penalty(grey, kernel=(4, 5)), 2 / 20 * np.abs(np.fft.fft2(grey)).sum())
    lengths = np.sqrt((np.abs(np.fft.fft2(colour)) ** 2).sum(axis=1))
    known(penalty(colour, kernel=(4, 5)), 2 / 20 * lengths.sum())


def test_the_search_finds_the_closed_form_where_a_narrower_kernel_suffices():
    """8 pixels of 9 have every distance between two pixels, and filters whose power is what this map asks for."""
    beta = np.random.default_rng(5).standard_normal((1, 1, 1, 9))
    known(penalty(beta, kernel=(1, 8)), 2 / 9 * np.abs(np.fft.fft(beta)).sum())


def test_fully_connected_layers_have_twice_the_sum_of_singular_values():
    beta = RNG.standard_normal((3, 2, 4, 4))
    known(fully_connected_penalty(beta), 2 * linalg.svdvals(beta.reshape(3, -1)).sum())


@pytest.mark.parametrize(
    ("cycles", "expected"), [(0, 2 / np.sqrt(3)), (6, 2 / np.sqrt(3)), (3, np.sqrt(2)), (2, 1.632993), (4, 1.632993)]
)
def test_three_pixels_are_cheapest_for_both_ends_of_the_spectrum(cycles, expected):
    """One frequency w, length 1: 2 / sqrt(l), l = (3 + |sin 3w / sin w|) / 2; a narrow kernel favours no high one."""
    wave = np.cos(2 * np.pi * cycles / 12 * np.arange(12))
    known(penalty((wave / np.linalg.norm(wave)).reshape(1, 1, 1, 12), kernel=(1, 3)), expected)


@pytest.mark.parametrize(("width", "channels"), [(2, 1), (3, 1), (3, 3), (5, 2)])
def test_in_one_dimension_weights_found_by_constrained_search_agree_whatever_their_channels(width, channels):
    """The Lemma's own minimisation: scipy over all weights, with the map as a constraint, written as sums of rolls."""
    beta, rng = np.random.default_rng(1).standard_normal(6), np.random.default_rng(2)

    def end_to_end(weights):
        filters, readout = np.split(weights, [channels * width])
        pairs = zip(filters.reshape(channels, width), readout.reshape(channels, 6), strict=True)
        return sum(tap * np.roll(row, place) for taps, row in pairs for place, tap in enumerate(taps))

    each = [
        optimize.minimize(
            lambda weights: weights @ weights,
            rng.standard_normal(channels * (width + 6)),
            jac=lambda weights: 2 * weights,
            constraints={"type": "eq", "fun": lambda weights: end_to_end(weights) - beta},
            method="SLSQP",
            options={"maxiter": 1000, "ftol": 1e-12},
        )
        for _ in range(5)
    ]
    least = min(one.fun for one in each if one.success)
    known(penalty(beta.reshape(1, 1, 1, 6), kernel=(1, width)), least, gap=1e-4)
    found = penalty(beta.reshape(1, 1, 1, 6), kernel=(1, width), channels=channels)
    assert found.value == pytest.approx(least, rel=1e-4)


def test_no_weights_have_less_than_the_lower_bound_and_it_is_near():
    """Of many channels; of few ones the map can be had with the weights that were found, or more."""
    beta, rng = RNG.standard_normal((5, 3, 8, 8)), np.random.default_rng(4)
    found = penalty(beta, kernel=(3, 3))
    assert 0 <= found.value - found.least < 1e-5 * found.value
    spectrum = np.fft.fft2(beta)
    for _ in range(20):  # any filters, and the least readout with which they have the map
        filters = rng.standard_normal((27, 3, 3, 3)) * rng.uniform(0, 1, (27, 1, 1, 1))
        each = np.fft.fft2(filters, s=(8, 8)).transpose(2, 3, 0, 1)
        readout = spectrum.transpose(2, 3, 0, 1) @ np.linalg.pinv(each)
        weights = 2 * np.linalg.norm(filters) * np.sqrt((np.abs(readout) ** 2).sum() / 64)
        assert weights > found.value
    few = penalty(beta, kernel=(3, 3), channels=3)
    assert few.least <= found.value <= few.value


def test_a_wider_kernel_costs_no_more():
    beta = RNG.standard_normal((2, 1, 6, 6))
    each = [penalty(beta, kernel=(side, side)).value for side in range(1, 7)]
    assert all(wide <= narrow * (1 + 1e-6) for narrow, wide in zip(each[:-1], each[1:], strict=True))
    assert each[2] < 0.99 * each[0]


def test_twice_the_map_costs_twice_as_much_and_a_shifted_or_mirrored_one_the_same():
    beta = RNG.standard_normal((2, 2, 6, 6))
    least = penalty(beta, kernel=(3, 3)).value
    assert penalty(1000 * beta, kernel=(3, 3)).value == pytest.approx(1000 * least, rel=1e-6)
    for same in (np.roll(beta, (1, 2), axis=(2, 3)), beta[..., ::-1, ::-1], beta.transpose(0, 1, 3, 2)):
        assert penalty(same, kernel=(3, 3)).value == pytest.approx(least, rel=1e-6)


def test_what_has_no_penalty_is_refused():
    beta = RNG.standard_normal((1, 1, 4, 4))
    for kernel in ((0, 3), (3, 5)):
        with pytest.raises(ValueError, match="expected a kernel of 1 to"):
            penalty(beta, kernel=kernel)
    with pytest.raises(ValueError, match="at least one channel, got 0"):
        penalty(beta, kernel=(3, 3), channels=0)
    with pytest.raises(ValueError, match="a map other than 0"):
        penalty(0 * beta, kernel=(3, 3))
