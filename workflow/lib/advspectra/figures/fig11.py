"""Figure 11: the initial weight scale alpha and the spectrum of the adversarial perturbations."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advspectra.drawing import captions, energy, plotting, power_spectra
from advspectra.networks.identity import ACTIVATIONS, NetworkIdentity
from advspectra.results.replicates import Replicates, by_network
from advspectra.results.runs import Run

INPUTS = {"files": ["spectra"], "activations": None, "alphas": None}

DASHES = ((0, (1, 0.8)), (0, (4, 1.5)), "solid", (0, (7, 1, 1, 1)), (0, (9, 2)))  # of each α, the smallest first


def draw(runs: Sequence[Run], *, convention: str) -> tuple[Figure, str]:
    """The figure and its caption: a row for each network that has several alpha, a column for each alpha.

    convention : of the spectra, a key of advspectra.fourier.CONVENTIONS.
    """
    rows: dict[NetworkIdentity, list[Replicates]] = {}
    for group in by_network(runs):
        rows.setdefault(replace(group.identity, alpha=1), []).append(group)
    rows = {key: members for key, members in rows.items() if len(members) > 1}
    groups = [group for members in rows.values() for group in members]
    title = "Figure 11. The initial weight scale α and the power spectrum of the adversarial perturbations."
    with plotting.style():
        if not groups:
            return plotting.message_figure("No network in this study has several initial scales α."), captions.joined(
                title, "No network of this study has several α."
            )
        figure = plotting.new_figure(1.1 + 1.15 * len(rows))
        alphas = sorted({group.first.alpha for group in groups})
        _draw_rows(figure, rows, alphas, convention)
        lines = [Line2D([], [], label=rf"$\alpha$ = {alpha:g}", **_look(alpha, alphas, "0.5")) for alpha in alphas]
        figure.legend(handles=[*lines, energy.legend_handle()], loc="outside lower right", ncols=4)
    lacking = {"linear", "nonlinear"} - {"linear" if network.linear else "nonlinear" for network in rows}
    caption = captions.joined(
        title,
        "Left: mean over the images of all seeds, one logarithmic scale. Right: energy over radial frequency, darker "
        "for larger α; lines: mean, bands: quartiles over images.",
        energy.WHITE_TEXT,
        captions.counts(groups, convention=convention),
        *(f"No {kind} network with several α in this study." for kind in lacking),
    )
    return figure, caption


def _draw_rows(figure: Figure, rows: dict, alphas: Sequence[float], convention: str) -> None:
    """Draw a row for each network into one grid: a column for each α, then sums and densities."""
    ratios = [1] * len(alphas) + [1.6, 1.6]
    panels = figure.subplots(len(rows), len(ratios), squeeze=False, width_ratios=ratios, sharex="col")
    of_groups = {group.identity: power_spectra.mean_power(group, convention) for row in rows.values() for group in row}
    powers = [power for power in of_groups.values() if power is not None]
    norm = power_spectra.power_norm(powers) if powers else None
    shown = None
    for row, (network, members) in zip(panels, rows.items(), strict=True):
        by_alpha = {group.first.alpha: group for group in members}
        for axes, alpha in zip(row, alphas, strict=False):
            group = by_alpha.get(alpha)
            power = of_groups[group.identity] if group else None
            if power is None:
                plotting.message_panel(axes, plotting.UNSUCCESSFUL if group else plotting.ABSENT)
            else:
                one = group.spectra(convention)[0]
                frequencies = one.frequency_y, one.frequency_x
                shown = power_spectra.show_power(axes, power, *frequencies, norm, label=group.first.label)
        activation = ACTIVATIONS.get(network.activation, network.activation)
        plotting.row_label(row[0], f"{network.short_label}\n{activation}")
        _draw_curves(row[-2:], members, alphas, convention)
    for axes, alpha in zip(panels[0], alphas, strict=False):
        axes.set_title(rf"$\alpha$ = {alpha:g}")
    for axes in panels[:-1, -2:].flat:
        axes.set_xlabel("")
    power_spectra.outer_labels(panels[:, :-2])
    if shown is not None:
        where = {"location": "bottom", "aspect": 40, "shrink": 0.6}
        power_spectra.colour_bar(figure, shown, panels[:, :-2], r"mean $|\hat{\delta}|^2$", **where)


def _draw_curves(row: Sequence[Axes], members: Sequence[Replicates], alphas: Sequence[float], convention: str) -> None:
    energies = []
    for group in members:
        spectra = group.spectra(convention)
        if not spectra:
            continue
        energies.append(energy.radial(spectra))
        look = _look(group.first.alpha, alphas, plotting.colour(group.first.network))
        energy.plot(*row, energies[-1], label=group.first.label, **look)
    energy.finish(*row, energies)
    for axes in row:
        axes.set_xlabel("$k_r$ (cycles/image)")


def _look(alpha: float, alphas: Sequence[float], colour) -> dict:
    place = alphas.index(alpha)
    style = DASHES[place % len(DASHES)]
    return {"color": shade(colour, place / max(len(alphas) - 1, 1)), "linestyle": style}


def shade(colour, place: float) -> np.ndarray:
    """The network's colour, lighter for place near 0 and darker near 1."""
    rgb = np.array(to_rgb(colour))
    return rgb + (1 - rgb) * (0.55 - 1.1 * place) if place < 0.5 else rgb * (1 - 1.1 * (place - 0.5))
