"""Intervals and p-values on each scale, of one side and of two, paired or not, against what is possible and known."""

import numpy as np
import pytest
from samples import mean, sample
from scipy import stats

from advspectra.statistics.crossed import Sample, infer
from advspectra.statistics.scale import Scale


def of_numbers(values):
    return [sample([value]) for value in values]


def answer(left, right=None, scale=Scale.DIFFERENCE, **options):
    return infer(left, right, scale=scale, generator=np.random.default_rng(0), **options)


def drawn(scale, generator, seeds):
    """Sides of that scale, of numbers and of images, some of them at the edge of what is possible."""
    made = {
        Scale.RATIO: lambda: np.exp(generator.normal(0, generator.choice([0.1, 3]), size=(seeds, 20))),
        Scale.DIFFERENCE: lambda: generator.normal(size=(seeds, 20)),
        Scale.RATE: lambda: generator.random((seeds, 20)) < generator.choice([0, 0.02, 0.5, 0.97, 1]),
        Scale.CORRELATION: lambda: np.clip(generator.normal(0.5, 1, size=(seeds, 1)), -1, 1),
    }
    return [sample(row) for row in made[scale]()]


POSSIBLE = {Scale.RATIO: (0, np.inf), Scale.RATE: (0, 1), Scale.CORRELATION: (-1, 1)}


@pytest.mark.parametrize("scale", Scale)
@pytest.mark.parametrize("form", ["alone", "two", "paired"])
def test_intervals_are_possible_and_their_ends_are_those_of_p_values(scale, form):
    generator = np.random.default_rng(11)
    lowest, highest = POSSIBLE.get(scale, (-np.inf, np.inf))
    if form != "alone":
        lowest, highest = (-1, np.inf) if scale is Scale.RATIO else (lowest - highest, highest - lowest)
    for _ in range(25):
        left, right = drawn(scale, generator, 3), drawn(scale, generator, 3 if form == "paired" else 4)
        found = answer(left, None if form == "alone" else right, scale, paired=form == "paired")
        value, low, high = found.interval
        assert lowest <= low <= value <= high <= highest
        if scale is Scale.RATIO:
            assert low > lowest
        inner = 1e-6 * (high - low)
        if lowest < low < value < high < highest and np.isfinite(high):
            assert found.p_above(low) <= 0.025 * 1.001 and found.p_above(low + inner) >= 0.025 * 0.999
            assert found.p_below(high) <= 0.025 * 1.001 and found.p_below(high - inner) >= 0.025 * 0.999
        ends = [end for end in (low - 0.1, low, value, high, high + 0.1) if np.isfinite(end)]
        p_values = [found.p_above(end) for end in ends]
        assert (np.diff(p_values) >= -1e-9).all()  # a higher threshold is harder to exceed
        assert [found.p_below(end) for end in ends] == pytest.approx([1 - p for p in p_values])


@pytest.mark.parametrize("scale", Scale)
@pytest.mark.parametrize("paired", [False, True])
def test_swapped_sides_give_the_opposite_number(scale, paired):
    generator = np.random.default_rng(12)
    for _ in range(10):
        left, right = drawn(scale, generator, 3), drawn(scale, generator, 3 if paired else 5)
        one, other = answer(left, right, scale, paired=paired), answer(right, left, scale, paired=paired)
        ends = np.array(other.interval)[[0, 2, 1]]
        assert np.array(one.interval) == pytest.approx(
            1 / (1 + ends) - 1 if scale is Scale.RATIO else -ends, rel=1e-9, abs=1e-9
        )


def test_a_rate_of_1_in_all_seeds_has_the_binomial_interval_of_one_seeds_images():
    found = answer([sample(np.ones(300))] * 3, scale=Scale.RATE)
    exact = stats.binomtest(300, 300).proportion_ci(0.95, method="exact")
    assert found.interval == pytest.approx((1.0, exact.low, 1.0))
    assert exact.low == pytest.approx(0.9878, abs=5e-5)
    assert found.p_above(0.99) == pytest.approx(stats.binom.sf(299, 300, 0.99), rel=1e-4)
    none = answer([sample(np.zeros(300))] * 3, scale=Scale.RATE)
    assert none.interval == pytest.approx((0.0, 0.0, 1 - exact.low), rel=1e-5)  # t of 10^6 degrees


def test_a_rate_of_one_seed_has_the_exact_binomial_interval():
    found = answer([sample(np.repeat([0.0, 1.0], [30, 270]))], scale=Scale.RATE)
    exact = stats.binomtest(270, 300).proportion_ci(0.95, method="exact")
    assert found.interval == pytest.approx((0.9, exact.low, exact.high), abs=0.002)  # 2000 resamples


def test_a_ratio_is_welchs_t_test_of_logarithms():
    left, right = [1.0, 2.0, 9.0], [0.5, 0.7, 0.3]
    found = answer(of_numbers(left), of_numbers(right), Scale.RATIO)
    welch = stats.ttest_ind(np.log(left), np.log(right), equal_var=False)
    ends = np.exp(welch.confidence_interval(0.95)) - 1
    assert found.value == pytest.approx((18 / 0.105) ** (1 / 3) - 1)
    assert found.interval[1:] == pytest.approx(tuple(ends), rel=1e-4)
    assert found.p_above(0) == pytest.approx(welch.pvalue / 2, rel=1e-4)


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_a_ratio_of_what_is_not_above_0_is_refused(bad):
    with pytest.raises(ValueError, match="no ratio: expected numbers above 0, found"):
        answer(of_numbers([1, 2, 3]), of_numbers([1, bad, 3]), Scale.RATIO)
    assert answer(of_numbers([0, 0, 0]), scale=Scale.RATIO).interval == (0, 0, 0)


