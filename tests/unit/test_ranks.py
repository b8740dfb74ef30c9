"""The rank correlation over networks, where its answer is known without it."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from synthetic_results import EPSILON, identity, write_perturbations, write_predictor, write_run, write_spectra

from advspectra.claims.evaluate import evaluate
from advspectra.claims.evidence import record
from advspectra.claims.sides import Conventions
from advspectra.results.runs import read_runs
from advspectra.statistics.ranks import DRAWS, RankCorrelation, rank_correlation

CONVENTIONS = Conventions("paper", {"final": "pgd"})
REFERENCE = {
    "tables": {f"table{number}": {"number": number, "title": "", "section": "", "rows": []} for number in (1, 2, 4)}
}


@pytest.mark.parametrize("units", [5, 6])
def test_without_any_correlation_the_p_values_are_those_of_all_orders(units):
    """The permutation test, written down again: every order of the second number is as likely as any."""
    first = np.arange(units)
    every = [stats.pearsonr(first, order).statistic for order in itertools.permutations(range(units))]
    for value in (0.9, 0.5, -0.3, 1.0):
        found = RankCorrelation(value, units)
        exact = np.mean(np.array(every) >= value - 1e-9), np.mean(np.array(every) <= value + 1e-9)
        for p_value, truth in zip((found.p_above(0), found.p_below(0)), exact, strict=True):
            assert p_value == pytest.approx(truth, abs=4 * math.sqrt(truth * (1 - truth) / DRAWS) + 1e-12)


@pytest.mark.parametrize("units", [8, 14])
@pytest.mark.parametrize("normal", [0.0, 0.5, 0.9])
def test_intervals_have_the_true_correlation_in_95_percent_whatever_the_units_margins(units, normal):
    rng, truth, trials = np.random.default_rng(3), 6 / np.pi * np.arcsin(normal / 2), 2000
    first, rest = rng.standard_normal((2, trials, units))
    second = np.exp(3 * (normal * first + np.sqrt(1 - normal**2) * rest))  # log-normal
    each = [rank_correlation(np.stack(pair, axis=1)) for pair in zip(first, second, strict=True)]
    inside = [min(found.p_above(truth), found.p_below(truth)) >= 0.025 for found in each]
    assert 0.94 <= np.mean(inside) <= 1  # at least 0.95; steps between ranks make it more


def test_the_interval_ends_where_its_p_values_do():
    for value, units in ((0.6, 8), (-0.2, 14)):
        found = RankCorrelation(value, units)
        _, low, high = found.interval
        assert found.p_above(low - 0.01) < 0.025 <= found.p_above(low + 0.01)
        assert found.p_below(high + 0.01) < 0.025 <= found.p_below(high - 0.01)
        assert -1 <= low < value < high <= 1


def test_the_same_order_throughout_is_an_honest_interval_and_not_a_point():
    for units, least in ((5, 0.5), (14, 0.995)):
        _, low, high = RankCorrelation(1.0, units).interval
        assert high == 1 and low < least
    assert RankCorrelation(1.0, 5).p_above(0.5) > 0.025  # of five networks even the best order does not say 0.5


def test_few_networks_or_equal_numbers_have_no_correlation():
    with pytest.raises(ValueError, match="expected 5 networks or more that have both numbers, found 4"):
        rank_correlation(np.arange(8.0).reshape(4, 2))
    with pytest.raises(ValueError, match="expected 5 networks or more that have both numbers, found 0"):
        rank_correlation(np.zeros(0))
    with pytest.raises(ValueError, match="all networks have the same number"):
        rank_correlation(np.stack([np.arange(6.0), np.ones(6)], axis=1))


# ---- as a claim


def claim_of(paths, measure="frequency_link", conventions=CONVENTIONS, predictor=None):
    side = {"measure": measure, "predictor": predictor}
    about = {"title": "linked", "section": "1", "sentence": "it says so", "figures": []}
    stated = {"A": about | {"parts": [{"left": side, "is": "at_least", "threshold": 0.5}]}}
    return next(one for one in evaluate(stated, REFERENCE, read_runs(paths), conventions) if one.name == "A")


def networks(folder, centres, *, seeds=(0, 1)):
    """Linear networks whose β̂ and δ̂ have their energy around these frequencies."""
    return [
        path
        for place, centre in enumerate(centres)
        for seed in seeds
        for path in write_run(
            folder,
            who=identity(network=f"n{place}", seed=seed) | {"step": 200, "epoch": 2},
            images=8,
            centre=centre,
            width=0.5,
        )
    ]


def test_networks_in_one_order_of_both_frequencies_are_linked(tmp_path):
    paths = networks(tmp_path, (2, 3, 4, 5, 6, 7))
    paths += write_run(tmp_path, who=identity(network="relu", activation="relu") | {"step": 200, "epoch": 2})
    claim = claim_of(paths)
    (part,) = claim.parts
    assert (part.found.value, part.found.units, part.verdict) == (1, 6, "holds")
    assert part.statement.endswith("at least 0.5 (of 6 networks)")
    (recorded,) = record(claim).parts
    assert [(seed.seed, seed.value, seed.low) for seed in recorded.seeds] == [(0, 1, None), (1, 1, None)]
    assert (recorded.value, recorded.left.value, recorded.images, recorded.seeds_needed) == (1, 1, None, None)


def test_one_seed_or_four_networks_decide_nothing(tmp_path):
    one = claim_of(networks(tmp_path / "one", (2, 3, 4, 5, 6, 7), seeds=(0,)))
    assert (one.verdict, one.parts[0].verdict, record(one).parts[0].one_seed) == (
        "one seed: direction only",
        "open",
        True,
    )
    own = []  # each of another seed
    for place, centre in enumerate((2, 3, 4, 5, 6, 7)):
        who = identity(network=f"n{place}", seed=place) | {"step": 200, "epoch": 2}
        own += write_run(tmp_path / "own", who=who, images=8, centre=centre, width=0.5)
    assert claim_of(own).verdict == "one seed: direction only" and record(claim_of(own)).parts[0].one_seed
    # a second seed of one network is no second seed of all
    more = networks(tmp_path / "more", (2, 3, 4, 5, 6, 7), seeds=(0,))
    who = identity(network="n0", seed=1) | {"step": 200, "epoch": 2}
    more += write_run(tmp_path / "more" / "second", who=who, images=8, centre=2, width=0.5)
    assert claim_of(more).verdict == "one seed: direction only" and record(claim_of(more)).parts[0].one_seed
    few = claim_of(networks(tmp_path / "few", (2, 3, 4, 5)))
    assert few.verdict == "not tested" and few.parts[0].why.endswith("found 4")


def test_without_the_best_epochs_predictor_nothing_is_linked(tmp_path):
    """The last epoch has no predictor."""
    last = Conventions("paper", {"final": "pgd"}, last=True)
    assert claim_of(networks(tmp_path, (2, 3, 4, 5, 6, 7)), conventions=last).verdict == "not tested"


def untrained(folder, falls, *, count=10, size=32):
    """Networks of Gaussian β whose amplitude falls with these powers of frequency, and the signs of its differences."""
    rng, paths = np.random.default_rng(0), []
    radius = np.hypot(*np.meshgrid(*[np.fft.fftfreq(size) * size] * 2))
    for place, fall in enumerate(falls):
        who = identity(network=f"n{place}") | {"step": 0, "epoch": 0}
        noise = np.fft.fft2(rng.standard_normal((count, 3, size, size))) * np.maximum(radius, 1) ** -fall
        beta, before = np.fft.ifft2(noise).real, np.arange(40) % count
        delta = (EPSILON * np.sign(beta[(before + 1) % count] - beta[before])).astype(np.float32)
        at = folder / f"{place}"
        paths += [
            write_perturbations(at / "perturbations.h5", who, delta, np.ones(40, dtype=bool), count),
            write_spectra(at / "spectra.h5", who, delta=delta),
            write_predictor(at / "predictor.h5", who, beta),
        ]
    return paths


def test_untrained_networks_are_linked_by_what_differs_between_them_and_white_ones_by_frequency_alone(tmp_path):
    coloured = untrained(tmp_path / "coloured", np.linspace(0, 1.5, 14))
    white = untrained(tmp_path / "white", np.zeros(14))
    for measure, predictor in (("norm_link", "rescaled"), ("flatness_link", None), ("frequency_link", None)):
        assert claim_of(coloured, measure, predictor=predictor).parts[0].verdict == "open"  # of one seed
        assert claim_of(coloured, measure, predictor=predictor).parts[0].value > 0.9
        found = claim_of(white, measure, predictor=predictor).parts[0].found
        # a perturbation is made of β: chance in the frequencies of the one is chance in those of the other
        assert (found.p_above(0) < 0.025) == (measure == "frequency_link")
