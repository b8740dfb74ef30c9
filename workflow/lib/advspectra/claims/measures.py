"""The numbers that claims are about. A new measure is one entry of MEASURES, and its name in claims.schema.yaml.

Definitions: spectra and their norms in advspectra.fourier, success in advspectra.perturb, lines in
advspectra.lines.follow.
Shares of the power of a spectrum: low, middle and high are the thirds of [0, n/2] cycles/image, n pixels being the
smaller side; the high share includes all frequencies up to the corner of the spectrum. Radial bin k holds distances
from k - 1/2 to k + 1/2. Names that begin with delta_ and beta_ are columns of the data frames, too. Flatness is
norm_l1 / (sqrt(bins) norm_l2) in (0, 1]: small for a sparse spectrum. Angular entropy is -sum p log p / log A of the
power p in A directions: 1 where all are equal.
"""

import numpy as np
from scipy import stats

from advspectra.claims.readers import (
    Measure,
    of_delta,
    of_images,
    of_lines,
    of_predictor,
    of_training,
    over_checkpoints,
)
from advspectra.fourier import half_power_frequency
from advspectra.statistics.scale import Scale

RATIO, DIFFERENCE, RATE, CORRELATION = Scale


def _where(condition: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.where(condition, values.astype(np.float64), np.nan)


def _rank_correlation(success: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """Spearman's correlation over checkpoints of the two rates, (T, ...), (T, ...) -> (...)."""
    ranks = [stats.rankdata(rate, axis=0) for rate in (success, correct)]
    first, second = (rank - rank.mean(axis=0) for rank in ranks)
    return (first * second).sum(axis=0) / np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))


def _gain(rate: np.ndarray) -> np.ndarray:
    """By how much a rate grows from the first checkpoint to the last, (T, ...) -> (...)."""
    return rate[-1] - rate[0]


def _shares(energy: np.ndarray, sides: tuple[int, int]) -> dict[str, np.ndarray]:
    """The share of the power in each third of [0, n/2] cycles/image, (N, R) -> (N,); NaN without power."""
    third = min(sides) / 6
    radius = np.arange(energy.shape[1])
    bands = {"low": radius <= third, "middle": (radius > third) & (radius <= 2 * third), "high": radius > 2 * third}
    total = energy.sum(axis=1)
    return {
        name: np.divide(energy[:, band].sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0)
        for name, band in bands.items()
    }


def _sides(spectrum) -> tuple[int, int]:
    return len(spectrum.frequency_y), len(spectrum.frequency_x)


def _flatness(spectrum, bins: int) -> np.ndarray:
    return spectrum.norm_l1 / (np.sqrt(bins) * spectrum.norm_l2)


def _entropy(energy: np.ndarray) -> np.ndarray:
    """The entropy of each row as a share of the largest possible, (N, A) -> (N,)."""
    share = energy / energy.sum(axis=1, keepdims=True)
    return -(share * np.log(np.where(share > 0, share, 1))).sum(axis=1) / np.log(energy.shape[1])


def _delta_share(band: str) -> Measure:
    title = f"share of δ̂'s power in the {band} third of frequencies"
    return of_delta(title, DIFFERENCE, lambda spectra: _shares(spectra.radial_energy, _sides(spectra))[band])


def _beta_share(band: str) -> Measure:
    title = f"share of β̂'s power in the {band} third of frequencies"
    return of_predictor(title, DIFFERENCE, lambda spectrum, whole: _shares(spectrum.radial_energy, _sides(whole))[band])


MEASURES = {
    "delta_l1": of_delta("‖δ̂‖₁", RATIO, lambda spectra: spectra.norm_l1),
    "delta_l2": of_delta("‖δ̂‖₂", RATIO, lambda spectra: spectra.norm_l2),
    "delta_frequency": of_delta("f₀.₅ of δ̂ (cycles/image)", RATIO, lambda spectra: spectra.half_power_frequency),
    "delta_flatness": of_delta("flatness of δ̂", RATIO, lambda spectra: spectra.flatness),
    "delta_angular_entropy": of_delta(
        "angular entropy of δ̂", DIFFERENCE, lambda spectra: _entropy(spectra.angular_energy)
    ),
    **{f"delta_{band}_share": _delta_share(band) for band in ("low", "middle", "high")},
    "beta_l1": of_predictor("‖β̂‖₁", RATIO, lambda spectrum, predictor: spectrum.norm_l1),
    "beta_l2": of_predictor("‖β̂‖₂", RATIO, lambda spectrum, predictor: spectrum.norm_l2),
    "beta_frequency": of_predictor(
        "f₀.₅ of β̂ (cycles/image)",
        RATIO,
        lambda spectrum, predictor: half_power_frequency(spectrum.radial_energy),
    ),
    "beta_flatness": of_predictor(
        "flatness of β̂", RATIO, lambda spectrum, predictor: _flatness(spectrum, np.prod(_sides(predictor)))
    ),
    **{f"beta_{band}_share": _beta_share(band) for band in ("low", "middle", "high")},
    "perturbation_l2": of_images("‖δ‖₂", RATIO, lambda attacked: _where(attacked.success, attacked.l2)),
    "perturbation_linf": of_images("‖δ‖∞", RATIO, lambda attacked: _where(attacked.success, attacked.linf)),
    "success_rate": of_images("success rate", RATE, lambda attacked: attacked.success),
    "success_among_correct": of_images(
        "success rate among the images that are right before",
        RATE,
        lambda attacked: _where(attacked.correct, attacked.success),
    ),
    "success_accuracy_correlation": over_checkpoints(
        "rank correlation of success rate and accuracy over checkpoints", CORRELATION, _rank_correlation
    ),
    "success_gain": over_checkpoints(
        "gain in success rate over training", DIFFERENCE, lambda success, correct: _gain(success)
    ),
    "accuracy_gain": over_checkpoints(
        "gain in accuracy over training", DIFFERENCE, lambda success, correct: _gain(correct)
    ),
    "relu_changes": of_lines("fraction of ReLU changes", RATIO, "relu_changes"),
    "roughness": of_lines("roughness of the other logit", RATIO, "other_deviation"),
    "relative_roughness": of_lines("relative roughness of the other logit", RATIO, "other_deviation_relative"),
    "test_accuracy": of_training("test accuracy", DIFFERENCE, "test_accuracy"),
}
