"""A table of results: cells are numbers or text, written as CSV (for programs) and as Markdown (for readers)."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import StringIO

import numpy as np

from advspectra.statistics.summaries import Estimate, Spread

# the title of the columns that are in no panel, where there are panels
FURTHER = "Seeds and further columns"
Cell = str | int | float | Spread | Estimate | None


@dataclass(frozen=True)
class Column:
    """A column: `key` names it in rows and CSV, `title` in Markdown.

    digits : decimals of its numbers in Markdown; None for as many as the number needs.
    significant : `digits` are significant digits, for a column whose rows are of different scales.
    spread : cells are Spreads, two columns `<key>_mean` and `<key>_sd` in CSV.
    interval : cells are Estimates, three columns `<key>`, `<key>_low` and `<key>_high` in CSV.
    optional : left out of Markdown when no row has a value. In CSV every column stands always.
    panel : in Markdown, columns of one panel have a table of their own, with this title and the table's first column,
    if at least two of them are shown; `within` names the column there.
    limit : numbers farther from 0 are misses, bold in Markdown.
    """

    key: str
    title: str
    digits: int | None = None
    spread: bool = False
    interval: bool = False
    significant: bool = False
    optional: bool = False
    panel: str = ""
    within: str = ""
    limit: float | None = None


@dataclass(frozen=True)
class Table:
    """A title, columns, rows (column key -> cell; an absent key is a blank) and notes, sentences below the table."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Mapping[str, Cell], ...]
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self):
        known = {column.key for column in self.columns}
        for row in self.rows:
            if unknown := sorted(set(row) - known):
                raise ValueError(f"{self.title}: a row has the cell {unknown[0]!r}, which no column has")

    def to_csv(self) -> str:
        """The columns and rows as CSV: numbers to 6 digits and unrounded text, a blank for a missing value."""
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(name for column in self.columns for name in _csv_names(column))
        for row in self.rows:
            writer.writerow(cell for column in self.columns for cell in _csv_cells(column, row.get(column.key)))
        return text.getvalue()

    def to_markdown(self) -> str:
        """Title, table and notes as Markdown; a missing value is a dash. Panels come first, each with its title; the
        columns of none of them follow.
        """
        shown = [
            column
            for column in self.columns
            if not column.optional or any(row.get(column.key) is not None for row in self.rows)
        ]
        panels: dict[str, list[Column]] = {}
        for column in shown[1:]:
            panels.setdefault(column.panel, []).append(column)
        wide = [panel for panel, columns in panels.items() if panel and len(columns) > 1]
        lines = [f"**{self.title}**", ""]
        for panel in wide:
            columns = [replace(column, title=column.within or column.title) for column in panels[panel]]
            lines += [f"**{panel}**", "", *self._grid([shown[0], *columns]), ""]
        further = [column for column in shown[1:] if column.panel not in wide]
        lines += [f"**{FURTHER}**", ""] if wide and further else []
        lines += self._grid([shown[0], *further]) if further or not wide else []
        text = "\n".join(lines).rstrip("\n") + "\n"
        return text + ("\n" + "".join(f"- {note}\n" for note in self.notes) if self.notes else "")

    def _grid(self, columns: Sequence[Column]) -> list[str]:
        """The lines of a Markdown table of these columns."""
        lines = [_markdown_row(column.title.replace("|", "\\|") for column in columns)]
        lines.append(_markdown_row("---" if index == 0 else "---:" for index in range(len(columns))))
        return lines + [
            _markdown_row(_markdown_cell(column, row.get(column.key)) for column in columns) for row in self.rows
        ]


def _csv_names(column: Column) -> list[str]:
    endings = ("_mean", "_sd") if column.spread else ("", "_low", "_high") if column.interval else ("",)
    return [f"{column.key}{ending}" for ending in endings]


def _csv_cells(column: Column, cell: Cell) -> list[str]:
    several = column.spread or column.interval
    values = cell if several and cell is not None else [cell] * len(_csv_names(column))
    return ["" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value) for value in values]


def _markdown_row(cells) -> str:
    return "| " + " | ".join(cells) + " |"


def _markdown_cell(column: Column, cell: Cell) -> str:
    if cell is None:
        return "–"
    if column.spread:
        column = replace(column, digits=_digits(cell.sd, column))
        sd = "" if cell.sd is None else f" ± {_number(cell.sd, column)}"
        return _number(cell.mean, column) + sd
    if column.interval:
        ends = "" if cell.low is None else f" [{_number(cell.low, column)}, {_number(cell.high, column)}]"
        return _number(cell.value, column) + ends
    if isinstance(cell, str):
        return cell.replace("|", "\\|")
    missed = column.limit is not None and abs(cell) > column.limit
    return f"**{_number(cell, column)}**" if missed else _number(cell, column)


def _digits(sd: float | None, column: Column) -> int | None:
    """The decimals that show two digits of a standard deviation, at most those of its column."""
    if not sd or not math.isfinite(sd) or column.digits is None:
        return column.digits
    return min(column.digits, max(0, 1 - math.floor(math.log10(sd))))


def _number(value: int | float, column: Column) -> str:
    if isinstance(value, int):
        return str(value)
    if column.digits is None:
        return f"{value:g}"
    if column.significant:
        return np.format_float_positional(value, precision=column.digits, unique=False, fractional=False, trim="-")
    return f"{value:.{column.digits}f}"
