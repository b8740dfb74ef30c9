"""Figures 9 and 10: the mean spectrum of the adversarial perturbations of each linear or nonlinear network."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from advspectra.drawing import captions, plotting
from advspectra.results import Run, by_network


def mean_spectra_figure(runs: Sequence[Run], *, convention: str, number: int, linear: bool) -> tuple[Figure, str]:
    """Return the figure and its caption.

    convention : of the spectra, a key of advspectra.fourier.CONVENTIONS; number : of the figure in the paper;
    linear : whether `runs` are the linear or the nonlinear networks.
    """
    groups = by_network(runs)
    kind = "linear" if linear else "nonlinear"
    absent = captions.missing(groups, linear=linear)
    with plotting.style():
        if not groups:
            figure = plotting.message_figure(f"No {kind} network in this study.")
            return figure, captions.joined(f"Figure {number}. Mean spectra, {kind} networks.", absent)
        figure = plotting.mean_spectra(groups, convention=convention)
    caption = captions.joined(
        f"Figure {number}. Power spectrum of the adversarial perturbations of {kind} networks, mean over the images of "
        "all seeds; one logarithmic scale; frequencies in cycles/image, zero in the centre.",
        captions.counts(groups, convention=convention),
        absent,
    )
    return figure, caption
