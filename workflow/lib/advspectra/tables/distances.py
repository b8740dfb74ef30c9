"""Distances between the lines to adversarial points and to random ones, at each checkpoint of the training."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from advspectra.files.lines import Lines
from advspectra.lines.comparison import ADVERSARIAL, CONTROLS, DEFINITIONS, QUANTITIES, line, pairs
from advspectra.results.runs import AttackedCheckpoint, Run
from advspectra.statistics.paired import Distance, paired_distance
from advspectra.statistics.summaries import kolmogorov_smirnov, wasserstein
from advspectra.table import Cell, Column, Table

INPUTS = {"files": ["lines"], "activations": ["relu"], "alphas": None, "per_state": True, "config": []}

# p-values down to 1/1001; beyond each end of the interval lie 25 resamples
RESAMPLES, LEVEL, SEED = 1000, 0.95, 0
# what the sentences below the table are about: the paper's two measures, and roughness relative to the logit's change
SENTENCES = ("relu_changes", "other_deviation", "other_deviation_relative")

COLUMNS = (
    Column("model", "Model"),
    Column("alpha", "α"),
    Column("seed", "seed"),
    Column("attack", "x_a of"),
    Column("checkpoint", "checkpoint"),
    Column("step", "step"),
    Column("epoch", "epoch"),
    Column("quantity", "quantity"),
    Column("control", "control"),
    Column("images", "images"),
    Column("reached", "control's class changed"),
    Column("unconverged", "not converged"),
    Column("ks", "KS distance", 2, interval=True),
    Column("ks_chance", "KS by chance", 2),
    Column("ks_p", "p", 4),
    Column("wasserstein", "Wasserstein distance", 3, interval=True, significant=True),
    Column("wasserstein_chance", "Wasserstein by chance", 3, significant=True),
    Column("wasserstein_p", "p", 4),
    Column("median_adversarial", "median to x_a", 3, significant=True),
    Column("median_control", "median to control", 3, significant=True),
)


def table(runs: Sequence[Run], *, reference: Mapping, config: Mapping, convention: str) -> Table:
    """The table: a row for each run, attack with lines, checkpoint, quantity and control.

    reference, config and convention have no part in it.
    """
    body: list[dict[str, Cell]] = []
    verdicts: list[str] = []
    for run in runs:
        for attack in run.attacks:
            rows = list(_rows(run, attack))
            body += rows
            if rows:
                verdicts += _verdicts(run, attack, rows)
    notes = (
        DEFINITIONS["lines"] + " `control` is x_r (random) or x_b (boundary); lines to x_b that reach no other class, "
        "fewer in `control's class changed` than images, end at the limit and are counted.",
        *(DEFINITIONS[name] for name in ("relu_changes", "breakpoints", "deviation", "curvature", "other", "relative")),
        "An image whose logit does not change between the ends has no relative value; rows of relative quantities "
        "leave it out. `not converged` counts the images on one of whose two lines the sampled number of breakpoints "
        "had not converged and is too small.",
        "KS is the largest distance between the two distribution functions, 0 to 1. Wasserstein is the mean distance "
        f"between values of equal rank, in the quantity's unit. Brackets: the {LEVEL:.0%} basic bootstrap interval "
        f"over images ({RESAMPLES} resamples). It removes the upward bias of resampled distances; near 0 it is too "
        "narrow and may lie below the distance itself.",
        "p says whether there is a difference. It is of the permutation test that swaps the two lines of an image at "
        f"random. Such swaps exceed the distance `by chance` with probability {1 - LEVEL:.2g}. No p is corrected for "
        f"the number of rows: of rows without any difference, {1 - LEVEL:.0%} have p < {1 - LEVEL:.2g}.",
        *verdicts,
        *([] if body else ["No lines in this study: they need an entry in the configuration, and a ReLU network."]),
    )
    title = "Distances between lines to adversarial points and to random ones over training"
    return Table(title, COLUMNS, tuple(body), notes)


def _rows(run: Run, attack: str) -> Iterator[dict[str, Cell]]:
    for checkpoint in run.attacked(attack):
        lines = checkpoint.lines()
        if lines is None:
            continue
        for quantity in QUANTITIES:
            for control in CONTROLS:
                yield _row(run, checkpoint, lines, quantity, control)


def _row(run: Run, checkpoint: AttackedCheckpoint, lines: Lines, quantity: str, control: str) -> dict[str, Cell]:
    first, second = pairs([lines], quantity, control)
    unconverged = ~(line(lines, ADVERSARIAL).converged & line(lines, control).converged)
    row = {
        "model": run.label,
        "alpha": run.alpha,
        "seed": run.seed,
        "attack": checkpoint.attack,
        "checkpoint": checkpoint.checkpoint,
        "step": checkpoint.step,
        "epoch": checkpoint.epoch,
        "quantity": quantity,
        "control": control,
        "images": len(first),
        "reached": int(line(lines, control).changed.sum()),
        "unconverged": int(unconverged.sum()),
    }
    if len(first):
        row |= {"median_adversarial": float(np.median(first)), "median_control": float(np.median(second))}
    if len(first) > 1:
        for name, distance in (("ks", kolmogorov_smirnov), ("wasserstein", wasserstein)):
            found = _distance(first, second, distance)
            row |= {name: found.estimate, f"{name}_chance": found.chance, f"{name}_p": found.p_value}
    return row


def _distance(first: np.ndarray, second: np.ndarray, distance) -> Distance:
    # every row draws the same images: a row does not depend on which others the study has
    generator = np.random.default_rng(SEED)
    return paired_distance(first, second, distance, resamples=RESAMPLES, level=LEVEL, generator=generator)


def _verdicts(run: Run, attack: str, rows: Sequence[Mapping]) -> list[str]:
    """A sentence for each quantity of SENTENCES and each control: the first checkpoint against the last."""
    sentences = []
    for quantity in SENTENCES:
        for control in CONTROLS:
            chosen = [row for row in rows if row["quantity"] == quantity and row["control"] == control]
            parts = [_verdict(row) for row in (chosen[0], chosen[-1])[: len(chosen)]]
            start = "" if chosen[0]["step"] == 0 else " (this study has no lines at the initialisation)"
            sentences.append(
                f"{run.label}, seed {run.seed}, x_a of {attack}, {QUANTITIES[quantity]}, x_a against the {control} "
                f"control{start}: {'; '.join(parts)}."
            )
    return sentences


def _verdict(row: Mapping) -> str:
    place = f"at step {row['step']:,}"
    if "ks" not in row:
        return f"{place} undecided, {row['images']} images"
    differ = row["ks_p"] < 1 - LEVEL
    words = "**differ**" if differ else f"**cannot be told apart** with {row['images']} images"
    against = f"KS {row['ks'].value:.2f} [{row['ks'].low:.2f}, {row['ks'].high:.2f}], by chance {row['ks_chance']:.2f}"
    first, second = row["median_adversarial"], row["median_control"]
    side = "larger" if first > second else "smaller" if first < second else "equal"
    medians = f", median to x_a {side}, {first:.3g} against {second:.3g}"
    return f"{place} the distributions {words} ({against}, p = {row['ks_p']:.2g}{medians if differ else ''})"
