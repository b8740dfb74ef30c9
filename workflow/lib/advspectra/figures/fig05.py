"""Figure 5: frequency-domain norms of the perturbation and of the predictor, linear and nonlinear networks."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from advspectra.drawing import captions, plotting
from advspectra.results.replicates import Replicates, by_network
from advspectra.results.runs import Run
from advspectra.statistics.summaries import statistics

INPUTS = {"files": ["spectra", "predictor"], "activations": None, "alphas": [1]}

DELTA = {r"$\|\hat{\delta}\|_1$": "norm_l1", r"$\|\hat{\delta}\|_2$": "norm_l2"}
BETA = {r"$\|\hat{\beta}\|_1$ raw": "norm_l1", r"$\|\hat{\beta}\|_2$ raw": "norm_l2"}


def draw(runs: Sequence[Run], *, convention: str) -> tuple[Figure, str]:
    """The figure and its caption: bars for each network, linear above, nonlinear below.

    convention : of the perturbation's norms; those of the predictor are under the paper's.
    """
    groups = by_network(runs)
    kinds = {
        "linear": [group for group in groups if group.first.linear],
        "nonlinear": [group for group in groups if not group.first.linear],
    }
    shown = {kind: members for kind, members in kinds.items() if members}
    absent = captions.joined(captions.missing(groups, linear=True), captions.missing(groups, linear=False))
    with plotting.style():
        if not groups:
            return plotting.message_figure("No network in this study."), captions.joined("Figure 5. Norms.", absent)
        bars = [len(members) for members in shown.values()]
        figure = plotting.new_figure(0.9 * len(shown) + 0.19 * sum(bars))
        panels = figure.subplots(len(shown), 4, squeeze=False, height_ratios=[count + 1 for count in bars])
        for row, (kind, members) in zip(panels, shown.items(), strict=True):
            _draw_row(row, kind, members, convention)
        # one scale for linear and nonlinear networks: the paper compares them
        for column in range(2):
            limit = max(axes.get_xlim()[1] for axes in panels[:, column])
            for axes in panels[:, column]:
                axes.set_xlim(0, limit)
    caption = captions.joined(
        "Figure 5. Frequency-domain norms. Bars: mean over images (δ̂) or classes (β̂, linear networks, the end-to-end "
        "map as it is), error bars: sd over images or classes, pooled within seeds; hatched: deep "
        "variants of networks with one hidden layer.",
        captions.counts(groups, convention=convention),
        "β̂ is under the convention paper always.",
        absent,
    )
    return figure, caption


def _draw_row(row: Sequence[Axes], kind: str, groups: Sequence[Replicates], convention: str) -> None:
    spectra = [group.spectra(convention) for group in groups]
    for axes, (title, norm) in zip(row[:2], DELTA.items(), strict=True):
        _bars(axes, groups, [statistics([getattr(one, norm) for one in found]) for found in spectra])
        axes.set_xlabel(title)
    for axes, (title, norm) in zip(row[2:], BETA.items(), strict=True):
        if kind == "linear":
            found = [[getattr(one.raw, norm) for one in group.predictors] for group in groups]
            _bars(axes, groups, [statistics(values) for values in found])
            axes.set_xlabel(title)
        else:
            plotting.message_panel(axes, r"$\hat{\beta}$: linear" "\nnetworks only")
    row[0].set_yticks(range(len(groups)), [group.first.short_label.replace("\n", " ") for group in groups])
    row[0].set_title(kind, loc="left", fontweight="bold")


def _bars(axes: Axes, groups: Sequence[Replicates], found: Sequence) -> None:
    for place, (group, one) in enumerate(zip(groups, found, strict=True)):
        if one is None:
            axes.text(0.02, place, "no value", va="center", color="0.4", transform=axes.get_yaxis_transform())
            continue
        mean, sd = one.values
        axes.barh(
            place,
            mean,
            xerr=sd,
            height=0.7,
            color=plotting.colour(group.first.network),
            linewidth=0,
            edgecolor="white",
            hatch="///" if group.first.deep_variant else None,
            error_kw={"elinewidth": 0.8, "capsize": 1.5, "ecolor": "0.5"},
        )
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.set_yticks(np.arange(len(groups)), [""] * len(groups))
    axes.set_xlim(left=0)
    axes.tick_params(axis="y", length=0)
