"""The numbers that claims are about: what is measured of a run, image by image where it is made of images.

A measure says what it is (`title`, for readers), how two of it are compared (`ratio`: by their ratio, as it has a
natural zero and a scale; else by their difference) and how it is read. Reading gives a Values: for each attacked image
a number, NaN where it has none, and the statistic that makes one number of their mean, nearly always the mean itself.

Definitions: spectra and their norms in advspectra.fourier, success in advspectra.perturb, lines in
advspectra.lines.follow.
Shares of the power of a spectrum: low, middle and high are the thirds of [0, n/2] cycles/image, n pixels being the
smaller side; the last goes on to the corner of the spectrum. Flatness is norm_l1 / (sqrt(bins) norm_l2) in (0, 1]:
small for a sparse spectrum. Angular entropy is -sum p log p / log A of the power p in A directions: 1 where all are
equal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import stats

from advspectra.files.results import Perturbations
from advspectra.fourier import half_power_frequency
from advspectra.lines.comparison import line
from advspectra.results.runs import AttackedCheckpoint, Run


class NotThere(Exception):
    """The study lacks what a measure is made of; the message says what."""


@dataclass(frozen=True)
class Conventions:
    """What the paper leaves open and a study need not run again for.

    spectra : of advspectra.fourier, for perturbations. attacks : the name of the attack or transfer for each part that
    one has in claims: final, snapshots, transfer, minimal. predictor : "raw" or "rescaled", of claims that do not say;
    cells : that of the cells of the paper's tables.
    """

    spectra: str
    attacks: Mapping[str, str]
    predictor: str = "raw"
    cells: str = "rescaled"


@dataclass(frozen=True)
class Values:
    """Arrays (..., N) over images, `image` (N,) being their indices in the test set; None for what has no images.

    statistic : of the means over images, as advspectra.statistics.inference.Sample has it.
    """

    arrays: tuple[np.ndarray, ...]
    image: np.ndarray | None = None
    statistic: Callable[..., np.ndarray] = field(default=lambda mean: mean)


@dataclass(frozen=True)
class Measure:
    """One number of a run; `read` takes the run, the side of a claim (what it says of the run) and the Conventions."""

    title: str
    ratio: bool
    read: Callable[[Run, Mapping, Conventions], Values]


def _states(run: Run, side: Mapping, conventions: Conventions) -> list[AttackedCheckpoint]:
    part = side["attack"]
    attack = conventions.attacks.get(part)
    if attack is None:
        raise NotThere(f"the study names no attack for {part!r}")
    states = run.attacked(attack)
    if not states:
        raise NotThere(f"{run.label} has no results of {attack}")
    return states


def _state(run: Run, side: Mapping, conventions: Conventions) -> AttackedCheckpoint:
    states = _states(run, side, conventions)
    wanted = side["state"]
    if wanted == "best" and len(states) == 1:  # that of the summary
        return states[0]
    if wanted == "first" and states[0].step == 0:
        return states[0]
    if wanted == "last":
        return states[-1]
    if wanted == "first_epoch":
        # a state within an epoch, step=3 say, has that epoch's number too
        found = [state for state in states if not state.checkpoint.startswith("step=")]
    elif wanted == "best" and (checkpoints := run.checkpoints()) is not None:
        found = [state for state in states if state.step == checkpoints.kept["best"].step]
    else:
        found = [state for state in states if state.checkpoint == wanted]
    if not found:
        raise NotThere(f"{run.label} has no state {wanted!r} under {states[0].attack}")
    return found[0]


def _perturbations(state: AttackedCheckpoint) -> Perturbations:
    found = state.perturbations()
    if found is None:
        raise NotThere(f"no perturbations of {state.attack} on {state.checkpoint}")
    return found


def _delta(of: Callable) -> Callable[[Run, Mapping, Conventions], Values]:
    """Return a reader of something that each spectrum of a perturbation has."""

    def read(run, side, conventions):
        state = _state(run, side, conventions)
        spectra = state.spectra(conventions.spectra)
        if spectra is None:
            raise NotThere(f"no spectra of {state.attack} on {state.checkpoint}")
        image = _perturbations(state).image
        values = np.full(len(image), np.nan)
        place = {index: row for row, index in enumerate(image)}
        values[[place[index] for index in spectra.image]] = of(spectra)
        return Values((values,), image)

    return read


def _beta(of: Callable) -> Callable[[Run, Mapping, Conventions], Values]:
    """Return a reader of the mean over classes of something that each spectrum of a predictor has."""

    def read(run, side, conventions):
        predictor = run.predictor()
        if predictor is None:
            raise NotThere(f"{run.label} has no predictor")
        spectrum = getattr(predictor, side.get("predictor", conventions.predictor))
        return Values((np.array([np.mean(of(spectrum, predictor))]),))

    return read


def _success(of: Callable[[Perturbations], np.ndarray]) -> Callable[[Run, Mapping, Conventions], Values]:
    """Return a reader of something that each attacked image has."""

    def read(run, side, conventions):
        found = _perturbations(_state(run, side, conventions))
        return Values((of(found).astype(np.float64),), found.image)

    return read


def _where(condition: np.ndarray, values: np.ndarray) -> np.ndarray:
    return np.where(condition, values.astype(np.float64), np.nan)


def _line(quantity: str) -> Callable[[Run, Mapping, Conventions], Values]:
    """Return a reader of a quantity of the lines to `end` of a side."""

    def read(run, side, conventions):
        state = _state(run, side, conventions)
        lines = state.lines()
        if lines is None:
            raise NotThere(f"no lines of {state.attack} on {state.checkpoint}")
        values = line(lines, side["end"]).quantity(quantity)
        return Values((np.where(np.isfinite(values), values, np.nan),), lines.image)

    return read


def _over_states(statistic: Callable[[np.ndarray, np.ndarray], np.ndarray]):
    """Return a reader of the success of an attack and of what is right before it, (T, N) each, T states."""

    def read(run, side, conventions):
        found = [_perturbations(state) for state in _states(run, side, conventions)]
        if any(not np.array_equal(one.image, found[0].image) for one in found):
            raise ValueError(f"{found[0].path}: expected the same images on all states")
        arrays = tuple(np.stack([getattr(one, name) for one in found]).astype(float) for name in ("success", "correct"))
        return Values(arrays, found[0].image, statistic)

    return read


def _rank_correlation(success: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation over states of the two rates, (T, ...), (T, ...) -> (...)."""
    ranks = [stats.rankdata(one, axis=0) for one in (success, correct)]
    first, second = (one - one.mean(axis=0) for one in ranks)
    return (first * second).sum(axis=0) / np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))


