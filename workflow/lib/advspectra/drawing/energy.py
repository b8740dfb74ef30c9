"""Energy over radial frequency and over angle: its sums, as the paper has them, its density, and those of white noise.

Rings and angles have unequal numbers of frequencies, so that white noise alone has most of its energy in large rings
and along the diagonals. The sum E_b over a bin b is shown as a share of all energy, E_b / sum E; the density is that
share over the share of white noise, (E_b / sum E) / (n_b / sum n), n_b the number of frequencies in the bin: the mean
power of a frequency in the bin over that of all frequencies. White noise has the density 1 in every bin.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from advspectra.drawing.plotting import plain_ticks
from advspectra.files.predictors import Predictor
from advspectra.files.spectra import Spectra
from advspectra.fourier import angular_cells, radial_cells, white_noise_frequency

WHITE = {"color": "0.55", "linestyle": (0, (1, 1)), "linewidth": 1.2, "zorder": 1.9, "label": "white noise"}
WHITE_TEXT = "Grey: white noise, density 1."
DECADES = 4  # of a logarithmic axis, at the most
RADIAL = "radial frequency $k_r$ (cycles/image)"
ANGULAR = "angle $k_\\phi$ (degrees)"


@dataclass(frozen=True)
class Energy:
    """Energy in bins: x (B,) and its axis label, shares (N, B) with sum 1 in each row, those of white noise (B,).

    cumulative : whether a panel of sums shows them added up from the first bin.
    """

    x: np.ndarray
    axis: str
    shares: np.ndarray
    white: np.ndarray
    cumulative: bool = False

    def sums(self, shares: np.ndarray) -> np.ndarray:
        """What a panel of sums shows of shares (..., B)."""
        return shares.cumsum(axis=-1) if self.cumulative else shares

    @property
    def sums_at(self) -> np.ndarray:
        """Where it shows them, (B,): added up, at the upper end of each bin, half a cycle/image above its centre."""
        return self.x + (self.x[1] - self.x[0]) / 2 if self.cumulative else self.x

    @property
    def density(self) -> np.ndarray:
        """Shares over those of white noise, (N, B); NaN for a bin without a frequency."""
        white = np.broadcast_to(self.white, self.shares.shape)
        return np.divide(self.shares, white, out=np.full(self.shares.shape, np.nan), where=white > 0)


def radial(
    seeds: Sequence[Spectra] | Sequence[Predictor],
    energies: Sequence[np.ndarray] | None = None,
    *,
    cumulative: bool = False,
) -> Energy:
    """The energy over radial frequency of all seeds, one or more; energies : (N, R) of each, if not that of Spectra."""
    first = seeds[0]
    cells = radial_cells(*first.image_size)
    energies = [seed.radial_energy for seed in seeds] if energies is None else energies
    return Energy(first.radial_frequency, RADIAL, fractions(energies), cells / cells.sum(), cumulative)


def angular(seeds: Sequence[Spectra]) -> Energy:
    """The energy over angle of all seeds, one or more."""
    first = seeds[0]
    cells = angular_cells(*first.image_size, bins=len(first.angle))
    return Energy(first.angle, ANGULAR, fractions([seed.angular_energy for seed in seeds]), cells / cells.sum())


def fractions(energies: Sequence[np.ndarray]) -> np.ndarray:
    """Energy distributions (N, B), each normalised to sum 1, of a list of arrays, one for each seed.

    Rows without any energy have no distribution; they are left out.
    """
    rows = np.concatenate([np.zeros((0, energies[0].shape[1])), *energies])
    total = rows.sum(axis=1)
    return rows[total > 0] / total[total > 0, None]


def plot(sums: Axes, densities: Axes, energy: Energy, *, band: bool = True, **line) -> None:
    """Draw the mean over images of sums in one panel and of densities in the other, and the bands between quartiles."""
    panels = ((sums, energy.sums_at, energy.sums(energy.shares)), (densities, energy.x, energy.density))
    for axes, x, rows in panels:
        if not len(rows):
            continue
        if band:
            low, high = np.quantile(rows, [0.25, 0.75], axis=0)
            label = f"_{line.get('label', '')}"
            axes.fill_between(x, low, high, color=line["color"], alpha=0.15, linewidth=0, label=label)
        axes.plot(x, rows.mean(axis=0), **line)


def finish(sums: Axes, densities: Axes, energies: Sequence[Energy], *, of: str = "") -> None:
    """Label a panel of sums and one of densities, and draw white noise into both; energies : those in them, all alike.

    of : what they are of, for the labels.
    """
    share = "share up to $k_r$" if energies and energies[0].cumulative else "share of energy"
    for axes, name in ((sums, f"{share}{of}"), (densities, f"density{of}")):
        axes.set_ylabel(name)
        axes.margins(x=0)
        if energies:
            axes.set_xlabel(energies[0].axis)
            if energies[0].axis == ANGULAR:
                axes.set(xticks=range(0, 181, 45), xlim=(0, 180))
    if not energies:
        return
    sums.plot(energies[0].sums_at, energies[0].sums(energies[0].white), **WHITE)
    sums.set_ylim(bottom=0)
    densities.axhline(1, **WHITE)
    means = np.concatenate([energy.density.mean(axis=0) for energy in energies if len(energy.shares)] or [np.ones(1)])
    positive = means[means > 0]
    top = max(positive.max(initial=1.0), 1.0)
    densities.set_yscale("log")
    densities.set_ylim(max(0.7 * positive.min(initial=1.0), top / 10**DECADES), 1.6 * top)
    plain_ticks(densities.yaxis)


def white_noise(spectra: Spectra) -> float:
    """f₀.₅ of white noise for images of the size of these spectra, cycles/image."""
    return white_noise_frequency(*spectra.image_size)


def legend_handle() -> Line2D:
    """The entry of white noise in a legend."""
    return Line2D([], [], **WHITE)
