"""Figure 10: the mean spectrum of the adversarial perturbations of each nonlinear network."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from advspectra.drawing.mean_spectra import mean_spectra_figure
from advspectra.results.runs import Run

INPUTS = {"files": ["spectra"], "activations": ["relu"], "alphas": [1]}


def draw(runs: Sequence[Run], *, convention: str) -> tuple[Figure, str]:
    """The figure and its caption; convention : of the spectra, a key of advspectra.fourier.CONVENTIONS."""
    return mean_spectra_figure(runs, convention=convention, number=10, linear=False)
