"""Figure 9: the mean spectrum of the adversarial perturbations of each linear network."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from advspectra import captions, plotting
from advspectra.results import Run, by_network

INPUTS = {"files": ["spectra"], "activations": ["linear"], "alphas": [1]}


def draw(runs: Sequence[Run], *, convention: str) -> tuple[Figure, str]:
    """Return the figure and its caption; convention : of the spectra, a key of advspectra.fourier.CONVENTIONS."""
    groups = by_network(runs)
    absent = captions.missing(groups, linear=True)
    with plotting.style():
        if not groups:
            figure = plotting.message_figure("No linear network in this study.")
            return figure, captions.joined("Figure 9. Mean spectra, linear networks.", absent)
        figure = plotting.mean_spectra(groups, convention=convention)
    caption = captions.joined(
        "Figure 9. Power spectrum of the adversarial perturbations of linear networks, mean over the images of all "
        "seeds; one logarithmic scale; frequencies in cycles/image, zero in the centre.",
        captions.counts(groups, convention=convention),
        absent,
    )
    return figure, caption
