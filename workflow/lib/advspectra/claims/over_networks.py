"""Measures of all networks of a study together: Spearman's correlation over networks of two measures of each.

A network's two numbers are means over those of its seeds that have both, and its place among the networks is what
counts. A network is left out if no seed of it has both: one without a predictor, for example, or without the attack.
Where fewer than two seeds have networks enough, the correlation is a direction only, as elsewhere with one seed.
advspectra.statistics.ranks says what the networks there are say of others. They are no random draw, and networks that
differ in depth or initial scale alone may be alike, which the interval does not know.
"""

from collections.abc import Sequence

import numpy as np

from advspectra.claims.measures import MEASURES
from advspectra.claims.reasons import NotThere
from advspectra.claims.sides import Conventions
from advspectra.claims.terms import Side
from advspectra.networks.identity import NetworkIdentity
from advspectra.results.runs import Run
from advspectra.statistics.ranks import RankCorrelation, rank_correlation
from advspectra.statistics.sample import Sample


def over_networks(
    side: Side, runs: Sequence[Run], conventions: Conventions
) -> tuple[RankCorrelation, dict[int, Sample]]:
    """The correlation, and that of each seed alone, where it is defined.

    ValueError for fewer networks than rank_correlation takes.
    """
    pairs: dict[NetworkIdentity, dict[int, np.ndarray]] = {}
    for run in runs:
        try:
            (pair,) = MEASURES[side.measure].read(run, side, conventions).arrays
        except NotThere:
            continue
        if np.isfinite(pair).all():
            pairs.setdefault(run.identity, {})[run.seed] = pair[:, 0]
    of_seeds = {}
    for seed in sorted(set().union(*pairs.values())):
        try:
            alone = rank_correlation(np.array([of[seed] for of in pairs.values() if seed in of]))
        except ValueError:
            continue
        of_seeds[seed] = Sample((np.array([alone.value]),), lambda mean: mean)
    means = np.array([np.mean(list(of.values()), axis=0) for of in pairs.values()])
    return rank_correlation(means, one_seed=len(of_seeds) < 2), of_seeds
