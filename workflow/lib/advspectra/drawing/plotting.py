"""Drawing shared by the figures: style, colours of networks, images.

A colour and a style of lines stand for one network in every figure; deep variants have markers.
Figures of a single network have the colours of ROLES, for what they tell apart.
Figures are made without pyplot, so that nothing is left open and nothing depends on the user's settings.
"""

import colorsys
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from zlib import crc32

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from advspectra.drawing.drawn import COLOURS as CHANNELS
from advspectra.drawing.drawn import ROW, stands_for
from advspectra.drawing.settled_layout import SettledLayout
from advspectra.networks.identity import NetworkIdentity
from advspectra.results.replicates import Replicates

STYLE = Path(__file__).with_name("paper.mplstyle")
WIDTH = 7.2  # inches, a page with two columns
COLUMNS = 7  # of a grid with a column for each network, at the least: panels of few networks stay as small

# Okabe and Ito's colours, told apart with any colour vision; their yellow, too light for lines, gives way to wine
COLOURS = {
    "fully_connected": "#0072B2",
    "locally_connected": "#E69F00",
    "full_width": "#009E73",
    "bounded_width_3": "#56B4E9",
    "bounded_width_32": "#CC79A7",
    "shallow_resnet": "#D55E00",
    "vgg19": "#000000",
    "resnet18": "#882255",
}
# what is no network: the ends of lines, an attack on each checkpoint itself, a transferred attack, accuracy
ROLES = {
    "adversarial": "#CC3311",
    "random": "#888888",
    "boundary": "#332288",
    "transfer": "#8C510A",
    "accuracy": "#222222",
}
# networks are told apart without colour, too
DASHES = {
    "fully_connected": "solid",
    "locally_connected": (0, (4, 1.5)),
    "full_width": (0, (1, 0.8)),
    "bounded_width_3": (0, (1, 1.5, 1, 1.5, 5, 1.5)),
    "bounded_width_32": (0, (7, 1, 1, 1)),
    "shallow_resnet": (0, (2, 2)),
    "vgg19": (0, (9, 2)),
    "resnet18": "solid",
}
ABSENT = "not in\nthis study"
UNSUCCESSFUL = "no successful\nattack"


@contextmanager
def style():
    """Use the paper's style inside the block, whatever the user's own settings are."""
    with matplotlib.rc_context(fname=STYLE):
        yield


def colour(network: str) -> str | tuple[float, float, float]:
    """The colour of a network; one unknown to the paper gets a colour from its name, in all figures the same."""
    if network in COLOURS:
        return COLOURS[network]
    code = crc32(network.encode())
    return colorsys.hls_to_rgb((code % 360) / 360, 0.35 if code // 360 % 2 else 0.55, 0.6)


def line_look(network: NetworkIdentity) -> dict:
    """Colour, style and marker of a network's lines, and the network as their label."""
    marked = {"marker": "o", "markersize": 2.5} if network.deep_variant else {}
    width = {"linewidth": 2} if network.network == "resnet18" else {}
    look = {"color": colour(network.network), "linestyle": DASHES.get(network.network, "solid")}
    return look | marked | width | {"label": network.label}


def short_name(network: NetworkIdentity) -> str:
    """A network's short label on one line."""
    return network.short_label.replace("\n", " ")


def new_figure(height: float) -> Figure:
    """An empty figure of the page's width whose parts are arranged without overlaps; height in inches."""
    return Figure(figsize=(WIDTH, height), layout=SettledLayout())


def message_figure(message: str) -> Figure:
    """A figure that holds nothing but a sentence, for a study without the networks of a figure."""
    figure = new_figure(1.5)
    message_panel(figure.subplots(), message)
    return figure


def network_panels(figure, groups: Sequence[Replicates], *, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """A column of panels (rows,) for an image, empty as yet, and a grid (rows, networks) with their names above."""
    panels = figure.subplots(rows, 1 + max(len(groups), COLUMNS), squeeze=False)
    for axes in (*panels[:, 0], *panels[:, 1 + len(groups) :].flat):
        axes.set_axis_off()
    for axes, group in zip(panels[0, 1:], groups, strict=False):
        axes.set_title(group.first.short_label.replace("deep ", "deep\n"))
    return panels[:, 0], panels[:, 1 : 1 + len(groups)]


def message_panel(axes: Axes, message: str) -> None:
    """Leave the panel empty but for a message."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, message, ha="center", va="center", color="0.4", transform=axes.transAxes)


def legend(parent, groups: Sequence[Replicates], further: Sequence[Line2D] = (), **where) -> None:
    """Draw a legend of the networks' colours and line styles, and of `further` lines, on `parent`."""
    lines = [Line2D([], [], **line_look(group.first)) for group in groups]
    names = [short_name(group.first) for group in groups]
    names += [line.get_label() for line in further]
    parent.legend([*lines, *further], names, handlelength=2.6, **where)


def plain_ticks(axis: Axis) -> None:
    """Give a logarithmic axis plain numbers at 1, 2 and 5 times the powers of ten, or at 1 and 3 times where more would
    touch, if the powers alone are too few.
    """
    low, high = axis.get_view_interval()
    if high < 300 * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 50 * low else (1, 3)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())


def show_image(
    axes: Axes, values: np.ndarray, *, limit: float, grey: float = 0, label: str = "", value_is: str = "pixel range"
) -> None:
    """Draw pixel values (C, H, W): `grey` is grey, `limit` above and below it are the ends of each channel.

    Three channels are shown as RGB, any other number as the mean over channels. label and value_is : of the image, as
    in drawn.py.
    """
    values = np.asarray(values, dtype=np.float64)
    scaled = 0.5 + (values - grey) / (2 * limit if limit > 0 else 1)
    if len(scaled) == 3:
        shown = axes.imshow(np.clip(scaled.transpose(1, 2, 0), 0, 1), label=label, rasterized=True)
        stands_for(shown, **dict(zip(CHANNELS, values, strict=True)))
    else:
        shown = axes.imshow(scaled.mean(axis=0), cmap="gray", vmin=0, vmax=1, label=label, rasterized=True)
        stands_for(shown, value=values.mean(axis=0))
    stands_for(shown, x_axis="pixel column", y_axis="pixel row", value_is=value_is)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)


def seed_dots(axes: Axes, x: Sequence[float], y: Sequence[float], seeds: Iterable[int], *, label: str, **look) -> None:
    """Draw a dot for each of the seeds; label : of them all, to which drawn.py adds the seed."""
    shown = axes.plot(x, y, marker="o", linestyle="none", label=label, **look)
    stands_for(*shown, series=[f"{label}, seed {seed}" for seed in seeds])


def row_label(axes: Axes, text: str, *, distance: float = 34) -> None:
    """Write the name of a row of panels at the left of its first panel; distance : in points."""
    axes.annotate(
        text,
        xy=(0, 0.5),
        xytext=(-distance, 0),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        va="center",
        annotation_clip=False,
        label=ROW,
    )
