"""A claim and its parts: from what seeds and images say of each number to a verdict.

A part has two one-sided p-values: of the hypothesis that it is false (`p_true`) and that it is true (`p_false`).

- A part holds, or fails, if the first, or the second, is at most 0.025: its 95 % interval is decisive. Otherwise it is
  open.
- A claim is `supported` if all of its parts are true at once: its p-value is the largest of theirs (intersection-union
  test). It is `contradicted` if at least one fails: the smallest p-value times their number. The smaller of the two,
  doubled and corrected for the number of claims that were tested (Holm), must be at most 0.05.
- It is `partly` supported if some of its parts hold and others fail or could not be tested, even where it would be
  contradicted.
- Otherwise it is `undecided`. It is `not applicable` if it is about numbers that the paper measured on other images
  than the study's, `not tested` without data for any of its parts, and `one seed: direction only` with one seed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from advspectra.claims.reasons import Reason
from advspectra.claims.terms import StatedClaim, StatedPart
from advspectra.statistics.crossed import SIGNIFICANCE, Inference, Sample, holm
from advspectra.statistics.scale import Scale
from advspectra.statistics.summaries import Spread

SUPPORTED, PARTLY, CONTRADICTED = "supported", "partly", "contradicted"
UNDECIDED, NOT_TESTED, ONE_SEED = "undecided", "not tested", "one seed: direction only"
NOT_APPLICABLE = "not applicable"
HOLDS, FAILS, OPEN = "holds", "fails", "open"


@dataclass(frozen=True)
class Part:
    """What a study says of a part of a claim.

    statement, labels : the part and its sides in words. bounds : low and high, between which, or beyond one of which,
    the number must lie; None for no bound. scale : that of the measure. paper : the paper's own numbers of the sides,
    None unless it has them all. found : None where the part was not tested; `reason` says why. samples : those that it
    was found from, of each side by seed. sides : means over seeds, geometric ones where `ratio`. stated : the part as
    it was stated.
    """

    statement: str
    labels: tuple[str, ...]
    bounds: tuple[float | None, float | None]
    scale: Scale
    paper: tuple[Spread, ...] | None = None
    reason: Reason | None = None
    found: Inference | None = None
    samples: tuple[Mapping[int, Sample], ...] = ()
    sides: tuple[float, ...] = ()
    stated: StatedPart | None = None

    @property
    def why(self) -> str:
        """Why it was not tested, in words; "" if it was."""
        return self.reason.sentence if self.reason else ""

    @property
    def value(self) -> float | None:
        """The number, its mean over seeds; None where it was not tested."""
        return self.found and self.found.value

    @property
    def ratio(self) -> bool:
        """Whether the number is left / right - 1; otherwise it is left - right, or left where there is no right."""
        return self.scale is Scale.RATIO and len(self.labels) == 2

    @property
    def seeds(self) -> tuple[tuple[int, ...], ...]:
        """The seeds of each side that have a value."""
        return tuple(map(tuple, self.samples))

    @property
    def one_seed(self) -> bool:
        """Whether it was tested with one seed on a side, which gives a direction only."""
        return self.found is not None and self.found.one_seed

    @property
    def p_true(self) -> float:
        """One-sided p-value of the hypothesis that the part is false."""
        low, high = self.bounds
        return max(0.0 if low is None else self.found.p_above(low), 0.0 if high is None else self.found.p_below(high))

    @property
    def p_false(self) -> float:
        """One-sided p-value of the hypothesis that the part is true."""
        low, high = self.bounds
        return min(1.0 if low is None else self.found.p_below(low), 1.0 if high is None else self.found.p_above(high))

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
        """`holds`, `fails`, `open` or `not tested`."""
        if self.found is None:
            return NOT_TESTED
        if self.one_seed:
            return OPEN
        return HOLDS if self.p_true <= SIGNIFICANCE / 2 else FAILS if self.p_false <= SIGNIFICANCE / 2 else OPEN

    def seeds_needed(self, p_value: float = SIGNIFICANCE / 2) -> int | None:
        """How many seeds in all would decide the part with that one-sided p-value if values stay as they are.

        At least those that there are; None if 100 would not, and where it was not tested by several.
        """
        if self.found is None:
            return None
        needed = [self.found.seeds_needed(bound, p_value=p_value) for bound in self.bounds if bound is not None]
        return None if None in needed else max(needed)

    def images_needed(self, p_value: float = SIGNIFICANCE / 2) -> int | None:
        """How many images in all would do so at the seeds there are; None if a million would not."""
        if self.found is None:
            return None
        needed = [self.found.images_needed(bound, p_value=p_value) for bound in self.bounds if bound is not None]
        return None if None in needed else max(needed)


@dataclass(frozen=True)
class Cells:
    """Of the cells of one of the paper's tables: how many lie within its bounds, how many are tested, and all."""

    within: int
    tested: int
    of: int


def cells(parts: Iterable) -> Cells:
    """Count cells, each a part of a claim with its direction and verdict."""
    parts = list(parts)
    return Cells(
        within=sum(part.direction == HOLDS for part in parts),
        tested=sum(part.verdict != NOT_TESTED for part in parts),
        of=len(parts),
    )


@dataclass(frozen=True)
class Claim(StatedClaim):
    """A claim, what its parts say, and the verdict.

    p_value : after correction, None if it was not tested. tests : how many claims the correction is for. why : why the
    claim does not apply to the study; it has no parts then.
    """

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
        if not self.tested or any(part.one_seed for part in self.tested):
            return None
        true = max(part.p_true for part in self.tested) if len(self.tested) == len(self.parts) else 1.0
        return true, min(1.0, len(self.tested) * min(part.p_false for part in self.tested))

    @property
    def verdict(self) -> str:
        """One of the verdicts at the head of this module."""
        if not self.tested:
            return NOT_APPLICABLE if self.why else NOT_TESTED
        if self.p_values is None:
            return ONE_SEED
        true, false = self.p_values
        verdicts = {part.verdict for part in self.parts}
        if self.p_value <= SIGNIFICANCE and true <= false:
            return SUPPORTED
        if HOLDS in verdicts and verdicts & {FAILS, NOT_TESTED}:
            return PARTLY
        return CONTRADICTED if self.p_value <= SIGNIFICANCE else UNDECIDED

    @property
    def seeds_needed(self) -> int | None:
        """Seeds in all that would decide each part of an undecided claim as surely as the correction may ask.

        If values stay as they are; None if 100 would not, or the claim is decided.
        """
        if self.verdict != UNDECIDED:
            return None
        needed = [part.seeds_needed(SIGNIFICANCE / 2 / self.tests) for part in self.tested]
        return None if None in needed else max(needed)


def corrected(claims: Sequence[Claim]) -> list[Claim]:
    """Return the claims with p-values corrected for the number of those that were tested."""
    tested = {claim.name: 2 * min(claim.p_values) for claim in claims if claim.p_values is not None}
    p_values = dict(zip(tested, holm(list(tested.values())), strict=True))
    return [replace(claim, p_value=p_values.get(claim.name), tests=max(1, len(tested))) for claim in claims]
