"""The least squared weights of a map, where they are known without the search for them."""

import numpy as np
import pytest
import torch
from scipy import linalg, optimize
from synthetic_results import identity, write_predictor

from advspectra.claims.measures import MEASURES
from advspectra.claims.reasons import Lack, NotThere
from advspectra.claims.sides import Conventions
from advspectra.claims.study_measures import measures_table
from advspectra.claims.terms import Side
from advspectra.files.checkpoints import Checkpoint, Training, write_checkpoints
from advspectra.networks.build import build_network
from advspectra.networks.end_to_end import end_to_end_map
from advspectra.networks.penalty import fully_connected_penalty, penalty, penalty_of_network
from advspectra.results.runs import read_runs

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


# ---- of a network's weights

SHAPE, CLASSES = (3, 8, 8), 4
FORMS = {
    "fully connected": ("fully_connected", {"hidden_units": 20}, None),
    "full width": ("full_width_convolution", {"channels": 3, "bias": True}, (8, 8)),
    "bounded width": ("bounded_width_convolution", {"channels": 27, "kernel_size": 3, "padding": "circular"}, (3, 3)),
}
UNKNOWN = {
    "without padding": ("bounded_width_convolution", {"channels": 27, "kernel_size": 3}, 1),
    "few channels": ("bounded_width_convolution", {"channels": 3, "kernel_size": 3, "padding": "circular"}, 1),
    "locally connected": ("locally_connected", {"channels": 3, "kernel_size": 3}, 1),
    "two hidden layers": ("fully_connected", {"hidden_units": 20}, 2),
}


def built(architecture, options, depth=1):
    form = {"image_shape": SHAPE, "activation": "linear", "depth": depth, "classes": CLASSES}
    form |= {"architecture": architecture, "options": options}
    network = build_network(**form, alpha=1, alpha_scaling="plain", seed=0)
    return network, form, end_to_end_map(network, image_shape=SHAPE, classes=CLASSES)[0]


def over_least(folder, network, form, beta, *, last=False):
    """The measure, read from the files of such a network."""
    who = identity() | {"depth": form["depth"], "step": 1, "epoch": 1}
    training = Training(best_epoch=1, learning_rate=0.1)
    rates = {"learning_rate": 0.1, "train_accuracy": 0.5, "test_accuracy": 0.5}
    training.history.append({"epoch": 1, "step": 1, **rates})
    training.checkpoints["best"] = Checkpoint(1, 1, 0.5, network.state_dict())
    write_checkpoints(folder / "checkpoints.h5", training, architecture=form, attributes=who)
    (run,) = read_runs([folder / "checkpoints.h5", write_predictor(folder / "predictor.h5", who, beta)])
    found = MEASURES["weights_over_least"].read(run, Side(), Conventions("paper", {}, last=last)).arrays[0].item()
    rows = measures_table([run], convention="paper").rows
    (row,) = (row for row in rows if row["measure"] == "weights_over_least")
    assert row["mean"].value == found
    return found


@pytest.mark.parametrize("name", FORMS)
def test_the_weights_of_an_untrained_network_are_more_than_the_least(tmp_path, name):
    architecture, options, kernel = FORMS[name]
    network, form, beta = built(architecture, options)
    least = fully_connected_penalty(beta) if kernel is None else penalty(beta, kernel=kernel)
    squares = sum(float((layer.weight.detach().double() ** 2).sum()) for layer in (network.hidden[0], network.readout))
    found = over_least(tmp_path, network, form, beta)
    assert found == pytest.approx(squares / least.value, rel=1e-6) and found > 1.1


def test_balanced_weights_of_the_singular_values_are_the_least(tmp_path):
    """Of a fully connected network, and of a convolution by one pixel, whose map is one matrix too."""
    network, form, beta = built("fully_connected", {"hidden_units": 20})
    left, sizes, right = np.linalg.svd(beta.reshape(CLASSES, -1), full_matrices=False)
    with torch.no_grad():
        network.hidden[0].weight[:] = torch.from_numpy(np.pad(np.sqrt(sizes)[:, None] * right, ((0, 16), (0, 0))))
        network.readout.weight[:] = torch.from_numpy(np.pad(left * np.sqrt(sizes), ((0, 0), (0, 16))))
    assert over_least(tmp_path / "full", network, form, beta) == pytest.approx(1, abs=1e-5)
    options = {"channels": 3, "kernel_size": 1, "padding": "circular"}
    network, form, beta = built("bounded_width_convolution", options)
    left, sizes, right = np.linalg.svd(beta.transpose(0, 2, 3, 1).reshape(-1, 3), full_matrices=False)
    with torch.no_grad():  # the readout sees the units as (H, W, C)
        network.hidden[0].weight[:] = torch.from_numpy((np.sqrt(sizes)[:, None] * right)[..., None, None])
        network.readout.weight[:] = torch.from_numpy((left * np.sqrt(sizes)).reshape(CLASSES, -1))
    assert over_least(tmp_path / "pixel", network, form, beta) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("name", UNKNOWN)
def test_of_networks_of_other_forms_the_least_weights_are_not_known(tmp_path, name):
    with pytest.raises(NotThere) as error:
        over_least(tmp_path, *built(*UNKNOWN[name]))
    assert error.value.reason.kind is Lack.PENALTY


def test_the_last_epoch_has_no_map_to_compare_weights_with(tmp_path):
    with pytest.raises(NotThere) as error:
        over_least(tmp_path, *built("fully_connected", {"hidden_units": 20}), last=True)
    assert error.value.reason.kind is Lack.PREDICTOR


def test_weights_whose_product_is_another_map_have_no_penalty():
    network, _, beta = built(*FORMS["bounded width"][:2])
    weights = [layer.weight.detach().double().numpy() for layer in (network.hidden[0], network.readout)]
    assert penalty_of_network(*weights, beta) is not None
    assert penalty_of_network(*weights, beta[::-1]) is None
    assert penalty_of_network(np.ones((20, 192)), np.ones((4, 20)), beta) is None
