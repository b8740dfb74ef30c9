"""One good file of each kind, its readers, and one of its arrays: for tests that then make the file hostile."""

import os

import numpy as np
import pytest

from advspectra.files import results as result_files
from advspectra.files.checkpoints import Checkpoint, Training, load_network, read_origin, write_checkpoints
from advspectra.files.hdf5 import open_checked
from advspectra.files.images import ImageSet, read_images, write_images
from advspectra.files.lines import ABOUT, write_lines
from advspectra.files.perturbations import read_perturbations, write_perturbations
from advspectra.files.predictors import write_predictor
from advspectra.files.spectra import write_spectra
from advspectra.networks.build import build_network
from advspectra.perturb import Perturbations

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


def perturbations() -> Perturbations:
    whole = {name: np.arange(6) % 4 for name in ("image", "label", "clean_prediction", "adversarial_prediction")}
    logits = {name: RNG.normal(size=(6, 4)).astype(np.float32) for name in ("clean_logits", "adversarial_logits")}
    norms = {name: RNG.random(6) for name in ("l1", "l2", "linf")}
    delta = RNG.normal(size=(6, 3, 8, 8)).astype(np.float32)
    return Perturbations(perturbation=delta, success=np.ones(6, dtype=bool), **whole, **logits, **norms)


def make_images(path):
    pixels, labels = RNG.integers(0, 256, (4, 3, 8, 8), dtype=np.uint8), np.array([0, 1, 0, 1])
    write_images(path, ImageSet(pixels, labels, pixels, labels, ("cat", "dog"), {"source": "made up"}))


def make_checkpoints(path):
    row = {"epoch": 1, "step": 5, "learning_rate": 0.1, "train_loss": 1.0, "train_accuracy": 0.5, "test_accuracy": 0.25}
    training = Training(history=[row], best_epoch=1, learning_rate=0.1)
    network = build_network(**FORM, alpha=1, alpha_scaling="plain", seed=7)
    training.checkpoints["best"] = Checkpoint(5, 1, 0.25, network.state_dict())
    write_checkpoints(path, training, architecture=FORM, attributes=IDENTITY)


def make_spectra(path):
    settings = {"conventions": ["paper"], "images": "all", "angular_bins": 12}
    arrays = {name: getattr(perturbations(), name) for name in ("perturbation", "success", "image")}
    write_spectra(path, **arrays, **settings, attributes=STATE)


def make_predictor(path):
    beta = RNG.normal(size=(4, 3, 8, 8))
    write_predictor(path, beta=beta, rescaled=beta, intercept=np.zeros(4), attributes=IDENTITY)


def make_lines(path):
    ends = dict.fromkeys(("adversarial", "random", "boundary"), dict.fromkeys(ABOUT, np.zeros(3)))
    images = dict.fromkeys(("image", "label", "correct", "success"), np.zeros(3))
    settings = {"exact_images": 3, "samples": 201, "stretch_limit": 2.0}
    write_lines(path, images=images, lines=ends, attributes=STATE | settings)


def in_a_table(kind, *arguments):
    """The reader of tables and figures."""

    def read(path):
        with open_checked(path, kind=kind, version=1) as file:
            return getattr(result_files, kind)(file, *arguments)

    return read


MAKE = {
    "images": make_images,
    "checkpoints": make_checkpoints,
    "perturbations": lambda path: write_perturbations(path, perturbations(), attributes=STATE),
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
    "checkpoints": ("checkpoints", in_a_table("checkpoints")),
    "perturbations": ("perturbations", read_perturbations),
    "perturbations-table": ("perturbations", in_a_table("perturbations")),
    "spectra": ("spectra", in_a_table("spectra", "paper")),
    "predictor": ("predictor", in_a_table("predictor")),
    "lines": ("lines", in_a_table("lines")),
}
RESULTS = [kind for kind in MAKE if kind != "images"]
every_reader = pytest.mark.parametrize("reader", READERS)


def write(tmp_path, reader):
    """Write a good file; return its path, its reader and the name of one of its arrays."""
    kind, read = READERS[reader]
    path = tmp_path / f"{kind}.h5"
    MAKE[kind](path)
    return path, read, ARRAY[kind]
