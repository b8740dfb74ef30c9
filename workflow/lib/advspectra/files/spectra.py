"""spectra.h5: the spectra of one attack's perturbations, in one group for each convention of advspectra.fourier.

N are the attacked images that are kept, R the radial and A the angular bins.

Root attributes: `images` ("successful" or "all": which attacked images are kept), `attacked` and `selected` (numbers of
images); where there are any, `zero_gradients`, the number of images left out because the attack had no gradient; the
run; of the perturbations' file the attributes in its ORIGIN.
"""

from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from advspectra.files.hdf5 import attributes_of
from advspectra.files.layout import Array, Format, field_names

# also of predictor.h5, whose rows are the classes
SCALES = {
    "radial_frequency": Array("R", "int64", "cycles/image", "distance to zero frequency", is_scale=True),
    "frequency_y": Array("H", "int64", "cycles/image", "frequency along the height", is_scale=True),
    "frequency_x": Array("W", "int64", "cycles/image", "frequency along the width", is_scale=True),
}
# of predictor.h5 too: an array that is added here is a new version of both
POWER = {
    "norm_l1": Array("N", "float64", "1", "1-norm of the spectrum"),
    "norm_l2": Array("N", "float64", "1", "2-norm of the spectrum"),
    "flatness": Array("N", "float64", "1", "l1 / (sqrt(bins) l2)", nan_if_zero="norm_l2"),
    "half_power_frequency": Array("N", "float64", "cycles/image", "half-power frequency", nan_if_zero="norm_l2"),
    "radial_energy": Array("N R", "float64", "1", "power in each radial bin", scales="R"),
    "mean_power": Array(
        "H W", "float64", "1", "power, sum over channels, mean over rows", scales="H W", absent_if_empty="N"
    ),
}
FORMAT = Format(
    "spectra",
    1,
    {
        **SCALES,
        "angle": Array("A", "float64", "degree", "angle of the frequency, bin centre", is_scale=True),
        "image": Array("N", "int64", "1", "index in the test set, or in that of `images_of`"),
        **{f"*/{name}": array for name, array in POWER.items()},
        "*/angular_energy": Array("N A", "float64", "1", "power in each angular bin", scales="A"),
    },
)


class OnFrequencies:
    """What Spectra and Predictor share: they lie on the frequencies of images of one size."""

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the images (pixels)."""
        return len(self.frequency_y), len(self.frequency_x)


@dataclass(frozen=True)
class Spectra(OnFrequencies):
    """One convention of a spectra.h5. Power is shifted; mean_power is None if N = 0.

    images_of : "test" or "training", what `image` indexes. zero_gradients : how many of the attacked images, with or
    without success, are left out because the attack had no gradient.
    """

    images: str  # "successful" or "all"
    attacked: int
    selected: int
    image: np.ndarray
    norm_l1: np.ndarray
    norm_l2: np.ndarray
    flatness: np.ndarray
    half_power_frequency: np.ndarray
    radial_energy: np.ndarray
    angular_energy: np.ndarray
    radial_frequency: np.ndarray
    angle: np.ndarray
    frequency_y: np.ndarray
    frequency_x: np.ndarray
    mean_power: np.ndarray | None = None
    images_of: str = "test"
    zero_gradients: int = 0


def _conventions(file: h5py.File) -> tuple[str, ...]:
    return tuple(sorted(name for name, item in file.items() if isinstance(item, h5py.Group)))


def read_conventions(path: str | Path) -> tuple[str, ...]:
    """The conventions that a spectra.h5 has, sorted."""
    with FORMAT.opened(path) as file:
        return _conventions(file)


def read_spectra(path: str | Path, convention: str) -> Spectra:
    """A spectra.h5 under one convention; ValueError if the file lacks it."""
    with FORMAT.opened(path) as file:
        available = _conventions(file)
        if convention not in available:
            raise ValueError(f"{path}: no spectra under the convention {convention!r}, found {list(available)}")
        about = attributes_of(file)
        if (images := str(about["images"])) not in ("successful", "all"):
            raise ValueError(f"{path}: expected the attribute images to be successful or all, found {images!r}")
        names = field_names(Spectra)
        arrays = FORMAT.read(file, names) | FORMAT.read(file, names, group=convention)
        optional = {"images_of": str(about.get("images_of", "test"))}
        optional |= {"zero_gradients": int(about.get("zero_gradients", 0))}
        return Spectra(images, int(about["attacked"]), int(about["selected"]), **arrays, **optional)
