"""Seeded construction of networks by name, and the scale alpha of their initial weights."""

import random
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from advspectra import models
from advspectra.networks.build import build_network, scale_initial_weights

ARGUMENTS = {
    "options": {"channels": 4, "kernel_size": 3},
    "image_shape": (3, 9, 8),
    "classes": 5,
    "activation": "relu",
    "depth": 1,
    "alpha": 1,
    "alpha_scaling": "function_preserving",
    "seed": 0,
}
SHALLOW = {
    "fully_connected": {"hidden_units": 20},
    "full_width_convolution": {"channels": 3},
    "bounded_width_convolution": {"channels": 4, "kernel_size": 3},
    "locally_connected": {"channels": 4, "kernel_size": 3},
}


def build(architecture="bounded_width_convolution", **changes):
    return build_network(architecture, **{**ARGUMENTS, **changes})


def same_weights(first, second):
    return all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_weights_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = build(seed=7)
    torch.manual_seed(2)
    assert same_weights(first, build(seed=7))
    assert not same_weights(first, build(seed=8))


class Shuffled(nn.Linear):
    """It draws an order of its 8 inputs, which its weights do not tell."""

    def __init__(self, order):
        super().__init__(8, 2)
        self.order = list(order)


DRAWS = {
    "numpy": lambda: np.random.permutation(8),
    "python": lambda: random.sample(range(8), 8),
    "torch": lambda: torch.randperm(8),
}


@pytest.mark.parametrize("kind", DRAWS)
def test_all_that_an_architecture_draws_depends_on_the_seed_alone(kind, tmp_path, monkeypatch):
    module = SimpleNamespace(
        SPEC={"options": {}, "required": [], "activations": ["relu"], "depths": [1]},
        build=lambda **about: Shuffled(DRAWS[kind]()),
    )
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    (tmp_path / "shuffled.py").touch()
    monkeypatch.setitem(sys.modules, "advspectra.models.shuffled", module)
    first, again, other = (build("shuffled", options={}, seed=seed).order for seed in (7, 7, 8))
    assert first == again != other


def test_the_global_generators_are_left_as_they_were():
    def drawn(before):
        torch.manual_seed(3)
        np.random.seed(3)
        random.seed(3)
        before()
        return torch.rand(1).item(), np.random.rand(), random.random()

    assert drawn(lambda: build(seed=7)) == drawn(lambda: None)


@pytest.mark.parametrize("architecture", SHALLOW)
@pytest.mark.parametrize("activation", ["linear", "relu"])
@pytest.mark.parametrize("depth", [1, 3])
@pytest.mark.parametrize("alpha", [0.1, 10])
def test_function_preserving_alpha_leaves_the_logits_as_they_are(architecture, activation, depth, alpha):
    shape = {"options": SHALLOW[architecture], "activation": activation, "depth": depth}
    images = torch.rand(6, *ARGUMENTS["image_shape"])
    plain, scaled = build(architecture, **shape), build(architecture, **shape, alpha=alpha)
    torch.testing.assert_close(scaled(images), plain(images), rtol=0, atol=1e-5)
    for before, after in zip(plain.hidden, scaled.hidden, strict=True):
        torch.testing.assert_close(after.weight, alpha * before.weight)
    torch.testing.assert_close(scaled.readout.weight, plain.readout.weight / alpha**depth)
    assert torch.equal(scaled.readout.bias, plain.readout.bias)


@pytest.mark.parametrize("architecture", SHALLOW)
@pytest.mark.parametrize("activation", ["linear", "relu"])
@pytest.mark.parametrize("depth", [1, 3])
def test_plain_alpha_multiplies_the_logits_by_its_power(architecture, activation, depth):
    # Hidden layers without bias are homogeneous, with ReLU too: logits - bias grow by alpha ** depth.
    shape = {"options": SHALLOW[architecture], "activation": activation, "depth": depth}
    images = torch.rand(6, *ARGUMENTS["image_shape"])
    small, large = build(architecture, **shape), build(architecture, **shape, alpha=10, alpha_scaling="plain")
    grown = (large(images) - large.readout.bias) / 10**depth
    torch.testing.assert_close(grown, small(images) - small.readout.bias, rtol=0, atol=1e-5)
    assert torch.equal(large.readout.weight, small.readout.weight)
    assert not torch.allclose(large(images), small(images), atol=1e-2)


@pytest.mark.parametrize("architecture, options, depth", [("resnet18", {"width": 0.0625}, 17)])
def test_alpha_is_refused_for_a_network_that_is_not_shallow(architecture, options, depth):
    build(architecture, options=options, depth=depth, alpha=1)
    with pytest.raises(ValueError, match="alpha 0.1: expected 1"):
        build(architecture, options=options, depth=depth, alpha=0.1)


def test_alpha_is_refused_where_weights_are_computed_or_overflow():
    deep = build("fully_connected", options=SHALLOW["fully_connected"], depth=7)
    with pytest.raises(ValueError, match="alpha 1e-06: too far from 1 for 7 hidden layers"):
        scale_initial_weights(deep, alpha=1e-6, alpha_scaling="function_preserving")
    normed = build("fully_connected", options=SHALLOW["fully_connected"], depth=1)
    nn.utils.parametrizations.weight_norm(normed.hidden[0])
    scale_initial_weights(normed, alpha=1, alpha_scaling="plain")
    with pytest.raises(ValueError, match="alpha 10: expected 1 .* weights are computed"):
        scale_initial_weights(normed, alpha=10, alpha_scaling="plain")


def test_alpha_out_of_range_or_of_unknown_kind_is_refused():
    network = build()
    for alpha in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="expected a positive number"):
            scale_initial_weights(network, alpha=alpha, alpha_scaling="plain")
    with pytest.raises(ValueError, match="'other': expected one of function_preserving, plain"):
        scale_initial_weights(network, alpha=1, alpha_scaling="other")


def test_an_unknown_architecture_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'alexnet': expected one of .*fully_connected.*vgg19"):
        build("alexnet")
    with pytest.raises(ValueError, match="'../networks': expected one of"):
        build("../networks")


@pytest.mark.parametrize(
    "changes, message",
    [
        (
            {"options": {"channels": 4}},
            r"the options \['channels', 'kernel_size'\] and optionally \['bias', 'padding'\], got \['channels'\]",
        ),
        ({"options": {"channels": 4, "kernel_size": 3, "width": 1}}, "expected the options"),
        ({"activation": "tanh"}, "activation 'tanh', expected one of"),
        ({"depth": 0}, "depth 0 .*at least 1"),
    ],
)
def test_wrong_options_activation_or_depth_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


def test_a_depth_or_activation_that_the_architecture_lacks_is_refused():
    with pytest.raises(ValueError, match=r"resnet18: depth 3 .*one of \[17\]"):
        build("resnet18", options={"width": 0.0625}, depth=3)
    with pytest.raises(ValueError, match="resnet18: activation 'linear'"):
        build("resnet18", options={"width": 0.0625}, depth=17, activation="linear")
