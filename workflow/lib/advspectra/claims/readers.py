"""Measures by the files of a run that they are read from.

`read` takes the run, the side of a claim (what it says of the run) and the conventions, and gives Values: for each
attacked image a number, NaN where it has none, and the statistic that makes one number of their mean, nearly always the
mean itself. It raises NotThere where the run lacks the files.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import partial

import numpy as np

from advspectra.claims.reasons import Lack, NotThere
from advspectra.claims.sides import (
    Conventions,
    attacked_checkpoint,
    attacked_checkpoints,
    lacks_file,
    perturbations_of,
)
from advspectra.claims.terms import Side
from advspectra.files.checkpoints import Checkpoints
from advspectra.files.perturbations import FORMAT, AttackedImages, in_parts
from advspectra.files.predictors import Predictor
from advspectra.fourier import power_spectrum
from advspectra.lines.comparison import line
from advspectra.results.runs import AttackedCheckpoint, Run
from advspectra.statistics.sample import Sample
from advspectra.statistics.scale import Scale


class MadeOf(Enum):
    """What a measure is made of."""

    DELTA = "the spectra of perturbations"
    PREDICTOR = "the spectra of a predictor"
    IMAGES = "the attacked images"
    LINK = "the predictor and the perturbations"
    LINES = "lines"
    ALL_CHECKPOINTS = "the attacked images on all checkpoints"
    TRAINING = "the training"
    NETWORKS = "two measures of every network"


@dataclass(frozen=True)
class Values:
    """Arrays (..., N) over images, `image` (N,) being their indices in the set `images_of`; None for what has none.

    statistic : of the means over images, and units, as advspectra.statistics.sample.Sample has them.
    """

    arrays: tuple[np.ndarray, ...]
    image: np.ndarray | None = None
    statistic: Callable[..., np.ndarray] = field(default=lambda mean: mean)
    images_of: str = "test"
    units: int | None = None

    def sample(self) -> Sample:
        """The values as advspectra.statistics takes them; ValueError for one image, which says nothing of others."""
        if self.image is not None and len(self.image) == 1:
            raise ValueError("one image: nothing is known of others")
        return Sample(self.arrays, self.statistic, self.units)


@dataclass(frozen=True)
class Measure:
    """One number of a run: its title in words with its unit, what it is made of, and how it is read.

    scale : on which two values are compared.
    """

    title: str
    scale: Scale
    made_of: MadeOf
    read: Callable[[Run, Side, Conventions], Values]


def of_delta(title: str, scale: Scale, of: Callable, statistic: Callable = lambda mean: mean) -> Measure:
    """A measure of what each spectrum of a perturbation has; of : Spectra -> (..., n). statistic : as Values has it."""

    def read(run: Run, side: Side, conventions: Conventions) -> Values:
        attacked = attacked_checkpoint(run, side, conventions)
        spectra = attacked.spectra(conventions.spectra)
        if spectra is None:
            raise lacks_file("spectra", attacked)
        image, found = perturbations_of(attacked).image, of(spectra)
        values = np.full((*found.shape[:-1], len(image)), np.nan)
        row_of = {index: row for row, index in enumerate(image)}
        values[..., [row_of[index] for index in spectra.image]] = found
        return Values((values,), image, statistic, images_of=spectra.images_of)

    return Measure(title, scale, MadeOf.DELTA, read)


def of_band(title: str, scale: Scale, of: Callable) -> Measure:
    """A measure of what each spectrum of a perturbation has in the band where the classes of the data differ."""

    def read(run: Run, side: Side, conventions: Conventions) -> Values:
        if conventions.band is None:
            raise NotThere(Lack.BAND)
        return of_delta(title, scale, partial(of, band=conventions.band)).read(run, side, conventions)

    return Measure(title, scale, MadeOf.DELTA, read)


def of_link(title: str, scale: Scale, of: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Measure:
    """A measure of each successful perturbation δ of a linear network and of β[before] - β[after], rows of β being the
    maps of the classes that the network predicts before and after it: of their magnitudes |DFT|, (n, B) and (n, B).
    """

    def read(run: Run, side: Side, conventions: Conventions) -> Values:
        attacked = attacked_checkpoint(run, side, conventions)
        predictor = _predictor_of(attacked, run)
        images = perturbations_of(attacked)
        values = np.full(len(images.image), np.nan)
        for rows, *both in linked_magnitudes(images, predictor, conventions.spectra):
            values[rows] = of(*both)
        return Values((values,), images.image, images_of=images.images_of)

    return Measure(title, scale, MadeOf.LINK, read)


def _predictor_of(attacked: AttackedCheckpoint, run: Run) -> Predictor:
    """The predictor of the checkpoint that was attacked."""
    predictor = run.predictor()
    if predictor is None:
        raise NotThere(Lack.PREDICTOR, network=run.label)
    if checkpoint := run.unlike_predictor(attacked):
        raise NotThere(Lack.PREDICTOR_OF, network=run.label, checkpoint=checkpoint)
    return predictor


def linked_magnitudes(
    images: AttackedImages, predictor: Predictor, convention: str
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield some successful perturbations δ at a time: their rows (n,), and |DFT| of β[before] - β[after] and of δ."""
    with FORMAT.opened(images.path) as file:
        for rows, delta in in_parts(file["perturbation"], images.success):
            before, after = images.clean_prediction[rows], images.adversarial_prediction[rows]
            classes, places = np.unique(np.concatenate((before, after)), return_inverse=True)
            beta = predictor.maps(classes)
            before, after = places.reshape(2, len(rows))
            yield rows, *(_magnitudes(each, convention) for each in (beta[before] - beta[after], delta))


