"""What is known of a number: its interval, its p-values, and how many seeds or images would tell more.

advspectra.statistics.crossed says where it comes from and how.
"""

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import scipy  # imports optimize when it is first used, which the report never does

from advspectra.statistics.crossed_error import exceeds
from advspectra.statistics.scale import Scale
from advspectra.statistics.side import MOST_SCORE, Side, on_scale, shown
from advspectra.statistics.summaries import Estimate

SIGNIFICANCE = 0.05
LEVEL = 1 - SIGNIFICANCE
MOST_SEEDS = 100
MOST_IMAGES = 10**6
WIDEST = 200.0  # standard errors from the value to the end of an interval


@dataclass(frozen=True)
class Inference:
    """What is known of a number; the head of advspectra.statistics.crossed says how.

    values : that of each of S seeds; of two sides the n-th of one against the n-th of the other. seeds, images : the
    two parts of the variance of the number's error, on its scale; that of seeds is 0 if a side has one seed. freedom :
    degrees of freedom of the images' part; 0 for a number that is not made of images. skewness : of the number over
    resamples of the images. sides : one or two; without any, `values` are those of a DIFFERENCE. paired : whether a
    seed is the same training on both sides. interaction : what of `seeds` is due to single images. size : images of
    each seed.

    If a side has one seed, the interval is over images alone and says nothing of other seeds.
    """

    values: tuple[float, ...]
    seeds: float
    images: float
    freedom: float
    skewness: float = 0.0
    sides: tuple[Side, ...] = ()
    paired: bool = False
    interaction: float = 0.0
    size: int = 1

    def __post_init__(self):
        if not self.sides:
            mean = float(np.mean(self.values))
            side = Side(Scale.DIFFERENCE, mean, self.seeds, self.images, count=len(self.values))
            object.__setattr__(self, "sides", (side,))

    @property
    def value(self) -> float:
        """The mean over seeds; of two sides left / right - 1, or left - right."""
        if len(self.sides) == 1:
            return self.sides[0].value
        left, right = (side.value for side in self.sides)
        return left / right - 1 if self.scale is Scale.RATIO else left - right

    @property
    def scale(self) -> Scale:
        """That of its sides."""
        return self.sides[0].scale

    @property
    def one_seed(self) -> bool:
        """Whether a side has one seed."""
        return any(side.count == 1 for side in self.sides)

    @property
    def interval(self) -> Estimate:
        """The value and the ends of its 95 % interval; without ends for a single number."""
        if self._single:
            return Estimate(self.value, None, None)
        error = self._error
        low, high = (
            scipy.optimize.brentq(lambda score, p=p: self._exceeds(score * error) - p, -WIDEST, WIDEST)
            if error
            else 0.0
            for p in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
        )
        return Estimate(self.value, self._lower(low), self._upper(-high))

    def p_above(self, threshold: float) -> float:
        """The one-sided p-value of the hypothesis that it is at most `threshold`; 1 for a single number."""
        return 1.0 if self._single else self._exceeds(self._distance(threshold))

    def p_below(self, threshold: float) -> float:
        """That of the hypothesis that the number is at least `threshold`."""
        return 1.0 if self._single else 1.0 - self.p_above(threshold)

    def seeds_needed(self, threshold: float, *, p_value: float = (1 - LEVEL) / 2) -> int | None:
        """How many seeds in all, on each side, tell the number from `threshold` if value and variances stay.

        At least those that there are. p_value : one-sided, that suffices; by default the interval then lies beyond the
        threshold. None of one seed, and if MOST_SEEDS would not do: the value is too close to it, or images too few.
        """
        now = max(side.count for side in self.sides)
        return self._least(range(now, MOST_SEEDS + 1), lambda count: self._with(seeds=count), threshold, p_value)

    def images_needed(self, threshold: float, *, p_value: float = (1 - LEVEL) / 2) -> int | None:
        """How many images in all tell the number from `threshold` at the seeds there are, as `seeds_needed`.

        None if MOST_IMAGES would not do, and for a number that is not made of images.
        """
        counts = range(self.size, MOST_IMAGES + 1) if self.freedom else ()
        return self._least(counts, lambda count: self._with(images=count), threshold, p_value)

    def _least(self, counts: range, more: Callable, threshold: float, p_value: float) -> int | None:
        def decided(count: int) -> bool:
            p = more(count).p_above(threshold)
            return min(p, 1 - p) <= p_value

        if self.one_seed:
            return None
        place = bisect_left(counts, True, key=decided)
        return counts[place] if place < len(counts) else None

    def _with(self, *, seeds: int = 0, images: int = 0) -> "Inference":
        """What so many seeds on each side, or images, would say if value and variances stay."""
        times = [max(seeds / side.count, 1.0) for side in self.sides]
        more = images / self.size if images else 1.0
        sides = tuple(side.grown(seeds=by, images=more) for side, by in zip(self.sides, times, strict=True))
        rest = max(self.seeds - self.interaction, 0.0) + self.interaction / more
        return replace(
            self,
            seeds=sum(side.seeds for side in sides) if self._welch else rest / times[0],
            images=self.images / more,
            freedom=self.freedom * more,
            interaction=self.interaction / more,
            skewness=self.skewness / math.sqrt(more),
            sides=sides,
        )

    @property
    def _single(self) -> bool:
        return self.one_seed and not self.freedom

    @property
    def _welch(self) -> bool:
        return len(self.sides) == 2 and not self.paired

    @property
    def _degrees(self) -> float:
        """Degrees of freedom of the seeds' part."""
        counts = [side.count - 1 for side in self.sides]
        if not self._welch or not self.seeds:
            return min(counts)
        shares = [side.seeds / self.seeds for side in self.sides]
        welch = 1 / sum(share**2 / count for share, count in zip(shares, counts, strict=True))
        mean = 1 / sum(share / count for share, count in zip(shares, counts, strict=True))
        alike = min(counts) / max(counts)
        return welch**alike * mean ** (1 - alike)

    @property
    def _parts(self) -> tuple[float, float]:
        """The two parts; of exact rates any will do, since the ends of their sides know how far they reach."""
        exact = self.scale is Scale.RATE and self.freedom and not self.seeds + self.images
        return self.seeds, 1.0 if exact else self.images

    @property
    def _error(self) -> float:
        return math.sqrt(sum(self._parts))

    def _exceeds(self, distance: float) -> float:
        """The probability that the error exceeds `distance`."""
        if math.isinf(distance):
            return float(distance < 0)
        seeds, images = self._parts
        return exceeds(distance, seeds, images, degrees=self._degrees, freedom=self.freedom, skewness=self.skewness)

    @property
    def _additive(self) -> bool:
        """Whether the number is a sum on its scale."""
        return self.scale in (Scale.RATIO, Scale.DIFFERENCE) or (
            self.scale is Scale.CORRELATION and len(self.sides) == 1
        )

    @property
    def _centre(self) -> float:
        first, *second = (on_scale(side.value, self.scale) for side in self.sides)
        return float(first - sum(second))

    @property
    def _origin(self) -> float:
        """What is taken off a ratio."""
        return 1.0 if self.scale is Scale.RATIO and len(self.sides) == 2 else 0.0

    def _distance(self, threshold: float) -> float:
        """How far the threshold lies below the value, in the unit of the error."""
        if self._additive:
            threshold += self._origin
            if self.scale is Scale.CORRELATION:
                return (
                    self._centre - float(np.arctanh(threshold))
                    if abs(threshold) < 1
                    else -math.copysign(math.inf, threshold)
                )
            threshold = max(threshold, 0.0) if self.scale is Scale.RATIO else threshold
            return self._centre - float(on_scale(threshold, self.scale))
        if not self._error and self.value != threshold:  # seeds that agree exactly, of what is not made of images
            return math.copysign(math.inf, self.value - threshold)
        for sign, end in ((1, self._lower), (-1, self._upper)):

            def short(score: float, sign=sign, end=end) -> float:
                return sign * (end(score) - threshold)

            if short(0.0) > 0:
                if short(MOST_SCORE) <= 0:
                    return sign * scipy.optimize.brentq(short, 0.0, MOST_SCORE) * self._error
                reach = abs(self.value - end(MOST_SCORE))
                if not reach:
                    return sign * math.inf
                return MOST_SCORE * (self.value - threshold) / reach * self._error  # beyond: in proportion
        return 0.0

    def _lower(self, score: float) -> float:
        """The lower end of the interval that reaches so many standard errors of a normal number."""
        if self._additive:
            return shown(self._centre - score * self._error, self.scale) - self._origin
        left, *right = self.sides
        if not right:
            return left.lower(score)
        score *= self._dependence
        return self.value - math.hypot(left.value - left.lower(score), right[0].upper(score) - right[0].value)

    def _upper(self, score: float) -> float:
        """The upper end."""
        if self._additive:
            return self._lower(-score)
        left, *right = self.sides
        if not right:
            return left.upper(score)
        score *= self._dependence
        return self.value + math.hypot(left.upper(score) - left.value, right[0].value - right[0].lower(score))

    @property
    def _dependence(self) -> float:
        """The error of the difference as a share of what it would be for independent sides."""
        independent = sum(side.error**2 for side in self.sides)
        size = self.sides[0].size
        # two images at least that tell the sides apart: without any they could still be told apart by others. But no
        # more than for independent sides, whose own ends know how far so few images reach
        least = min(4 / size**2, independent) if self.scale is Scale.RATE and size > 1 else 0.0
        return math.sqrt(max(self.seeds + self.images, least) / independent) if independent else 1.0
