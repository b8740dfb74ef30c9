"""Equal networks with fewer operations, for inference."""

import math
from contextlib import suppress

import torch
from torch import fx, nn
from torch.fx.experimental.optimization import fuse

from advspectra.layers import ShallowNetwork
from advspectra.networks.end_to_end import end_to_end_map


def simplified(network: nn.Module, image_shape: tuple[int, int, int]) -> nn.Module:
    """A network with the same logits up to rounding, in inference mode, its parameters frozen.

    A linear ShallowNetwork becomes its end-to-end map, one matrix (classes, C*H*W), computed in float64; batch
    normalisation is folded into the convolution before it. Any other network stays the same, and so does one that
    PyTorch cannot trace or that uses a layer twice.
    image_shape : (C, H, W). Device and dtype are those of `network`, which is put in inference mode.
    """
    network.eval().requires_grad_(False)
    if isinstance(network, ShallowNetwork):
        return _one_matrix(network, image_shape) if isinstance(network.activation, nn.Identity) else network
    if any(isinstance(layer, nn.BatchNorm2d) for layer in network.modules()):
        return _folded(network).eval().requires_grad_(False)
    return network


class Tracer(fx.Tracer):
    """Traces every module without children as one operation: its inside may depend on the number of images."""

    def is_leaf_module(self, module: nn.Module, module_qualified_name: str) -> bool:
        return next(module.children(), None) is None


def _folded(network: nn.Module) -> nn.Module:
    with suppress(Exception):  # a user's network may do on its way what no tracing can follow
        traced = fx.GraphModule(network, Tracer().trace(network))
        modules = dict(traced.named_modules())
        called = [modules[node.target] for node in traced.graph.nodes if node.op == "call_module"]
        folding = [module for module in called if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear)]
        if len(folding) == len(set(folding)):  # it would be folded once for each use
            return fuse(traced, no_trace=True)
    return network


def _one_matrix(network: ShallowNetwork, image_shape: tuple[int, int, int]) -> nn.Module:
    like, classes = network.readout.weight, network.readout.out_features
    beta, intercept = end_to_end_map(network, image_shape=image_shape, classes=classes)
    readout = nn.Linear(math.prod(image_shape), classes, device=like.device, dtype=like.dtype)
    with torch.no_grad():
        readout.weight.copy_(torch.from_numpy(beta).flatten(1))
        readout.bias.copy_(torch.from_numpy(intercept))
    return nn.Sequential(nn.Flatten(), readout).eval().requires_grad_(False)
