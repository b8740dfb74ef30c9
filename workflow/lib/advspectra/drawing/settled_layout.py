"""An arrangement of a figure's parts that comes out the same, byte by byte, each time that the figure is drawn."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.transforms import Bbox, BboxBase


class SettledLayout(ConstrainedLayoutEngine):
    """Matplotlib's constrained layout, at places of a millionth of the figure's size.

    The last digits of its places, such as -7e-16 for 0, have differed between two runs of one study on one machine, so
    that a PDF said 0 in one of them and -0 in the other. Why they did is not known.
    """

    def execute(self, fig: Figure):
        places = super().execute(fig)
        for part in fig.findobj(SubFigure):
            part.bbox_relative.set_points(_settled(part.bbox_relative))
        for axes in fig.findobj(Axes):
            arranged = axes.get_in_layout()
            axes.set_position(Bbox(_settled(axes.get_position(original=True))), which="original")
            axes.set_in_layout(arranged)  # set_position takes it out of the next arrangement
        return places


def _settled(box: BboxBase) -> np.ndarray:
    return np.round(box.get_points(), 6) + 0.0  # and no -0
