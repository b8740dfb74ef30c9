"""A study that attacks training images, against the prediction, with batch normalisation estimated again."""

import copy

import h5py
import numpy as np
import pytest
import torch
from study import CONFIG, ROOT, Study, shared

from advspectra.attacking.seen import attacked_network
from advspectra.files.images import read_images
from advspectra.networks.stored import load_network
from advspectra_study.config.load import ConfigError, load_config
from advspectra_study.study import Study as Described

RUN = "results/tiny/bands/shallow_resnet-relu/depth=3/alpha=1/seed=0"
BATCH_NORM = {"batches": 3, "batch_size": 20}
KEYS = {"images_of": "training", "against": "prediction", "batch_norm": BATCH_NORM}
DEFAULTS = {"images_of": "test", "against": "label", "batch_norm": "as_is"}


def load(raw):
    library = ROOT / "workflow/lib"
    return load_config(raw, schema_path=ROOT / "workflow/schemas/config.schema.yaml", library=library)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    config = copy.deepcopy(CONFIG)
    config["networks"] = [
        {
            "name": "shallow_resnet",
            "architecture": "shallow_resnet",
            "options": {"channels": 2},
            "activations": ["relu"],
            "depths": [3],
            "alphas": [1],
            "learning_rate": 0.01,
        }
    ]
    (pgd,) = [attack for attack in config["attacks"] if attack["name"] == "pgd"]
    config["attacks"] = [pgd | KEYS | {"checkpoints": "all"}]
    config["transfers"] = [{"name": "moved", "attack": "pgd"}]
    config["lines"] = [{"attack": "moved", "images": 4, "exact_images": 2}]
    del config["claims"]
    files = ("pgd/step=0/spectra.h5", "moved/step=0/perturbations.h5", "moved/step=0/lines.h5")
    targets = [f"{RUN}/{name}" for name in files]
    return shared(tmp_path_factory, "seen", lambda folder: Study(folder, config, *targets).run(), *targets)


def test_attack_transfer_and_lines_see_the_same_images_classes_and_network(study):
    folder = study.folder / RUN
    images = read_images(study.folder / "results/tiny/bands/images.h5")
    kept, _ = load_network(folder / "checkpoints.h5", name="step=0", expected={})
    about = {"batch_norm": BATCH_NORM, "seed": 0, "device": torch.device("cpu")}
    network = attacked_network(copy.deepcopy(kept), images, **about)
    for name in ("pgd", "moved"):
        with h5py.File(folder / name / "step=0/perturbations.h5") as file:
            arrays = {name: file[name][()] for name in file}
            attributes = [file.attrs[key].decode() for key in KEYS]
        assert attributes == ["training", "prediction", "3 batches of 20"]
        index = arrays["image"]
        np.testing.assert_array_equal(arrays["label"], images.train_labels[index])
        assert np.bincount(arrays["label"]).tolist() == [4, 4]
        inputs = torch.from_numpy(images.train_images[index]).float() / 255
        with torch.no_grad():
            logits, as_is = network(inputs).numpy(), kept(inputs).numpy()
        np.testing.assert_allclose(arrays["clean_logits"], logits, atol=1e-5)
        assert np.abs(logits - as_is).max() > 0.01
        changed = arrays["clean_prediction"] != arrays["adversarial_prediction"]
        np.testing.assert_array_equal(arrays["success"], changed)
    with h5py.File(folder / "moved/step=0/lines.h5") as file:
        assert [file.attrs[key].decode() for key in KEYS] == attributes
        rows = np.isin(arrays["image"], file["image"][()])
        np.testing.assert_array_equal(file["adversarial/changed"][()], changed[rows])
        # the true logit of a line is that of the predicted class
        place, predicted = np.flatnonzero(rows), arrays["clean_prediction"][rows]
        change = arrays["adversarial_logits"][place, predicted] - arrays["clean_logits"][place, predicted]
        np.testing.assert_allclose(file["adversarial/true_change"][()], np.abs(change), atol=1e-4)
    with h5py.File(folder / "pgd/step=0/spectra.h5") as file:
        assert [file.attrs[key].decode() for key in KEYS] == attributes


def test_without_the_keys_a_study_is_that_with_their_defaults():
    unsaid, said = (copy.deepcopy(CONFIG) for _ in "ab")
    said["attacks"] = [attack | DEFAULTS for attack in said["attacks"]]
    library = ROOT / "workflow/lib"
    assert Described.of(load(unsaid), library).attacks == Described.of(load(said), library).attacks


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("images_of", "train", ["images_of", "train", "test", "training"]),
        ("against", "predicted", ["against", "predicted", "label", "prediction"]),
        ("batch_norm", "recalibrated", ["batch_norm", "recalibrated", "as_is"]),
        ("batch_norm", {"batches": 3}, ["batch_norm", "batch_size"]),
        ("batch_norm", {"batches": 3, "batch_size": 1}, ["batch_norm", "batch_size"]),
    ],
)
def test_other_values_are_refused_by_name(key, value, said):
    config = copy.deepcopy(CONFIG)
    config["attacks"][0][key] = value
    with pytest.raises(ConfigError) as refused:
        load(config)
    assert "the config has 1 error" in str(refused.value)
    assert all(word in str(refused.value) for word in ["attacks[0]", *said]), str(refused.value)
