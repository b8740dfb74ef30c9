"""Intervals and verdicts on a few hundred simulated studies; benchmarks/calibration.py makes ten thousand of each."""

from dataclasses import replace

import numpy as np
import pytest

from advspectra.statistics import crossed
from benchmarks import calibration
from benchmarks.calibration import before, coverage, inside, studies, verdicts
from benchmarks.regimes import RATE, RATIO, Regime, additive, log_normal, successes

ALIKE = Regime("alike", (3,), 100, additive((0.15, 1, 0.3)), 0.0)
SEEDS = Regime("seeds", (3,), 100, additive((0.5, 1, 1)), 0.0)
IMAGES = Regime("images", (3,), 100, additive((0, 1, 0.2)), 0.0)
INTERACTION = Regime("seed by image", (3,), 100, additive((0, 0, 1)), 0.0)
SKEW = Regime("log-normal images", (3,), 100, additive((0, 1, 0.2), skew=1), 0.0)
TWO = Regime("two networks", (3, 5), 100, additive((0.5, 1, 1), (0.5, 1, 1)), 0.0)
TWICE = Regime("one network twice", (3, 3), 100, additive((0.5, 1, 1), (0.5, 1, 1), shared=0.9), 0.0, paired=True)
HEAVY = Regime("ratio", (3, 3), 1, log_normal((2, 0, 0), (2, 0, 0)), 0.0, RATIO)
AGREEING = Regime("rate 0.99", (3,), 50, successes((0.99, 0, 1, 0)), 0.99, RATE)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(crossed, "RESAMPLES", 400)


# standard error of 400 studies: 1.1 %
@pytest.mark.parametrize(
    "regime", [SEEDS, ALIKE, IMAGES, INTERACTION, TWO, TWICE, HEAVY], ids=lambda regime: regime.name
)
def test_intervals_contain_the_truth(regime):
    found = studies(regime, 400, seed=0)
    row = coverage(regime, found)
    assert 92 <= row["coverage"] <= 98.5
    assert max(row["tail_true"], row["tail_false"]) <= 0.75


@pytest.mark.parametrize("regime", [SEEDS, ALIKE, INTERACTION], ids=lambda regime: regime.name)
def test_intervals_that_ignore_the_seeds_do_not(regime):
    found = [replace(one, seeds=0.0) for one in studies(regime, 400, seed=0)]
    assert coverage(regime, found)["coverage"] < 90


def test_the_method_before_failed_where_seeds_agree_and_where_ratios_have_heavy_tails():
    for regime, most in ((AGREEING, 60), (HEAVY, 93)):
        new, old = (100 * inside(regime, make(regime, 400, seed=0)).mean() for make in (studies, before))
        assert old < most and new >= 93


def test_few_images_that_count_much_are_not_taken_for_the_mean():
    found = studies(SKEW, 600, seed=0)
    row, symmetric = (coverage(SKEW, each) for each in (found, [replace(one, skewness=0.0) for one in found]))
    assert row["below"] < 6.5 < symmetric["below"]
    assert symmetric["above"] < 1 < row["above"] < 4


def test_verdicts_at_the_threshold_are_rare_and_as_rare_in_a_family():
    regimes = (ALIKE, IMAGES, Regime("no images", (3,), 1, additive((1, 0, 0)), 0.0))
    found = [studies(regime, 300, seed=place) for place, regime in enumerate(regimes)]
    *_, row = verdicts(regimes, found, parts=1)
    # each claim: 5 % of either verdict; of a family of 6 one that stands after Holm's correction: 5 %, any 1 - 0.95^6
    assert row["supported"] + row["contradicted"] < 7
    assert row["any_stands"] < 9 < 15 < row["any"]
    assert 0 <= row["stands"] <= row["any_stands"] and row["stands"] < row["supported"] + row["contradicted"]


def test_what_stands_after_holms_correction_is_a_false_verdict_with_a_small_p_value():
    """One regime and its claim alone: corrected for two claims, both of which must be counted by hand here."""
    found = [studies(ALIKE, 400, seed=7)]
    threshold, margin, whole = verdicts((ALIKE,), found, parts=1)
    assert whole["stands"] == pytest.approx((threshold["stands"] + margin["stands"]) / 2)
    supported = np.mean([one.p_above(0.0) <= 0.025 for one in found[0]])
    assert threshold["supported"] == pytest.approx(100 * supported)
    assert threshold["stands"] <= threshold["supported"] + threshold["contradicted"]


def test_a_claim_that_is_true_by_far_is_supported():
    regime = replace(IMAGES, truth=-1.0)
    found = [studies(regime, 20, seed=0)]
    threshold, _, _ = verdicts((regime,), found, parts=1)
    assert threshold["supported"] == threshold["stands"] == 100


def test_the_tables_say_what_was_simulated(tmp_path):
    row = coverage(ALIKE, studies(ALIKE, 20, seed=0))
    calibration.write(tmp_path, [row], {"simulations": "20"})
    assert "- simulations: 20\n" in (tmp_path / "calibration.md").read_text()
    assert "| alike | 3 | 100 |" in (tmp_path / "calibration.md").read_text()
    assert len((tmp_path / "calibration.csv").read_text().splitlines()) == 2
