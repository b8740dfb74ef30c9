"""A plan for power: for each open part how many seeds, or images, would decide it, and what they would cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advspectra.claims.cells import OPEN
from advspectra.claims.records import ClaimRecord, PartRecord
from advspectra.claims.terms import network
from advspectra.networks.identity import NetworkIdentity
from advspectra.statistics.summaries import Estimate
from advspectra.table import Column, Table

HOUR = 3600
COLUMNS = (
    Column("claim", "claim"),
    Column("part", "part"),
    Column("statement", "what it states"),
    Column("value", "value [95 %]", 3, interval=True, significant=True),
    Column("bounds", "true"),
    Column("seeds", "seeds"),
    Column("seeds_needed", "needed"),
    Column("seeds_hours", "core-hours", 2, significant=True),
    Column("images", "images"),
    Column("images_needed", "needed"),
    Column("images_hours", "core-hours", 2, significant=True),
)


@dataclass(frozen=True)
class Price:
    """Seconds of one core for one more seed of a network, and by attack for one more image of one of its seeds."""

    network: NetworkIdentity
    seed: float
    image: Mapping[str, float]
    jobs: int
    measured: int

    @classmethod
    def of(cls, price: Mapping[str, Any]) -> "Price":
        """Take an entry of advspectra_study.plan.prices."""
        about = ("network", "activation", "depth", "alpha")
        rest = {name: price[name] for name in ("seed", "image", "jobs", "measured")}
        return cls(NetworkIdentity(*(price[name] for name in about)), **rest)


def power(claims: Sequence[ClaimRecord], prices: Sequence[Price], attacks: Mapping[str, str]) -> Table:
    """The table of the open parts, with their prices.

    attacks : those of the study by their roles in claims.
    """
    parts = [(claim, place, part) for claim in claims for place, part in enumerate(claim.parts, 1)]
    open_parts = [(claim, place, part) for claim, place, part in parts if part.verdict == OPEN]
    rows = tuple(
        {
            "claim": claim.name,
            "part": place,
            "statement": part.statement,
            "value": Estimate(part.value, part.low, part.high),
            "bounds": _bounds(part),
            "seeds": part.seed_count,
            "seeds_needed": part.seeds_needed,
            "seeds_hours": _hours(sum(seeds.values()) if (seeds := _seeds(part, prices)) else None),
            "images": part.images,
            "images_needed": part.images_needed,
            "images_hours": _hours(_images(part, prices, attacks)),
        }
        for claim, place, part in open_parts
    )
    notes = _notes([part for _, _, part in open_parts], prices)
    return Table(f"Open parts of claims: {len(rows)} of {len(parts)}", COLUMNS, rows, tuple(notes))


def _notes(parts: Sequence[PartRecord], prices: Sequence[Price]) -> list[str]:
    more: dict[NetworkIdentity, float] = {}
    for part in parts:
        for one, cost in _seeds(part, prices).items():
            more[one] = max(more.get(one, 0.0), cost)
    jobs, measured = (sum(getattr(price, name) for price in prices) for name in ("jobs", "measured"))
    decided = sum(part.seeds_needed is not None for part in parts)
    hours = sum(more.values()) / HOUR
    return [
        f"Seeds would decide {decided} of these parts, all together for {hours:.3g} core-hours: each network once, "
        "with as many seeds as the part that needs most.",
        "Needed: seeds, or images of each seed, in all, after which the 95 % interval would lie wholly inside or "
        "outside the bounds if values and spread stay as they are. A dash: a hundred seeds would not do, or unknown.",
        "A seed is one more run of each network that the part compares, with all of its attacks. More images are those "
        "of the part's attacks on each of its seeds.",
        f"Prices: as measured for {measured} of {jobs} jobs, as estimated for the others.",
    ]


def _seeds(part: PartRecord, prices: Sequence[Price]) -> dict[NetworkIdentity, float]:
    """The seconds that the seeds take which the part lacks, by network: as many as its side has too few."""
    seconds: dict[NetworkIdentity, float] = {}
    for side in (part.left, part.right) if part.seeds_needed else ():
        for named in (side.network, side.over) if side else ():
            for price in prices if named else ():
                if network(named).includes(price.network):
                    cost = price.seed * max(part.seeds_needed - len(side.seeds), 0)
                    seconds[price.network] = max(seconds.get(price.network, 0.0), cost)
    return seconds


def _images(part: PartRecord, prices: Sequence[Price], attacks: Mapping[str, str]) -> float | None:
    """The seconds that the images take which the part lacks."""
    if part.images_needed is None or part.images is None:
        return None
    sides = [side for side in (part.left, part.right) if side is not None]
    of_sides = {(named, attacks.get(side.attack)) for side in sides for named in (side.network, side.over) if named}
    each = [
        price.image[attack]
        for named, attack in of_sides
        for price in prices
        if attack in price.image and network(named).includes(price.network)
    ]
    return (part.images_needed - part.images) * part.seed_count * sum(each) if each else None


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / HOUR


def _bounds(part: PartRecord) -> str:
    low, high = (None if bound is None else f"{bound:.4g}" for bound in part.bounds)
    return f"< {high}" if low is None else f"> {low}" if high is None else f"{low} to {high}"
