"""The networks and images of the benchmarks: those of a finished study, or briefly trained ones made here."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from advspectra.datasets import band_features
from advspectra.files.checkpoints import write_checkpoints
from advspectra.files.images import ImageSet, write_images
from advspectra.networks.build import build_network
from advspectra.networks.stored import load_network
from advspectra.split import on_device
from advspectra.training.recipe import Recipe
from advspectra.training.train import evaluate, fit
from benchmarks.timing import ROOT

STUDY = ROOT / "results/workstation/cifar10"  # where images and trained networks are looked for
EPOCHS = 3  # of the networks trained here
EMBEDDED = {  # the images when none are given: those of the demo study
    "classes": 10,
    "train_per_class": 300,
    "test_per_class": 100,
    "image_size": (32, 32),
    "channels": 3,
    "band": {"low": 6, "high": 10},
    "orientation": None,
    "contrast": 0.5,
    "background_rms": 0.15,
    "exponent": 1,
    "channel_correlation": 0.9,
    "seed": 0,
}


@dataclass(frozen=True)
class Network:
    """An architecture of the paper's Table 3, or ResNet18 and VGG19.

    learning_rate : works on the embedded images and on CIFAR-10.
    attack_images : images of our timed attack, 1000 steps each; 0: the attack is not timed.
    peers : whether to time Torchattacks and ART beside Foolbox.
    train_images : images of one timed epoch of training, in batches of 128.
    """

    architecture: str
    options: dict
    activation: str
    depth: int
    learning_rate: float
    attack_images: int = 0
    peers: bool = False
    train_images: int = 2560
    small: dict = field(default_factory=dict)  # options of a network that trains and runs in seconds, for --quick

    def form(self, options: dict) -> dict:
        """The arguments of build_network that fix the network's form, without those of the images."""
        return {
            "architecture": self.architecture,
            "options": options,
            "activation": self.activation,
            "depth": self.depth,
        }


def _convolution(channels: int) -> dict:
    return {"channels": channels, "kernel_size": 3}


NETWORKS = {
    "fully_connected-linear": Network(
        "fully_connected", {"hidden_units": 2700}, "linear", 1, 0.01, 1000, True, small={"hidden_units": 64}
    ),
    "fully_connected-relu": Network(
        "fully_connected", {"hidden_units": 2700}, "relu", 1, 0.01, 500, True, small={"hidden_units": 64}
    ),
    "bounded_width_32-relu": Network("bounded_width_convolution", _convolution(32), "relu", 1, 0.01, 1000, True),
    "resnet18-relu": Network("resnet18", {"width": 0.25}, "relu", 17, 0.03, 64, True, 512, small={"width": 0.0625}),
    "bounded_width_3-linear": Network("bounded_width_convolution", _convolution(3), "linear", 1, 0.01, 1000),
    "bounded_width_32-linear": Network("bounded_width_convolution", _convolution(32), "linear", 1, 0.01, 1000),
    "full_width-linear": Network("full_width_convolution", {"channels": 3}, "linear", 1, 0.0005, 1000),
    "locally_connected-linear": Network(
        "locally_connected", _convolution(32), "linear", 1, 0.01, 1000, small=_convolution(4)
    ),
    "full_width-relu": Network("full_width_convolution", {"channels": 3}, "relu", 1, 0.0005),
    "locally_connected-relu": Network("locally_connected", _convolution(32), "relu", 1, 0.01, small=_convolution(4)),
    "shallow_resnet-relu": Network("shallow_resnet", {"channels": 32}, "relu", 3, 0.001, train_images=512),
    "vgg19-relu": Network("vgg19", {"width": 0.25}, "relu", 16, 0.01, train_images=512, small={"width": 0.0625}),
}


@dataclass(frozen=True)
class Trained:
    """A trained network: its file, accuracy on the test images (fraction), whether it was trained here."""

    path: Path
    accuracy: float
    trained_here: bool


def embedded_images(path: Path) -> Path:
    """Make the embedded images at `path`, and return it."""
    if not path.exists():
        write_images(path, band_features.load(**EMBEDDED))
    return path


def form_of(images: ImageSet) -> dict:
    """image_shape and classes of an image set."""
    return {"image_shape": images.test_images.shape[1:], "classes": len(images.class_names)}


def operations(network: torch.nn.Module, image_shape: tuple[int, int, int], *, training: bool) -> float:
    """The operations of matrix products and convolutions for one image: forward, and backward to the weights or, not in
    training, to the image.
    """
    network = copy.deepcopy(network).eval().requires_grad_(training)
    device = next(network.parameters()).device
    inputs = torch.rand(2, *image_shape, device=device, requires_grad=not training)
    with FlopCounterMode(display=False) as counter:
        network(inputs).sum().backward()
    return counter.get_total_flops() / 2


def find(label: str, *, folder: Path | None, given: Mapping[str, Path]) -> Path | None:
    """The file of the trained network `label`: the one given, or that of a study; None without either.

    folder : results/<study>/<dataset>; given : label -> file.
    """
    studied = folder and folder / label / f"depth={NETWORKS[label].depth}/alpha=1/seed=0/checkpoints.h5"
    return given.get(label) or (studied if studied and studied.exists() else None)


def prepared(
    label: str, options: dict, *, found: Path | None, images: ImageSet, cache: Path, device: torch.device
) -> Trained:
    """The network `label` in the file `found`; for None a network trained here for a few epochs.

    cache : folder of the networks trained here.
    ValueError if it does no better than chance: whether PGD cycles depends on training.
    """
    form = NETWORKS[label].form(options) | form_of(images)
    path = found or cache / f"{label}.h5"
    if not path.exists():
        train(path, form, rate=NETWORKS[label].learning_rate, images=images, device=device)
    options = form.pop("options")
    network, stored = load_network(path, name="best", expected=form)
    if stored["options"] | options != stored["options"]:  # of a study it may have others besides, such as biases
        raise ValueError(f"{path}: expected a network with options {options!r}, found {stored['options']!r}")
    _, accuracy = evaluate(network.to(device), on_device(images.test_images, images.test_labels, device))
    if not accuracy > 1.5 / form["classes"]:
        raise ValueError(f"{path}: expected a trained network, found one with a test accuracy of {accuracy:.3f}")
    return Trained(path.resolve(), accuracy, found is None)


def train(
    path: Path,
    form: dict,
    *,
    rate: float,
    images: ImageSet,
    device: torch.device,
    epochs: int = EPOCHS,
    seed: int = 0,
) -> None:
    """Train a network of this form and write its best checkpoint to `path`."""
    recipe = Recipe(
        epochs=epochs,
        batch_size=32 if len(images.train_labels) < 10_000 else 128,
        momentum=0.9,
        weight_decay=0,
        schedule={"factor": 0.3, "every": 4, "reset_at": None},
        selection={"by": "test", "held_out_fraction": 0},
        checkpoints={"steps": [], "epochs": []},
        simplified=True,
    )
    training = fit(
        lambda: build_network(**form, alpha=1.0, alpha_scaling="plain", seed=seed).to(device),
        on_device(images.train_images, images.train_labels, device),
        on_device(images.test_images, images.test_labels, device),
        recipe,
        learning_rate=rate,
        search=None,
        seed=seed,
        label=path.stem,
    )
    write_checkpoints(path, training, architecture=form, attributes={})
