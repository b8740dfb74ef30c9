"""The figures that the paper does not have: its numbers against ours, examples, the filmstrip, the link, the band."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from matplotlib.colors import to_hex
from PIL import Image
from synthetic_report import cell, claim, untested
from synthetic_results import (
    EPSILON,
    identity,
    write_development,
    write_images,
    write_perturbations,
    write_predictor,
    write_run,
    write_spectra,
)
from test_drawn import require_named, rows
from test_figures import REFERENCE, draw, module, require_readable, spectra_panels, texts

from advspectra.claims.measures import MEASURES
from advspectra.claims.reasons import Lack, Reason
from advspectra.claims.sides import Conventions, Side
from advspectra.claims.terms import Group
from advspectra.drawing import plotting
from advspectra.figures import filmstrip
from advspectra.files.spectra import read_spectra
from advspectra.results.runs import read_runs
from advspectra.tables import table1

HIT, MISS = to_hex("#0072B2"), to_hex(plotting.ROLES["adversarial"])


# ---- the paper against ours


def of(network, measure="delta_l2"):
    return {"label": network, "value": None, "seeds": [0, 1, 2], "measure": measure, "network": network}


def table(number, *cells):
    return claim(f"TABLE-{number}", *cells, table=number, group=Group.TABLES)


def against(tmp_path, *claims):
    path = tmp_path / "claims.json"
    path.write_text(json.dumps({"claims": [one.as_data() for one in claims]}, default=str), encoding="utf-8")
    return module("paper_against_ours").draw([], convention="paper", claims=path)


def near(value, network, **about):
    """A cell whose paper's number is 20 ± 0.5."""
    return cell(value, **({"is": "near", "threshold": 20.0, "within": 1.0, "left": of(network)} | about))


def panel(figure, title, place=0):
    """The panel with a title, one of several by its place."""
    return [axes for axes in figure.axes if axes.get_title() == title][place]


def marks(axes):
    """What is marked in a panel: colour, the value, and the row."""
    return [
        (to_hex(line.get_color()), *map(float, (*line.get_xdata(), *line.get_ydata())))
        for line in axes.lines
        if line.get_marker() in ("o", "X")
    ]


def test_each_cell_lies_at_its_distance_in_the_papers_deviations_and_a_miss_is_marked(tmp_path):
    none = untested(
        Reason(Lack.NETWORK, network="full_width-linear/depth=3"),
        left=of("full_width-linear/depth=3"),
        **{
            "is": "near",
            "threshold": 20.0,
            "within": 1.0,
            "right": None,
            "ratio": False,
            "bounds": [19.0, 21.0],
            "noise": 20.5,
        },
    )
    cells = [
        near(20.25, "fully_connected-linear/depth=1"),
        near(18.5, "full_width-linear/depth=1"),
        near(30.0, "bounded_width_32-linear/depth=1"),
        none,
    ]
    figure, caption = against(tmp_path, table(1, *cells))
    require_readable(figure)
    require_named(figure)
    found = {row["series"]: row for row in rows(figure) if row["panel_title"] == "‖δ̂‖₂"}
    assert found["Bounded Width Convolution (linear), ours"]["x"] == 20  # not the end of the axis, at which it stands
    axes = panel(figure, r"$\|\hat{\delta}\|_2$")
    assert marks(axes) == [(HIT, 0.5, 0), (MISS, -3, 1), (MISS, 7, 2)]
    assert {"+20", "not tested"} <= {text.get_text() for text in axes.texts}
    intervals = [
        line.get_xdata()
        for line in axes.lines
        if len(line.get_xdata()) == 2 and line.get_color() in ("#0072B2", "#CC3311")
    ]
    np.testing.assert_allclose(intervals, [[0.3, 0.7], [-3.2, -2.8]])  # none of what lies beyond the axis
    noise = [line.get_xdata() for line in axes.lines if line.get_marker() == "|"]
    np.testing.assert_allclose(noise, [[1.0]] * 4)
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["fully connected", "full width", "bounded width (32)", "deep full width"]
    assert "Table 1: 1 of 3 within, noise 3." in caption and len(caption.split()) < 80


