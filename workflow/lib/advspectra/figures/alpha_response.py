"""How the perturbations respond to the initial weight scale: f₀.₅ and flatness against α, accuracy and rate beside."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter, methodcaller
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advspectra.drawing import captions, energy, plotting
from advspectra.drawing.drawn import stands_for
from advspectra.files.spectra import Spectra
from advspectra.fourier import CONVENTIONS, white_noise_flatness, white_noise_frequency
from advspectra.networks.identity import ACTIVATIONS, NetworkIdentity
from advspectra.results.replicates import Replicates, by_network
from advspectra.results.runs import Run
from advspectra.statistics.summaries import finite_mean

INPUTS = {"files": ["spectra", "checkpoints"], "activations": None, "alphas": None}

TITLES = (
    r"$f_{0.5}$ of $\hat{\delta}$ (cycles/image)",
    r"flatness of $\hat{\delta}$",
    "test accuracy",
    "learning rate",
)
# f₀.₅ and flatness do not depend on the scale of the DFT: conventions differ in how they treat colour
COLOUR = {True: "luminance", False: "each channel"}
LOOKS = {True: {"linestyle": "solid"}, False: {"linestyle": (0, (3, 1)), "markerfacecolor": "white"}}


def draw(runs: Sequence[Run], *, convention: str) -> tuple[Figure, str]:
    """The figure and its caption: a row for each network that has several α, a column for each quantity.

    convention : a key of advspectra.fourier.CONVENTIONS; of those that differ from it in scale alone none is drawn.
    """
    networks: dict[NetworkIdentity, list[Replicates]] = {}
    for group in by_network(runs):
        networks.setdefault(replace(group.identity, alpha=1), []).append(group)
    networks = {network: groups for network, groups in networks.items() if len(groups) > 1}
    title = "Response of the adversarial perturbations to the initial weight scale α."
    with plotting.style():
        if not networks:
            none = "No network in this study has several initial scales α."
            return plotting.message_figure(none), captions.joined(title, none)
        figure = plotting.new_figure(0.9 + 1.25 * len(networks))
        panels = figure.subplots(len(networks), len(TITLES), squeeze=False, sharex=True)
        for row, (network, groups) in zip(panels, networks.items(), strict=True):
            _draw_row(row, network, groups, convention)
        for column, name in zip(panels.T, TITLES, strict=True):
            column[0].set_title(name)
            for axes in column:
                stands_for(axes, y_axis=name)
        alphas = sorted({group.first.alpha for groups in networks.values() for group in groups})
        panels[0, 0].set(xscale="log", xlim=(alphas[0] / 1.5, alphas[-1] * 1.5))
        panels[0, 0].set_xticks(alphas, [f"{alpha:g}" for alpha in alphas])
        panels[0, 0].minorticks_off()
        for axes in panels[-1]:
            axes.set_xlabel(r"$\alpha$")
        _legend(figure)
    every = [group for groups in networks.values() for group in groups]
    size = next((spectra.image_size for group in every for spectra in group.spectra(convention)), None)
    caption = captions.joined(
        title,
        "Dots: seeds, mean over images; lines: mean over seeds. Accuracy (of the best epoch) and learning rate stand "
        "beside, as each α may have a rate of its own.",
        f"Grey: white noise, f₀.₅ {white_noise_frequency(*size):.1f} cycles/image, flatness "
        f"{white_noise_flatness(*size):.2f}."
        if size
        else "",
        captions.counts(every, convention=convention, named=False),
    )
    return figure, caption


def _draw_row(row: Sequence[Axes], network: NetworkIdentity, groups: Sequence[Replicates], convention: str) -> None:
    colour = plotting.colour(network.network)
    for grey, name in _conventions(groups, convention):
        for axes, of in zip(row, (_frequency, _flatness), strict=False):
            read = methodcaller("spectra", name)
            values = [(group.first.alpha, _of_seeds(group, read, of)) for group in groups]
            _draw_response(axes, values, color=colour, label=f"{network.label}, {COLOUR[grey]}", **LOOKS[grey])
    for axes, name in zip(row[2:], ("test_accuracy", "learning_rate"), strict=True):
        values = [
            (group.first.alpha, _of_seeds(group, methodcaller("checkpoints"), attrgetter(name))) for group in groups
        ]
        _draw_response(axes, values, color=colour, label=network.label)
    size = next((spectra.image_size for group in groups for spectra in group.spectra(convention)), None)
    for axes, white in zip(row, (white_noise_frequency, white_noise_flatness), strict=False):
        if size is not None:
            axes.axhline(white(*size), **energy.WHITE)
    for axes in row[:3]:
        axes.set_ylim(0, 1.1 * axes.dataLim.ymax if axes.has_data() else 1)
    row[3].set_yscale("log")
    activation = ACTIVATIONS.get(network.activation, network.activation)
    plotting.row_label(row[0], f"{network.short_label}\n{activation}")


def _conventions(groups: Sequence[Replicates], convention: str) -> Iterator[tuple[bool, str]]:
    """Whether it takes the luminance, and the name, of one convention of each kind that all spectra have."""
    there = [set(run.conventions()) for group in groups for run in group.runs if run.conventions()]
    common = sorted(set.intersection(*there), key=lambda name: (name != convention, name)) if there else []
    for grey in COLOUR:
        yield from [(grey, name) for name in common if CONVENTIONS[name][0] is grey][:1]


def _of_seeds(group: Replicates, read: Callable[[Run], Any], of: Callable[[Any], float]) -> dict[int, float]:
    """A number of what `read` finds of each seed, where it finds something."""
    return {run.seed: of(found) for run in group.runs if (found := read(run)) is not None}


def _draw_response(axes: Axes, values: Sequence[tuple[float, Mapping[int, float]]], **look) -> None:
    """Draw a dot for each seed and a line through the means; values : α and a number of each seed, NaN for none."""
    known = [(alpha, {seed: value for seed, value in seeds.items() if np.isfinite(value)}) for alpha, seeds in values]
    known = [(alpha, seeds) for alpha, seeds in known if seeds]
    dots = {key: look[key] for key in ("color", "label")}
    dots["markerfacecolor"] = look.pop("markerfacecolor", look["color"])
    axes.plot([alpha for alpha, _ in known], [np.mean([*seeds.values()]) for _, seeds in known], **look)
    for alpha, seeds in known:
        plotting.seed_dots(axes, [alpha] * len(seeds), [*seeds.values()], seeds, markersize=3, **dots)


def _mean_of(name: str) -> Callable[[Spectra], float]:
    return lambda spectra: finite_mean(getattr(spectra, name))


_frequency, _flatness = _mean_of("half_power_frequency"), _mean_of("flatness")


def _legend(figure: Figure) -> None:
    handles = [
        Line2D([], [], color="0.3", marker="o", markersize=3, label=COLOUR[grey], **look)
        for grey, look in LOOKS.items()
    ]
    figure.legend(handles=[*handles, energy.legend_handle()], loc="outside lower center", ncols=3)
