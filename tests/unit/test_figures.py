"""Figures: what is drawn for which network, and that a study without data still gets a figure and a caption."""

import importlib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure
from synthetic_results import (
    STATES,
    identity,
    random_line,
    write_checkpoints,
    write_development,
    write_images,
    write_lines,
    write_run,
    write_spectra,
)
from test_drawn import require_named

from advspectra import fourier
from advspectra.drawing import captions, energy, learning_curves, plotting, power_spectra
from advspectra.drawing.example import choose_image, examples_of
from advspectra.networks.identity import NAMES
from advspectra.results.replicates import by_network
from advspectra.results.runs import read_runs

FIGURES = ("fig04", "fig05", "fig08", "fig09", "fig10", "fig11")
# drawn for one network each, from one attack or from the lines of one
OF_ATTACK, OF_LINES = ("fig02", "fig03", "development", "filmstrip"), ("fig01", "fig06", "fig07")
# beside the paper's, of a whole study
FURTHER = ("alpha_response", "band", "examples", "predictor_link")
REFERENCE = Path(__file__).resolve().parents[2] / "workflow/reference/paper.yaml"
FOLDER = TemporaryDirectory()


def module(name):
    return importlib.import_module(f"advspectra.figures.{name}")


@cache
def images():
    return write_images(Path(FOLDER.name) / "images.h5")


def also(name, **given):
    """What a figure asks for besides the results of runs."""
    values = {
        "images": images,
        "reference": lambda: REFERENCE,
        "dataset": lambda: {"name": "cifar10", "source": "cifar10"},
        "band": lambda: {"low": 1.6, "high": 3},
    }
    return {key: given.get(key) or values[key]() for key in module(name).INPUTS.get("also", ())}


def draw(name, runs, convention="paper", **given):
    """Draw a figure with the runs that it asks for."""
    inputs = module(name).INPUTS
    chosen = [
        run
        for run in runs
        if (inputs["activations"] is None or run.activation in inputs["activations"])
        and (inputs["alphas"] is None or run.alpha in inputs["alphas"])
    ]
    figure, caption = module(name).draw(chosen, convention=convention, **also(name, **given))
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


@pytest.mark.parametrize("name", (*FIGURES, *FURTHER, *OF_ATTACK, *OF_LINES))
def test_a_study_without_runs_gets_a_figure_that_says_so(name):
    figure, caption = draw(name, [])
    assert any("No" in text and "study" in text for text in texts(figure))
    assert caption


@pytest.fixture(scope="module")
def whole_study():
    """Every network that the paper names, and of a deep one the development of an attack, and lines, of long names."""
    depths = {"shallow_resnet": 2, "vgg19": 16, "resnet18": 17}
    networks = [("linear", *one) for one in captions.LINEAR] + [("relu", *one) for one in captions.NONLINEAR]
    keys = [
        dict(network=name, activation=activation, depth=depth or depths[name], alpha=alpha)
        for activation, name, depth in networks
        for alpha in ((1, 10) if name == "full_width" and depth == 1 else (1,))
    ]
    named = dict(who=identity(network="resnet18", activation="relu", depth=17), size=8, images=8)
    moved = named | {"attack": "final_pgd_recalibrated", "source": "pgd_snapshots_recalibrated"}
    with TemporaryDirectory() as folder:
        at = Path(folder)
        shallow = [file for key in keys for file in write_run(at, who=identity(**key), images=3, size=8, failed=[0])]
        of_attack = write_development(at / "attack", **named)
        of_attack += write_development(at / "attack", **moved, kinds=("perturbations", "spectra"))
        lines = write_development(at / "lines", **moved, kinds=("lines",))
        yield {"all": read_runs(shallow), "attack": read_runs(of_attack), "lines": read_runs(lines)}


@pytest.fixture(scope="module")
def drawn(whole_study):
    """The figure of a whole study, and its caption, by its name."""
    return cache(
        lambda name: draw(name, whole_study["attack" if name in OF_ATTACK else "lines" if name in OF_LINES else "all"])
    )


@pytest.mark.parametrize("name", (*FIGURES, *FURTHER, *OF_ATTACK, *OF_LINES))
def test_a_caption_of_a_whole_study_has_fewer_than_80_words(drawn, name):
    _, caption = drawn(name)
    assert len(caption.split()) < 80, caption


@pytest.mark.parametrize("name", (*FIGURES, *FURTHER, *OF_ATTACK, *OF_LINES))
def test_every_series_of_a_figure_has_a_name_in_its_table(drawn, name):
    require_named(drawn(name)[0])


