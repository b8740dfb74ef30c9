"""One good file of each kind, its readers, and one of its arrays: for tests that then make the file hostile."""

import os

import numpy as np
import pytest
from synthetic_results import random_line, write_lines, write_perturbations, write_predictor, write_spectra

from advspectra.files.checkpoints import Checkpoint, Training, read_checkpoints, read_origin, write_checkpoints
from advspectra.files.images import ImageSet, read_images, write_images
from advspectra.files.lines import read_lines
from advspectra.files.perturbations import read_attacked_images, read_perturbations
from advspectra.files.predictors import read_predictor
from advspectra.files.spectra import read_spectra
from advspectra.networks.build import build_network
from advspectra.networks.stored import load_network

FORM = {
    "architecture": "fully_connected",
    "options": {"hidden_units": 3},
    "activation": "linear",
    "depth": 1,
    "image_shape": (3, 8, 8),
    "classes": 4,
}
IDENTITY = {"dataset": "toy", "network": "toy", "activation": "linear", "depth": 1, "alpha": 1, "seed": 0}
STATE = IDENTITY | {"attack": "pgd", "checkpoint": "best", "step": 5, "epoch": 1}
RNG = np.random.default_rng(0)


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def make_images(path):
    pixels, labels = RNG.integers(0, 256, (4, 3, 8, 8), dtype=np.uint8), np.array([0, 1, 0, 1])
    write_images(path, ImageSet(pixels, labels, pixels, labels, ("cat", "dog"), {"source": "made up"}))


def make_checkpoints(path):
    row = {"epoch": 1, "step": 5, "learning_rate": 0.1, "train_loss": 1.0, "train_accuracy": 0.5, "test_accuracy": 0.25}
    training = Training(history=[row], best_epoch=1, learning_rate=0.1)
    network = build_network(**FORM, alpha=1, alpha_scaling="plain", seed=7)
    training.checkpoints["best"] = Checkpoint(5, 1, 0.25, network.state_dict())
    write_checkpoints(path, training, architecture=FORM, attributes=IDENTITY)


def make_perturbations(path):
    delta = RNG.normal(size=(6, 3, 8, 8)).astype(np.float32)
    write_perturbations(path, STATE, delta, np.ones(6, dtype=bool), classes=4)


def make_spectra(path):
    write_spectra(path, STATE, delta=RNG.normal(size=(6, 3, 8, 8)).astype(np.float32))


def make_predictor(path):
    write_predictor(path, IDENTITY, RNG.normal(size=(4, 3, 8, 8)))


def make_lines(path):
    write_lines(path, STATE, {end: random_line(RNG, 3, 1.0) for end in ("adversarial", "random", "boundary")})


MAKE = {
    "images": make_images,
    "checkpoints": make_checkpoints,
    "perturbations": make_perturbations,
    "spectra": make_spectra,
    "predictor": make_predictor,
    "lines": make_lines,
}
ARRAY = {
    "images": "train/labels",
    "checkpoints": "states/best/readout.weight",
    "perturbations": "perturbation",
    "spectra": "paper/radial_energy",
    "predictor": "beta",
    "lines": "adversarial/length",
}
READERS = {
    "images": ("images", read_images),
    "network": ("checkpoints", lambda path: load_network(path, name="best", expected={})),
    "place": ("checkpoints", lambda path: read_origin(path, name="best")),
    "checkpoints": ("checkpoints", read_checkpoints),
    "perturbations": ("perturbations", read_perturbations),
    "perturbations-table": ("perturbations", read_attacked_images),
    "spectra": ("spectra", lambda path: read_spectra(path, "paper")),
    "predictor": ("predictor", read_predictor),
    "lines": ("lines", read_lines),
}
RESULTS = [kind for kind in MAKE if kind != "images"]
every_reader = pytest.mark.parametrize("reader", READERS)


def write(tmp_path, reader):
    """Write a good file; return its path, its reader and the name of one of its arrays."""
    kind, read = READERS[reader]
    path = tmp_path / f"{kind}.h5"
    MAKE[kind](path)
    return path, read, ARRAY[kind]
