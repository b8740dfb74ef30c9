"""Figure 2: accuracy and success of attacks over training, and how the energy of the perturbations moves."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advspectra.drawing import captions, plotting
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
)
from advspectra.results.replicates import Replicates, only_network
from advspectra.results.runs import Run

INPUTS = {
    "per": "attack",
    "files": ["checkpoints", "perturbations", "spectra", "transfers"],
    "activations": None,
    "alphas": None,
}

CURVES = 12  # states at the most in (b) and (c): more colours cannot be told apart


def draw(runs: Sequence[Run], *, convention: str) -> tuple[Figure, str]:
    """Return the figure and its caption: (a) accuracy and success, (b) radial and (c) angular energy over training.

    runs : of one network, with one attack and its transfers on several checkpoints.
    convention : of the spectra, a key of advspectra.fourier.CONVENTIONS.
    """
    group = only_network(runs)
    title = "Figure 2. Success of attacks and spectra of their perturbations over training."
    with plotting.style():
        if group is None or group.attack is None:
            return plotting.message_figure(NO_ATTACK), captions.joined(title, NO_ATTACK)
        figure = plotting.new_figure(3.1)
        left, right = figure.subfigures(1, 2, width_ratios=[1, 1.9])
        _draw_success(left, group)
        shown = _draw_spectra(right, group, convention)
    caption = captions.joined(
        title,
        "(a) Accuracy over the whole training and test set, and share of the attacked images with success: right "
        "before, wrong after, within ε. Red: attacks found on each checkpoint itself; brown: found on another one.",
        "(b) Radial and (c) angular energy of δ̂, normalised to sum 1 for each image, mean over images; darker for "
        "earlier checkpoints.",
        counts_sentence(group),
        failures_sentence(group),
        f"(b) and (c) show {shown[0]} of the {shown[1]} checkpoints with spectra." if shown[0] < shown[1] else "",
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
    transfers = 0
    for name, source in group.attacks.items():
        states, found = attacked(group, name)
        look = {"color": plotting.ROLES["adversarial"], "label": f"success of {name}"}
        if source is not None:
            dashes = TRANSFER_LINES[transfers % len(TRANSFER_LINES)]
            look = {"color": plotting.ROLES["transfer"], "label": f"success of {name}", "linestyle": dashes}
            transfers += 1
        places = [state.step / (scale or 1) for state in states]
        success = [pooled(seeds, "success").mean() for seeds in found]
        handles += _curve(axes, places, success, marker="o", markersize=2.5, **look)
    if not transfers:
        handles.append(Line2D([], [], linestyle="none", label="no transfer of this attack"))
    axes.set(xlabel="epoch" if scale else "training step", ylabel="share of images")
    axes.set_ylim(0, 1)
    axes.set_xlim(left=0)
    figure.legend(handles=handles, loc="outside lower center")


def _curve(axes: Axes, x: Sequence[float], values: Sequence[float], **look) -> list:
    return axes.plot(x, values, clip_on=False, **look)


def _draw_spectra(figure, group: Replicates, convention: str) -> tuple[int, int]:
    """Draw (b) and (c); return how many checkpoints are shown, and how many have spectra with an image."""
    radial, angular = figure.subplots(1, 2)
    radial.set_title("(b)", loc="left")
    angular.set_title("(c)", loc="left")
    states, found = collected(group, group.attack, lambda state: state.spectra(convention))
    filled = [place for place, seeds in enumerate(found) if any(one.selected for one in seeds)]
    if not filled:
        for axes in (radial, angular):
            plotting.message_panel(axes, plotting.UNSUCCESSFUL if states else NO_SPECTRA)
        return 0, 0
    chosen = [filled[place] for place in spread([states[place] for place in filled], CURVES)]
    handles = []
    for place, colour in zip(chosen, shades(len(chosen)), strict=True):
        seeds = found[place]
        for axes, x, energies in (
            (radial, seeds[0].radial_frequency, [one.radial_energy for one in seeds]),
            (angular, seeds[0].angle, [one.angular_energy for one in seeds]),
        ):
            rows = plotting.fractions(energies)
            # the first and the last state are what the eye compares
            width = 1.8 if place in (chosen[0], chosen[-1]) else 1
            lines = axes.plot(x, rows.mean(axis=0), color=colour, linewidth=width, label=states[place].label)
        handles += lines
    plotting.finish_radial(radial)
    plotting.finish_angular(angular)
    rows = int(np.ceil(len(handles) / 4))
    figure.legend(handles=handles, loc="outside lower center", ncols=int(np.ceil(len(handles) / rows)))
    return len(chosen), len(filled)
