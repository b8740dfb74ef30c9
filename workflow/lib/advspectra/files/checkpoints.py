"""checkpoints.h5: the checkpoints of one training, the only form in which networks are stored.

A group `states/<name>` holds a checkpoint: an array for each entry of the network's state_dict, and the attributes
`step`, `epoch`, `test_accuracy` (on the whole test set) and `content_sha256`, the digest of the group. The group
`history` holds an array for each column of history.csv. Accuracies are fractions.

Root attributes: the run; how the network is built (`architecture`, `options` as JSON, `activation`, `depth`,
`image_shape`, `classes`); `learning_rate`; `tries` (JSON: the rates of a search and their outcomes); `best_epoch`;
`train_accuracy` and `test_accuracy` of the best epoch, the first counted during the epoch, while the weights change,
the second after it; `history_sha256`, the digest of history.csv.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import h5py
import numpy as np

from advspectra.files.hdf5 import DIGEST, attributes_of, content_sha256, replacing, set_attributes
from advspectra.files.layout import Array, Format

if TYPE_CHECKING:
    from torch import Tensor

# what tables and figures read; trainings may have kept other columns
HISTORY = ("epoch", "step", "train_accuracy", "test_accuracy")
FORMAT = Format(
    "checkpoints",
    1,
    {
        "history/epoch": Array("E", "int64", "epoch", "epoch"),
        "history/step": Array("E", "int64", "step", "step"),
        "history/learning_rate": Array("E", "float64", "1", "learning rate", optional=True),
        "history/train_loss": Array("E", "float64", "nat", "train loss", optional=True),
        "history/train_accuracy": Array("E", "float64", "1", "train accuracy"),
        "history/selection_accuracy": Array("E", "float64", "1", "selection accuracy", optional=True),
        "history/test_loss": Array("E", "float64", "nat", "test loss", optional=True),
        "history/test_accuracy": Array("E", "float64", "1", "test accuracy"),
        "states/*/*": Array(None, None, "1", optional=True),
    },
)


@dataclass(frozen=True)
class Checkpoint:
    """A network's weights at a step, copies on the CPU, and its accuracy on the whole test set (fraction)."""

    step: int
    epoch: int
    test_accuracy: float
    tensors: Mapping[str, "Tensor"]


@dataclass
class Training:
    """What a training leaves: checkpoints by name, one history row an epoch, and the epoch that was best."""

    checkpoints: dict[str, Checkpoint] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    learning_rate: float = float("nan")
    tries: list[dict[str, float | str]] = field(default_factory=list)

    def best(self) -> dict[str, float]:
        """The history row of the best epoch (of the last try)."""
        return next(row for row in reversed(self.history) if row["epoch"] == self.best_epoch)


class KeptCheckpoint(NamedTuple):
    """A checkpoint in a file: its accuracy on the whole test set and the digest of its weights.

    Both are None in files that lack them.
    """

    step: int
    epoch: int
    test_accuracy: float | None
    sha256: str | None


@dataclass(frozen=True)
class Checkpoints:
    """What tables and figures need of a checkpoints.h5; accuracies are fractions, single ones of the best epoch.

    history : HISTORY's columns, a value for each epoch; kept : the checkpoints by name.
    """

    learning_rate: float
    best_epoch: int
    epochs: int
    train_accuracy: float
    test_accuracy: float
    history: Mapping[str, np.ndarray]
    kept: Mapping[str, KeptCheckpoint]


def write_checkpoints(path: str | Path, training: Training, *, architecture: Mapping, attributes: Mapping) -> None:
    """Write the checkpoints and the history of a training to `path`.

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
    with FORMAT.create(path, about) as file:
        for name, checkpoint in training.checkpoints.items():
            group = file.create_group(f"states/{name}")
            about = {"step": checkpoint.step, "epoch": checkpoint.epoch, "test_accuracy": checkpoint.test_accuracy}
            set_attributes(group, about)
            for key, tensor in checkpoint.tensors.items():
                FORMAT.write_array(file, f"states/{name}/{key}", np.asarray(tensor))
            set_attributes(group, {DIGEST: content_sha256(group)})
        for column in training.history[0]:
            array = f"history/{column}"
            # a rate such as 1 is a number of YAML without a point
            values = np.array([row[column] for row in training.history], dtype=FORMAT.array(array).dtype)
            FORMAT.write_array(file, array, values)


def write_history(path: str | Path, training: Training) -> None:
    """Write the history as CSV, a row for each epoch."""
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(training.history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(training.history)


def read_origin(path: str | Path, *, name: str) -> dict[str, int | str]:
    """What tells the checkpoint `name` from others: the `step` and `epoch` at which it was kept, `state_sha256`.

    ValueError if it is not there.
    """
    with FORMAT.opened(path) as file:
        about = attributes_of(checkpoint_group(file, name))
        return {"step": int(about["step"]), "epoch": int(about["epoch"]), "state_sha256": str(about[DIGEST])}


def read_checkpoints(path: str | Path) -> Checkpoints:
    """What tables and figures need of a checkpoints.h5: all but the weights."""
    with FORMAT.opened(path) as file:
        about = attributes_of(file)
        history = {name: file[f"history/{name}"][()] for name in HISTORY}
        return Checkpoints(
            learning_rate=float(about["learning_rate"]),
            best_epoch=int(about["best_epoch"]),
            epochs=len(history["epoch"]),
            train_accuracy=float(about["train_accuracy"]),
            test_accuracy=float(about["test_accuracy"]),
            history=history,
            kept={name: _kept_checkpoint(attributes_of(group)) for name, group in file["states"].items()},
        )


def read_weights(path: str | Path, *, name: str) -> dict[str, np.ndarray]:
    """The weights of the checkpoint `name` by layer, without biases and running statistics; ValueError without it."""
    with FORMAT.opened(path, digest=False) as file:
        group = checkpoint_group(file, name)
        return {key.removesuffix(".weight"): group[key][()] for key in group if key.endswith(".weight")}


def _kept_checkpoint(attributes: Mapping) -> KeptCheckpoint:
    accuracy, digest = attributes.get("test_accuracy"), attributes.get(DIGEST)
    return KeptCheckpoint(
        int(attributes["step"]),
        int(attributes["epoch"]),
        None if accuracy is None else float(accuracy),
        None if digest is None else str(digest),
    )


def checkpoint_group(file: h5py.File, name: str) -> h5py.Group:
    """The group of a checkpoint; ValueError if the file has no checkpoint of that name."""
    if name not in file["states"]:
        raise ValueError(f"{file.filename}: expected a checkpoint {name!r}, found {sorted(file['states'])}")
    return file[f"states/{name}"]
