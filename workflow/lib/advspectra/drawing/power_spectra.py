"""Power spectra as the figures show them: their means, one colour scale, frequencies in cycles/image."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.image import AxesImage
from matplotlib.ticker import LogLocator

from advspectra.drawing.drawn import stands_for
from advspectra.files.spectra import Spectra
from advspectra.results.replicates import Replicates

K_X, K_Y = "$k_x$ (cycles/image)", "$k_y$ (cycles/image)"


def mean_power(group: Replicates, convention: str) -> np.ndarray | None:
    """The mean power (H, W) over the images of all seeds of a network, None without an image."""
    return mean_of_powers(group.spectra(convention))


def mean_of_powers(spectra: Sequence[Spectra]) -> np.ndarray | None:
    """The mean power (H, W) over the images of all `spectra`, None without an image."""
    present = [one for one in spectra if one.mean_power is not None]
    if not present:
        return None
    return np.average([one.mean_power for one in present], axis=0, weights=[one.selected for one in present])


def power_norm(powers: Sequence[np.ndarray]) -> LogNorm:
    """A log colour scale for all of `powers`, from their highest value down four decades at the most.

    The lower end is the second percentile of what is positive, so that a few bins near zero do not take the range.
    """
    values = np.concatenate([np.asarray(power).ravel() for power in powers])
    positive = values[values > 0]
    if not len(positive):
        return LogNorm(1e-1, 1)
    top = positive.max()
    return LogNorm(min(max(np.quantile(positive, 0.02), top * 1e-4), top / 2), top)


def show_power(
    axes: Axes, power: np.ndarray, vertical: np.ndarray, horizontal: np.ndarray, norm: LogNorm, *, label: str = ""
) -> AxesImage:
    """Draw a shifted power spectrum (H, W), zero frequency in the centre, axes in cycles/image, and return its image.

    Zero power takes the lowest colour. The vertical frequency grows downwards, as the rows of an image do. label : of
    the image, as in drawn.py.
    """
    extent = (horizontal[0] - 0.5, horizontal[-1] + 0.5, vertical[-1] + 0.5, vertical[0] - 0.5)
    shown = axes.imshow(np.maximum(power, norm.vmin), norm=norm, extent=extent, label=label, rasterized=True)
    stands_for(shown, value=power, x_axis=K_X, y_axis=K_Y)
    axes.set(xticks=_ticks(horizontal), yticks=_ticks(vertical))
    axes.spines[:].set_visible(True)
    return shown


def _ticks(frequencies: np.ndarray) -> list[int]:
    """Zero and a round number to both sides of it, within three quarters of the axis."""
    bound = 0.75 * frequencies.max()
    fitting = [step for step in (1, 2, 4, 5, 8, 10, 15, 20, 30, 40, 50, 80, 100) if step <= bound]
    return [-fitting[-1], 0, fitting[-1]] if fitting else [0]


def outer_labels(panels: np.ndarray, *, every: bool = False) -> None:
    """Keep frequency labels at the left and lower edge of a grid of spectra; `panels` is (rows, columns) of Axes.

    every : name axis and unit at each panel of the edges, for panels wider than that text; else the unit stands once.
    """
    named = False
    for (row, column), axes in np.ndenumerate(panels):
        if not axes.axison:
            continue
        below = row + 1 < len(panels) and panels[row + 1, column].axison
        if below:
            axes.tick_params(labelbottom=False)
        elif every or not named:
            axes.set_xlabel(K_X, labelpad=1)
            named = True
        if column and panels[row, column - 1].axison:
            axes.tick_params(labelleft=False)
        else:
            axes.set_ylabel(K_Y if every else "$k_y$", labelpad=0)


def colour_bar(figure, image: AxesImage, panels, label: str, **where) -> None:
    """Draw the colour scale of a spectrum beside `panels`; its ends stand for all beyond them."""
    scale = image.norm.vmin, image.norm.vmax
    alike = [one for axes in np.ravel(panels) for one in axes.images if (one.norm.vmin, one.norm.vmax) == scale]
    beyond = "both" if any(one.get_array().max() > one.norm.vmax for one in alike) else "min"
    where = {"pad": 0.01, "aspect": 12, "fraction": 0.05} | where
    # a scale of less than two decades has too few powers of ten for its ticks
    few = image.norm.vmax < 100 * image.norm.vmin
    ticks = {"ticks": LogLocator(subs=(1, 2, 5)), "format": "%g"} if few else {}
    figure.colorbar(image, ax=panels, label=label, extend=beyond, **ticks, **where).minorticks_off()
