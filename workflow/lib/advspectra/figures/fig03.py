"""Figure 3: norms of the perturbations over training, and their mean spectrum at some checkpoints."""

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from advspectra.drawing import captions, plotting, power_spectra
from advspectra.drawing.learning_curves import (
    NO_ATTACK,
    NO_SPECTRA,
    against_label,
    attacked,
    collected,
    counts_sentence,
    draw_samples,
    failures_sentence,
    plot_over_steps,
    pooled,
    spread,
    step_axis,
)
from advspectra.results.replicates import Replicates, only_network
from advspectra.results.runs import Run

INPUTS = {"per": "attack", "files": ["perturbations", "spectra"], "activations": None, "alphas": None}

SPECTRA = 6  # panels
RANGE = (0.1, 10)  # of densities
NORMS = {"l2": r"$\|\delta\|_2$", "linf": r"$\|\delta\|_\infty$"}


def draw(runs: Sequence[Run], *, convention: str) -> tuple[Figure, str]:
    """The figure and its caption: top the norms of delta over training, bottom its mean spectrum at six checkpoints.

    runs : of one network, with one attack on several checkpoints.
    convention : of the spectra, a key of advspectra.fourier.CONVENTIONS.
    """
    group = only_network(runs)
    title = "Figure 3. Norms and spectra of the perturbations over training."
    with plotting.style():
        if group is None or not attacked(group, group.attack)[0]:
            return plotting.message_figure(NO_ATTACK), captions.joined(title, NO_ATTACK)
        figure = plotting.new_figure(3.8)
        upper, lower = figure.subfigures(2, 1, height_ratios=[1.35, 1])
        _draw_norms(upper, group)
        _draw_spectra(lower, group, convention)
    caption = captions.joined(
        title,
        "Top: images with success; lines: mean, bands: quartiles.",
        f"Bottom: density, on a scale from {RANGE[0]:g} to {RANGE[1]:g}; white noise has 1.",
        counts_sentence(group, transfers=False),
        failures_sentence(group),
        _fixed(group),
        captions.convention_sentence(convention),
    )
    return figure, caption


def _draw_norms(figure, group: Replicates) -> None:
    checkpoints, seeds = attacked(group, group.attack)
    steps = [checkpoint.step for checkpoint in checkpoints]
    *panels, counts = figure.subplots(1, len(NORMS) + 1)
    for axes, (norm, title) in zip(panels, NORMS.items(), strict=True):
        samples = [pooled(images, norm, successful=True) for images in seeds]
        if draw_samples(axes, steps, samples, label=group.attack):
            axes.set_ylabel(f"{title} (pixel range)")
            step_axis(axes, steps)
    failed = [int((~pooled(images, "success")).sum()) for images in seeds]
    wrong = [int((~pooled(images, "correct")).sum()) for images in seeds]
    plot_over_steps(counts, steps, failed, color=plotting.ROLES["adversarial"], label="without success")
    if against_label(seeds):
        look = {"color": plotting.ROLES["accuracy"], "linestyle": (0, (1, 0.8)), "marker": ""}
        plot_over_steps(counts, steps, wrong, label="of these wrong\nbefore the attack", **look)
    counts.set_ylim(0, 1.05 * len(pooled(seeds[0], "success")))
    counts.set_ylabel("images")
    counts.legend(loc="lower left")
    step_axis(counts, steps)


def _draw_spectra(figure, group: Replicates, convention: str) -> None:
    checkpoints, seeds = collected(group, group.attack, lambda checkpoint: checkpoint.spectra(convention))
    filled = [place for place, spectra in enumerate(seeds) if any(seed.selected for seed in spectra)]
    if not filled:
        plotting.message_panel(figure.subplots(), plotting.UNSUCCESSFUL if checkpoints else NO_SPECTRA)
        return
    chosen = [filled[place] for place in spread([checkpoints[place] for place in filled], SPECTRA)]
    panels = figure.subplots(1, SPECTRA, squeeze=False)
    for axes in panels[0, len(chosen) :]:
        axes.set_axis_off()
    norm = LogNorm(*RANGE)
    for axes, place in zip(panels[0], chosen, strict=False):
        axes.set_title(checkpoints[place].label)
        first, power = seeds[place][0], power_spectra.mean_of_powers(seeds[place])
        density = power / power.mean()
        frequencies, label = (first.frequency_y, first.frequency_x), checkpoints[place].label
        shown = power_spectra.show_power(axes, density, *frequencies, norm, label=label)
    power_spectra.outer_labels(panels)
    power_spectra.colour_bar(figure, shown, panels, r"density of $|\hat{\delta}|^2$")


def _fixed(group: Replicates) -> str:
    """The sentence that the largest magnitude is the same for nearly all images, if it is."""
    _, seeds = attacked(group, group.attack)
    norms = np.concatenate([pooled(images, "linf", successful=True) for images in seeds])
    if not len(norms) or np.mean(norms >= 0.999 * norms.max()) < 0.95:
        return ""
    return f"It cannot show a falling norm: ‖δ‖∞ is {norms.max():.4g} on 95 % of the images."
