"""Claims answered from the results of a study: those stated in files, and the cells of the paper's tables.

A part of a claim compares one number of two networks, checkpoints or lines, on the images that all of them have.
advspectra.statistics.crossed says what all seeds and images say of the difference (or the ratio - 1), seed by seed
where both sides have a network in common; advspectra.claims.claim makes verdicts of that.
Runs of several seeds that have the same weights are copies, and count as one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from advspectra.claims.claim import Claim, Part, corrected
from advspectra.claims.comparison import without_measured
from advspectra.claims.measures import MEASURES
from advspectra.claims.over_networks import over_networks
from advspectra.claims.paper import paper_number, table_claims
from advspectra.claims.readers import MadeOf, Values
from advspectra.claims.reasons import Lack, NotThere, Reason
from advspectra.claims.sides import Conventions
from advspectra.claims.terms import Side, StatedClaim, StatedPart, network
from advspectra.claims.wording import side_label, statement
from advspectra.results.replicates import by_network
from advspectra.results.runs import Run
from advspectra.statistics.crossed import Sample, infer

SEED = 0


def evaluate(
    claims: Mapping[str, Mapping[str, Any]],
    reference: Mapping,
    runs: Sequence[Run],
    conventions: Conventions,
    *,
    not_the_papers: str = "",
) -> list[Claim]:
    """The claims, and those that the tables of `reference` (paper.yaml) make, answered from the runs.

    claims : by name, as advspectra_study.config.claims reads them. not_the_papers : why the paper's numbers say nothing
    about the study's images, of comparison.not_the_papers; the claims of its tables are not applicable then, and its
    numbers do not stand beside others.
    ValueError for a claim that has the name of a table's.
    """
    if not_the_papers:
        reference = without_measured(reference)
    cells = table_claims(reference, predictor=conventions.cells)
    if double := sorted(set(claims) & {claim.name for claim in cells}):
        raise ValueError(f"the claim {double[0]}: expected another name, found that of the paper's tables")
    stated = [*(StatedClaim.stated(name, claim) for name, claim in claims.items()), *cells]
    runs = [run for group in by_network(runs) for run in originals(group.runs)]
    return corrected([_claim(claim, runs, reference, conventions, not_the_papers) for claim in stated])


def copies(runs: Sequence[Run]) -> list[str]:
    """A sentence for each run whose weights are those of another seed."""
    sentences = []
    for group in by_network(runs):
        kept = originals(group.runs)
        sentences += [
            f"{run.label}: seed {run.seed} has the weights of another seed and does not count."
            for run in group.runs
            if run not in kept
        ]
    return sentences


def originals(runs: Sequence[Run]) -> list[Run]:
    """The runs, of one network, without those that have the weights of an earlier one."""
    first: dict[str, Run] = {}
    for run in runs:
        checkpoints = run.checkpoints()
        best = checkpoints and checkpoints.kept["best"].sha256
        first.setdefault(best or f"seed {run.seed}", run)
    return list(first.values())


def _claim(
    stated: StatedClaim, runs: Sequence[Run], reference: Mapping, conventions: Conventions, not_the_papers: str
) -> Claim:
    parts = tuple(_part(part, runs, reference, conventions) for part in stated.parts)
    return Claim(**vars(stated) | {"parts": parts}, why="" if stated.table is None else not_the_papers)


def _part(stated: StatedPart, runs: Sequence[Run], reference: Mapping, conventions: Conventions) -> Part:
    scale = MEASURES[stated.left.measure].scale
    paper = tuple(paper_number(side, reference) for side in stated.sides)
    labels = tuple(side_label(side) for side in stated.sides)
    part = Part(statement(stated), labels, stated.bounds, scale, paper=None if None in paper else paper, stated=stated)
    try:
        if MEASURES[stated.left.measure].made_of is MadeOf.NETWORKS:
            found, samples = over_networks(stated.left, runs, conventions)
            of = f"{part.statement} (of {found.units} networks)"
            return replace(part, statement=of, found=found, samples=(samples,), sides=(found.value,))
        paired = len(stated.sides) == 1 or bool(set.intersection(*map(_networks, stated.sides)))
        samples = _samples(stated.sides, runs, conventions, paired=paired)
        sides = [list(side.values()) for side in samples]
        found = infer(*sides, scale=scale, paired=paired, generator=np.random.default_rng(SEED))
    except NotThere as error:
        return replace(part, reason=error.reason)
    except ValueError as error:
        return replace(part, reason=Reason(Lack.VALUE, cause=str(error)))
    return replace(part, found=found, samples=samples, sides=tuple(side.value for side in found.sides))


def _networks(side: Side) -> set:
    """The networks of a side: its own and, if it has one, that which it is divided by."""
    return {network(named) for named in (side.network, side.over) if named is not None}


def _samples(
    sides: Sequence[Side], runs: Sequence[Run], conventions: Conventions, *, paired: bool
) -> tuple[dict[int, Sample], ...]:
    """The samples of each side by seed, of the images that all of them have; of `paired` sides the seeds of both."""
    by_seed = [_of_side(side, runs) for side in sides]
    if paired:
        shared = set.intersection(*map(set, by_seed))
        by_seed = [{seed: of[seed] for seed in of if seed in shared} for of in by_seed]
    if not all(by_seed):
        raise NotThere(Lack.SHARED_SEED)
    values = {
        (place, seed): _read(side, of_seed, conventions)
        for place, side in enumerate(sides)
        for seed, of_seed in by_seed[place].items()
    }
    common = _of_common_images(list(values.values()))
    samples = tuple({} for _ in sides)
    for (place, seed), of_seed in zip(values, common, strict=True):
        samples[place][seed] = of_seed.sample()
    return samples


def _of_side(side: Side, runs: Sequence[Run]) -> dict[int, tuple[Run, ...]]:
    """The runs of a side by their seeds: of its network and, if it has one, of that which it is divided by."""
    each = [_runs(named, runs) for named in (side.network, side.over) if named is not None]
    return {seed: tuple(of[seed] for of in each) for seed in sorted(set(each[0]).intersection(*each))}


def _read(side: Side, of: Sequence[Run], conventions: Conventions) -> Values:
    """The values of a side from its runs of one seed; of two their quotient, of the images that both have."""
    values = [MEASURES[side.measure].read(run, side, conventions) for run in of]
    if len(values) == 1:
        return values[0]
    above, below = _of_common_images(values)
    split = len(above.arrays)

    def statistic(*means: np.ndarray) -> np.ndarray:
        return above.statistic(*means[:split]) / below.statistic(*means[split:])

    return replace(above, arrays=above.arrays + below.arrays, statistic=statistic)


def _runs(named: str, runs: Sequence[Run]) -> dict[int, Run]:
    """The runs of a network, as claims name it, by their seeds."""
    found = [run for run in runs if network(named).includes(run)]
    if not found:
        raise NotThere(Lack.NETWORK, network=named)
    if len({run.identity for run in found}) > 1:
        raise NotThere(Lack.DEPTH, network=named)
    return {run.seed: run for run in found}


def _of_common_images(sides: Sequence[Values]) -> list[Values]:
    """The values of the images that all have, in one order."""
    if any(values.image is None for values in sides):
        if not all(values.image is None for values in sides):
            raise ValueError("one side is made of images and the other is not")
        return list(sides)
    if len({values.images_of for values in sides}) > 1:
        raise NotThere(Lack.SHARED_IMAGE)
    common = sides[0].image
    for values in sides[1:]:
        common = np.intersect1d(common, values.image)
    if not len(common):
        raise NotThere(Lack.SHARED_IMAGE)
    places = [np.argsort(values.image)[np.searchsorted(np.sort(values.image), common)] for values in sides]
    return [
        replace(values, arrays=tuple(array[..., place] for array in values.arrays), image=common)
        for values, place in zip(sides, places, strict=True)
    ]
