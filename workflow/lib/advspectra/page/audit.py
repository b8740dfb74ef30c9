"""The audit of conventions: which conclusions depend on what the paper leaves open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from advspectra.page.verdicts import Mark, mark
from advspectra.page.words import listed


@dataclass(frozen=True)
class Entry:
    """A claim under one convention: the mark of its verdict, its tally, and what differs from the study's own.

    changed : "verdict", "parts" or "" for nothing.
    """

    mark: Mark | None
    tally: str
    changed: str


@dataclass(frozen=True)
class Cell:
    """A cell of one of the paper's tables: what it is, as a part of a claim, and its value under each convention, with
    whether it lies within the paper's bounds; None where there is none.
    """

    part: Mapping
    values: tuple[tuple[float, bool] | None, ...]


@dataclass(frozen=True)
class Audit:
    """The conventions, that of the study first; the claims' entries under each; of the paper's tables, how many cells
    are within the paper's bounds under each, and the cells.
    """

    conventions: tuple[Mapping, ...]
    claims: Mapping[str, tuple[Entry, ...]]
    within: Mapping[str, tuple[str, ...]]
    cells: Mapping[str, tuple[Cell, ...]]

    def changing(self, what: str) -> list[str]:
        """Return the claims of which this ("verdict" or "parts") differs under some convention, and no more does."""
        worst = {name: {entry.changed for entry in entries} for name, entries in self.claims.items()}
        return [
            name
            for name, changed in worst.items()
            if what in changed and (what == "verdict" or "verdict" not in changed)
        ]

    def dependence(self, name: str) -> str:
        """Return "supported; contradicted under rgb" for a claim."""
        own, *others = self.claims[name]
        under: dict[str, list[str]] = {}
        for convention, entry in zip(self.conventions[1:], others, strict=True):
            if entry.changed == "verdict":
                under.setdefault(entry.mark.word, []).append(convention["name"])
        return "; ".join([own.mark.word, *(f"{word} under {listed(names)}" for word, names in under.items())])


def audit(conventions: Sequence[Mapping], stated: Sequence[Mapping]) -> Audit:
    """Return the Audit of the `conventions` of audit.json, in the order of the claims of claims.json.

    What a convention lacks of the claims is an empty Entry. ValueError if a claim has other parts under another one.
    """
    own = conventions[0]
    for other in conventions[1:]:
        for name, found in other["claims"].items():
            if name in own["claims"] and len(found["parts"]) != len(own["claims"][name]["parts"]):
                raise ValueError(
                    f"{name} has other parts under {other['name']} than here: answer the claims there again"
                )
    parts = {claim["name"]: claim["parts"] for claim in stated if claim["name"] in own["claims"] and claim["parts"]}
    under = {name: [other["claims"].get(name) for other in conventions] for name in parts}
    return Audit(
        tuple(conventions),
        claims={
            name: tuple(_entry(own["claims"][name], found) for found in under[name])
            for name in parts
            if name not in own["cells"]
        },
        within={
            name: tuple(_within(other["cells"].get(name)) for other in conventions)
            for name in parts
            if name in own["cells"]
        },
        cells={
            name: tuple(
                Cell(part, tuple(_value(part, found and found["values"][place]) for found in under[name]))
                for place, part in enumerate(parts[name])
            )
            for name in parts
            if name in own["cells"]
        },
    )


def _entry(own: Mapping, found: Mapping | None) -> Entry:
    if found is None:
        return Entry(None, "", "")
    parts, holding = found["parts"], sum(part == "holds" for part in found["parts"])
    tested = any(part != "not tested" for part in parts)
    return Entry(mark(found["verdict"]), f"{holding}/{len(parts)}" if tested else "", _changed(own, found))


def _changed(own: Mapping, found: Mapping) -> str:
    """Return what differs; a verdict only where all that the study itself tests was tested."""
    pairs = list(zip(own["parts"], found["parts"], strict=True))
    both = [pair for pair in pairs if "not tested" not in pair]
    as_many = len(both) == sum(part != "not tested" for part in own["parts"])
    if both and as_many and own["verdict"] != found["verdict"]:
        return "verdict"
    return "parts" if any(part != other for part, other in both) else ""


def _value(part: Mapping, value: float | None) -> tuple[float, bool] | None:
    low, high = part["bounds"]
    return None if value is None else (value, low < value < high)


def _within(found: Mapping | None) -> str:
    return f"{found['within']} of {found['tested']}" if found and found["tested"] else "–"
