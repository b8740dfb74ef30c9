"""Figure 11: the initial weight scale alpha and the spectrum of the adversarial perturbations."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure

from advspectra.drawing import captions, energy, plotting, power_spectra
from advspectra.networks.identity import NetworkIdentity
from advspectra.results.replicates import Replicates, by_network
from advspectra.results.runs import Run

INPUTS = {"files": ["spectra"], "activations": None, "alphas": None}


def draw(runs: Sequence[Run], *, convention: str) -> tuple[Figure, str]:
    """The figure and its caption: (a) linear, (b) nonlinear; a row for each network that has several alpha.

    convention : of the spectra, a key of advspectra.fourier.CONVENTIONS.
    """
    rows: dict[NetworkIdentity, list[Replicates]] = {}
    for group in by_network(runs):
        rows.setdefault(replace(group.identity, alpha=1), []).append(group)
    rows = {key: members for key, members in rows.items() if len(members) > 1}
    groups = [group for members in rows.values() for group in members]
    parts = {
        "(a) linear": [members for network, members in rows.items() if network.linear],
        "(b) nonlinear": [members for network, members in rows.items() if not network.linear],
    }
    shown = {title: part for title, part in parts.items() if part}
    title = "Figure 11. The initial weight scale α and the power spectrum of the adversarial perturbations."
    with plotting.style():
        if not groups:
            return plotting.message_figure("No network in this study has several initial scales α."), captions.joined(
                title, "No network of this study has several α."
            )
        alphas = sorted({group.first.alpha for group in groups})
        powers = [power for group in groups if (power := power_spectra.mean_power(group, convention)) is not None]
        norm = power_spectra.power_norm(powers) if powers else None
        figure = plotting.new_figure(0.9 * len(shown) + 1.35 * len(rows))
        heights = [len(part) + 0.7 for part in shown.values()]
        subfigures = figure.subfigures(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0]
        for subfigure, (name, part) in zip(subfigures, shown.items(), strict=True):
            subfigure.suptitle(name, x=0.01, ha="left")
            _draw_part(subfigure, part, alphas, norm, convention)
    caption = captions.joined(
        title,
        "Left: mean over the images of all seeds, one logarithmic scale. Right: energy over radial frequency, darker "
        "for larger α; lines: mean, bands: quartiles over images.",
        energy.WHITE_TEXT,
        captions.counts(groups, convention=convention),
        *(f"{name}: no network with several α in this study." for name, part in parts.items() if not part),
    )
    return figure, caption


def _draw_part(
    figure, part: Sequence[Sequence[Replicates]], alphas: Sequence[float], norm: LogNorm | None, convention: str
) -> None:
    panels = figure.subplots(len(part), len(alphas) + 2, squeeze=False, width_ratios=[1] * len(alphas) + [1.8, 1.8])
    shown = None
    for row, members in zip(panels, part, strict=True):
        by_alpha = {group.first.alpha: group for group in members}
        for axes, alpha in zip(row, alphas, strict=False):
            group = by_alpha.get(alpha)
            power = power_spectra.mean_power(group, convention) if group else None
            if power is None:
                plotting.message_panel(axes, plotting.UNSUCCESSFUL if group else plotting.ABSENT)
            else:
                one = group.spectra(convention)[0]
                shown = power_spectra.show_power(axes, power, one.frequency_y, one.frequency_x, norm)
        plotting.row_label(row[0], members[0].first.short_label)
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
        place = alphas.index(group.first.alpha) / max(len(alphas) - 1, 1)
        colour = shade(plotting.colour(group.first.network), place)
        look = energy.of_network(group.first) | {"color": colour, "label": rf"$\alpha$ = {group.first.alpha:g}"}
        energy.plot(*row, energies[-1], **look)
    energy.finish(*row, energies)
    for axes in row:
        axes.set_xlabel("$k_r$ (cycles/image)")
    if energies:
        # above the panels, where no curve runs; white noise is named once
        row[0].legend(
            handles=[line for line in row[0].lines if line.get_label() != energy.WHITE["label"]],
            loc="lower left", bbox_to_anchor=(-0.2, 1), ncols=3, handlelength=1.2, columnspacing=0.8, borderaxespad=0.1,
        )  # fmt: skip
        row[1].legend(handles=[energy.legend_handle()], loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.1)


def shade(colour, place: float) -> np.ndarray:
    """The network's colour, lighter for place near 0 and darker near 1."""
    rgb = np.array(to_rgb(colour))
    return rgb + (1 - rgb) * (0.55 - 1.1 * place) if place < 0.5 else rgb * (1 - 1.1 * (place - 0.5))
