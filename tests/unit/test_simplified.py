"""Simplified networks compute the logits of the networks that they stand for."""

import pytest
import torch
from torch import nn

from advspectra.layers import LocallyConnected2d, ShallowNetwork
from advspectra.networks.build import build_network
from advspectra.networks.simplified import simplified

LINEAR = [
    ("fully_connected", {"hidden_units": 30}, 2),
    ("locally_connected", {"channels": 4, "kernel_size": 3}, 1),
    ("full_width_convolution", {"channels": 3}, 3),
    ("bounded_width_convolution", {"channels": 4, "kernel_size": 3}, 2),
]
NORMALIZED = [
    ("resnet18", {"width": 1 / 16}, 17),
    ("vgg19", {"width": 1 / 16}, 16),
    ("shallow_resnet", {"channels": 4}, 3),
]
SHAPE = (3, 11, 14)


def network_of(architecture, options, depth, activation):
    network = build_network(
        architecture,
        options=options,
        image_shape=SHAPE,
        classes=7,
        activation=activation,
        depth=depth,
        alpha=1.0,
        alpha_scaling="plain",
        seed=0,
    )
    torch.manual_seed(0)
    with torch.no_grad():  # statistics as a training leaves them: neither 0 nor 1
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.running_mean.uniform_(-0.5, 0.5)
                layer.running_var.uniform_(0.5, 2)
                layer.weight.uniform_(0.5, 2)
                layer.bias.uniform_(-0.5, 0.5)
    return network.double()


def images():
    return torch.rand(5, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("architecture", "options", "depth", "activation"),
    [(*case, "linear") for case in LINEAR] + [(*case, "relu") for case in LINEAR + NORMALIZED],
)
def test_the_logits_and_gradients_are_those_of_the_network(architecture, options, depth, activation):
    network = network_of(architecture, options, depth, activation).eval()
    found, expected = (one(images()) for one in (simplified(network, SHAPE), network))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    gradients = []
    for one in (simplified(network, SHAPE), network):
        inputs = images().requires_grad_()
        gradients.append(torch.autograd.grad(one(inputs).square().sum(), inputs)[0])
    torch.testing.assert_close(*gradients, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("architecture", "options", "depth"), LINEAR)
def test_a_linear_network_becomes_one_matrix(architecture, options, depth):
    found = simplified(network_of(architecture, options, depth, "linear"), SHAPE)
    assert [tuple(parameter.shape) for parameter in found.parameters()] == [(7, 3 * 11 * 14), (7,)]


@pytest.mark.parametrize(("architecture", "options", "depth"), NORMALIZED)
def test_no_normalisation_is_left_and_nothing_wants_a_gradient(architecture, options, depth):
    network = network_of(architecture, options, depth, "relu")
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())
    found = simplified(network, SHAPE)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in found.modules())
    assert not any(parameter.requires_grad for parameter in found.parameters())
    assert not any(layer.training for layer in found.modules())


class Twice(nn.Module):
    """One convolution with two normalisations."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)
        self.first, self.second, self.readout = nn.BatchNorm2d(3), nn.BatchNorm2d(3), nn.Linear(3 * 11 * 14, 7)

    def forward(self, inputs):
        units = self.second(self.convolution(self.first(self.convolution(inputs)).relu()))
        return self.readout(units.flatten(1))


class Decides(Twice):
    """What it computes depends on the numbers, which no tracing can follow."""

    def forward(self, inputs):
        units = self.first(self.convolution(inputs))
        return self.readout((units if units.sum() > 0 else -units).flatten(1))


def locally_connected_with_normalisation():
    layer = LocallyConnected2d(3, 4, SHAPE[1:], 3)
    return nn.Sequential(layer, nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 9 * 12, 7))


@pytest.mark.parametrize("build", [Twice, Decides, locally_connected_with_normalisation])
def test_networks_that_a_user_may_write_keep_their_logits(build):
    torch.manual_seed(0)
    network = build().double()
    with torch.no_grad():
        network(images())  # statistics that are neither 0 nor 1
    expected = network.eval()(images())
    torch.testing.assert_close(simplified(network, SHAPE)(images()), expected, rtol=1e-10, atol=1e-12)


def test_a_network_with_relu_alone_is_left_as_it_is():
    network = network_of("bounded_width_convolution", {"channels": 4, "kernel_size": 3}, 1, "relu")
    assert isinstance(network, ShallowNetwork) and simplified(network, SHAPE) is network
