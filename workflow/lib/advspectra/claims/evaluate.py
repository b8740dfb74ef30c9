"""The paper's claims, answered from the results of a study: claims as advspectra_study.config.claims reads them, and
the cells of the paper's tables.

A part of a claim compares one number of two networks, states or lines, seed by seed; inference
says what all seeds and images say of the difference (or the ratio - 1). From its two one-sided p-values, that the part
is true and that its contrary is,

- a part holds, or fails, if the p-value of the contrary, or its own, is at most 0.025: its 95 % interval is decisive;
  it is open else;
- a claim is `supported` if all of its parts are true at once: its p-value is the largest of theirs (intersection-union
  test); it is `contradicted` if at least one fails: the smallest p-value times their number. The smaller of the two,
  doubled and corrected for the number of claims that were tested (Holm), must be at most 0.05;
- it is `partly` supported if some of its parts hold and others fail or could not be tested, also where it would be
  contradicted;
- else it is `undecided`; `not applicable` if it is about numbers that the paper measured on images which are not the
  study's; `not tested` without data for any of its parts, and `one seed: direction only` with one seed.

Runs of several seeds that have the same weights are copies, and count as one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from advspectra.claims.comparison import without_measured
from advspectra.claims.measures import MEASURES, Conventions, NotThere, Values
from advspectra.claims.paper import paper_number, table_claims
from advspectra.claims.terms import is_ratio, network, side_label, sides_of, statement
from advspectra.results.replicates import by_network
from advspectra.results.runs import Run
from advspectra.statistics.inference import Inference, Sample, holm, infer
from advspectra.statistics.summaries import Spread

LEVEL = 0.05
SEED = 0

SUPPORTED, PARTLY, CONTRADICTED = "supported", "partly", "contradicted"
UNDECIDED, NOT_TESTED, ONE_SEED = "undecided", "not tested", "one seed: direction only"
NOT_APPLICABLE = "not applicable"
HOLDS, FAILS, OPEN = "holds", "fails", "open"


@dataclass(frozen=True)
class Part:
    """What was found of a part of a claim.

    statement, labels : the part and its sides in words. bounds : low and high, between which, or beyond one of which,
    the number must lie; None for no bound. ratio : the number is left / right - 1; else left - right, or left where
    there is no right. paper : the paper's own numbers of the sides, None unless it has them all. found : None where it
    was not tested; `why` says why. samples : those that it was found from, by seed. sides : means over seeds.
    """

    statement: str
    labels: tuple[str, ...]
    bounds: tuple[float | None, float | None]
    ratio: bool
    paper: tuple[Spread, ...] | None = None
    why: str = ""
    found: Inference | None = None
    samples: Mapping[int, Sample] = field(default_factory=dict)
    sides: tuple[float, ...] = ()

    @property
    def p_true(self) -> float:
        """One-sided p-value of the hypothesis that the part is false."""
        low, high = self.bounds
        return max(
            0.0 if low is None else self.found.p_above(low),
            0.0 if high is None else self.found.p_below(high),
        )

    @property
    def p_false(self) -> float:
        """One-sided p-value of the hypothesis that the part is true."""
        low, high = self.bounds
        return min(
            1.0 if low is None else self.found.p_below(low),
            1.0 if high is None else self.found.p_above(high),
        )

    @property
    def direction(self) -> str | None:
        """`holds` or `fails` by the value alone; None if it was not tested."""
        if self.found is None:
            return None
        low, high = self.bounds
        value = self.found.value
        return HOLDS if (low is None or value > low) and (high is None or value < high) else FAILS

    @property
    def verdict(self) -> str:
        if self.found is None:
            return NOT_TESTED
        if len(self.found.values) == 1:
            return OPEN
        return HOLDS if self.p_true <= LEVEL / 2 else FAILS if self.p_false <= LEVEL / 2 else OPEN

    def seeds_needed(self, p_value: float = LEVEL / 2) -> int | None:
        """Return how many seeds in all would decide the part with that one-sided p-value if values stay as they are.

        At least those that there are; None if 100 would not, and where it was not tested by several.
        """
        if self.found is None:
            return None
        needed = [self.found.seeds_needed(bound, p_value=p_value) for bound in self.bounds if bound is not None]
        return None if None in needed else max(needed)


@dataclass(frozen=True)
class Claim:
    """A claim, what its parts say, and the verdict.

    p_value : that after correction, None if it was not tested. tests : how many claims the correction is for. why : why
    the claim does not apply to the study; it has no parts then.
    """

    name: str
    title: str
    section: str
    sentence: str
    figures: tuple[str, ...]
    parts: tuple[Part, ...]
    p_value: float | None = None
    tests: int = 1
    why: str = ""

    @property
    def tested(self) -> tuple[Part, ...]:
        """The parts that were."""
        return tuple(part for part in self.parts if part.found is not None)

    @property
    def p_values(self) -> tuple[float, float] | None:
        """The p-values of the hypotheses that the claim is false and that it is true; None unless seeds test it."""
        if not self.tested or any(len(part.found.values) == 1 for part in self.tested):
            return None
        true = max(part.p_true for part in self.tested) if len(self.tested) == len(self.parts) else 1.0
        return true, min(1.0, len(self.tested) * min(part.p_false for part in self.tested))

    @property
    def verdict(self) -> str:
        if not self.tested:
            return NOT_APPLICABLE if self.why else NOT_TESTED
        if self.p_values is None:
            return ONE_SEED
        true, false = self.p_values
        found = {part.verdict for part in self.parts}
        if self.p_value <= LEVEL and true <= false:
            return SUPPORTED
        if HOLDS in found and found & {FAILS, NOT_TESTED}:
            return PARTLY
        return CONTRADICTED if self.p_value <= LEVEL else UNDECIDED

    @property
    def seeds_needed(self) -> int | None:
        """Seeds in all that would decide each part of an undecided claim as surely as the correction may ask.

        If values stay as they are; None if 100 would not, or the claim is decided.
        """
        if self.verdict != UNDECIDED:
            return None
        needed = [part.seeds_needed(LEVEL / 2 / self.tests) for part in self.tested]
        return None if None in needed else max(needed)


def evaluate(
    claims: Mapping[str, Mapping],
    reference: Mapping,
    runs: Sequence[Run],
    conventions: Conventions,
    *,
    not_the_papers: str = "",
) -> list[Claim]:
    """Return the claims, and those that the tables of `reference` (paper.yaml) make, answered from the runs.

    not_the_papers : why the paper's numbers say nothing about the study's images, of comparison.not_the_papers; the
    claims of its tables are not applicable then, and its numbers do not stand beside others.
    ValueError for a claim that goes by the name of a table's.
    """
    if not_the_papers:
        reference = without_measured(reference)
    cells = table_claims(reference, predictor=conventions.cells)
    if double := sorted(set(claims) & set(cells)):
        raise ValueError(f"the claim {double[0]}: expected another name, found that of the paper's tables")
    runs = [run for group in by_network(runs) for run in originals(group.runs)]
    found = [_claim(name, claim, runs, reference, conventions) for name, claim in {**claims, **cells}.items()]
    return corrected([replace(claim, why=not_the_papers) if claim.name in cells else claim for claim in found])


def corrected(claims: Sequence[Claim]) -> list[Claim]:
    """Return the claims with p-values corrected for the number of those that were tested."""
    tested = {claim.name: 2 * min(claim.p_values) for claim in claims if claim.p_values is not None}
    p_values = dict(zip(tested, holm(list(tested.values())), strict=True))
    return [replace(claim, p_value=p_values.get(claim.name), tests=max(1, len(tested))) for claim in claims]


def copies(runs: Sequence[Run]) -> list[str]:
    """Return a sentence for each run whose weights are those of another seed."""
    found = []
    for group in by_network(runs):
        kept = originals(group.runs)
        found += [
            f"{run.label}: seed {run.seed} has the weights of another seed and does not count."
            for run in group.runs
            if run not in kept
        ]
    return found


def originals(runs: Sequence[Run]) -> list[Run]:
    """Return the runs, of one network, without those that have the weights of an earlier one."""
    first: dict[str, Run] = {}
    for run in runs:
        checkpoints = run.checkpoints()
        best = checkpoints and checkpoints.kept["best"].sha256
        first.setdefault(best or f"seed {run.seed}", run)
    return list(first.values())


def _claim(name: str, stated: Mapping, runs: Sequence[Run], reference: Mapping, conventions: Conventions) -> Claim:
    parts = tuple(_part(part, runs, reference, conventions) for part in stated["parts"])
    about = {key: stated[key] for key in ("title", "section", "sentence")}
    return Claim(name, **about, figures=tuple(stated["figures"]), parts=parts)


def _part(stated: Mapping, runs: Sequence[Run], reference: Mapping, conventions: Conventions) -> Part:
    sides, ratio = sides_of(stated), is_ratio(stated)
    paper = tuple(paper_number(side, reference) for side in sides)
    labels = tuple(side_label(side) for side in sides)
    part = Part(statement(stated), labels, _bounds(stated), ratio, None if None in paper else paper)
    try:
        values = _values(sides, runs, conventions)
        samples = {seed: _sample(found, ratio) for seed, found in values.items()}
        found = infer(list(samples.values()), generator=np.random.default_rng(SEED))
    except (NotThere, ValueError) as error:
        return replace(part, why=str(error))
    alone = [[_sample([one], ratio).value() for one in found] for found in values.values()]
    return replace(part, found=found, samples=samples, sides=tuple(np.mean(alone, axis=0).tolist()))


def _bounds(stated: Mapping) -> tuple[float | None, float | None]:
    """Return the bounds, low and high, that the number keeps if the part is true."""
    relation, threshold = stated["is"], stated.get("threshold", 0.0)
    if relation in ("similar", "near"):
        return threshold - stated["within"], threshold + stated["within"]
    return (None, threshold) if relation == "less" else (threshold, None)


def _values(sides: Sequence[Mapping], runs: Sequence[Run], conventions: Conventions) -> dict[int, list[Values]]:
    """Return the values of the sides, of the images that all of them have, for each seed that has them all."""
    found = [_runs(side["network"], runs) for side in sides]
    seeds = sorted(set(found[0]).intersection(*found))
    if not seeds:
        raise NotThere("no seed has both networks")
    return {
        seed: _of_common_images(
            [MEASURES[side["measure"]].read(of[seed], side, conventions) for side, of in zip(sides, found, strict=True)]
        )
        for seed in seeds
    }


def _runs(named: str, runs: Sequence[Run]) -> dict[int, Run]:
    """Return the runs of a network, as claims name it, by their seeds."""
    found = {run.seed: run for run in runs if network(named).is_of(run)}
    if not found:
        raise NotThere(f"not in this study: {named}")
    return found


def _of_common_images(values: Sequence[Values]) -> list[Values]:
    """Return the values of the images that all sides have, in one order."""
    if any(one.image is None for one in values):
        if not all(one.image is None for one in values):
            raise ValueError("one side is made of images and the other is not")
        return list(values)
    common = values[0].image
    for one in values[1:]:
        common = np.intersect1d(common, one.image)
    if not len(common):
        raise NotThere("the two sides have no image in common")
    places = [np.argsort(one.image)[np.searchsorted(np.sort(one.image), common)] for one in values]
    return [
        replace(one, arrays=tuple(array[..., place] for array in one.arrays), image=common)
        for one, place in zip(values, places, strict=True)
    ]


def _sample(values: Sequence[Values], ratio: bool) -> Sample:
    split = len(values[0].arrays)

    def statistic(*arrays: np.ndarray) -> np.ndarray:
        left = values[0].statistic(*arrays[:split])
        if len(values) == 1:
            return left
        right = values[1].statistic(*arrays[split:])
        return left / right - 1 if ratio else left - right

    return Sample(tuple(array for one in values for array in one.arrays), statistic)
