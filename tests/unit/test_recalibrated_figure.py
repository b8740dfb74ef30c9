"""Batch normalisation as it is and recalibrated: which attacks are compared, and what is drawn of them."""

import numpy as np
import pytest
from synthetic_results import identity, write_development
from test_drawn import require_named
from test_figures import require_readable, texts

from advspectra import fourier
from advspectra.figures.recalibrated import AS_IS, NO_PAIR, RECALIBRATED, draw
from advspectra.results.runs import read_runs

STATES = {"step=0": 0, "step=3": 3, "step=30": 30, "best": 391}
ROLES = {
    "snapshots": "pgd", "recalibrated_snapshots": "pgd_again",
    "minimal": "smallest", "recalibrated_minimal": "smallest_again",
    "transfer": "moved", "recalibrated_transfer": "moved_again",
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """ResNet18, two seeds, with all six; VGG19 with snapshots both ways; a shallow ResNet attacked as it is alone."""
    folder = tmp_path_factory.mktemp("recalibrated")
    of_vgg19 = [ROLES["snapshots"], ROLES["recalibrated_snapshots"]]
    paths = []
    for network, depth, seeds, attacks in (
        ("resnet18", 17, (0, 1), ROLES.values()),
        ("vgg19", 16, (0,), of_vgg19),
        ("shallow_resnet", 3, (0,), ["pgd"]),
    ):
        for seed in seeds:
            who = identity(network, "relu", depth, seed=seed)
            for attack in attacks:
                source = {"moved": "pgd", "moved_again": "pgd_again"}.get(attack)
                kinds = ("lines",) if source else ("perturbations", "spectra")
                paths += write_development(
                    folder, who=who, size=8, states=STATES, attack=attack, source=source, kinds=kinds
                )
    return read_runs(paths)


def curves(axes, look):
    """The curves of a panel with the colour of `look`: values by step, those off the scale left out."""
    named = [line for line in axes.lines if line.get_label().startswith(f"{look['label']}, seed ")]
    lines = [line for line in named if line.get_color() == look["color"]]
    return [dict(zip(*map(np.ndarray.tolist, map(np.asarray, line.get_data())), strict=True)) for line in lines]


def test_each_seed_is_a_line_of_what_its_attacks_left(runs):
    figure, caption = draw(runs, convention="paper", roles=ROLES)
    require_named(figure)
    of_resnet = [run for run in runs if run.network == "resnet18"]
    success, smallest, frequency, relu_changes = np.reshape(figure.axes, (-1, 4))[1]
    for look, prefix in ((AS_IS, ""), (RECALIBRATED, "recalibrated_")):
        last = [
            {role: run.attacked(ROLES[prefix + role])[-1] for role in ("snapshots", "minimal", "transfer")}
            for run in of_resnet
        ]
        images = [of["snapshots"].perturbations() for of in last]
        expected = [one.success.sum() / one.correct.sum() for one in images]
        assert [curve[391] for curve in curves(success, look)] == pytest.approx(expected)
        images = [of["minimal"].perturbations() for of in last]
        assert [curve[391] for curve in curves(smallest, look)] == pytest.approx(
            [np.median(one.linf[one.success]) for one in images]
        )
        assert [curve[391] for curve in curves(frequency, look)] == pytest.approx(
            [of["snapshots"].spectra("paper").half_power_frequency.mean() for of in last]
        )
        assert [curve[391] for curve in curves(relu_changes, look)] == pytest.approx(
            [of["transfer"].lines().adversarial.relu_changes.mean() for of in last]
        )
    (white,) = [line for line in frequency.lines if line.get_label() == "white noise"]
    assert white.get_ydata() == [fourier.white_noise_frequency(8, 8)] * 2
    assert f"white noise, {fourier.white_noise_frequency(8, 8):.1f} cycles/image" in caption
    assert "seed (1 to 2)" in caption and len(caption.split()) < 80
    assert "mean f₀.₅ and ReLU changes to x_a (perturbations of the final network)." in caption


@pytest.mark.parametrize(
    ("seen", "words"),
    [({}, "right before; no"), ({"against": "prediction"}, "right before; against the prediction, among all; no")],
)
def test_the_caption_says_among_which_images_success_is_counted(tmp_path, seen, words):
    who = identity("resnet18", "relu", 17) | seen
    paths = []
    for attack in ("pgd", "pgd_again"):
        paths += write_development(tmp_path, who=who, size=8, states=STATES, attack=attack, kinds=("perturbations",))
    caption = draw(read_runs(paths), convention="paper", roles=ROLES)[1]
    assert f"Success: among images {words}" in caption and len(caption.split()) < 80


def test_networks_that_were_not_attacked_both_ways_are_left_out_and_missing_attacks_are_said(runs):
    figure, _ = draw(runs, convention="paper", roles=ROLES)
    require_readable(figure)
    shown = texts(figure)
    assert "VGG19" in shown and "ResNet18" in shown and "shallow\nResNet" not in shown
    assert shown.count(NO_PAIR) == 2  # smallest ε and lines of VGG19


def test_without_lines_of_a_transfer_those_of_the_snapshots_are_drawn(tmp_path):
    who = identity("resnet18", "relu", 17)
    paths = []
    for attack in ("pgd", "pgd_again"):
        paths += write_development(tmp_path, who=who, size=8, states=STATES, attack=attack)
    (run,) = read_runs(paths)
    figure, _ = draw([run], convention="paper", roles=ROLES)
    (curve,) = curves(figure.axes[3], AS_IS)
    assert curve[391] == pytest.approx(run.attacked("pgd")[-1].lines().adversarial.relu_changes.mean())


@pytest.mark.parametrize("roles", [{}, {"snapshots": "pgd"}])
def test_a_study_without_recalibrated_attacks_gets_a_figure_that_says_so(runs, roles):
    figure, caption = draw(runs, convention="paper", roles=roles)
    assert any("No network in this study" in text for text in texts(figure)) and "No network" in caption
