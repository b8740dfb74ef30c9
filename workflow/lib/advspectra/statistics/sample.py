"""What one seed measures on each of its images, and the draws that resample them."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

AT_ONCE = 2**20  # random numbers drawn at once


@dataclass(frozen=True)
class Sample:
    """One seed's values of N images: arrays (..., N), NaN where an image has no value.

    statistic : takes the means over images of the arrays, (...,), further axes for resamples behind, and returns a
    number, or one for each resample. units : of a rank correlation the number of pairs that have ranks.
    """

    arrays: tuple[np.ndarray, ...]
    statistic: Callable[..., np.ndarray]
    units: int | None = None

    @property
    def most(self) -> float:
        """What a rank correlation of 1 counts as: the middle between 1 and the next number that it can be, where two
        neighbours change places, since larger ones cannot be told from 1. inf of what is no rank correlation.
        """
        return 1 - 6 / (self.units**3 - self.units) if self.units else math.inf

    @property
    def images(self) -> int:
        """N; 1 for a number that is not made of images."""
        return self.arrays[0].shape[-1]

    def of(self, counts: np.ndarray) -> np.ndarray:
        """The statistic of the images, each counted so often, (..., N) -> (...); NaN where it is undefined."""
        with np.errstate(all="ignore"):  # means over no value
            return self.statistic(*(_mean(array, counts) for array in self.arrays))

    def value(self) -> float:
        """The statistic of all images."""
        return float(self.of(np.ones(self.images)))

    def without_each(self) -> np.ndarray:
        """The statistic of all images but one, (N,); NaN where it is undefined."""
        with np.errstate(all="ignore"):
            return np.asarray(self.statistic(*map(_mean_of_others, self.arrays)))


def _mean(array: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The means of what is not NaN, each value counted so often, (..., N), (R, N) -> (..., R)."""
    present = ~np.isnan(array)
    return (np.where(present, array, 0) @ counts.T) / (present.astype(float) @ counts.T)


def _mean_of_others(array: np.ndarray) -> np.ndarray:
    """The means of what is not NaN, without each image in turn, (..., N) -> (..., N)."""
    present = ~np.isnan(array)
    values = np.where(present, array, 0)
    return (values.sum(-1, keepdims=True) - values) / (present.sum(-1, keepdims=True) - present)


def resamples(size: int, count: int, seed: int) -> np.ndarray:
    """How often `count` random draws have each image, (count, size): of all that ask with this seed the same."""
    return _counts(size, count, seed).astype(float)


@lru_cache(maxsize=32)
def _counts(size: int, count: int, seed: int) -> np.ndarray:
    """The same as whole numbers of the fewest bytes that hold them: of 10,000 images 20 MB, and not 160."""
    generator, rows = np.random.default_rng(seed), max(1, AT_ONCE // size)
    parts = []
    for start in range(0, count, rows):
        lines = min(rows, count - start)
        drawn = generator.integers(size, size=(lines, size)) + size * np.arange(lines)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=lines * size).reshape(lines, size)
        parts.append(counts.astype(np.min_scalar_type(counts.max())))
    return np.concatenate(parts)
