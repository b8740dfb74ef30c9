"""Figure 4: an adversarial perturbation and its spectrum for each nonlinear network; radial and angular energy."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from advspectra.drawing import captions, energy, plotting, power_spectra
from advspectra.drawing.example import Example, choose_image, example, image_name, image_power
from advspectra.results.replicates import Replicates, by_network
from advspectra.results.runs import Run

INPUTS = {"files": ["spectra", "perturbations"], "activations": ["relu"], "alphas": [1]}


def draw(runs: Sequence[Run], *, convention: str) -> tuple[Figure, str]:
    """The figure and its caption: (a) one column for each network, (b) energy over k_r and k_phi.

    convention : of all spectra, a key of advspectra.fourier.CONVENTIONS.
    """
    groups = by_network(runs)
    absent = captions.missing(groups, linear=False)
    with plotting.style():
        if not groups:
            figure = plotting.message_figure("No nonlinear network in this study.")
            return figure, captions.joined("Figure 4. Nonlinear networks.", absent)
        image = choose_image(groups)
        examples = [None if image is None else example(group, image) for group in groups]
        figure = plotting.new_figure(6.2)
        upper, lower = figure.subfigures(2, 1, height_ratios=[1, 1.25])
        upper.suptitle("(a)", x=0.01, ha="left")
        lower.suptitle("(b)", x=0.01, ha="left")
        _draw_examples(upper, groups, examples, convention)
        _draw_energy(lower, groups, convention)
    failed = [
        group.first.label for group, one in zip(groups, examples, strict=True) if one is not None and not one.success
    ]
    caption = captions.joined(
        "Figure 4. Adversarial perturbations of nonlinear networks.",
        "No image was attacked."
        if image is None
        else f"(a) Perturbation and its power spectrum for {image_name(image, examples)}; grey is zero.",
        f"Unsuccessful on this image: {', '.join(failed)}." if failed else "",
        "(b) Energy over radial frequency and angle, sums above density; lines: mean, bands: quartiles over images.",
        energy.WHITE_TEXT,
        captions.counts(groups, convention=convention),
        absent,
    )
    return figure, caption


def _draw_examples(figure, groups: Sequence[Replicates], examples: Sequence[Example | None], convention: str) -> None:
    panels = plotting.network_panels(figure, groups, rows=2)
    found = [one for one in examples if one is not None]
    powers = [image_power(one.perturbation, convention=convention) for one in found]
    limit = max((float(np.abs(one.perturbation).max()) for one in found), default=1.0)
    norm = power_spectra.power_norm(powers) if powers else None
    shown = None
    for column, one in enumerate(examples):
        if one is None:
            for axes in panels[:, column]:
                plotting.message_panel(axes, "not\nattacked")
            continue
        plotting.show_image(panels[0, column], one.perturbation, limit=limit)
        power = image_power(one.perturbation, convention=convention)
        vertical, horizontal = (np.arange(size) - size // 2 for size in power.shape)
        shown = power_spectra.show_power(panels[1, column], power, vertical, horizontal, norm)
    power_spectra.outer_labels(panels[1:])
    plotting.row_label(panels[0, 0], r"$\delta$")
    plotting.row_label(panels[1, 0], r"$\hat{\delta}$")
    if shown is not None:
        power_spectra.colour_bar(figure, shown, panels[1], r"$|\hat{\delta}|^2$")


def _draw_energy(figure, groups: Sequence[Replicates], convention: str) -> None:
    panels = figure.subplots(2, 2, sharex="col")
    spectra = [(group, seeds) for group in groups if (seeds := group.spectra(convention))]
    for column, of in zip(panels.T, (energy.radial, energy.angular), strict=True):
        energies = [of(seeds) for _, seeds in spectra]
        for (group, _), each in zip(spectra, energies, strict=True):
            energy.plot(*column, each, **energy.of_network(group.first))
        energy.finish(*column, energies)
        column[0].set_xlabel("")
    plotting.legend(figure, groups, [energy.legend_handle()], loc="outside right center")
