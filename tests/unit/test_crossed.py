"""What seeds and images say of a number, against closed forms, scipy and simulated studies whose truth is known."""

import contextlib
import warnings

import numpy as np
import pytest
from samples import sample
from scipy import integrate, stats

from advspectra.statistics.crossed import Inference, Sample, holm, infer, sign_flip
from advspectra.statistics.scale import Scale


def study(generator, *, seeds, images, a=0.0, b=0.0, e=1.0, theta=0.0):
    """One sample for each seed: theta + a_s + b_i + e_si with these standard deviations."""
    values = theta + a * generator.normal(size=(seeds, 1)) + b * generator.normal(size=(1, images))
    return [sample(row) for row in values + e * generator.normal(size=(seeds, images))]


def test_without_images_it_is_the_t_test_over_seeds():
    values = [1.0, 2.0, 4.0]
    found = infer([sample([value]) for value in values], generator=np.random.default_rng(0))
    expected = stats.ttest_1samp(values, 0.5, alternative="greater")
    ends = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.value == pytest.approx(7 / 3)
    assert found.interval[1:] == pytest.approx((ends.low, ends.high))
    assert found.p_above(0.5) == pytest.approx(expected.pvalue)
    assert found.p_below(0.5) == pytest.approx(1 - expected.pvalue)


def test_two_seeds_have_one_degree_of_freedom():
    found = infer([sample([1.0]), sample([2.0])], generator=np.random.default_rng(0))
    ends = stats.ttest_1samp([1.0, 2.0], 0).confidence_interval(0.95)
    assert found.interval[1:] == pytest.approx((ends.low, ends.high), rel=1e-4)
    # 12.7 standard errors, which are 0.5
    assert found.p_above(0.5) == pytest.approx(stats.t.sf(2, 1), rel=1e-4)


def test_with_one_seed_the_interval_is_that_of_the_images():
    generator = np.random.default_rng(0)
    values = generator.normal(size=400)
    found = infer([sample(values)], generator=generator)
    ends = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.interval[1:] == pytest.approx((ends.low, ends.high), rel=0.1, abs=0.01)
    assert found.seeds_needed(0) is None


def test_one_number_of_one_seed_has_no_interval_and_proves_nothing():
    found = infer([sample([3.0])], generator=np.random.default_rng(0))
    assert found.interval == (3.0, None, None)
    assert (found.p_above(0), found.p_below(0)) == (1.0, 1.0)


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_images_part_is_the_unbiased_variance_of_their_mean(seeds):
    """Resampling four images gives three quarters of it."""
    row = np.array([0.0, 1.0, 3.0, 8.0])
    found = infer([sample(row)] * seeds, generator=np.random.default_rng(0))
    assert found.images == pytest.approx(row.var(ddof=1) / 4, rel=0.08)


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_the_images_part_is_that_of_the_module_s_head_with_images_drawn_one_by_one(seeds):
    rows = np.random.default_rng(8).exponential(size=(seeds, 5)) + np.array([0, 0, 0, 4, 9])
    found = infer([sample(row) for row in rows], generator=np.random.default_rng(0))
    of_resamples = int(np.random.default_rng(0).integers(2**32))
    drawn = np.random.default_rng(of_resamples).integers(5, size=(2000, 5))
    means = np.array([[row[images].mean() for images in drawn] for row in rows])
    together = means.mean(axis=0).var(ddof=1) * 5 / 4
    alone = np.mean([one.var(ddof=1) for one in means]) * 5 / 4
    assert alone > 0 and (seeds == 1 or alone != pytest.approx(together, rel=0.001))
    expected = together if seeds == 1 else together - (alone - together) / (seeds - 1)
    assert found.images == pytest.approx(expected, rel=1e-9)
    assert found.skewness == pytest.approx(stats.skew(means.mean(axis=0)), rel=1e-9)


