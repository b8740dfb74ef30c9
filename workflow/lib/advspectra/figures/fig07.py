"""Figure 7: ReLU changes along lines to adversarial and to random points over training."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from advspectra.drawing.line_histograms import over_training
from advspectra.results.runs import Run

INPUTS = {"per": "lines", "files": ["lines"], "activations": ["relu"], "alphas": None}


def draw(runs: Sequence[Run], *, convention: str) -> tuple[Figure, str]:
    """The figure and its caption; runs : of one network, with one attack's lines; convention has no part."""
    return over_training(runs, "relu_changes", number=7)
