"""What a figure shows, as numbers: one tidy table read from the finished figure, so that no figure writes its own.

A row is a point of a line, a bin, a bar, a frequency or a pixel. The columns:
  panel        number in reading order, of the panels that show something
  panel_title  the row of panels, then the title of the panel or, if it has none, of its column
  x_axis, y_axis   the label; of a panel without one that of its column or row of panels
  series       what the artist's `label` says: network, checkpoint, end of a line
  kind         line, points (not joined), band, bar, histogram, image, text
  x, y         in the units of the axes; blank where a line, or the edge of a band, runs through all of the panel
  low, high    the ends of a band at x, of the error bar of a bar or a point, of a bin
  value        of a bin of an image, and of a point that its colour tells; value_is says of what
  red, green, blue   of a pixel, where an image has three channels
  text         words and numbers written into the panel

Left out: colour bars, legends, ticks, titles of whole figures, hidden parts, and decorations (below). Texts are plain,
without TeX. A number has seven significant digits, a colour five. Images of more than 64 pixels a side have a row for
each mean over a block of pixels. What this module cannot read has a row with its class as `kind` and no numbers.

For a new figure: give each artist a `label`; with "_" before it, it makes no entry in a legend. The label DECORATION
is of what shows no data, ROW of the text that names a row of panels. Where what is drawn is not the number itself (a
colour between 0 and 1 for a perturbation, the end of an axis for what lies beyond it), `stands_for` says the number.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure

from advspectra.drawing.artists import COLOURS, Block, coarse, plain, read

HEAD = ("panel", "panel_title", "x_axis", "y_axis", "series", "kind")
NUMBERS = ("x", "y", "low", "high", "value")
COLUMNS = (*HEAD, *NUMBERS, "value_is", *COLOURS, "text")
DECORATION, ROW = "_decoration", "_row of panels"
UNNAMED = re.compile(r"_(child|container)\d+|_nolegend_")


def stands_for(artist: Artist, **columns: Any) -> None:
    """Say what an artist, or all in a panel, stands for, where this is not what is drawn: values of COLUMNS.

    A text, or for each row of the artist a text of a list or a number of an array; of an image (H, W).
    """
    artist.stands_for = _meant(artist) | columns


def table(figure: Figure) -> str:
    """All that a figure shows, as CSV with a row of COLUMNS first."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for block in blocks(figure):
        writer.writerows(_rows(block))
    return text.getvalue()


def blocks(figure: Figure) -> Iterator[Block]:
    """What each artist of a figure shows: a dict of COLUMNS, those without a value left out."""
    panels = [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != "<colorbar>"]
    scales = _scales(panels)
    number = 0
    for axes in panels:
        if shown := list(_shown(axes, scales)):
            number += 1
            head = {
                "panel": number,
                "panel_title": _title(axes, panels),
                "x_axis": _axis(axes, "x", panels),
                "y_axis": _axis(axes, "y", panels),
            }
            yield from (head | _meant(axes) | block for block in shown)


def _rows(block: Block) -> Iterator[Sequence[str]]:
    """The rows of a block, as text."""
    length = max((np.size(value) for value in block.values()), default=1)
    columns = []
    for name in COLUMNS:
        values = block.get(name, "")
        if isinstance(values, str | int):
            columns.append([str(values)] * length)
        elif isinstance(values, list) and isinstance(values[0], str):
            columns.append(values)
        else:
            numbers = np.broadcast_to(np.ravel(np.asarray(values, dtype=float)), length) + 0.0  # and no -0
            digits = 5 if name in COLOURS else 7
            columns.append([f"{number:.{digits}g}" if np.isfinite(number) else "" for number in numbers.tolist()])
    return zip(*columns, strict=True)


def _shown(axes: Axes, scales: Mapping[int, str]) -> Iterator[Block]:
    """What each artist of a panel shows, without what is the same for all of the panel."""
    containers = [one for one in axes.containers if isinstance(one, BarContainer | ErrorbarContainer)]
    of_bars = [one.errorbar for one in containers if isinstance(one, BarContainer)]
    inside = {id(part) for container in containers for part in container.get_children()}
    artists = [*axes.lines, *axes.collections, *axes.patches, *axes.images, *axes.texts, *axes.tables, *axes.artists]
    containers = [one for one in containers if one not in of_bars]
    for artist in [*containers, *(one for one in artists if id(one) not in inside)]:
        label = str(artist.get_label() or "")
        visible = (
            all(part.get_visible() for part in artist.get_children()) if artist in containers else artist.get_visible()
        )
        if label in (DECORATION, ROW) or not visible:
            continue
        series = "" if UNNAMED.fullmatch(label) else plain(label.lstrip("_"))
        for block in read(axes, artist, scales):
            yield coarse({"series": series} | block | _meant(artist))


def _scales(panels: Sequence[Axes]) -> dict[int, str]:
    """What a colour bar says of a scale, by the scale's id."""
    drawn = [one for axes in panels for one in (*axes.images, *axes.collections) if one.colorbar is not None]
    bars = {id(one.norm): one.colorbar.ax for one in drawn}
    return {scale: plain(bar.get_ylabel() or bar.get_xlabel()) for scale, bar in bars.items()}


def _title(axes: Axes, panels: Sequence[Axes]) -> str:
    titles = [" ".join(filter(None, (axes.get_title(where) for where in ("left", "center", "right"))))]
    titles += [one.get_title() for one in _beside(axes, "column", panels)]  # in the centre: at the sides is its own
    rows = (text.get_text() for one in _beside(axes, "row", panels) for text in one.texts if text.get_label() == ROW)
    return plain(", ".join(filter(None, (next(rows, ""), next(filter(None, titles), "")))))


def _axis(axes: Axes, name: str, panels: Sequence[Axes]) -> str:
    ticks, whole = getattr(axes, f"get_{name}ticks")(), getattr(axes.get_figure(root=False), f"get_sup{name}label")()
    if not axes.axison or not len(ticks):
        return ""
    labels = [
        getattr(one, f"get_{name}label")() for one in (axes, *_beside(axes, "column" if name == "x" else "row", panels))
    ]
    return plain(next(filter(None, labels), whole))


def _beside(axes: Axes, line: str, panels: Sequence[Axes]) -> list[Axes]:
    """The panels of the same row or column of a grid, from the first; the panel alone, if it is in no grid."""
    places = {id(one): spec for one in panels if (spec := one.get_subplotspec()) is not None}
    if (own := places.get(id(axes))) is None:
        return [axes]
    span = "rowspan" if line == "row" else "colspan"
    return [
        one
        for one in panels
        if (other := places.get(id(one))) is not None
        and other.get_gridspec() is own.get_gridspec()
        and getattr(other, span) == getattr(own, span)
    ]


def _meant(artist: Artist) -> Block:
    """What stands_for said of an artist."""
    meant = getattr(artist, "stands_for", {})
    return {name: plain(value) if isinstance(value, str) else value for name, value in meant.items()}
