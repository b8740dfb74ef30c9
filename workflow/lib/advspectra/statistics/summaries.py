"""Means and standard deviations over images and over seeds; distances between two distributions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Spread(NamedTuple):
    """A mean and the standard deviation beside it; sd is None where it is undefined (a single value)."""

    mean: float
    sd: float | None


class Estimate(NamedTuple):
    """A value and the ends of its interval, None where there is no interval."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Statistics:
    """Mean and sd over all values (images, classes), and over the means of the seeds (None for a single seed)."""

    values: Spread
    seeds: Spread | None


def statistics(samples: Sequence[np.ndarray]) -> Statistics | None:
    """The statistics of one quantity, given an array of its values for each seed; None without any value.

    The mean is that of all values. The sd over values is pooled within seeds, sqrt(sum (n_i - 1) s_i^2 / sum (n_i -
    1)) with s_i^2 the unbiased variance of seed i, so that differences between seeds are not in it; they are in the
    second Spread, mean and sd (ddof 1) of the seeds' means.
    """
    samples = [np.asarray(sample, dtype=np.float64) for sample in samples if len(sample)]
    if not samples:
        return None
    freedom = sum(len(sample) - 1 for sample in samples)
    squares = sum(((sample - sample.mean()) ** 2).sum() for sample in samples)
    sd = float(np.sqrt(squares / freedom)) if freedom else None
    means = np.array([sample.mean() for sample in samples])
    seeds = Spread(float(means.mean()), float(means.std(ddof=1))) if len(means) > 1 else None
    return Statistics(Spread(float(np.concatenate(samples).mean()), sd), seeds)


def finite_mean(values: np.ndarray) -> float:
    """The mean of the values that are finite, (n,); NaN if none is."""
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else float("nan")


def kolmogorov_smirnov(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The largest distance between the distribution functions of two samples, (..., N), (..., N) -> (...).

    In [0, 1], exactly a multiple of 1/N; equal values (ties) count as one step of each function.
    ValueError unless both are of one shape.
    """
    size = _require_pairs(first, second)
    pooled = np.concatenate([first, second], axis=-1)
    order = np.argsort(pooled, axis=-1)
    # counts of the two samples up to each value, as whole numbers: distances that are equal compare as equal
    difference = np.cumsum(np.where(order < size, 1, -1), axis=-1)
    values = np.take_along_axis(pooled, order, axis=-1)
    last = np.ones(values.shape, dtype=bool)
    last[..., :-1] = values[..., 1:] != values[..., :-1]
    return np.where(last, np.abs(difference), 0).max(axis=-1) / size


def wasserstein(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The 1-Wasserstein distance between two samples, (..., N), (..., N) -> (...), in their unit.

    With as many values on both sides it is the mean distance between the values of equal rank.
    ValueError unless both are of one shape.
    """
    _require_pairs(first, second)
    return np.abs(np.sort(first, axis=-1) - np.sort(second, axis=-1)).mean(axis=-1)


def _require_pairs(first: np.ndarray, second: np.ndarray) -> int:
    if first.shape != second.shape or not first.shape[-1:] or not first.shape[-1]:
        raise ValueError(f"expected two samples of one length, 1 or more, got the shapes {first.shape}, {second.shape}")
    return first.shape[-1]
