"""Figure 4: an adversarial perturbation and its spectrum for each nonlinear network; radial and angular energy."""

from collections.abc import Sequence
from functools import partial
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
from advspectra.results.runs import Run

INPUTS = {"files": ["spectra", "perturbations"], "activations": ["relu"], "alphas": [1], "also": ["images"]}


def draw(runs: Sequence[Run], *, convention: str, images: str | Path) -> tuple[Figure, str]:
    """The figure and its caption: (a) the image and one column for each network, (b) energy over k_r and k_phi.

    convention : of all spectra, a key of advspectra.fourier.CONVENTIONS; images : images.h5.
    """
    groups = by_network(runs)
    absent = captions.missing(groups, linear=False)
    with plotting.style():
        if not groups:
            figure = plotting.message_figure("No nonlinear network with α = 1 in this study.")
            return figure, captions.joined("Figure 4. Nonlinear networks.", absent)
        image = choose_image(groups)
        examples = examples_of(groups, image)
        figure = plotting.new_figure(5.4)
        upper, lower = figure.subfigures(2, 1, height_ratios=[1, 1.4])
        upper.suptitle("(a)", x=0.01, ha="left")
        lower.suptitle("(b)", x=0.01, ha="left")
        beside = _draw_examples(upper, groups, examples, convention)
        if found := [one for one in examples if one is not None]:
            draw_image(beside, images, image, found[0].images_of, convention=convention)
        _draw_energy(lower, groups, convention)
    failed = [
        group.first.label for group, one in zip(groups, examples, strict=True) if one is not None and not one.success
    ]
    caption = captions.joined(
        "Figure 4. Adversarial perturbations of nonlinear networks.",
        "No image was attacked."
        if image is None
        else f"(a) {image_name(image, examples).capitalize()}, its perturbations (grey: zero), and power spectra, that "
        "of x on its own scale.",
        f"Unsuccessful on this image: {', '.join(failed)}." if failed else "",
        "(b) Energy over radial frequency, added up, and angle; below, density. Lines: mean, bands: quartiles.",
        energy.WHITE_TEXT,
        captions.counts(groups, convention=convention),
        absent,
    )
    return figure, caption


def _draw_examples(figure, groups: Sequence[Replicates], examples: Sequence[Example | None], convention: str):
    """Draw the perturbations and return the two panels for the image."""
    beside, panels = plotting.network_panels(figure, groups, rows=2)
    found = [one for one in examples if one is not None]
    powers = [image_power(one.perturbation, convention=convention) for one in found]
    limit = max((float(np.abs(one.perturbation).max()) for one in found), default=1.0)
    norm = power_spectra.power_norm(powers) if powers else None
    shown = None
    for column, (group, one) in enumerate(zip(groups, examples, strict=True)):
        if one is None:
            for axes in panels[:, column]:
                plotting.message_panel(axes, "not\nattacked")
            continue
        plotting.show_image(panels[0, column], one.perturbation, limit=limit, label=group.first.label)
        power = image_power(one.perturbation, convention=convention)
        shown = show_power_of(panels[1, column], power, norm, label=group.first.label)
    power_spectra.outer_labels(panels[1:])
    plotting.row_label(beside[0], r"$\delta$", distance=5)
    plotting.row_label(beside[1], r"$\hat{\delta}$", distance=5)
    if shown is not None:
        power_spectra.colour_bar(figure, shown, panels[1], r"$|\hat{\delta}|^2$")
    return beside


def _draw_energy(figure, groups: Sequence[Replicates], convention: str) -> None:
    panels = figure.subplots(2, 2, sharex="col")
    spectra = [(group, seeds) for group in groups if (seeds := group.spectra(convention))]
    for column, of in zip(panels.T, (partial(energy.radial, cumulative=True), energy.angular), strict=True):
        energies = [of(seeds) for _, seeds in spectra]
        for (group, _), each in zip(spectra, energies, strict=True):
            energy.plot(*column, each, **plotting.line_look(group.first))
        energy.finish(*column, energies)
        column[0].set_xlabel("")
    plotting.legend(figure, groups, [energy.legend_handle()], loc="outside right center")