def test_the_generator_draws_the_resamples():
    row = [0.0, 1.0, 3.0, 8.0]
    first, again, other = (infer([sample(row)], generator=np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first == again
    assert first.images != other.images


def test_seeds_that_are_the_same_leave_the_variance_of_the_images():
    generator = np.random.default_rng(1)
    row = generator.normal(size=200)
    found = infer([sample(row)] * 3, generator=generator)
    assert found.seeds == 0
    assert found.images == pytest.approx(row.var() / 200, rel=0.1)


def test_images_that_say_nothing_of_their_own_leave_the_variance_of_the_seeds():
    generator = np.random.default_rng(2)
    parts = [infer(study(generator, seeds=3, images=100), generator=generator) for _ in range(200)]
    # var(e) / (S N), and var(b) / N = 0 but for what is cut at 0
    assert np.mean([part.seeds for part in parts]) == pytest.approx(1 / 300, rel=0.2)
    assert np.mean([part.images for part in parts]) < 0.2 / 300


def test_the_p_value_of_a_threshold_at_the_interval_s_end_is_that_of_the_interval():
    found = Inference((1.0, 1.2, 1.5), seeds=0.02, images=0.03, freedom=49)
    assert found.p_above(found.interval.low) == pytest.approx(0.025)
    assert found.p_below(found.interval.high) == pytest.approx(0.025)
    assert found.p_above(found.value) == pytest.approx(0.5)
    assert found.p_above(-1e9) < 1e-12


@pytest.mark.parametrize("skewness", [0.0, 0.4, -0.4])
def test_p_values_are_those_of_the_sum_of_two_t(skewness):
    # 10^6 draws of what the head of the module says; 3 seeds
    generator, count = np.random.default_rng(3), 10**6
    found = Inference((0.0, 0.0, 0.0), seeds=0.04, images=0.09, freedom=49, skewness=skewness)
    x = np.linspace(-60, 60, 20001)
    transformed = x + skewness * x**2 / 3 + 2 * skewness**2 * x**3 / 27 + skewness / 6
    of_images = 0.3 * np.interp(generator.standard_t(49, count), transformed, x)
    with_2, with_4 = (
        of_images + 0.2 * of_seeds
        for of_seeds in (generator.standard_t(2, count), np.sqrt(0.5) * generator.standard_t(4, count))
    )
    for distance in (-1.0, -0.4, 0.0, 0.4, 1.0, 2.0):
        upper = (with_2 > distance).mean() < 0.5
        p, q = ((drawn > distance if upper else drawn <= distance).mean() for drawn in (with_2, with_4))
        expected = p - 0.09 / 0.13 * (p - q) * (p + q) / (2 * p)
        found_p = found.p_above(-distance) if upper else found.p_below(-distance)
        assert found_p == pytest.approx(expected, abs=4 * np.sqrt(expected / count))


@pytest.mark.parametrize("skewness", [0.0, 0.4, -0.4])
@pytest.mark.parametrize(("seeds", "images"), [(0.04, 0.09), (0.09, 0.04), (0.0625, 0.0625)])
def test_p_values_are_those_of_the_integral_over_both_parts(seeds, images, skewness):
    """Whichever part is the wider, and where they are alike."""

    def exceeds(distance, k, scale):
        """The probability that scale * t of the seeds and the images' part exceed the distance."""
        points = np.linspace(-14, 14, 20001)
        of_seeds = np.sinh(points)  # tails of two degrees of freedom reach far
        u = (distance - scale * of_seeds) / np.sqrt(images)
        transformed = u + skewness * u**2 / 3 + 2 * skewness**2 * u**3 / 27 + skewness / 6
        density = stats.t.pdf(of_seeds, k) * np.cosh(points)
        return integrate.trapezoid(density * stats.t.sf(transformed, 49), points)

    found = Inference((0.0, 0.0, 0.0), seeds=seeds, images=images, freedom=49, skewness=skewness)
    for distance in (-1.2, -0.4, 0.3, 1.0):
        p, q = exceeds(distance, 2, np.sqrt(seeds)), exceeds(distance, 4, np.sqrt(seeds / 2))
        if p > 0.5:
            p, q = 1 - p, 1 - q
        expected = p - images / (seeds + images) * (p - q) * (p + q) / (2 * p)
        found_p = min(found.p_above(-distance), found.p_below(-distance))
        assert found_p == pytest.approx(expected, rel=1e-5)


def test_p_values_fall_with_the_distance_in_the_middle_too():
    found = Inference((0.0, 0.0, 0.0), seeds=0.04, images=0.09, freedom=49, skewness=0.4)
    p_values = np.array([found.p_above(-distance) for distance in np.linspace(-0.1, 0.1, 2001)])
    assert p_values[0] > 0.5 > p_values[-1]
    # no step worth the name where one of the two t is beyond its median and the other is not
    steps = np.diff(p_values)
    assert (steps < 0).all() and steps.min() > 2 * steps.mean()


def test_p_values_fall_with_the_distance():
    found = Inference((0.0, 0.0, 0.0), seeds=0.04, images=0.09, freedom=49, skewness=0.4)
    p_values = [found.p_above(-distance) for distance in np.linspace(-6, 6, 400)]
    assert (np.diff(p_values) < 0).all()
    assert p_values[0] > 0.999 and p_values[-1] < 0.001


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.95])
def test_intervals_of_three_normal_seeds_keep_their_promise_at_any_share_of_the_variance(share):
    # the images' variance, 1, is known; the seeds' is `variance` times a chi^2 of two degrees, at its quantiles
    variance, count = share / (1 - share), 200
    estimates = -variance * np.log1p(-(np.arange(count) + 0.5) / count)
    ends = [Inference((0.0, 0.0, 0.0), seeds=one, images=1.0, freedom=1e6).interval.high for one in estimates]
    outside = 2 * stats.norm.sf(np.array(ends) / np.sqrt(variance + 1)).mean()
    assert 0.037 < outside < 0.056


