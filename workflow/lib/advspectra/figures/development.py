"""The development of a network and of its adversarial perturbations over training, on one page."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from advspectra.drawing import captions, energy, plotting
from advspectra.drawing.learning_curves import (
    NO_ATTACK,
    NO_LINES,
    NO_SPECTRA,
    TRANSFER_LINES,
    accuracy,
    against_label,
    attacked,
    collected,
    counts_sentence,
    draw_samples,
    failures_sentence,
    plot_over_steps,
    plot_samples,
    pooled,
    step_axis,
    steps_per_epoch,
    success_among_correct,
    success_of,
)
from advspectra.drawing.line_histograms import END_NAMES
from advspectra.lines.comparison import ENDS, values
from advspectra.results.replicates import Replicates, as_one, only_network
from advspectra.results.runs import AttackedCheckpoint, Run

INPUTS = {
    "per": "attack",
    "files": ["checkpoints", "perturbations", "spectra", "transfers", "lines"],
    "activations": None,
    "alphas": None,
}
RED, BROWN, DARK = (plotting.ROLES[name] for name in ("adversarial", "transfer", "accuracy"))
TRAINING = (0, (1, 0.8))
AMONG = (0, (4, 1.5))


def draw(runs: Sequence[Run], *, convention: str) -> tuple[Figure, str]:
    """The figure and its caption: accuracy, success, norms, half-power frequency and lines over the steps.

    runs : of one network, with one attack, its transfers, and their lines.
    convention : of the spectra, a key of advspectra.fourier.CONVENTIONS.
    """
    group = only_network(runs)
    title = "A network and its perturbations over training."
    with plotting.style():
        if group is None or not attacked(group, group.attack)[0]:
            return plotting.message_figure(NO_ATTACK), captions.joined(title, NO_ATTACK)
        figure = plotting.new_figure(8.2)
        panels = figure.subplots(4, 2)
        sources = _lines_of(group)
        _draw_accuracy(panels[0, 0], group)
        _draw_success(panels[0, 1], group)
        _draw_norm(panels[1, 0], group, "l2")
        _draw_norm(panels[1, 1], group, "linf")
        _draw_frequency(panels[2, 0], group, convention)
        _draw_lines(panels[2, 1], sources, "relu_changes")
        _draw_lines(panels[3, 0], sources, "breakpoints")
        _draw_legend(panels[3, 1], group, sources)
        labels = (
            "accuracy",
            "success rate",
            r"$\|\delta\|_2$ (pixel range)",
            r"$\|\delta\|_\infty$ (pixel range)",
            "$f_{0.5}$ (cycles/image)",
            "fraction of ReLU changes",
            "breakpoints",
        )
        steps = _all_steps(group)
        for axes, letter, label in zip(panels.flat, "abcdefg", labels, strict=False):
            axes.set_title(f"({letter})", loc="left")
            axes.set_ylabel(label)
            if axes.axison:
                step_axis(axes, steps, epoch=steps_per_epoch(group))
        figure.align_ylabels(panels)
    caption = captions.joined(
        title,
        "(a) Training accuracy: over the epoch that ends there. (c) to (e) Images with success; f₀.₅ halves δ̂'s power.",
        "Points: means; bands: quartiles over images.",
        _white(group, convention),
        counts_sentence(group),
        failures_sentence(group),
        "" if sources else "This study has no lines of this attack or of its transfers.",
        captions.convention_sentence(convention),
    )
    return figure, caption


def _white(group: Replicates, convention: str) -> str:
    """The sentence that says what white noise has in (e)."""
    _, seeds = collected(group, group.attack, lambda checkpoint: checkpoint.spectra(convention))
    return f"Grey: white noise, {energy.white_noise(seeds[0][0]):.1f} cycles/image." if seeds else ""


def _all_steps(group: Replicates) -> list[int]:
    steps = {as_one(seeds).step for name in group.attacks for seeds in group.attacked(name)}
    return sorted(steps | set(accuracy(group, "test_accuracy")[0].tolist()))


def _lines_of(group: Replicates) -> dict[str, tuple]:
    """The attack and transfers that have lines: name -> checkpoints, lines of each seed at each."""
    lines = {name: collected(group, name, AttackedCheckpoint.lines) for name in group.attacks}
    return {name: of_attack for name, of_attack in lines.items() if of_attack[0]}


def _draw_accuracy(axes: Axes, group: Replicates) -> None:
    if not group.checkpoints:
        plotting.message_panel(axes, "no checkpoints\nin this study")
        return
    plot_over_steps(
        axes, *accuracy(group, "train_accuracy"), color=DARK, linestyle=TRAINING, marker="", label="training accuracy"
    )
    plot_over_steps(axes, *accuracy(group, "test_accuracy"), color=DARK, label="test accuracy")
    axes.set_ylim(0, 1)


def _draw_success(axes: Axes, group: Replicates) -> None:
    transfers = iter(TRANSFER_LINES * len(group.attacks))
    for name, source in group.attacks.items():
        checkpoints, seeds = attacked(group, name)
        steps = [checkpoint.step for checkpoint in checkpoints]
        look = {"color": RED} if source is None else {"color": BROWN, "linestyle": next(transfers)}
        look["label"] = success_of(source)
        plot_over_steps(axes, steps, [pooled(images, "success").mean() for images in seeds], **look)
        if source is None and against_label(seeds):
            rate = [success_among_correct(images) for images in seeds]
            among = {"color": RED, "linestyle": AMONG, "marker": "", "label": "the same among images right before"}
            plot_over_steps(axes, steps, rate, **among)
    axes.set_ylim(0, 1.02)


def _draw_norm(axes: Axes, group: Replicates, norm: str) -> None:
    checkpoints, seeds = attacked(group, group.attack)
    samples = [pooled(images, norm, successful=True) for images in seeds]
    draw_samples(axes, [checkpoint.step for checkpoint in checkpoints], samples, label=group.attack)


def _draw_frequency(axes: Axes, group: Replicates, convention: str) -> None:
    checkpoints, seeds = collected(group, group.attack, lambda checkpoint: checkpoint.spectra(convention))
    samples = [np.concatenate([spectra.half_power_frequency for spectra in of_seeds]) for of_seeds in seeds]
    samples = [sample[np.isfinite(sample)] for sample in samples]  # without any power there is no such frequency
    empty = plotting.UNSUCCESSFUL if checkpoints else NO_SPECTRA
    if draw_samples(axes, [checkpoint.step for checkpoint in checkpoints], samples, label=group.attack, empty=empty):
        white = energy.white_noise(seeds[0][0])
        axes.axhline(white, **energy.WHITE)
        axes.set_ylim(0, max(axes.get_ylim()[1], 1.05 * white))


def _draw_lines(axes: Axes, sources: dict[str, tuple], quantity: str) -> None:
    if not sources:
        plotting.message_panel(axes, NO_LINES)
        return
    lowest = []
    for (name, (checkpoints, seeds)), dashes in zip(sources.items(), TRANSFER_LINES * len(sources), strict=False):
        for end in ENDS:
            samples = [values(lines, quantity, end) for lines in seeds]
            steps = [checkpoint.step for checkpoint in checkpoints]
            look = {"color": plotting.ROLES[end], "linestyle": dashes, "label": f"{END_NAMES[end]}, {name}"}
            plot_samples(axes, steps, samples, **look)
            lowest += [sample.mean() for sample in samples]
    if min(lowest) > 0:
        axes.set_yscale("log")
        plotting.plain_ticks(axes.yaxis)


def _draw_legend(axes: Axes, group: Replicates, sources: dict[str, tuple]) -> None:
    """Draw the legend of all panels in a panel of its own."""
    point = {"marker": "o", "markersize": 2.5}
    handles = [
        Line2D([], [], color=DARK, label="test accuracy", **point),
        Line2D([], [], color=DARK, linestyle=TRAINING, label="training accuracy"),
        Line2D([], [], color=RED, label=f"{group.attack}, found on each checkpoint", **point),
    ]
    if against_label(attacked(group, group.attack)[1]):
        handles.append(Line2D([], [], color=RED, linestyle=AMONG, label="the same among images right before"))
    transfers = [name for name, source in group.attacks.items() if source is not None]
    for name, dashes in zip(transfers, TRANSFER_LINES * len(transfers), strict=False):
        handles.append(Line2D([], [], color=BROWN, linestyle=dashes, label=f"{name}, found on one checkpoint", **point))
    if not transfers:
        handles.append(Line2D([], [], linestyle="none", label="no transfer of this attack"))
    if sources:
        handles += [Patch(color=plotting.ROLES[end], label=f"lines: {name}") for end, name in END_NAMES.items()]
        for name, dashes in zip(sources, TRANSFER_LINES * len(sources), strict=False):
            handles.append(Line2D([], [], color="0.4", linestyle=dashes, label=f"lines with $x_a$ of {name}"))
    handles.append(energy.legend_handle())
    axes.set_axis_off()
    axes.legend(handles=handles, loc="center left", handlelength=2.6)
