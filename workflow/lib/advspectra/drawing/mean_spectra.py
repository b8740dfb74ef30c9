"""Figures 9 and 10: the mean spectrum of the adversarial perturbations of each linear or nonlinear network."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from advspectra.drawing import captions, plotting, power_spectra
from advspectra.results.replicates import Replicates, by_network
from advspectra.results.runs import Run

# columns of a figure with few networks, so that their panels stay as small; and of one with more, the best first
FEW, COLUMNS = 4, (4, 5, 3)
# inches: the width that panels share, and that of the colour scale beside them; between two panels; the title of a
# panel; the axis below it; the figure's edges
SHARED, BAR, BETWEEN, TITLE, AXIS, EDGES = 5.94, 0.7, 0.1, 0.46, 0.33, 0.25


def mean_spectra_figure(runs: Sequence[Run], *, convention: str, number: int, linear: bool) -> tuple[Figure, str]:
    """The figure and its caption.

    convention : of the spectra, a key of advspectra.fourier.CONVENTIONS; number : of the figure in the paper;
    linear : whether `runs` are the linear or the nonlinear networks.
    """
    groups = by_network(runs)
    kind = "linear" if linear else "nonlinear"
    absent = captions.missing(groups, linear=linear)
    with plotting.style():
        if not groups:
            figure = plotting.message_figure(f"No {kind} network with α = 1 in this study.")
            return figure, captions.joined(f"Figure {number}. Mean spectra, {kind} networks.", absent)
        figure = _panels(groups, convention=convention)
    caption = captions.joined(
        f"Figure {number}. Power spectrum of the adversarial perturbations of {kind} networks, mean over the images of "
        "all seeds; one logarithmic scale; frequencies in cycles/image, zero in the centre.",
        captions.counts(groups, convention=convention),
        absent,
    )
    return figure, caption


def _panels(groups: Sequence[Replicates], *, convention: str) -> Figure:
    """A figure with the mean spectrum of each network in a panel, on one scale."""
    rows, columns = _grid(len(groups))
    gap = rows > 1 and rows * columns > len(groups)  # the panels above it have the axis that those below would have
    shared = SHARED + BAR * (len(groups) < columns)  # the colour scale then stands where a panel would
    height = rows * (shared / columns - BETWEEN + TITLE) + AXIS * gap + EDGES
    figure = plotting.new_figure(height)
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat[len(groups) :]:
        axes.set_axis_off()
    powers = [power_spectra.mean_power(group, convention) for group in groups]
    present = [power for power in powers if power is not None]
    norm = power_spectra.power_norm(present) if present else None
    shown = None
    for axes, group, power in zip(panels.flat, groups, powers, strict=False):
        axes.set_title(group.first.short_label)
        if power is None:
            plotting.message_panel(axes, plotting.UNSUCCESSFUL if group.spectra(convention) else "no spectra")
            continue
        one = group.spectra(convention)[0]
        shown = power_spectra.show_power(axes, power, one.frequency_y, one.frequency_x, norm, label=group.first.label)
    power_spectra.outer_labels(panels, every=True)
    if shown is not None:
        power_spectra.colour_bar(figure, shown, panels[:, : len(groups)], r"mean $|\hat{\delta}|^2$")
    return figure


def _grid(count: int) -> tuple[int, int]:
    """The rows and columns of `count` panels: of COLUMNS those that leave the fewest places empty."""
    columns = FEW if count <= FEW else min(COLUMNS, key=lambda wide: -count % wide)
    return -(-count // columns), columns
