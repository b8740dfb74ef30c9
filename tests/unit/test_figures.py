"""Figures: what is drawn for which network, and that a study without data still gets a figure and a caption."""

import importlib
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure
from synthetic_results import identity, write_run, write_spectra

from advspectra import plotting
from advspectra.example import choose_image
from advspectra.results import NAMES, by_network, read_runs

FIGURES = ("fig04", "fig05", "fig08", "fig09", "fig10", "fig11")


def module(name):
    return importlib.import_module(f"advspectra.figures.{name}")


def draw(name, runs, convention="paper"):
    """Draw a figure with the runs that it asks for."""
    inputs = module(name).INPUTS
    chosen = [
        run
        for run in runs
        if (inputs["activations"] is None or run.activation in inputs["activations"])
        and (inputs["alphas"] is None or run.alpha in inputs["alphas"])
    ]
    figure, caption = module(name).draw(chosen, convention=convention)
    assert isinstance(figure, Figure)
    return figure, caption


def texts(figure):
    """Return every text of a figure that is not empty."""
    return [text.get_text() for text in figure.findobj(match=lambda one: hasattr(one, "get_text")) if text.get_text()]


def spectra_panels(figure):
    return [axes for axes in figure.findobj(match=lambda one: hasattr(one, "images")) if _is_spectrum(axes)]


def _is_spectrum(axes):
    return any(isinstance(image.norm, LogNorm) for image in axes.images)


@pytest.fixture(scope="module")
def study():
    """A small study: three linear networks (one deep), three nonlinear (one unknown to the paper), three alphas."""
    keys = [
        dict(network="fully_connected"), dict(network="full_width"), dict(network="fully_connected", depth=3),
        dict(network="full_width", alpha=0.1), dict(network="full_width", alpha=10),
        dict(network="bounded_width_32", activation="relu"), dict(network="vgg19", activation="relu", depth=16),
        dict(network="toy_net", activation="relu"), dict(network="toy_net", activation="relu", seed=1),
    ]  # fmt: skip
    with TemporaryDirectory() as folder:
        paths = [
            path
            for key in keys
            for path in write_run(Path(folder), who=identity(**key), images=6, size=8, centre=2, failed=[0])
        ]
        yield read_runs(paths)


@pytest.mark.parametrize("name", FIGURES)
def test_a_study_without_runs_gets_a_figure_that_says_so(name):
    figure, caption = draw(name, [])
    assert any("No" in text and "study" in text for text in texts(figure))
    assert caption


@pytest.mark.parametrize(("name", "count"), [("fig04", 3), ("fig08", 6), ("fig09", 3), ("fig10", 3), ("fig11", 3)])
def test_every_network_has_its_spectrum(study, name, count):
    assert len(spectra_panels(draw(name, study)[0])) == count


@pytest.mark.parametrize("name", ["fig04", "fig10"])
def test_a_network_unknown_to_the_paper_is_drawn_under_its_name(study, name):
    assert "toy net" in texts(draw(name, study)[0])


def test_captions_state_images_seeds_convention_and_what_is_missing(study):
    _, caption = draw("fig10", study, convention="rgb")
    assert "n = 5 to 10 successfully attacked test images of 6 to 12" in caption and "1 to 2 seeds" in caption
    assert "Convention rgb" in caption
    assert "Not in this study: Fully Connected (ReLU), Locally Connected (ReLU)" in caption
    assert "VGG19" not in caption.split("Not in this study")[1]
    _, caption = draw("fig08", study)
    assert "Deep Fully Connected" not in caption.split("Not in this study")[1]


def test_the_example_is_the_first_image_attacked_with_success_in_the_most_networks(tmp_path):
    paths = write_run(tmp_path, who=identity(network="full_width"), images=5, failed=[0, 1])
    paths += write_run(tmp_path, who=identity(network="fully_connected"), images=5, failed=[2])
    paths += write_run(tmp_path, who=identity(network="toy"), images=5, failed=[0, 1, 3])
    # image 3 i is row i; successes: rows 0 1 2 3 4 -> 1 1 2 2 3
    assert choose_image(by_network(read_runs(paths))) == 12
    assert choose_image([]) is None


def test_the_band_of_figure_11_and_its_columns_are_the_alphas_of_the_study(study):
    figure, caption = draw("fig11", study)
    shown = texts(figure)
    assert [rf"$\alpha$ = {alpha}" in shown for alpha in ("0.1", "1", "10")] == [True] * 3
    assert "(b) nonlinear: no network with several α" in caption


def test_an_alpha_that_a_network_lacks_is_an_empty_panel(tmp_path):
    paths = []
    for network, alphas in {"full_width": (0.1, 1, 10), "locally_connected": (1, 10)}.items():
        for alpha in alphas:
            paths += write_run(
                tmp_path, who=identity(network=network, alpha=alpha), images=3, size=8, kinds=["spectra"]
            )
    figure, _ = draw("fig11", read_runs(paths))
    assert texts(figure).count(plotting.ABSENT) == 1 and len(spectra_panels(figure)) == 5


