"""Figures 1, 6 and 7: histograms of a quantity over lines to adversarial points and to the two controls."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from advspectra.drawing import captions, plotting
from advspectra.drawing.drawn import DECORATION
from advspectra.drawing.learning_curves import collected, nearest
from advspectra.files.lines import Lines
from advspectra.lines.comparison import ADVERSARIAL, CONTROLS, ENDS, line, pairs, values
from advspectra.results.replicates import Replicates, only_network
from advspectra.results.runs import AttackedCheckpoint, Run
from advspectra.statistics.summaries import kolmogorov_smirnov

# quantity -> axis label
LABELS = {
    "relu_changes": "fraction of ReLU changes",
    "other_deviation": "roughness: mean |logit $-$ chord|",
}
TITLES = {"relu_changes": "Fraction of ReLU changes", "other_deviation": "Absolute roughness of the other logit"}
ROUGHNESS = "other_deviation"
# of the paper's Figures 6 and 7
EPOCHS = (0, 5, 10, 20, 25, 40)
DASHES = (0, (3, 1))
NO_LINES = "No lines in this study: they need an entry in the configuration, and a ReLU network."
END_NAMES = {
    ADVERSARIAL: r"adversarial, $x \to x_a$",
    "random": r"random, $x \to x_r$",
    "boundary": r"boundary, $x \to x_b$",
}


def lines_of(group: Replicates) -> list[tuple[AttackedCheckpoint, list[Lines]]]:
    """The checkpoints that the group's lines were followed at, ordered by step, and the lines of each seed."""
    return list(zip(*collected(group, group.attack, AttackedCheckpoint.lines), strict=True))


def over_training(runs: Sequence[Run], quantity: str, *, number: int) -> tuple[Figure, str]:
    """Figure 6 or 7 and its caption: a quantity of LABELS at six checkpoints, spread as the paper's epochs are."""
    group = only_network(runs)
    there = lines_of(group) if group else []
    title = f"Figure {number}. {TITLES[quantity]} over training."
    with plotting.style():
        if not there:
            return plotting.message_figure(NO_LINES), captions.joined(title, NO_LINES)
        steps = [checkpoint.step for checkpoint, _ in there]
        places = nearest(steps, np.array(EPOCHS) / EPOCHS[-1] * steps[-1])
        letters = "abcdef"
        chosen = [there[place] for place in places] + [(None, [])] * (len(letters) - len(places))
        figure = plotting.new_figure(4.0)
        panels = figure.subplots(2, 3)
        draw_histograms(
            {letter: (axes, *one) for letter, axes, one in zip(letters, panels.flat, chosen, strict=True)}, quantity
        )
        for axes in panels[:, 1:].flat:
            axes.set_ylabel("")
        legend(figure)
    shown = {letter: one for letter, one in zip(letters, chosen, strict=True) if one[0] is not None}
    caption = captions.joined(
        title,
        "Checkpoints nearest to the paper's shares of training.",
        *sentences(group, shown),
        directions(dict([[*shown.items()][-1]])) if quantity == ROUGHNESS else "",
    )
    return figure, caption


def draw_histograms(
    panels: Mapping[str, tuple[Axes, AttackedCheckpoint | None, Sequence[Lines]]], quantity: str
) -> None:
    """Draw a quantity at several checkpoints, a panel each, on one logarithmic axis.

    panels : letter -> where, which checkpoint, its lines; without a checkpoint the panel says so.
    """
    samples = {
        letter: {end: values(lines, quantity, end) for end in ENDS}
        for letter, (_, checkpoint, lines) in panels.items()
        if checkpoint is not None
    }
    edges = _edges([sample for of_panel in samples.values() for sample in of_panel.values()])
    for letter, (axes, checkpoint, lines) in panels.items():
        if checkpoint is None:
            plotting.message_panel(axes, "no further checkpoint\nin this study")
            continue
        if edges is None:
            plotting.message_panel(axes, "0 on every line")
            axes.set_title(f"({letter}) {checkpoint.label}", loc="left")
            continue
        for end, sample in samples[letter].items():
            _draw_sample(axes, sample, edges, end)
        distances = [kolmogorov_smirnov(*pairs(lines, quantity, control)) for control in CONTROLS]
        axes.set_title(f"({letter}) {checkpoint.label}", loc="left")
        axes.set_title("$D$ = " + " / ".join(f"{distance:.2f}" for distance in distances), loc="right", color="0.35")
        axes.set(xscale="log", xlim=(edges[0], edges[-1]), xlabel=LABELS[quantity], ylabel="share of lines")
        plotting.plain_ticks(axes.xaxis)
        axes.set_ylim(bottom=0)


