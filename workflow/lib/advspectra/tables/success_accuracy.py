"""Rank correlation of an attack's success and the network's accuracy, over the checkpoints of a training."""

from collections.abc import Mapping, Sequence

import numpy as np

from advspectra.results.runs import Run, against_prediction
from advspectra.statistics.paired import rank_correlation
from advspectra.statistics.summaries import Estimate
from advspectra.table import Cell, Column, Table

INPUTS = {"files": ["perturbations"], "activations": None, "alphas": None, "per_state": True, "config": []}

# beyond each end of the interval lie 50 resamples
RESAMPLES, LEVEL, SEED = 2000, 0.95, 0

BOUNDED = (
    "An attack against the label succeeds only where the network is right before it. So the success rate cannot exceed "
    "the accuracy, and the two rise together in part by definition. The rate among the images that the network is "
    "right about has no such bound: it says whether attacks gain on accuracy."
)
UNBOUNDED = (
    "An attack against the prediction ({}) succeeds wherever the prediction changes, on images that the network is "
    "wrong about, too. The accuracy does not bound either of its rates."
)
COLUMNS = (
    Column("model", "Model"),
    Column("alpha", "α"),
    Column("seed", "seed"),
    Column("attack", "attack"),
    Column("transfer", "transfer of", optional=True),
    Column("states", "checkpoints"),
    Column("images", "images"),
    Column("success_rate", "success rate and accuracy", 2, interval=True),
    Column("success_among_correct", "success rate among correct and accuracy", 2, interval=True),
)


def table(runs: Sequence[Run], *, reference: Mapping, config: Mapping, convention: str) -> Table:
    """The table: a row for each run and each of its attacks and transfers on three or more checkpoints.

    reference, config and convention have no part in it. ValueError if an attack had other images at other checkpoints.
    """
    body = [row for run in runs for attack in run.attacks if (row := _row(run, attack)) is not None]
    shown = {row["attack"] for row in body}
    predicted = [name for name in against_prediction(runs) if name in shown]
    notes = (
        "Spearman's rank correlation between the rate and the accuracy on the same attacked images, over the "
        f"checkpoints of one training. Brackets: the {LEVEL:.0%} percentile bootstrap interval over images "
        f"({RESAMPLES} resamples).",
        *([BOUNDED] if shown - {*predicted} else []),
        *([UNBOUNDED.format(", ".join(f"`{name}`" for name in predicted))] if predicted else []),
        "The checkpoints follow each other in one training and are no independent sample: there is no p-value, and the "
        "interval says nothing about other trainings.",
        "A dash: the rate, or the accuracy, is the same at all checkpoints.",
        *([] if body else ["No attack on three or more checkpoints in this study."]),
    )
    return Table("Rank correlation of success and accuracy over training", COLUMNS, tuple(body), notes)


def _row(run: Run, attack: str) -> dict[str, Cell] | None:
    every = [images for attacked in run.attacked(attack) if (images := attacked.perturbations()) is not None]
    if len(every) < 3:
        return None
    first = every[0]
    for images in every[1:]:
        if not np.array_equal(images.image, first.image):
            raise ValueError(f"{images.path}: expected the images of {first.path}, found others")
    success, correct = (np.stack([getattr(images, name) for images in every]) for name in ("success", "correct"))
    source = run.attacks[attack]
    return {
        "model": run.label,
        "alpha": run.alpha,
        "seed": run.seed,
        "attack": attack,
        "transfer": source and f"{source.attack} on {source.found_on}",
        "states": len(every),
        "images": success.shape[1],
        "success_rate": _correlation(success, correct, among_correct=False),
        "success_among_correct": _correlation(success & correct, correct, among_correct=True),
    }


def _correlation(success: np.ndarray, correct: np.ndarray, *, among_correct: bool) -> Estimate | None:
    generator = np.random.default_rng(SEED)
    return rank_correlation(
        success, correct, among_correct=among_correct, resamples=RESAMPLES, level=LEVEL, generator=generator
    )
