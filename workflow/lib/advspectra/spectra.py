"""The spectra of perturbations and of predictors, from the arrays to their files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from advspectra import fourier
from advspectra.files import predictors, spectra
from advspectra.files.perturbations import in_parts


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

    perturbation : (N, C, H, W) float32, or the array of a file that is open; success : (N,) bool; image : (N,) int64
        index in the images that were attacked, the test or the training images.
    images : "successful" keeps the images whose attack succeeded, "all" keeps every one.
    zero_gradient : (N,) bool, the images whose perturbations are no more than a gradient attack's start: none of them
        is kept. None, as in files of version 1: none is known.
    angular_bins : number of bins over [0, 180) degrees.
    """
    selected = success if images == "successful" else np.ones_like(success)
    without = np.zeros_like(success) if zero_gradient is None else zero_gradient
    selected = selected & ~without
    angle = np.arange(angular_bins) * (180.0 / angular_bins)
    sides, wrong = perturbation.shape[-2:], []
    none = np.zeros((0, 1, *sides))
    summaries = {convention: Summaries() for convention in conventions}
    for of in summaries.values():  # where no attack succeeded, arrays are empty and not absent
        of.add(none, angular_energy=fourier.angular_energy(none, bins=angular_bins))
    for rows, kept in in_parts(perturbation, selected):
        wrong += image[rows[~np.isfinite(kept).all(axis=(1, 2, 3))]].tolist()
        for convention, of in summaries.items() if not wrong else ():
            power = fourier.power_spectrum(kept, convention=convention)
            of.add(power, angular_energy=fourier.angular_energy(power, bins=angular_bins))
    if wrong:
        raise ValueError(
            f"the perturbations of {len(wrong)} of {selected.sum()} images are not finite "
            f"({attributes.get('images_of', 'test')} images {', '.join(map(str, wrong[:5]))}, counted from 0): "
            "remove perturbations.h5 and attack again, with other parameters"
        )
    counts = {"images": images, "attacked": len(perturbation), "selected": int(selected.sum())}
    counts |= {"zero_gradients": int(without.sum())} if without.any() else {}
    arrays = frequencies(*sides) | {"angle": angle, "image": image[selected]}
    groups = {convention: of.arrays() for convention, of in summaries.items()}
    spectra.FORMAT.write_file(path, arrays, groups=groups, attributes={**attributes, **counts})


def write_predictor(
    path: str | Path,
    *,
    beta: np.ndarray,
    rescaled: Callable[[np.ndarray], np.ndarray],
    intercept: np.ndarray,
    attributes: Mapping,
) -> None:
    """Write the end-to-end map and its spectra to `path`.

    beta : (K, C, H, W) float64; rescaled : makes the rescaled maps (n, C, H, W) of such; intercept : (K,) float64.
    """
    raw, of_rescaled = Summaries(), Summaries()
    for _, maps in in_parts(beta, np.ones(len(beta), dtype=bool)):
        raw.add(fourier.power_spectrum(maps, convention="paper"))
        of_rescaled.add(fourier.power_spectrum(rescaled(maps), convention="paper"))
    arrays = frequencies(*beta.shape[-2:]) | {"beta": beta, "intercept": intercept}
    groups = {"raw": raw.arrays(), "rescaled": of_rescaled.arrays()}
    predictors.FORMAT.write_file(path, arrays, groups=groups, attributes=attributes)


def frequencies(height: int, width: int) -> dict[str, np.ndarray]:
    """Return the arrays of files.spectra.SCALES: radial (R,) and axis frequencies (H,) and (W,), in cycles/image."""
    return {
        "radial_frequency": np.arange(fourier.radius(height, width).max() + 1),
        "frequency_y": fourier.frequencies(height),
        "frequency_x": fourier.frequencies(width),
    }


@dataclass
class Summaries:
    """The arrays of files.spectra.POWER of spectra that come part by part, none of which is kept."""

    _parts: list[dict[str, np.ndarray]] = field(default_factory=list)
    _total: np.ndarray | float = 0.0

    def add(self, power: np.ndarray, **further: np.ndarray) -> None:
        """Add spectra; power : (n, C, H, W) of fourier.power_spectrum. further : arrays (n, ...) of the same."""
        l1, l2 = fourier.norms(power)
        radial = fourier.radial_energy(power)
        arrays = {
            "norm_l1": l1,
            "norm_l2": l2,
            "flatness": fourier.flatness(power),
            "half_power_frequency": fourier.half_power_frequency(radial),
            "radial_energy": radial,
        }
        self._parts.append(arrays | further)
        for row in power.sum(axis=1):  # one after the other, as NumPy's mean over rows adds them
            self._total = self._total + row

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays, of all parts together; mean_power where there is any spectrum."""
        found = {name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]}
        count = len(found["norm_l1"])
        return found | ({"mean_power": self._total / count} if count else {})
