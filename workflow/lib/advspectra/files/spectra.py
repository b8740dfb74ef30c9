"""spectra.h5: the spectra of one attack's perturbations under each convention (format version 1).

Root attributes: `images` ("successful" or "all": which attacked images are kept), `attacked`, `selected` (numbers of
images), the identity of the run, and of the perturbations' file the attributes in its ORIGIN. Root datasets: `image`
(N,) index in the test set; scales `radial_frequency` (R,), `angle` (A,) bin centres in degrees, `frequency_y` (H,),
`frequency_x` (W,) in cycles/image.
One group for each convention of advspectra.fourier: `norm_l1`, `norm_l2`, `flatness`, `half_power_frequency` (N,),
`radial_energy` (N, R), `angular_energy` (N, A), and `mean_power` (H, W), the mean over images (absent if N = 0).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from advspectra import fourier
from advspectra.files.hdf5 import add, add_scale, create

KIND, VERSION = "spectra", 1

# each letter is one size in all arrays of a file; * is any group
POWER_SHAPES = {
    **dict.fromkeys(("*/norm_l1", "*/norm_l2", "*/flatness", "*/half_power_frequency"), "N"),
    "*/radial_energy": "NR",
    "*/mean_power": "HW",
    "radial_frequency": "R",
    "frequency_y": "H",
    "frequency_x": "W",
}
SHAPES = {**POWER_SHAPES, "image": "N", "angle": "A", "*/angular_energy": "NA"}


def add_frequency_scales(file: h5py.File, height: int, width: int) -> dict[str, h5py.Dataset]:
    """Write the radial and the two axis frequencies, (R,), (H,) and (W,), as dimension scales; return them by name."""
    axes = {
        "radial_frequency": (
            np.arange(fourier.radius(height, width).max() + 1),
            "distance to zero frequency",
        ),
        "frequency_y": (fourier.frequencies(height), "frequency along the height"),
        "frequency_x": (fourier.frequencies(width), "frequency along the width"),
    }
    return {
        name: add_scale(file, name, values, units="cycles/image", long_name=long_name)
        for name, (values, long_name) in axes.items()
    }


def write_spectra(
    path: str | Path,
    *,
    perturbation: np.ndarray,
    success: np.ndarray,
    image: np.ndarray,
    conventions: Sequence[str],
    images: str,
    angular_bins: int,
    attributes: Mapping,
) -> None:
    """Write the spectra of the perturbations to `path`.

    perturbation : (N, C, H, W) float32; success : (N,) bool; image : (N,) int64 index in the test set.
    images : "successful" keeps the images whose attack succeeded, "all" keeps every one.
    angular_bins : number of bins over [0, 180) degrees.
    """
    selected = success if images == "successful" else np.ones_like(success)
    kept = perturbation[selected]
    wrong = ~np.isfinite(kept).all(axis=(1, 2, 3))
    if wrong.any():
        shown = ", ".join(map(str, image[selected][wrong][:5]))
        raise ValueError(
            f"the perturbations of {wrong.sum()} of {len(kept)} images are not finite (test images {shown}, counted "
            "from 0): remove perturbations.h5 and attack again, with other parameters"
        )
    height, width = kept.shape[-2:]
    counts = {"images": images, "attacked": len(perturbation), "selected": len(kept)}
    with create(path, kind=KIND, version=VERSION, attributes={**attributes, **counts}) as file:
        scales = add_frequency_scales(file, height, width)
        centres = np.arange(angular_bins) * (180.0 / angular_bins)
        scales["angle"] = add_scale(
            file, "angle", centres, units="degree", long_name="angle of the frequency, bin centre"
        )
        add(file, "image", image[selected], units="1", long_name="index in the test set")
        for convention in conventions:
            group = file.create_group(convention)
            power = fourier.power_spectrum(kept, convention=convention)
            add_power(group, power, scales)
            angular = fourier.angular_energy(power, bins=angular_bins)
            over_angle = (None, scales["angle"])
            add(
                group,
                "angular_energy",
                angular,
                units="1",
                long_name="power in each angular bin",
                scales=over_angle,
            )


def add_power(group: h5py.Group, power: np.ndarray, scales: Mapping[str, h5py.Dataset]) -> None:
    """Write norms, flatness, half-power frequency, radial energy and mean power to `group`; N = 0 has no mean power.

    power : (N, C, H, W) from fourier.power_spectrum; scales : from add_frequency_scales.
    """
    l1, l2 = fourier.norms(power)
    radial = fourier.radial_energy(power)
    half = fourier.half_power_frequency(radial)
    over_radius = (None, scales["radial_frequency"])
    add(group, "norm_l1", l1, units="1", long_name="1-norm of the spectrum")
    add(group, "norm_l2", l2, units="1", long_name="2-norm of the spectrum")
    # undefined for a spectrum that is zero everywhere
    add(group, "flatness", fourier.flatness(power), units="1", long_name="l1 / (sqrt(bins) l2)", finite=False)
    add(group, "half_power_frequency", half, units="cycles/image", long_name="half-power frequency", finite=False)
    add(group, "radial_energy", radial, units="1", long_name="power in each radial bin", scales=over_radius)
    if len(power):
        plane = scales["frequency_y"], scales["frequency_x"]
        mean = power.sum(axis=1).mean(axis=0)
        add(
            group,
            "mean_power",
            mean,
            units="1",
            long_name="power, sum over channels, mean over rows",
            scales=plane,
        )
