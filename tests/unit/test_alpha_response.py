"""The response of perturbations to the initial scale: a dot for each seed, a line through the means."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from synthetic_results import identity, write_checkpoints, write_run
from test_figures import require_readable, texts

from advspectra import fourier
from advspectra.figures.alpha_response import draw
from advspectra.results.runs import read_runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Locally connected, linear, three α and two seeds, ReLU, two of them and one seed; a network with one α."""
    folder = tmp_path_factory.mktemp("alpha")
    keys = [("locally_connected", "linear", alpha, seed) for alpha in (0.1, 1, 10) for seed in (0, 1)]
    keys += [("locally_connected", "relu", alpha, 0) for alpha in (0.1, 10)] + [("full_width", "linear", 1, 0)]
    paths = []
    for network, activation, alpha, seed in keys:
        who = identity(network, activation, alpha=alpha, seed=seed)
        rate, accuracy = 0.01 if alpha <= 1 else 0.00002, 0.4 + 0.01 * alpha
        paths += write_run(
            folder, who=who, images=5, size=8, centre=1 + 0.2 * alpha, failed=[1], accuracy=accuracy, learning_rate=rate
        )
    return read_runs(paths)


def rows_of(figure):
    return np.reshape(figure.axes, (-1, 4))


def dots(axes, *, hollow=False):
    """The dots of a panel, α and value: those of each channel are hollow."""
    of_seeds = [line for line in axes.lines if line.get_marker() == "o"]
    chosen = [line for line in of_seeds if (to_hex(line.get_markerfacecolor()) == "#ffffff") == hollow]
    return sorted((x, y) for line in chosen for x, y in zip(*line.get_data(), strict=True))


def test_each_seed_is_a_dot_and_the_line_runs_through_the_means(runs):
    figure, _ = draw(runs, convention="paper")
    linear = [run for run in runs if run.linear and run.network == "locally_connected"]
    axes = rows_of(figure)[0]
    for hollow, convention in ((False, "paper"), (True, "rgb")):
        for panel, name in ((axes[0], "half_power_frequency"), (axes[1], "flatness")):
            expected = sorted((run.alpha, getattr(run.spectra(convention), name).mean()) for run in linear)
            np.testing.assert_allclose(dots(panel, hollow=hollow), expected)
            line = panel.lines[0 if convention == "paper" else 4]
            means = [np.mean([value for alpha, value in expected if alpha == each]) for each in (0.1, 1, 10)]
            np.testing.assert_allclose(line.get_ydata(), means)
    np.testing.assert_allclose(dots(axes[2]), [(0.1, 0.401)] * 2 + [(1, 0.41)] * 2 + [(10, 0.5)] * 2)
    np.testing.assert_allclose(dots(axes[3]), [(0.1, 0.01)] * 2 + [(1, 0.01)] * 2 + [(10, 0.00002)] * 2)


def test_a_missing_alpha_and_a_single_seed_are_drawn_and_networks_of_one_alpha_are_not(runs):
    figure, caption = draw(runs, convention="paper")
    require_readable(figure)
    assert [alpha for alpha, _ in dots(rows_of(figure)[1][0])] == [0.1, 10]
    shown = texts(figure)
    assert "locally\nconnected\nlinear" in shown and "locally\nconnected\nReLU" in shown
    assert not any("full" in text for text in shown) and len(rows_of(figure)) == 2
    assert "1 to 2 seeds" in caption and len(caption.split()) < 80


def test_white_noise_is_drawn_and_named(runs):
    figure, caption = draw(runs, convention="paper")
    for axes, white in zip(
        rows_of(figure)[0], (fourier.white_noise_frequency, fourier.white_noise_flatness), strict=False
    ):
        (line,) = [line for line in axes.lines if line.get_label() == "white noise"]
        assert line.get_ydata() == [white(8, 8)] * 2 and axes.get_ylim()[1] > white(8, 8)
    assert f"f₀.₅ {fourier.white_noise_frequency(8, 8):.1f} cycles/image" in caption


def test_conventions_that_differ_in_scale_alone_are_drawn_once(tmp_path):
    paths = []
    for alpha in (1, 10):
        conventions = ("orthonormal", "paper", "rgb_orthonormal")
        paths += write_run(tmp_path, who=identity(alpha=alpha), images=3, size=8, conventions=conventions)
    figure, _ = draw(read_runs(paths), convention="orthonormal")
    axes = rows_of(figure)[0][0]
    assert len(dots(axes)) == len(dots(axes, hollow=True)) == 2


def test_an_alpha_without_an_attack_or_without_success_leaves_a_gap(tmp_path):
    paths = write_run(tmp_path, who=identity(alpha=0.1), images=3, size=8)
    paths += write_run(tmp_path, who=identity(alpha=1), images=3, size=8, failed=[0, 1, 2])
    paths.append(write_checkpoints(tmp_path / "alone.h5", identity(alpha=10), 0.3, 0.01))
    figure, caption = draw(read_runs(paths), convention="paper")
    require_readable(figure)
    assert [alpha for alpha, _ in dots(rows_of(figure)[0][0])] == [0.1]
    assert [alpha for alpha, _ in dots(rows_of(figure)[0][2])] == [0.1, 1, 10]
    assert "No successful attack" in caption and "No spectra" in caption


def test_a_study_of_one_alpha_gets_a_figure_that_says_so(runs):
    figure, caption = draw([run for run in runs if run.alpha == 1], convention="paper")
    assert "No network in this study has several initial scales α." in texts(figure) and "No network" in caption
