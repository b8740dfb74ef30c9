"""Known doubts about the paper's reasoning and conventions, each with the study's findings that bear on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from advspectra.claims.records import ClaimRecord
from advspectra.page.audit import Audit
from advspectra.page.verdicts import Mark, part_mark
from advspectra.page.words import estimate, listed, title


@dataclass(frozen=True)
class Finding:
    """One piece of evidence: what it is, the id of that on the page, what it says, the mark of a verdict or None."""

    label: str
    link: str
    text: str
    mark: Mark | None


@dataclass(frozen=True)
class Doubt:
    """A doubt of doubts.yaml and the study's findings on it; none where the study has nothing that bears on it."""

    name: str
    doubt: str
    source: str
    findings: tuple[Finding, ...]


def doubts(
    stated: Mapping[str, Mapping], *, claims: Sequence[ClaimRecord], audit: Audit, tables: Sequence[str]
) -> list[Doubt]:
    """The doubts of doubts.yaml with their evidence.

    Evidence names a claim (`claim`, and of its `parts` some, counted from 1), a convention (`convention`: how claims
    and cells come out under it) or a table (`table`). Evidence that the study lacks is left out.
    """
    by_name = {claim.name: claim for claim in claims}
    doubts = []
    for name, about in stated.items():
        findings: list[Finding] = []
        for item in about["evidence"]:
            if "claim" in item and item["claim"] in by_name:
                findings += _of_claim(by_name[item["claim"]], item.get("parts"))
            elif "convention" in item:
                findings += _of_convention(item["convention"], audit)
            elif item.get("table") in tables:
                findings.append(Finding(title(item["table"]), f"table-{item['table']}", "", None))
        doubts.append(Doubt(name, about["doubt"], about["source"], tuple(findings)))
    return doubts


def _of_claim(claim: ClaimRecord, which: Sequence[int] | None) -> list[Finding]:
    return [
        Finding(claim.name, claim.name, f"{part.statement}: {estimate(part)}", part_mark(part))
        for place, part in enumerate(claim.parts, 1)
        if part.value is not None and (which is None or place in which)
    ]


def _of_convention(name: str, audit: Audit) -> list[Finding]:
    names = [convention["name"] for convention in audit.conventions]
    if name not in names[1:]:
        return []
    place = names.index(name)
    changed = [claim for claim, entries in audit.claims.items() if entries[place].changed == "verdict"]
    text = f"{audit.conventions[place]['title']}: "
    text += f"other verdicts on {listed(changed)}" if changed else "no other verdict"
    lost = [claim for claim, entries in audit.claims.items() if entries[place].missing]
    text += f"; not comparable: {listed(lost)}" if lost else ""
    cells = [
        f"Table {audit.tables[name]}: {within[place].ours} cells within the paper's bounds instead of {within[0].ours}"
        for name, within in audit.within.items()
        if within[place] != within[0]
    ]
    return [Finding(f"Convention {name}", "audit", "; ".join([text, *cells]), None)]
