"""What a config asks of its images that they cannot give is found before anything is trained."""

import copy

import numpy as np
import pytest
import torch
from study import CONFIG, ROOT

from advspectra import models
from advspectra.files.images import ImageSet, write_images
from advspectra.perturb import balanced_subset
from advspectra_study.config.images import image_faults, require_fit
from advspectra_study.config.load import ConfigError, load_config
from advspectra_study.run.machine import lacks

SCHEMA, LIBRARY = ROOT / "workflow/schemas/config.schema.yaml", ROOT / "workflow/lib"
RESNET = {"name": "resnet18", "architecture": "resnet18", "options": {"width": 1 / 64}, "activations": ["relu"]}
RESNET |= {"depths": [17], "learning_rate": 0.01}


def images(*, train=9, test=(5, 3, 4), shape=(3, 8, 8)):
    labels = np.arange(train) % len(test), np.repeat(np.arange(len(test)), test)
    pixels = [np.zeros((len(one), *shape), dtype=np.uint8) for one in labels]
    names = ("cat", "dog", "ship")[: len(test)]
    return ImageSet(pixels[0], labels[0], pixels[1], labels[1], names, {"source": "made up"})


def config(**changes):
    """A study of small networks, all of whose images have one size; changes : of its sections."""
    raw = copy.deepcopy(CONFIG) | {"transfers": [], "lines": [], "claims": {}}
    raw["dataset"] = {"name": "mine", "source": "image_folder", "options": {"path": "x"}}
    raw["attacks"] = raw["attacks"][:1]
    for section, change in changes.items():
        raw[section] = {**raw[section], **change} if isinstance(change, dict) else change
    return raw


def faults(given, **changes):
    loaded = load_config(config(**changes), schema_path=SCHEMA, library=LIBRARY)
    return [str(fault) for fault in image_faults(loaded, given)]


def test_images_that_fit_have_no_fault():
    assert not faults(images())


@pytest.mark.parametrize("test", [(5, 3, 4), (3, 3, 3), (5, 5, 3), (9, 1)])
def test_as_many_images_as_the_classes_have_are_allowed_and_no_more(test):
    given = images(test=test)

    def asked(count):
        return faults(given, attacks=[CONFIG["attacks"][0] | {"images": count}])

    most = max(count for count in range(1, sum(test) + 1) if not asked(count))
    assert len(balanced_subset(given.test_labels, most)) == most
    with pytest.raises(ValueError):
        balanced_subset(given.test_labels, most + 1)
    assert asked(most + 1)[0].endswith(f"allowed: at most {most}")


def test_the_class_that_has_too_few_images_is_named():
    found = faults(images(test=(4, 1)), attacks=[CONFIG["attacks"][0] | {"images": 4}])
    text = "found 4, which needs 2 test images of class 'dog', which has 1; allowed: at most 3"
    assert found == [f"attacks[0].images: {text}"]


def test_an_attack_on_training_images_is_limited_by_them():
    attack = CONFIG["attacks"][0] | {"images": 6}
    assert faults(images(train=9, test=(1, 1, 1)), attacks=[attack | {"images_of": "training"}]) == []
    found = faults(images(train=4, test=(5, 5, 5)), attacks=[attack | {"images_of": "training"}])
    text = "found 6, which needs 2 training images of class 'dog', which has 1; allowed: at most 4"
    assert found == [f"attacks[0].images: {text}"]


def test_statistics_are_not_estimated_on_more_images_than_there_are():
    def asked(batches):
        keys = {"batch_norm": {"batches": batches, "batch_size": 3}}
        return faults(images(train=9), attacks=[CONFIG["attacks"][0] | keys])

    assert asked(3) == []
    assert asked(4) == [
        "attacks[0].batch_norm: found 4 batches of 3 images; allowed: at most the 9 training images in all"
    ]


def test_a_last_batch_of_one_image_is_too_few_for_the_normalisation_of_one_pixel():
    attacks = [CONFIG["attacks"][0]]
    small = {"networks": [RESNET], "attacks": attacks, "training": CONFIG["training"] | {"batch_size": 8}}
    text = (
        "found 8, with which the last batch of 9 training images has 1, too few for the batch normalisation of resnet18"
    )
    assert faults(images(), **small) == [f"training.batch_size: {text}; allowed: another number, such as 9"]
    assert not faults(images(train=10), **small)
    assert not faults(images(shape=(3, 16, 16)), **small)  # its last layers have 2 x 2 pixels
    assert not faults(images(), **small | {"networks": CONFIG["networks"]})


def test_a_network_that_the_images_do_not_allow_is_named():
    wide = RESNET | {"options": {"width": 0.001}}
    found = faults(images(), networks=[*CONFIG["networks"], wide])
    assert len(found) == 1 and found[0].startswith("networks[2]: resnet18") and "without channels" in found[0]


SMOOTH = """
from torch import nn

SPEC = {"options": {}, "required": [], "activations": ["linear", "gelu"], "depths": [1], "alpha": False}


def build(*, image_shape, classes, activation, depth):
    hidden = nn.GELU() if activation == "gelu" else nn.Identity()
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 4), hidden, nn.Linear(4, classes))
"""