@pytest.mark.parametrize(("seeds", "images", "df"), [(0.3, 0.0, 2), (0.0, 0.3, 49), (0.3, 1e-12, 2), (1e-12, 0.3, 49)])
def test_where_one_part_is_all_p_values_are_those_of_student(seeds, images, df):
    found = Inference((1.0, 1.0, 1.0), seeds=seeds, images=images, freedom=49)
    for distance in (0.1, 1.0, 3.0):
        expected = stats.t.sf(distance / np.sqrt(0.3), df)
        assert found.p_above(1 - distance) == pytest.approx(expected, rel=1e-3)


def test_without_any_variance_the_threshold_alone_decides():
    found = Inference((1.0, 1.0, 1.0), seeds=0.0, images=0.0, freedom=49)
    assert found.interval == (1.0, 1.0, 1.0)
    assert (found.p_above(0.5), found.p_above(1.0), found.p_above(1.5)) == (0.0, 0.5, 1.0)


@pytest.mark.parametrize("constant", [1.0, 8 / 255])
def test_images_that_are_all_the_same_leave_the_seeds(constant):
    samples = [sample(np.full(300, constant * factor)) for factor in (1, 2, 4)]
    found = infer(samples, generator=np.random.default_rng(0))
    ends = stats.ttest_1samp(constant * np.array([1, 2, 4]), 0).confidence_interval(0.95)
    assert found.interval[1:] == pytest.approx((ends.low, ends.high))


def test_seeds_needed_are_as_many_as_part_the_interval_from_the_threshold():
    found = Inference((0.5, 1.0, 1.5), seeds=0.25 / 3, images=0.0, freedom=0)
    needed = found.seeds_needed(0.2)
    reaches = {count: stats.t.isf(0.025, count - 1) * np.sqrt(0.25 / count) for count in (needed - 1, needed)}
    assert reaches[needed - 1] >= 0.8 > reaches[needed]
    assert Inference((0.5, 1.0, 1.5), seeds=0.1, images=1.0, freedom=49).seeds_needed(0.2) is None


@pytest.mark.parametrize("now", [2, 3])
@pytest.mark.parametrize("threshold", [0.2, 1.8])
@pytest.mark.parametrize("needed", [5, 20, 99, 100, 101])
def test_seeds_needed_are_those_of_student_s_interval_up_to_a_hundred(now, threshold, needed):
    # so wide that the 95 % interval of `needed` seeds, and of no fewer, ends before the threshold, 0.8 away
    deviation = 0.7999 * np.sqrt(needed) / stats.t.isf(0.025, needed - 1)
    found = Inference((1.0,) * now, seeds=deviation**2 / now, images=0.0, freedom=0)
    assert found.seeds_needed(threshold) == (needed if needed <= 100 else None)


def test_seeds_needed_are_at_least_those_there_are_and_none_tell_of_one_seed():
    found = Inference((1.0, 1.0, 1.0), seeds=1e-6, images=0.0, freedom=0)
    assert found.seeds_needed(0.2) == found.seeds_needed(1.8) == 3
    # a p-value that just suffices
    assert found.seeds_needed(0.999, p_value=found.p_above(0.999)) == 3
    assert Inference((1.0,), seeds=0.0, images=1e-6, freedom=49).seeds_needed(0.2) is None


def test_a_statistic_without_a_value_is_refused():
    empty = sample([np.nan] * 20)
    one_image, few = (sample([1.0] * count + [np.nan] * (20 - count)) for count in (1, 2))
    for one, message in (
        (empty, "undefined for a seed, for example because no attack succeeded"),
        (one_image, "a seed in which one image has a value: nothing is known of other images"),
        (few, "undefined in many resamples: too few images have a value"),
    ):
        with pytest.raises(ValueError) as error:
            infer([one, one], generator=np.random.default_rng(0))
        assert str(error.value) == message


