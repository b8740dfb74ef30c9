"""Figure 2: accuracy and success of attacks over training, and how the energy of the perturbations moves."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advspectra.drawing import captions, energy, plotting
from advspectra.drawing.learning_curves import (
    NO_ATTACK,
    NO_SPECTRA,
    TRANSFER_LINES,
    accuracy,
    against_label,
    attacked,
    collected,
    counts_sentence,
    failures_sentence,
    plot_over_steps,
    pooled,
    shades,
    spread,
    step_axis,
    steps_per_epoch,
    success_among_correct,
    success_of,
)
from advspectra.results.replicates import Replicates, only_network
from advspectra.results.runs import Run

INPUTS = {
    "per": "attack",
    "files": ["checkpoints", "perturbations", "spectra", "transfers"],
    "activations": None,
    "alphas": None,
}

# of the curves in (b) to (e), told apart without colour, too; the first and the last are what the eye compares
LOOKS = (
    {"linestyle": (0, (1, 0.8)), "linewidth": 2},
    {"linestyle": (0, (4, 1.5)), "marker": "^", "markevery": 4},
    {"linestyle": (0, (7, 1, 1, 1)), "marker": "s", "markevery": 4},
    {"linestyle": (0, (2, 2)), "marker": "x", "markevery": 4},
    {"linestyle": "solid", "marker": "o", "markevery": 4, "linewidth": 1},
    {"linestyle": "solid", "linewidth": 2},
)


def draw(runs: Sequence[Run], *, convention: str) -> tuple[Figure, str]:
    """The figure and its caption: (a) accuracy and success, (b) to (e) radial and angular energy over training.

    runs : of one network, with one attack and its transfers on several checkpoints.
    convention : of the spectra, a key of advspectra.fourier.CONVENTIONS.
    """
    group = only_network(runs)
    title = "Figure 2. Success and spectra over training."
    with plotting.style():
        if group is None or group.attack is None:
            return plotting.message_figure(NO_ATTACK), captions.joined(title, NO_ATTACK)
        figure = plotting.new_figure(4.9)
        left, right = figure.subfigures(1, 2, width_ratios=[1, 1.9])
        _draw_success(left, group)
        shown = _draw_spectra(right, group, convention)
    caption = captions.joined(
        title,
        "(a) Success: right before, wrong after, within ε."
        if against_label(attacked(group, group.attack)[1])
        else "(a) Success: the prediction changes, within ε.",
        "(b), (c) Mean energy of δ̂; (d), (e) its density.",
        energy.WHITE_TEXT,
        counts_sentence(group),
        failures_sentence(group),
        f"(b) to (e): {shown[0]} of {shown[1]} checkpoints." if shown[0] < shown[1] else "",
        captions.convention_sentence(convention),
    )
    return figure, caption


def _draw_success(figure, group: Replicates) -> None:
    axes = figure.subplots()
    axes.set_title("(a)", loc="left")
    steps = set()
    for column, name, look in (
        ("train_accuracy", "training accuracy", {"linestyle": (0, (1, 0.8)), "color": "0.6", "marker": ""}),
        ("test_accuracy", "test accuracy", {"linestyle": (0, (6, 1.5)), "color": "0.6", "marker": ""}),
    ):
        at, values = accuracy(group, column)
        if len(at):
            plot_over_steps(axes, at, values, label=name, **look)
            steps |= {*at.tolist()}
    transfers = iter(zip(TRANSFER_LINES * len(group.attacks), "Dv^<" * len(group.attacks), strict=False))
    for name, source in group.attacks.items():
        checkpoints, seeds = attacked(group, name)
        at = [checkpoint.step for checkpoint in checkpoints]
        steps |= {*at}
        look = {"color": plotting.ROLES["adversarial"], "marker": "o", "markersize": 3.5}
        if source is not None:
            dashes, marker = next(transfers)
            look = {"color": plotting.ROLES["transfer"], "linestyle": dashes, "marker": marker, "markersize": 3.5}
        if source is None:
            dark = {"color": plotting.ROLES["accuracy"], "marker": "s", "markersize": 6, "markerfacecolor": "white"}
            correct = [pooled(images, "correct").mean() for images in seeds]
            plot_over_steps(axes, at, correct, label="accuracy on attacked images", **dark)
        rate = [pooled(images, "success").mean() for images in seeds]
        plot_over_steps(axes, at, rate, label=success_of(source), **look)
        if source is None and against_label(seeds):
            among = look | {"linestyle": (0, (4, 1.5)), "marker": "x", "label": "the same among images right before"}
            plot_over_steps(axes, at, [success_among_correct(images) for images in seeds], **among)
    handles = [line for line in axes.lines if not line.get_label().startswith("_")]
    if not any(group.attacks.values()):
        handles.append(Line2D([], [], linestyle="none", label="no transfer of this attack"))
    axes.set(ylabel="share of images", ylim=(0, 1.02))
    step_axis(axes, sorted(steps), epoch=steps_per_epoch(group))
    figure.legend(handles=handles, loc="outside lower center", handlelength=3)


def _draw_spectra(figure, group: Replicates, convention: str) -> tuple[int, int]:
    """Draw (b) to (e); return how many checkpoints are shown, and how many have spectra with an image."""
    panels = figure.subplots(2, 2, sharex="col")
    for axes, letter in zip(panels.flat, "bcde", strict=True):
        axes.set_title(f"({letter})", loc="left")
    checkpoints, seeds = collected(group, group.attack, lambda checkpoint: checkpoint.spectra(convention))
    filled = [place for place, spectra in enumerate(seeds) if any(seed.selected for seed in spectra)]
    if not filled:
        for axes in panels.flat:
            plotting.message_panel(axes, plotting.UNSUCCESSFUL if checkpoints else NO_SPECTRA)
        return 0, 0
    chosen = [filled[place] for place in spread([checkpoints[place] for place in filled], len(LOOKS))]
    for column, of in zip(panels.T, (energy.radial, energy.angular), strict=True):
        energies = [of(seeds[place]) for place in chosen]
        for place, each, colour, look in zip(chosen, energies, shades(len(chosen)), LOOKS, strict=False):
            look = look | {"color": colour, "label": checkpoints[place].label, "markersize": 3.5}
            energy.plot(*column, each, band=False, **look)
        energy.finish(*column, energies)
        column[0].set_xlabel("")
    panels[0, 1].set_ylabel("")
    panels[1, 1].set_ylabel("")
    handles = panels[0, 0].lines
    rows = int(np.ceil(len(handles) / 4))
    figure.legend(handles=handles, loc="outside lower center", ncols=int(np.ceil(len(handles) / rows)))
    return len(chosen), len(filled)
