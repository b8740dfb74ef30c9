"""The numbers that claims are about. A new measure is one entry of MEASURES, and its name in claims.schema.yaml.

Definitions: spectra and their norms in advspectra.fourier, success in advspectra.perturb, lines in
advspectra.lines.follow.
Shares of the power of a spectrum: low, middle and high are the thirds of [0, n/2] cycles/image, n pixels being the
smaller side; the high share includes all frequencies up to the corner of the spectrum. Radial bin k holds distances
from k - 1/2 to k + 1/2. Names that begin with delta_ and beta_ are columns of the data frames, too. Flatness is
norm_l1 / (sqrt(bins) norm_l2) in (0, 1]: small for a sparse spectrum.

Thirds, rings and directions have unequally many frequencies, so a sum of power is not flat for white noise. A density
is the mean power per frequency, and is:

- <band>_density: the density of a third over the sum of the three; white noise has 1/3 in each
- angular entropy: -sum p log p / log A, p the densities of A directions over their sum; 1 where they are equal. Zero
  frequency has no direction and does not count. White noise has 1 less the scatter of its bins, about
  (A - 1) / (H W log A) for one channel. `of_sums` is the same of the sums, as the paper prints them, zero frequency
  shared by all: white noise has less than 1
- ring contrast: of the densities, mean over images, that of the strongest three rings around k, 3 <= k <= n/2 - 3, over
  the larger of the centre's (rings 0 and 1) and the edge's (n/2 - 1 and n/2). Each image's power is 1. White noise has
  1, a spectrum that falls or rises with frequency less, a ring more. Our definition
- band enrichment: the density of the rings where the classes of a data set with the option `band` differ, over that of
  the others; 1 for white noise
"""

from collections.abc import Iterable, Mapping

import numpy as np
import scipy  # imports stats when it is first used: half a second, which the report saves

from advspectra.claims.readers import (
    Measure,
    of_band,
    of_delta,
    of_images,
    of_lines,
    of_link,
    of_predictor,
    of_training,
    over_checkpoints,
    over_networks,
)
from advspectra.claims.weights import of_weights
from advspectra.fourier import angular_cells, half_power_frequency, radial_cells
from advspectra.statistics.scale import Scale

RATIO, DIFFERENCE, RATE, CORRELATION = Scale