def test_accuracies_are_in_points_and_name_the_activation(tmp_path):
    about = {"is": "near", "threshold": 0.41, "within": 0.02, "bounds": [0.39, 0.43], "low": None, "high": None}
    left = of("fully_connected-relu/depth=1", "test_accuracy")
    figure, _ = against(tmp_path, table(4, cell(0.4, **about, noise=0.1, left=left, direction="holds")))
    ((colour, distance, row),) = marks(panel(figure, "test accuracy"))
    assert (colour, row) == (HIT, 0) and distance == pytest.approx(-1)
    assert "fully connected, ReLU" in texts(figure)


def test_numbers_that_do_not_apply_give_a_sentence(tmp_path):
    figure, caption = against(
        tmp_path, claim("TABLE-1", table=1, group=Group.TABLES, verdict="not applicable", parts=())
    )
    assert any("do not apply" in text for text in texts(figure)) and "do not apply" in caption


# ---- Figure 5 beside the paper


@pytest.mark.parametrize(("dataset", "marks"), [("cifar10", 2), ("own", 0)])
def test_figure_5_pairs_activations_in_a_row_and_marks_the_papers_numbers_on_its_images_alone(tmp_path, dataset, marks):
    paths = []
    for activation in ("linear", "relu"):
        paths += write_run(tmp_path, who=identity("full_width", activation), images=4, size=8)
    write_images_of_32 = tmp_path / "images.h5"

    write_images(write_images_of_32, size=32)
    given = {"images": write_images_of_32, "dataset": {"name": dataset, "source": dataset}, "reference": REFERENCE}
    figure, _ = draw("fig05", read_runs(paths), **given)
    require_readable(figure)
    first, second, *_ = figure.axes
    assert [label.get_text() for label in first.get_yticklabels()] == ["full width"]
    assert len(first.patches) == len(second.patches) == 2
    shown = [line.get_xdata()[0] for line in first.lines if line.get_marker() == "D"]
    assert shown == [376.31, 405.49][:marks] and ("the paper, ± sd" in texts(figure)) is bool(marks)


# ---- examples


def test_examples_are_one_image_of_each_class_with_the_class_that_each_network_sees(tmp_path):
    paths = write_run(tmp_path, who=identity("full_width", "relu"), images=20, size=8, failed=[1])
    paths += write_run(tmp_path, who=identity("vgg19", "relu", 16), images=20, size=8, failed=[2])
    figure, caption = draw("examples", read_runs(paths))
    require_readable(figure)
    (axes,) = figure.axes
    # 8 images, each once by itself and in each network's row with its perturbation
    assert len(axes.images) == 8 * (1 + 2 * 2)
    said = [(text.get_text(), text.get_color()) for text in axes.texts]
    red = plotting.ROLES["adversarial"]
    assert [text for text, _ in said[:8]] == [f"class {label}" for label in range(8)]
    # image 3 of class 1 failed in one network: the next of that class, with success in both, is shown
    assert said[8:] == [(f"class {label + 1}", red) for label in range(8)] * 2
    assert f"δ × {round(0.5 / EPSILON)}" in caption and len(caption.split()) < 80


def test_where_an_attack_fails_the_class_is_grey_and_a_picture_shows_the_perturbation(tmp_path):
    paths = write_run(tmp_path, who=identity("full_width", "relu"), images=8, size=8, failed=range(8))
    runs = read_runs(paths)
    figure, _ = draw("examples", runs)
    (axes,) = figure.axes
    assert {text.get_color() for text in axes.texts[8:]} == {"0.5"}
    delta = runs[0].perturbations().perturbation(0)
    np.testing.assert_allclose(
        axes.images[8].get_array(), 0.5 + 16 * np.clip(delta, -1 / 32, 1 / 32).transpose(1, 2, 0)
    )


