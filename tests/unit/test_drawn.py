"""The table of what a figure shows: the numbers that were drawn, each with its panel, axes and series."""

import csv
import io

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from advspectra.drawing import plotting
from advspectra.drawing.drawn import COLUMNS, DECORATION, blocks, plain, stands_for, table

KINDS = {"line", "points", "band", "bar", "histogram", "image", "text"}


def require_named(figure):
    """Demand that the table of a figure reads every artist, says what it is, and is free of TeX."""
    shown = list(blocks(figure))
    for block in shown:
        where = f"panel {block['panel']} ({block['panel_title']}): {block['kind']} {block['series']!r}"
        assert block["kind"] in KINDS, f"{where}: advspectra/drawing/artists.py cannot read it"
        if block["kind"] != "text" or "x" in block:
            assert block["series"], f"{where} has no name: give the artist a label, see advspectra/drawing/drawn.py"
        texts = "".join(value for value in block.values() if isinstance(value, str))
        assert not set("$\\{}") & set(texts), f"{where}: {texts}"
    assert shown


def rows(figure):
    """The rows of a figure's table, without what is blank; numbers as such."""
    found = list(csv.reader(io.StringIO(table(figure))))
    assert tuple(found[0]) == COLUMNS and len(found[0]) == len(set(found[0]))
    return [{name: number(cell) for name, cell in zip(COLUMNS, row, strict=True) if cell} for row in found[1:]]


def number(cell):
    try:
        return float(cell)
    except ValueError:
        return cell


def one_panel():
    figure = Figure()
    return figure, figure.subplots()


def test_a_line_is_its_points_on_a_logarithmic_axis_and_without_those_that_are_drawn_nowhere():
    figure, axes = one_panel()
    axes.plot([1, 10, 100, 1000], [0.5, np.nan, 0.25, 1 / 3], label="ResNet18")
    axes.set(xscale="log", title="(a)", xlabel="training step", ylabel=r"$\|\hat{\delta}\|_2$ (pixel range)")
    head = {"panel": 1, "panel_title": "(a)", "x_axis": "training step", "y_axis": "‖δ̂‖₂ (pixel range)"}
    assert rows(figure) == [
        head | {"series": "ResNet18", "kind": "line", "x": x, "y": y}
        for x, y in ((1, 0.5), (100, 0.25), (1000, 0.3333333))
    ]


def test_each_kind_of_artist_has_the_numbers_that_it_was_drawn_from():
    figure, axes = one_panel()
    axes.fill_between([1, 2, 3], [0, 1, 2], [5, 6, 7], label="_quartiles")
    axes.plot([4], [8], marker="o", linestyle="none", label="_a seed")
    axes.axhline(2.5, label="white noise")
    axes.axvspan(6, 10, label="where they differ")
    axes.barh(3, 20, xerr=2, height=0.5, label="full width")
    axes.errorbar(7, 9, yerr=0.5, marker="D", label="the paper")
    axes.stairs([0.25, 0.75], [1, 10, 100], label="random")
    axes.text(1.5, 2.5, r"$\alpha$ = 3", label="of a network")
    drawn = {}
    for row in rows(figure):
        numbers = {name: row[name] for name in ("x", "y", "low", "high", "text") if name in row}
        drawn.setdefault((row["series"], row["kind"]), []).append(numbers)
    assert drawn == {
        ("quartiles", "band"): [{"x": x, "low": x - 1, "high": x + 4} for x in (1, 2, 3)],
        ("a seed", "points"): [{"x": 4, "y": 8}],
        ("white noise", "line"): [{"y": 2.5}],
        ("where they differ", "band"): [{"x": 6}, {"x": 10}],
        ("full width", "bar"): [{"x": 20, "y": 3, "low": 18, "high": 22}],
        ("the paper", "points"): [{"x": 7, "y": 9, "low": 8.5, "high": 9.5}],
        ("random", "histogram"): [{"y": 0.25, "low": 1, "high": 10}, {"y": 0.75, "low": 10, "high": 100}],
        ("of a network", "text"): [{"x": 1.5, "y": 2.5, "text": "α = 3"}],
    }


def test_an_image_has_a_row_for_each_pixel_at_its_place_in_the_units_of_the_axes_and_says_what_its_colour_is():
    figure, axes = one_panel()
    image = axes.imshow([[1, 2, 3], [4, 5, 6]], extent=(-1.5, 1.5, 1, -1), label="VGG19")
    figure.colorbar(image, ax=axes, label=r"$|\hat{\delta}|^2$")
    found = rows(figure)
    assert {(row["panel"], row["kind"], row["series"], row["value_is"]) for row in found} == {
        (1, "image", "VGG19", "|δ̂|²")
    }
    pixels = {(row["x"], row["y"]): row["value"] for row in found}
    assert pixels == {(-1, -0.5): 1, (0, -0.5): 2, (1, -0.5): 3, (-1, 0.5): 4, (0, 0.5): 5, (1, 0.5): 6}
    upwards = one_panel()
    upwards[1].imshow([[1, 2], [3, 4]], origin="lower")
    assert {(row["x"], row["y"]): row["value"] for row in rows(upwards[0])} == {
        (0, 0): 1,
        (1, 0): 2,
        (0, 1): 3,
        (1, 1): 4,
    }


def test_a_large_image_has_the_means_of_blocks_of_pixels_and_so_has_what_it_stands_for():
    figure, axes = one_panel()
    image = axes.imshow(np.arange(130.0)[:, None] + np.zeros(4), label="VGG19")
    found = rows(figure)
    # 130 pixels in groups of 3, the last of 1; 4 pixels stay
    assert len(found) == 44 * 4 and {row["x"] for row in found} == {0, 1, 2, 3}
    assert [(row["y"], row["value"]) for row in found[:8:4] + found[-1:]] == [(1, 1), (4, 4), (129, 129)]
    stands_for(image, value=np.full((130, 4), 7.0))
    assert {row["value"] for row in rows(figure)} == {7}


