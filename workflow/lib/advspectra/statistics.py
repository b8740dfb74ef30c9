"""Means and standard deviations over images and over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Spread(NamedTuple):
    """A mean and the standard deviation beside it; sd is None where it is undefined (a single value)."""

    mean: float
    sd: float | None


@dataclass(frozen=True)
class Statistics:
    """Mean and sd over all values (images, classes), and over the means of the seeds (None for a single seed)."""

    values: Spread
    seeds: Spread | None


def statistics(samples: Sequence[np.ndarray]) -> Statistics | None:
    """Return the statistics of one quantity, given an array of its values for each seed; None without any value.

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
