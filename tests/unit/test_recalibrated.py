"""Running statistics estimated again, against means and variances that are computed here."""

import numpy as np
import pytest
import torch
from torch import nn

from advspectra.networks.recalibrated import has_statistics, recalibrate
from advspectra.split import on_device
from advspectra.streams import stream

SIZES = {"batches": 4, "batch_size": 8}


@pytest.fixture
def train():
    images = np.random.default_rng(0).integers(0, 256, (40, 3, 6, 6), dtype=np.uint8)
    return on_device(images, np.arange(40) % 10, torch.device("cpu"))


def normalised():
    """A layer of batch normalisation on the images themselves, and a second one after a convolution."""
    torch.manual_seed(0)
    return nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten())


def test_the_first_layer_gets_the_mean_over_batches_of_the_batches_statistics(train):
    network = normalised()
    recalibrate(network, train, **SIZES, seed=3)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(stream(3, "images of the statistics")))[:32]
    batches = [train.batch(index)[0].double() for index in order.split(8)]
    means = torch.stack([batch.mean(dim=(0, 2, 3)) for batch in batches]).mean(dim=0)
    variances = torch.stack([batch.var(dim=(0, 2, 3), unbiased=True) for batch in batches]).mean(dim=0)
    torch.testing.assert_close(network[0].running_mean.double(), means, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(network[0].running_var.double(), variances, rtol=1e-5, atol=1e-6)


def test_outputs_then_have_mean_0_and_variance_1_on_those_images(train):
    network = normalised()
    before = network.eval()(train.batch(slice(0, 40))[0])
    recalibrate(network, train, batches=1, batch_size=40, seed=0)
    after = network(train.batch(slice(0, 40))[0]).reshape(40, 4, -1)
    assert before.std() < 0.5  # means 0 and variances 1 do not fit
    torch.testing.assert_close(after.mean(dim=(0, 2)), torch.zeros(4), rtol=0, atol=1e-3)
    torch.testing.assert_close(after.std(dim=(0, 2)), torch.ones(4), rtol=1e-2, atol=0)


def test_weights_and_momenta_stay_and_the_network_is_in_inference_mode(train):
    network = normalised()
    weights = {name: tensor.clone() for name, tensor in network.named_parameters()}
    recalibrate(network, train, **SIZES, seed=0)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in network.named_parameters())
    assert [layer.momentum for layer in network if isinstance(layer, nn.BatchNorm2d)] == [0.1, 0.1]
    assert not network.training


def test_the_same_seed_gives_the_same_statistics_and_another_seed_others(train):
    found = []
    for seed in (0, 0, 1):
        network = normalised()
        recalibrate(network, train, **SIZES, seed=seed)
        found.append(network[3].running_var.clone())
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])


@pytest.mark.parametrize("sizes", [(6, 8), (1, 1), (0, 8)])
def test_too_many_or_too_small_batches_are_refused(train, sizes):
    with pytest.raises(ValueError, match=f"out of 40, got {sizes[0]} of {sizes[1]}"):
        recalibrate(normalised(), train, batches=sizes[0], batch_size=sizes[1], seed=0)


def test_which_networks_have_statistics():
    assert has_statistics(normalised())
    assert not has_statistics(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2, track_running_stats=False)))