def test_these_are_all_figures():
    # a new one belongs into one of the lists above, so that the tests of all figures draw it
    folder = Path(module("fig01").__file__).parent
    elsewhere = {"paper_against_ours", "recalibrated"}  # test_further_figures.py, test_recalibrated_figure.py
    found = {path.stem for path in folder.glob("[!_]*.py")}
    assert found == {*FIGURES, *FURTHER, *OF_ATTACK, *OF_LINES} | elsewhere


@pytest.mark.parametrize(("name", "count"), [("fig04", 4), ("fig08", 7), ("fig09", 3), ("fig10", 3), ("fig11", 3)])
def test_every_network_has_its_spectrum_and_so_has_the_image_beside_them(study, name, count):
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


def test_image_3_of_the_test_set_is_not_image_3_of_the_training_set(tmp_path):
    paths = []
    for name, images_of in (("full_width", "test"), ("fully_connected", "test"), ("toy", "training")):
        paths += write_run(tmp_path, who=identity(network=name) | {"images_of": images_of}, images=5)
    groups = by_network(read_runs(paths))
    found = examples_of(groups, choose_image(groups))
    assert {group.first.network: one and one.images_of for group, one in zip(groups, found, strict=True)} == {
        "full_width": "test",
        "fully_connected": "test",
        "toy": None,
    }


def test_energy_added_up_reaches_a_half_at_the_half_power_frequency(tmp_path):
    (run,) = read_runs(write_run(tmp_path, who=identity(), images=6))
    spectra = run.spectra("paper")
    added = energy.radial([spectra], cumulative=True)
    found = [np.interp(0.5, row, added.sums_at) for row in added.sums(added.shares)]
    assert found == pytest.approx(spectra.half_power_frequency.tolist())


def test_the_band_of_figure_11_and_its_columns_are_the_alphas_of_the_study(study):
    figure, caption = draw("fig11", study)
    shown = texts(figure)
    assert [rf"$\alpha$ = {alpha}" in shown for alpha in ("0.1", "1", "10")] == [True] * 3
    assert "No nonlinear network with several α" in caption


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
    sums, densities = Figure().subplots(2)
    of_toy = energy.radial(group.spectra("paper"))
    energy.plot(sums, densities, of_toy, **plotting.line_look(group.first))
    (line,) = sums.lines
    assert line.get_ydata()[:4].tolist() == [0, 0.5, 0.5, 0]
    # by hand: 8 of 64 frequencies round to the distance 1, 12 to the distance 2
    (line,) = densities.lines
    np.testing.assert_allclose(line.get_ydata()[:4], [0, 0.5 / (8 / 64), 0.5 / (12 / 64), 0])


def test_mean_power_over_seeds_weighs_each_image_the_same(tmp_path):
    one = write_spectra(tmp_path / "a.h5", identity(), power=np.full((1, 1, 4, 4), 5.0))
    three = write_spectra(tmp_path / "b.h5", identity(seed=1), power=np.full((3, 1, 4, 4), 1.0))
    (group,) = by_network(read_runs([one, three]))
    np.testing.assert_allclose(power_spectra.mean_power(group, "paper"), np.full((4, 4), 2.0))


def test_a_spectrum_is_drawn_at_its_frequencies_zero_in_the_centre():
    power = np.zeros((6, 8))
    axes = Figure().subplots()
    image = power_spectra.show_power(
        axes, power, np.arange(6) - 3, np.arange(8) - 4, power_spectra.power_norm([power + 1])
    )
    # pixel (row 3, column 4) holds zero frequency: its centre must lie at (0, 0)
    left, right, bottom, top = image.get_extent()
    assert left + 4.5 * (right - left) / 8 == 0 and top + 3.5 * (bottom - top) / 6 == 0


def test_colours_of_networks_differ_and_do_not_depend_on_the_figure():
    colours = [to_rgb(plotting.colour(name)) for name in (*NAMES, "toy_net", "transformer")]
    assert len(set(colours)) == len(colours)
    assert plotting.colour("toy_net") == pytest.approx((0.406, 0.28, 0.82))  # by its name, in every process


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


@pytest.mark.parametrize("name", ["fig05", "fig08", "fig09", "fig10", "fig11"])
def test_no_text_is_smaller_than_seven_points_and_none_lies_outside(study, name):
    require_readable(draw(name, study)[0])


