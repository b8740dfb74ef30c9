"""What several seeds and images say of a number: its interval, tests against a threshold, how many seeds it would take.

A seed is one training and attack with all that is drawn in them: order of the data, initialisation, start of the
attack. All seeds are attacked on the same test images. The number is that of the population of seeds and images: with
others it would come out differently, and the interval says by how much.

The value of seed s on image i is taken for theta + a_s + b_i + e_si, all independent, so that the mean over S seeds and
N images has the variance var(a)/S + var(e)/(S N) + var(b)/N: a design with two crossed random factors (Searle, Casella
& McCulloch, Variance Components, 1992, chapter 4). Two numbers, which exist for any statistic of the images, give it:

    seeds     variance of the seeds' statistics / S             estimates  var(a)/S + var(e)/(S N)
    images    together - (alone - together) / (S - 1)           estimates  var(b)/N

where images are resampled (bootstrap): `together` is the variance of the mean over seeds if all have the same images,
`alone` the mean over seeds of the variance of one seed's statistic; they estimate var(b)/N + var(e)/(S N) and
var(b)/N + var(e)/N. The interval at level 1 - p reaches as far as

    sqrt(t(S - 1)^2 seeds + t(N - 1)^2 images)

on either side, with the quantiles of Student's t at 1 - p/2 (Howe 1974, JASA 69:789): exact where one of the two is all
of the variance. p-values are those of the interval that just reaches the threshold. What is not made of images, as
the norm of a predictor, has the first of the two alone.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from advspectra.statistics import Estimate

LEVEL = 0.95
RESAMPLES = 2000
MOST_SEEDS = 100
LOWEST = -80.0  # logarithm of the smallest p-value that is told from 0
# of resamples in which a statistic may be undefined
MOST_UNDEFINED = 0.05


@dataclass(frozen=True)
class Sample:
    """One seed's values of N images: arrays (..., N), NaN where an image has no value.

    statistic : takes the arrays, reduces them along their last axis and returns an array of what is left.
    """

    arrays: tuple[np.ndarray, ...]
    statistic: Callable[..., np.ndarray]

    @property
    def images(self) -> int:
        """N; 1 for a number that is not made of images."""
        return self.arrays[0].shape[-1]

    def of(self, index: np.ndarray) -> np.ndarray:
        """Return the statistic of the images with these indices, (..., n) -> (...); NaN where it is undefined."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)  # of means over no value
            return self.statistic(*(array[..., index] for array in self.arrays))

    def value(self) -> float:
        """Return the statistic of all images."""
        return float(self.of(np.arange(self.images)))


@dataclass(frozen=True)
class Inference:
    """What is known of a number; the head of this module says how.

    values : that of each of S seeds. seeds, images : the two parts of the variance, that of seeds 0 where there is one.
    size : N, 1 for a number that is not made of images.
    With one seed the interval is over images alone and says nothing of other seeds.
    """

    values: tuple[float, ...]
    seeds: float
    images: float
    size: int

    @property
    def value(self) -> float:
        """The mean over seeds."""
        return float(np.mean(self.values))

    @property
    def interval(self) -> Estimate:
        """The value and the ends of its 95 % interval; without ends for a single number."""
        if len(self.values) == 1 and self.size == 1:
            return Estimate(self.value, None, None)
        reach = _reach((1 - LEVEL) / 2, self.seeds, len(self.values), self.images, self.size)
        return Estimate(self.value, self.value - reach, self.value + reach)

    def p_above(self, threshold: float) -> float:
        """Return the one-sided p-value of the hypothesis that it is at most `threshold`; 1 for a single number."""
        if len(self.values) == 1 and self.size == 1:
            return 1.0
        distance = self.value - threshold
        if distance <= 0:
            return 1.0 - self._tail(-distance)
        return self._tail(distance)

    def p_below(self, threshold: float) -> float:
        """Return that of the hypothesis that the number is at least `threshold`."""
        return 1.0 if len(self.values) == 1 and self.size == 1 else 1.0 - self.p_above(threshold)

    def _tail(self, distance: float) -> float:
        """Return the p of the interval, one-sided, that reaches as far as `distance` >= 0."""

        def excess(exponent: float) -> float:
            return _reach(math.exp(exponent), self.seeds, len(self.values), self.images, self.size) - distance

        if excess(LOWEST) < 0:
            return 0.0
        return math.exp(optimize.brentq(excess, LOWEST, math.log(0.5))) if distance else 0.5

    def seeds_needed(self, threshold: float) -> int | None:
        """Return how many seeds in all would part the interval from `threshold` if value and variances stay.

        None if MOST_SEEDS would not: the value is too close to it, or the images are too few.
        """
        now = len(self.values)
        for seeds in range(now + 1, MOST_SEEDS + 1) if now > 1 else ():
            reach = _reach((1 - LEVEL) / 2, self.seeds * now / seeds, seeds, self.images, self.size)
            if abs(self.value - threshold) > reach:
                return seeds
        return None


def _reach(p: float, seeds: float, count: int, images: float, size: int) -> float:
    """Return how far the interval reaches on either side, p being the probability beyond each end."""
    parts = ((seeds, count - 1), (images, size - 1))
    return math.sqrt(sum(float(stats.t.isf(p, df)) ** 2 * variance for variance, df in parts if df and variance))


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
        raise ValueError("it is undefined for a seed: no image has a value")
    count = len(values)
    seeds = float(np.var(values, ddof=1)) / count if count > 1 else 0.0
    if size == 1:
        return Inference(values, seeds, 0.0, 1)
    index = generator.integers(size, size=(RESAMPLES, size))
    drawn = np.stack([sample.of(index) for sample in samples])  # (S, RESAMPLES)
    drawn = drawn[:, np.isfinite(drawn).all(axis=0)]
    if drawn.shape[1] < (1 - MOST_UNDEFINED) * RESAMPLES:
        raise ValueError("it is undefined in many resamples: too few images have a value")
    together = float(drawn.mean(axis=0).var(ddof=1))
    alone = float(drawn.var(axis=1, ddof=1).mean())
    images = max(together - (alone - together) / (count - 1), 0.0) if count > 1 else together
    return Inference(values, seeds, images, size)


def over_images(sample: Sample, *, generator: np.random.Generator) -> Estimate:
    """Return the statistic of one seed and its 95 % interval over images: the BCa bootstrap, which needs no symmetry.

    Without ends for a number that is not made of images, and where they are undefined.
    """
    if sample.images == 1:
        return Estimate(sample.value(), None, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = stats.bootstrap(
            (np.arange(sample.images),),
            lambda index, axis: sample.of(index),
            n_resamples=RESAMPLES,
            confidence_level=LEVEL,
            method="BCa",
            rng=generator,
        )
    low, high = (None if math.isnan(end) else float(end) for end in found.confidence_interval)
    return Estimate(sample.value(), low, high)


def sign_flip(differences: np.ndarray, *, generator: np.random.Generator) -> float:
    """Return the two-sided p-value of the hypothesis that differences, (n,), are as likely of either sign.

    The permutation test of their mean under all 2^n flips, or RESAMPLES random ones if these are more.
    """
    found = stats.permutation_test(
        (differences,),
        lambda sample, axis: np.mean(sample, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        rng=generator,
    )
    return float(found.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number (Holm 1979, Scandinavian Journal of Statistics 6:65)."""
    count, largest = len(p_values), 0.0
    corrected = [0.0] * count
    for rank, place in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, (count - rank) * p_values[place]))
        corrected[place] = largest
    return corrected