def _where(condition: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.where(condition, values.astype(np.float64), np.nan)


def _rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Spearman's correlation over checkpoints, (T, ...), (T, ...) -> (...), as statistics.paired has it, but 0 where
    either is the same on all: it follows nothing.

    A checkpoint where the first is NaN, as it is right about no image, is left out; NaN of fewer than 3 checkpoints.
    """
    known = ~np.isnan(first)
    count = np.maximum(known.sum(axis=0), 1)
    ranks = [scipy.stats.rankdata(np.where(known, rate, np.inf), axis=0) for rate in (first, second)]
    first, second = (np.where(known, rank - (rank * known).sum(axis=0) / count, 0) for rank in ranks)
    together, size = (first * second).sum(axis=0), np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    correlation = np.divide(together, size, out=np.zeros_like(together), where=size > 0)
    return np.where(count < 3, np.nan, correlation)


def _thirds(values: np.ndarray, sides: tuple[int, int]) -> dict[str, np.ndarray]:
    """The sum of radial values in each third of [0, n/2] cycles/image, (..., R) -> (...)."""
    third = min(sides) / 6
    radius = np.arange(values.shape[-1])
    bands = {"low": radius <= third, "middle": (radius > third) & (radius <= 2 * third), "high": radius > 2 * third}
    return {name: values[..., band].sum(axis=-1) for name, band in bands.items()}


def _share(of: np.ndarray, parts: Iterable[np.ndarray]) -> np.ndarray:
    total = sum(parts)
    return np.divide(of, total, out=np.full(len(total), np.nan), where=total > 0)


def _shares(energy: np.ndarray, sides: tuple[int, int]) -> dict[str, np.ndarray]:
    """The share of the power in each third, (N, R) -> (N,); NaN without power."""
    thirds = _thirds(energy, sides)
    return {name: _share(power, thirds.values()) for name, power in thirds.items()}


def _densities(energy: np.ndarray, sides: tuple[int, int]) -> dict[str, np.ndarray]:
    """The density of each third as a share of their sum, (N, R) -> (N,); NaN without power."""
    cells = _thirds(radial_cells(*sides), sides)
    density = {name: power / cells[name] for name, power in _thirds(energy, sides).items()}
    return {name: _share(of, density.values()) for name, of in density.items()}


def _flatness(spectrum, bins: int) -> np.ndarray:
    return spectrum.norm_l1 / (np.sqrt(bins) * spectrum.norm_l2)


def _entropy(values: np.ndarray) -> np.ndarray:
    """The entropy of each row as a share of the largest possible, (N, A) -> (N,)."""
    share = values / values.sum(axis=1, keepdims=True)
    return -(share * np.log(np.where(share > 0, share, 1))).sum(axis=1) / np.log(values.shape[1])


def _angular_density(spectra) -> np.ndarray:
    """Mean power per frequency in each direction that has any, without zero frequency, (N, A')."""
    bins = len(spectra.angle)
    cells = angular_cells(*spectra.image_size, bins=bins) - 1 / bins
    directed = np.maximum(spectra.angular_energy - spectra.radial_energy[:, :1] / bins, 0)
    some = cells > 0.5
    return directed[:, some] / cells[some]


def _rings(spectra) -> np.ndarray:
    """The power of each image in each ring that counts for ring contrast, per frequency, (G, N); an image's sum is 1.

    The groups are the centre, the edge, and the three rings around k for each k; NaN without power.
    """
    half, cells = min(spectra.image_size) // 2, radial_cells(*spectra.image_size)
    groups = [[0, 1], [half - 1, half], *([k - 1, k, k + 1] for k in range(3, half - 2))]
    power = spectra.radial_energy / spectra.radial_energy.sum(axis=1, keepdims=True)
    return np.stack([power[:, group].sum(axis=1) / cells[group].sum() for group in groups])


def _ring_contrast(density: np.ndarray) -> np.ndarray:
    """The ring contrast of densities as _rings has them, (G, ...) -> (...); NaN for images too small to have rings."""
    if len(density) < 3:
        return np.full(density.shape[1:], np.nan)
    return density[2:].max(axis=0) / density[:2].max(axis=0)


def _band_enrichment(spectra, band: Mapping[str, float]) -> np.ndarray:
    """The density of the rings from band["low"] to band["high"] over that of the others, (N,); NaN without others."""
    cells, radius = radial_cells(*spectra.image_size), np.arange(spectra.radial_energy.shape[1])
    inside = (radius >= np.rint(band["low"])) & (radius <= np.rint(band["high"]))
    within, beyond = (spectra.radial_energy[:, part].sum(axis=1) / cells[part].sum() for part in (inside, ~inside))
    return np.divide(within, beyond, out=np.full(len(within), np.nan), where=beyond > 0)


def correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Pearson's correlation of each row, (N, B), (N, B) -> (N,); NaN where either is constant."""
    first, second = (values - values.mean(axis=1, keepdims=True) for values in (first, second))
    size = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    return np.divide((first * second).sum(axis=1), size, out=np.full(len(size), np.nan), where=size > 0)


def _of_third(kind: str, band: str) -> dict[str, Measure]:
    """The measures of δ̂ and β̂ in a third of frequencies; kind : share or density."""
    of = {"share": _shares, "density": _densities}[kind]
    what = {"share": "share of {}'s power", "density": "relative density of {}'s power"}[kind]
    what += f" in the {band} third of frequencies"
    return {
        f"delta_{band}_{kind}": of_delta(
            what.format("δ̂"), DIFFERENCE, lambda spectra: of(spectra.radial_energy, spectra.image_size)[band]
        ),
        f"beta_{band}_{kind}": of_predictor(
            what.format("β̂"), DIFFERENCE, lambda spectrum, whole: of(spectrum.radial_energy, whole.image_size)[band]
        ),
    }


OF_THIRDS = {
    name: measure
    for kind in ("share", "density")
    for band in ("low", "middle", "high")
    for name, measure in _of_third(kind, band).items()
}
MEASURES = {
    "delta_l1": of_delta("‖δ̂‖₁", RATIO, lambda spectra: spectra.norm_l1),
    "delta_l2": of_delta("‖δ̂‖₂", RATIO, lambda spectra: spectra.norm_l2),
    "delta_frequency": of_delta("f₀.₅ of δ̂ (cycles/image)", RATIO, lambda spectra: spectra.half_power_frequency),
    "delta_flatness": of_delta("flatness of δ̂", RATIO, lambda spectra: spectra.flatness),
    "delta_angular_entropy": of_delta(
        "angular entropy of δ̂",
        DIFFERENCE,
        lambda spectra: _entropy(_angular_density(spectra)),
    ),
    "delta_angular_entropy_of_sums": of_delta(
        "angular entropy of the sums of δ̂", DIFFERENCE, lambda spectra: _entropy(spectra.angular_energy)
    ),
    **{name: measure for name, measure in OF_THIRDS.items() if name.startswith("delta_")},
    "ring_contrast": of_delta("ring contrast of δ̂", RATIO, _rings, _ring_contrast),
    "band_enrichment": of_band("enrichment of δ̂ where the classes differ", RATIO, _band_enrichment),
    "beta_l1": of_predictor("‖β̂‖₁", RATIO, lambda spectrum, predictor: spectrum.norm_l1),
    "beta_l2": of_predictor("‖β̂‖₂", RATIO, lambda spectrum, predictor: spectrum.norm_l2),
    "beta_frequency": of_predictor(
        "f₀.₅ of β̂ (cycles/image)",
        RATIO,
        lambda spectrum, predictor: half_power_frequency(spectrum.radial_energy),
    ),
    "beta_flatness": of_predictor(
        "flatness of β̂", RATIO, lambda spectrum, predictor: _flatness(spectrum, np.prod(predictor.image_size))
    ),
    **{name: measure for name, measure in OF_THIRDS.items() if name.startswith("beta_")},
    "spectral_link": of_link("correlation of |β̂| and |δ̂| over frequencies", CORRELATION, correlation),
    "perturbation_l2": of_images("‖δ‖₂", RATIO, lambda attacked: _where(attacked.success, attacked.l2)),
    "perturbation_linf": of_images("‖δ‖∞", RATIO, lambda attacked: _where(attacked.success, attacked.linf)),
    "success_rate": of_images("success rate", RATE, lambda attacked: attacked.success),
    "success_among_correct": of_images(
        "success rate among the images that are right before",
        RATE,
        lambda attacked: _where(attacked.correct, attacked.success),
    ),
    "success_accuracy_correlation": over_checkpoints(
        "rank correlation of success rate and accuracy over checkpoints",
        CORRELATION,
        lambda success, correct, both: _rank_correlation(success, correct),
    ),
    "success_among_correct_accuracy_correlation": over_checkpoints(
        "rank correlation of the success rate among the images that are right before and accuracy over checkpoints",
        CORRELATION,
        # equal shares, such as 10 of 30 and 20 of 60, are ties
        lambda success, correct, both: _rank_correlation(np.round(both / correct, 9), correct),
    ),
    "relu_changes": of_lines("fraction of ReLU changes", RATIO, "relu_changes"),
    "true_roughness": of_lines("roughness of the true logit", RATIO, "true_deviation"),
    "roughness": of_lines("roughness of the other logit", RATIO, "other_deviation"),
    "final_roughness": of_lines("roughness of the logit of the final network's class", RATIO, "final_deviation"),
    "relative_roughness": of_lines("relative roughness of the other logit", RATIO, "other_deviation_relative"),
    "test_accuracy": of_training("test accuracy", RATE, "test_accuracy"),
    "weights_over_least": of_weights("squared weights over the least with the same β"),
}
LINKED = {
    "norm_link": ("‖{}‖₁", "l1"),
    "frequency_link": ("f₀.₅ of {}", "frequency"),
    "flatness_link": ("flatness of {}", "flatness"),
}
MEASURES |= {
    name: over_networks(
        f"rank correlation over networks of {title.format('β̂')} and {title.format('δ̂')}",
        MEASURES[f"beta_{measure}"],
        MEASURES[f"delta_{measure}"],
    )
    for name, (title, measure) in LINKED.items()
}
