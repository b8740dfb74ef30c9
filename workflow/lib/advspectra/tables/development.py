"""What each attack and transfer does to each checkpoint of each run: accuracy, success, norms, frequency, lines."""

from collections.abc import Mapping, Sequence

import numpy as np

from advspectra.files.checkpoints import Checkpoints
from advspectra.fourier import white_noise_frequency
from advspectra.lines.comparison import DEFINITIONS
from advspectra.results.runs import AttackedCheckpoint, Run, against_prediction
from advspectra.table import Cell, Column, Table

INPUTS = {
    "files": ["checkpoints", "perturbations", "spectra", "lines"],
    "activations": None,
    "alphas": None,
    "per_state": True,
    "config": [],
}

COLUMNS = (
    Column("model", "Model"),
    Column("alpha", "α"),
    Column("seed", "seed"),
    Column("attack", "attack"),
    Column("transfer", "transfer of", optional=True),
    Column("checkpoint", "checkpoint"),
    Column("step", "step"),
    Column("epoch", "epoch"),
    Column("test_accuracy", "test accuracy", 3),
    Column("accuracy", "accuracy on attacked images", 3),
    Column("success_rate", "success rate", 3),
    Column("success_among_correct", "success rate among correct", 3),
    Column("images", "images attacked"),
    Column("without_success", "images without success"),
    Column("l2", "mean ‖δ‖₂", 3, significant=True),
    Column("linf", "mean ‖δ‖∞", 3, significant=True),
    Column("half_power_frequency", "mean f₀.₅ (cycles/image)", 2),
    Column("lines", "lines", optional=True),
    Column("relu_changes", "mean fraction of ReLU changes to x_a", 3, significant=True, optional=True),
    Column("breakpoints", "mean breakpoints to x_a", 1, optional=True),
)


def table(runs: Sequence[Run], *, reference: Mapping, config: Mapping, convention: str) -> Table:
    """The table: a row for each run, attack or transfer, and checkpoint, ordered by step.

    convention : of the half-power frequency; reference and config have no part in it.
    """
    body = []
    for run in runs:
        attacked = [attacked for attack in run.attacks for attacked in run.attacked(attack)]
        body += [_row(run, run.checkpoints(), of_checkpoint, convention) for of_checkpoint in attacked]
    names = ", ".join(f"`{name}`" for name in against_prediction(runs))
    predicted = f" Against the prediction ({names}), it succeeds if the prediction changes, within ε." if names else ""
    notes = (
        "Test accuracy is over the whole test set. It is blank where batch normalisation was recalibrated for the "
        "attack: the network attacked is another one then.",
        f"An attack succeeds on an image if the network is right before it and wrong after it, within ε.{predicted} "
        "One success rate is over all attacked images, the other over those of them that the network is right about.",
        "A transfer takes the perturbations that an attack found on one checkpoint, "
        "`transfer of`, and tries them on each checkpoint.",
        "Norms (pixel range [0, 1]) are means over the images with success. A checkpoint may have none.",
        "Half of the power of δ̂ lies below the frequency f₀.₅. The table shows its mean over the images of the "
        f"spectra, under the convention `{convention}`.{_white_noise(runs, convention)}",
        f"ReLU changes and breakpoints are means over the lines from x to x_a. {DEFINITIONS['relu_changes']} "
        f"{DEFINITIONS['breakpoints']}",
        "A checkpoint with two names, its epoch and best, has one row.",
        *([] if body else ["No attack in this study."]),
    )
    return Table("Development of accuracy, attacks and perturbations over training", COLUMNS, tuple(body), notes)


def _row(run: Run, checkpoints: Checkpoints | None, attacked: AttackedCheckpoint, convention: str) -> dict[str, Cell]:
    source = run.attacks[attacked.attack]
    row = {
        "model": run.label,
        "alpha": run.alpha,
        "seed": run.seed,
        "attack": attacked.attack,
        "transfer": source and f"{source.attack} on {source.found_on}",
        "checkpoint": attacked.checkpoint,
        "step": attacked.step,
        "epoch": attacked.epoch,
    }
    images = attacked.perturbations()
    as_trained = images is None or images.batch_norm == "as_is"
    if as_trained and checkpoints is not None and attacked.checkpoint in checkpoints.kept:
        row["test_accuracy"] = checkpoints.kept[attacked.checkpoint].test_accuracy
    if images is not None:
        success, correct = images.success, images.correct
        row |= {
            "accuracy": float(correct.mean()),
            "success_rate": float(success.mean()),
            "success_among_correct": float((success & correct).sum() / correct.sum()) if correct.any() else None,
            "images": len(success),
            "without_success": int((~success).sum()),
            "l2": _mean(images.l2[success]),
            "linf": _mean(images.linf[success]),
        }
    if (spectra := attacked.spectra(convention)) is not None:
        frequency = spectra.half_power_frequency
        row["half_power_frequency"] = _mean(frequency[np.isfinite(frequency)])  # none without any power
    if (lines := attacked.lines()) is not None:
        row |= {
            "lines": len(lines.image),
            "relu_changes": _mean(lines.adversarial.relu_changes),
            "breakpoints": _mean(lines.adversarial.breakpoints),
        }
    return row


def _white_noise(runs: Sequence[Run], convention: str) -> str:
    """The sentence that says which f₀.₅ white noise has; "" without spectra."""
    attacked = (attacked for run in runs for attack in run.attacks for attacked in run.attacked(attack))
    for spectra in (attacked.spectra(convention) for attacked in attacked):
        if spectra is not None:
            return f" White noise has {white_noise_frequency(*spectra.image_size):.1f}."
    return ""


def _mean(sample: np.ndarray) -> float | None:
    return float(sample.mean()) if len(sample) else None
