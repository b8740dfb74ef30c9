"""Figure 1: ReLU changes and roughness along lines to adversarial and to random points, first and last checkpoint."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from advspectra.drawing import captions, plotting
from advspectra.drawing.line_histograms import (
    NO_LINES,
    ROUGHNESS,
    direction,
    draw_histograms,
    legend,
    lines_of,
    sentences,
)
from advspectra.lines.comparison import DEFINITIONS
from advspectra.results.replicates import only_network
from advspectra.results.runs import Run

INPUTS = {"per": "lines", "files": ["lines"], "activations": ["relu"], "alphas": None}


def draw(runs: Sequence[Run], *, convention: str) -> tuple[Figure, str]:
    """Return the figure and its caption: left ReLU changes, (a) first and (b) last state, right roughness, (c), (d).

    runs : of one network, with the lines of one attack at several checkpoints; convention has no part in it.
    """
    group = only_network(runs)
    found = lines_of(group) if group else []
    title = "Figure 1. Lines from images to adversarial and to random points at the start and at the end of training."
    with plotting.style():
        if not found:
            return plotting.message_figure(NO_LINES), captions.joined(title, NO_LINES)
        ends = [found[0], found[-1] if len(found) > 1 else (None, [])]
        figure = plotting.new_figure(4.2)
        axes = figure.subplots(2, 2)
        for column, quantity in enumerate(("relu_changes", ROUGHNESS)):
            letters = "ab" if column == 0 else "cd"
            draw_histograms({letter: (axes[row, column], *ends[row]) for row, letter in enumerate(letters)}, quantity)
        legend(figure)
    shown = {letter: one for letter, one in zip("ab", ends, strict=True) if one[0] is not None}
    early = found[0][0]
    caption = captions.joined(
        title,
        "Left, (a) and (b): fraction of ReLU changes; right, (c) and (d): roughness of the other logit, absolute. "
        f"Top: {early.label}; bottom: {found[-1][0].label}.",
        *sentences(group, shown),
        *(DEFINITIONS[name] for name in ("relu_changes", "deviation", "other")),
        *(direction(letter, *one) for letter, one in zip("cd", shown.values(), strict=False)),
        "" if early.step == 0 else "This study has no lines at the initialisation.",
    )
    return figure, caption
