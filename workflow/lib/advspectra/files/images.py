"""images.h5: the images of a study for training and testing, and their classes.

Pixel values are 0 to 255. Labels count the class names from 0.

Root attributes: the source, which says where the images come from, and its checksums.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from advspectra.files.hdf5 import DIGEST, attributes_of
from advspectra.files.layout import Array, Format

FORMAT = Format(
    "images",
    1,
    {
        "train/images": Array("N C H W", "uint8", "1/255", "train images (image, channel, row, column)"),
        "train/labels": Array("N", "int64", "1", "train labels, index into class_names"),
        "test/images": Array("M C H W", "uint8", "1/255", "test images (image, channel, row, column)"),
        "test/labels": Array("M", "int64", "1", "test labels, index into class_names"),
        "class_names": Array("K", "text", "1", "class names"),
    },
)
FORMAT_ATTRIBUTES = ("format", "format_version", DIGEST)


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Training and test images with their labels; ValueError if the parts do not fit together.

    train_images, test_images : (N, C, H, W) uint8, the same C, H and W in both.
    train_labels, test_labels : (N,) int64 in 0..K-1; each of the K >= 2 classes is present in both.
    class_names : K different strings.
    source : where the images come from, with checksums.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...]
    source: Mapping[str, str | int | float]

    def __post_init__(self) -> None:
        names = self.class_names
        if len(names) < 2 or len(set(names)) < len(names) or not all(names):
            raise ValueError(f"class_names: expected 2 or more different names, found {list(names)}")
        for split, images, labels in (
            ("train", self.train_images, self.train_labels),
            ("test", self.test_images, self.test_labels),
        ):
            if images.ndim != 4 or images.dtype != np.uint8 or 0 in images.shape:
                raise ValueError(
                    f"{split}_images: expected a filled (N, C, H, W) uint8 array, found {images.shape} {images.dtype}"
                )
            _check_labels(f"{split}_labels", labels, images=len(images), class_names=names)
        train, test = self.train_images.shape[1:], self.test_images.shape[1:]
        if train != test:
            raise ValueError(f"test_images: expected (C, H, W) = {train} as in train_images, found {test}")
        reserved = set(FORMAT_ATTRIBUTES) & set(self.source)
        if reserved:
            raise ValueError(f"source: the keys {sorted(reserved)} are reserved for the file format")


def write_images(path: str | Path, images: ImageSet) -> None:
    """Write `images` to `path`; the file appears whole or not at all."""
    encoded = [name.encode("utf-8") for name in images.class_names]
    names = np.array(encoded, dtype=h5py.string_dtype("utf-8", length=max(map(len, encoded))))
    parts = ("train/images", "train/labels", "test/images", "test/labels")
    arrays = {part: getattr(images, part.replace("/", "_")) for part in parts}
    FORMAT.write_file(path, arrays | {"class_names": names}, attributes=images.source)


def read_images(path: str | Path) -> ImageSet:
    """The image set stored at `path`; its images are a read-only map of the file, not a copy.

    The operating system keeps the parts in use in memory, once for all processes, so that a set larger than the memory
    can be read, too. Raises ValueError, naming the file, if it is damaged or foreign, or its parts do not fit together.
    """
    with FORMAT.opened(path) as file:
        arrays = {}
        for split in ("train", "test"):
            arrays[f"{split}_images"] = _mapped(file[split]["images"])
            arrays[f"{split}_labels"] = file[split]["labels"][...]
        names = tuple(file["class_names"].asstr()[...])
        stored = {key: value for key, value in attributes_of(file).items() if key not in FORMAT_ATTRIBUTES}
        source = {key: value.item() if isinstance(value, np.generic) else value for key, value in stored.items()}
    try:
        return ImageSet(**arrays, class_names=names, source=source)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _mapped(dataset: h5py.Dataset) -> np.ndarray:
    """A map of the file for an uncompressed dataset of bytes, which `write_images` makes; a copy of any other."""
    offset = dataset.id.get_offset()  # in the file; None unless the values lie there in one piece
    if offset is None or dataset.dtype != np.uint8:
        return dataset[...]
    return np.memmap(dataset.file.filename, dtype=np.uint8, mode="r", offset=offset, shape=dataset.shape)


def _check_labels(name: str, labels: np.ndarray, *, images: int, class_names: tuple[str, ...]) -> None:
    if labels.shape != (images,) or labels.dtype != np.int64:
        raise ValueError(f"{name}: expected shape ({images},) int64, found {labels.shape} {labels.dtype}")
    classes = len(class_names)
    if labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"{name}: expected values in 0..{classes - 1}, found {labels.min()}..{labels.max()}")
    counts = np.bincount(labels, minlength=classes)
    missing = [class_names[index] for index in np.flatnonzero(counts == 0)]
    if missing:
        raise ValueError(f"{name}: expected images of each class, found none of {missing}")
