"""Cells of the paper's tables: the verdicts of a part, of which a cell is one, and counts of cells."""

from collections.abc import Iterable
from dataclasses import dataclass

# of the paper's standard deviations: how far from its mean a cell may lie
CELL_SDS = 2
HOLDS, FAILS, OPEN, NOT_TESTED = "holds", "fails", "open", "not tested"


@dataclass(frozen=True)
class Cells:
    """Of the cells of one of the paper's tables: how many lie within its bounds, how many are tested, and all.

    noise : how many of those tested noise without a network passes, of the `known` ones for which it is defined; None
    where it is defined for none.
    """

    within: int
    tested: int
    of: int
    noise: int | None = None
    known: int = 0

    @property
    def noise_count(self) -> str:
        """How many noise passes: "13" of all tested, or "8 of 10" where it is defined for fewer; "" for none."""
        if self.noise is None:
            return ""
        return f"{self.noise}" if self.known == self.tested else f"{self.noise} of {self.known}"

    @property
    def noise_in_words(self) -> str:
        """The same in a sentence: "13 of the same 24", or "8 of the 10 of these for which noise is defined"."""
        if self.known == self.tested:
            return f"{self.noise} of the same {self.tested}"
        return f"{self.noise} of the {self.known} of these for which noise is defined"


def passes(value: float | None, bounds: tuple[float | None, float | None], *, strict: bool = False) -> bool:
    """Whether a number lies within bounds, of which None is no bound; None does not. strict : and not on one."""
    low, high = bounds
    if value is None or (strict and value in bounds):
        return False
    return (low is None or value >= low) and (high is None or value <= high)


def cells(parts: Iterable) -> Cells:
    """Count cells, each a part of a claim with its direction, verdict, bounds and noise."""
    parts = list(parts)
    tested = [part for part in parts if part.verdict != NOT_TESTED]
    known = [part for part in tested if part.noise is not None]
    return Cells(
        within=sum(part.direction == HOLDS for part in parts),
        tested=len(tested),
        of=len(parts),
        noise=sum(passes(part.noise, part.bounds) for part in known) if known else None,
        known=len(known),
    )


def cells_in_words(cells: Cells) -> str:
    """A count of cells, with that of noise where it is known: "20 of 24; noise ... passes 13 of the same 24, ...".

    The caveat on the convention stands in the same sentence, since neither count is worth anything without it.
    """
    text = f"{cells.within} of {cells.tested}"
    if cells.noise is None:
        return text
    return (
        f"{text}; noise without any network passes {cells.noise_in_words}, and we chose the convention of the "
        "norms by looking at the paper's tables"
    )
