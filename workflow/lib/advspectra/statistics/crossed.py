"""What several seeds and images say of a number: its interval, tests against a threshold, the seeds that it would take.

A seed fixes every random draw of one training and its attacks: the order of the data, the initialisation, the start of
the attack. All seeds are attacked on the same test images. The number is that of the population of seeds and images:
with others it would come out differently, and the interval says by how much.

The value of seed s on image i is taken for theta + a_s + b_i + e_si, all independent, so that the mean over S seeds and
N images has the variance var(a)/S + var(e)/(S N) + var(b)/N: a design with two crossed random factors (Searle, Casella
& McCulloch, Variance Components, 1992, chapter 4). Two numbers, which any statistic of means has, give it:

    seeds     variance of the seeds' statistics / S             estimates  var(a)/S + var(e)/(S N)
    images    together - (alone - together) / (S - 1)           estimates  var(b)/N

where images are resampled (bootstrap): `together` is the variance of the mean over seeds if all have the same images,
`alone` the mean over seeds of the variance of one seed's statistic, each times N / (N - 1); they estimate
var(b)/N + var(e)/(S N) and var(b)/N + var(e)/N. A number that is not made of images, such as the norm of a predictor,
has the first of the two alone.

The images' part has f = 2 N / (kurtosis + 2 - skewness^2) degrees of freedom, kurtosis in excess of 3, both of the
jackknife's values of the images; normal ones have about N. This is what the mean leaves of the variance's own variance:
for two values nothing.

A p-value is the probability that the error of the mean exceeds the distance to the threshold; the 95 % interval has
p-values of 0.025 at its ends. The distribution of the error: advspectra.statistics.crossed_error.
"""

import math
import warnings
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import optimize, stats

from advspectra.statistics.crossed_error import exceeds
from advspectra.statistics.summaries import Estimate

SIGNIFICANCE = 0.05
LEVEL = 1 - SIGNIFICANCE
RESAMPLES = 2000
MOST_SEEDS = 100
# of resamples in which a statistic may be undefined
MOST_UNDEFINED = 0.05
WIDEST = 200.0  # standard errors from the value to the end of an interval
MOST_FREEDOM = 1e6  # degrees: as good as normal


@dataclass(frozen=True)
class Sample:
    """One seed's values of N images: arrays (..., N), NaN where an image has no value.

    statistic : takes the means over images of the arrays, (...,), further axes for resamples behind, and returns a
    number, or one for each resample.
    """

    arrays: tuple[np.ndarray, ...]
    statistic: Callable[..., np.ndarray]

    @property
    def images(self) -> int:
        """N; 1 for a number that is not made of images."""
        return self.arrays[0].shape[-1]

    def of(self, counts: np.ndarray) -> np.ndarray:
        """Return the statistic of the images, each counted so often, (..., N) -> (...); NaN where it is undefined."""
        with np.errstate(all="ignore"):  # means over no value
            return self.statistic(*(_mean(array, counts) for array in self.arrays))

    def value(self) -> float:
        """Return the statistic of all images."""
        return float(self.of(np.ones(self.images)))

    def without_each(self) -> np.ndarray:
        """Return the statistic of all images but one, (N,); NaN where it is undefined."""
        with np.errstate(all="ignore"):
            return np.asarray(self.statistic(*map(_mean_of_others, self.arrays)))


