"""A folder of train/<class>/<image> and test/<class>/<image>, and what the names in it, or in an archive, may be.

Nothing is skipped but what a desktop puts there by itself (advspectra.files.litter).
"""

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from advspectra.files.litter import is_litter

SPLITS = ("train", "test")
# Against files made to fill the memory; photographs stay far below.
BYTE_LIMIT = 256 * 2**20  # of one encoded image

# split, class, file name
Key = tuple[str, str, str]


def folder_entries(folder: Path) -> Iterator[tuple[Key, bytes]]:
    """Yield the key and the content of each file of a folder, sorted."""
    for split in _listed(folder):
        if split.name not in SPLITS or not split.is_dir():
            raise ValueError(f"image_folder: expected only the folders train and test in {folder}, found {split.name}")
        for category in _listed(split):
            if not category.is_dir():
                raise ValueError(f"image_folder: expected class folders in {split}, found {category.name}")
            files = _listed(category)
            if not files:
                raise ValueError(f"image_folder: {category} is empty, expected images")
            for file in files:
                if not file.is_file():
                    raise ValueError(f"image_folder: expected image files in {category}, found {file.name}")
                if file.stat().st_size > BYTE_LIMIT:
                    raise ValueError(f"image_folder: {file} has more than {BYTE_LIMIT} bytes")
                yield (split.name, category.name, file.name), file.read_bytes()


def _listed(folder: Path) -> list[Path]:
    """The paths in a folder, sorted; ValueError for a name that is not plain text or is hidden."""
    for path in (paths := sorted(path for path in folder.iterdir() if not is_litter(path.name))):
        check_name(path.name, where=f"image_folder: {folder}: {path.name!r}")
        check_shown(path.name, where=f"image_folder: {folder}: {path.name!r}")
    return paths


def check_name(name: str, *, where: str) -> None:
    """Raise ValueError for control characters, which a terminal would obey, and for bytes that are not UTF-8."""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise ValueError(f"{where}: expected a name without control characters, in UTF-8")


def check_shown(*names: str, where: str) -> None:
    """Raise ValueError for a hidden file or folder, which a program may have put there unseen."""
    if hidden := [name for name in names if name.startswith(".")]:
        raise ValueError(f"{where}: {hidden[0]} is hidden, as its name begins with a dot: remove it, or rename it")
