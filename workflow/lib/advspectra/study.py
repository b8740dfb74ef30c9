"""The results of a study for readers in Python: its runs, its arrays, and data frames of images, networks and measures.

Nothing here is computed again: values are those of the result files, and of measures.csv.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from advspectra.claims.measures import MEASURES
from advspectra.claims.reasons import NotThere
from advspectra.claims.sides import Conventions
from advspectra.claims.study_measures import at
from advspectra.claims.terms import Side
from advspectra.columns import IMAGE, MEASURED, RUN, SEEN, TRAINING, described, titles
from advspectra.files import perturbations
from advspectra.files.formats import FORMATS
from advspectra.files.images import ImageSet, read_images
from advspectra.results.runs import IDENTITY, KINDS, ResultFile, Run, read_runs

if TYPE_CHECKING:
    from pandas import DataFrame

# of each attacked image, beside its norms under a convention
OF_IMAGE = tuple(name for name, array in perturbations.FORMAT.arrays.items() if array.dims == "N")
DELTA = tuple(name for name in MEASURES if name.startswith("delta_"))
BETA = tuple(name for name in MEASURES if name.startswith("beta_"))


@dataclass(frozen=True)
class Results:
    """The results in a folder results/<study>, of one data set; runs in the paper's order of networks.

    The columns of its data frames have the names that measures.csv gives them. `frame.attrs["about"]` says
    what a column is, and in which unit.
    """

    folder: Path
    dataset: str
    runs: tuple[Run, ...]

    @cached_property
    def images(self) -> ImageSet:
        """The images of the study: test_images (N, C, H, W) uint8, test_labels (N,), class_names, and for training."""
        return read_images(self.folder / self.dataset / "images.h5")

    def each_image(self, *, convention: str = "paper") -> "DataFrame":
        """A row for each run, attack or transfer, checkpoint and attacked image.

        `image` is its index in the set `images_of`, "test" or "training". Norms l1, l2 and linf are in the pixel range
        [0, 1]. delta_* are of the spectrum of the perturbation under `convention`, NaN for images that the study has
        no spectrum of.
        """
        import pandas

        frames = [
            pandas.DataFrame({**identity(run), **origin(file), **_of_images(run, file, convention)})
            for run in self.runs
            for file in run.files.get("perturbations", ())
        ]
        frame = pandas.concat(frames, ignore_index=True) if frames else pandas.DataFrame()
        return described(frame, {**IMAGE, **titles("delta_", f"convention {convention}")})

    def each_network(self, *, predictor: str = "raw") -> "DataFrame":
        """A row for each run: how it was trained, accuracies as fractions, measures of a linear network's β.

        predictor : "raw", or "rescaled": each class's map brought to [0, 1] before its spectrum is taken.
        """
        import pandas

        conventions = Conventions(spectra="", attacks={}, predictor=predictor)
        rows = []
        for run in self.runs:
            row = {**identity(run), "label": run.label}
            if (found := run.checkpoints()) is not None:
                row |= {name: getattr(found, name) for name in TRAINING if name != "label"}
            if "predictor" in run.files:
                row |= {name: float(MEASURES[name].read(run, Side(), conventions).arrays[0][0]) for name in BETA}
            rows.append(row)
        about = {**RUN, **TRAINING, **titles("beta_", f"predictor {predictor}")}
        return described(pandas.DataFrame(rows), about)

    def measures(self) -> "DataFrame":
        """The content of measures.csv; FileNotFoundError where the study has none yet."""
        import pandas

        return described(pandas.read_csv(self.folder / "measures.csv"), MEASURED)


def open_study(folder: str | Path, *, dataset: str | None = None) -> Results:
    """The study in results/<study>: all result files that lie there, wherever the folder was copied to.

    dataset : where the folder has results of several data sets, the name of one. Files are read when asked for.
    ValueError for a folder without results or of several data sets, and for a file that is no result file.
    """
    folder = Path(folder)
    paths = [path for kind in KINDS for path in folder.rglob(f"{kind}.h5")]
    found = sorted({path.relative_to(folder).parts[0] for path in paths})
    if dataset is None and len(found) == 1:
        (dataset,) = found
    if dataset not in found:
        named = f", found {', '.join(found)}: give one of them as `dataset`" if found else ", found no results in it"
        raise ValueError(
            f"{folder}: expected a folder results/<study> with results of {dataset or 'one data set'}{named}"
        )
    return Results(folder, dataset, tuple(read_runs(path for path in paths if (folder / dataset) in path.parents)))


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """All arrays of a result file by their names, such as "perturbation" or "paper/radial_energy".

    docs/results-format.md says what they are; ValueError for any other file.
    """
    path, arrays = Path(path), {}
    if path.stem not in FORMATS:
        raise ValueError(f"{path}: expected one of the files {', '.join(f'{kind}.h5' for kind in FORMATS)}")

    def add(name: str, item) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = item[()]

    with FORMATS[path.stem].opened(path) as file:
        file.visititems(add)
    return arrays


def identity(run: Run) -> dict:
    """What tells a run from the others of its study."""
    return {name: getattr(run, name) for name in IDENTITY}


def origin(file: ResultFile) -> dict:
    """Say of which attack on which checkpoint a file is, and whose perturbations a transfer tries."""
    attack, found_on = file.source or (None, None)
    found = {"attack": file.attack, "transfer_of": attack, "found_on": found_on, "checkpoint": file.checkpoint}
    return {**found, "step": file.step, "epoch": file.epoch}


def _of_images(run: Run, file: ResultFile, convention: str) -> Mapping[str, np.ndarray | str]:
    with perturbations.FORMAT.opened(file.path) as content:
        arrays = {name: content[name][()] for name in OF_IMAGE if name in content}
    state = at(run, file.attack, file.checkpoint)
    images = state.perturbations()
    found = {**{name: getattr(images, name) for name in SEEN}, **arrays, "correct": images.correct}
    side = Side(attack="this", checkpoint=file.checkpoint)
    conventions = Conventions(spectra=convention, attacks={"this": file.attack})
    for name in DELTA:
        try:
            with np.errstate(invalid="ignore"):  # of images without any perturbation: NaN
                found[name] = MEASURES[name].read(state, side, conventions).arrays[0]
        except NotThere:
            found[name] = np.full(len(found["image"]), np.nan)
    return found
