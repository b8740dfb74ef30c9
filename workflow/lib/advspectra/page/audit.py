"""The audit of conventions: which conclusions depend on what the paper leaves open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from advspectra.claims.audit import STUDY, comparison
from advspectra.claims.cells import HOLDS, NOT_TESTED, Cells, passes
from advspectra.claims.records import ClaimRecord, PartRecord
from advspectra.claims.terms import Kind
from advspectra.page.verdicts import Mark, mark
from advspectra.page.words import listed


@dataclass(frozen=True)
class Entry:
    """A claim under one convention: the mark of its verdict, its tally, and what differs from the study's own.

    changed : "verdict", "parts" or "" for nothing. missing : the parts, from 1, that only one of the two tests: the
    verdicts are not comparable then.
    """

    mark: Mark | None
    tally: str
    changed: str
    missing: tuple[int, ...] = ()

    @property
    def incomparable(self) -> str:
        """In words, "not comparable: part 2", or "" where it is."""
        return f"not comparable: part{'s' * (len(self.missing) > 1)} {listed(self.missing)}" if self.missing else ""


@dataclass(frozen=True)
class Cell:
    """A cell of one of the paper's tables: the part of a claim that it is, and its value under each convention, with
    whether it lies within the paper's bounds; None where there is none.
    """

    part: PartRecord
    values: tuple[tuple[float, bool] | None, ...]


@dataclass(frozen=True)
class Count:
    """How many cells of a table are within the paper's bounds, and how many of the same noise passes, in words."""

    ours: str
    noise: str


@dataclass(frozen=True)
class Audit:
    """The conventions, that of the study first; the claims' entries under each; of the paper's tables, by the claim's
    name, their numbers, how many cells are within the paper's bounds under each convention, and the cells.
    """

    conventions: tuple[Mapping, ...]
    claims: Mapping[str, tuple[Entry, ...]]
    tables: Mapping[str, int]
    within: Mapping[str, tuple[Count, ...]]
    cells: Mapping[str, tuple[Cell, ...]]

    @property
    def studies(self) -> list[str]:
        """The names of the conventions that are other studies."""
        return [one["name"] for one in self.conventions if one.get("kind") == STUDY]

    @property
    def varied(self) -> int:
        """How many conventions take the place of the study's own."""
        return len(self.conventions) - 1 - len(self.studies)

    @property
    def with_noise(self) -> bool:
        """Whether the counts of cells have those of noise beside them."""
        return any(count.noise for counts in self.within.values() for count in counts)

    def changing(self, what: str) -> list[str]:
        """The claims whose `what` ("verdict" or "parts") differs under some convention, and nothing more."""
        worst = {name: {entry.changed for entry in entries} for name, entries in self.claims.items()}
        return [
            name
            for name, changed in worst.items()
            if what in changed and (what == "verdict" or "verdict" not in changed)
        ]

    def incomparable(self) -> dict[str, list[str]]:
        """The claims whose verdicts cannot be compared, each with the conventions and the parts in words."""
        return {
            name: [
                f"{convention['name']} (part{'s' * (len(entry.missing) > 1)} {listed(entry.missing)})"
                for convention, entry in zip(self.conventions, entries, strict=True)
                if entry.missing
            ]
            for name, entries in self.claims.items()
            if any(entry.missing for entry in entries)
        }

    def unchanged(self) -> int:
        """How many claims have the same answers under all conventions, and can be compared under all."""
        return sum(all(not (entry.changed or entry.missing) for entry in entries) for entries in self.claims.values())

    def dependence(self, name: str) -> str:
        """The verdicts of a claim in words: "supported; contradicted under rgb"."""
        own, *others = self.claims[name]
        under: dict[str, list[str]] = {}
        for convention, entry in zip(self.conventions[1:], others, strict=True):
            if entry.changed == "verdict":
                under.setdefault(entry.mark.word, []).append(convention["name"])
        return "; ".join([own.mark.word, *(f"{word} under {listed(names)}" for word, names in under.items())])


def compared(conventions: Sequence[Mapping], claims: Sequence[ClaimRecord]) -> Audit:
    """The Audit of the `conventions` of audit.json, in the order of the claims.

    A claim that a convention lacks, or has with other parts, as a study before its last change, is an empty Entry.
    """
    own = conventions[0]

    def answered(claim: ClaimRecord, other: Mapping) -> Mapping | None:
        answer = other["claims"].get(claim.name)
        alike = answer and len(answer["parts"]) == len(own["claims"][claim.name]["parts"])
        return answer if alike else None

    claims = [claim for claim in claims if claim.name in own["claims"] and claim.parts]
    tables = [claim for claim in claims if claim.kind is Kind.TABLE]
    under = {claim.name: [answered(claim, other) for other in conventions] for claim in claims}
    return Audit(
        tuple(conventions),
        claims={
            claim.name: tuple(_entry(own["claims"][claim.name], answer) for answer in under[claim.name])
            for claim in claims
            if claim.kind is Kind.STATEMENT
        },
        tables={claim.name: claim.table for claim in tables},
        within={
            claim.name: tuple(_within(other["cells"].get(claim.name)) for other in conventions) for claim in tables
        },
        cells={
            claim.name: tuple(
                Cell(part, tuple(_value(part, answer and answer["values"][place]) for answer in under[claim.name]))
                for place, part in enumerate(claim.parts)
            )
            for claim in tables
        },
    )


def _entry(own: Mapping, answer: Mapping | None) -> Entry:
    found = comparison(own, answer)
    if answer is None:
        return Entry(None, "", "", found.missing)
    parts, holding = answer["parts"], answer["parts"].count(HOLDS)
    tested = any(part != NOT_TESTED for part in parts)
    changed = "verdict" if found.verdict else "parts" if found.parts else ""
    return Entry(mark(answer["verdict"]), f"{holding}/{len(parts)}" if tested else "", changed, found.missing)


def _value(part: PartRecord, value: float | None) -> tuple[float, bool] | None:
    return None if value is None else (value, passes(value, part.bounds))


def _within(cells: Mapping | None) -> Count:
    if not cells or not cells["tested"]:
        return Count("–", "")
    count = Cells(**cells)
    noise = f"noise {count.noise_count}" if count.noise_count else ""
    return Count(f"{count.within} of {count.tested}", noise)