@pytest.mark.parametrize(
    ("count", "grid"), [(1, (1, 4)), (2, (1, 4)), (5, (1, 5)), (6, (2, 3)), (7, (2, 4)), (10, (2, 5))]
)
def test_mean_spectra_leave_few_places_empty_and_their_titles_inside(tmp_path, count, grid):
    names = [*NAMES, "toy_net", "other_net"][:count]
    paths = [
        path
        for name in names
        for path in write_run(tmp_path, who=identity(name, "relu", 3), images=2, size=8, kinds=["spectra"])
    ]
    figure, _ = draw("fig10", read_runs(paths))
    panels = spectra_panels(figure)
    assert len(panels) == count and panels[0].get_subplotspec().get_gridspec().get_geometry() == grid
    require_readable(figure)
    for one in panels:
        title = one.title.get_window_extent()
        assert title.y1 < figure.bbox.y1 - 1
        above = [other for other in panels if other is not one and other.get_position().y0 > one.get_position().y1]
        assert all(other.get_tightbbox().y0 > title.y1 for other in above)
        assert one.get_position().width == pytest.approx(panels[0].get_position().width, rel=0.01)


def require_readable(figure):
    """Demand that no text is smaller than 7 points, and that nothing lies outside the figure."""
    figure.draw_without_rendering()
    frame = figure.bbox
    for text in figure.findobj(match=lambda one: hasattr(one, "get_fontsize")):
        if text.get_text() and text.get_visible():
            assert text.get_fontsize() >= 7
    inside = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    assert (
        inside.x0 > frame.x0 - 3 and inside.x1 < frame.x1 + 3 and inside.y0 > frame.y0 - 3 and inside.y1 < frame.y1 + 3
    )


@pytest.fixture(scope="module")
def development(tmp_path_factory):
    """The files of one network: checkpoints, an attack on ten states, a transfer of it, lines of the transfer."""
    folder = tmp_path_factory.mktemp("development")
    who = identity("resnet18", "relu", 17)
    paths = [write_checkpoints(folder / "checkpoints.h5", who, 0.8, 0.01, epochs=20, states=STATES)]
    paths += write_development(folder, who=who, size=8, kinds=("perturbations", "spectra"))
    return paths + write_development(folder, who=who, size=8, attack="moved", source="pgd")


def needed(name, paths):
    """Return those of the files that a figure asks for."""
    lines_only = module(name).INPUTS["per"] == "lines"
    return [path for path in paths if path.name == "lines.h5" or not lines_only]


def curves(axes):
    """Return the curves of a panel by label: x, y."""
    return {
        line.get_label(): tuple(np.asarray(values).tolist() for values in line.get_data())
        for line in axes.lines
        if not line.get_label().startswith("_")
    }


def panel(figure, letter):
    """Return the panel with the title "(letter) ..."."""
    panels = figure.findobj(match=lambda one: hasattr(one, "get_title") and hasattr(one, "lines"))
    (found,) = [axes for axes in panels if axes.get_title(loc="left").startswith(f"({letter})")]
    return found


@pytest.mark.parametrize("name", (*OF_ATTACK, *OF_LINES))
def test_a_development_is_drawn_readably(development, name):
    require_readable(draw(name, read_runs(needed(name, development)))[0])


@pytest.mark.parametrize("name", (*OF_ATTACK, *OF_LINES))
def test_a_figure_of_one_network_refuses_several(tmp_path, name):
    kinds = ("lines",) if name in OF_LINES else ("perturbations",)
    paths = []
    for network in ("vgg19", "toy"):
        who = identity(network, "relu")
        paths += write_development(tmp_path, who=who, size=8, states={"best": 5}, kinds=kinds)
    with pytest.raises(ValueError, match="the runs of one network, found VGG19"):
        draw(name, read_runs(paths))


@pytest.mark.parametrize("name", ("fig02", "fig03", "development"))
def test_an_attack_alone_without_success_is_drawn_and_says_what_is_missing(tmp_path, name):
    states = {"step=0": 0, "best": 0}
    paths = write_development(tmp_path, who=identity(activation="relu"), states=states, kinds=("perturbations",))
    figure, caption = draw(name, read_runs(paths))
    require_readable(figure)
    shown = texts(figure)
    assert "Without success of 20" in caption
    assert "initialisation 20 (" in caption
    for text in (caption, *shown):  # Figure 3 shows no transfers: it says nothing about them
        assert name != "fig03" or "transfer" not in text
    if name != "fig03":
        assert "This study has no transfer" in caption and "no transfer of this attack" in shown
    assert learning_curves.NO_SPECTRA in shown
    assert (learning_curves.NO_LINES in shown) is (name == "development")


