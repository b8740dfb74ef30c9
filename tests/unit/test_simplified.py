"""Simplified networks compute the logits of the networks that they stand for."""

import pytest
import torch
from torch import nn

from advspectra.layers import ShallowNetwork
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


def test_a_network_with_relu_alone_is_left_as_it_is():
    network = network_of("bounded_width_convolution", {"channels": 4, "kernel_size": 3}, 1, "relu")
    assert isinstance(network, ShallowNetwork) and simplified(network, SHAPE) is network
