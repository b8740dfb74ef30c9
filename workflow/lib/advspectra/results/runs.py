"""Finished runs of a study: which files belong to which run, attack and checkpoint; arrays are read when asked for.

A run's identity stands in the root attributes of its files (never in their paths), so that tables and figures take any
list of result files. Runs come in the paper's order of networks, whatever the order of the files.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from advspectra.files.checkpoints import Checkpoints, read_checkpoints
from advspectra.files.hdf5 import attributes_of, open_foreign
from advspectra.files.lines import Lines, read_lines
from advspectra.files.perturbations import AttackedImages, read_attacked_images
from advspectra.files.predictors import Predictor, read_predictor
from advspectra.files.spectra import Spectra, read_conventions, read_spectra
from advspectra.networks.identity import NetworkIdentity
from advspectra.results.contents import Contents

# these have a file for each attack or transfer and each checkpoint that it was tried on
STATE_KINDS = ("perturbations", "spectra", "lines")
KINDS = ("checkpoints", "predictor", *STATE_KINDS)
# names are shown as they are in Markdown, captions and figures
NAME = re.compile(r"[A-Za-z0-9_=.-]{1,80}")
CONTENTS = Contents()
IDENTITY = (*(field.name for field in fields(NetworkIdentity)), "seed")


class Source(NamedTuple):
    """Whose perturbations a transfer tries: of which attack, and on which checkpoint they were found."""

    attack: str
    found_on: str


@dataclass(frozen=True)
class ResultFile:
    """Where a result file lies and, but for trainings, of which checkpoint and, of STATE_KINDS, of which attack it is.

    source : None unless it is of a transfer. step and epoch are None in files of studies that did not record them.
    """

    path: Path
    attack: str | None = None
    checkpoint: str | None = None
    source: Source | None = None
    step: int | None = None
    epoch: int | None = None


@dataclass(frozen=True)
class AttackedCheckpoint:
    """One checkpoint of a run under one attack or transfer; a method returns None when there is no file of that kind.

    best : whether it is that of the best epoch, whatever else it is called. epochs : of each seed, where it stands for
    the best ones of seeds in which they differ; step is then their mean.
    """

    attack: str
    checkpoint: str
    step: int
    epoch: int
    files: Mapping[str, Path]
    best: bool = False
    epochs: tuple[int, ...] = ()

    @property
    def label(self) -> str:
        """What it is called in figures: "initialisation", "step 30", "epoch 4" or "best (epochs 3 to 5)"."""
        if self.epochs:
            return f"best (epochs {min(self.epochs)} to {max(self.epochs)})"
        if self.step == 0:
            return "initialisation"
        return f"step {self.step:,}" if self.checkpoint.startswith("step=") else f"epoch {self.epoch}"

    def spectra(self, convention: str) -> Spectra | None:
        """The spectra under `convention`; ValueError if the file lacks that convention."""
        return _read(self.files.get("spectra"), read_spectra, convention)

    def perturbations(self) -> AttackedImages | None:
        """Which images were attacked, their classes, whether the attack succeeded, and the norms."""
        return _read(self.files.get("perturbations"), read_attacked_images)

    def lines(self) -> Lines | None:
        """The lines from the images to the adversarial, the random and the boundary points."""
        return _read(self.files.get("lines"), read_lines)


@dataclass(frozen=True)
class Run(NetworkIdentity):
    """One trained network and its result files; a method returns None when the run has no file of that kind.

    Those that return arrays of an attack are for runs with the files of one attack on one checkpoint;
    `attacked` is for all.
    """

    seed: int
    files: Mapping[str, tuple[ResultFile, ...]]

    @property
    def order(self) -> tuple:
        """Sorts runs by their networks, as in the paper, then by seed."""
        return *super().order, self.seed

    def spectra(self, convention: str) -> Spectra | None:
        """The spectra under `convention`; ValueError if the file lacks that convention."""
        return _read(self._only("spectra"), read_spectra, convention)

    def conventions(self) -> tuple[str, ...]:
        """The conventions of the spectra, sorted; () without spectra."""
        return _read(self._only("spectra"), read_conventions) or ()

    def predictor(self) -> Predictor | None:
        """The end-to-end map and its spectra."""
        return _read(self._only("predictor"), read_predictor)

    def checkpoints(self) -> Checkpoints | None:
        """Learning rate, accuracies, history and kept checkpoints of the training."""
        return _read(self._only("checkpoints"), read_checkpoints)

    def perturbations(self) -> AttackedImages | None:
        """Which images were attacked, their classes, whether the attack succeeded, and the norms."""
        return _read(self._only("perturbations"), read_attacked_images)

    def unlike_predictor(self, attacked: AttackedCheckpoint | None = None) -> str | None:
        """The checkpoint that was attacked where it is another one than that of the predictor; None otherwise.

        attacked : by default the checkpoint that the files of attacks are of, for runs with those of one.
        """
        steps = {None, *(file.step for file in self.files.get("predictor", ()))}
        files = [attacked] if attacked else [file for kind in STATE_KINDS for file in self.files.get(kind, ())]
        return next((file.checkpoint for file in files if len(steps) > 1 and file.step not in steps), None)

    @property
    def attacks(self) -> dict[str, Source | None]:
        """The attacks, then the transfers, that the run has files of: name -> what it transfers, or None."""
        files = [file for kind in STATE_KINDS for file in self.files.get(kind, ())]
        sources = {(file.source is not None, file.attack): file.source for file in files}
        return {name: sources[transfer, name] for transfer, name in sorted(sources)}

    def attacked(self, attack: str) -> list[AttackedCheckpoint]:
        """The checkpoints that an attack or transfer was tried on, ordered by step, each step once.

        Names of one step ("best" and that epoch's own) mean one checkpoint: it goes by its epoch, else by its step, and
        has the files of all. Raises ValueError for a file that does not say of which step it is.
        """
        steps: dict[int, dict[str, dict[str, ResultFile]]] = {}
        for kind in STATE_KINDS:
            for file in self.files.get(kind, ()):
                if file.attack != attack:
                    continue
                if file.step is None:
                    raise ValueError(f"{file.path}: expected the attribute step, found none: it is of an older version")
                steps.setdefault(file.step, {}).setdefault(file.checkpoint, {})[kind] = file
        attacked = []
        for step, names in sorted(steps.items()):
            order = sorted(names, key=lambda name: (name == "best", not name.startswith("epoch="), name))
            files = {kind: file for name in reversed(order) for kind, file in names[name].items()}
            epoch = next(iter(files.values())).epoch
            paths = {kind: file.path for kind, file in files.items()}
            attacked.append(AttackedCheckpoint(attack, order[0], step, epoch, paths, best="best" in names))
        return attacked

    def _only(self, kind: str) -> Path | None:
        """The run's file of a kind, None without one; ValueError where there are several to choose from."""
        files = self.files.get(kind, ())
        if len(files) > 1:
            raise ValueError(f"expected one {kind} file for each run, found {files[0].path} and {files[1].path}")
        return files[0].path if files else None


def _read(path: Path | None, reader: Callable, *about: str):
    """What a reader finds in a file, None without one. It is kept for the next who asks, so nobody may change it."""
    if path is None:
        return None
    status = path.stat()
    key = path, (status.st_mtime_ns, status.st_size), reader, *about
    return CONTENTS.of(key, partial(reader, path, *about))


def read_runs(paths: Iterable[str | Path]) -> list[Run]:
    """The runs that the result files at `paths` belong to, in the paper's order of networks.

    Raises ValueError for a file that is not a result file or lacks an identity, for two files of a run that are of one
    kind, attack and checkpoint, and for files of several data sets.
    """
    files: dict[tuple, dict[str, list[ResultFile]]] = {}
    datasets: dict[str, Path] = {}
    for path in sorted(Path(path) for path in paths):
        kind, dataset, identity, file = _identify(path)
        datasets.setdefault(dataset, path)
        same = files.setdefault(identity, {}).setdefault(kind, [])
        for other in same:
            if (other.attack, other.checkpoint) == (file.attack, file.checkpoint):
                about = "each run" if kind not in STATE_KINDS else "each attack and checkpoint of a run"
                raise ValueError(f"expected one {kind} file for {about}, found {other.path} and {path}")
        same.append(file)
    if len(datasets) > 1:
        named = ", ".join(f"{name} ({path})" for name, path in datasets.items())
        raise ValueError(f"expected results of one data set, found {named}")
    runs = [
        Run(*identity, files=MappingProxyType({kind: tuple(members) for kind, members in kinds.items()}))
        for identity, kinds in files.items()
    ]
    return sorted(runs, key=attrgetter("order"))


def against_prediction(runs: Iterable[Run]) -> list[str]:
    """The attacks and transfers that start from the predicted class, by name: they can succeed on any image."""
    attacked = (one for run in runs for attack in run.attacks for one in run.attacked(attack))
    found = {one.attack for one in attacked if (images := one.perturbations()) and images.against == "prediction"}
    return sorted(found)


def of_predictors(runs: Iterable[Run]) -> str:
    """The sentence that says of which checkpoints β and δ are where they differ; empty otherwise."""
    attacked = sorted({checkpoint for run in runs if (checkpoint := run.unlike_predictor())})
    return f"β: of the best epoch; δ: of {' / '.join(attacked)}, not always the best." if attacked else ""


def _identify(path: Path) -> tuple[str, str, tuple, ResultFile]:
    """The kind, the data set and (network, activation, depth, alpha, seed) of a result file, and the file."""
    with open_foreign(path) as file:
        attributes = attributes_of(file)
    kind = str(attributes.get("format")).removeprefix("advspectra.")
    if kind not in KINDS:
        kinds = ", ".join(sorted(KINDS))
        raise ValueError(f"{path}: expected a file of the kind {kinds}, found {attributes.get('format')}")
    if missing := [name for name in ("dataset", *IDENTITY) if name not in attributes]:
        raise ValueError(f"{path}: expected the attributes that identify a run, found none of the name {missing[0]}")
    network, activation, depth, alpha, seed = (attributes[name] for name in IDENTITY)
    identity = str(network), str(activation), int(depth), float(alpha), int(seed)
    names = [attributes["dataset"], network, activation]
    names += [attributes[name] for name in ("attack", "checkpoint", "source_attack", "found_on") if name in attributes]
    for name in names:
        if not NAME.fullmatch(str(name)):
            raise ValueError(f"{path}: expected names of letters, digits and _ = . -, found {name!r}")
    about = {}
    if kind in STATE_KINDS:
        about = {name: str(attributes[name]) for name in ("attack", "checkpoint") if name in attributes}
        if "source_attack" in attributes:
            about["source"] = Source(str(attributes["source_attack"]), str(attributes["found_on"]))
    if kind != "checkpoints":
        about |= {name: int(attributes[name]) for name in ("step", "epoch") if name in attributes}
    return kind, str(attributes["dataset"]), identity, ResultFile(path, **about)
