"""Runs are found by what their files say of themselves."""

import numpy as np
import pytest
from synthetic_results import (
    STATES,
    identity,
    random_line,
    write_checkpoints,
    write_development,
    write_lines,
    write_run,
    write_spectra,
)

from advspectra.files.hdf5 import create
from advspectra.results.replicates import as_one, by_network, only_network
from advspectra.results.runs import Run, read_runs


def run(network="fully_connected", activation="linear", depth=1, alpha=1, seed=0):
    return Run(network, activation, depth, alpha, seed, {})


def test_files_of_one_run_are_grouped_by_their_attributes_not_their_paths(tmp_path):
    paths = write_run(tmp_path, who=identity(), images=3)
    moved = []
    for number, path in enumerate(paths):
        path.rename(tmp_path / f"{number}.h5")
        moved.append(tmp_path / f"{number}.h5")
    (found,) = read_runs(moved)
    assert (found.network, found.activation, found.depth, found.alpha, found.seed) == (
        "fully_connected",
        "linear",
        1,
        1,
        0,
    )
    assert set(found.files) == {"checkpoints", "perturbations", "spectra", "predictor"}


def test_runs_come_in_the_papers_order_whatever_the_order_of_files(tmp_path):
    keys = [
        ("fully_connected", "linear", 1),
        ("full_width", "linear", 1),
        ("bounded_width_32", "linear", 1),
        ("toy", "linear", 1),
        ("full_width", "linear", 3),
        ("fully_connected", "relu", 1),
        ("vgg19", "relu", 16),
        ("toy", "relu", 1),
    ]
    paths = [p for key in reversed(keys) for p in write_run(tmp_path, who=identity(*key), images=2, kinds=["spectra"])]
    for order in (paths, paths[::-1]):
        assert [(one.network, one.activation, one.depth) for one in read_runs(order)] == keys


def test_seeds_of_a_network_are_one_group_and_alphas_are_not(tmp_path):
    runs = [run(seed=2), run(seed=0), run(alpha=10), run(seed=1)]
    groups = by_network(runs)
    assert [[one.seed for one in group.runs] for group in groups] == [[0, 1, 2], [0]]
    assert [group.first.alpha for group in groups] == [1, 10]


@pytest.mark.parametrize(
    ("given", "label"),
    [
        (run(), "Fully Connected (linear)"),
        (run(depth=3), "Deep Fully Connected (linear)"),
        (run(depth=2), "Fully Connected, 2 hidden layers (linear)"),
        (run("bounded_width_3"), "Bounded Width Convolution, 3 channels (linear)"),
        (run("resnet18", "relu", 17), "ResNet18 (ReLU)"),
        (run("toy_net", "relu", alpha=0.1), "toy_net (ReLU), alpha = 0.1"),
    ],
)
def test_labels_are_the_papers_names(given, label):
    assert given.label == label


def test_a_run_without_a_file_of_a_kind_gives_none(tmp_path):
    (found,) = read_runs(write_run(tmp_path, who=identity(activation="relu"), images=2, kinds=["spectra"]))
    assert found.predictor() is None and found.checkpoints() is None and found.perturbations() is None


def test_arrays_are_those_of_the_file(tmp_path):
    paths = write_run(tmp_path, who=identity(), images=5, failed=[1], size=7)
    (found,) = read_runs(paths)
    spectra = found.spectra("rgb")
    assert (spectra.attacked, spectra.selected, spectra.images) == (5, 4, "successful")
    assert spectra.mean_power.shape == (7, 7)
    perturbations = found.perturbations()
    assert perturbations.success.tolist() == [True, False, True, True, True]
    delta = np.stack([perturbations.perturbation(image) for image in perturbations.image[perturbations.success]])
    # Parseval, for each channel: sum |DFT|^2 = H W sum |x|^2
    np.testing.assert_allclose(spectra.norm_l2**2, 49 * (delta.astype(float) ** 2).sum(axis=(1, 2, 3)), rtol=1e-5)
    assert found.predictor().beta.shape == (10, 3, 7, 7)


def test_an_image_that_was_not_attacked_is_refused(tmp_path):
    (found,) = read_runs(write_run(tmp_path, who=identity(), images=2, kinds=["perturbations"]))
    with pytest.raises(ValueError, match="test image 1 once, found it 0 times"):
        found.perturbations().perturbation(1)


def test_an_unknown_convention_is_refused_with_those_of_the_file(tmp_path):
    (found,) = read_runs(write_run(tmp_path, who=identity(), images=2, kinds=["spectra"]))
    with pytest.raises(ValueError, match=r"'lab', found \['paper', 'rgb'\]"):
        found.spectra("lab")


