"""What one seed measures on each of its images, and the draws that resample them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np


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


@lru_cache(maxsize=32)
def resamples(size: int, count: int, seed: int) -> np.ndarray:
    """How often `count` random draws have each image, (count, size): of all that ask with this seed the same."""
    drawn = np.random.default_rng(seed).integers(size, size=(count, size)) + size * np.arange(count)[:, None]
    return np.bincount(drawn.ravel(), minlength=count * size).astype(float).reshape(count, size)
