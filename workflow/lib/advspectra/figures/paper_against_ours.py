"""The paper against ours: each cell of its Tables 1, 2 and 4, how far ours lies from it in its standard deviations."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from advspectra.claims.cells import CELL_SDS, HOLDS
from advspectra.claims.records import ClaimRecord, PartRecord
from advspectra.claims.terms import network
from advspectra.drawing import captions, plotting
from advspectra.drawing.drawn import DECORATION, stands_for
from advspectra.networks.identity import ACTIVATIONS
from advspectra.results.runs import Run

INPUTS = {"files": [], "also": ["claims"]}

# the measures of each table, in the order of the panels: their titles
PANELS = {
    1: {"delta_l2": r"$\|\hat{\delta}\|_2$", "delta_l1": r"$\|\hat{\delta}\|_1$",
        "beta_l2": r"$\|\hat{\beta}\|_2$ rescaled", "beta_l1": r"$\|\hat{\beta}\|_1$ rescaled"},
    2: {"delta_l2": r"$\|\hat{\delta}\|_2$", "delta_l1": r"$\|\hat{\delta}\|_1$"},
    4: {"test_accuracy": "test accuracy"},
}  # fmt: skip
REACH = 7  # of the axis to each side, in the paper's standard deviations; what lies beyond stands there as a number
HIT, MISS = {"color": "#0072B2", "marker": "o"}, {"color": plotting.ROLES["adversarial"], "marker": "X"}
NOISE = {"color": "0.6", "marker": "|", "markersize": 9, "markeredgewidth": 1.2, "linestyle": "none"}
BAND = {"color": "0.9", "linewidth": 0}
CLEAR = {"color": "white", "pad": 0.5}  # behind a text


def draw(runs: Sequence[Run], *, convention: str, claims: str | Path) -> tuple[Figure, str]:
    """The figure and its caption; claims : claims.json. runs and convention have no part in it."""
    with open(claims, encoding="utf-8") as file:
        records = [ClaimRecord.from_data(claim) for claim in json.load(file)["claims"]]
    tables = {claim.table: claim for claim in records if claim.table in PANELS and claim.parts}
    title = "The paper's numbers against ours."
    with plotting.style():
        if not tables:
            none = "The numbers of the paper's tables do not apply to the images of this study."
            return plotting.message_figure(none), captions.joined(title, none)
        figure = plotting.new_figure(4.6)
        upper, lower = figure.subfigures(2, 1, height_ratios=[8.5, 15])
        left, right = lower.subfigures(1, 2, width_ratios=[1.25, 1])
        middle, rest = left.subfigures(2, 1, height_ratios=[9.5, 5.5])
        for place, number in zip((upper, middle, right), PANELS, strict=True):
            if number in tables:
                _draw_table(place, tables[number])
        rest.legend(handles=_handles(), loc="center", ncols=2)
    counts = [_counted(tables[number]) for number in sorted(tables)]
    caption = captions.joined(
        title,
        "Ours minus the paper's cell, in the paper's standard deviations; Table 4 states none: percentage points.",
        f"Band: within {CELL_SDS}; bars: 95 % intervals over {_over(tables.values())}; numbers: cells beyond {REACH}.",
        *counts,
        "Noise without a network (random signs times ε; Gaussian maps; a guess) is drawn where it lies on the axis.",
    )
    return figure, caption


def _over(tables: Iterable[ClaimRecord]) -> str:
    """What the intervals are over: of β̂ and accuracies seeds alone, and of one seed images alone."""
    counts = {part.seed_count for claim in tables for part in claim.parts if part.value is not None}
    if counts == {1}:
        return "images (one seed)"
    return "seeds and images (β̂, accuracies: seeds" + ("; one seed: images)" if 1 in counts else ")")


def _draw_table(figure: SubFigure, claim: ClaimRecord) -> None:
    titles = PANELS[claim.table]
    figure.suptitle(f"Table {claim.table}", x=0.01, ha="left", fontweight="bold")
    for axes, (measure, title) in zip(figure.subplots(1, len(titles), squeeze=False)[0], titles.items(), strict=True):
        parts = [part for part in claim.parts if part.left.measure == measure]
        _draw_cells(axes, parts)
        names = [_name(part, activation=claim.table == 4) for part in parts]
        axes.set_yticks(range(len(parts)), names if measure == next(iter(titles)) else [])
        axes.set_title(title)
        axes.set_xlabel("percentage points" if claim.table == 4 else "paper's sd")


def _draw_cells(axes: Axes, parts: Sequence[PartRecord]) -> None:
    axes.axvspan(-CELL_SDS, CELL_SDS, zorder=0, label=f"within {CELL_SDS} sd", **BAND)
    axes.axvline(0, color="0.4", linewidth=0.8, zorder=1, label="the paper")
    axes.set(xlim=(-REACH - 0.6, REACH + 0.6), ylim=(len(parts) - 0.4, -0.6), xticks=(-6, -2, 2, 6))
    axes.tick_params(axis="y", length=0)
    axes.hlines(range(len(parts)), -REACH, REACH, color="0.85", linewidth=0.5, zorder=0.5, label=DECORATION)
    for place, part in enumerate(parts):
        unit, label = part.within / CELL_SDS, network(part.left.network).label
        if part.noise is not None and abs(noise := (part.noise - part.threshold) / unit) <= REACH:
            axes.plot(noise, place, label=f"{label}, noise", **NOISE)
        if part.value is None:
            axes.text(REACH, place, "not tested", ha="right", va="center", color="0.5", bbox=CLEAR, label=label)
            continue
        ours, low, high = (
            None if end is None else (end - part.threshold) / unit for end in (part.value, part.low, part.high)
        )
        look = HIT if part.direction == HOLDS else MISS
        if low is not None and high is not None and abs(ours) <= REACH:
            bar = {"color": look["color"], "linewidth": 1.3, "label": f"{label}, 95 % interval"}
            stands_for(*axes.plot([_inside(low), _inside(high)], [place, place], **bar), x=[low, high])
        shown = axes.plot(_inside(ours), place, markersize=4.5, markeredgewidth=0, label=f"{label}, ours", **look)
        stands_for(*shown, x=ours)
        if abs(ours) > REACH:
            side = -1 if ours > 0 else 1
            text = f"{ours:+.0f}".replace("-", "\N{MINUS SIGN}")
            axes.annotate(
                text, (_inside(ours), place), (5 * side, 0), textcoords="offset points", color=look["color"],
                ha="left" if side > 0 else "right", va="center", bbox=CLEAR, label=DECORATION,
            )  # fmt: skip


def _inside(value: float) -> float:
    return min(max(value, -REACH), REACH)


def _name(part: PartRecord, *, activation: bool) -> str:
    of = network(part.left.network)
    name = plotting.short_name(of)
    shown = activation and (of.linear or of.network not in ("vgg19", "resnet18", "shallow_resnet"))
    return f"{name}, {ACTIVATIONS.get(of.activation, of.activation)}" if shown else name


def _counted(claim: ClaimRecord) -> str:
    """How many cells of a table are within the bounds, and how many of the same noise passes."""
    cells = claim.cells
    noise = f", noise {cells.noise_count}" if cells.noise_count else ""
    return f"Table {claim.table}: {cells.within} of {cells.tested} within{noise}."


def _handles() -> list:
    dot = {"linestyle": "none", "markersize": 4.5, "markeredgewidth": 0}
    return [
        Line2D([], [], color="0.4", linewidth=0.8, label="the paper"),
        Patch(label=f"within {CELL_SDS} sd", **BAND),
        Line2D([], [], label="ours", **HIT, **dot),
        Line2D([], [], label="ours, a miss", **MISS, **dot),
        Line2D([], [], label="noise", **NOISE),
    ]
