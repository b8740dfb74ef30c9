"""A study in Python: its runs, arrays and data frames say what the files say."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from synthetic_results import EPSILON, identity, write_checkpoints, write_development, write_perturbations, write_run

import advspectra
from advspectra.claims.study_measures import measures_table
from advspectra.fourier import flatness, power_spectrum

BEST = {"step": 200, "epoch": 2}
LIBRARY = Path(__file__).parents[2] / "workflow/lib"


@pytest.fixture
def folder(tmp_path):
    """A study of one linear network, and one that another attack was tried on, too, and its transfer."""
    write_run(tmp_path / "cifar10", who=identity() | BEST, images=4, failed=[1], size=12, classes=3, learning_rate=0.03)
    who = identity(activation="relu", seed=7)
    write_development(tmp_path / "cifar10", who=who, states={"step=0": 0, "best": 200}, images=5, size=12)
    write_development(
        tmp_path / "cifar10",
        who=who,
        states={"best": 200},
        attack="moved",
        source="pgd",
        images=5,
        kinds=["perturbations"],
    )
    write_checkpoints(tmp_path / "cifar10/checkpoints.h5", who, accuracy=0.6, learning_rate=0.1)
    return tmp_path


def test_importing_the_package_imports_nothing_else():
    heavy = "torch", "numpy", "pandas", "h5py", "matplotlib"
    code = f"import sys, advspectra; print(sorted(set({heavy}) & set(sys.modules))); advspectra.open_study"
    code += "; print('torch' in sys.modules, 'pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=LIBRARY, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "False False"]
    with pytest.raises(AttributeError, match="'advspectra' has no attribute 'open_studio'"):
        _ = advspectra.open_studio


def test_a_study_has_its_runs_in_the_papers_order(folder):
    study = advspectra.open_study(folder)
    assert [(run.activation, run.seed) for run in study.runs] == [("linear", 0), ("relu", 7)]
    assert study.runs[0].checkpoints().learning_rate == 0.03


def test_each_image_of_each_attack_and_state_is_a_row(folder):
    frame = advspectra.open_study(str(folder)).each_image()
    counts = frame.groupby(["activation", "attack", "checkpoint"]).size().to_dict()
    assert counts == {
        ("linear", "pgd", "best"): 4,
        ("relu", "pgd", "step=0"): 5,
        ("relu", "pgd", "best"): 5,
        ("relu", "moved", "best"): 5,
    }
    moved = frame[frame.attack == "moved"]
    assert set(zip(moved.transfer_of, moved.found_on, moved.step, strict=True)) == {("pgd", "best", 200)}
    assert frame[frame.attack == "pgd"].transfer_of.isna().all()
    assert moved.delta_l1.isna().all()  # without spectra


def test_values_of_an_image_are_those_of_its_perturbation(folder):
    study = advspectra.open_study(folder)
    frame = study.each_image(convention="rgb")
    rows = frame[frame.activation == "linear"]
    (file,) = study.runs[0].files["perturbations"]
    delta = advspectra.read_arrays(file.path)["perturbation"]
    assert delta.shape == (4, 3, 12, 12)
    assert rows.image.tolist() == [0, 3, 6, 9] and rows.label.tolist() == [0, 1, 2, 0]
    assert rows.success.tolist() == [True, False, True, True]
    assert rows.linf.tolist() == np.abs(delta).max(axis=(1, 2, 3)).tolist() == pytest.approx([EPSILON] * 4)
    # the second has no spectrum, as the study has those of successful attacks
    expected = flatness(power_spectrum(delta, convention="rgb"))
    expected[1] = np.nan
    assert rows.delta_flatness.to_numpy() == pytest.approx(expected, nan_ok=True)
    assert "pixel range" in frame.attrs["about"]["linf"] and "rgb" in frame.attrs["about"]["delta_l1"]


def test_every_column_of_every_frame_is_described(folder):
    study = advspectra.open_study(folder)
    (folder / "measures.csv").write_text(measures_table(study.runs, convention="paper").to_csv())
    images, networks, measures = study.each_image(), study.each_network(predictor="rescaled"), study.measures()
    for frame in (images, networks, measures):
        assert list(frame) and [name for name in frame if not frame.attrs["about"].get(name)] == []
    assert images.attrs["about"]["label"] == "true class"
    assert networks.attrs["about"]["label"] == "the network as figures and tables name it"
    assert networks.attrs["about"]["beta_l1"] == "‖β̂‖₁, predictor rescaled"


def test_images_of_two_sets_are_told_apart_by_what_the_attack_saw(tmp_path):
    delta = np.full((3, 1, 4, 4), 0.01, dtype=np.float32)
    seen = {"images_of": "training", "against": "prediction", "batch_norm": "16 batches of 128"}
    for attack, about in (("old", {}), ("seen", seen)):
        who = identity() | BEST | {"attack": attack} | about
        write_perturbations(tmp_path / f"cifar10/{attack}/perturbations.h5", who, delta, np.ones(3, dtype=bool), 2)
    frame = advspectra.open_study(tmp_path).each_image()
    assert frame[frame.attack == "seen"][list(seen)].drop_duplicates().to_dict("records") == [seen]
    assert set(frame[frame.attack == "old"].images_of) == {"test"}
    assert frame.groupby(["images_of", "image"]).size().tolist() == [1] * 6


def test_what_the_network_is_right_about_is_known_before_the_attack(tmp_path):
    right = np.array([True, False, True])
    delta = np.full((3, 1, 4, 4), 0.01, dtype=np.float32)
    write_perturbations(
        tmp_path / "cifar10/perturbations.h5", identity() | BEST, delta, np.zeros(3, dtype=bool), 2, right
    )
    assert advspectra.open_study(tmp_path).each_image().correct.tolist() == right.tolist()


def test_each_network_is_a_row(folder):
    study = advspectra.open_study(folder)
    raw, rescaled = study.each_network(), study.each_network(predictor="rescaled")
    assert raw.label.tolist() == ["Fully Connected (linear)", "Fully Connected (ReLU)"]
    assert raw.learning_rate.tolist() == [0.03, 0.1] and raw.test_accuracy.tolist() == [0.4, 0.6]
    arrays = advspectra.read_arrays(study.runs[0].files["predictor"][0].path)
    assert raw.beta_l1[0] == pytest.approx(arrays["raw/norm_l1"].mean())
    assert rescaled.beta_l1[0] == pytest.approx(arrays["rescaled/norm_l1"].mean())
    assert np.isnan(raw.beta_l1[1])


def test_a_folder_without_results_or_of_several_data_sets_is_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="nowhere: expected a folder results/<study> .*, found no results in it"):
        advspectra.open_study(tmp_path / "nowhere")
    write_run(folder / "mnist", who=identity(dataset="mnist"), images=2, kinds=["spectra"])
    with pytest.raises(ValueError, match="results of one data set, found cifar10, mnist: give one of them"):
        advspectra.open_study(folder)
    with pytest.raises(ValueError, match="results of svhn, found cifar10, mnist"):
        advspectra.open_study(folder, dataset="svhn")
    assert len(advspectra.open_study(folder, dataset="mnist").runs) == 1


def test_what_is_no_result_file_has_no_arrays(tmp_path):
    (tmp_path / "spectra.h5").write_text("no HDF5")
    with pytest.raises(ValueError, match="spectra.h5"):
        advspectra.read_arrays(tmp_path / "spectra.h5")
