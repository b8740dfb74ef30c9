"""Figure 1: ReLU changes and roughness along lines to adversarial and to random points, first and last checkpoint."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from advspectra.drawing import captions, plotting
from advspectra.drawing.line_histograms import (
    NO_LINES,
    ROUGHNESS,
    directions,
    draw_histograms,
    legend,
    lines_of,
    sentences,
)
from advspectra.results.replicates import only_network
from advspectra.results.runs import Run

INPUTS = {"per": "lines", "files": ["lines"], "activations": ["relu"], "alphas": None}


def draw(runs: Sequence[Run], *, convention: str) -> tuple[Figure, str]:
    """The figure and its caption: left ReLU changes, (a) first and (b) last checkpoint, right roughness, (c), (d).

    runs : of one network, with the lines of one attack at several checkpoints; convention has no part in it.
    """
    group = only_network(runs)
    there = lines_of(group) if group else []
    title = "Figure 1. ReLU changes; absolute roughness of the other logit."
    with plotting.style():
        if not there:
            return plotting.message_figure(NO_LINES), captions.joined(title, NO_LINES)
        ends = [there[0], there[-1] if len(there) > 1 else (None, [])]
        figure = plotting.new_figure(4.2)
        axes = figure.subplots(2, 2)
        for column, quantity in enumerate(("relu_changes", ROUGHNESS)):
            letters = "ab" if column == 0 else "cd"
            draw_histograms({letter: (axes[row, column], *ends[row]) for row, letter in enumerate(letters)}, quantity)
        legend(figure)
    shown = {letter: end for letter, end in zip("ab", ends, strict=True) if end[0] is not None}
    caption = captions.joined(
        title,
        *sentences(group, shown),
        directions(dict(zip("cd", shown.values(), strict=False))),
        "" if there[0][0].step == 0 else "No lines at initialisation.",
    )
    return figure, caption
