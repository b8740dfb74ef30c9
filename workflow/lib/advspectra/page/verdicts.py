"""Verdicts in words and symbols: of a part, of a claim, and of all claims together."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

from advspectra.claims.claim import (
    CONTRADICTED,
    FAILS,
    HOLDS,
    NOT_APPLICABLE,
    NOT_TESTED,
    ONE_SEED,
    OPEN,
    PARTLY,
    SUPPORTED,
    UNDECIDED,
    Cells,
)
from advspectra.claims.records import ClaimRecord, PartRecord
from advspectra.claims.terms import Group
from advspectra.page.words import counted, listed, p_value


@dataclass(frozen=True)
class Mark:
    """How a verdict is shown: by a symbol, a word and a colour (a class of the style sheet)."""

    symbol: str
    word: str
    style: str


# verdicts of claims, in the order in which the summary counts them, and of their parts
CLAIMS = {
    SUPPORTED: Mark("✓", "supported", "yes"),
    PARTLY: Mark("◐", "partly", "partly"),
    CONTRADICTED: Mark("✗", "contradicted", "no"),
    UNDECIDED: Mark("?", "undecided", "open"),
    ONE_SEED: Mark("→", "one seed", "seed"),
    NOT_TESTED: Mark("–", "not tested", "none"),
    NOT_APPLICABLE: Mark("–", "not applicable here", "none"),
}
PARTS = {
    HOLDS: Mark("✓", "holds", "yes"),
    FAILS: Mark("✗", "fails", "no"),
    OPEN: Mark("?", "open", "open"),
    NOT_TESTED: Mark("–", "not tested", "none"),
}
# of one part and of several
VERBS = {
    HOLDS: ("holds", "hold"),
    FAILS: ("fails", "fail"),
    OPEN: ("is open", "are open"),
    NOT_TESTED: ("was not tested", "were not tested"),
}
GROUPS = {
    Group.TRAINING: "How adversarial perturbations come about in training (Sections 3.1 and 3.2)",
    Group.LINEAR: "Linear networks and implicit Fourier regularisation (Section 3.3.1)",
    Group.NONLINEAR: "Nonlinear networks (Section 3.3.2)",
    Group.TABLES: "Tables",
    Group.FURTHER: "Further claims",
}


def mark(verdict: str) -> Mark:
    """Return how a verdict of a claim or of a part is shown."""
    return (CLAIMS | PARTS)[verdict]


def part_mark(part: PartRecord) -> Mark:
    """Return how a part is shown; one seed gives a direction only."""
    if not part.one_seed:
        return PARTS[part.verdict]
    return Mark("→", "points its way" if part.direction == HOLDS else "points the other way", "seed")


def tally(claim: ClaimRecord) -> str:
    """Return "3 of 4 parts hold", or what can be said of the parts in a few words."""
    parts = claim.parts
    if not parts:
        return claim.why.removesuffix(".")
    if all(part.value is None for part in parts):
        return "no data"
    if claim.cells is not None:
        untested = claim.cells.of - claim.cells.tested
        text = f"{claim.cells.within} of {claim.cells.tested} cells within"
        return text + (f", {untested} not tested" if untested else "")
    untested = _with_verdict(parts, NOT_TESTED)
    if any(part.one_seed for part in parts):
        holding = sum(part.direction == HOLDS for part in parts)
        text = f"{holding} of {counted(len(parts) - untested, 'part')} in its direction"
        return text + (f", {untested} not tested" if untested else "")
    text = f"{_with_verdict(parts, HOLDS)} of {counted(len(parts), 'part')} {'hold' if parts[1:] else 'holds'}"
    for verdict in (FAILS, OPEN, NOT_TESTED):
        if count := _with_verdict(parts, verdict):
            text += f", {count} {'fail' if verdict == FAILS and count > 1 else verdict}"
    return text + (", before correction" if _only_before_correction(claim) else "")


def _with_verdict(parts: Iterable[PartRecord], verdict: str) -> int:
    return sum(part.verdict == verdict for part in parts)


def finding(claim: ClaimRecord) -> str:
    """Return what was found of a claim beyond the word of its verdict."""
    if claim.verdict == ONE_SEED:
        return f"{tally(claim)}. One seed says no more than this."
    if claim.verdict == NOT_APPLICABLE:
        return claim.why
    text = _found_of_parts(claim) if claim.cells is None else _found_of_cells(claim, claim.cells)
    if claim.p_value is not None:
        short = ", which does not suffice" if _only_before_correction(claim) else ""
        text += f" ({p_value(claim.p_value)}, corrected for the number of claims{short})"
    return f"{text}.{_needed(claim)}"


def _only_before_correction(claim: ClaimRecord) -> bool:
    return claim.verdict == UNDECIDED and not _with_verdict(claim.parts, OPEN)


def _found_of_cells(claim: ClaimRecord, cells: Cells) -> str:
    inside, outside = (_with_verdict(claim.parts, verdict) for verdict in (HOLDS, FAILS))
    return (
        f"of {counted(cells.tested, 'cell')} tested, {cells.within} lie within the paper's bounds, "
        f"{inside} of them with the whole interval; {outside} lie outside with the whole interval"
    )


def _found_of_parts(claim: ClaimRecord) -> str:
    parts = claim.parts
    said = []
    for verdict, (singular, plural) in VERBS.items():
        which = [place for place, part in enumerate(parts, 1) if part.verdict == verdict]
        if len(which) == len(parts):
            whole = {1: "its one part", 2: "both parts"}.get(len(parts), f"all {len(parts)} parts")
            return f"{whole} {singular if len(parts) == 1 else plural}"
        if which:
            said.append(f"part{'s' * (len(which) > 1)} {listed(which)} {plural if which[1:] else singular}")
    return "; ".join(said)


def _needed(claim: ClaimRecord) -> str:
    if claim.verdict != UNDECIDED:
        return ""
    if claim.seeds_needed is None:
        return " A hundred seeds would not decide all of its parts if values and spread stay as they are."
    return (
        f" {claim.seeds_needed} seeds in all would decide each part, as surely as the correction asks, if values "
        "and spread stay as they are."
    )


@dataclass(frozen=True)
class Summary:
    """How many claims have each verdict, tables apart, and the cells of tables that apply here, by table.

    directions : how many of the claims with one seed only point the paper's way in all of their parts.
    """

    claims: int
    verdicts: tuple[tuple[Mark, int], ...]
    directions: int
    tables: tuple[tuple[int, Cells], ...]

    @property
    def cells(self) -> Cells:
        """The cells of all tables together."""
        each = [astuple(cells) for _, cells in self.tables]
        return Cells(*(sum(counts) for counts in zip((0, 0, 0), *each, strict=True)))


def summary(claims: Sequence[ClaimRecord]) -> Summary:
    """Return the Summary of all claims."""
    tables = tuple((claim.table, claim.cells) for claim in claims if claim.cells is not None)
    stated = [claim for claim in claims if claim.cells is None and claim.verdict != NOT_APPLICABLE]
    verdicts = ((shown, sum(claim.verdict == verdict for claim in stated)) for verdict, shown in CLAIMS.items())
    directions = sum(
        claim.verdict == ONE_SEED and all(part.direction == HOLDS for part in claim.parts) for claim in stated
    )
    return Summary(len(stated), tuple((shown, count) for shown, count in verdicts if count), directions, tables)
