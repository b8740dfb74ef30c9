"""Finished runs of a study in memory: which files belong to which run, and their arrays, read when asked for.

A run's identity stands in the root attributes of its files (never in their paths), so that tables and figures take any
list of result files. Runs come in the paper's order of networks, whatever the order of the files.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import wrap
from types import MappingProxyType

import h5py
import numpy as np

from advspectra.hdf5 import open_checked

VERSIONS = {"checkpoints": 1, "perturbations": 1, "predictor": 1, "spectra": 1}
IDENTITY = ("network", "activation", "depth", "alpha", "seed")

# The networks of the paper in the order of its Table 2: name in the configuration -> (the paper's name, short name).
# The tables' "Bounded Width Convolution" is the one with 32 channels.
NAMES = {
    "fully_connected": ("Fully Connected", "fully\nconnected"),
    "locally_connected": ("Locally Connected", "locally\nconnected"),
    "full_width": ("Full Width Convolution", "full\nwidth"),
    "bounded_width_3": ("Bounded Width Convolution, 3 channels", "bounded\nwidth (3)"),
    "bounded_width_32": ("Bounded Width Convolution", "bounded\nwidth (32)"),
    "shallow_resnet": ("Shallow ResNet", "shallow\nResNet"),
    "vgg19": ("VGG19", "VGG19"),
    "resnet18": ("ResNet18", "ResNet18"),
}
# these have one depth, which their name implies
FIXED_DEPTH = ("shallow_resnet", "vgg19", "resnet18")
ACTIVATIONS = {"relu": "ReLU"}


@dataclass(frozen=True)
class Spectra:
    """One convention of a spectra.h5: arrays over the N selected images, power shifted, frequencies in cycles/image."""

    images: str  # "successful" or "all"
    attacked: int
    selected: int
    image: np.ndarray  # (N,)
    norm_l1: np.ndarray  # (N,)
    norm_l2: np.ndarray  # (N,)
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

    def perturbation(self, image: int) -> np.ndarray:
        """Return the perturbation (C, H, W) of the test image with index `image`; ValueError if it was not attacked."""
        (rows,) = np.nonzero(self.image == image)
        if len(rows) != 1:
            raise ValueError(f"{self.path}: expected test image {image} once, found it {len(rows)} times")
        with open_checked(self.path, kind="perturbations", version=VERSIONS["perturbations"]) as file:
            return file["perturbation"][rows[0]]


@dataclass(frozen=True)
class Checkpoints:
    """What the tables need of a checkpoints.h5; accuracies are fractions, of the best epoch."""

    learning_rate: float
    best_epoch: int
    epochs: int
    train_accuracy: float
    test_accuracy: float


@dataclass(frozen=True)
class Run:
    """One trained network and its result files; a method returns None when the run has no file of that kind."""

    network: str
    activation: str
    depth: int
    alpha: float
    seed: int
    files: Mapping[str, Path]

    @property
    def label(self) -> str:
        """The paper's name of the network, such as "Deep Fully Connected (linear)"; unknown names as they are."""
        name = NAMES.get(self.network, (self.network,))[0]
        name = f"{self._prefix}{name}{self._suffix} ({ACTIVATIONS.get(self.activation, self.activation)})"
        return name if self.alpha == 1 else f"{name}, alpha = {self.alpha:g}"

    @property
    def short_label(self) -> str:
        """A name for panels, in lines of about 12 characters, without activation and alpha."""
        words = wrap(self.network.replace("_", " "), 12, break_long_words=False)
        name = NAMES.get(self.network, (None, "\n".join(words)))[1]
        return f"{self._prefix.lower()}{name}" + (f"\n{self.depth} layers" if self._suffix else "")

    @property
    def deep(self) -> bool:
        """Whether it has more hidden layers than the network of the same name has at the least."""
        return self.depth > 1 and self.network not in FIXED_DEPTH

    @property
    def _prefix(self) -> str:
        return "Deep " if self.deep and self.depth == 3 else ""

    @property
    def _suffix(self) -> str:
        return f", {self.depth} hidden layers" if self.deep and self.depth != 3 else ""

    def spectra(self, convention: str) -> Spectra | None:
        """Return the spectra under `convention`; ValueError if the file lacks that convention."""
        return self._read("spectra", lambda file: _spectra(file, convention))

    def predictor(self) -> Predictor | None:
        """Return the end-to-end map and its spectra."""
        return self._read("predictor", _predictor)

    def checkpoints(self) -> Checkpoints | None:
        """Return learning rate and accuracies of the training."""
        return self._read("checkpoints", _checkpoints)

    def perturbations(self) -> Perturbations | None:
        """Return which images were attacked, their classes, and whether the attack succeeded."""
        return self._read("perturbations", _perturbations)

    def _read(self, kind: str, read: Callable):
        if kind not in self.files:
            return None
        with open_checked(self.files[kind], kind=kind, version=VERSIONS[kind]) as file:
            return read(file)


