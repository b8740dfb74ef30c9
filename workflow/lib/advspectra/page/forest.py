"""Forest plots: where the marks of a claim's parts stand along an axis, in percent of the plot's width.

One row for each part: its value and 95 % interval, each seed, the paper's value, and the region in which the part is
true. Rows in one unit share a panel, so that they can be compared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.ticker import MaxNLocator

from advspectra.claims.records import PartRecord
from advspectra.page.words import number

UNITS = {
    "ratio": "left / right \N{MINUS SIGN} 1, in percent",
    "difference": "left \N{MINUS SIGN} right",
    "value": "value",
    "sd": "distance from the paper's mean, in its standard deviations",
    "cell": "distance from the paper's number",
}
# of the span of values and bounds: so far an interval may reach beyond them before it is cut, and the axis beyond all
REACH, MARGIN = 0.6, 0.05


@dataclass(frozen=True)
class Row:
    """The marks of a part; `true` is the region in which it is true, `bounds` those ends of it that are thresholds.

    cut : whether the interval extends beyond the left and the right end of the axis.
    """

    part: int
    value: float
    interval: tuple[float, float] | None
    cut: tuple[bool, bool]
    seeds: tuple[float, ...]
    paper: float | None
    true: tuple[float, float]
    bounds: tuple[float, ...]


@dataclass(frozen=True)
class Panel:
    """Rows on one axis; ticks are (place, label)."""

    unit: str
    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, str], ...]


def panels(parts: Sequence[PartRecord]) -> list[Panel]:
    """The panels of the parts of a claim that were tested, in the order of UNITS."""
    tested = [(index, part) for index, part in enumerate(parts) if part.value is not None]
    by_unit = {unit: [(index, part) for index, part in tested if _unit(part) == unit] for unit in UNITS}
    return [_panel(UNITS[unit], members) for unit, members in by_unit.items() if members]


def _unit(part: PartRecord) -> str:
    if part.is_cell:
        return "cell" if part.paper.sd is None else "sd"
    return "ratio" if part.ratio else "difference" if part.right else "value"


def _scale(part: PartRecord) -> Callable[[float | None], float | None]:
    """The function from a value of the part to its place in the panel's unit."""
    origin, step = 0.0, 0.01 if part.ratio else 1.0
    if part.is_cell:
        origin, step = part.paper.value, part.paper.sd or 1.0
    return lambda value: None if value is None else (value - origin) / step


def _panel(title: str, members: Sequence[tuple[int, PartRecord]]) -> Panel:
    scaled = [(index, part, _scale(part)) for index, part in members]
    points, ends = [], []
    for _, part, scale in scaled:
        points += [scale(value) for value in (part.value, *part.bounds, _paper(part)) if value is not None]
        points += [scale(seed.value) for seed in part.seeds]
        ends += [scale(end) for end in (part.low, part.high) if end is not None]
    low, high = min(points), max(points)
    span = (high - low) or abs(high) or 1.0
    low, high = max(min([low, *ends]), low - REACH * span), min(max([high, *ends]), high + REACH * span)
    margin = MARGIN * (high - low) or span  # all in one place
    low, high = low - margin, high + margin

    def place(value: float) -> float:
        return round(100 * (min(max(value, low), high) - low) / (high - low), 2)

    ticks = MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    return Panel(
        title,
        tuple(_row(index, part, scale, place, low, high) for index, part, scale in scaled),
        tuple((place(tick), number(float(tick))) for tick in ticks if low <= tick <= high),
    )


def _row(index: int, part: PartRecord, scale: Callable, place: Callable, low: float, high: float) -> Row:
    interval = [scale(part.low), scale(part.high)]
    ends = None if None in interval else tuple(place(end) for end in interval)
    bounds = [scale(bound) for bound in part.bounds]
    paper = scale(_paper(part))
    return Row(
        part=index + 1,
        value=place(scale(part.value)),
        interval=ends,
        cut=(False, False) if ends is None else (interval[0] < low, interval[1] > high),
        seeds=tuple(place(scale(seed.value)) for seed in part.seeds),
        paper=None if paper is None else place(paper),
        true=(0.0 if bounds[0] is None else place(bounds[0]), 100.0 if bounds[1] is None else place(bounds[1])),
        bounds=tuple(place(bound) for bound in bounds if bound is not None),
    )


def _paper(part: PartRecord) -> float | None:
    return part.paper and part.paper.value
