"""Spearman's rank correlation of two numbers over units, such as networks, and what it says of other units.

The unit is sampled, not what it is measured on: K units are K pairs of numbers, and their errors count in as far as
they change ranks. The correlation is scipy.stats.spearmanr: Pearson's of the ranks, equal numbers sharing their mean
rank.

Units are taken for independent draws of pairs that are jointly normal, with correlation r, after some increasing change
of each number. Ranks do not see such changes, so the distribution of the correlation depends on K and r alone. The
population's own is t = 6/pi arcsin(r/2) (Pearson 1907; Kruskal 1958, J. Am. Stat. Assoc. 53:814).

The p-value above t is the probability of the correlation found, or more, where the population's is t; below t, of as
much or less. Both count the value found, so that steps between few ranks make them larger, never smaller. At t = 0
they are those of the permutation test and suppose nothing about normality. The 95 % interval has the t whose p-values
are 0.025 or more (Clopper & Pearson's way, 1934). Probabilities come from DRAWS samples of K units, the same for all t;
their standard error at 0.025 is 0.001.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy  # imports optimize and stats when they are first used, which the report never does

from advspectra.statistics.inference import SIGNIFICANCE
from advspectra.statistics.summaries import Estimate

LEAST_UNITS = 5  # of 4 even the order that agrees best has a p-value of 1/24, more than 0.025
DRAWS = 20000
SEED = 0
ROUNDING = 1e-9


@dataclass(frozen=True)
class RankCorrelation:
    """The correlation of K pairs of numbers, and how sure it is; with what a claim asks of any number.

    one_seed : whether all numbers are of one seed. No count of seeds or images tells more than the units do, so that
    none is needed.
    """

    value: float
    units: int
    one_seed: bool = False

    @property
    def interval(self) -> Estimate:
        """The value and the ends of its 95 % interval, in [-1, 1]."""
        least = SIGNIFICANCE / 2
        low, high = (
            scipy.optimize.brentq(lambda t, p=p: p(t) - least, -1, 1, xtol=1e-6) if p(end) < least else end
            for p, end in ((self.p_above, -1.0), (self.p_below, 1.0))
        )
        return Estimate(self.value, low, high)

    def p_above(self, threshold: float) -> float:
        """One-sided p-value of the hypothesis that the population's correlation is at most `threshold`."""
        return float(np.mean(_drawn(self.units, threshold) >= self.value - ROUNDING))

    def p_below(self, threshold: float) -> float:
        """That of the hypothesis that it is at least `threshold`."""
        return float(np.mean(_drawn(self.units, threshold) <= self.value + ROUNDING))

    def seeds_needed(self, threshold: float, *, p_value: float = 0.0) -> None:
        """None: more seeds of the same units do not make more units."""

    images_needed = seeds_needed


def rank_correlation(pairs: np.ndarray, *, one_seed: bool = False) -> RankCorrelation:
    """The correlation of pairs, (K, 2).

    ValueError for fewer than LEAST_UNITS, and where all have the same number, which leaves it undefined.
    """
    if len(pairs) < LEAST_UNITS:
        raise ValueError(f"expected {LEAST_UNITS} networks or more that have both numbers, found {len(pairs)}")
    if not np.ptp(pairs, axis=0).all():
        raise ValueError("undefined: all networks have the same number")
    return RankCorrelation(float(scipy.stats.spearmanr(pairs).statistic), len(pairs), one_seed)


@lru_cache(maxsize=64)
def _drawn(units: int, population: float) -> np.ndarray:
    """Correlations of DRAWS samples of so many units from a population that has this one, (DRAWS,)."""
    first, rest = np.random.default_rng(SEED).standard_normal((2, DRAWS, units))
    normal = 2 * math.sin(math.pi * min(max(population, -1.0), 1.0) / 6)
    second = normal * first + math.sqrt(max(1 - normal**2, 0.0)) * rest
    apart = (first.argsort(axis=1).argsort(axis=1) - second.argsort(axis=1).argsort(axis=1)) ** 2
    return 1 - 6 * apart.sum(axis=1) / (units * (units**2 - 1))
