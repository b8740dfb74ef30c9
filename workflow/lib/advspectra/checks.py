"""Whether a result file is as its format says: its digest, its arrays, and the networks or images that it holds."""

from pathlib import Path

from advspectra.files.formats import FORMATS
from advspectra.files.hdf5 import attributes_of
from advspectra.files.images import read_images
from advspectra.networks.stored import load_network


def check_result(path: str | Path, *, kind: str) -> tuple[dict, dict[str, int]]:
    """The root attributes of a file of one kind, and the sizes that the letters of its table stand for.

    Raises ValueError for the first fault. Of a checkpoints.h5 the network of each checkpoint is built.
    """
    with FORMATS[kind].opened(path) as file:
        attributes, sizes = attributes_of(file), FORMATS[kind].check(file)
        checkpoints = list(file["states"]) if kind == "checkpoints" else []
    if kind == "images":
        read_images(path)
    for name in checkpoints:
        load_network(path, name=name, expected={})
    return attributes, sizes
