"""The spectra of perturbations and of predictors, from the arrays to their files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from advspectra import fourier
from advspectra.files import predictors, spectra


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
    zero_gradient: np.ndarray | None = None,
) -> None:
    """Write the spectra of the perturbations to `path`.

    perturbation : (N, C, H, W) float32; success : (N,) bool; image : (N,) int64 index in the test set.
    images : "successful" keeps the images whose attack succeeded, "all" keeps every one.
    zero_gradient : (N,) bool, the images whose perturbations are no more than a gradient attack's start: none of them
        is kept. None, as in files of version 1: none is known.
    angular_bins : number of bins over [0, 180) degrees.
    """
    selected = success if images == "successful" else np.ones_like(success)
    without = np.zeros_like(success) if zero_gradient is None else zero_gradient
    selected = selected & ~without
    kept = perturbation[selected]
    wrong = ~np.isfinite(kept).all(axis=(1, 2, 3))
    if wrong.any():
        shown = ", ".join(map(str, image[selected][wrong][:5]))
        raise ValueError(
            f"the perturbations of {wrong.sum()} of {len(kept)} images are not finite "
            f"({attributes.get('images_of', 'test')} images {shown}, counted from 0): "
            "remove perturbations.h5 and attack again, with other parameters"
        )
    angle = np.arange(angular_bins) * (180.0 / angular_bins)
    groups = {}
    for convention in conventions:
        power = fourier.power_spectrum(kept, convention=convention)
        groups[convention] = summary(power) | {"angular_energy": fourier.angular_energy(power, bins=angular_bins)}
    counts = {"images": images, "attacked": len(perturbation), "selected": len(kept)}
    counts |= {"zero_gradients": int(without.sum())} if without.any() else {}
    arrays = frequencies(*kept.shape[-2:]) | {"angle": angle, "image": image[selected]}
    spectra.FORMAT.write_file(path, arrays, groups=groups, attributes={**attributes, **counts})


def write_predictor(
    path: str | Path, *, beta: np.ndarray, rescaled: np.ndarray, intercept: np.ndarray, attributes: Mapping
) -> None:
    """Write the end-to-end map and its spectra to `path`.

    beta, rescaled : (K, C, H, W) float64; intercept : (K,) float64.
    """
    maps = {"raw": beta, "rescaled": rescaled}
    groups = {form: summary(fourier.power_spectrum(values, convention="paper")) for form, values in maps.items()}
    arrays = frequencies(*beta.shape[-2:]) | {"beta": beta, "intercept": intercept}
    predictors.FORMAT.write_file(path, arrays, groups=groups, attributes=attributes)


def frequencies(height: int, width: int) -> dict[str, np.ndarray]:
    """Return the arrays of files.spectra.SCALES: radial (R,) and axis frequencies (H,) and (W,), in cycles/image."""
    return {
        "radial_frequency": np.arange(fourier.radius(height, width).max() + 1),
        "frequency_y": fourier.frequencies(height),
        "frequency_x": fourier.frequencies(width),
    }


def summary(power: np.ndarray) -> dict[str, np.ndarray]:
    """Return the arrays of files.spectra.POWER for the power (N, C, H, W) of fourier.power_spectrum.

    The mean power over no images (N = 0) does not exist and is left out.
    """
    l1, l2 = fourier.norms(power)
    radial = fourier.radial_energy(power)
    arrays = {
        "norm_l1": l1,
        "norm_l2": l2,
        "flatness": fourier.flatness(power),
        "half_power_frequency": fourier.half_power_frequency(radial),
        "radial_energy": radial,
    }
    return arrays | ({"mean_power": power.sum(axis=1).mean(axis=0)} if len(power) else {})