@dataclass(frozen=True)
class Replicates:
    """The runs of a study that differ in nothing but the seed, in the order of their seeds."""

    runs: tuple[Run, ...]

    @property
    def first(self) -> Run:
        """The run with the lowest seed; its names and settings are those of all."""
        return self.runs[0]

    @property
    def key(self) -> tuple[str, str, int, float]:
        """(network, activation, depth, alpha)."""
        return self.first.network, self.first.activation, self.first.depth, self.first.alpha

    @cached_property
    def predictors(self) -> list[Predictor]:
        """The predictors of all runs that have one."""
        return [found for run in self.runs if (found := run.predictor()) is not None]

    @cached_property
    def checkpoints(self) -> list[Checkpoints]:
        """The trainings of all runs that have one."""
        return [found for run in self.runs if (found := run.checkpoints()) is not None]

    def spectra(self, convention: str) -> list[Spectra]:
        """Return the spectra of all runs that have a file of them, one for each seed."""
        return [found for run in self.runs if (found := run.spectra(convention)) is not None]


def read_runs(paths: Iterable[str | Path]) -> list[Run]:
    """Return the runs that the result files at `paths` belong to, in the paper's order of networks.

    Linear networks come first, then one hidden layer before more, then the order of NAMES, unknown networks last.
    Raises ValueError for a file that is not a result file or lacks an identity, for two files of one kind in a run
    (two attacks, two checkpoints), and for files of several data sets.
    """
    files: dict[tuple, dict[str, Path]] = {}
    datasets: dict[str, Path] = {}
    for path in sorted(Path(path) for path in paths):
        kind, dataset, identity = _identify(path)
        datasets.setdefault(dataset, path)
        run = files.setdefault(identity, {})
        if kind in run:
            raise ValueError(f"expected one {kind} file for each run, found {run[kind]} and {path}")
        run[kind] = path
    if len(datasets) > 1:
        found = ", ".join(f"{name} ({path})" for name, path in datasets.items())
        raise ValueError(f"expected results of one data set, found {found}")
    runs = [Run(*identity, files=MappingProxyType(found)) for identity, found in files.items()]
    return sorted(runs, key=_order)


def by_network(runs: Iterable[Run]) -> list[Replicates]:
    """Return the runs grouped over seeds, in the order in which read_runs has them."""
    groups: dict[tuple, list[Run]] = {}
    for run in sorted(runs, key=_order):
        groups.setdefault((run.network, run.activation, run.depth, run.alpha), []).append(run)
    return [Replicates(tuple(group)) for group in groups.values()]


def _order(run: Run) -> tuple:
    known = list(NAMES)
    place = known.index(run.network) if run.network in known else len(known)
    layers = 1 if run.network in FIXED_DEPTH else run.depth
    nonlinear = run.activation != "linear"
    return nonlinear, run.activation, layers, place, run.network, run.depth, run.alpha, run.seed


def _identify(path: Path) -> tuple[str, str, tuple]:
    """Return the kind, the data set and (network, activation, depth, alpha, seed) of a result file."""
    try:
        with h5py.File(path, "r") as file:
            attributes = dict(file.attrs)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{path}: expected an HDF5 result file, found one that cannot be read ({error})") from error
    kind = str(attributes.get("format")).removeprefix("advspectra.")
    if kind not in VERSIONS:
        raise ValueError(f"{path}: expected a file of the kind {', '.join(VERSIONS)}, found {attributes.get('format')}")
    if missing := [name for name in ("dataset", *IDENTITY) if name not in attributes]:
        raise ValueError(f"{path}: expected the attributes that identify a run, found none of the name {missing[0]}")
    network, activation, depth, alpha, seed = (attributes[name] for name in IDENTITY)
    identity = str(network), str(activation), int(depth), float(alpha), int(seed)
    return kind, str(attributes["dataset"]), identity


def _spectra(file: h5py.File, convention: str) -> Spectra:
    available = sorted(name for name, item in file.items() if isinstance(item, h5py.Group))
    if convention not in available:
        raise ValueError(f"{file.filename}: no spectra under the convention {convention!r}, found {available}")
    group = file[convention]
    names = ("norm_l1", "norm_l2", "radial_energy", "angular_energy")
    scales = ("image", "radial_frequency", "angle", "frequency_y", "frequency_x")
    return Spectra(
        images=str(file.attrs["images"]),
        attacked=int(file.attrs["attacked"]),
        selected=int(file.attrs["selected"]),
        mean_power=group["mean_power"][()] if "mean_power" in group else None,
        **{name: group[name][()] for name in names},
        **{name: file[name][()] for name in scales},
    )


def _predictor(file: h5py.File) -> Predictor:
    spectra = {
        form: PredictorSpectrum(*(file[form][name][()] for name in ("norm_l1", "norm_l2", "radial_energy")))
        for form in ("raw", "rescaled")
    }
    scales = ("radial_frequency", "frequency_y", "frequency_x")
    return Predictor(beta=file["beta"][()], **spectra, **{name: file[name][()] for name in scales})


def _checkpoints(file: h5py.File) -> Checkpoints:
    return Checkpoints(
        learning_rate=float(file.attrs["learning_rate"]),
        best_epoch=int(file.attrs["best_epoch"]),
        epochs=len(np.unique(file["history/epoch"][()])),
        train_accuracy=float(file.attrs["train_accuracy"]),
        test_accuracy=float(file.attrs["test_accuracy"]),
    )


def _perturbations(file: h5py.File) -> Perturbations:
    return Perturbations(Path(file.filename), *(file[name][()] for name in ("image", "label", "success")))