@pytest.mark.parametrize("name", ["fig04", "fig05", "fig08", "fig09", "fig10"])
def test_a_network_without_a_successful_attack_is_named_and_does_not_stop_the_others(tmp_path, name):
    activation = "relu" if name in ("fig04", "fig10") else "linear"
    paths = write_run(tmp_path, who=identity(activation=activation), images=3, size=8, failed=[0, 1, 2])
    paths += write_run(tmp_path, who=identity("full_width", activation), images=3, size=8)
    _, caption = draw(name, read_runs(paths))
    assert "No successful attack: Fully Connected" in caption


@pytest.mark.parametrize("name", FIGURES)
def test_a_study_with_no_successful_attack_at_all_is_drawn(tmp_path, name):
    paths = []
    for alpha in (1, 10):
        for activation in ("linear", "relu"):
            who = identity(activation=activation, alpha=alpha)
            paths += write_run(tmp_path, who=who, images=2, size=8, failed=[0, 1])
    figure, caption = draw(name, read_runs(paths))
    figure.draw_without_rendering()
    assert "No successful attack" in caption


def test_curves_are_the_mean_of_distributions_that_sum_to_one(tmp_path):
    # one bin each: an image with its power at k_x = 1, one with 3 times as much power at k_x = 2
    power = np.zeros((2, 1, 8, 8))
    power[0, 0, 4, 5], power[1, 0, 4, 6] = 1, 3
    path = write_spectra(tmp_path / "a.h5", identity(network="toy"), power=power)
    (group,) = by_network(read_runs([path]))
    axes = Figure().subplots()
    spectra = group.spectra("paper")
    plotting.plot_energy(axes, spectra[0].radial_frequency, [one.radial_energy for one in spectra], group)
    (line,) = axes.lines
    assert line.get_ydata()[:4].tolist() == [0, 0.5, 0.5, 0]


def test_mean_power_over_seeds_weighs_each_image_the_same(tmp_path):
    one = write_spectra(tmp_path / "a.h5", identity(), power=np.full((1, 1, 4, 4), 5.0))
    three = write_spectra(tmp_path / "b.h5", identity(seed=1), power=np.full((3, 1, 4, 4), 1.0))
    (group,) = by_network(read_runs([one, three]))
    np.testing.assert_allclose(plotting.mean_power(group, "paper"), np.full((4, 4), 2.0))


def test_a_spectrum_is_drawn_at_its_frequencies_zero_in_the_centre():
    power = np.zeros((6, 8))
    axes = Figure().subplots()
    image = plotting.show_power(axes, power, np.arange(6) - 3, np.arange(8) - 4, plotting.power_norm([power + 1]))
    # pixel (row 3, column 4) holds zero frequency: its centre must lie at (0, 0)
    left, right, bottom, top = image.get_extent()
    assert left + 4.5 * (right - left) / 8 == 0 and top + 3.5 * (bottom - top) / 6 == 0


def test_colours_of_networks_differ_and_do_not_depend_on_the_figure():
    colours = [to_rgb(plotting.colour(name)) for name in (*NAMES, "toy_net", "transformer")]
    assert len(set(colours)) == len(colours)
    assert plotting.colour("toy_net") == plotting.colour("toy_net")


def test_bars_are_the_mean_norms(tmp_path):
    power = np.ones((2, 1, 4, 4))
    who = identity(network="full_width")
    path = write_spectra(tmp_path / "a.h5", who, power=power, norms=(np.array([10.0, 20.0]), np.array([1.0, 3.0])))
    figure, _ = draw("fig05", read_runs([path]))
    widths = [[bar.get_width() for bar in axes.patches] for axes in figure.axes]
    assert widths == [[15], [2], [], []]


@pytest.mark.parametrize("name", ["fig04", "fig11"])
def test_the_same_results_give_the_same_bytes(study, tmp_path, name):
    written = []
    for number in range(2):
        figure, _ = draw(name, study)
        path = tmp_path / f"{number}.pdf"
        figure.savefig(path, metadata={"CreationDate": None})
        written.append(path.read_bytes())
    assert written[0] == written[1]


@pytest.mark.parametrize("name", ["fig05", "fig08", "fig09", "fig11"])
def test_no_text_is_smaller_than_seven_points_and_none_lies_outside(study, name):
    figure, _ = draw(name, study)
    figure.draw_without_rendering()
    frame = figure.bbox
    for text in figure.findobj(match=lambda one: hasattr(one, "get_fontsize")):
        if text.get_text() and text.get_visible():
            assert text.get_fontsize() >= 7
    inside = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    assert (
        inside.x0 > frame.x0 - 3 and inside.x1 < frame.x1 + 3 and inside.y0 > frame.y0 - 3 and inside.y1 < frame.y1 + 3
    )
