"""The predictor against the perturbations of each linear network, frequency by frequency, and their correlation."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

from advspectra.claims.measures import correlation
from advspectra.claims.readers import linked_magnitudes
from advspectra.drawing import captions, plotting
from advspectra.drawing.drawn import stands_for
from advspectra.files.perturbations import AttackedImages
from advspectra.files.predictors import Predictor
from advspectra.fourier import frequencies
from advspectra.results.replicates import Replicates, by_network
from advspectra.results.runs import Run, of_predictors

INPUTS = {"files": ["spectra", "perturbations", "predictor"], "activations": ["linear"], "alphas": [1]}

COLUMNS = 4
RADIAL = "$k_r$ (cycles/image)"
DECADES = (0.05, 20)  # of both axes at the most; 1 is the mean over frequencies


def draw(runs: Sequence[Run], *, convention: str) -> tuple[Figure, str]:
    """The figure and its caption: a panel for each network, a dot for each frequency.

    convention : of both spectra, a key of advspectra.fourier.CONVENTIONS.
    """
    groups = [
        group
        for group in by_network(run for run in runs if not run.unlike_predictor())
        if group.predictors and group.first.perturbations() is not None
    ]
    title = "The predictor and the perturbations of linear networks, frequency by frequency."
    with plotting.style():
        if not groups:
            none = of_predictors(runs) or "No attack on a linear network with α = 1 in this study."
            return plotting.message_figure(none), captions.joined(title, none)
        rows = -(-len(groups) // COLUMNS)
        figure = plotting.new_figure(0.5 + 1.75 * rows)
        panels = figure.subplots(rows, COLUMNS, squeeze=False, sharex=True, sharey=True)
        for axes in panels.flat[len(groups) :]:
            axes.set_axis_off()
        drawn = [
            shown for axes, group in zip(panels.flat, groups, strict=False) if (shown := _draw(axes, group, convention))
        ]
        panels[0, 0].set(xscale="log", yscale="log", xlim=DECADES, ylim=DECADES)
        for place, axes in enumerate(panels.flat[: len(groups)]):
            axes.tick_params(labelbottom=place + COLUMNS >= len(groups))
        figure.supxlabel(
            r"$|\hat{\beta}_\mathrm{before} - \hat{\beta}_\mathrm{after}|$ / mean over frequencies", fontsize=7.5
        )
        figure.supylabel(r"$|\hat{\delta}|$ / mean over frequencies", fontsize=7.5)
        if drawn:
            figure.colorbar(drawn[0], ax=panels, label=RADIAL, aspect=30, fraction=0.03, pad=0.01)
    caption = captions.joined(
        title,
        "Dots: frequencies, mean over images with success. β of the class before the attack less β of the class after "
        "it. r: Pearson's correlation of both magnitudes over frequencies, mean over images, as LINK-1 has it; 0 for "
        "unrelated white noise. Line: in proportion.",
        _left_out(runs),
        _counts(groups),
        captions.convention_sentence(convention),
    )
    return figure, caption


def _counts(groups: Sequence[Replicates]) -> str:
    """The sentence that says of how many images and seeds the dots are means."""
    of = [[images for _, images in _pairs(group)] for group in groups]
    numbers = captions.span([sum(int(images.success.sum()) for images in seeds) for seeds in of])
    sets = " / ".join(sorted({images.images_of for seeds in of for images in seeds}))
    return f"n = {numbers} successfully attacked {sets} images, {captions.of_seeds([len(seeds) for seeds in of])}"


def _pairs(group: Replicates) -> Iterator[tuple[Predictor, AttackedImages]]:
    """The predictor and the attacked images of each run that has both."""
    for run in group.runs:
        if (predictor := run.predictor()) is not None and (images := run.perturbations()) is not None:
            yield predictor, images


def _left_out(runs: Sequence[Run]) -> str:
    """The sentence that names the networks with runs whose δ is not of the predictor's checkpoint; empty without."""
    labels = dict.fromkeys(run.label for run in runs if run.unlike_predictor())
    return f"Left out where δ is not of the best epoch: {', '.join(labels)}." if labels else ""


def _draw(axes: Axes, group: Replicates, convention: str) -> PathCollection | None:
    axes.set_title(plotting.short_name(group.first))
    axes.plot(DECADES, DECADES, color="0.6", linewidth=0.8, zorder=1, label="in proportion")
    parts = [
        both for predictor, images in _pairs(group) for _, *both in linked_magnitudes(images, predictor, convention)
    ]
    if not parts:
        axes.text(0.5, 0.5, plotting.UNSUCCESSFUL, ha="center", va="center", color="0.4", transform=axes.transAxes)
        return None
    beta, delta = (np.concatenate(each) for each in zip(*parts, strict=True))
    sides = group.predictors[0].image_size
    radius = np.hypot(frequencies(sides[0])[:, None], frequencies(sides[1])[None, :]).ravel()
    x, y = ((each / each.mean(axis=1, keepdims=True)).mean(axis=0) for each in (beta, delta))
    colours = np.tile(radius, len(x) // len(radius))  # for each channel
    shown = axes.scatter(x, y, c=colours, s=3, linewidths=0, rasterized=True, label=group.first.label)
    stands_for(shown, value_is=RADIAL)
    text = f"$r$ = {np.nanmean(correlation(beta, delta)):.2f}"
    axes.text(0.96, 0.05, text, ha="right", transform=axes.transAxes, label=group.first.label)
    return shown