def test_points_whose_colour_tells_a_number_have_it():
    figure, axes = one_panel()
    shown = axes.scatter([1, 2], [3, 4], c=[0.5, 8], label="dots")
    figure.colorbar(shown, ax=axes, label="$k_r$")
    assert [(row["x"], row["y"], row["value"], row["value_is"]) for row in rows(figure)] == [
        (1, 3, 0.5, "k_r"),
        (2, 4, 8, "k_r"),
    ]


def test_panels_are_numbered_in_reading_order_and_take_titles_and_axes_from_their_row_and_column():
    figure = Figure()
    left, right = figure.subfigures(1, 2)
    panels = left.subfigures(2, 1)[1].subplots(2, 2)
    for axes in panels.flat:
        axes.plot([0, 1], [0, 1], label="line")
    for axes, name in zip(panels[0], ("f", "flatness"), strict=True):
        axes.set_title(name)
    panels[0, 1].set_title("(b)", loc="left")
    panels[1, 0].set(xlabel="step", ylabel="share")
    plotting.row_label(panels[1, 0], "ResNet18\nReLU")
    empty, last = right.subplots(2)
    last.plot([0, 1], [0, 1], label="line")
    right.supxlabel("$k_r$")
    found = {row["panel"]: [row.get(name, "") for name in ("panel_title", "x_axis", "y_axis")] for row in rows(figure)}
    assert found == {
        1: ["f", "step", ""],
        2: ["(b) flatness", "", ""],
        3: ["ResNet18 ReLU, f", "step", "share"],
        4: ["ResNet18 ReLU, flatness", "", "share"],
        5: ["", "k_r", ""],
    }


def test_what_shows_no_data_is_left_out():
    figure, axes = one_panel()
    axes.plot([0], [0], label=DECORATION)
    axes.plot([0.5], [0.5], transform=axes.transAxes, label="a mark")
    axes.plot([0, 1], [0, 1], label="hidden")[0].set_visible(False)
    axes.legend(handles=[Line2D([], [], label="in the legend")])
    assert rows(figure) == []
    axes.plot([0, 1], [0, 1], label="there")
    assert [row["series"] for row in rows(figure)] == ["there", "there"]
    axes.set_visible(False)
    assert rows(figure) == []


def test_what_an_artist_stands_for_replaces_what_is_drawn():
    figure, axes = one_panel()
    perturbation = np.array([[[-0.03, 0.03]], [[0, 0.01]], [[0.02, 0]]])
    plotting.show_image(axes, perturbation, limit=0.03, label="δ")
    stands_for(*axes.plot(7, 2, marker="o", label="off the scale"), x=12)
    stands_for(axes, y_axis=r"$\alpha$")
    first, second, point = sorted(rows(figure), key=lambda row: row["kind"])
    assert (first["red"], first["green"], first["blue"]) == (-0.03, 0, 0.02)
    assert (second["x"], second["red"], second["green"], second["value_is"]) == (1, 0.03, 0.01, "pixel range")
    assert (point["x"], point["y"], point["y_axis"]) == (12, 2, "α")
    stands_for(*axes.plot([1, 2], [5, 5], marker="o", label="seeds"), series=["seed 0", "seed 4"])
    assert [(row["x"], row["series"]) for row in rows(figure) if row.get("y") == 5] == [(1, "seed 0"), (2, "seed 4")]
    grey = one_panel()
    plotting.show_image(grey[1], np.array([[[0.25, -0.5]]]), limit=0.5)
    assert [row["value"] for row in rows(grey[0])] == [0.25, -0.5]


def test_an_artist_that_the_table_cannot_read_or_that_has_no_name_is_seen():
    figure, axes = one_panel()
    axes.pcolormesh(np.ones((2, 2)), label="a mesh")
    assert [(row["series"], row["kind"]) for row in rows(figure)] == [("a mesh", QuadMesh.__name__)]
    with pytest.raises(AssertionError, match="'a mesh': advspectra/drawing/artists.py cannot read it"):
        require_named(figure)
    figure, axes = one_panel()
    axes.plot([0, 1], [0, 1])
    assert [row.get("series", "") for row in rows(figure)] == ["", ""]
    with pytest.raises(AssertionError, match=r"panel 1 \(\): line '' has no name"):
        require_named(figure)


def test_the_same_figure_gives_the_same_bytes_and_no_negative_zero():
    def made():
        figure, axes = one_panel()
        axes.plot([-0.0, 1e-12, 123456789.0], [1 / 3, 2, 3], label="line")
        return table(figure)

    assert made() == made()
    assert [line.split(",")[6] for line in made().splitlines()[1:]] == ["0", "1e-12", "1.234568e+08"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"adversarial, $x \to x_a$", "adversarial, x → x_a"),
        (r"$|\hat{\beta}_\mathrm{before}|$ / mean", "|β̂_before| / mean"),
        (r"$\|\delta\|_\infty$ (pixel range)", "‖δ‖∞ (pixel range)"),
        ("$f_{0.5}$\n(cycles/image)", "f₀.₅ (cycles/image)"),
        (r"angle $k_\phi$ (degrees)", "angle k_φ (degrees)"),
        ("costs $5", "costs $5"),
    ],
)
def test_labels_are_plain_text(text, expected):
    assert plain(text) == expected
