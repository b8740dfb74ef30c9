"""One side of a comparison: the errors of its number, and where its interval ends, on the scale of its measure.

An end is asked for by a normal score: how many standard errors a normal number would lie below (`lower`) or above
(`upper`) the value. advspectra.statistics.crossed turns scores into probabilities, which few seeds make larger than
normal ones.

    RATIO        value * exp(-score * error)              error: of the number, as a share of it
    DIFFERENCE   value - score * error
    CORRELATION  tanh(atanh(value) - score * error)       error: of atanh, the mean over seeds (Fisher's z)
    RATE         the limit of Clopper & Pearson (1934) for value * n successes among n, n = value (1 - value) / error^2

n is the number of independent images that would leave such an error: the effective sample size of surveys, where Korn &
Graubard (1998, Survey Methodology 24:193) put it into the same limits. Where seeds do not differ at all it is at most
N, the images of one seed: all seeds share their images, so that seeds that agree exactly are no more than one. A rate
of 1 in all seeds then has the interval [0.025^(1/N), 1]. What is not made of images, N = 1, has no such bound.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from advspectra.statistics.scale import Scale

MOST_CORRELATION = 0.9999  # 1, which has no atanh, counts as this; a rank correlation of 1 as Sample.most

MOST_SCORE = 20.0  # up to which the ends of rates are computed: normal probabilities of 1e-89


@dataclass(frozen=True)
class Side:
    """The number of a side, its mean over seeds, and the variances of its error on the scale.

    value : of a CORRELATION the mean of atanh, turned back. seeds, images : the two parts of the variance.
    interaction : what of `seeds` is due to single images, var(e) / (S N). count, size : S seeds, N images of each.
    """

    scale: Scale
    value: float
    seeds: float = 0.0
    images: float = 0.0
    interaction: float = 0.0
    count: int = 1
    size: int = 1

    @property
    def error(self) -> float:
        """The standard error on the scale."""
        return math.sqrt(self.seeds + self.images)

    def lower(self, score: float) -> float:
        """The lower end of the interval."""
        if self.scale is Scale.RATE:
            return self._limit(self.value, score)
        return float(shown(on_scale(self.value, self.scale) - score * self.error, self.scale))

    def upper(self, score: float) -> float:
        """The upper end."""
        return 1 - self._limit(1 - self.value, score) if self.scale is Scale.RATE else self.lower(-score)

    def grown(self, *, seeds: float, images: float) -> "Side":
        """The side with so many times as many seeds, and images."""
        fewer = (self.seeds - self.interaction + self.interaction / images) / seeds
        more = {"interaction": self.interaction / seeds / images, "images": self.images / images}
        counts = {"count": round(self.count * seeds), "size": round(self.size * images)}
        return replace(self, seeds=max(fewer, 0.0), **more, **counts)

    def _limit(self, rate: float, score: float) -> float:
        """The lower limit of Clopper and Pearson."""
        variance = self.error**2
        alike = self.size if self.size > 1 and not self.seeds else math.inf
        number = min(rate * (1 - rate) / variance if variance else math.inf, alike)
        if rate == 0.0 or math.isinf(number):
            return rate
        limit = special.betaincinv(number * rate, number * (1 - rate) + 1, special.ndtr(-min(score, MOST_SCORE)))
        return float(np.nan_to_num(limit))  # NaN: nearer to 0 than SciPy can say


def on_scale(value: np.ndarray | float, scale: Scale) -> np.ndarray | float:
    """Values where their errors add: logarithms of a RATIO, -inf of 0 and NaN below; atanh of a CORRELATION."""
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale is Scale.RATIO:
            return np.log(value)
        if scale is Scale.CORRELATION:
            return np.arctanh(np.clip(value, -MOST_CORRELATION, MOST_CORRELATION))
    return value


def shown(value: float, scale: Scale) -> float:
    """The inverse of on_scale."""
    if scale is Scale.RATIO:
        return float(np.exp(value))
    return math.tanh(value) if scale is Scale.CORRELATION else value