@pytest.mark.parametrize("outputs", [1, 5])
def test_a_network_with_another_number_of_outputs_than_classes_is_refused(tmp_path, monkeypatch, outputs):
    (tmp_path / f"outputs_{outputs}.py").write_text(SMOOTH.replace("nn.Linear(4, classes)", f"nn.Linear(4, {outputs})"))
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    loaded = load_config(config(), schema_path=SCHEMA, library=LIBRARY)
    loaded["networks"] = [
        loaded["networks"][0] | {"architecture": f"outputs_{outputs}", "options": {}, "activations": ["linear"]}
    ]
    (fault,) = image_faults(loaded, images())
    classes = len(images().class_names)
    text = f"expected logits (images, classes) of the shape (2, {classes}), got (2, {outputs})"
    assert str(fault) == f"networks[0]: fully_connected with these images: {text}"


def test_lines_through_a_network_that_no_line_can_be_followed_through_are_refused(tmp_path, monkeypatch):
    (tmp_path / "smooth.py").write_text(SMOOTH)
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    lines = [{"attack": "pgd", "images": 4, "exact_images": 2}]

    def found(activations, run=None, **changes):
        loaded = load_config(config(lines=lines, **changes), schema_path=SCHEMA, library=LIBRARY)
        loaded["networks"][0] |= {"architecture": "smooth", "options": {}, "activations": activations}
        return [str(fault) for fault in image_faults(loaded, images(), run)]

    (fault,) = found(["linear", "gelu"])
    assert fault.startswith("lines[0].networks: found fully_connected-gelu, which no line can be followed through (")
    assert "found GELU" in fault and fault.endswith("allowed: networks of affine operations, ReLU and max-pooling")
    run = {"network": "fully_connected", "activation": "gelu", "depth": 1, "alpha": 1, "seed": 0}
    assert found(["linear", "gelu"], run) == [fault]
    assert found(["linear", "gelu"], run | {"activation": "linear"}) == found(["linear"]) == []
    lines[0]["networks"] = ["bounded_width_3"]
    assert found(["linear", "gelu"]) == []


def test_a_training_tries_its_own_network_alone():
    wide = RESNET | {"options": {"width": 0.001}}
    loaded = load_config(config(networks=[*CONFIG["networks"], wide]), schema_path=SCHEMA, library=LIBRARY)
    runs = [{"network": "fully_connected", "activation": "linear", "depth": 1}]
    runs += [{"network": "resnet18", "activation": "relu", "depth": 17}]
    assert [len(image_faults(loaded, images(), run | {"alpha": 1, "seed": 0})) for run in runs] == [0, 1]
    assert len(image_faults(loaded, images())) == 1


def test_the_luminance_is_that_of_gray_or_colour_images():
    found = faults(images(shape=(2, 8, 8)))
    assert [text.partition(": ")[0] for text in found] == ["spectra.conventions[0]", "networks[0].activations[0]"]
    assert not faults(images(shape=(1, 8, 8)))


def test_states_after_the_last_step_and_an_empty_part_are_faults():
    late = CONFIG["training"] | {"checkpoints": {"steps": [0, 1, 2]}}
    assert faults(images(), training=late) == [
        "training.checkpoints.steps[2]: found 2; allowed: at most 1, the last step"
    ]
    held = CONFIG["training"] | {"selection": {"by": "held_out", "held_out_fraction": 0.01}}
    assert "leaves one part of 9 training images empty" in faults(images(), training=held)[0]


@pytest.mark.parametrize("own", [{"epochs": 2}, {"batch_size": 9}])
def test_a_shorter_training_of_its_own_must_reach_the_steps_of_the_study(own):
    usual = CONFIG["training"] | {"epochs": 4, "batch_size": 3, "checkpoints": {"steps": [0, 6, 7, 12]}}
    longer, shorter = copy.deepcopy(CONFIG["networks"])
    longer["training"], shorter["training"] = {"epochs": 5}, own
    last = 6 if "epochs" in own else 4
    why = f"found {last} steps in all; allowed: at least 12, as in training.checkpoints, or checkpoints of its own"
    assert faults(images(), training=usual, networks=[longer, shorter]) == [f"networks[1].training: {why}"]
    shorter["checkpoints"] = {"steps": [last]}
    assert not faults(images(), training=usual, networks=[longer, shorter])


def test_all_faults_are_told_at_once_and_nothing_is_drawn(tmp_path):
    write_images(tmp_path / "images.h5", images(test=(4, 1), shape=(2, 8, 8)))
    before = torch.get_rng_state()
    with pytest.raises(ConfigError, match="with the images of mine the config has 3 errors:"):
        require_fit(config(), tmp_path / "images.h5")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_machine_is_said_to_lack_only_what_it_cannot_have(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("pathlib.Path.exists", lambda path: False)
    assert lacks("cuda") and lacks("mps") and not lacks("cpu") and not lacks("auto")
    monkeypatch.setattr("pathlib.Path.exists", lambda path: str(path) == "/dev/dxg")
    assert not lacks("cuda")
    monkeypatch.setattr("sys.platform", "darwin")
    assert lacks("cuda") and not lacks("mps")
