"""Claims as the page shows them, in groups, and the pictures beside each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from advspectra.claims.cells import NOT_TESTED, Cells
from advspectra.claims.records import ClaimRecord
from advspectra.page.forest import Panel, panels
from advspectra.page.pictures import Picture, cited
from advspectra.page.verdicts import GROUPS, Mark, finding, holm, mark, part_mark, tally


@dataclass(frozen=True)
class ClaimView:
    """A claim with what the page shows of it.

    mark, part_marks : how its verdict and each part are shown. tally : its parts in a few words. finding : what was
    found beyond the verdict. holm : the line on Holm's correction. cells : the count of its cells, None for a
    statement. panels : its forest plots. pictures : those that it cites. opened : paths of those that it shows
    unfolded: of each figure the most relevant, unless another claim has shown it before.
    """

    claim: ClaimRecord
    mark: Mark
    part_marks: tuple[Mark, ...]
    tally: str
    finding: str
    holm: str
    cells: Cells | None
    panels: tuple[Panel, ...]
    pictures: tuple[Picture, ...]
    opened: frozenset[str]

    @property
    def noise(self) -> bool:
        """Whether noise has numbers for its cells."""
        return self.cells is not None and self.cells.noise is not None


def view(claim: ClaimRecord, pictures: Sequence[Picture], opened: Iterable[str]) -> ClaimView:
    """What the page shows of a claim."""
    return ClaimView(
        claim,
        mark(claim.verdict),
        tuple(part_mark(part) for part in claim.parts),
        tally(claim),
        finding(claim),
        holm(claim),
        claim.cells,
        tuple(panels(claim.parts)),
        tuple(pictures),
        frozenset(opened),
    )


def views(
    claims: Sequence[ClaimRecord], pictures: Sequence[Picture], attacks: Mapping[str, str], *, with_figures: bool
) -> tuple[list[ClaimView], dict[str, str]]:
    """The views of the claims, and for each picture that one shows the name of the first claim that does.

    attacks : the study's, by their roles in claims. with_figures : whether claims show their figures; otherwise the
    figures have a section of their own.
    """
    cited_by = {claim.name: cited(claim, pictures, attacks) for claim in claims}
    shown_at: dict[str, str] = {}
    for claim in claims if with_figures else ():
        for picture in cited_by[claim.name] if claim.verdict != NOT_TESTED else ():
            shown_at.setdefault(picture.path, claim.name)

    def opened(name: str) -> list[str]:
        best = {picture.figure: picture.path for picture in reversed(cited_by[name])}
        return [path for path in best.values() if shown_at.get(path) == name]

    return [view(claim, cited_by[claim.name], opened(claim.name)) for claim in claims], shown_at


def grouped(views: Sequence[ClaimView]) -> list[tuple[str, list[ClaimView]]]:
    """The claims by what they are about, in the order given, each group with its title."""
    groups: dict[str, list[ClaimView]] = {}
    for shown in views:
        groups.setdefault(GROUPS[shown.claim.group], []).append(shown)
    return list(groups.items())
