"""Images from a folder or a tar archive of train/<class>/<image> and test/<class>/<image>.

Links are followed in a folder, which is the user's own, and refused in an archive, which may be a stranger's. Every
file must be an image in its place: nothing is skipped but what a desktop puts there (advspectra.files.litter).
Names that begin with a dot are refused: such a folder, as .ipynb_checkpoints, is no class.

Images have as many rows as columns: frequencies are in cycles/image, and a ring of equal radius, over which spectra are
summed, is a circle in cycles/pixel only then.
"""

import hashlib
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from advspectra.files.images import ImageSet
from advspectra.machine import memory
from advspectra.sources.decoding import decode
from advspectra.sources.image_archive import archive_entries
from advspectra.sources.image_tree import SPLITS, Key, folder_entries

SPEC = {
    "options": {
        "path": {
            "type": "string",
            "minLength": 1,
            "description": "folder or tar archive (.tar, .gz, .bz2, .xz); relative to the working directory",
        },
        "image_size": {
            "type": ["array", "null"],
            "items": {"type": "integer", "minimum": 1},
            "minItems": 2,
            "maxItems": 2,
            "default": None,
            "description": "height and width (pixels), equal; null: those of the images, which must all be alike",
        },
        "resize": {
            "enum": ["none", "nearest", "bilinear", "bicubic", "lanczos"],
            "default": "none",
            "description": "filter for images of another size than image_size; none: that is an error",
        },
        "channels": {"enum": [1, 3], "default": 3, "description": "3: RGB; 1: gray (.299 R + .587 G + .114 B)"},
    },
    "required": ["path"],
    "reads": ["path"],
}

ENTRY_BYTES = 1000  # of memory for an image, besides its pixels

Images = dict[Key, np.ndarray]  # (C, H, W) uint8 each


def load(*, path: str, image_size: list[int] | None, resize: str, channels: int) -> ImageSet:
    """The images of a folder or archive, ordered by class, then name; no EXIF rotation.

    image_size : [H, W], or None if all images have one size. resize : Pillow filter, or "none".
    Of a JPEG with further pictures in it (MPO, as phones and cameras write), the first one counts, which viewers show.
    Raises ValueError, naming the file, if one is not an image in its place, has another size and resize is
    "none", is not square, is transparent or not 8-bit; if train and test differ in classes, or a class is empty; if the
    archive is damaged or holds links; if the images take more than a quarter of the memory that is left to the job.
    """
    location = Path(path)
    if image_size is None and resize != "none":
        raise ValueError(f"image_folder: resize {resize!r} needs image_size, found null")
    digest = hashlib.sha256()
    if location.is_dir():
        entries = _hashed(folder_entries(location), digest)
    elif location.is_file():
        entries = archive_entries(location)
    else:
        hint = "; ~ is not expanded here, write the folder out" if path.startswith("~") else ""
        raise ValueError(f"image_folder: expected a folder or a tar archive at {path}, found neither{hint}")
    size = None if image_size is None else (int(image_size[0]), int(image_size[1]))
    images = _decoded(entries, path=path, size=size, resize=resize, channels=channels)
    classes = _classes(images, path=path)
    if location.is_dir():
        checksum = {"folder_sha256": digest.hexdigest()}
    else:
        with open(location, "rb") as file:
            checksum = {"archive_sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    arrays = {}
    for split in SPLITS:
        keys = sorted(key for key in images if key[0] == split)
        arrays[f"{split}_images"] = np.stack([images[key] for key in keys])
        arrays[f"{split}_labels"] = np.array([classes.index(key[1]) for key in keys], dtype=np.int64)
    source = {"source": "image_folder", "name": location.resolve().name, "resize": resize, **checksum}
    return ImageSet(**arrays, class_names=classes, source=source)


def _hashed(entries: Iterable[tuple[Key, bytes]], digest) -> Iterator[tuple[Key, bytes]]:
    """Yield the entries, and add their names and contents to the digest."""
    for key, data in entries:
        digest.update(f"{'/'.join(key)}\0{hashlib.sha256(data).hexdigest()}\n".encode())
        yield key, data


def _decoded(
    entries: Iterable[tuple[Key, bytes]], *, path: str, size: tuple[int, int] | None, resize: str, channels: int
) -> Images:
    """The images of all entries, of one square size; size : (H, W), None for that of the first image."""
    images: Images = {}
    most, held = memory.budget() // 2, 0  # the images are held twice while they are put in order
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for key, data in entries:
            name = "/".join(key)
            if key in images:
                raise ValueError(f"image_folder: {path}: {name} occurs twice")
            images[key] = decode(data, name=f"{path}: {name}", size=size, resize=resize, channels=channels)
            size = size or images[key].shape[1:]
            if size[0] != size[1]:
                raise ValueError(
                    f"image_folder: {path}: {name} has {size[0]} x {size[1]} pixels; spectra, summed over rings of "
                    "equal cycles/image, need as many rows as columns: choose image_size and a resize filter, as "
                    f"image_size: [{min(size)}, {min(size)}], resize: bicubic"
                )
            held += images[key].nbytes + ENTRY_BYTES + sum(map(len, key))
            if held > most:
                raise ValueError(
                    f"image_folder: {path}: the images take more than {most} bytes of memory, {memory.why()}"
                )
    return images


def _classes(images: Images, *, path: str) -> tuple[str, ...]:
    """The class names, sorted; ValueError unless train and test have the same."""
    train, test = ({key[1] for key in images if key[0] == split} for split in SPLITS)
    for split, missing in (("train", test - train), ("test", train - test)):
        if missing:
            raise ValueError(f"image_folder: {path}: {split} has no images of the classes {sorted(missing)}")
    if len(train) < 2:
        raise ValueError(f"image_folder: {path}: expected 2 or more classes in train/, found {sorted(train)}")
    return tuple(sorted(train))