@pytest.mark.parametrize("undefined", [100, 101])
def test_a_twentieth_of_the_resamples_may_be_undefined(undefined):
    def statistic(mean):
        least = np.argsort(np.argsort(mean)) < undefined if np.size(mean) == 2000 else False
        return np.where(least, np.nan, mean)

    one = sample(np.arange(300), statistic=statistic)
    if undefined == 100:
        assert infer([one], generator=np.random.default_rng(0)).value == 149.5
    else:
        with pytest.raises(ValueError, match="undefined in many resamples"):
            infer([one], generator=np.random.default_rng(0))


def untrained(generator, seeds, *, least=2):
    """Networks with values on about a tenth of 50 images, each on others, as only images that are right have one."""
    values = 1 + 0.1 * generator.normal(size=(seeds, 1)) + 0.3 * generator.normal(size=(seeds, 50))
    for row in values:
        row[generator.permutation(50)[max(least, generator.binomial(50, 0.1)) :]] = np.nan
    return values


def test_a_further_seed_with_few_values_leaves_an_answer():
    """Of 7 seeds, two have 3 images with a value: in 10 % of the resamples one of them has none."""
    values = untrained(np.random.default_rng(0), 7, least=5)
    for row in values[5:]:
        row[np.flatnonzero(np.isfinite(row))[3:]] = np.nan
    samples = [sample(row) for row in values]
    one, five, seven = (
        infer(some, generator=np.random.default_rng(0)) for some in ([samples[5]], samples[:5], samples)
    )
    assert one.freedom == 2
    assert seven.value == pytest.approx(np.nanmean(values, axis=1).mean())
    width = np.ptp(seven.interval[1:]) / np.ptp(five.interval[1:])
    assert 0.5 < width < 1.5


@pytest.mark.parametrize("seeds", [3, 7, 17])
def test_seeds_with_few_values_keep_the_level(seeds):
    generator, answers = np.random.default_rng(1), []
    for _ in range(400):
        with contextlib.suppress(ValueError):  # undefined in many resamples
            interval = infer([sample(row) for row in untrained(generator, seeds)], generator=generator).interval
            answers.append(interval.low < 1 < interval.high)
    assert len(answers) > 200
    assert np.mean(answers) > 0.91  # binomial: 95 % +- 4 %


def test_an_image_without_a_value_does_not_count_in_a_mean():
    one = sample([1.0, 2.0, np.nan, 6.0])
    assert one.value() == 3.0
    assert one.of(np.array([[1.0, 0, 5, 1], [0, 3, 0, 1], [1, 1, 1, 1]])) == pytest.approx([3.5, 3, 3])


def test_where_no_image_has_a_value_the_statistic_is_nan_without_a_warning():
    one = sample([np.nan, 1.0], [np.nan, np.nan], statistic=lambda left, right: left / right)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(one.value())
        assert np.isnan(one.without_each()).all()


def test_seeds_with_other_numbers_of_images_are_refused():
    with pytest.raises(ValueError, match=r"one number of images.*\[2, 3\]"):
        infer([sample([1, 2]), sample([1, 2, 3])], generator=np.random.default_rng(0))


def test_the_interval_of_skewed_images_is_close_to_scipys_bca():
    values = np.random.default_rng(3).exponential(size=400)
    found = infer([sample(values)], generator=np.random.default_rng(4)).interval
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=20000, method="BCa", rng=np.random.default_rng(5)
    ).confidence_interval
    assert found.value == pytest.approx(values.mean())
    # the ends are 2.1 and 1.8 standard errors away: a symmetric interval has neither
    error = values.std(ddof=1) / 20
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.1 * error)
    assert (found.high - found.value) > 1.1 * (found.value - found.low)


