"""A claim and its parts: from what seeds and images say of each number to a verdict.

The part is the unit. It has two one-sided p-values: of the hypothesis that it is false (`p_true`) and that it is true
(`p_false`). It holds, or fails, if the first, or the second, is at most 0.025: its 95 % interval is decisive. Otherwise
it is open; with one seed it always is.

The verdict of a claim of K parts, tested or not, follows from them:

- `supported`: all K parts hold (an intersection-union test, so that no correction is needed).
- `partly`: at least one part holds, and at least one fails at the level that counts parts: K p_false <= 0.025.
- `contradicted`: a part fails at that level, and none holds.
- `undecided`: parts were tested, and none of the above is so. Parts that are open and parts that were not tested count
  alike.
- `one seed: direction only`: no part was tested by more than one seed. `not tested`: no part was tested.
  `not applicable`: it is about numbers that the paper measured on other images than the study's.

Without the data of a part that holds or is open, no claim comes closer to `supported`: a part that was not tested does
what an open part does, and less than one that holds; and K stays. Without the data of a part that fails, its objection
is gone: the claim is at best `undecided`, or `partly` if it was that before, but never `supported`.

Holm's correction for the number of claims that were tested stands beside the verdict and does not decide it. The
p-value of a claim by itself is twice the smaller of the largest p_true and K times the smallest p_false. After the
correction it says whether the verdict stands where the chance of even one wrong verdict among all these claims is to
be at most 5 %. The hypothesis that it tests is `hypothesis`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from advspectra.claims.cells import FAILS, HOLDS, NOT_TESTED, OPEN, passes
from advspectra.claims.reasons import Reason
from advspectra.claims.terms import Relation, StatedClaim, StatedPart
from advspectra.statistics.crossed import SIGNIFICANCE, Inference, Sample, holm
from advspectra.statistics.ranks import RankCorrelation
from advspectra.statistics.scale import Scale
from advspectra.statistics.summaries import Spread

SUPPORTED, PARTLY, CONTRADICTED = "supported", "partly", "contradicted"
UNDECIDED, ONE_SEED, NOT_APPLICABLE = "undecided", "one seed: direction only", "not applicable"


@dataclass(frozen=True)
class Part:
    """What a study says of a part of a claim.

    statement, labels : the part and its sides in words. bounds : low and high, between which, or beyond one of which,
    the number must lie; None for no bound. scale : that of the measure. paper : the paper's own numbers of the sides,
    None unless it has them all. found : None where the part was not tested; `reason` says why. samples : those that it
    was found from, of each side by seed. sides : means over seeds, geometric ones where `ratio`. stated : the part as
    it was stated. noise : of a cell of the paper's tables, what noise without a network gives
    (advspectra.claims.null).
    """

    statement: str
    labels: tuple[str, ...]
    bounds: tuple[float | None, float | None]
    scale: Scale
    paper: tuple[Spread, ...] | None = None
    reason: Reason | None = None
    found: Inference | RankCorrelation | None = None
    samples: tuple[Mapping[int, Sample], ...] = ()
    sides: tuple[float, ...] = ()
    stated: StatedPart | None = None
    noise: float | None = None

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
        strict = self.stated is not None and self.stated.relation in (Relation.LESS, Relation.GREATER)
        return HOLDS if passes(self.found.value, self.bounds, strict=strict) else FAILS

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
        return self._needed(lambda bound: self.found.seeds_needed(bound, p_value=p_value))

    def images_needed(self, p_value: float = SIGNIFICANCE / 2) -> int | None:
        """The same in images of each seed: how many in all would decide the part."""
        return self._needed(lambda bound: self.found.images_needed(bound, p_value=p_value))

    def _needed(self, of_bound: Callable[[float], int | None]) -> int | None:
        needed = [of_bound(bound) for bound in self.bounds if bound is not None] if self.found else [None]
        return None if None in needed else max(needed)


class Decision:
    """What a claim and the record of one say of Holm's correction; both have parts, verdict and p_holm."""

    @property
    def decided(self) -> bool:
        """Whether the verdict says that the claim is true, false, or true in part."""
        return self.verdict in (SUPPORTED, PARTLY, CONTRADICTED)

    @property
    def hypothesis(self) -> str:
        """What the verdict rejects, and Holm's correction tests, in words; "" for a claim that is not decided."""
        if not self.decided:
            return ""
        false, true = ("at least one of its parts is false", "all of its parts are true")
        if not self.parts[1:]:
            false, true = ("its one part is false", "its one part is true")
        return false if self.verdict == SUPPORTED else true

    @property
    def stands(self) -> bool:
        """Whether it is decided after Holm's correction, too."""
        return self.decided and self.p_holm is not None and self.p_holm <= SIGNIFICANCE


@dataclass(frozen=True)
class Claim(Decision, StatedClaim):
    """A claim, what its parts say, and the verdict.

    p_holm : p_value after Holm's correction, None if it was not tested. tests : how many claims the correction is for.
    why : why the claim does not apply to the study; it has no parts then.
    """

    parts: tuple[Part, ...]
    p_holm: float | None = None
    tests: int = 1
    why: str = ""

    @property
    def tested(self) -> tuple[Part, ...]:
        """The parts that were."""
        return tuple(part for part in self.parts if part.found is not None)

    @property
    def p_values(self) -> tuple[float, float] | None:
        """The p-values of the hypotheses that the claim is false and that it is true; None unless seeds test it."""
        several = [part for part in self.tested if not part.one_seed]
        if not several:
            return None
        true = max(part.p_true for part in several) if len(several) == len(self.parts) else 1.0
        return true, min(1.0, len(self.parts) * min(part.p_false for part in several))

    @property
    def p_value(self) -> float | None:
        """The two-sided p-value of the claim by itself; None unless seeds test it."""
        return self.p_values and min(1.0, 2 * min(self.p_values))

    @property
    def verdict(self) -> str:
        """One of the verdicts at the head of this module."""
        if not self.tested:
            return NOT_APPLICABLE if self.why else NOT_TESTED
        if self.p_values is None:
            return ONE_SEED
        verdicts = {part.verdict for part in self.parts}
        if verdicts == {HOLDS}:
            return SUPPORTED
        if self.p_values[1] <= SIGNIFICANCE / 2:
            return PARTLY if HOLDS in verdicts else CONTRADICTED
        return UNDECIDED

    @property
    def seeds_needed(self) -> int | None:
        """Seeds in all that would decide each open part of an undecided claim.

        One that points the other way at the level that counts the parts. If values stay as they are; None if 100 would
        not, or the claim is decided.
        """
        undecided = [part for part in self.tested if part.verdict != HOLDS] if self.verdict == UNDECIDED else ()
        level = SIGNIFICANCE / 2
        needed = [part.seeds_needed(level / (len(self.parts) if part.direction == FAILS else 1)) for part in undecided]
        return None if None in needed else max(needed, default=None)


def corrected(claims: Sequence[Claim]) -> list[Claim]:
    """The claims with p-values corrected for the number of those that were tested."""
    tested = {claim.name: claim.p_value for claim in claims if claim.p_value is not None}
    p_values = dict(zip(tested, holm(list(tested.values())), strict=True))
    return [replace(claim, p_holm=p_values.get(claim.name), tests=max(1, len(tested))) for claim in claims]
