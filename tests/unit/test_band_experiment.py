"""Where the useful information lies, there the perturbations are: the controlled experiment with a known answer."""

import numpy as np
import pytest
import torch
from recipes import train

from advspectra import fourier
from advspectra.datasets.band_features import load
from advspectra.networks.build import build_network
from advspectra.perturb import balanced_subset, build_attack, perturb
from advspectra.split import on_device

BANDS = {"low": (2, 4), "middle": (6, 9), "high": (12, 15)}
NETWORKS = {
    "fully_connected": {"activation": "linear", "options": {"hidden_units": 200}},
    "bounded_width_convolution": {"activation": "relu", "options": {"channels": 8, "kernel_size": 3}},
}
DATA = {
    "classes": 10,
    "train_per_class": 400,
    "test_per_class": 100,
    "image_size": [32, 32],
    "channels": 3,
    "orientation": None,
    "contrast": 0.4,
    "background_rms": 0.15,
    "exponent": 1.0,
    "channel_correlation": 0.9,
    "seed": 0,
}
TRAINING = {
    "learning_rate": 0.01,
    "epochs": 10,
    "batch_size": 128,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "schedule": {"factor": 1.0, "every": 1, "reset_at": None},
    "selection": {"by": "test", "held_out_fraction": 0},
    "checkpoints": {"steps": [0], "epochs": []},
    "simplified": True,
    "seed": 0,
}
CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=BANDS)
def band(request):
    low, high = BANDS[request.param]
    images = load(band={"low": low, "high": high}, **DATA)
    parts = [(images.train_images, images.train_labels), (images.test_images, images.test_labels)]
    return low, high, *(on_device(*part, CPU) for part in parts)


def mean_radial_energy(network, test):
    """Mean radial energy of the perturbations of 100 test images, as shares of the total power."""
    parameters = {"steps": 20, "rel_stepsize": 0.1}
    attack = build_attack("foolbox", attack="LinfPGD", epsilon=8 / 255, parameters=parameters)
    chosen = balanced_subset(test.labels.numpy(), 100)
    perturbation = perturb(
        network, test, chosen, attack, batch_size=100, simplify=True, precision="float32", seed=0
    ).perturbation
    energy = fourier.radial_energy(fourier.power_spectrum(perturbation, convention="paper"))
    return (energy / energy.sum(axis=1, keepdims=True)).mean(axis=0)


@pytest.mark.parametrize("architecture", NETWORKS)
def test_radial_energy_of_a_trained_network_peaks_in_the_band_of_the_class_features(band, architecture):
    low, high, train_split, test_split = band
    form = {"image_shape": (3, 32, 32), "classes": 10, "depth": 1, **NETWORKS[architecture]}
    network = build_network(architecture, **form, alpha=1, alpha_scaling="plain", seed=0)
    untrained = mean_radial_energy(network, test_split)
    network.requires_grad_(True)
    result = train(network, train_split, test_split, **TRAINING)
    assert result.best()["test_accuracy"] > 0.5  # chance is 0.1
    trained = mean_radial_energy(network, test_split)
    assert low <= np.argmax(trained) <= high
    # untrained networks peak in the outer rings, which have the most frequencies: it is training that brings the energy
    assert low <= np.argmax(trained - untrained) <= high