def _test_accuracy(run: Run, side: Mapping, conventions: Conventions) -> Values:
    checkpoints = run.checkpoints()
    if checkpoints is None:
        raise NotThere(f"{run.label} has no training")
    return Values((np.array([checkpoints.test_accuracy]),))


def _shares(energy: np.ndarray, sides: tuple[int, int]) -> dict[str, np.ndarray]:
    """Return the share of the power in each third of [0, n/2] cycles/image, (N, R) -> (N,); NaN without power."""
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
    """Return the entropy of each row as a share of the largest possible, (N, A) -> (N,)."""
    share = energy / energy.sum(axis=1, keepdims=True)
    return -(share * np.log(np.where(share > 0, share, 1))).sum(axis=1) / np.log(energy.shape[1])


def _delta_share(band: str) -> Measure:
    read = _delta(lambda spectra: _shares(spectra.radial_energy, _sides(spectra))[band])
    return Measure(f"share of δ̂'s power in the {band} third of frequencies", False, read)


def _beta_share(band: str) -> Measure:
    read = _beta(lambda spectrum, predictor: _shares(spectrum.radial_energy, _sides(predictor))[band])
    return Measure(f"share of β̂'s power in the {band} third of frequencies", False, read)


def _gain(rate: np.ndarray) -> np.ndarray:
    """Return by how much a rate grows from the first state to the last, (T, ...) -> (...)."""
    return rate[-1] - rate[0]


MEASURES = {
    "delta_l1": Measure("‖δ̂‖₁", True, _delta(lambda spectra: spectra.norm_l1)),
    "delta_l2": Measure("‖δ̂‖₂", True, _delta(lambda spectra: spectra.norm_l2)),
    "delta_frequency": Measure("f₀.₅ of δ̂ (cycles/image)", True, _delta(lambda spectra: spectra.half_power_frequency)),
    "delta_flatness": Measure("flatness of δ̂", True, _delta(lambda spectra: spectra.flatness)),
    "delta_angular_entropy": Measure(
        "angular entropy of δ̂", False, _delta(lambda spectra: _entropy(spectra.angular_energy))
    ),
    **{f"delta_{band}_share": _delta_share(band) for band in ("low", "middle", "high")},
    "beta_l1": Measure("‖β̂‖₁", True, _beta(lambda spectrum, predictor: spectrum.norm_l1)),
    "beta_l2": Measure("‖β̂‖₂", True, _beta(lambda spectrum, predictor: spectrum.norm_l2)),
    "beta_frequency": Measure(
        "f₀.₅ of β̂ (cycles/image)",
        True,
        _beta(lambda spectrum, predictor: half_power_frequency(spectrum.radial_energy)),
    ),
    "beta_flatness": Measure(
        "flatness of β̂", True, _beta(lambda spectrum, predictor: _flatness(spectrum, np.prod(_sides(predictor))))
    ),
    **{f"beta_{band}_share": _beta_share(band) for band in ("low", "middle", "high")},
    "perturbation_l2": Measure("‖δ‖₂", True, _success(lambda found: _where(found.success, found.l2))),
    "perturbation_linf": Measure("‖δ‖∞", True, _success(lambda found: _where(found.success, found.linf))),
    "success_rate": Measure("success rate", False, _success(lambda found: found.success)),
    "success_among_correct": Measure(
        "success rate among the images that are right before",
        False,
        _success(lambda found: _where(found.correct, found.success)),
    ),
    "success_accuracy_correlation": Measure(
        "rank correlation of success rate and accuracy over states", False, _over_states(_rank_correlation)
    ),
    "success_gain": Measure(
        "gain in success rate over training", False, _over_states(lambda success, correct: _gain(success))
    ),
    "accuracy_gain": Measure(
        "gain in accuracy over training", False, _over_states(lambda success, correct: _gain(correct))
    ),
    "relu_changes": Measure("fraction of ReLU changes", True, _line("relu_changes")),
    "roughness": Measure("roughness of the other logit", True, _line("other_deviation")),
    "relative_roughness": Measure("relative roughness of the other logit", True, _line("other_deviation_relative")),
    "test_accuracy": Measure("test accuracy", False, _test_accuracy),
}
