"""checkpoints.h5: the states of one training (format version 1), the only form in which networks are stored.

Group `states/<name>` holds one dataset for each entry of the network's state, with the attributes `step`, `epoch`,
`test_accuracy`, of that state on the whole test set, and `content_sha256`, the digest of the group; group `history` one
dataset for each column, a value for each epoch. Root attributes: the identity of the run, how the network is built
(`architecture`, `options` as JSON, `activation`, `depth`, `image_shape`, `classes`), `learning_rate`, `tries` (JSON:
the rates of a search and their outcome), `best_epoch`, `train_accuracy` and `test_accuracy` of the best epoch, and
`history_sha256`, the digest of history.csv. Accuracies are fractions.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import torch

from advspectra.files.hdf5 import (
    DIGEST,
    add,
    attributes_of,
    content_sha256,
    create,
    open_checked,
    replacing,
    set_attributes,
)
from advspectra.machine.memory import naming
from advspectra.networks.build import build_network

KIND, VERSION = "checkpoints", 1

# each letter is one size in all arrays of a file; those of a state are the network's: see load_network
SHAPES = {"history/*": "E"}

# the initial weights do not matter where those of a state follow
UNSCALED = {"alpha": 1.0, "alpha_scaling": "plain", "seed": 0}

UNITS = {"epoch": "epoch", "step": "step", "train_loss": "nat", "test_loss": "nat"}


@dataclass(frozen=True)
class Checkpoint:
    """A network's state at a step and its accuracy on the whole test set (fraction); tensors are copies on the CPU."""

    step: int
    epoch: int
    test_accuracy: float
    tensors: dict[str, torch.Tensor]


@dataclass
class Training:
    """What a training leaves: states by name, one history row an epoch, and the epoch that was best."""

    checkpoints: dict[str, Checkpoint] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    learning_rate: float = float("nan")
    tries: list[dict[str, float | str]] = field(default_factory=list)

    def best(self) -> dict[str, float]:
        """Return the history row of the best epoch (of the last try)."""
        return next(row for row in reversed(self.history) if row["epoch"] == self.best_epoch)


def write_checkpoints(path: str | Path, training: Training, *, architecture: Mapping, attributes: Mapping) -> None:
    """Write the states and the history of a training to `path`.

    architecture : the arguments of networks.build_network that fix the network's form: architecture, options,
        activation, depth, image_shape, classes.
    """
    best = training.best()
    about = {
        **attributes,
        **architecture,
        "options": json.dumps(architecture["options"], sort_keys=True),
        "learning_rate": training.learning_rate,
        "tries": json.dumps(training.tries),
        "best_epoch": training.best_epoch,
        "train_accuracy": best["train_accuracy"],
        "test_accuracy": best["test_accuracy"],
    }
    with create(path, kind=KIND, version=VERSION, attributes=about) as file:
        for name, state in training.checkpoints.items():
            group = file.create_group(f"states/{name}")
            about = {"step": state.step, "epoch": state.epoch, "test_accuracy": state.test_accuracy}
            set_attributes(group, about)
            for key, tensor in state.tensors.items():
                add(group, key, tensor.numpy(), units="1", long_name=key)
            set_attributes(group, {DIGEST: content_sha256(group)})
        for column in training.history[0]:
            values = np.array([row[column] for row in training.history])
            add(
                file,
                f"history/{column}",
                values,
                units=UNITS.get(column, "1"),
                long_name=column.replace("_", " "),
            )


def write_history(path: str | Path, training: Training) -> None:
    """Write the history as CSV, a row for each epoch."""
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(training.history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(training.history)


def read_origin(path: str | Path, *, name: str) -> dict[str, int | str]:
    """Return what tells the state `name` from others: the `step` and `epoch` at which it was kept, and `state_sha256`.

    ValueError if it is not there.
    """
    with open_checked(path, kind=KIND, version=VERSION) as file:
        found = attributes_of(_state(file, name))
        return {"step": int(found["step"]), "epoch": int(found["epoch"]), "state_sha256": str(found[DIGEST])}


def load_network(path: str | Path, *, name: str, expected: Mapping) -> tuple[torch.nn.Module, dict]:
    """Return the network of the file in its state `name`, on the CPU, and the arguments that it was built with.

    expected : the values that architecture, options, activation and depth must have.
    Raises ValueError when the file is of another architecture than expected, lacks that state, or the state's entries
    differ from the network's in name or shape or are not finite. A network of any size that the file may claim takes no
    memory before its entries are known to be there.
    """
    with open_checked(path, kind=KIND, version=VERSION) as file:
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
        group = _state(file, name)
        # of what the file says of itself nothing is built before it is known to be as large as what the file stores
        shapes = {key: getattr(group[key], "shape", "of a group") for key in group}
        _compare(path, name, found=shapes, wanted=_shapes(path, form, entries=len(shapes)))
        state = {key: torch.from_numpy(np.asarray(group[key][()])) for key in group}
    for key, tensor in state.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{path}: state {name!r}, entry {key!r}: expected finite values, found NaN or infinity")
    with naming(path, "read"):
        network = build_network(**form, **UNSCALED)
        network.load_state_dict(state)
    return network.eval(), form


def _options(path: str | Path, text: str) -> dict:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: options: expected JSON, found what cannot be read as such ({error})") from error


def _shapes(path: str | Path, form: Mapping, *, entries: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the entries of a network of that form, by name, without memory for its weights.

    entries : as many as the file stores. ValueError if there is no such network, or it has more hidden layers.
    """
    if form["depth"] > entries:
        raise ValueError(f"{path}: depth {form['depth']}: expected at most the {entries} entries that are stored")
    try:
        with torch.device("meta"):
            network = build_network(**form, **UNSCALED)
    except (RuntimeError, TypeError, OverflowError) as error:  # of sizes that no tensor can have
        raise ValueError(f"{path}: no network can be built as its attributes say: {error}") from error
    return {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}


def _compare(path: str | Path, name: str, *, found: Mapping[str, tuple], wanted: Mapping[str, tuple]) -> None:
    for key in sorted(found.keys() | wanted.keys()):
        one, other = found.get(key, "nothing"), wanted.get(key, "nothing")
        if one != other:
            raise ValueError(f"{path}: state {name!r}, entry {key!r}: expected shape {other}, found {one}")


def _state(file: h5py.File, name: str) -> h5py.Group:
    if name not in file["states"]:
        raise ValueError(f"{file.filename}: expected a state {name!r}, found {sorted(file['states'])}")
    return file[f"states/{name}"]
