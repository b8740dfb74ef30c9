"""predictor.h5: the end-to-end map of a linear network, and its spectrum under the paper's convention.

For inputs in [0, 1] the logits are `beta · inputs + intercept`; the rows N are the classes. Group `raw` is of beta as
it is, `rescaled` of each class's map rescaled to [0, 1], for Table 1 of the paper; see fourier.rescaled.

Root attributes: the run, and `step`, `epoch` and `state_sha256` of its checkpoint.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from advspectra.files.layout import Array, Format, field_names
from advspectra.files.spectra import POWER, SCALES, OnFrequencies

FORMAT = Format(
    "predictor",
    1,
    {
        **SCALES,
        "beta": Array("N C H W", "float64", "logit", "end-to-end map", compressed=True),
        "intercept": Array("N", "float64", "logit", "logits of a zero input"),
        **{f"*/{name}": array for name, array in POWER.items()},
    },
    groups=("raw", "rescaled"),
)


@dataclass(frozen=True)
class PredictorSpectrum:
    """The spectrum of the maps of all classes; POWER says what the arrays are."""

    norm_l1: np.ndarray
    norm_l2: np.ndarray
    radial_energy: np.ndarray


@dataclass(frozen=True)
class Predictor(OnFrequencies):
    """A predictor.h5 without its large array: the spectra of the end-to-end map of a linear network with K classes."""

    path: Path
    raw: PredictorSpectrum
    rescaled: PredictorSpectrum
    radial_frequency: np.ndarray
    frequency_y: np.ndarray
    frequency_x: np.ndarray

    @property
    def beta(self) -> np.ndarray:
        """The end-to-end map (K, C, H, W), read anew: of 1,000 classes and 224 x 224 pixels it takes 1.2 GB."""
        return self.maps(slice(None))

    def maps(self, classes: np.ndarray | int | slice) -> np.ndarray:
        """The maps of some classes: (n, C, H, W) of rising numbers (n,), (C, H, W) of one number."""
        with FORMAT.opened(self.path) as file:
            return file["beta"][classes]


def read_predictor(path: str | Path) -> Predictor:
    """What tables and figures need of a predictor.h5."""
    with FORMAT.opened(path) as file:
        names = field_names(PredictorSpectrum)
        forms = {form: PredictorSpectrum(**FORMAT.read(file, names, group=form)) for form in FORMAT.groups}
        return Predictor(Path(path), **FORMAT.read(file, field_names(Predictor)), **forms)
