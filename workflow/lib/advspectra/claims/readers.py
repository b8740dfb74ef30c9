"""Measures by the files of a run that they are read from.

`read` takes the run, the side of a claim (what it says of the run) and the conventions, and gives Values: for each
attacked image a number, NaN where it has none, and the statistic that makes one number of their mean, nearly always the
mean itself. It raises NotThere where the run lacks the files.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from advspectra.claims.reasons import Lack, NotThere
from advspectra.claims.terms import Side
from advspectra.files.checkpoints import Checkpoints
from advspectra.files.perturbations import AttackedImages
from advspectra.lines.comparison import line
from advspectra.results.runs import AttackedCheckpoint, Run
from advspectra.statistics.scale import Scale


class MadeOf(Enum):
    """What a measure is made of."""

    DELTA = "the spectra of perturbations"
    PREDICTOR = "the spectra of a predictor"
    IMAGES = "the attacked images"
    LINES = "lines"
    ALL_CHECKPOINTS = "the attacked images on all checkpoints"
    TRAINING = "the training"


@dataclass(frozen=True)
class Conventions:
    """What the paper leaves open and a study need not run again for.

    spectra : of advspectra.fourier, for perturbations. attacks : the name of the attack or transfer for each role that
    one has in claims: final, snapshots, transfer, minimal. predictor : "raw" or "rescaled", for claims that do not say;
    cells : the same for the cells of the paper's tables. last : whether the last epoch that is kept takes the place of
    the best; what is made of a predictor, which only the best has, is not tested then.
    """

    spectra: str
    attacks: Mapping[str, str]
    predictor: str = "raw"
    cells: str = "rescaled"
    last: bool = False


@dataclass(frozen=True)
class Values:
    """Arrays (..., N) over images, `image` (N,) being their indices in the test set; None for what has no images.

    statistic : of the means over images, as advspectra.statistics.crossed.Sample has it.
    """

    arrays: tuple[np.ndarray, ...]
    image: np.ndarray | None = None
    statistic: Callable[..., np.ndarray] = field(default=lambda mean: mean)


@dataclass(frozen=True)
class Measure:
    """One number of a run: its title in words with its unit, what it is made of, and how it is read.

    scale : on which two values are compared.
    """

    title: str
    scale: Scale
    made_of: MadeOf
    read: Callable[[Run, Side, Conventions], Values]


def of_delta(title: str, scale: Scale, of: Callable) -> Measure:
    """A measure of something that each spectrum of a perturbation has."""

    def read(run: Run, side: Side, conventions: Conventions) -> Values:
        attacked = _checkpoint(run, side, conventions)
        spectra = attacked.spectra(conventions.spectra)
        if spectra is None:
            raise _lacks_file("spectra", attacked)
        image = _perturbations(attacked).image
        values = np.full(len(image), np.nan)
        row_of = {index: row for row, index in enumerate(image)}
        values[[row_of[index] for index in spectra.image]] = of(spectra)
        return Values((values,), image)

    return Measure(title, scale, MadeOf.DELTA, read)


def of_predictor(title: str, scale: Scale, of: Callable) -> Measure:
    """A measure: the mean over classes of something that each spectrum of a predictor has."""

    def read(run: Run, side: Side, conventions: Conventions) -> Values:
        predictor = None if conventions.last else run.predictor()
        if predictor is None:
            raise NotThere(Lack.PREDICTOR, network=run.label)
        spectrum = getattr(predictor, side.predictor or conventions.predictor)
        return Values((np.array([np.mean(of(spectrum, predictor))]),))

    return Measure(title, scale, MadeOf.PREDICTOR, read)


def of_images(title: str, scale: Scale, of: Callable[[AttackedImages], np.ndarray]) -> Measure:
    """A measure of something that each attacked image has."""

    def read(run: Run, side: Side, conventions: Conventions) -> Values:
        perturbations = _perturbations(_checkpoint(run, side, conventions))
        return Values((of(perturbations).astype(np.float64),), perturbations.image)

    return Measure(title, scale, MadeOf.IMAGES, read)


def of_lines(title: str, scale: Scale, quantity: str) -> Measure:
    """A measure: a quantity of the lines to `end` of a side."""

    def read(run: Run, side: Side, conventions: Conventions) -> Values:
        attacked = _checkpoint(run, side, conventions)
        lines = attacked.lines()
        if lines is None:
            raise _lacks_file("lines", attacked)
        values = line(lines, side.end).quantity(quantity)
        return Values((np.where(np.isfinite(values), values, np.nan),), lines.image)

    return Measure(title, scale, MadeOf.LINES, read)


def over_checkpoints(title: str, scale: Scale, statistic: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Measure:
    """A measure: the success of an attack and of what is right before it, (T, N) each, T checkpoints."""

    def read(run: Run, side: Side, conventions: Conventions) -> Values:
        each = [_perturbations(attacked) for attacked in _checkpoints(run, side, conventions)]
        first = each[0]
        if any(not np.array_equal(perturbations.image, first.image) for perturbations in each):
            raise ValueError(f"{first.path}: expected the same images on all checkpoints")
        arrays = (
            np.stack([getattr(perturbations, name) for perturbations in each]).astype(float)
            for name in ("success", "correct")
        )
        return Values(tuple(arrays), first.image, statistic)

    return Measure(title, scale, MadeOf.ALL_CHECKPOINTS, read)


def of_training(title: str, scale: Scale, name: str) -> Measure:
    """A measure: a number of the training."""

    def read(run: Run, side: Side, conventions: Conventions) -> Values:
        checkpoints = run.checkpoints()
        if checkpoints is None:
            raise NotThere(Lack.TRAINING, network=run.label)
        return Values((np.array([_of_epoch(checkpoints, name, last=conventions.last)]),))

    return Measure(title, scale, MadeOf.TRAINING, read)


def _of_epoch(checkpoints: Checkpoints, name: str, *, last: bool) -> float:
    """A number of the training at its best epoch, or of the history at the last epoch that is kept."""
    epochs = [kept.epoch for checkpoint, kept in checkpoints.kept.items() if checkpoint.startswith("epoch=")]
    if not last or name not in checkpoints.history:
        return getattr(checkpoints, name)
    if not epochs:
        raise NotThere(Lack.VALUE, cause="no epoch but the best is kept")
    return checkpoints.history[name][max(epochs) - 1]


def _checkpoints(run: Run, side: Side, conventions: Conventions) -> list[AttackedCheckpoint]:
    """The checkpoints that the attack of a side was tried on, in the order of training."""
    attack = conventions.attacks.get(side.attack)
    if attack is None:
        raise NotThere(Lack.ROLE, role=side.attack)
    attacked = run.attacked(attack)
    if not attacked:
        raise NotThere(Lack.RESULTS, network=run.label, attack=attack)
    return attacked


def _checkpoint(run: Run, side: Side, conventions: Conventions) -> AttackedCheckpoint:
    """The checkpoint of a side, attacked."""
    attacked = _checkpoints(run, side, conventions)
    wanted = side.checkpoint
    if wanted == "best" and conventions.last:
        epochs = [one for one in attacked if one.checkpoint.startswith("epoch=")]
        if not epochs:
            raise NotThere(Lack.CHECKPOINT, network=run.label, checkpoint="of an epoch", attack=attacked[0].attack)
        return epochs[-1]
    if wanted == "best" and len(attacked) == 1:  # that of the summary
        return attacked[0]
    if wanted == "first" and attacked[0].step == 0:
        return attacked[0]
    if wanted == "last":
        return attacked[-1]
    if wanted == "first_epoch":
        # a checkpoint within an epoch, step=3 say, has that epoch's number too
        fitting = [one for one in attacked if not one.checkpoint.startswith("step=")]
    elif wanted == "best" and (checkpoints := run.checkpoints()) is not None:
        fitting = [one for one in attacked if one.step == checkpoints.kept["best"].step]
    else:
        fitting = [one for one in attacked if one.checkpoint == wanted]
    if not fitting:
        raise NotThere(Lack.CHECKPOINT, network=run.label, checkpoint=wanted, attack=attacked[0].attack)
    return fitting[0]


def _perturbations(attacked: AttackedCheckpoint) -> AttackedImages:
    perturbations = attacked.perturbations()
    if perturbations is None:
        raise _lacks_file("perturbations", attacked)
    return perturbations


def _lacks_file(kind: str, attacked: AttackedCheckpoint) -> NotThere:
    return NotThere(Lack.FILE, file=kind, attack=attacked.attack, checkpoint=attacked.checkpoint)
