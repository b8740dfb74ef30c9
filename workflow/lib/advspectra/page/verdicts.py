"""Verdicts in words and symbols: of a part, of a claim, and of all claims together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from advspectra.claims.cells import FAILS, HOLDS, NOT_TESTED, OPEN, Cells, cells_in_words
from advspectra.claims.claim import (
    CONTRADICTED,
    NOT_APPLICABLE,
    ONE_SEED,
    PARTLY,
    SUPPORTED,
    UNDECIDED,
)
from advspectra.claims.records import ClaimRecord, PartRecord
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
    PARTLY: Mark("◐", "supported in part", "partly"),
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
# of one part and of several, by the words of their marks, in the order in which the summary counts them
PART_WORDS = VERBS | {
    "points its way": ("points the paper's way", "point the paper's way"),
    "points the other way": ("points the other way", "point the other way"),
}


def mark(verdict: str) -> Mark:
    """How a verdict of a claim or of a part is shown."""
    return (CLAIMS | PARTS)[verdict]


def part_mark(part: PartRecord) -> Mark:
    """How a part is shown; one seed gives a direction only."""
    if not part.one_seed:
        return PARTS[part.verdict]
    return Mark("→", "points its way" if part.direction == HOLDS else "points the other way", "seed")


def tally(claim: ClaimRecord) -> str:
    """A count in words, "3 of 4 parts hold", or what can be said of the parts in a few words."""
    parts = claim.parts
    if not parts:
        return claim.why.removesuffix(".")
    if all(part.value is None for part in parts):
        return "no data"
    if claim.cells is not None:
        untested = claim.cells.of - claim.cells.tested
        text = f"{claim.cells.within} of {claim.cells.tested} cells within"
        text += f" (noise: {claim.cells.noise_count})" if claim.cells.noise_count else ""
        return text + (f", {untested} not tested" if untested else "")
    untested = _with_verdict(parts, NOT_TESTED)
    if claim.verdict == ONE_SEED:
        holding = sum(part.direction == HOLDS for part in parts)
        text = f"{holding} of {counted(len(parts) - untested, 'part')} in its direction"
        return text + (f", {untested} not tested" if untested else "")
    text = f"{_with_verdict(parts, HOLDS)} of {counted(len(parts), 'part')} {'hold' if parts[1:] else 'holds'}"
    for verdict in (FAILS, OPEN, NOT_TESTED):
        if count := _with_verdict(parts, verdict):
            text += f", {count} {'fail' if verdict == FAILS and count > 1 else verdict}"
    return text


def points_its_way(claim: ClaimRecord) -> bool:
    """Whether all tested parts of a claim point the paper's way."""
    return all(part.direction == HOLDS for part in claim.parts if part.value is not None)


def _with_verdict(parts: Iterable[PartRecord], verdict: str) -> int:
    return sum(part.verdict == verdict for part in parts)


def finding(claim: ClaimRecord) -> str:
    """What was found of a claim beyond the word of its verdict."""
    if claim.verdict == ONE_SEED:
        return f"{tally(claim)}. One seed says no more than this."
    if claim.verdict == NOT_APPLICABLE:
        return claim.why
    cells = claim.cells
    text = _found_of_cells(claim, cells) if cells is not None and cells.tested else _found_of_parts(claim)
    if claim.decided and claim.p_value is not None:
        text += f" ({p_value(claim.p_value)}, of this claim by itself)"
    return f"{text}.{_needed(claim)}"


def holm(claim: ClaimRecord) -> str:
    """The line on Holm's correction, which does not decide the verdict; "" for a claim that is not decided."""
    if not claim.decided:
        return ""
    so = "still so" if claim.stands else "not any more"
    rejected = "is rejected" if claim.stands else "is not rejected"
    return (
        f"After Holm's correction for {counted(claim.tests, 'claim')}: {so} ({p_value(claim.p_holm)}). "
        f"The hypothesis that {claim.hypothesis} {rejected}."
    )


def _found_of_cells(claim: ClaimRecord, cells: Cells) -> str:
    inside, outside = (_with_verdict(claim.parts, verdict) for verdict in (HOLDS, FAILS))
    return (
        f"cells within the paper's bounds: {cells_in_words(cells)}; of ours, the whole interval of "
        f"{inside} lies within, that of {outside} outside"
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
    undecided = [part for part in claim.parts if part.verdict in (OPEN, FAILS)]
    if claim.verdict != UNDECIDED:
        return ""
    if not undecided:
        return " The parts that were not tested leave it undecided."
    if any(part.one_seed for part in undecided):
        return " A part with one seed stays open."
    if claim.seeds_needed is None:
        return " A hundred seeds would not decide all of its open parts if values and spread stay as they are."
    return f" {claim.seeds_needed} seeds in all would decide each open part if values and spread stay as they are."


@dataclass(frozen=True)
class Summary:
    """How many claims have each verdict, and how many of their parts; and the cells of tables that apply here.

    parts : in words ("hold") and their number, without those of tables, which are cells. directions : how many of the
    claims with one seed only point the paper's way in all of their tested parts. tables : cells by table.
    """

    claims: int
    verdicts: tuple[tuple[Mark, int], ...]
    directions: int
    tables: tuple[tuple[int, Cells], ...]
    parts: tuple[tuple[str, int], ...]

    @property
    def cells(self) -> Cells:
        """The cells of all tables together."""
        each = [cells for _, cells in self.tables]
        counts = {name: sum(getattr(cells, name) for cells in each) for name in ("within", "tested", "of", "known")}
        noise = [cells.noise for cells in each if cells.noise is not None]
        return Cells(**counts, noise=sum(noise) if noise else None)


def summary(claims: Sequence[ClaimRecord]) -> Summary:
    """The Summary of all claims."""
    tables = tuple((claim.table, claim.cells) for claim in claims if claim.cells is not None and claim.cells.tested)
    applicable = [claim for claim in claims if claim.verdict != NOT_APPLICABLE]
    verdicts = ((shown, sum(claim.verdict == verdict for claim in applicable)) for verdict, shown in CLAIMS.items())
    directions = sum(claim.verdict == ONE_SEED and points_its_way(claim) for claim in applicable)
    words = [part_mark(part).word for claim in applicable if claim.cells is None for part in claim.parts]
    parts = {word: words.count(word) for word in PART_WORDS if word in words}
    return Summary(
        len(applicable),
        tuple((shown, count) for shown, count in verdicts if count),
        directions,
        tables,
        tuple((PART_WORDS[word][count > 1], count) for word, count in parts.items()),
    )
