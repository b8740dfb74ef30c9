"""Places of a figure's parts: rounded, and else those of Matplotlib's constrained layout."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.transforms import Bbox

from advspectra.drawing.settled_layout import SettledLayout


def two_rows(layout):
    """Return a figure with labels of several lengths, in two parts of unequal height."""
    figure = Figure(figsize=(7, 9), layout=layout)
    for row, part in enumerate(figure.subfigures(2, 1, height_ratios=[1.45, 1])):
        for column, axes in enumerate(part.subplots(2, 3).flat):
            axes.set_ylabel("label " * (1 + row))
            axes.set_title("title " * column)
            axes.imshow(np.eye(3))
    return figure


def test_places_that_differ_in_their_last_digits_give_the_same_bytes(tmp_path, monkeypatch):
    arrange = ConstrainedLayoutEngine.execute

    def drawn(layout, by):
        def shaken(self, figure):
            """As in another run."""
            places = arrange(self, figure)
            for part in figure.findobj(SubFigure):
                part.bbox_relative.set_points(part.bbox_relative.get_points() + by)
            for axes in figure.findobj(Axes):
                axes._set_position(Bbox(axes.get_position(original=True).get_points() + by), which="original")
            return places

        monkeypatch.setattr(ConstrainedLayoutEngine, "execute", shaken)
        two_rows(layout()).savefig(tmp_path / "a.pdf", metadata={"CreationDate": None})
        return (tmp_path / "a.pdf").read_bytes()

    assert drawn(ConstrainedLayoutEngine, 1e-15) != drawn(ConstrainedLayoutEngine, -1e-15)
    assert drawn(SettledLayout, 1e-15) == drawn(SettledLayout, -1e-15)


def test_settled_places_are_those_of_the_arrangement():
    places = []
    for layout in (SettledLayout, ConstrainedLayoutEngine):
        figure = two_rows(layout())
        figure.draw_without_rendering()
        places.append([axes.get_position().extents for axes in figure.findobj(Axes)])
    assert len(places[0]) > 10
    np.testing.assert_allclose(*places, atol=2e-6)
