"""The files of a run: what is written comes back, and what does not belong is refused with one clear error."""

import json

import h5py
import numpy as np
import pytest
import torch
from damaged_files import changed

from advspectra import fourier
from advspectra.files.checkpoints import (
    Checkpoint,
    Training,
    read_origin,
    write_checkpoints,
    write_history,
)
from advspectra.files.hdf5 import content_sha256
from advspectra.files.perturbations import origin, read_perturbations, write_perturbations
from advspectra.networks.build import build_network
from advspectra.networks.stored import load_network
from advspectra.perturb import AttackResult
from advspectra.spectra import write_predictor, write_spectra

FORM = {
    "architecture": "bounded_width_convolution",
    "options": {"channels": 2, "kernel_size": 3},
    "activation": "relu",
    "depth": 1,
    "image_shape": (3, 8, 8),
    "classes": 4,
}
IDENTITY = {"dataset": "toy", "network": "toy", "activation": "relu", "depth": 1, "alpha": 1, "seed": 0}


def toy_network(**changes):
    return build_network(**FORM | changes, alpha=1, alpha_scaling="plain", seed=7)


@pytest.fixture
def checkpoints(tmp_path):
    row = {"epoch": 1, "step": 5, "learning_rate": 0.1, "train_loss": 1.0, "train_accuracy": 0.5, "test_accuracy": 0.25}
    training = Training(history=[row], best_epoch=1, learning_rate=0.1, tries=[{"learning_rate": 0.1, "outcome": "ok"}])
    training.checkpoints["best"] = Checkpoint(5, 1, 0.25, toy_network().state_dict())
    write_checkpoints(tmp_path / "checkpoints.h5", training, architecture=FORM, attributes=IDENTITY)
    write_history(tmp_path / "history.csv", training)
    return tmp_path / "checkpoints.h5"


def test_a_network_comes_back_as_it_was(checkpoints):
    network, form = load_network(checkpoints, name="best", expected=FORM)
    inputs = torch.rand(5, 3, 8, 8)
    torch.testing.assert_close(network(inputs), toy_network()(inputs), rtol=0, atol=0)
    assert form == FORM
    with h5py.File(checkpoints) as file:
        assert file.attrs["test_accuracy"] == 0.25 and json.loads(file.attrs["tries"])[0]["outcome"] == "ok"
    assert (checkpoints.parent / "history.csv").read_text().splitlines()[1] == "1,5,0.1,1.0,0.5,0.25"


def test_a_state_says_when_it_was_kept_and_how_accurate_it_is(checkpoints):
    with h5py.File(checkpoints) as file:
        digest = content_sha256(file["states/best"])
        assert read_origin(checkpoints, name="best") == {"step": 5, "epoch": 1, "state_sha256": digest}
        assert file["states/best"].attrs["test_accuracy"] == 0.25


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "fully_connected"}, "architecture 'fully_connected', found 'bounded_width_convolution'"),
        ({"options": {"channels": 3, "kernel_size": 3}}, "expected a network with options .*3.*found .*2"),
        ({"activation": "linear"}, "activation 'linear', found 'relu'"),
        ({"image_shape": (3, 9, 9)}, r"image_shape \(3, 9, 9\), found \(3, 8, 8\)"),
    ],
)
def test_a_checkpoint_of_another_architecture_is_refused(checkpoints, changes, message):
    with pytest.raises(ValueError, match=f"checkpoints.h5: .*{message}"):
        load_network(checkpoints, name="best", expected=FORM | changes)


def test_a_missing_state_is_named_with_those_there_are(checkpoints):
    with pytest.raises(ValueError, match=r"expected a checkpoint 'epoch=3', found \['best'\]"):
        load_network(checkpoints, name="epoch=3", expected=FORM)
    with pytest.raises(ValueError, match=r"expected a checkpoint 'epoch=3', found \['best'\]"):
        read_origin(checkpoints, name="epoch=3")


def damage_shape(group):
    del group["hidden.0.weight"]
    group["hidden.0.weight"] = np.zeros((2, 3, 5, 5), dtype=np.float32)


def damage_value(group):
    group["readout.bias"][0] = np.nan


def damage_extra(group):
    group["readout.extra"] = np.zeros(2)


def damage_missing(group):
    del group["readout.bias"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_shape, r"'hidden.0.weight': expected shape \(2, 3, 3, 3\), found \(2, 3, 5, 5\)"),
        (damage_value, "'readout.bias': expected finite values"),
        (damage_extra, r"'readout.extra': expected shape nothing, found \(2,\)"),
        (damage_missing, r"'readout.bias': expected shape \(4,\), found nothing"),
    ],
)
def test_a_state_that_does_not_fit_its_network_is_refused(checkpoints, damage, message):
    with changed(checkpoints) as file:
        damage(file["states/best"])
    with pytest.raises(ValueError, match=message):
        load_network(checkpoints, name="best", expected=FORM)


