"""A part's rows: one CSV file, written anew with each row, so that what is finished is never lost."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from advspectra.table import Cell, Column, Table

# of the clock that the parts share, time.time(): when the part has to be done
DEADLINE = "ADVSPECTRA_GPU_DEADLINE"


class Rows:
    """The rows of one part, in the file OUT/<name>.csv."""

    def __init__(self, out: Path, name: str, columns: Sequence[Column]):
        self.path, self.columns, self.rows = out / f"{name}.csv", tuple(columns), []

    def add(self, **row: Cell) -> None:
        """Add a row, by the keys of the columns, and write the file."""
        self.rows.append(row)
        temporary = self.path.with_suffix(".part")
        temporary.write_text(Table("", self.columns, tuple(self.rows)).to_csv())
        temporary.replace(self.path)
        print(", ".join(f"{name} {_short(value)}" for name, value in row.items()), flush=True)


def _short(value: Cell) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def seconds_left() -> float:
    """Return how long the part that this process is has still to run."""
    return float(os.environ.get(DEADLINE, "inf")) - time.time()