def _mean(array: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the means of what is not NaN, each value counted so often, (..., N), (R, N) -> (..., R)."""
    present = ~np.isnan(array)
    return (np.where(present, array, 0) @ counts.T) / (present.astype(float) @ counts.T)


def _mean_of_others(array: np.ndarray) -> np.ndarray:
    """Return the means of what is not NaN, without each image in turn, (..., N) -> (..., N)."""
    present = ~np.isnan(array)
    values = np.where(present, array, 0)
    return (values.sum(-1, keepdims=True) - values) / (present.sum(-1, keepdims=True) - present)


@dataclass(frozen=True)
class Inference:
    """What is known of a number; the head of this module says how.

    values : that of each of S seeds. seeds, images : the two parts of the variance, that of seeds 0 where there is one.
    freedom : degrees of freedom of the images' part; 0 for a number that is not made of images. skewness : of the
    number over resamples of the images. With one seed the interval is over images alone and says nothing of other
    seeds.
    """

    values: tuple[float, ...]
    seeds: float
    images: float
    freedom: float
    skewness: float = 0.0

    @property
    def value(self) -> float:
        """The mean over seeds."""
        return float(np.mean(self.values))

    @property
    def interval(self) -> Estimate:
        """The value and the ends of its 95 % interval; without ends for a single number."""
        if self._single:
            return Estimate(self.value, None, None)
        error = math.sqrt(self.seeds + self.images)
        low, high = (
            optimize.brentq(lambda reach, p=p: self._exceeds(reach * error) - p, -WIDEST, WIDEST) * error
            if error
            else 0.0
            for p in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
        )
        return Estimate(self.value, self.value - low, self.value - high)

    def p_above(self, threshold: float) -> float:
        """Return the one-sided p-value of the hypothesis that it is at most `threshold`; 1 for a single number."""
        return 1.0 if self._single else self._exceeds(self.value - threshold)

    def p_below(self, threshold: float) -> float:
        """Return that of the hypothesis that the number is at least `threshold`."""
        return 1.0 if self._single else 1.0 - self.p_above(threshold)

    def seeds_needed(self, threshold: float, *, p_value: float = (1 - LEVEL) / 2) -> int | None:
        """Return how many seeds in all tell the number from `threshold` if value and variances stay.

        At least those that there are. p_value : one-sided, that suffices; by default the interval then lies beyond the
        threshold. None of one seed, and if MOST_SEEDS would not do: the value is too close to it, or images too few.
        """
        now = len(self.values)
        counts = range(now, MOST_SEEDS + 1) if now > 1 else ()

        def decided(count: int) -> bool:
            p = self._exceeds(self.value - threshold, count)
            return min(p, 1 - p) <= p_value

        place = bisect_left(counts, True, key=decided)
        return counts[place] if place < len(counts) else None

    def images_needed(self, threshold: float, *, p_value: float = (1 - LEVEL) / 2) -> int | None:
        """Return how many images of each seed in all tell the number from `threshold`; None: not known yet."""
        return None

    @property
    def _single(self) -> bool:
        return len(self.values) == 1 and not self.freedom

    def _exceeds(self, distance: float, count: int | None = None) -> float:
        """Return the probability that the error exceeds `distance`; with `count` seeds, if not as many as there are."""
        now = len(self.values)
        count = count or now
        seeds = self.seeds * now / count
        return exceeds(distance, seeds, self.images, count=count, freedom=self.freedom, skewness=self.skewness)


def infer(samples: Sequence[Sample], *, generator: np.random.Generator) -> Inference:
    """Return what the samples, one for each seed, say of their statistic.

    ValueError for seeds with other numbers of images, and where the statistic is undefined for a seed or for more than
    a twentieth of the resamples.
    """
    sizes = {sample.images for sample in samples}
    if len(sizes) != 1:
        raise ValueError(f"expected one number of images for all seeds, found {sorted(sizes)}")
    (size,) = sizes
    values = tuple(sample.value() for sample in samples)
    if not np.isfinite(values).all():
        raise ValueError("undefined for a seed, for example because no attack succeeded")
    count = len(values)
    seeds = float(np.var(values, ddof=1)) / count if count > 1 else 0.0
    if size == 1:
        return Inference(values, seeds, 0.0, 0.0)
    counts = _resamples(size, RESAMPLES, int(generator.integers(2**32)))
    drawn = np.stack([sample.of(counts) for sample in samples])  # (S, RESAMPLES)
    drawn = drawn[:, np.isfinite(drawn).all(axis=0)]
    if drawn.shape[1] < (1 - MOST_UNDEFINED) * RESAMPLES:
        raise ValueError("undefined in many resamples: too few images have a value")
    means = drawn.mean(axis=0)
    together = float(means.var(ddof=1)) * size / (size - 1)
    alone = float(drawn.var(axis=1, ddof=1).mean()) * size / (size - 1)
    images = max(together - (alone - together) / (count - 1), 0.0) if count > 1 else together
    without = np.mean([sample.without_each() for sample in samples], axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of means that are the same but for rounding: NaN
        skewness = float(np.nan_to_num(stats.skew(means)))
        freedom = _freedom(without[np.isfinite(without)])
    return Inference(values, seeds, images, freedom, skewness)


def _freedom(values: np.ndarray) -> float:
    """Return the degrees of freedom of the variance of a mean of these values, (n,)."""
    left = float(stats.kurtosis(values) + 2 - stats.skew(values) ** 2)  # at least 0 (Pearson)
    return min(2 * len(values) / left, MOST_FREEDOM) if left > 0 else MOST_FREEDOM


@lru_cache(maxsize=32)
def _resamples(size: int, count: int, seed: int) -> np.ndarray:
    """Return how often `count` random draws have each image, (count, size): of all that ask with this seed the same."""
    drawn = np.random.default_rng(seed).integers(size, size=(count, size)) + size * np.arange(count)[:, None]
    return np.bincount(drawn.ravel(), minlength=count * size).astype(float).reshape(count, size)


def sign_flip(differences: np.ndarray, *, generator: np.random.Generator) -> float:
    """Return the two-sided p-value of the hypothesis that differences, (n,), are as likely of either sign.

    The permutation test of their mean under all 2^n flips, or RESAMPLES random ones if these are more.
    """
    test = stats.permutation_test(
        (differences,),
        lambda sample, axis: np.mean(sample, axis=axis),
        permutation_type="samples",
        n_resamples=RESAMPLES,
        rng=generator,
    )
    return float(test.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (Holm 1979, Scandinavian Journal of Statistics 6:65)."""
    count, largest = len(p_values), 0.0
    corrected = [0.0] * count
    for rank, place in enumerate(np.argsort(p_values)):
        largest = max(largest, min(1.0, (count - rank) * p_values[place]))
        corrected[place] = largest
    return corrected
