"""What seeds and images say of a number, against closed forms, scipy and simulated studies whose truth is known."""

import numpy as np
import pytest
from scipy import stats

from advspectra.inference import Inference, Sample, holm, infer, sign_flip


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


def test_a_statistic_without_a_value_is_refused():
    empty = sample([np.nan] * 20)
    few = sample([1.0] + [np.nan] * 19)
    for one in (empty, few):
        with pytest.raises(ValueError, match="undefined"):
            infer([one, one], generator=np.random.default_rng(0))


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
    # two values: their mean says what their variance is (Pearson: kurtosis + 2 = skewness^2)
    assert freedom(np.repeat([0.0, 1.0], [30, 270])) > 1e5
    # kurtosis in excess of 3: that of Laplace's distribution is 3, and its skewness 0
    quantiles = stats.laplace.ppf((np.arange(5000) + 0.5) / 5000)
    assert freedom(quantiles) == pytest.approx(2 * 5000 / (3 + 2), rel=0.05)
    assert infer([sample([3.0])], generator=generator).freedom == 0


def test_an_image_without_a_value_is_left_out_of_the_means_without_each():
    one = Sample((np.array([1.0, 2.0, np.nan, 6.0]), np.array([1.0, 1.0, 5.0, 3.0])), lambda left, right: left / right)
    assert one.without_each() == pytest.approx([4 / 3, 3.5 / 3, 3 / (5 / 3), 1.5 / (7 / 3)])


def test_sign_flips_of_few_values_are_all_tried():
    # all of one sign: 2 of 2^8 flips are as extreme
    assert sign_flip(np.arange(1.0, 9.0), generator=np.random.default_rng(0)) == pytest.approx(2 / 256)
    assert sign_flip(np.array([1.0, -1.0] * 4), generator=np.random.default_rng(0)) == 1


def test_holm_is_that_of_a_worked_example():
    # Holm (1979): 0.01 * 4, 0.02 * 3, then no less than those before
    assert holm([0.02, 0.01, 0.04, 0.03]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
