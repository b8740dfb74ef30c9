"""A table of results: cells are numbers or text, written as CSV (for programs) and as Markdown (for readers)."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO

import numpy as np

from advspectra.statistics.summaries import Estimate, Spread

Cell = str | int | float | Spread | Estimate | None


@dataclass(frozen=True)
class Column:
    """A column: `key` names it in rows and CSV, `title` in Markdown.

    digits : decimals of its numbers in Markdown; None for as many as the number needs.
    significant : `digits` are significant digits, for a column whose rows are of different scales.
    spread : cells are Spreads, two columns `<key>_mean` and `<key>_sd` in CSV.
    interval : cells are Estimates, three columns `<key>`, `<key>_low` and `<key>_high` in CSV.
    optional : left out of Markdown when no row has a value. In CSV every column stands always.
    """

    key: str
    title: str
    digits: int | None = None
    spread: bool = False
    interval: bool = False
    significant: bool = False
    optional: bool = False


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
        """Title, table and notes as Markdown; a missing value is a dash."""
        shown = [
            column
            for column in self.columns
            if not column.optional or any(row.get(column.key) is not None for row in self.rows)
        ]
        lines = [f"**{self.title}**", ""]
        lines.append(_markdown_row(column.title.replace("|", "\\|") for column in shown))
        lines.append(_markdown_row("---" if index == 0 else "---:" for index in range(len(shown))))
        lines += [_markdown_row(_markdown_cell(column, row.get(column.key)) for column in shown) for row in self.rows]
        if self.notes:
            lines += ["", *(f"- {note}" for note in self.notes)]
        return "\n".join(lines) + "\n"


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
        sd = "" if cell.sd is None else f" ± {_number(cell.sd, column)}"
        return _number(cell.mean, column) + sd
    if column.interval:
        ends = "" if cell.low is None else f" [{_number(cell.low, column)}, {_number(cell.high, column)}]"
        return _number(cell.value, column) + ends
    if isinstance(cell, str):
        return cell.replace("|", "\\|")
    return _number(cell, column)


def _number(value: int | float, column: Column) -> str:
    if isinstance(value, int):
        return str(value)
    if column.digits is None:
        return f"{value:g}"
    if column.significant:
        return np.format_float_positional(value, precision=column.digits, unique=False, fractional=False, trim="-")
    return f"{value:.{column.digits}f}"
