"""What one artist of a figure shows, as numbers, in the columns of drawn.py."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection, PathCollection
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle, StepPatch
from matplotlib.text import Annotation, Text

COLOURS = ("red", "green", "blue")
SIDE = 64  # pixels of an image, at the most
MATHS = re.compile(r"\$([^$]*)\$")
LETTERS = {
    r"\hat{\delta}": "δ̂", r"\hat{\beta}": "β̂", r"\delta": "δ", r"\beta": "β", r"\alpha": "α", r"\epsilon": "ε",
    r"\phi": "φ", r"\to": "→", r"\times": "×", r"\|": "‖", r"_\infty": "∞", r"\mathrm": "", "^2": "²", "_{0.5}": "₀.₅",
    "_1": "₁", "_2": "₂", "{": "", "}": "", "\\": "",
}  # fmt: skip
Block = dict[str, Any]  # column -> one value, or an array of as many as the block has rows


def plain(text: str) -> str:
    """A text of a figure without TeX, in one line."""

    def of(found: re.Match) -> str:
        maths = found[1]
        for written, letter in LETTERS.items():
            maths = maths.replace(written, letter)
        return maths

    return " ".join(MATHS.sub(of, text).split())


def read(axes: Axes, artist: Artist, scales: Mapping[int, str]) -> Iterator[Block]:
    """What an artist shows; nothing for what is drawn outside the axes' units, or is empty."""
    match artist:
        case Line2D():
            yield from _of_line(axes, artist)
        case BarContainer():
            yield from _of_bars(artist)
        case ErrorbarContainer():
            yield from _of_errorbars(artist)
        case FillBetweenPolyCollection():
            yield from _of_band(artist)
        case StepPatch():
            values, edges, _ = artist.get_data()
            yield {"kind": "histogram", "y": values, "low": edges[:-1], "high": edges[1:]}
        case PathCollection():
            x, y = np.ma.filled(artist.get_offsets().astype(float), np.nan).T
            value = artist.get_array()
            told = {} if value is None else {"value": np.ma.filled(value, np.nan)}
            yield {"kind": "points", "x": x, "y": y, "value_is": scales.get(id(artist.norm), ""), **told}
        case AxesImage():
            yield _of_image(artist, scales)
        case Text():
            yield from _of_text(axes, artist)
        case Rectangle() if not all(_in_units(axes, artist)):
            low, high = artist.get_bbox().get_points()
            yield from _placed(axes, artist, "band", *np.array([low, high]).T)
        case _:
            yield {"kind": type(artist).__name__}


def _in_units(axes: Axes, artist: Artist) -> tuple[bool, bool]:
    """Whether x and y of an artist are in the units of the axes."""
    return artist.get_transform().contains_branch_seperately(axes.transData)


def _placed(axes: Axes, artist: Artist, kind: str, x: np.ndarray, y: np.ndarray) -> Iterator[Block]:
    """Points, without those that are drawn nowhere; of what runs through the whole panel the place alone."""
    there = {name: each for name, each, known in zip("xy", (x, y), _in_units(axes, artist), strict=True) if known}
    if not there:
        return
    if len(there) == 1:
        ((name, values),) = there.items()
        there = {name: np.array(list(dict.fromkeys(values.tolist())))}
    finite = np.all([np.isfinite(each) for each in there.values()], axis=0)
    if finite.any():
        yield {"kind": kind, **{name: each[finite] for name, each in there.items()}}


def _of_line(axes: Axes, line: Line2D) -> Iterator[Block]:
    joined = line.get_linestyle() not in ("None", "none", " ", "")
    yield from _placed(axes, line, "line" if joined else "points", *line.get_xydata().T)


def _of_band(band: FillBetweenPolyCollection) -> Iterator[Block]:
    along, across = (0, 1) if band.t_direction == "x" else (1, 0)
    for path in band.get_paths():
        places, ends = path.vertices[:, along], path.vertices[:, across]
        at = np.unique(places)
        low, high = ([end(ends[places == place]) for place in at] for end in (np.min, np.max))
        yield {"kind": "band", "xy"[along]: at, "low": low, "high": high}


def _of_bars(bars: BarContainer) -> Iterator[Block]:
    across = bars.orientation == "horizontal"
    boxes = [bar.get_bbox() for bar in bars.patches]
    ends = [box.x1 if across else box.y1 for box in boxes]
    middles = [(box.y0 + box.y1) / 2 if across else (box.x0 + box.x1) / 2 for box in boxes]
    place = {"x": ends, "y": middles} if across else {"x": middles, "y": ends}
    yield {"kind": "bar", **place} | _error(bars.errorbar)


def _of_errorbars(bars: ErrorbarContainer) -> Iterator[Block]:
    if bars.lines[0] is not None:
        x, y = bars.lines[0].get_xydata().T
        yield {"kind": "points", "x": x, "y": y} | _error(bars)


def _error(bars: ErrorbarContainer | None) -> Block:
    """The ends of error bars: those along y, if there are bars along both."""
    if bars is None or not bars.lines[2]:
        return {}
    segments = np.array(bars.lines[2][-1].get_segments())  # (bars, ends, coordinates)
    low, high = segments[:, :, 1 if bars.has_yerr else 0].T
    return {"low": low, "high": high}


def _of_image(image: AxesImage, scales: Mapping[int, str]) -> Block:
    values = np.ma.filled(image.get_array().astype(float), np.nan)
    left, right, bottom, top = image.get_extent()
    first, last = (top, bottom) if image.origin == "upper" else (bottom, top)
    rows, columns = values.shape[:2]
    y = first + (np.arange(rows) + 0.5) * (last - first) / rows
    x = left + (np.arange(columns) + 0.5) * (right - left) / columns
    place = {"kind": "image", **dict(zip("xy", np.meshgrid(x, y), strict=True))}
    if values.ndim == 3:
        return place | {name: values[..., channel] for channel, name in enumerate(COLOURS)}
    return place | {"value": values, "value_is": scales.get(id(image.norm), "")}


def coarse(block: Block) -> Block:
    """A block with at most SIDE pixels of an image a side: the means over blocks of as many pixels as that takes."""
    return {name: _means(_means(value).T).T if np.ndim(value) == 2 else value for name, value in block.items()}


def _means(values: np.ndarray) -> np.ndarray:
    """Means over groups of rows."""
    starts = np.arange(0, len(values), -(-len(values) // SIDE))
    return np.add.reduceat(values, starts) / np.diff([*starts, len(values)])[:, None]


def _of_text(axes: Axes, text: Text) -> Iterator[Block]:
    if written := plain(text.get_text()):
        data = text.xycoords == "data" if isinstance(text, Annotation) else all(_in_units(axes, text))
        place = text.xy if isinstance(text, Annotation) else text.get_position()
        yield {"kind": "text", "text": written, **(dict(zip("xy", map(float, place), strict=True)) if data else {})}