def test_figure_2_shows_accuracy_and_success_over_steps_each_line_with_a_look_of_its_own(development):
    runs = read_runs(development)
    figure, caption = draw("fig02", runs)
    found = curves(panel(figure, "a"))
    assert list(found) == [
        "training accuracy", "test accuracy", "accuracy on attacked images", "success, δ of each checkpoint",
        "the same among images right before", "success, δ of the best epoch",
    ]  # fmt: skip
    assert found["training accuracy"][0] == list(range(100, 2001, 100))
    # states between the epochs have their own test accuracy
    steps, accuracies = found["test accuracy"]
    assert steps[:4] == [1, 10, 30, 100] and steps[-1] == 2000 and accuracies[-1] == pytest.approx(0.8)
    steps, success = found["success, δ of each checkpoint"]
    assert steps == [1, 10, 30, 100, 200, 500, 1000, 2000]
    images = [checkpoint.perturbations() for checkpoint in runs[0].attacked("pgd")]
    start, *later = [one.success.mean() for one in images]
    assert success == later and start == 0 < success[-1]
    axes = panel(figure, "a")
    # step 0 has points of its own
    assert sum(np.asarray(line.get_xdata()).tolist() == [0] for line in axes.lines) == 5
    assert found["accuracy on attacked images"][1] == [one.correct.mean() for one in images[1:]]
    among = [one.success.sum() / one.correct.sum() for one in images[1:]]
    assert found["the same among images right before"][1] == pytest.approx(among)
    looks = {
        (line.get_color(), line.get_linestyle(), line.get_marker()) for line in axes.lines if line.get_label() in found
    }
    assert len(looks) == len(found) - 1  # two accuracies have no points, and dashes of their own
    assert axes.get_xscale() == "symlog" and "training step" in texts(figure)
    assert "Transfers: moved (from best)" in caption and "Convention paper" in caption


def test_figure_2_has_curves_of_six_states_with_success_of_different_looks(development):
    runs = read_runs(development)
    figure, caption = draw("fig02", runs)
    spectra = [state.spectra("paper") for state in runs[0].attacked("pgd")]
    *drawn, white = panel(figure, "b").lines
    assert len(drawn) == 6 < sum(one.selected > 0 for one in spectra) and white.get_label() == "white noise"
    looks = {(line.get_linestyle(), line.get_linewidth(), line.get_marker()) for line in drawn}
    assert len(looks) == 6 and "6 of 7 checkpoints" in caption
    last = spectra[-1].radial_energy / spectra[-1].radial_energy.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(drawn[-1].get_ydata(), last.mean(axis=0))
    assert "20" in drawn[-1].get_label()


def test_figure_2_shows_sums_and_density_and_white_noise_in_both(development):
    runs = read_runs(development)
    figure, caption = draw("fig02", runs)
    last = runs[0].attacked("pgd")[-1].spectra("paper")
    for letters, energies, cells in (
        ("bd", last.radial_energy, fourier.radial_cells(8, 8)),
        ("ce", last.angular_energy, fourier.angular_cells(8, 8, bins=36)),
    ):
        shares = energies / energies.sum(axis=1, keepdims=True)
        sums, densities = (panel(figure, letter).lines for letter in letters)
        np.testing.assert_allclose(sums[-1].get_ydata(), cells / 64)
        np.testing.assert_allclose(densities[-1].get_ydata(), 1)
        np.testing.assert_allclose(densities[-2].get_ydata(), (shares * 64 / cells).mean(axis=0))
    assert "white noise, density 1" in caption


def test_success_among_correct_images_counts_all_where_the_attack_starts_from_the_prediction():
    correct, success = np.array([True, True, False, False]), np.array([True, False, True, False])
    images = SimpleNamespace(correct=correct, success=success, against="label")
    assert learning_curves.success_among_correct([images]) == 0.5
    images.success = np.array([True, True, False, False])
    assert learning_curves.success_among_correct([images]) == 1
    images.against = "prediction"
    assert learning_curves.success_among_correct([images]) == 0.5
    images.against, images.correct = "label", np.zeros(4, dtype=bool)
    assert np.isnan(learning_curves.success_among_correct([images]))