def test_images_with_success_in_more_networks_come_before_those_that_more_networks_attacked():
    def attacked(success):
        images = np.arange(len(success))
        labels = np.zeros(len(success), dtype=int)
        return SimpleNamespace(image=images, label=labels, success=np.array(success, dtype=bool))

    in_vain, last_two = attacked([0] * 9), attacked([0] * 10 + [1, 1])
    assert module("examples")._chosen([in_vain, last_two, None]) == [0, 1, 2, 3, 4, 5, 10, 11]


def test_of_more_networks_than_fit_the_deep_linear_ones_go_first():
    class Group:
        def __init__(self, **about):
            self.first = type("Run", (), about)

    linear, deep = Group(deep_variant=False, linear=True), Group(deep_variant=True, linear=True)
    nonlinear = [Group(deep_variant=False, linear=False) for _ in range(7)]
    assert module("examples")._most_telling([linear, deep, *nonlinear]) == [linear, *nonlinear]


# ---- the filmstrip


@pytest.fixture(scope="module")
def development(tmp_path_factory):
    who = identity("resnet18", "relu", 17)
    return write_development(tmp_path_factory.mktemp("film"), who=who, size=8, kinds=("perturbations", "spectra"))


def test_the_filmstrip_has_a_column_for_each_checkpoint_with_success_and_densities(development):
    runs = read_runs(development)
    figure, caption = draw("filmstrip", runs)
    require_readable(figure)
    there = [one for one in runs[0].attacked("pgd") if one.spectra("paper").selected]
    spectra = spectra_panels(figure)
    assert len(spectra) == len(there) == 7 and len(caption.split()) < 80
    last = there[-1].spectra("paper")
    density = last.mean_power / last.mean_power.mean()
    np.testing.assert_allclose(spectra[-1].images[0].get_array(), np.maximum(density, filmstrip.RANGE[0]))
    rates = [f"{100 * one.perturbations().success.mean():.0f} %" for one in there]
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == [f"{one.label}\n{rate}" for one, rate in zip(there, rates, strict=True)]


def test_the_film_has_a_picture_for_each_checkpoint_and_stands_still_at_the_end(development, tmp_path):
    filmstrip.film(str(tmp_path / "film.webp"), read_runs(development), convention="paper")
    with Image.open(tmp_path / "film.webp") as film:
        assert film.n_frames == 7 and film.size == (828, 264)
        film.seek(6)
        film.load()
        assert film.info["duration"] == 4000


def test_the_film_shows_the_spectra_of_the_checkpoint_that_it_names_if_seeds_are_best_at_different_epochs(tmp_path):
    shared, paths = {"step=0": 0, "epoch=5": 500, "epoch=10": 1000}, []
    for seed, best in ((0, 500), (1, 1000)):
        who = identity("resnet18", "relu", 17, seed=seed)
        kinds = ("perturbations", "spectra")
        paths += write_development(tmp_path, who=who, states=shared | {"best": best}, size=8, kinds=kinds)
    figure, _ = draw("filmstrip", read_runs(paths))
    names = [axes.get_title().split("\n")[0] for axes in figure.axes if axes.get_title()]
    assert names == ["epoch 5", "best (epochs 5 to 10)", "epoch 10"]
    found = [panel.images[0].get_array() for panel in spectra_panels(figure)]
    for name, shown in zip(("epoch=5", "best", "epoch=10"), found, strict=True):
        seeds = [read_spectra(path, "paper") for path in paths if path.match(f"*/{name}/spectra.h5")]
        power = np.average([one.mean_power for one in seeds], axis=0, weights=[one.selected for one in seeds])
        np.testing.assert_allclose(shown, np.maximum(power / power.mean(), filmstrip.RANGE[0]))


# ---- the link