def _edges(samples: Sequence[np.ndarray]) -> np.ndarray | None:
    """The edges of bins of equal ratio for all samples, more of them for larger ones; None if all is zero.

    A fiftieth of a sample at the most, and what is zero, lies below the first edge, and what is less than 1e-5 of the
    largest value: lines without a breakpoint bend by rounding alone.
    """
    positive = [sample[sample > 0] for sample in samples if (sample > 0).any()]
    if not positive:
        return None
    high = 1.001 * max(sample.max() for sample in positive)
    low = min(np.quantile(sample, 0.02) for sample in positive)
    bins = int(np.clip(3 * np.sqrt(max(len(sample) for sample in samples)), 10, 40))
    return np.geomspace(np.clip(low, 1e-5 * high, high / 2), high, bins + 1)


def _draw_sample(axes: Axes, sample: np.ndarray, edges: np.ndarray, end: str) -> None:
    counts, _ = np.histogram(np.clip(sample, edges[0], edges[-1]), edges)
    shares = counts / max(len(sample), 1)
    filled = np.flatnonzero(counts)
    if not len(filled):
        return
    # no outline along the axis, where the sample has nothing
    first, last = filled[0], filled[-1] + 1
    outline = {"values": shares[first:last], "edges": edges[first : last + 1], "color": plotting.ROLES[end]}
    if end == "boundary":
        axes.stairs(**outline, linewidth=1, linestyle=DASHES, label=END_NAMES[end])
    else:
        axes.stairs(**outline, fill=True, alpha=0.35, label=DECORATION)
        axes.stairs(**outline, linewidth=1, label=END_NAMES[end])


def legend(figure) -> None:
    """Draw the legend of the three kinds of lines below the panels."""
    handles = []
    for end, name in END_NAMES.items():
        colour = plotting.ROLES[end]
        filled = end != "boundary"
        look = {"facecolor": (colour, 0.35)} if filled else {"fill": False, "linestyle": DASHES}
        handles.append(Patch(edgecolor=colour, label=name, **look))
    figure.legend(handles=handles, loc="outside lower center", ncols=3)


def sentences(group: Replicates, shown: Mapping[str, tuple[AttackedCheckpoint, Sequence[Lines]]]) -> list[str]:
    """The sentences of a caption: how many lines, their ends, what D is, and what did not converge.

    shown : letter of a panel -> checkpoint and lines.
    """
    source = group.attacks[group.attack]
    attack = f"attack {group.attack}"
    if source is not None:
        attack = f"transfer {group.attack} ({source.attack} on {source.found_on})"
    first = next(iter(shown.values()))[1]
    sizes = [len(lines.image) for _, seeds in shown.values() for lines in seeds]
    count = f"{len(first)} seed{'' if len(first) == 1 else 's'}"
    ends = [*shown.items()][:: max(len(shown) - 1, 1)]  # the first and the last
    changed = {
        end: "/".join(str(sum(int(line(lines, end).changed.sum()) for lines in seeds)) for _, (_, seeds) in ends)
        for end in ENDS
    }
    panels = "/".join(f"({letter})" for letter, _ in ends)
    total = sum(len(lines.image) for lines in first)
    unconverged = sum(
        int((~line(lines, end).converged).sum()) for _, seeds in shown.values() for lines in seeds for end in ENDS
    )
    return [
        f"{group.first.label}, {attack}, {captions.span(sizes)} {first[0].images_of} images, {count}.",
        f"Class changes on {total} lines, {panels}: x_a {changed[ADVERSARIAL]}, x_r {changed['random']}, "
        f"x_b {changed['boundary']} (limit: {first[0].stretch_limit:g} times x_a's).",
        "First bin: all below.",
        "D: Kolmogorov-Smirnov distance to random/boundary lines.",
        _method(first[0]) + (f" {unconverged} lines unconverged." if unconverged else ""),
    ]


def _method(lines: Lines) -> str:
    """The sentence that says how the lines were followed."""
    exact, count = min(lines.exact_images, len(lines.image)), len(lines.image)
    if exact == count:
        return "Followed exactly."
    points = f"at {lines.samples:,} points."
    if exact == 0:
        return f"Followed {points[:-1]}: breakpoints are missed."
    return f"{exact} of {count} images followed exactly, others {points}"


def directions(shown: Mapping[str, tuple[AttackedCheckpoint, Sequence[Lines]]]) -> str:
    """The sentence that holds absolute roughness against relative roughness: the ratios of their medians, x_a to x_r.

    It says for each panel whether the two agree on which of the lines, adversarial or random, are the rougher.
    """
    words = []
    for letter, (_, lines) in shown.items():
        ratios = []
        for quantity in (ROUGHNESS, f"{ROUGHNESS}_relative"):
            sides = [values(lines, quantity, end) for end in (ADVERSARIAL, "random")]
            medians = [float(np.median(side)) if len(side) else 0.0 for side in sides]
            ratios.append(medians[0] / medians[1] if min(medians) > 0 else None)
        if None in ratios:
            words.append(f"({letter}) no median above 0")
        else:
            verdict = "agree" if (ratios[0] > 1) == (ratios[1] > 1) else "disagree"
            words.append(f"({letter}) {ratios[0]:.2g}, {ratios[1]:.2g}, which {verdict}")
    return f"Median roughness x_a/x_r, absolute and relative to logit's change: {'; '.join(words)}."
