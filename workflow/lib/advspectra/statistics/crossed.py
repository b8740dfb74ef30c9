"""What several seeds and images say of a number: its interval, tests against a threshold, the seeds that it would take.

A seed fixes every random draw of one training and its attacks: the order of the data, the initialisation, the start of
the attack. All seeds are attacked on the same test images. The number is that of the population of seeds and images:
with others it would come out differently, and the interval says by how much.

The value of seed s on image i is taken for theta + a_s + b_i + e_si, all independent, so that the mean over S seeds and
N images has the variance var(a)/S + var(e)/(S N) + var(b)/N: a design with two crossed random factors (Searle, Casella
& McCulloch, Variance Components, 1992, chapter 4). Two numbers, which any statistic of means has, give it:

    seeds     variance of the seeds' statistics / S               estimates  var(a)/S + var(e)/(S N)
    images    together - interaction                              estimates  var(b)/N
              interaction = (alone - together) / (S - 1)          estimates  var(e)/(S N)

where images are resampled (bootstrap): `together` is the variance of the mean over seeds if all have the same images,
`alone` the mean over seeds of the variance of one seed's statistic, each times N / (N - 1); they estimate
var(b)/N + var(e)/(S N) and var(b)/N + var(e)/N. A number that is not made of attacked images, such as the norm of a
predictor, or the accuracy on all test images of a data set, has `seeds` alone, and its interval says nothing of others.

Two sides are compared on the scale of their measure (advspectra.statistics.side): the number is left / right - 1 of
means of logarithms for a RATIO, otherwise left - right.

- Sides of two networks have seeds of their own (Welch 1947, Biometrika 34:28): `seeds` adds up, with the degrees of
  freedom of Welch and Satterthwaite. Two trainings from one seed share the order of the data, and their initial weights
  if they differ in alpha or activation alone. The numbers of two networks scatter about a correlation of 0: to pair
  them costs half of the degrees of freedom and every seed that one side has alone. Where they go together, the interval
  is wider than it need be. Images stay paired: `together` is that of the difference, less both interactions.
- Sides of one network, another checkpoint, attack or line, are `paired`: a seed is the same training on both, which
  makes its numbers dependent in a way that no count of seeds removes, and of either sign. The number of each seed is
  the difference, as if there were one side.

The images' part has f = 2 N / (kurtosis + 2 - skewness^2) degrees of freedom, at most n - 1, kurtosis in excess of 3,
both of the jackknife's values of the images; normal ones have about N. This is what the mean leaves of the variance's
own variance. n is the number of images that have a value, of the seed in which fewest have one; it takes the place of N
in N / (N - 1). Rates and their differences have no skewness of their own: their limits are skewed.

A p-value is the probability that the error exceeds the distance to the threshold; the 95 % interval has p-values of
0.025 at its ends. The distribution of the error: advspectra.statistics.crossed_error. Where ends are not as far as
errors are large (rates, and differences of rates or correlations), the distance is the normal score that has its end
at the threshold, times the error. The ends of a difference of two rates, or correlations, come from those of its sides:
left - right -+ sqrt(x^2 - 2 r x y + y^2), x and y being the distances to the ends and r the correlation of the two
errors (Newcombe 1998, Statistics in Medicine 17:2635; Zou 2007, Psychological Methods 12:399).
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy  # imports stats when it is first used: half a second, which the report saves

from advspectra.statistics.inference import LEVEL, SIGNIFICANCE, Inference
from advspectra.statistics.sample import Sample, resamples
from advspectra.statistics.scale import Scale
from advspectra.statistics.side import Side, on_scale, shown

__all__ = ["LEVEL", "SIGNIFICANCE", "Inference", "Sample", "holm", "infer", "sign_flip"]

RESAMPLES = 2000
MOST_UNDEFINED = 0.05  # share of the resamples of a side's seeds in which the statistic may be undefined
MOST_FREEDOM = 1e6  # degrees: as good as normal


def infer(
    samples: Sequence[Sample],
    right: Sequence[Sample] | None = None,
    *,
    scale: Scale = Scale.DIFFERENCE,
    paired: bool = False,
    generator: np.random.Generator,
) -> Inference:
    """What the samples, one for each seed, say of their statistic; with `right`, of the left side against it.

    scale : of the measure. paired : whether the n-th seed is the same training on both sides.
    ValueError for seeds with other numbers of images, where fewer than two have a value or the statistic is undefined
    for a seed or in more than a twentieth of the resamples of a side's seeds, and for a ratio of what is not above 0.
    """
    sides = [samples] if right is None else [samples, right]
    sizes = {sample.images for side in sides for sample in side}
    if len(sizes) != 1:
        raise ValueError(f"expected one number of images for all seeds, found {sorted(sizes)}")
    (size,) = sizes
    values = [np.array([sample.value() for sample in side]) for side in sides]
    scale = _defined(values, scale)
    counts = resamples(size, RESAMPLES, int(generator.integers(2**32))) if size > 1 else None
    measured = [_Measured.of(*side, counts, scale, alone=right is None) for side in zip(sides, values, strict=True)]
    if counts is not None:
        if min(one.valued for one in measured) < 2:
            raise ValueError("a seed in which one image has a value: nothing is known of other images")
        measured = [replace(one, drawn=_filled(one.drawn)) for one in measured]
    if min(len(side) for side in sides) == 1:  # nothing is known of other seeds
        measured = [one.mean() for one in measured]
    parts = [one.parts() for one in measured]
    whole = measured[0] if right is None else measured[0].minus(measured[1])
    seeds, images, interaction = whole.parts()
    if right is not None and not paired:
        seeds, _, interaction = np.sum(parts, axis=0).tolist()
        images = max(whole.mean().parts()[1] - interaction, 0.0)
    return Inference(
        values=_seed_by_seed(values, scale),
        seeds=seeds,
        images=images,
        interaction=interaction,
        **whole.shape(scale, alone=right is None),
        sides=tuple(
            Side(scale, one.value, *of_side, count=len(side), size=one.valued)
            for one, of_side, side in zip(measured, parts, sides, strict=True)
        ),
        paired=paired,
        size=size,
    )


def _defined(values: Sequence[np.ndarray], scale: Scale) -> Scale:
    """The scale on which these are defined: DIFFERENCE for a RATIO that is alone and 0 for all seeds."""
    every = np.concatenate(values)
    if not np.isfinite(every).all():
        raise ValueError("undefined for a seed, for example because no attack succeeded")
    if scale is Scale.RATIO and len(values) == 1 and not every.any():
        return Scale.DIFFERENCE
    if scale is Scale.RATIO and (every < 0 if len(values) == 1 else every <= 0).any():
        raise ValueError(f"no ratio: expected numbers above 0, found {every.min():.4g} for a seed")
    return scale


def _seed_by_seed(values: Sequence[np.ndarray], scale: Scale) -> tuple[float, ...]:
    count = min(map(len, values))
    left, *right = (of_side[:count] for of_side in values)
    if right:
        left = left / right[0] - 1 if scale is Scale.RATIO else left - right[0]
    return tuple(left.tolist())


def _filled(drawn: np.ndarray) -> np.ndarray:
    """Resamples, (S, R): one that is undefined for a seed counts for it as the mean of its others."""
    defined = np.isfinite(drawn)
    if defined.mean() < 1 - MOST_UNDEFINED or not defined.any(axis=1).all():
        raise ValueError("undefined in many resamples: too few images have a value")
    return np.where(defined, drawn, np.mean(drawn, axis=1, keepdims=True, where=defined))


def _valued(samples: Sequence[Sample]) -> int:
    """How many images of the seed with the fewest have a value."""
    return min(int((~np.isnan(array)).sum(axis=-1).min()) for sample in samples for array in sample.arrays)


@dataclass(frozen=True)
class _Measured:
    """A side on its scale: S seeds, (S,); in R resamples, (S, R); without each image, (N,), the mean over seeds.

    value : of the side. valued : the images that have a value, of the seed in which fewest have one. drawn, without :
    None for what is not made of images.
    """

    value: float
    valued: int
    seeds: np.ndarray
    drawn: np.ndarray | None
    without: np.ndarray | None

    @classmethod
    def of(
        cls, samples: Sequence[Sample], values: np.ndarray, counts: np.ndarray | None, scale: Scale, *, alone: bool
    ) -> "_Measured":
        """Measure; a RATIO that is `alone` has an arithmetic mean, errors being shares of it."""
        mean = float(values.mean())
        linear = alone and scale is Scale.RATIO
        most = min(sample.most for sample in samples)

        def scaled(numbers: np.ndarray) -> np.ndarray:
            numbers = np.clip(numbers, -most, most)
            return numbers / mean if linear else on_scale(numbers, scale)

        seeds, drawn, without = scaled(values), None, None
        if counts is not None:
            drawn = scaled(np.stack([sample.of(counts) for sample in samples]))
            without = np.mean([scaled(sample.without_each()) for sample in samples], axis=0)
        return cls(mean if linear else shown(float(seeds.mean()), scale), _valued(samples), seeds, drawn, without)

    def mean(self) -> "_Measured":
        """The mean over seeds, in place of a seed."""
        drawn = None if self.drawn is None else self.drawn.mean(axis=0, keepdims=True)
        return replace(self, seeds=self.seeds.mean(keepdims=True), drawn=drawn)

    def minus(self, other: "_Measured") -> "_Measured":
        """The difference, of each seed where there are as many; otherwise of the means over seeds."""
        left, right = (self, other) if len(self.seeds) == len(other.seeds) else (self.mean(), other.mean())
        if left.drawn is None:
            return replace(left, seeds=left.seeds - right.seeds)
        drawn, without = left.drawn - right.drawn, left.without - right.without
        valued = min(left.valued, right.valued)
        return replace(left, valued=valued, seeds=left.seeds - right.seeds, drawn=drawn, without=without)

    def parts(self) -> tuple[float, float, float]:
        """The variances of the head of this module: seeds, images and interaction."""
        count = len(self.seeds)
        # of equal numbers, which rounding would set apart, exactly 0
        seeds = float(np.var(self.seeds, ddof=1)) / count if np.ptp(self.seeds) else 0.0
        if self.drawn is None:
            return seeds, 0.0, 0.0
        grows = self.valued / (self.valued - 1)
        together = float(self.drawn.mean(axis=0).var(ddof=1)) * grows
        alone = float(self.drawn.var(axis=1, ddof=1).mean()) * grows
        interaction = (alone - together) / (count - 1) if count > 1 else 0.0
        return seeds, max(together - interaction, 0.0), interaction

    def shape(self, scale: Scale, *, alone: bool) -> dict[str, float]:
        """The degrees of freedom of the images' part, and its skewness."""
        if self.drawn is None:
            return {"freedom": 0.0}
        if scale is Scale.RATE:
            return {"freedom": MOST_FREEDOM}
        means = self.drawn.mean(axis=0)
        means = on_scale(means, scale) if alone and scale is Scale.RATIO else means
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of means that are the same but for rounding: NaN
            skewness = float(np.nan_to_num(scipy.stats.skew(means)))
            freedom = _freedom(self.without[np.isfinite(self.without)], most=self.valued - 1)
            return {"freedom": freedom, "skewness": skewness}


def _freedom(values: np.ndarray, *, most: float) -> float:
    """The degrees of freedom of the variance of a mean of these values, (n,)."""
    left = float(scipy.stats.kurtosis(values) + 2 - scipy.stats.skew(values) ** 2)  # at least 0 (Pearson)
    return min(2 * len(values) / left, most) if left > 0 else most


def sign_flip(differences: np.ndarray, *, generator: np.random.Generator) -> float:
    """The two-sided p-value of the hypothesis that differences, (n,), are as likely of either sign.

    The permutation test of their mean under all 2^n flips, or RESAMPLES random ones if these are more.
    """
    test = scipy.stats.permutation_test(
        (differences,),
        lambda sample, axis: np.mean(sample, axis=axis),
        permutation_type="samples",
        n_resamples=RESAMPLES,
        rng=generator,
    )
    return float(test.pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm 1979, Scandinavian Journal of Statistics 6:65)."""
    count, largest = len(p_values), 0.0
    corrected = [0.0] * count
    for rank, place in enumerate(np.argsort(p_values)):
        largest = max(largest, min(1.0, (count - rank) * p_values[place]))
        corrected[place] = largest
    return corrected
