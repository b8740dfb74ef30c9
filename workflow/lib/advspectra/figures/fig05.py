"""Figure 5: frequency-domain norms of perturbation and predictor, linear beside nonlinear, and the paper's."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from advspectra.claims.comparison import not_the_papers, shape_of_images
from advspectra.drawing import captions, plotting
from advspectra.networks.identity import NetworkIdentity
from advspectra.results.replicates import Replicates, by_network
from advspectra.results.runs import Run, of_predictors
from advspectra.statistics.summaries import Spread, Statistics, statistics

INPUTS = {
    "files": ["spectra", "predictor"],
    "activations": None,
    "alphas": [1],
    "also": ["reference", "images", "dataset"],
}

# a panel for each: its title, whether it is of the predictor, the norm, and what the paper's tables call it
NORMS = (
    (r"$\|\hat{\delta}\|_1$", False, "norm_l1", "delta_l1"),
    (r"$\|\hat{\delta}\|_2$", False, "norm_l2", "delta_l2"),
    (r"$\|\hat{\beta}\|_1$ raw", True, "norm_l1", None),
    (r"$\|\hat{\beta}\|_2$ raw", True, "norm_l2", None),
)
LOOKS = {True: {"alpha": 1}, False: {"alpha": 0.45, "hatch": "////"}}  # linear, nonlinear
PAPER = {"color": "black", "marker": "D", "markersize": 3.5, "markerfacecolor": "white", "linestyle": "none"}


def draw(
    runs: Sequence[Run], *, convention: str, reference: str | Path, images: str | Path, dataset: Mapping
) -> tuple[Figure, str]:
    """The figure and its caption: a row for each network, a bar for each of its activations.

    convention : of the perturbation's norms; those of the predictor are under the paper's. reference : paper.yaml;
    images : images.h5; dataset : `name` and `source`, which say whether the images are the paper's.
    """
    groups = by_network(runs)
    absent = captions.joined(captions.missing(groups, linear=True), captions.missing(groups, linear=False))
    with plotting.style():
        if not groups:
            figure = plotting.message_figure("No network with α = 1 in this study.")
            return figure, captions.joined("Figure 5. Norms.", absent)
        paper = _papers(reference, images, dataset) if convention == "paper" else []
        rows: dict[tuple, list[Replicates]] = {}
        for group in groups:
            rows.setdefault((group.first.network, group.first.depth), []).append(group)
        order = sorted(rows.values(), key=lambda members: members[0].first.order[2:])
        figure = plotting.new_figure(0.75 + 0.27 * len(order))
        panels = figure.subplots(1, len(NORMS))
        for axes, (title, of_predictor, norm, cell) in zip(panels, NORMS, strict=True):
            for place, members in enumerate(order):
                for offset, group in _offsets(members):
                    found = _found(group, of_predictor, norm, convention)
                    theirs = [Spread(**row[cell]) for one, row in paper if cell and one.includes(group.identity)]
                    _draw_one(axes, place + offset, 0.76 / len(members), group, found, theirs, bar=not of_predictor)
            axes.set(xlabel=title, ylim=(len(order) - 0.4, -0.6), yticks=range(len(order)))
            if of_predictor:  # of networks at initial scales of their own: they differ by powers of ten
                axes.set_xscale("log")
                plotting.plain_ticks(axes.xaxis)
            else:
                axes.set_xlim(left=0)
            axes.tick_params(axis="y", length=0, labelleft=False)
        names = [plotting.short_name(members[0].first) for members in order]
        panels[0].set_yticklabels(names)
        panels[0].tick_params(labelleft=True)
        handles = [
            Patch(facecolor="0.4", edgecolor="white", linewidth=0, label="linear", **LOOKS[True]),
            Patch(facecolor="0.4", edgecolor="white", linewidth=0, label="nonlinear", **LOOKS[False]),
            *([Line2D([], [], label="the paper, ± sd", **PAPER)] if paper else []),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
    caption = captions.joined(
        "Figure 5. Frequency-domain norms. Bars: mean over images, dots: over classes (linear networks, the end-to-end "
        "map as it is); error bars: sd over images or classes, pooled within seeds. The paper has no raw β̂.",
        captions.counts(groups, convention=convention),
        "" if convention == "paper" else "β̂: convention paper.",
        of_predictors(runs),
        absent,
    )
    return figure, caption


def _papers(reference: str | Path, images: str | Path, dataset: Mapping) -> list[tuple[NetworkIdentity, Mapping]]:
    """The networks of the paper's Tables 1 and 2, and their rows; none if the images are not the paper's."""
    with open(reference, encoding="utf-8") as file:
        paper = yaml.safe_load(file)
    if not_the_papers(paper, dataset, shape_of_images(images)):
        return []
    rows = paper["tables"]["table1"]["rows"] + paper["tables"]["table2"]["rows"]
    return [(NetworkIdentity.of_row(row), row) for row in rows]


def _found(group: Replicates, of_predictor: bool, norm: str, convention: str) -> Statistics | None:
    if of_predictor:
        return statistics([getattr(one.raw, norm) for one in group.predictors])
    return statistics([getattr(one, norm) for one in group.spectra(convention)])


def _offsets(members: Sequence[Replicates]) -> list[tuple[float, Replicates]]:
    """Where the bars of a row lie, around its middle."""
    height = 0.8 / len(members)
    return [((place + 0.5) * height - 0.4, group) for place, group in enumerate(members)]


def _draw_one(
    axes: Axes,
    y: float,
    height: float,
    group: Replicates,
    found: Statistics | None,
    theirs: Sequence[Spread],
    bar: bool,
) -> None:
    """Draw what a network has, as a bar or, on a logarithmic axis, a dot, and the paper's number."""
    colour, error = plotting.colour(group.first.network), {"elinewidth": 0.8, "capsize": 1.5, "ecolor": "0.5"}
    label = group.first.label
    if found is not None and bar:
        look = {"color": colour, "linewidth": 0, "edgecolor": "white", "error_kw": error, "label": label} | LOOKS[
            group.first.linear
        ]
        axes.barh(y, found.values.mean, xerr=found.values.sd, height=height, **look)
    elif found is not None:
        dot = {"color": colour, "marker": "o", "markersize": 4, "label": label}
        axes.errorbar(found.values.mean, y, xerr=found.values.sd, **dot, **error)
    for spread in theirs:
        axes.errorbar(spread.mean, y, xerr=spread.sd, elinewidth=0.9, capsize=2, label=f"{label}, the paper", **PAPER)