def _magnitudes(images: np.ndarray, convention: str) -> np.ndarray:
    """|DFT| of images, (n, C, H, W) -> (n, B)."""
    power = power_spectrum(images, convention=convention)
    return np.sqrt(power).reshape(len(power), math.prod(power.shape[1:]))


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
        perturbations = perturbations_of(attacked_checkpoint(run, side, conventions))
        of_image = of(perturbations).astype(np.float64)
        return Values((of_image,), perturbations.image, images_of=perturbations.images_of)

    return Measure(title, scale, MadeOf.IMAGES, read)


def of_lines(title: str, scale: Scale, quantity: str) -> Measure:
    """A measure: a quantity of the lines to `end` of a side."""

    def read(run: Run, side: Side, conventions: Conventions) -> Values:
        attacked = attacked_checkpoint(run, side, conventions)
        lines = attacked.lines()
        if lines is None:
            raise lacks_file("lines", attacked)
        try:
            values = line(lines, side.end).quantity(quantity)
        except KeyError:  # of the final class, in lines of an attack or of an older version
            raise NotThere(Lack.LOGIT, attack=attacked.attack, checkpoint=attacked.checkpoint) from None
        finite = np.where(np.isfinite(values), values, np.nan)
        return Values((finite,), lines.image, images_of=lines.images_of)

    return Measure(title, scale, MadeOf.LINES, read)


def over_checkpoints(title: str, scale: Scale, statistic: Callable[..., np.ndarray]) -> Measure:
    """A measure of T checkpoints; statistic : of the rates, (T, ...) each, of the images on which the attack succeeds,
    that are right before it, and both.
    """

    def read(run: Run, side: Side, conventions: Conventions) -> Values:
        each = [perturbations_of(attacked) for attacked in attacked_checkpoints(run, side, conventions)]
        first = each[0]
        if any(not np.array_equal(perturbations.image, first.image) for perturbations in each):
            raise ValueError(f"{first.path}: expected the same images on all checkpoints")
        success, correct = (
            np.stack([getattr(perturbations, name) for perturbations in each]) for name in ("success", "correct")
        )
        arrays = tuple(array.astype(float) for array in (success, correct, success & correct))
        return Values(arrays, first.image, statistic, images_of=first.images_of, units=len(each))

    return Measure(title, scale, MadeOf.ALL_CHECKPOINTS, read)


def over_networks(title: str, first: Measure, second: Measure) -> Measure:
    """A measure of all networks together: Spearman's correlation over networks of a measure of each predictor and one
    of the perturbations of its checkpoint.

    `read` gives the two of one run, (2, 1). advspectra.claims.over_networks makes the correlation of them.
    """

    def read(run: Run, side: Side, conventions: Conventions) -> Values:
        _predictor_of(attacked_checkpoint(run, side, conventions), run)
        both = [measure.read(run, side, conventions) for measure in (first, second)]
        return Values((np.array([[Sample(values.arrays, values.statistic).value()] for values in both]),))

    return Measure(title, Scale.DIFFERENCE, MadeOf.NETWORKS, read)


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