def test_the_link_is_that_of_the_claim_and_a_dot_is_a_frequency(tmp_path):
    runs = read_runs(write_run(tmp_path, who=identity() | {"step": 200, "epoch": 2}, images=8, size=8))
    figure, caption = draw("predictor_link", runs)
    require_readable(figure)
    axes = figure.axes[0]
    found = MEASURES["spectral_link"].read(runs[0], Side(), Conventions("paper", {"final": "pgd"})).arrays[0]
    assert [text.get_text() for text in axes.texts] == [f"$r$ = {np.nanmean(found):.2f}"]
    assert len(axes.collections[0].get_offsets()) == 64
    # of the images with success, whatever spectra.h5 keeps
    count = int(runs[0].perturbations().success.sum())
    assert f"n = {count} successfully attacked test images, 1 seed for each network." in caption


def test_perturbations_of_another_checkpoint_than_the_predictors_are_not_linked_and_captions_say_so(tmp_path):
    about = {"checkpoint": "epoch=1", "step": 100, "epoch": 1}
    runs = read_runs(write_run(tmp_path, who=identity() | about, images=8, size=8))
    figure, caption = draw("predictor_link", runs)
    sentence = "β: of the best epoch; δ: of epoch=1, not always the best."
    assert sentence in caption and sentence in texts(figure)
    assert sentence in draw("fig05", runs)[1] and sentence in draw("fig08", runs)[1]
    made = table1.table(runs, reference=yaml.safe_load(REFERENCE.read_text()), config={}, convention="paper")
    assert sentence in made.notes
    other = identity("full_width") | {"step": 200, "epoch": 2}
    some = draw("predictor_link", runs + read_runs(write_run(tmp_path, who=other, images=8, size=8)))[1]
    assert "Left out where δ is not of the best epoch: Fully Connected (linear)." in some
    own = read_runs(write_run(tmp_path / "best", who=identity() | {"step": 200, "epoch": 2}, images=8, size=8))
    assert "β: of the best" not in draw("fig05", own)[1] + draw("fig08", own)[1] + draw("predictor_link", own)[1]
    assert "Left out" not in draw("predictor_link", own)[1]


def test_a_perturbation_in_proportion_to_the_difference_of_its_classes_lies_on_the_line(tmp_path):
    beta = np.random.default_rng(2).standard_normal((10, 3, 8, 8))
    rows = np.arange(6)
    delta = (0.01 * (beta[rows + 1] - beta[rows])).astype(np.float32)
    success = np.ones(6, dtype=bool)
    paths = [write_predictor(tmp_path / "predictor.h5", identity(), beta)]
    paths += [write_perturbations(tmp_path / "perturbations.h5", identity(), delta, success, 10)]
    paths += [write_spectra(tmp_path / "spectra.h5", identity(), delta=delta)]
    figure, _ = draw("predictor_link", read_runs(paths))
    x, y = figure.axes[0].collections[0].get_offsets().T
    np.testing.assert_allclose(x, y, rtol=1e-4)
    assert "$r$ = 1.00" in texts(figure)


# ---- the band


def test_the_share_in_the_band_is_that_of_its_rings_and_white_noise_has_its_frequencies(tmp_path):
    power = np.zeros((2, 1, 8, 8))
    power[:, 0, 4, 4 + 2], power[:, 0, 4, 4 + 1] = 3, 1  # three quarters in ring 2, the rest in ring 1
    path = write_spectra(tmp_path / "spectra.h5", identity(), power=power)
    figure, caption = draw("band", read_runs([path]), band={"low": 1.6, "high": 3})
    require_readable(figure)
    density, shares = figure.axes
    assert "75 %" in texts(figure) and shares.lines[1].get_xdata() == [0.75]
    # 12 frequencies lie in ring 2 and 16 in ring 3, of 64
    assert shares.lines[-1].get_xdata() == [28 / 64] * 2
    assert density.patches[0].get_x() == 1.5 and density.patches[0].get_width() == 2
    assert "between 1.6 and 3 cycles/image" in caption
