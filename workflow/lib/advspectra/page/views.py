"""Claims as the page shows them, in groups, and the pictures beside each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from advspectra.claims.claim import NOT_TESTED, Cells
from advspectra.claims.records import ClaimRecord
from advspectra.page.forest import Panel, panels
from advspectra.page.pictures import Picture, cited
from advspectra.page.verdicts import GROUPS, Mark, finding, mark, part_mark, tally


@dataclass(frozen=True)
class ClaimView:
    """A claim with what the page shows of it.

    pictures : those that it cites. opened : paths of those that it shows unfolded: of each figure the most relevant,
    unless another claim has shown it before.
    """

    claim: ClaimRecord
    pictures: tuple[Picture, ...] = ()
    opened: frozenset[str] = frozenset()

    @property
    def mark(self) -> Mark:
        """How its verdict is shown."""
        return mark(self.claim.verdict)

    @property
    def part_marks(self) -> list[Mark]:
        """How each part is shown."""
        return [part_mark(part) for part in self.claim.parts]

    @property
    def tally(self) -> str:
        """Its parts in a few words."""
        return tally(self.claim)

    @property
    def finding(self) -> str:
        """What was found beyond the verdict."""
        return finding(self.claim)

    @property
    def cells(self) -> Cells | None:
        """The count of its cells; None for a statement."""
        return self.claim.cells

    @cached_property
    def panels(self) -> list[Panel]:
        """Its forest plots."""
        return panels(self.claim.parts)


def views(
    claims: Sequence[ClaimRecord], pictures: Sequence[Picture], attacks: Mapping[str, str], *, with_figures: bool
) -> tuple[list[ClaimView], dict[str, str]]:
    """Return the views of the claims, and for each picture that one shows the name of the first claim that does.

    attacks : the study's, by their roles in claims. with_figures : whether claims show their figures; otherwise the
    figures have a section of their own.
    """
    cited_by = {claim.name: tuple(cited(claim, pictures, attacks)) for claim in claims}
    shown_at: dict[str, str] = {}
    for claim in claims if with_figures else ():
        for picture in cited_by[claim.name] if claim.verdict != NOT_TESTED else ():
            shown_at.setdefault(picture.path, claim.name)

    def opened(name: str) -> frozenset[str]:
        best = {picture.figure: picture.path for picture in reversed(cited_by[name])}
        return frozenset(path for path in best.values() if shown_at.get(path) == name)

    return [ClaimView(claim, cited_by[claim.name], opened(claim.name)) for claim in claims], shown_at


def grouped(views: Sequence[ClaimView]) -> list[tuple[str, list[ClaimView]]]:
    """Return the claims by what they are about, in the order given, each group with its title."""
    groups: dict[str, list[ClaimView]] = {}
    for view in views:
        groups.setdefault(GROUPS[view.claim.group], []).append(view)
    return list(groups.items())
