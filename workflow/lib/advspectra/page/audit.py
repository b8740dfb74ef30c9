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
class Audit:
    """The conventions, that of the study first; the claims' entries under each; the cells of the tables under each."""

    conventions: tuple[Mapping, ...]
    claims: Mapping[str, tuple[Entry, ...]]
    cells: Mapping[str, tuple[str, ...]]

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


def audit(conventions: Sequence[Mapping]) -> Audit:
    """Return the Audit of the `conventions` of audit.json; what a convention lacks of the claims is an empty Entry."""
    own = conventions[0]
    claims = {name: tuple(_entry(own, other, name) for other in conventions) for name in own["claims"]}
    cells = {name: tuple(_cells(other["cells"].get(name)) for other in conventions) for name in own["cells"]}
    return Audit(tuple(conventions), {name: of for name, of in claims.items() if name not in cells}, cells)


def _entry(own: Mapping, other: Mapping, name: str) -> Entry:
    found = other["claims"].get(name)
    if found is None:
        return Entry(None, "", "")
    reference = own["claims"][name]
    parts, holding = found["parts"], sum(part == "holds" for part in found["parts"])
    changed = "verdict" if found["verdict"] != reference["verdict"] else ""
    if not changed and parts != reference["parts"]:
        changed = "parts"
    tested = any(part != "not tested" for part in parts)
    return Entry(mark(found["verdict"]), f"{holding}/{len(parts)}" if tested else "", changed)


def _cells(found: Mapping | None) -> str:
    return f"{found['within']} of {found['tested']}" if found and found["tested"] else "–"
