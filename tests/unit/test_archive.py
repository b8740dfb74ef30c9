"""Studies that earlier versions made stay readable, to the values that h5py alone found in them.

The numbers below were read with h5py from the files themselves; see tests/archive/README.md.
"""

import hashlib
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

import advspectra
from advspectra.checks import check_result
from advspectra.files.formats import FORMATS
from advspectra.files.images import read_images
from advspectra.files.perturbations import read_perturbations
from advspectra.networks.stored import load_network
from advspectra_study.verify.one_file import WHOLE, look

ARCHIVE = Path(__file__).parents[1] / "archive"
STUDIES = sorted(path.name.removesuffix(".tar.xz") for path in ARCHIVE.glob("*.tar.xz"))
ACCURACIES = {"version-1": [0.5, 0.5], "version-2": [0.75, 0.5]}  # of the best epochs, in history.csv of the runs
RELU = "tiny/bands/bounded_width_3-relu/depth=1/alpha=1/seed=0"


@pytest.fixture(scope="module", params=STUDIES)
def archived(request, tmp_path_factory):
    """The name of an archived study, and the folder in which it was unpacked."""
    folder = tmp_path_factory.mktemp("archive")
    with tarfile.open(ARCHIVE / f"{request.param}.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    return request.param, folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of the study whose values are written down here."""
    folder = tmp_path_factory.mktemp("version-1")
    with tarfile.open(ARCHIVE / "version-1.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    return folder


def test_the_archive_is_small():
    assert sum(path.stat().st_size for path in ARCHIVE.iterdir()) < 200_000


def test_all_arrays_of_an_archived_study_are_read_as_they_are(archived):
    name, folder = archived
    pinned = json.loads((ARCHIVE / f"{name}.json").read_text(encoding="utf-8"))
    assert {path.stem for path in folder.rglob("*.h5")} == set(FORMATS)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.h5")} == set(pinned)
    for path, expected in pinned.items():
        arrays = advspectra.read_arrays(folder / path)
        found = {
            name: f"{array.dtype.name} {array.shape} {hashlib.sha256(array.tobytes()).hexdigest()[:16]}"
            for name, array in arrays.items()
        }
        assert found == expected, path


def test_all_files_of_an_archived_study_are_sound(archived):
    _, folder = archived
    for path in folder.rglob("*.h5"):
        check_result(path, kind=path.stem)
    for path in (path for path in folder.rglob("*") if path.suffix in (".h5", ".json", ".csv")):
        assert look(str(path))[0] == WHOLE, path


def test_an_archived_study_has_its_runs_and_frames(archived):
    name, folder = archived
    study = advspectra.open_study(folder / "tiny")
    assert [run.label for run in study.runs] == [
        "Fully Connected (linear)",
        "Bounded Width Convolution, 3 channels (ReLU)",
    ]
    images = study.each_image()
    successes = images.groupby(["network", "attack", "checkpoint"])["success"].sum().to_dict()
    assert successes["bounded_width_3", "minimal", "best"] == 3
    assert not images["delta_frequency"].isna().all()
    assert study.each_network()["test_accuracy"].tolist() == ACCURACIES[name]
    assert len(study.measures()) > 100


def test_the_readers_of_tables_and_figures_give_the_values_of_version_1(folder):
    linear, relu = advspectra.open_study(folder / "tiny").runs
    predictor, training = linear.predictor(), relu.checkpoints()
    assert predictor.beta.sum() == pytest.approx(-0.1685421140173443, rel=1e-12)
    assert predictor.raw.norm_l1 == pytest.approx([7.84087403, 7.07645435])
    assert predictor.rescaled.radial_energy.sum() == pytest.approx(2194.9832845659753)
    assert (training.learning_rate, training.history["test_accuracy"].tolist()) == (0.01, [0.5])
    assert {name: (kept.step, kept.test_accuracy) for name, kept in training.kept.items()} == {
        "step=0": (0, 0.5),
        "best": (2, 0.5),
    }
    (pgd,), (start, best) = relu.attacked("pgd"), relu.attacked("minimal")
    spectra = pgd.spectra("paper")
    norms = [1.26400661, 1.22928941, 1.25718804, 1.38642933, 1.23714849, 1.24417472]
    assert spectra.norm_l2 == pytest.approx(norms)
    assert spectra.radial_energy.sum() == pytest.approx(9.69008032253794)
    assert pgd.spectra("rgb").mean_power.sum() == pytest.approx(10.295100183445093)
    assert (start.step, best.step) == (0, 2)
    attacked = best.perturbations()
    assert attacked.image.tolist() == [0, 1, 2, 3, 6, 7] and attacked.label.tolist() == [1, 0, 1, 1, 0, 0]
    assert attacked.success.tolist() == [True, False, True, True, False, False]
    assert attacked.zero_gradient is None
    assert (attacked.images_of, attacked.against, attacked.batch_norm) == ("test", "label", "as_is")
    assert np.abs(attacked.perturbation(2)).max() == pytest.approx(0.0784313976764679, rel=1e-6)
    lines = best.lines()
    assert lines.image.tolist() == [0, 1, 2, 6] and lines.stretch_limit == 16
    assert lines.adversarial.breakpoints.tolist() == [8, 0, 17, 0]
    assert lines.boundary.length == pytest.approx([14.25370789, 0, 14.48647308, 0])
    assert lines.adversarial.logits["true_change"] == pytest.approx([0.1042427, 0, 0.1033261, 0])
    assert relu.attacks == {"minimal": None, "pgd": None, "moved": ("minimal", "best")}


def test_an_archived_network_answers_as_it_did(folder):
    images = read_images(folder / "tiny/bands/images.h5")
    assert images.test_images.sum() == 391738 and images.class_names == ("class_0", "class_1")
    arrays, _ = read_perturbations(folder / RELU / "minimal/best/perturbations.h5")
    network, _ = load_network(folder / RELU / "checkpoints.h5", name="best", expected={"activation": "relu"})
    inputs = torch.from_numpy(images.test_images[arrays["image"]]).float() / 255
    with torch.no_grad():
        logits = network(inputs), network(inputs + torch.from_numpy(arrays["perturbation"]))
    for found, name in zip(logits, ("clean_logits", "adversarial_logits"), strict=True):
        torch.testing.assert_close(found, torch.from_numpy(arrays[name]), rtol=1e-4, atol=1e-5)


def test_perturbations_of_version_2_say_what_the_attack_saw(tmp_path):
    with tarfile.open(ARCHIVE / "version-2.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    _, relu = advspectra.open_study(tmp_path / "tiny").runs
    for kept in (*relu.attacked("minimal"), *relu.attacked("moved"), *relu.attacked("pgd")):
        attacked = kept.perturbations()
        assert attacked.zero_gradient.tolist() == [False] * 6
        assert (attacked.images_of, attacked.against, attacked.batch_norm) == ("test", "label", "as_is")
    arrays, _ = read_perturbations(tmp_path / RELU / "moved/step=0/perturbations.h5")
    found, _ = read_perturbations(tmp_path / RELU / "minimal/best/perturbations.h5")
    assert arrays["source_prediction"].tolist() == found["adversarial_prediction"].tolist()