def test_figure_3_counts_the_images_without_success_and_shows_six_spectra(development):
    runs = read_runs(development)
    figure, caption = draw("fig03", runs)
    perturbations = [state.perturbations() for state in runs[0].attacked("pgd")]
    failed = [int((~one.success).sum()) for one in perturbations]
    wrong = [int((~one.correct).sum()) for one in perturbations]
    assert f"initialisation {failed[0]} ({wrong[0]})" in caption and f"epoch 20 {failed[-1]} ({wrong[-1]})" in caption
    titles = [text for text in texts(figure) if text.startswith(("initialisation", "step ", "epoch "))]
    # at the initialisation no attack succeeds: it has no panel
    assert len(titles) == 6 and titles[0] == "step 10" and titles[-1] == "epoch 20"
    assert len(spectra_panels(figure)) == 6 and plotting.UNSUCCESSFUL not in texts(figure)
    for axes in spectra_panels(figure):  # each is a density: its mean is 1
        assert axes.images[0].get_array().mean() == pytest.approx(1, abs=0.02)
    assert "cannot show a falling norm" not in caption


def test_figure_3_says_that_a_fixed_epsilon_cannot_show_a_falling_norm(tmp_path):
    who = identity(activation="relu")
    paths = write_development(tmp_path, who=who, size=8, same_norm=True, kinds=("perturbations", "spectra"))
    assert "cannot show a falling norm" in draw("fig03", read_runs(paths))[1]


def test_the_development_has_the_means_over_images_at_each_step(development):
    runs = read_runs(development)
    figure, _ = draw("development", runs)
    states = runs[0].attacked("pgd")
    later = [(state.step, state.perturbations(), state.spectra("paper")) for state in states if state.step]
    for letter, values in {
        "c": [one.l2[one.success].mean() if one.success.any() else np.nan for _, one, _ in later],
        "e": [np.mean(one.half_power_frequency) if one.selected else np.nan for _, _, one in later],
    }.items():
        curve = panel(figure, letter).lines[0]
        assert curve.get_xdata().tolist() == [step for step, _, _ in later]
        np.testing.assert_allclose(curve.get_ydata(), values)
    white = fourier.half_power_frequency(fourier.radial_cells(8, 8)[None])[0]
    assert curves(panel(figure, "e"))["white noise"][1] == [white] * 2 and white < panel(figure, "e").get_ylim()[1]
    lines = [state.lines() for state in runs[0].attacked("moved")]
    heights = [line.get_ydata()[-1] for line in panel(figure, "g").lines if len(line.get_ydata()) == 8]
    assert heights == [getattr(lines[-1], end).breakpoints.mean() for end in ("adversarial", "random", "boundary")]


def test_steps_stand_on_a_logarithmic_axis_with_a_place_for_zero():
    axes = Figure().subplots()
    learning_curves.step_axis(axes, [0, 10, 100, 1000])
    place = axes.transData.transform([(step, 0) for step in (0, 10, 100, 1000)])[:, 0]
    distances = np.diff(place)
    assert distances[1] == pytest.approx(distances[2]) and 0.3 < distances[0] / distances[1] < 1
    assert axes.get_xticks().tolist() == [0, 10, 100, 1000]
    without = Figure().subplots()
    learning_curves.step_axis(without, [10, 100])
    assert without.get_xscale() == "log" and without.get_xticks().tolist() == [10, 100]


def test_states_nearest_to_the_targets_are_chosen_once_each():
    def chosen(steps, targets):
        return [steps[place] for place in learning_curves.nearest(steps, targets)]

    paper = [0, 5, 10, 20, 25, 40]
    assert chosen([0, 1, 2, 5, 10, 15, 20, 25, 30, 40], paper) == paper
    assert chosen([0, 5, 6, 7, 9], [0, 5, 5.1, 9]) == [0, 5, 6, 9]
    assert chosen([0, 8, 9], [7, 9]) == [8, 9]
    assert chosen([0, 7], [0, 3, 9]) == [0, 7]


def lines_at(folder, step, *, adversarial, random, boundary=None, name="relu_changes", who=None):
    """Write a lines.h5 with known values of one array."""
    ends = {end: random_line(np.random.default_rng(0), len(random), 1) for end in ("adversarial", "random", "boundary")}
    for end, values in {"adversarial": adversarial, "random": random, "boundary": boundary}.items():
        ends[end][name] = np.array(random if values is None else values, dtype=float)
    about = (who or identity(activation="relu")) | {"checkpoint": f"step={step}", "step": step, "epoch": step}
    return write_lines(folder / f"{step}.h5", about, ends)


