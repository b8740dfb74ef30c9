"""Attacks over training on networks with batch normalisation: as they are, and with running statistics recalibrated."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advspectra.claims.wording import ATTACKS
from advspectra.drawing import captions, energy, plotting
from advspectra.drawing.drawn import stands_for
from advspectra.drawing.learning_curves import plot_over_steps, step_axis, success_among_correct
from advspectra.results.replicates import Replicates, by_network
from advspectra.results.runs import AttackedCheckpoint, Run, against_prediction
from advspectra.statistics.summaries import finite_mean

SNAPSHOTS, TRANSFER, MINIMAL = "snapshots", "transfer", "minimal"
INPUTS = {
    "files": ["perturbations", "spectra", "lines"],
    "pairs": [
        ["snapshots", "recalibrated_snapshots"],
        ["transfer", "recalibrated_transfer"],
        ["minimal", "recalibrated_minimal"],
    ],
    "activations": None,
    "alphas": None,
}

AS_IS = {"color": plotting.ROLES["adversarial"], "label": "as it is"}
RECALIBRATED = {"color": "#117733", "linestyle": (0, (4, 1.5)), "label": "recalibrated"}
NO_PAIR = "not attacked\nboth ways"
Read = Callable[[AttackedCheckpoint, str], float | None]


def draw(runs: Sequence[Run], *, convention: str, roles: Mapping[str, str]) -> tuple[Figure, str]:
    """The figure and its caption: a row for each network that was attacked both ways, a column for each quantity.

    convention : of f₀.₅, a key of advspectra.fourier.CONVENTIONS. roles : the attacks by their roles in claims, as in
    `pairs` of INPUTS.
    """
    rows = [group for group in by_network(runs) if any(_both(group, roles, role) for role, _ in INPUTS["pairs"])]
    title = "Batch normalisation over training: running statistics as they are and recalibrated."
    with plotting.style():
        if not rows:
            none = "No network in this study was attacked with batch normalisation as it is and recalibrated."
            return plotting.message_figure(none), captions.joined(title, none)
        figure = plotting.new_figure(0.9 + 1.6 * len(rows))
        panels = figure.subplots(len(rows), len(COLUMNS), squeeze=False)
        for row, group in zip(panels, rows, strict=True):
            white = _draw_row(row, group, roles, convention)
        for column, (name, _, _) in zip(panels.T, COLUMNS, strict=True):
            column[0].set_title(name)
            for axes in column:
                stands_for(axes, y_axis=name)
        for axes in panels[:-1].flat:
            axes.set_xlabel("")
        handles = [Line2D([], [], marker="o", markersize=2.5, **look) for look in (AS_IS, RECALIBRATED)]
        figure.legend(handles=[*handles, energy.legend_handle()], loc="outside lower center", ncols=3)
    seeds = captions.span([len(group.runs) for group in rows])
    names = {roles.get(SNAPSHOTS), roles.get(f"recalibrated_{SNAPSHOTS}")}
    of_prediction = names.intersection(against_prediction(run for group in rows for run in group.runs))
    predicted = "; against the prediction, among all" if of_prediction else ""
    caption = captions.joined(
        title,
        "Recalibrated: the same weights, statistics estimated again on training images; early in training running ones "
        "are still near 0 and 1.",
        f"Success: among images right before{predicted}; no point: none is. Over images with success: median ‖δ‖∞ "
        f"(smallest ε); mean f₀.₅{_of_role(rows, roles, 2)} and ReLU changes to x_a{_of_role(rows, roles, 3)}.",
        f"A line for each seed ({seeds}).",
        f"Grey: white noise, {white:.1f} cycles/image." if white else "",
        captions.convention_sentence(convention),
    )
    return figure, caption


def _of_role(rows: Sequence[Replicates], roles: Mapping[str, str], column: int) -> str:
    """Which attack a panel shows, in words, where it is not that of the success."""
    choices = COLUMNS[column][2]
    shown = {next((role for role in choices if _both(group, roles, role)), SNAPSHOTS) for group in rows}
    return "".join(f" ({ATTACKS[role]})" for role in sorted(shown - {SNAPSHOTS}))


def _success(checkpoint: AttackedCheckpoint, convention: str) -> float | None:
    images = checkpoint.perturbations()
    return None if images is None else success_among_correct([images])


def _smallest(checkpoint: AttackedCheckpoint, convention: str) -> float | None:
    images = checkpoint.perturbations()
    if images is None:
        return None
    return float(np.median(images.linf[images.success])) if images.success.any() else float("nan")


def _frequency(checkpoint: AttackedCheckpoint, convention: str) -> float | None:
    spectra = checkpoint.spectra(convention)
    return None if spectra is None else finite_mean(spectra.half_power_frequency)


def _relu_changes(checkpoint: AttackedCheckpoint, convention: str) -> float | None:
    lines = checkpoint.lines()
    return None if lines is None else finite_mean(lines.adversarial.relu_changes)


# the title, how it is read from a checkpoint (None without the file), and the roles that may show it, the first first
COLUMNS: tuple[tuple[str, Read, tuple[str, ...]], ...] = (
    ("success rate", _success, (SNAPSHOTS,)),
    ("smallest $\\epsilon$ (pixel range)", _smallest, (MINIMAL,)),
    ("$f_{0.5}$ (cycles/image)", _frequency, (SNAPSHOTS, MINIMAL)),
    ("fraction of\nReLU changes", _relu_changes, (TRANSFER, SNAPSHOTS, MINIMAL)),
)


def _both(group: Replicates, roles: Mapping[str, str], role: str) -> bool:
    """Whether a network was attacked both ways in a role."""
    return all(roles.get(name) in group.attacks for name in (role, f"recalibrated_{role}"))


def _draw_row(row: Sequence[Axes], group: Replicates, roles: Mapping[str, str], convention: str) -> float | None:
    """Draw the panels of a network; f₀.₅ of white noise, None without spectra."""
    for axes, (_, read, choices) in zip(row, COLUMNS, strict=True):
        pairs = (_curves(group, roles, role, read, convention) for role in choices if _both(group, roles, role))
        curves = next((pair for pair in pairs if all(pair)), ())
        for look, of_seeds in zip((AS_IS, RECALIBRATED), curves, strict=False):
            for seed, steps, values in of_seeds:
                plot_over_steps(axes, steps, values, **look | {"label": f"{look['label']}, seed {seed}"})
        _finish(axes, read, [curve for of_seeds in curves for _, *curve in of_seeds])
    plotting.row_label(row[0], group.first.short_label)
    white = _white(group, roles, convention)
    if white and row[2].axison:
        row[2].axhline(white, **energy.WHITE)
        row[2].set_ylim(0, max(row[2].get_ylim()[1], 1.05 * white))
    return white


def _curves(group: Replicates, roles: Mapping[str, str], role: str, read: Read, convention: str) -> tuple[list, list]:
    """For the two attacks of a role, seed, steps and values of each seed that has any."""
    both = []
    for name in (role, f"recalibrated_{role}"):
        seeds = []
        for run in group.runs:
            values = {
                checkpoint.step: value
                for checkpoint in run.attacked(roles[name])
                if (value := read(checkpoint, convention)) is not None
            }
            if values:
                seeds.append((run.seed, list(values), list(values.values())))
        both.append(seeds)
    return tuple(both)


def _finish(axes: Axes, read: Read, curves: Sequence[tuple[list, list]]) -> None:
    values = np.array([value for _, values in curves for value in values])
    values = values[np.isfinite(values)]
    if not len(values):
        plotting.message_panel(axes, plotting.UNSUCCESSFUL if curves else NO_PAIR)
        return
    step_axis(axes, sorted({step for steps, _ in curves for step in steps}))
    if read is _success:
        axes.set_ylim(0, 1.05)
    elif read is not _frequency and values.min() > 0:
        axes.set_yscale("log")
        plotting.plain_ticks(axes.yaxis)
    else:
        axes.set_ylim(0, 1.1 * values.max())


def _white(group: Replicates, roles: Mapping[str, str], convention: str) -> float | None:
    names = [roles[role] for role in COLUMNS[2][2] if _both(group, roles, role)]
    checkpoints = (checkpoint for run in group.runs for name in names for checkpoint in run.attacked(name))
    spectra = (spectra for checkpoint in checkpoints if (spectra := checkpoint.spectra(convention)) is not None)
    return next(map(energy.white_noise, spectra), None)
