"""Where the classes of the images differ, and where the perturbations have their energy."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advspectra.drawing import captions, energy, plotting
from advspectra.networks.identity import ACTIVATIONS
from advspectra.results.replicates import Replicates, by_network
from advspectra.results.runs import Run

INPUTS = {"files": ["spectra"], "activations": None, "alphas": [1], "also": ["band"]}

BAND = {"color": "#DDCC77", "alpha": 0.35, "linewidth": 0, "zorder": 0, "label": "where the classes differ"}


def draw(runs: Sequence[Run], *, convention: str, band: Mapping[str, float]) -> tuple[Figure, str]:
    """The figure and its caption: left the radial density of linear and of nonlinear networks, right the shares.

    convention : of the spectra, a key of advspectra.fourier.CONVENTIONS. band : low and high, in cycles/image.
    """
    groups = [group for group in by_network(runs) if any(one.selected for one in group.spectra(convention))]
    low, high = (int(np.rint(band[end])) for end in ("low", "high"))
    title = f"The classes differ between {band['low']:g} and {band['high']:g} cycles/image, and nowhere else."
    with plotting.style():
        if not groups:
            none = "No successful attack with α = 1 in this study."
            return plotting.message_figure(none), captions.joined(title, none)
        figure = plotting.new_figure(max(3.2, 0.6 + 0.21 * len(groups)))
        left, right = figure.subfigures(1, 2, width_ratios=[1, 1.05])
        shown: dict[str, list[Replicates]] = {}
        for group in groups:
            shown.setdefault("linear" if group.first.linear else "nonlinear", []).append(group)
        for axes, (kind, members) in zip(left.subplots(len(shown), 1, squeeze=False)[:, 0], shown.items(), strict=True):
            _draw_densities(axes, members, convention, (low, high))
            axes.set_title(kind)
        _draw_shares(right.subplots(), groups, convention, (low, high))
    caption = captions.joined(
        title,
        "Shaded: that band. Left: energy over radial frequency, density, mean over images. Right: share of the energy "
        "in the band; dots: seeds; number: mean. Dotted: white noise. An untrained network may have more than that.",
        captions.counts(groups, convention=convention),
    )
    return figure, caption


def _draw_densities(axes: Axes, groups: Sequence[Replicates], convention: str, band: tuple[int, int]) -> None:
    for group in groups:
        of_group = energy.radial(group.spectra(convention))
        axes.plot(of_group.x, of_group.density.mean(axis=0), **plotting.line_look(group.first))
    axes.axvspan(band[0] - 0.5, band[1] + 0.5, **BAND)
    axes.axhline(1, **energy.WHITE)
    axes.set(yscale="log", ylim=(0.05, None), xlim=(0, of_group.x[-1]), xlabel=energy.RADIAL, ylabel="density")
    plotting.plain_ticks(axes.yaxis)


def _draw_shares(axes: Axes, groups: Sequence[Replicates], convention: str, band: tuple[int, int]) -> None:
    inside = slice(band[0], band[1] + 1)
    for place, group in enumerate(groups):
        look = plotting.line_look(group.first)
        of_seeds = {
            run.seed: energy.radial([one]).shares[:, inside].sum(axis=1).mean()
            for run in group.runs
            if (one := run.spectra(convention)) is not None and one.selected
        }
        shares = [*of_seeds.values()]
        axes.plot([0, np.mean(shares)], [place, place], **look | {"markevery": [1]})
        dots = {"markersize": 4, "color": look["color"], "label": look["label"]}
        plotting.seed_dots(axes, shares, [place] * len(shares), of_seeds, **dots)
        text = f"{100 * np.mean(shares):.0f} %"
        axes.text(1.02, place, text, va="center", ha="left", clip_on=False, label=look["label"])
    axes.axvline(energy.radial(groups[0].spectra(convention)).white[inside].sum(), **energy.WHITE)
    axes.set(xlim=(0, 1), ylim=(len(groups) - 0.4, -0.6), xlabel="share of energy in the band")
    axes.set_yticks(range(len(groups)), [_name(group) for group in groups])
    axes.tick_params(axis="y", length=0)


def _name(group: Replicates) -> str:
    activation = ACTIVATIONS.get(group.first.activation, group.first.activation)
    return plotting.short_name(group.first) + (f", {activation}" if group.first.depth == 1 else "")