def test_two_files_of_one_kind_in_a_run_are_refused(tmp_path):
    first = write_checkpoints(tmp_path / "a.h5", identity(), 0.4, 0.01)
    second = write_checkpoints(tmp_path / "b.h5", identity(), 0.5, 0.01)
    with pytest.raises(ValueError, match="one checkpoints file for each run"):
        read_runs([first, second])


def test_files_of_two_data_sets_are_refused(tmp_path):
    first = write_checkpoints(tmp_path / "a.h5", identity(), 0.4, 0.01)
    second = write_checkpoints(tmp_path / "b.h5", identity(seed=1, dataset="other"), 0.5, 0.01)
    with pytest.raises(ValueError, match="one data set, found cifar10 .* other"):
        read_runs([first, second])


def test_foreign_truncated_and_nameless_files_are_refused(tmp_path):
    text = tmp_path / "text.h5"
    text.write_text("not HDF5")
    whole = write_spectra(tmp_path / "whole.h5", identity(), power=np.ones((2, 1, 4, 4)))
    truncated = tmp_path / "truncated.h5"
    truncated.write_bytes(whole.read_bytes()[:1000])
    images = tmp_path / "images.h5"
    with create(images, kind="images", version=1, attributes={}):
        pass
    nameless = tmp_path / "nameless.h5"
    with create(nameless, kind="spectra", version=1, attributes={"dataset": "cifar10", "network": "x"}):
        pass
    for path, message in (
        (text, "cannot be read"),
        (truncated, "cannot be read"),
        (images, "found advspectra.images"),
        (nameless, "found none of the name activation"),
    ):
        with pytest.raises(ValueError, match=message):
            read_runs([path])


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One run: its checkpoints, pgd on ten states, lines for some of them, and a transfer."""
    folder = tmp_path_factory.mktemp("trained")
    who = identity(activation="relu")
    paths = [write_checkpoints(folder / "checkpoints.h5", who, 0.8, 0.01, epochs=20, states=STATES)]
    paths += write_development(folder, who=who, images=6, size=8, kinds=("perturbations", "spectra"))
    some = {name: STATES[name] for name in ("step=0", "best")}
    paths += write_development(folder, who=who, images=6, size=8, kinds=("lines",), states=some)
    paths += write_development(folder, who=who, images=6, size=8, states=some, attack="moved", source="pgd")
    return paths


def test_states_are_ordered_by_step_and_each_step_stands_once(trained):
    (found,) = read_runs(trained[::-1])
    states = found.attacked("pgd")
    assert [state.step for state in states] == [0, 1, 10, 30, 100, 200, 500, 1000, 2000]
    assert [state.checkpoint for state in states] == [name for name in STATES if name != "best"]
    assert [state.epoch for state in states] == [0, 1, 1, 1, 1, 2, 5, 10, 20]
    assert [state.label for state in states][::4] == ["initialisation", "epoch 1", "epoch 20"]
    assert found.attacked("deepfool") == []


def test_a_state_has_the_files_of_all_its_names(trained):
    (found,) = read_runs(trained)
    last = found.attacked("pgd")[-1]
    # the lines were followed at "best", and the attack's own files are those of "epoch=20"
    assert last.checkpoint == "epoch=20" and last.files["lines"].parent.name == "best"
    assert last.files["perturbations"].parent.name == "epoch=20" and len(last.lines().image) == 6
    assert [state.lines() is not None for state in found.attacked("pgd")] == [True] + 7 * [False] + [True]


def test_arrays_of_a_state_are_those_of_its_files(trained):
    (found,) = read_runs(trained)
    state = found.attacked("pgd")[-1]
    perturbations, spectra = state.perturbations(), state.spectra("paper")
    delta = perturbations.perturbation(int(perturbations.image[2]))
    assert perturbations.l2[2] == pytest.approx(np.linalg.norm(delta))
    assert perturbations.linf[2] == pytest.approx(np.abs(delta).max())
    assert not (perturbations.success & ~perturbations.correct).any()
    assert spectra.selected == perturbations.success.sum() == len(spectra.half_power_frequency)
    with pytest.raises(ValueError, match="'lab', found"):
        state.spectra("lab")


def test_attacks_come_before_their_transfers(trained):
    (found,) = read_runs(trained)
    assert found.attacks == {"pgd": None, "moved": ("pgd", "best")}
    (group,) = by_network([found])
    assert group.attack == "pgd" and group.attacks == found.attacks
    (alone,) = by_network(read_runs([path for path in trained if "moved" in path.parts]))
    assert alone.attack == "moved"


def test_one_of_several_files_of_a_kind_cannot_be_asked_for(trained):
    (found,) = read_runs(trained)
    for read in (found.perturbations, lambda: found.spectra("paper")):
        with pytest.raises(ValueError, match="expected one .* file for each run, found .*h5 and .*h5"):
            read()
    assert found.checkpoints().test_accuracy == 0.8


def test_two_files_of_one_attack_on_one_state_are_refused(tmp_path):
    paths = write_development(tmp_path / "a", who=identity(), images=3, size=8, states={"best": 5})
    again = write_development(tmp_path / "b", who=identity(), images=3, size=8, states={"best": 5})
    with pytest.raises(ValueError, match="one perturbations file for each attack and checkpoint of a run"):
        read_runs([paths[0], again[0]])


def test_a_file_without_its_step_serves_alone_but_not_among_states(tmp_path):
    (found,) = read_runs(write_run(tmp_path, who=identity(), images=3, kinds=["spectra"]))
    assert found.spectra("paper").selected == 3
    with pytest.raises(ValueError, match="expected the attribute step, found none"):
        found.attacked("pgd")


def test_checkpoints_of_a_network_are_those_that_all_seeds_have_and_their_best_ones(tmp_path):
    paths = []
    for seed, best in enumerate((300, 500)):
        states = {"step=0": 0, "epoch=2": 200, "best": best}
        who = identity(activation="relu", seed=seed)
        paths += write_development(tmp_path, who=who, images=3, size=8, states=states, kinds=("perturbations",))
    group = only_network(read_runs(paths))
    assert [[state.step for state in seeds] for seeds in group.attacked("pgd")] == [[0, 0], [200, 200], [300, 500]]
    best = as_one(group.attacked("pgd")[-1])
    assert (best.step, best.label) == (400, "best (epochs 3 to 5)")
    assert as_one(group.attacked("pgd")[1]).label == "epoch 2"
    assert group.attacked("deepfool") == [] and only_network([]) is None
    with pytest.raises(ValueError, match="one network, found Fully Connected .*, Full Width"):
        only_network([run(), run("full_width")])


def test_a_best_checkpoint_that_all_seeds_have_at_one_step_stands_once(tmp_path):
    paths = []
    for seed, best in enumerate((200, 200)):
        who, states = identity(activation="relu", seed=seed), {"epoch=2": 200, "best": best, "epoch=5": 500}
        paths += write_development(tmp_path, who=who, images=3, size=8, states=states, kinds=("perturbations",))
    group = only_network(read_runs(paths))
    assert [[checkpoint.step for checkpoint in seeds] for seeds in group.attacked("pgd")] == [[200, 200], [500, 500]]


def test_checkpoints_have_history_and_kept_states(trained):
    (found,) = read_runs(trained)
    checkpoints = found.checkpoints()
    assert checkpoints.epochs == 20 and checkpoints.history["epoch"].tolist() == list(range(1, 21))
    assert checkpoints.history["step"][-1] == 2000 and checkpoints.history["test_accuracy"][-1] == pytest.approx(0.8)
    assert checkpoints.kept["step=0"][:3] == (0, 0, 0) and checkpoints.kept["best"][:2] == (2000, 20)
    assert checkpoints.kept["best"].test_accuracy == pytest.approx(0.8)


def test_relative_roughness_is_over_the_change_of_the_logit(tmp_path):
    ends = {end: random_line(np.random.default_rng(0), 3, 1) for end in ("adversarial", "random", "boundary")}
    ends["adversarial"] |= {"true_deviation": np.array([1.0, 2, 3]), "true_change": np.array([2.0, 0, 6])}
    who = identity(activation="relu") | {"step": 0, "epoch": 0}
    (found,) = read_runs([write_lines(tmp_path / "lines.h5", who, ends)])
    (state,) = found.attacked("pgd")
    line = state.lines().adversarial
    np.testing.assert_array_equal(line.quantity("true_deviation_relative"), [0.5, np.nan, 0.5])
    assert line.quantity("true_deviation").tolist() == [1, 2, 3]
    assert line.quantity("breakpoints").tolist() == ends["adversarial"]["breakpoints"].tolist()


def test_a_file_is_read_once_and_again_when_it_was_made_anew(tmp_path):
    path = write_checkpoints(tmp_path / "a.h5", identity(), 0.4, 0.01)
    (run,) = read_runs([path])
    assert run.checkpoints() is run.checkpoints()
    write_checkpoints(path, identity(), 0.5, 0.01)
    assert run.checkpoints().test_accuracy == 0.5
