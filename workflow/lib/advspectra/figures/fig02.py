"""Figure 2: accuracy and success of attacks over training, and how the energy of the perturbations moves."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advspectra.drawing import captions, energy, plotting
from advspectra.drawing.learning_curves import (
    NO_ATTACK,
    NO_SPECTRA,
    TRANSFER_LINES,
    accuracy,
    attacked,
    collected,
    counts_sentence,
    failures_sentence,
    pooled,
    shades,
    spread,
    steps_per_epoch,
    success_among_correct,
)
from advspectra.results.replicates import Replicates, only_network
from advspectra.results.runs import Run

INPUTS = {
    "per": "attack",
    "files": ["checkpoints", "perturbations", "spectra", "transfers"],
    "activations": None,
    "alphas": None,
}

CURVES = 12  # checkpoints at the most in (b) to (e): more colours cannot be told apart


def draw(runs: Sequence[Run], *, convention: str) -> tuple[Figure, str]:
    """The figure and its caption: (a) accuracy and success, (b) to (e) radial and angular energy over training.

    runs : of one network, with one attack and its transfers on several checkpoints.
    convention : of the spectra, a key of advspectra.fourier.CONVENTIONS.
    """
    group = only_network(runs)
    title = "Figure 2. Success and spectra of attacks over training."
    with plotting.style():
        if group is None or group.attack is None:
            return plotting.message_figure(NO_ATTACK), captions.joined(title, NO_ATTACK)
        figure = plotting.new_figure(4.9)
        left, right = figure.subfigures(1, 2, width_ratios=[1, 1.9])
        _draw_success(left, group)
        shown = _draw_spectra(right, group, convention)
    caption = captions.joined(
        title,
        "(a) Success: right before, wrong after, within ε.",
        "(b), (c) Mean energy of δ̂ over radial frequency and angle; (d), (e) density.",
        energy.WHITE_TEXT,
        counts_sentence(group),
        failures_sentence(group),
        f"{shown[0]} of {shown[1]} checkpoints with spectra are shown." if shown[0] < shown[1] else "",
        captions.convention_sentence(convention),
    )
    return figure, caption


def _draw_success(figure, group: Replicates) -> None:
    axes = figure.subplots()
    axes.set_title("(a)", loc="left")
    scale = steps_per_epoch(group)
    handles = []
    for column, name, look in (
        ("train_accuracy", "training accuracy", {"linestyle": (0, (1, 0.8))}),
        ("test_accuracy", "test accuracy", {}),
    ):
        steps, values = accuracy(group, column)
        if len(steps):
            handles += _curve(axes, steps / scale, values, color=plotting.ROLES["accuracy"], label=name, **look)
    if not handles:
        handles.append(Line2D([], [], linestyle="none", label="no checkpoints: no accuracy"))
    handles += _attacks(axes, group, scale or 1)
    axes.set(xlabel="epoch" if scale else "training step", ylabel="share of images")
    axes.set_ylim(0, 1)
    axes.set_xlim(left=0)
    figure.legend(handles=handles, loc="outside lower center")


def _attacks(axes: Axes, group: Replicates, scale: float) -> list:
    """Draw the success of the attack and of its transfers, and the accuracy on the attacked images."""
    handles = []
    transfers = 0
    point = {"marker": "o", "markersize": 2.5}
    for name, source in group.attacks.items():
        checkpoints, seeds = attacked(group, name)
        look = {"color": plotting.ROLES["adversarial"], "label": f"success of {name}"}
        if source is not None:
            dashes = TRANSFER_LINES[transfers % len(TRANSFER_LINES)]
            look = {"color": plotting.ROLES["transfer"], "label": f"success of {name}", "linestyle": dashes}
            transfers += 1
        places = [checkpoint.step / scale for checkpoint in checkpoints]
        if source is None:
            correct = [pooled(images, "correct").mean() for images in seeds]
            dark = {"color": plotting.ROLES["accuracy"], "linestyle": (0, (4, 1.5)), "marker": "o", "markersize": 2.5}
            handles += _curve(axes, places, correct, label="accuracy on attacked images", **dark)
        handles += _curve(axes, places, [pooled(images, "success").mean() for images in seeds], **look, **point)
        if source is None:
            among = look | {"linestyle": (0, (4, 1.5)), "label": "the same among images right before"}
            handles += _curve(axes, places, [success_among_correct(images) for images in seeds], **among)
    if not transfers:
        handles.append(Line2D([], [], linestyle="none", label="no transfer of this attack"))
    return handles


def _curve(axes: Axes, x: Sequence[float], values: Sequence[float], **look) -> list:
    return axes.plot(x, values, clip_on=False, **look)


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
    chosen = [filled[place] for place in spread([checkpoints[place] for place in filled], CURVES)]
    for column, of in zip(panels.T, (energy.radial, energy.angular), strict=True):
        energies = [of(seeds[place]) for place in chosen]
        for place, each, colour in zip(chosen, energies, shades(len(chosen)), strict=True):
            # the first and the last checkpoint are what the eye compares
            width = 1.8 if place in (chosen[0], chosen[-1]) else 1
            look = {"color": colour, "linewidth": width, "label": checkpoints[place].label}
            energy.plot(*column, each, band=False, **look)
        energy.finish(*column, energies)
        column[0].set_xlabel("")
    panels[0, 1].set_ylabel("")
    panels[1, 1].set_ylabel("")
    handles = panels[0, 0].lines
    rows = int(np.ceil(len(handles) / 4))
    figure.legend(handles=handles, loc="outside lower center", ncols=int(np.ceil(len(handles) / rows)))
    return len(chosen), len(filled)
