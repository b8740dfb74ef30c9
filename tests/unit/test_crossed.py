"""What seeds and images say of a number, against closed forms, scipy and simulated studies whose truth is known."""

import contextlib
import warnings

import numpy as np
import pytest
from scipy import integrate, stats

from advspectra.statistics.crossed import Inference, Sample, holm, infer, sign_flip
from advspectra.statistics.scale import Scale


def mean(of_images):
    return of_images


def sample(*arrays, statistic=mean):
    return Sample(tuple(np.asarray(array, dtype=float) for array in arrays), statistic)


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


# ---- scales


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
