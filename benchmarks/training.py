"""One epoch of SGD: our loop, and a plain PyTorch loop over a DataLoader, on the same architecture and images."""

from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from advspectra.files.images import read_images
from advspectra.layers import CircularConv2d, ShallowNetwork
from advspectra.machine.devices import prepare
from advspectra.networks.build import build_network
from advspectra.split import on_device
from advspectra.training.recipe import Recipe
from advspectra.training.train import train
from benchmarks.networks import NETWORKS, form_of
from benchmarks.timing import Contender, plain_torch

BATCH_SIZE, MOMENTUM = 128, 0.9
RATE = 1e-5  # small: the timed epochs go on from each other, and none of them may diverge
TEST_IMAGES = 10  # our loop ends each epoch with an evaluation
SPATIAL_IMAGES = 256
OURS, LAYERED, PLAIN, SPATIAL = "ours", "ours, layer by layer", "DataLoader", "DataLoader, spatial"


def one_epoch(batch_size: int, *, simplified: bool = True) -> Recipe:
    """Plain SGD for an epoch, of which the best checkpoint alone is kept."""
    return Recipe(
        epochs=1,
        batch_size=batch_size,
        momentum=MOMENTUM,
        weight_decay=0,
        schedule={"factor": 1, "every": 1, "reset_at": None},
        selection={"by": "test", "held_out_fraction": 0},
        checkpoints={"steps": [], "epochs": []},
        simplified=simplified,
    )


class SpatialCircularConv2d(nn.Module):
    """The same layer as CircularConv2d, computed in image space: padding, then PyTorch's convolution."""

    def __init__(self, layer: CircularConv2d):
        super().__init__()
        self.weight = nn.Parameter(layer.weight.detach().clone())

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        height, width = inputs.shape[-2:]
        padded = functional.pad(inputs, (width - 1, 0, height - 1, 0), mode="circular")
        return functional.conv2d(padded, self.weight.flip(-2, -1))


def _network(label: str, options: dict, form: dict, *, plain: bool, spatial: bool = False) -> nn.Module:
    build = NETWORKS[label].form(options) | form
    network = build_network(**build, alpha=1.0, alpha_scaling="plain", seed=0)
    if plain:  # in PyTorch's own memory layout, as without our library
        network.to(memory_format=torch.contiguous_format)
        if isinstance(network, ShallowNetwork) and any(isinstance(layer, nn.Conv2d) for layer in network.hidden):
            network.layout = "channels_first"
    if spatial:
        network.hidden = nn.ModuleList(SpatialCircularConv2d(layer) for layer in network.hidden)
    return network


def start_ours(
    label: str,
    options: dict,
    images: Path,
    *,
    count: int,
    simplified: bool,
    device: str,
    threads: int,
    batch_size: int = BATCH_SIZE,
    plain: bool = False,
):
    """Our loop over images that stay on the device as bytes. plain : in PyTorch's own memory layout."""
    place = prepare(device, threads=threads)
    stored = read_images(images)
    network = _network(label, options, form_of(stored), plain=plain).to(place)
    train_split = on_device(stored.train_images[:count], stored.train_labels[:count], place)
    test_split = on_device(stored.test_images[:TEST_IMAGES], stored.test_labels[:TEST_IMAGES], place)
    recipe = one_epoch(batch_size, simplified=simplified)

    def run():
        train(network, train_split, test_split, recipe, learning_rate=RATE, seed=0)

    return run, lambda _: {}


def start_plain(label: str, options: dict, images: Path, *, count: int, spatial: bool, device: str, threads: int):
    """The loop of PyTorch's tutorials, over a TensorDataset of floats."""
    place = plain_torch(device, threads=threads)
    stored = read_images(images)
    network = _network(label, options, form_of(stored), plain=True, spatial=spatial).to(place)
    inputs = torch.tensor(stored.train_images[:count]).float() / 255
    loader = DataLoader(
        TensorDataset(inputs, torch.tensor(stored.train_labels[:count])), batch_size=BATCH_SIZE, shuffle=True
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=MOMENTUM)

    def run():
        network.train()
        for batch, labels in loader:
            optimizer.zero_grad()
            loss = functional.cross_entropy(network(batch.to(place)), labels.to(place))
            loss.backward()
            optimizer.step()

    return run, lambda _: {}


def contenders(label: str, options: dict, images: Path, *, count: int, device: str, threads: int) -> list[Contender]:
    """The contenders for one architecture; count : images of an epoch."""
    where = {"device": device, "threads": threads}
    ours = partial(start_ours, label, options, images, **where)
    plain = partial(start_plain, label, options, images, **where)
    starts = {OURS: partial(ours, simplified=True, count=count)}
    if NETWORKS[label].activation == "linear":
        starts[LAYERED] = partial(ours, simplified=False, count=count)
    starts[PLAIN] = partial(plain, spatial=False, count=count)
    if NETWORKS[label].architecture == "full_width_convolution":
        starts[SPATIAL] = partial(plain, spatial=True, count=min(count, SPATIAL_IMAGES))
    return [
        Contender(
            "training",
            label,
            name,
            start,
            amount=start.keywords["count"],
            imports=("torch._dynamo",),  # which PyTorch's optimizers import when they are made
            about={"images": start.keywords["count"], "batch_size": BATCH_SIZE},
        )
        for name, start in starts.items()
    ]
