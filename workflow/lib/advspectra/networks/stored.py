"""Networks stored in checkpoints.h5, read back."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from advspectra.files.checkpoints import FORMAT, checkpoint_group
from advspectra.files.hdf5 import attributes_of
from advspectra.machine.memory import naming
from advspectra.networks.build import build_network
from advspectra.networks.shapes import shapes_only

# the initial scale does not matter, as the weights of a checkpoint replace the initial ones
UNSCALED = {"alpha": 1.0, "alpha_scaling": "plain"}


def load_network(path: str | Path, *, name: str, expected: Mapping) -> tuple[torch.nn.Module, dict]:
    """Return the network as it is in the checkpoint `name`, on the CPU, and the arguments that it was built with.

    It is built from the seed of its training: what an architecture draws and does not store, such as an order of the
    pixels, is the same again.
    expected : the values that architecture, options, activation and depth must have.
    Raises ValueError if the file is of another architecture than expected or lacks that checkpoint, or if the entries
    of the checkpoint differ from the network's in name or shape or are not finite. However large a network the file
    claims, it takes no memory until all its entries are known to be in the file.
    """
    with FORMAT.opened(path) as file:
        about = attributes_of(file)
        form = {
            "architecture": about["architecture"],
            "options": _options(path, about["options"]),
            "activation": about["activation"],
            "depth": int(about["depth"]),
            "image_shape": tuple(int(size) for size in about["image_shape"]),
            "classes": int(about["classes"]),
        }
        for key, value in expected.items():
            if form[key] != value:
                raise ValueError(f"{path}: expected a network with {key} {value!r}, found {form[key]!r}")
        group = checkpoint_group(file, name)
        # the network is built only once it is known to be as large as what the file stores
        shapes = {key: getattr(group[key], "shape", "of a group") for key in group}
        _compare(path, name, found=shapes, wanted=_shapes(path, form, entries=len(shapes)))
        tensors = {key: torch.from_numpy(np.asarray(group[key][()])) for key in group}
        seed = int(about.get("seed", 0))  # none in a file that is of no study
    for key, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            entry = f"checkpoint {name!r}, entry {key!r}"
            raise ValueError(f"{path}: {entry}: expected finite values, found NaN or infinity")
    with naming(path, "read"):
        network = build_network(**form, **UNSCALED, seed=seed)
        network.load_state_dict(tensors)
    return network.eval(), form


def _options(path: str | Path, text: str) -> dict:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: options: invalid JSON ({error})") from error


def _shapes(path: str | Path, form: Mapping, *, entries: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a network's entries by name, without memory for its weights.

    entries : how many the file stores. ValueError if no such network can be built, or it has more hidden layers.
    """
    if form["depth"] > entries:
        raise ValueError(f"{path}: depth {form['depth']}: expected at most the {entries} entries that are stored")
    try:
        with shapes_only():
            network = build_network(**form, **UNSCALED, seed=0)
    except (RuntimeError, TypeError, OverflowError) as error:  # of sizes that no tensor can have
        raise ValueError(f"{path}: no network can be built as its attributes say: {error}") from error
    return {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}


def _compare(path: str | Path, name: str, *, found: Mapping[str, tuple], wanted: Mapping[str, tuple]) -> None:
    for key in sorted(found.keys() | wanted.keys()):
        stored, expected = found.get(key, "nothing"), wanted.get(key, "nothing")
        if stored != expected:
            raise ValueError(f"{path}: checkpoint {name!r}, entry {key!r}: expected shape {expected}, found {stored}")
