"""The arrays of one result file in memory, as far as tables and figures need them: a class and a reader for each kind.

A reader takes the open file, checked for kind and version (VERSIONS), and raises KeyError when an entry is missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from advspectra.files.hdf5 import DIGEST, attributes_of, open_checked

VERSIONS = {"checkpoints": 1, "lines": 1, "perturbations": 1, "predictor": 1, "spectra": 1}

HISTORY = ("epoch", "step", "train_accuracy", "test_accuracy")


@dataclass(frozen=True)
class Spectra:
    """One convention of a spectra.h5: arrays over the N selected images, power shifted, frequencies in cycles/image."""

    images: str  # "successful" or "all"
    attacked: int
    selected: int
    image: np.ndarray  # (N,)
    norm_l1: np.ndarray  # (N,)
    norm_l2: np.ndarray  # (N,)
    flatness: np.ndarray  # (N,)
    half_power_frequency: np.ndarray  # (N,)
    radial_energy: np.ndarray  # (N, R)
    angular_energy: np.ndarray  # (N, A)
    mean_power: np.ndarray | None  # (H, W), None if N = 0
    radial_frequency: np.ndarray
    angle: np.ndarray
    frequency_y: np.ndarray
    frequency_x: np.ndarray


@dataclass(frozen=True)
class PredictorSpectrum:
    """Spectrum of the K classes' maps under the paper's convention."""

    norm_l1: np.ndarray  # (K,)
    norm_l2: np.ndarray  # (K,)
    radial_energy: np.ndarray  # (K, R)


@dataclass(frozen=True)
class Predictor:
    """A predictor.h5: the end-to-end map beta (K, C, H, W) of a linear network and its spectra."""

    beta: np.ndarray
    raw: PredictorSpectrum
    rescaled: PredictorSpectrum
    radial_frequency: np.ndarray
    frequency_y: np.ndarray
    frequency_x: np.ndarray


@dataclass(frozen=True)
class Perturbations:
    """A perturbations.h5 without its large array: the N attacked images; `perturbation` reads a single one."""

    path: Path
    image: np.ndarray  # (N,) index in the test set
    label: np.ndarray  # (N,)
    success: np.ndarray  # (N,) bool
    clean_prediction: np.ndarray  # (N,)
    l2: np.ndarray  # (N,) pixel range
    linf: np.ndarray  # (N,) pixel range

    @property
    def correct(self) -> np.ndarray:
        """(N,) bool, whether the network is right about the image before the attack."""
        return self.clean_prediction == self.label

    def perturbation(self, image: int) -> np.ndarray:
        """Return the perturbation (C, H, W) of the test image with index `image`; ValueError if it was not attacked."""
        (rows,) = np.nonzero(self.image == image)
        if len(rows) != 1:
            raise ValueError(f"{self.path}: expected test image {image} once, found it {len(rows)} times")
        with open_checked(self.path, kind="perturbations", version=VERSIONS["perturbations"]) as file:
            return file["perturbation"][rows[0]]


class KeptCheckpoint(NamedTuple):
    """A state of a network in checkpoints.h5: its accuracy on the whole test set and the digest of its weights.

    Both are None in files that lack them.
    """

    step: int
    epoch: int
    test_accuracy: float | None
    sha256: str | None


@dataclass(frozen=True)
class Checkpoints:
    """What tables and figures need of a checkpoints.h5; accuracies are fractions, single ones of the best epoch.

    history : HISTORY's columns, a value for each epoch; states : the kept states by name.
    """

    learning_rate: float
    best_epoch: int
    epochs: int
    train_accuracy: float
    test_accuracy: float
    history: Mapping[str, np.ndarray]
    kept: Mapping[str, KeptCheckpoint]


@dataclass(frozen=True)
class Line:
    """The lines of one kind that start at the N images: arrays (N,), see line_file for their definitions."""

    length: np.ndarray
    changed: np.ndarray
    relu_changes: np.ndarray
    breakpoints: np.ndarray
    converged: np.ndarray
    logits: Mapping[str, np.ndarray]  # <true or other>_<change, deviation or curvature>

    def quantity(self, name: str) -> np.ndarray:
        """Return a quantity (N,) float64: relu_changes, breakpoints or <logit>_<deviation or curvature>[_relative].

        Relative is divided by the change of the logit between the ends; NaN where it does not change.
        """
        if name in ("relu_changes", "breakpoints"):
            return getattr(self, name).astype(np.float64)
        absolute = self.logits[name.removesuffix("_relative")]
        if not name.endswith("_relative"):
            return absolute
        change = self.logits[f"{name.split('_')[0]}_change"]
        return np.divide(absolute, change, out=np.full(len(change), np.nan), where=change > 0)


@dataclass(frozen=True)
class Lines:
    """A lines.h5: N images and the lines from each to x_a (adversarial), x_r (random) and x_b (boundary)."""

    exact_images: int  # so many of the images (or all) were followed exactly, the others at `samples` points
    samples: int
    stretch_limit: float  # largest distance to x_b, as a multiple of that to x_a
    image: np.ndarray  # (N,) index in the test set
    success: np.ndarray  # (N,) bool
    adversarial: Line
    random: Line
    boundary: Line


def spectra(file: h5py.File, convention: str) -> Spectra:
    """Read a spectra.h5 under one convention; ValueError if the file lacks it."""
    available = sorted(name for name, item in file.items() if isinstance(item, h5py.Group))
    if convention not in available:
        raise ValueError(f"{file.filename}: no spectra under the convention {convention!r}, found {available}")
    about = attributes_of(file)
    if (images := str(about["images"])) not in ("successful", "all"):
        raise ValueError(f"{file.filename}: expected the attribute images to be successful or all, found {images!r}")
    group = file[convention]
    names = ("norm_l1", "norm_l2", "flatness", "half_power_frequency", "radial_energy", "angular_energy")
    scales = ("image", "radial_frequency", "angle", "frequency_y", "frequency_x")
    return Spectra(
        images=images,
        attacked=int(about["attacked"]),
        selected=int(about["selected"]),
        mean_power=group["mean_power"][()] if "mean_power" in group else None,
        **{name: group[name][()] for name in names},
        **{name: file[name][()] for name in scales},
    )


def predictor(file: h5py.File) -> Predictor:
    """Read a predictor.h5."""
    forms = {
        form: PredictorSpectrum(*(file[form][name][()] for name in ("norm_l1", "norm_l2", "radial_energy")))
        for form in ("raw", "rescaled")
    }
    scales = ("radial_frequency", "frequency_y", "frequency_x")
    return Predictor(beta=file["beta"][()], **forms, **{name: file[name][()] for name in scales})


def checkpoints(file: h5py.File) -> Checkpoints:
    """Read a checkpoints.h5, all but the weights."""
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


def _kept_checkpoint(attributes: Mapping) -> KeptCheckpoint:
    accuracy, digest = attributes.get("test_accuracy"), attributes.get(DIGEST)
    return KeptCheckpoint(
        int(attributes["step"]),
        int(attributes["epoch"]),
        None if accuracy is None else float(accuracy),
        None if digest is None else str(digest),
    )


def perturbations(file: h5py.File) -> Perturbations:
    """Read a perturbations.h5, all but the perturbations themselves."""
    names = ("image", "label", "success", "clean_prediction", "l2", "linf")
    return Perturbations(Path(file.filename), **{name: file[name][()] for name in names})


def lines(file: h5py.File) -> Lines:
    """Read a lines.h5."""
    ends = {name: _line(file[name]) for name in ("adversarial", "random", "boundary")}
    about = {name: file.attrs[name].item() for name in ("exact_images", "samples", "stretch_limit")}
    return Lines(**about, image=file["image"][()], success=file["success"][()], **ends)


def _line(group: h5py.Group) -> Line:
    names = ("length", "changed", "relu_changes", "breakpoints", "converged")
    logits = [f"{logit}_{measure}" for logit in ("true", "other") for measure in ("change", "deviation", "curvature")]
    return Line(**{name: group[name][()] for name in names}, logits={name: group[name][()] for name in logits})