def toy_perturbations(count=6):
    rng = np.random.default_rng(0)
    integers = {name: rng.integers(0, 4, count) for name in ("label", "clean_prediction", "adversarial_prediction")}
    logits = {name: rng.normal(size=(count, 4)).astype(np.float32) for name in ("clean_logits", "adversarial_logits")}
    norms = {name: rng.random(count).astype(np.float32) for name in ("l1", "l2", "linf")}
    return AttackResult(
        perturbation=rng.normal(size=(count, 3, 8, 8)).astype(np.float32),
        image=np.arange(count) * 10,
        success=np.array([True, False, True, True, False, True])[:count],
        zero_gradient=np.array([False, False, False, False, True, True])[:count],
        **integers,
        **logits,
        **norms,
    )


def test_perturbations_come_back_and_a_short_array_is_refused(tmp_path):
    path, written = tmp_path / "perturbations.h5", toy_perturbations()
    write_perturbations(path, written, attributes=IDENTITY)
    arrays, attributes = read_perturbations(path)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, getattr(written, name))
    assert attributes["network"] == "toy"
    with changed(path) as file:
        del file["success"]
        file["success"] = np.ones(3, dtype=bool)
    with pytest.raises(ValueError, match="perturbations.h5: expected arrays of one length.*'success': 3"):
        read_perturbations(path)
    with changed(path) as file:
        del file["success"]
    with pytest.raises(ValueError, match="perturbations.h5: damaged or incomplete.*success"):
        read_perturbations(path)


def test_what_is_made_from_perturbations_says_of_which_attack_and_state_they_are():
    of_attack = {"attack": "pgd", "checkpoint": "step=3", "step": 3, "epoch": 1}
    of_transfer = of_attack | {"source_attack": "pgd", "found_on": "best"}
    for attributes in (of_attack, of_transfer):
        assert origin(IDENTITY | attributes | {"norm": 2.0}) == attributes


def spectra_of(tmp_path, written, **changes):
    settings = {"conventions": ["paper", "rgb"], "images": "successful", "angular_bins": 12} | changes
    arrays = {name: getattr(written, name) for name in ("perturbation", "success", "image")}
    write_spectra(tmp_path / "spectra.h5", **arrays, **settings, attributes=IDENTITY)
    return h5py.File(tmp_path / "spectra.h5")


@pytest.mark.parametrize(("images", "rows"), [("successful", [0, 2, 3, 5]), ("all", [0, 1, 2, 3, 4, 5])])
def test_spectra_are_those_of_the_selected_images(tmp_path, images, rows):
    written = toy_perturbations()
    with spectra_of(tmp_path, written, images=images) as file:
        assert file["image"][()].tolist() == [10 * row for row in rows]
        assert (file.attrs["attacked"], file.attrs["selected"]) == (6, len(rows))
        transform = np.fft.fft2(np.tensordot(written.perturbation[rows], [0.299, 0.587, 0.114], axes=(1, 0)))
        np.testing.assert_allclose(file["paper/norm_l1"], np.abs(transform).sum(axis=(1, 2)), rtol=1e-6)
        mean = np.fft.fftshift((np.abs(transform) ** 2).mean(axis=0))
        np.testing.assert_allclose(file["paper/mean_power"], mean, rtol=1e-5)
        assert file["paper/angular_energy"].shape == (len(rows), 12)
        assert file["paper/radial_energy"].dims[1][0].name == "/radial_frequency"
        assert file["frequency_y"][()].tolist() == [-4, -3, -2, -1, 0, 1, 2, 3]
        total = (np.abs(np.fft.fft2(written.perturbation[rows])) ** 2).sum(axis=(1, 2, 3))
        np.testing.assert_allclose(file["rgb/radial_energy"][()].sum(axis=1), total, rtol=1e-5)


def test_no_successful_attack_gives_empty_spectra_not_a_failure(tmp_path):
    written = toy_perturbations()
    written.success[:] = False
    with spectra_of(tmp_path, written) as file:
        assert file.attrs["selected"] == 0 and file["paper/norm_l1"].shape == (0,)
        assert "mean_power" not in file["paper"]


def test_a_predictor_file_holds_the_map_and_the_spectra_of_both_its_forms(tmp_path):
    beta = np.random.default_rng(0).normal(size=(4, 3, 8, 8))
    given = {"beta": beta, "rescaled": lambda maps: 2 * maps, "intercept": np.zeros(4)}
    write_predictor(tmp_path / "predictor.h5", **given, attributes=IDENTITY)
    with h5py.File(tmp_path / "predictor.h5") as file:
        np.testing.assert_array_equal(file["beta"], beta)
        l1, l2 = fourier.norms(fourier.power_spectrum(beta, convention="paper"))
        np.testing.assert_allclose(file["raw/norm_l1"], l1)
        np.testing.assert_allclose(file["rescaled/norm_l2"], 2 * l2)