def test_images_have_the_degrees_of_freedom_that_their_fourth_moment_leaves():
    def freedom(values):
        return infer([sample(values)], generator=np.random.default_rng(0)).freedom

    generator = np.random.default_rng(6)
    assert freedom(generator.normal(size=5000)) == pytest.approx(5000, rel=0.2)
    # two values: their mean says what their variance is (Pearson: kurtosis + 2 = skewness^2); n - 1 is the most
    for counts in ([30, 270], [50, 50], [1, 6], [1, 1]):
        assert freedom(np.repeat([0.0, 1.0], counts)) == sum(counts) - 1
    assert freedom(generator.normal(size=4)) <= 3
    assert freedom([*generator.normal(size=4), *[np.nan] * 2]) <= 3
    # central moments 1.1275, -3.36075 and 15.01373: what is left is 2.93
    few = np.repeat([-4.0, 0.0, 1.0], [5, 60, 35])
    left = 15.01373125 / 1.1275**2 - 3 + 2 - 3.36075**2 / 1.1275**3
    assert freedom(few) == pytest.approx(200 / left)
    # kurtosis in excess of 3: that of Laplace's distribution is 3, and its skewness 0
    quantiles = stats.laplace.ppf((np.arange(5000) + 0.5) / 5000)
    assert freedom(quantiles) == pytest.approx(2 * 5000 / (3 + 2), rel=0.05)
    assert infer([sample([3.0])], generator=generator).freedom == 0


@pytest.mark.slow
@pytest.mark.parametrize("images, valued", [(2, 2), (3, 3), (4, 4), (50, 6)])
def test_few_images_keep_the_level(images, valued):
    """Networks that differ on each image by chance alone, where the others have no value."""
    generator, false = np.random.default_rng(0), 0
    for _ in range(400):
        values = np.full((2, 3, images), np.nan)
        common, noise = generator.normal(size=(2, 1, valued)), generator.normal(size=(2, 3, valued)) / 100
        values[..., generator.permutation(images)[:valued]] = common + noise
        sides = [[sample(one) for one in side] for side in values]
        with contextlib.suppress(ValueError):  # undefined in many resamples
            interval = infer(*sides, generator=generator).interval
            false += not interval.low < 0 < interval.high
    assert false / 400 < 0.08  # binomial: 5 % +- 3 %


def test_seeds_that_agree_exactly_are_told_from_a_rate_that_they_lack():
    """0.1 in all seeds, a network at chance: rounding gives the three a variance of 3e-34."""
    chance, others = ([sample([value]) for value in values] for values in ([0.1] * 3, [0.60, 0.61, 0.62]))
    found = infer(chance, others, scale=Scale.RATE, generator=np.random.default_rng(0))
    interval = found.interval
    assert -0.55 < interval.low < found.value < interval.high < -0.45
    assert found.p_above(-0.05) > 0.999 and found.p_below(-0.05) < 0.001
    alone = infer(chance, scale=Scale.RATE, generator=np.random.default_rng(0))
    assert alone.p_above(0.39) > 0.999 and alone.p_below(0.39) < 0.001


def test_an_image_without_a_value_is_left_out_of_the_means_without_each():
    one = Sample((np.array([1.0, 2.0, np.nan, 6.0]), np.array([1.0, 1.0, 5.0, 3.0])), lambda left, right: left / right)
    assert one.without_each() == pytest.approx([4 / 3, 3.5 / 3, 3 / (5 / 3), 1.5 / (7 / 3)])


def test_arrays_of_states_are_left_out_of_row_by_row():
    rows = np.array([[1.0, 2.0, np.nan, 6.0], [0.0, 10.0, 20.0, 30.0]])
    one = Sample((rows,), lambda means: means[1] - means[0])
    assert one.value() == 15 - 3
    assert one.without_each() == pytest.approx([20 - 4, 50 / 3 - 3.5, 40 / 3 - 3, 10 - 1.5])


def test_sign_flips_of_few_values_are_all_tried():
    # all of one sign: 2 of 2^8 flips are as extreme
    assert sign_flip(np.arange(1.0, 9.0), generator=np.random.default_rng(0)) == pytest.approx(2 / 256)
    assert sign_flip(np.array([1.0, -1.0] * 4), generator=np.random.default_rng(0)) == 1


def test_of_many_sign_flips_2000_are_drawn_with_the_generator_given():
    # none of them is as extreme as the values found, which count as one
    assert sign_flip(np.arange(1.0, 41.0), generator=np.random.default_rng(0)) == pytest.approx(2 / 2001)
    values = np.random.default_rng(1).normal(size=(4, 40))
    first, again = ([sign_flip(row, generator=np.random.default_rng(0)) for row in values] for _ in range(2))
    assert first == again


def test_holm_is_that_of_a_worked_example():
    # Holm (1979): 0.01 * 4, 0.02 * 3, then no less than those before
    assert holm([0.02, 0.01, 0.04, 0.03]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
