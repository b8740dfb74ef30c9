"""The end-to-end map reproduces every linear network, its gradients too, and refuses a network that has none."""

import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from advspectra.fourier import rescaled
from advspectra.layers import ShallowNetwork
from advspectra.networks.build import build_network
from advspectra.networks.end_to_end import ThroughMap, end_to_end_map, through_map

LINEAR = {
    "fully_connected": {"hidden_units": 50},
    "full_width_convolution": {"channels": 3},
    "bounded_width_convolution": {"channels": 8, "kernel_size": 3},
    "locally_connected": {"channels": 8, "kernel_size": 3},
}


def build(architecture, *, depth, activation="linear", image_shape=(3, 12, 11), classes=10, options=None):
    return build_network(
        architecture,
        options=options or LINEAR[architecture],
        image_shape=image_shape,
        classes=classes,
        activation=activation,
        depth=depth,
        alpha=1,
        alpha_scaling="function_preserving",
        seed=0,
    )


@pytest.mark.parametrize("architecture", LINEAR)
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("image_shape", [(3, 32, 32), (1, 9, 12)])
def test_the_map_reproduces_the_logits_of_every_linear_network(architecture, depth, image_shape):
    network = build(architecture, depth=depth, image_shape=image_shape)
    beta, intercept = end_to_end_map(network, image_shape=image_shape, classes=10)
    assert beta.shape == (10, *image_shape) and beta.dtype == np.float64
    assert intercept.shape == (10,) and intercept.dtype == np.float64
    images = torch.rand(20, *image_shape)
    found = np.einsum("kchw,nchw->nk", beta, images.double().numpy()) + intercept
    np.testing.assert_allclose(found, network(images).detach().numpy(), rtol=0, atol=5e-6)
    exact = network.double()(images.double()).detach().numpy()
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-10)


def test_the_map_of_a_deep_linear_network_is_the_product_of_its_matrices():
    network = build("fully_connected", depth=3).double()
    first, second, third = (layer.weight.detach().numpy() for layer in network.hidden)
    beta, intercept = end_to_end_map(network, image_shape=(3, 12, 11), classes=10)
    expected = network.readout.weight.detach().numpy() @ third @ second @ first
    np.testing.assert_allclose(beta.reshape(10, -1), expected, rtol=0, atol=1e-14)
    np.testing.assert_array_equal(intercept, network.readout.bias.detach().numpy())