def ranked(values, units):
    return [Sample((np.array([float(value)]),), mean, units) for value in values]


@pytest.mark.parametrize("units", [3, 7, 9, 20])
def test_a_rank_correlation_of_1_counts_as_the_middle_between_1_and_the_next(units):
    order = np.arange(units)
    next_order = order.copy()
    next_order[:2] = 1, 0
    middle = (1 + stats.spearmanr(order, next_order).statistic) / 2
    found = answer(ranked([1, 1], units), scale=Scale.CORRELATION)
    assert found.value == pytest.approx(middle)
    assert answer(ranked([-1, -1], units), scale=Scale.CORRELATION).value == pytest.approx(-middle)
    assert found.values == (1.0, 1.0)  # by seed as they are


def test_a_seed_that_agrees_fully_does_not_undo_what_two_others_say():
    found = answer(ranked([0.97, 0.98, 1], 9), scale=Scale.CORRELATION)
    assert found.p_above(0.5) < 0.01  # 0.05 if 1 counted as 0.9999
    assert answer(of_numbers([0.97, 0.98, 1]), scale=Scale.CORRELATION).p_above(0.5) > 0.05


def test_correlations_have_fishers_interval_and_1_is_no_obstacle():
    values = [0.2, 0.9, 0.7]
    ends = stats.ttest_1samp(np.arctanh(values), 0).confidence_interval(0.95)
    found = answer(of_numbers(values), scale=Scale.CORRELATION)
    assert found.interval[1:] == pytest.approx((np.tanh(ends.low), np.tanh(ends.high)))
    exact = answer(of_numbers([1.0, 0.9, -0.2]), scale=Scale.CORRELATION).interval
    assert -1 < exact.low < exact.value < exact.high < 1


def test_sides_with_other_numbers_of_seeds_have_degrees_between_welchs_and_the_mean():
    left, right = np.array([1.0, 3.0, 8.0]), np.array([0.0, 0.5, 0.1, 0.9, 0.4])
    found = answer(of_numbers(left), of_numbers(right))
    parts = left.var(ddof=1) / 3, right.var(ddof=1) / 5
    share = parts[0] / sum(parts)
    welch, mean = 1 / (share**2 / 2 + (1 - share) ** 2 / 4), 1 / (share / 2 + (1 - share) / 4)
    degrees = np.sqrt(welch * mean)  # 2 of the smaller side are half of 4
    assert found.p_above(0) == pytest.approx(stats.t.sf(found.value / np.sqrt(sum(parts)), degrees), rel=1e-4)


def test_images_stay_paired_and_paired_seeds_too():
    generator = np.random.default_rng(13)
    of_images = 5 * generator.normal(size=200)
    left, right = ([sample(of_images + generator.normal(size=200)) for _ in range(3)] for _ in range(2))
    assert answer(left, right).images < answer(left).images / 50
    seeds = [1.0, 5.0, 9.0]
    moved = [value + 1 + 0.1 * place for place, value in enumerate(seeds)]
    paired = answer(of_numbers(moved), of_numbers(seeds), paired=True)
    expected = stats.ttest_rel(moved, seeds, alternative="greater")
    assert paired.p_above(0) == pytest.approx(expected.pvalue)
    assert answer(of_numbers(moved), of_numbers(seeds)).p_above(0) > 0.3


def test_images_needed_part_the_interval_from_the_threshold():
    values = np.random.default_rng(14).normal(size=100)
    found = answer([sample(values + 0.1), sample(values + 0.1), sample(values + 0.1)])
    threshold = found.value - 0.1
    needed = found.images_needed(threshold)
    # variance of the mean: images / needed * 100
    assert 1.96 * np.sqrt(found.images * 100 / needed) == pytest.approx(0.1, rel=0.02)
    assert found.images_needed(found.value - 1) == 100
    assert found.images_needed(found.value) is None
    assert answer(of_numbers([1, 2, 3])).images_needed(0) is None  # not made of images
    assert answer([sample(values)]).images_needed(threshold) is None  # one seed
    assert (
        infer([sample(values + shift) for shift in (0, 1, 2)], generator=np.random.default_rng(0)).images_needed(
            found.value
        )
        is None
    )  # the seeds alone reach beyond it


def test_a_difference_of_rates_next_to_1_reaches_no_farther_than_that_of_independent_sides():
    """Newcombe's ends without a correlation, at the score of Student's t with the degrees of freedom of three seeds."""
    first = np.ones((3, 23))
    first[0, 0] = 0.0
    found = answer([sample(row) for row in first], [sample(np.ones(23))] * 3, Scale.RATE, paired=True)
    left, right = found.sides
    score = stats.t(2).isf(0.025)
    low = found.value - np.hypot(left.value - left.lower(score), right.upper(score) - right.value)
    high = found.value + np.hypot(left.upper(score) - left.value, right.value - right.lower(score))
    assert found.interval == pytest.approx((found.value, low, high), rel=0.02)
    assert -0.5 < low and high < 0.5  # one image of 69 does not leave everything open
