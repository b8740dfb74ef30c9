"""The size of a study on disk, by kinds of files."""

from collections import Counter
from pathlib import Path

FOLDERS = ("figures", "tables", "logs", "benchmarks")
UNITS = ("B", "kB", "MB", "GB", "TB")


def size_on_disk(folder: str | Path) -> str:
    """Return the size of all files in results/<study>, and of each kind that is a hundredth or more of it, in words.

    An HDF5 file goes by its name, one in a folder of FOLDERS by that, all else is `others`.
    """
    sizes = Counter()
    for path in Path(folder).rglob("*"):
        if path.is_file():
            top = path.relative_to(folder).parts[0]
            kind = path.stem if path.suffix == ".h5" else top if top in FOLDERS else "others"
            sizes[kind] += path.stat().st_size
    total = sizes.total()
    shown = [f"{kind} {readable(size)}" for kind, size in sizes.most_common() if size >= total / 100]
    return f"{readable(total)} on disk" + (f": {', '.join(shown)}" if total else "")


def readable(size: float) -> str:
    """Return a number of bytes with three digits and a decimal unit, "41.2 MB"."""
    for unit in UNITS:
        if size < 999.5 or unit == UNITS[-1]:
            return f"{size:.3g} {unit}"
        size /= 1000