def test_the_network_is_left_as_it_was():
    network = build("fully_connected", depth=1).train().requires_grad_(False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    end_to_end_map(network, image_shape=(3, 12, 11), classes=10)
    assert network.training
    for name, value in network.state_dict().items():
        assert value.dtype == torch.float32 and torch.equal(value, before[name])


@pytest.mark.parametrize("architecture", LINEAR)
def test_a_network_with_relu_is_refused(architecture):
    with pytest.raises(ValueError, match="affine"):
        end_to_end_map(build(architecture, depth=1, activation="relu"), image_shape=(3, 12, 11), classes=10)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_a_network_with_relu_is_refused_however_small_or_large_its_logits_are(scale):
    network = build("fully_connected", depth=1, activation="relu")
    with torch.no_grad():
        network.readout.weight.mul_(scale)
        network.readout.bias.mul_(scale)
    with pytest.raises(ValueError, match="affine"):
        end_to_end_map(network, image_shape=(3, 12, 11), classes=10)


class BentFrom(nn.Module):
    """x, and beyond +-`edge` twice as steep, at both ends or at one; summed for each image."""

    def __init__(self, edge, ends=(-1, 1)):
        super().__init__()
        self.edge, self.ends = edge, ends

    def forward(self, inputs):
        bent = sum(end * functional.relu(end * inputs - self.edge) for end in self.ends)
        return (inputs + bent).flatten(1).sum(dim=1, keepdim=True)


def test_a_network_is_affine_if_it_is_on_images_in_minus_one_to_one():
    beta, intercept = end_to_end_map(BentFrom(1), image_shape=(3, 12, 11), classes=1)
    np.testing.assert_array_equal(beta, np.ones((1, 3, 12, 11)))
    np.testing.assert_array_equal(intercept, [0])
    for end in (-1, 1):
        with pytest.raises(ValueError) as refused:
            end_to_end_map(BentFrom(0.9, [end]), image_shape=(3, 12, 11), classes=1)
        assert re.fullmatch(
            r"expected a network whose logits are affine in the image, found logits up to [\d.]+ that differ from those"
            r" of the derivative at zero by [\d.]+",
            str(refused.value),
        )


def test_the_map_of_a_network_without_weights_is_zero():
    network = build("fully_connected", depth=1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    beta, intercept = end_to_end_map(network, image_shape=(3, 12, 11), classes=10)
    assert not beta.any() and not intercept.any()


def test_the_global_generator_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    end_to_end_map(nn.Sequential(nn.Flatten(), nn.Identity()), image_shape=(1, 2, 2), classes=4)
    assert torch.equal(torch.rand(3), expected)


def test_a_map_in_float32_is_rescaled_in_float64():
    beta = np.random.default_rng(0).normal(size=(2, 3, 4, 4)).astype(np.float32)
    found = rescaled(beta)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, rescaled(beta.astype(np.float64)))


def test_a_network_of_infinite_weights_is_refused():
    network = build("fully_connected", depth=1)
    torch.nn.init.constant_(network.hidden[0].weight, float("inf"))
    with pytest.raises(ValueError, match="affine"):
        end_to_end_map(network, image_shape=(3, 12, 11), classes=10)


def test_a_wrong_number_of_classes_is_refused():
    with pytest.raises(ValueError, match="expected a network with 4 logits, got 10"):
        end_to_end_map(build("fully_connected", depth=1), image_shape=(3, 12, 11), classes=4)


def test_rescaled_maps_fill_the_unit_interval_class_by_class_and_keep_their_shape():
    beta = np.random.default_rng(0).normal(size=(4, 3, 6, 5)) * np.array([1, 10, 0.1, 3]).reshape(4, 1, 1, 1)
    result = rescaled(beta)
    np.testing.assert_array_equal(result.min(axis=(1, 2, 3)), 0)
    np.testing.assert_array_equal(result.max(axis=(1, 2, 3)), 1)
    for before, after in zip(beta, result, strict=True):
        slope, offset = np.polyfit(before.ravel(), after.ravel(), 1)
        np.testing.assert_allclose(after, slope * before + offset, rtol=0, atol=1e-12)
        assert slope == pytest.approx(1 / (before.max() - before.min()))


def test_a_constant_or_nan_map_cannot_be_rescaled():
    beta = np.ones((3, 1, 2, 2))
    beta[0, 0, 0, 0] = 2
    beta[2, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"classes \[1, 2\]"):
        rescaled(beta)


@pytest.mark.parametrize("architecture", LINEAR)
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("image_shape", [(3, 12, 12), (1, 9, 12), (2, 11, 7)])
def test_a_linear_network_through_its_map_has_the_same_logits_and_gradients(architecture, depth, image_shape):
    network = build(architecture, depth=depth, image_shape=image_shape).double()
    images, labels = torch.rand(20, *image_shape, dtype=torch.float64), torch.arange(20) % 10
    found = []
    for model in (network, through_map(network, image_shape=image_shape)):
        logits = model(images)
        gradients = torch.autograd.grad(functional.cross_entropy(logits, labels), list(network.parameters()))
        found.append([logits.detach(), *gradients])
    for expected, value in zip(*found, strict=True):
        torch.testing.assert_close(value, expected, rtol=0, atol=1e-13)


def test_in_inference_mode_the_map_is_that_of_the_weights_when_the_mode_was_entered():
    network = build("bounded_width_convolution", depth=2).double()
    model, images = through_map(network, image_shape=(3, 12, 11)), torch.rand(5, 3, 12, 11, dtype=torch.float64)
    before = model.eval()(images)
    with torch.no_grad():
        network.readout.weight.mul_(2)
    torch.testing.assert_close(model(images), before, rtol=0, atol=0)
    torch.testing.assert_close(model.eval()(images), network(images), rtol=0, atol=1e-13)
    torch.testing.assert_close(model.train()(images), network(images), rtol=0, atol=1e-13)
    assert model.training and network.training
    with torch.no_grad():  # and in training mode that of the weights of now
        network.readout.weight.mul_(2)
    torch.testing.assert_close(model(images), network(images), rtol=0, atol=1e-13)


def test_only_linear_networks_are_computed_through_a_map():
    for architecture in LINEAR:
        assert isinstance(through_map(build(architecture, depth=1), image_shape=(3, 12, 11)), ThroughMap)
    for network in (build("fully_connected", depth=1, activation="relu"), torch.nn.Sequential(torch.nn.Flatten())):
        assert through_map(network, image_shape=(3, 12, 11)) is network


@pytest.mark.parametrize(
    "options", [{"stride": 2}, {"padding": 1}, {"dilation": 2}, {"groups": 3}, {"padding": "valid"}]
)
def test_a_linear_network_with_another_convolution_trains_as_it_is(options):
    hidden = nn.Conv2d(3, 6, 3, **options)
    units = hidden(torch.zeros(1, 3, 12, 12)).numel()
    shape = {"readout_features": units, "classes": 10, "layout": "channels_first"}
    network = ShallowNetwork([hidden], activation="linear", **shape)
    assert through_map(network, image_shape=(3, 12, 12)) is network


class Centred(nn.Conv2d):
    """A convolution that computes otherwise than its parent."""

    def forward(self, inputs):
        return self._conv_forward(inputs, self.weight - self.weight.mean(), self.bias)


class Halves(nn.Module):
    """A layer with an adjoint and without a bias."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(0.5))

    def forward(self, inputs):
        return self.weight * inputs

    adjoint = forward


def test_a_layer_that_computes_otherwise_than_its_parent_has_no_adjoint():
    shape = {"readout_features": 6 * 100, "classes": 10, "layout": "channels_first"}
    network = ShallowNetwork([Centred(3, 6, 3)], activation="linear", **shape)
    assert through_map(network, image_shape=(3, 12, 12)) is network


class Quarters(Halves):
    """An adjoint of its parent's `forward`, not of its own."""

    def forward(self, inputs):
        return super().forward(inputs) / 2


class Skips(ShallowNetwork):
    def forward(self, inputs):
        return super().forward(inputs) + inputs.flatten(1)[:, :10]


class Shifts(ShallowNetwork):
    def units(self, inputs):
        return super().units(inputs - 0.5)


@pytest.mark.parametrize("kind, layer", [(ShallowNetwork, Quarters()), (Skips, Halves()), (Shifts, Halves())])
def test_a_class_that_computes_otherwise_than_its_parent_trains_as_it_is(kind, layer):
    network = kind([layer], activation="linear", readout_features=27, classes=10, layout="channels_first")
    assert through_map(network, image_shape=(3, 3, 3)) is network


@pytest.mark.parametrize("layer", [Halves(), nn.Linear(3, 3)])
def test_a_layer_without_a_bias_or_with_one_for_each_column_goes_through_the_map(layer):
    shape = {"readout_features": 27, "classes": 10, "layout": "channels_first"}
    network = ShallowNetwork([layer], activation="linear", **shape).double()
    model, images = through_map(network, image_shape=(3, 3, 3)), torch.rand(5, 3, 3, 3, dtype=torch.float64)
    assert isinstance(model, ThroughMap)
    torch.testing.assert_close(model.train()(images), network(images), rtol=0, atol=1e-13)
