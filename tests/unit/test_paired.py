"""Intervals and tests by resampling, against exact enumeration, known shifts, and no difference at all."""

import math

import numpy as np
import pytest
from scipy import stats

from advspectra.statistics.paired import paired_distance, rank_correlation
from advspectra.statistics.summaries import kolmogorov_smirnov, wasserstein


def compare(first, second, distance, *, resamples=200, level=0.9, seed=0):
    generator = np.random.default_rng(seed)
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    return paired_distance(first, second, distance, resamples=resamples, level=level, generator=generator)


def correlate(success, correct, *, among_correct=False, resamples=100, level=0.9):
    generator = np.random.default_rng(0)
    options = {"resamples": resamples, "level": level, "generator": generator}
    return rank_correlation(np.array(success), np.array(correct), among_correct=among_correct, **options)


def test_few_pairs_are_tested_by_all_their_swaps():
    # of the 8 ways to swap three pairs, only none and all of them keep the samples apart
    found = compare([10, 11, 12], [0, 1, 2], kolmogorov_smirnov)
    assert (found.estimate.value, found.p_value) == (1, 2 / 8)
    # one swap leaves 1/3 and 2/3 of the values below: distance 1/3
    assert found.chance == pytest.approx(np.quantile([1, 1, *[1 / 3] * 6], 0.9))


def test_a_shift_that_is_the_same_for_all_images_is_known_exactly():
    sample = np.random.default_rng(1).normal(size=30)
    found = compare(sample + 2, sample, wasserstein)
    assert found.estimate == pytest.approx((2, 2, 2))
    assert found.p_value == pytest.approx(1 / 201)


@pytest.mark.parametrize("distance", [kolmogorov_smirnov, wasserstein])
def test_equal_samples_have_distance_zero_and_no_evidence(distance):
    sample = np.random.default_rng(2).normal(size=20)
    found = compare(sample, sample, distance)
    assert found.estimate == (0, 0, 0) and found.p_value == 1 and found.chance == 0


def images_with_a_common_part(rng, shift, count=80):
    """Return two samples whose pairs are correlated; both normal of variance 2, `shift` apart."""
    common = rng.normal(size=count)
    return common + rng.normal(size=count) + shift, common + rng.normal(size=count)


@pytest.mark.parametrize(
    ("distance", "truth"),
    # two normal distributions d apart, sd s: largest distance 2 Phi(d / 2s) - 1, and W1 = d
    [(kolmogorov_smirnov, 2 * stats.norm.cdf(1.5 / (2 * math.sqrt(2))) - 1), (wasserstein, 1.5)],
)
def test_intervals_cover_a_known_distance_about_as_often_as_they_say(distance, truth):
    rng = np.random.default_rng(3)
    found = [compare(*images_with_a_common_part(rng, 1.5), distance, seed=trial).estimate for trial in range(100)]
    covered = sum(one.low <= truth <= one.high for one in found)
    assert 80 <= covered <= 99  # 90 expected of exact intervals


@pytest.mark.parametrize("distance", [kolmogorov_smirnov, wasserstein])
def test_without_a_difference_p_is_uniform_and_most_intervals_contain_zero(distance):
    rng = np.random.default_rng(4)
    found = [compare(*images_with_a_common_part(rng, 0, 20), distance, seed=trial) for trial in range(200)]
    assert 8 <= sum(one.p_value <= 0.1 for one in found) <= 32  # 20 expected, fewer where there are ties
    assert sum(one.estimate.low == 0 for one in found) > 100
    # a larger distance than by chance, and a p below 1 - level, say the same
    assert all((one.estimate.value > one.chance) <= (one.p_value <= 0.11) for one in found)
    assert all(
        0 <= one.estimate.low <= one.estimate.high <= (1 if distance is kolmogorov_smirnov else np.inf) for one in found
    )


def test_a_shift_shows_in_the_p_value():
    found = compare(*images_with_a_common_part(np.random.default_rng(5), 2), wasserstein)
    assert found.p_value == pytest.approx(1 / 201) and found.estimate.value > 2 * found.chance


def test_the_same_generator_gives_the_same_numbers():
    samples = images_with_a_common_part(np.random.default_rng(6), 1)
    assert compare(*samples, wasserstein) == compare(*samples, wasserstein)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [([1], [2], "2 or more pairs"), ([1, 2], [1, 2, 3], "2 or more pairs"), ([1, math.nan], [1, 2], "finite")],
)
def test_what_makes_no_pairs_is_refused(first, second, message):
    with pytest.raises(ValueError, match=message):
        compare(first, second, wasserstein)


def test_rank_correlation_is_scipys():
    rng = np.random.default_rng(7)
    correct = rng.random((6, 50)) < np.array([0.2, 0.5, 0.4, 0.8, 0.7, 0.7])[:, None]
    success = correct & (rng.random((6, 50)) < np.array([0.9, 0.2, 0.6, 0.5, 0.5, 0.1])[:, None])
    found = correlate(success, correct)
    assert found.value == pytest.approx(stats.spearmanr(success.mean(axis=1), correct.mean(axis=1)).statistic)
    among = correlate(success, correct, among_correct=True)
    rate = success.sum(axis=1) / correct.sum(axis=1)
    assert among.value == pytest.approx(stats.spearmanr(rate, correct.mean(axis=1)).statistic)
    assert found.low <= found.value <= found.high and among.low <= among.value <= among.high


def test_success_bounded_by_accuracy_correlates_with_it_though_the_rate_among_correct_falls():
    # of 100 images 10, 20, 40, 80 are right; 8, 14, 20, 24 succeed: shares of 0.8, 0.7, 0.5, 0.3
    images = np.arange(100)
    correct = images < np.array([[10], [20], [40], [80]])
    success = images < np.array([[8], [14], [20], [24]])
    assert correlate(success, correct).value == pytest.approx(1)
    assert correlate(success, correct, among_correct=True).value == pytest.approx(-1)


def test_a_rank_correlation_that_is_undefined_is_none():
    correct = np.arange(10) < np.array([[2], [5], [8]])
    assert correlate(np.zeros((3, 10), dtype=bool), correct) is None  # no success anywhere
    assert correlate(correct[:2], correct[:2]) is None  # two states
    # a state that is right about no image has no rate among those, and two states are left
    assert correlate(correct, correct & np.array([[False], [True], [True]]), among_correct=True) is None


def test_an_interval_that_some_resamples_leave_undefined_has_no_ends():
    # a single image succeeds, at one state: a third of the resamples lack it
    correct = np.arange(6) < np.array([[2], [4], [6]])
    success = np.zeros((3, 6), dtype=bool)
    success[2, 5] = True
    found = correlate(success, correct)
    assert found.value == pytest.approx(math.sqrt(3) / 2) and found.low is None and found.high is None
