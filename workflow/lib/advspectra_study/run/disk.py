"""The size of a study on disk, by kinds of files, and which disk is full."""

import errno
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

FOLDERS = ("figures", "tables", "logs", "benchmarks")
UNITS = ("B", "kB", "MB", "GB", "TB")


def size_on_disk(folder: str | Path) -> str:
    """The size of all files in results/<study>, and of each kind that is a hundredth or more of it, in words.

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
    """A number of bytes with three digits and a decimal unit, "41.2 MB"."""
    for unit in UNITS:
        if size < 999.5 or unit == UNITS[-1]:
            return f"{size:.3g} {unit}"
        size /= 1000


def lacks_room(text: str) -> bool:
    """Whether an error says that a disk is full."""
    return any(os.strerror(number) in text for number in (errno.ENOSPC, errno.EDQUOT))


def full_disks(folders: Iterable[str | Path]) -> str:
    """Which disks of the folders have no room, in words: less than 1 MB, or no number for another file."""
    absolute = [Path(folder).absolute() for folder in folders]
    places = [next(path for path in (folder, *folder.parents) if path.exists()) for folder in absolute]
    said = []
    for place in dict.fromkeys(places):
        disk = os.statvfs(place)
        free = disk.f_bavail * disk.f_frsize
        if free < 10**6 or (disk.f_files and not disk.f_favail):
            mount = next(path for path in (place, *place.parents) if path.is_mount())
            what = f"{readable(free)} left of {readable(disk.f_blocks * disk.f_frsize)}"
            files = "" if disk.f_favail or not disk.f_files else ", no more files"
            said.append(f"the disk of {place} ({mount}) is full: {what}{files}")
    return "; ".join(said) or f"full, or at its quota, is a disk of {', '.join(map(str, dict.fromkeys(places)))}"
