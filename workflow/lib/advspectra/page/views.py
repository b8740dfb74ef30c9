"""Claims as the page shows them, by their verdicts, and the pictures of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from advspectra.claims.cells import Cells
from advspectra.claims.claim import CONTRADICTED, ONE_SEED, PARTLY, SUPPORTED, UNDECIDED
from advspectra.claims.records import ClaimRecord
from advspectra.page.forest import Panel, panels
from advspectra.page.pictures import Picture, cited
from advspectra.page.verdicts import CLAIMS, Mark, finding, holm, mark, part_mark, points_its_way, tally

# the claims of one verdict stand together: a name in the page -> (its title, how its verdict is shown)
SHELVES = {
    CONTRADICTED: ("contradicted", "Contradicted", CLAIMS[CONTRADICTED]),
    SUPPORTED: ("supported", "Supported", CLAIMS[SUPPORTED]),
    PARTLY: ("partly", "Supported in part", CLAIMS[PARTLY]),
    UNDECIDED: ("undecided", "Undecided", CLAIMS[UNDECIDED]),
    (ONE_SEED, False): ("other-way", "One seed: some parts point the other way", CLAIMS[ONE_SEED]),
    (ONE_SEED, True): ("its-way", "One seed: all tested parts point the paper's way", CLAIMS[ONE_SEED]),
}


@dataclass(frozen=True)
class ClaimView:
    """A claim with what the page shows of it.

    mark, part_marks : how its verdict and each part are shown. tally : its parts in a few words. finding : what was
    found beyond the verdict. holm : the line on Holm's correction. cells : the count of its cells, None for a
    statement. panels : its forest plots. pictures : those that it cites.
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

    @property
    def verdict(self) -> str:
        """The verdict in words, of one seed and of other images more of them than its mark has."""
        return self.mark.word if self.claim.verdict == PARTLY else self.claim.verdict

    @property
    def noise(self) -> bool:
        """Whether noise has numbers for its cells."""
        return self.cells is not None and self.cells.noise is not None


@dataclass(frozen=True)
class Shelf:
    """The claims of one verdict: its name in the page, its title, the mark of the verdict, the claims."""

    name: str
    title: str
    mark: Mark
    views: tuple[ClaimView, ...]


def view(claim: ClaimRecord, pictures: Sequence[Picture]) -> ClaimView:
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
    )


def views(claims: Sequence[ClaimRecord], pictures: Sequence[Picture], attacks: Mapping[str, str]) -> list[ClaimView]:
    """The views of the claims; attacks : the study's, by their roles in claims."""
    return [view(claim, cited(claim, pictures, attacks)) for claim in claims]


def shelves(views: Sequence[ClaimView]) -> list[Shelf]:
    """The claims by their verdicts, those that decide most first, and in the order given, tables last; claims of one
    seed by whether all their parts point the paper's way.
    """
    members: dict = {key: [] for key in SHELVES}
    for shown in sorted(views, key=lambda view: view.cells is not None):
        verdict = shown.claim.verdict
        key = (ONE_SEED, points_its_way(shown.claim)) if verdict == ONE_SEED else verdict
        members[key].append(shown)
    return [Shelf(*SHELVES[key], tuple(views)) for key, views in members.items() if views]
