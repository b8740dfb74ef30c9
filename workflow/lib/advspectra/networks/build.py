"""Build a network by the name of its architecture, with seeded initial weights scaled by alpha."""

import importlib
import math
import pkgutil
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from advspectra import models
from advspectra.layers import ShallowNetwork
from advspectra.streams import stream

ALPHA_SCALINGS = ("function_preserving", "plain")


def build_network(
    architecture: str,
    *,
    options: Mapping,
    image_shape: tuple[int, int, int],
    classes: int,
    activation: str,
    depth: int,
    alpha: float,
    alpha_scaling: str,
    seed: int,
) -> nn.Module:
    """A new network with initial weights drawn from `seed` alone (CPU, float32, training mode).

    architecture : name of a module of advspectra.models; options : those in its SPEC; one that is not required may be
        left out, and then stands at what its description says.
    image_shape : (C, H, W); depth : hidden layers; alpha, alpha_scaling : see `scale_initial_weights`.
    The global generators of PyTorch (on the CPU), NumPy and Python draw from it, and are restored.
    ValueError for an unknown architecture, wrong options, or an activation or depth that it does not have.
    """
    known = sorted(module.name for module in pkgutil.iter_modules(models.__path__))
    if architecture not in known:
        raise ValueError(f"architecture {architecture!r}: expected one of {', '.join(known)}")
    module = importlib.import_module(f"advspectra.models.{architecture}")
    spec = module.SPEC
    if not set(spec["required"]) <= set(options) <= set(spec["options"]):
        required, optional = sorted(spec["required"]), sorted(set(spec["options"]) - set(spec["required"]))
        wanted = f"{required}{f' and optionally {optional}' if optional else ''}"
        raise ValueError(f"{architecture}: expected the options {wanted}, got {sorted(options)}")
    if activation not in spec["activations"]:
        raise ValueError(f"{architecture}: activation {activation!r}, expected one of {spec['activations']}")
    if depth < 1 or (spec["depths"] is not None and depth not in spec["depths"]):
        allowed = "at least 1" if spec["depths"] is None else f"one of {spec['depths']}"
        raise ValueError(f"{architecture}: depth {depth} (hidden layers), expected {allowed}")
    with _drawing(stream(seed, "initial weights")):
        network = module.build(
            image_shape=tuple(image_shape), classes=classes, activation=activation, depth=depth, **options
        )
    scale_initial_weights(network, alpha=alpha, alpha_scaling=alpha_scaling)
    return network


@contextmanager
def _drawing(seed: int) -> Iterator[None]:
    """The global generators of PyTorch (on the CPU), NumPy and Python draw from `seed`; then they go on as before."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    try:
        with torch.random.fork_rng(devices=[]):
            # torch.manual_seed would also reseed the GPUs' generators, which nothing here would restore.
            torch.default_generator.manual_seed(seed)
            np.random.seed(seed % 2**32)  # it takes no more bits
            random.seed(seed)
            yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)


def scale_initial_weights(network: nn.Module, *, alpha: float, alpha_scaling: str) -> None:
    """Multiply the weights of each hidden layer of `network` by `alpha`, in place.

    The biases of hidden layer l, counted from 1, are multiplied by alpha ** l, so that its pre-activations are.
    alpha_scaling : "function_preserving" also divides the readout's weights (not its bias) by
        alpha ** (hidden layers), so that the logits at initialisation stay the same;
        "plain" leaves the readout as it is.
    ValueError if alpha is not a positive number, or is not 1 and the network is not a ShallowNetwork, a layer computes
    its weights from others, or a scaled number is too large for float32.
    """
    if alpha_scaling not in ALPHA_SCALINGS:
        raise ValueError(f"alpha_scaling {alpha_scaling!r}: expected one of {', '.join(ALPHA_SCALINGS)}")
    if not (math.isfinite(alpha) and alpha > 0):
        raise ValueError(f"alpha {alpha}: expected a positive number")
    if alpha == 1:
        return
    if not isinstance(network, ShallowNetwork):
        raise ValueError(f"alpha {alpha}: expected 1 for a network that is not hidden layers and a readout")
    layers = [*network.hidden, network.readout]
    if computed := [type(layer).__name__ for layer in layers if not isinstance(layer.weight, nn.Parameter)]:
        raise ValueError(
            f"alpha {alpha}: expected 1 for a network with a layer whose weights are computed: {computed[0]}"
        )
    with torch.no_grad():
        for number, layer in enumerate(network.hidden, start=1):
            layer.weight.mul_(alpha)
            if layer.bias is not None:
                layer.bias.mul_(alpha**number)
        if alpha_scaling == "function_preserving":
            network.readout.weight.div_(alpha ** len(network.hidden))
    if not all(torch.isfinite(parameter).all() for layer in layers for parameter in layer.parameters()):
        raise ValueError(
            f"alpha {alpha}: too far from 1 for {len(network.hidden)} hidden layers: weights overflow float32"
        )
