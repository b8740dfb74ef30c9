"""Runs are found by what their files say of themselves."""

import numpy as np
import pytest
from synthetic_results import identity, write_checkpoints, write_run, write_spectra

from advspectra.hdf5 import create
from advspectra.results import Run, by_network, read_runs


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