def test_figure_1_compares_the_first_and_the_last_state(tmp_path):
    paths = [
        lines_at(tmp_path, 0, adversarial=[0.1, 0.2, 0.3, 0.4], random=[0.1, 0.2, 0.3, 0.4]),
        lines_at(tmp_path, 5, adversarial=[0.9] * 4, random=[0.1] * 4),
        lines_at(tmp_path, 9, adversarial=[0.3, 0.4, 0.5, 0.6], random=[0.1, 0.2, 0.3, 0.4], boundary=[0.8] * 4),
    ]
    figure, caption = draw("fig01", read_runs(paths))
    titles = [panel(figure, letter).get_title(loc="left") for letter in "abcd"]
    assert titles == ["(a) initialisation", "(b) step 9", "(c) initialisation", "(d) step 9"]
    distances = [panel(figure, letter).get_title(loc="right") for letter in "ab"]
    assert distances == ["$D$ = 0.00 / 0.00", "$D$ = 0.50 / 1.00"]
    assert "4 test images, 1 seed" in caption and "Followed exactly" in caption


def test_figure_1_of_seeds_with_different_best_epochs_shows_their_best_ones(tmp_path):
    paths = []
    for seed, best in enumerate((300, 500)):
        who, states = identity(activation="relu", seed=seed), {"step=0": 0, "best": best}
        paths += write_development(tmp_path, who=who, size=8, states=states, kinds=("lines",))
    figure, caption = draw("fig01", read_runs(paths))
    titles = [panel(figure, letter).get_title(loc="left").partition(") ")[2] for letter in "abcd"]
    assert titles == 2 * ["initialisation", "best (epochs 3 to 5)"]
    assert "2 seeds" in caption


def test_histograms_are_shares_of_the_lines_on_one_axis(tmp_path):
    paths = [
        lines_at(tmp_path, 0, adversarial=[0.0, 0.01, 0.02, 0.5], random=[0.01] * 4),
        lines_at(tmp_path, 9, adversarial=[0.01, 0.1, 0.2, 0.5], random=[0.01] * 4),
    ]
    figure, _ = draw("fig07", read_runs(paths))
    limits = {panel(figure, letter).get_xlim() for letter in "ab"}
    assert len(limits) == 1
    for letter in "ab":
        shares = [patch.get_data().values for patch in panel(figure, letter).patches]
        assert [values.sum() for values in shares] == pytest.approx([1] * len(shares))
        assert shares[0][0] == (0.5 if letter == "a" else 0.25)  # zero lies in the first bin, with 0.01
    assert "no further checkpoint\nin this study" in texts(figure)


def test_captions_say_where_absolute_and_relative_roughness_disagree(tmp_path):
    def caption(change):
        ends = {end: random_line(np.random.default_rng(0), 3, 1) for end in ("adversarial", "random", "boundary")}
        ends["adversarial"] |= {"other_deviation": np.full(3, 0.074), "other_change": np.full(3, change)}
        ends["random"] |= {"other_deviation": np.full(3, 0.018), "other_change": np.full(3, 0.126)}
        who = identity(activation="relu") | {"step": 7, "epoch": 1, "checkpoint": "step=7"}
        return draw("fig06", read_runs([write_lines(tmp_path / f"{change}.h5", who, ends)]))[1]

    disagree = caption(5.7)
    # 0.074 / 0.018, and (0.074 / 5.7) / (0.018 / 0.126)
    assert "x_a/x_r, absolute and relative to logit's change: (a) 4.1, 0.091, which disagree." in disagree
    assert "(a) 4.1, 4.1, which agree." in caption(0.126)


def test_lines_that_did_not_converge_and_those_that_met_no_boundary_are_counted(tmp_path):
    ends = {end: random_line(np.random.default_rng(0), 5, 1) for end in ("adversarial", "random", "boundary")}
    ends["random"]["converged"] = np.array([True, False, True, False, True])
    ends["boundary"]["changed"] = np.array([True, False, True, True, True])
    who = identity(activation="relu") | {"step": 0, "epoch": 0}
    path = write_lines(tmp_path / "lines.h5", who, ends, exact_images=2, samples=501, stretch_limit=16)
    _, caption = draw("fig07", read_runs([path]))
    assert "2 lines unconverged." in caption
    assert "Class changes on 5 lines" in caption and "x_b 4 (limit: 16 times x_a's)" in caption
    assert "2 of 5 images followed exactly, others at 501 points." in caption
