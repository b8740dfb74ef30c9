"""Figure 8: predictor and adversarial perturbation with their spectra for each linear network; radial energy."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from advspectra.drawing import captions, energy, plotting, power_spectra
from advspectra.drawing.example import (
    Example,
    choose_image,
    draw_image,
    examples_of,
    image_name,
    image_power,
    show_power_of,
)
from advspectra.results.replicates import Replicates, by_network
from advspectra.results.runs import Run, of_predictors

INPUTS = {
    "files": ["spectra", "perturbations", "predictor"],
    "activations": ["linear"],
    "alphas": [1],
    "also": ["images"],
}

ROWS = (r"$\beta$", r"$\hat{\beta}$", r"$\delta$", r"$\hat{\delta}$")


def draw(runs: Sequence[Run], *, convention: str, images: str | Path) -> tuple[Figure, str]:
    """The figure and its caption: (a) the image and one column for each network, (b) radial energy of both spectra.

    convention : of the perturbation's spectra; those of the predictor are under the paper's. images : images.h5.
    """
    groups = by_network(runs)
    absent = captions.missing(groups, linear=True)
    with plotting.style():
        if not groups:
            figure = plotting.message_figure("No linear network with α = 1 in this study.")
            return figure, captions.joined("Figure 8. Linear networks.", absent)
        image = choose_image(groups)
        examples = examples_of(groups, image)
        label = next((one.label for one in examples if one is not None), None)
        figure = plotting.new_figure(6.9)
        upper, lower = figure.subfigures(2, 1, height_ratios=[1.25, 1])
        upper.suptitle("(a)", x=0.01, ha="left")
        lower.suptitle("(b)", x=0.01, ha="left")
        beside = _draw_examples(upper, groups, examples, label, convention)
        if found := [one for one in examples if one is not None]:
            draw_image(beside, images, image, found[0].images_of, convention=convention)
        _draw_energy(lower, groups, convention)
    failed = [
        group.first.label for group, one in zip(groups, examples, strict=True) if one is not None and not one.success
    ]
    caption = captions.joined(
        "Figure 8. Predictors and adversarial perturbations of linear networks.",
        "No image was attacked; β of the first class."
        if image is None
        else f"(a) β of class {label}, {image_name(image, examples)}, and its perturbations δ; grey is zero, each β "
        "and x on its own scale.",
        f"Unsuccessful on this image: {', '.join(failed)}." if failed else "",
        "(b) Energy over radial frequency, added up, and density; lines: mean, bands: quartiles.",
        energy.WHITE_TEXT,
        captions.counts(groups, convention=convention),
        "" if convention == "paper" else "β̂: convention paper.",
        of_predictors(runs),
        absent,
    )
    return figure, caption


def _draw_examples(
    figure, groups: Sequence[Replicates], examples: Sequence[Example | None], label: int | None, convention: str
):
    """Draw the predictors and perturbations and return the two panels for the image."""
    betas = [group.predictors[0].maps(label or 0) if group.predictors else None for group in groups]
    deltas = [None if one is None else one.perturbation for one in examples]
    beside, panels = plotting.network_panels(figure, groups, rows=4)
    betas, deltas = (list(zip(groups, images, strict=True)) for images in (betas, deltas))
    _draw_pair(figure, panels[:2], betas, "paper", "no\npredictor", shared=False, symbol=ROWS[1])
    _draw_pair(figure, panels[2:], deltas, convention, "not\nattacked", shared=True, symbol=ROWS[3])
    for axes, text in zip(beside, ROWS, strict=True):
        plotting.row_label(axes, text, distance=5)
    return beside[2:]


def _draw_pair(figure, panels: np.ndarray, of: list, convention: str, absent: str, *, shared: bool, symbol: str):
    """Draw images (C, H, W) of groups in the first row of panels, their spectra in the second, None as `absent`."""
    images = [image for _, image in of]
    powers = [None if image is None else image_power(image, convention=convention) for image in images]
    present = [power for power in powers if power is not None]
    norm = power_spectra.power_norm(present) if present else None
    limit = max((float(np.abs(image).max()) for image in images if image is not None), default=1.0)
    shown = None
    for (above, below), (group, image), power in zip(panels.T, of, powers, strict=True):
        if image is None:
            plotting.message_panel(above, absent)
            plotting.message_panel(below, absent)
            continue
        label = group.first.label
        own, what = (limit, "pixel range") if shared else (float(np.abs(image).max()), "logit")
        plotting.show_image(above, image, limit=own, label=label, value_is=what)
        shown = show_power_of(below, power, norm, label=label)
    power_spectra.outer_labels(panels[1:])
    if shown is not None:
        power_spectra.colour_bar(figure, shown, panels[1], rf"$|${symbol}$|^2$")


def _draw_energy(figure, groups: Sequence[Replicates], convention: str) -> None:
    panels = figure.subplots(2, 2, sharex=True)
    of_beta = (
        (group, energy.radial(predictors, [predictor.raw.radial_energy for predictor in predictors], cumulative=True))
        for group in groups
        if (predictors := group.predictors)
    )
    of_delta = (
        (group, energy.radial(spectra, cumulative=True)) for group in groups if (spectra := group.spectra(convention))
    )
    for row, members, symbol in ((panels[0], of_beta, ROWS[1]), (panels[1], of_delta, ROWS[3])):
        energies = []
        for group, each in members:
            energies.append(each)
            energy.plot(*row, each, **plotting.line_look(group.first))
        energy.finish(*row, energies, of=f", {symbol}")
    for axes in panels[0]:
        axes.set_xlabel("")
    plotting.legend(figure, groups, [energy.legend_handle()], loc="outside right center")
