"""The end-to-end map beta of a linear network: computed exactly, and as a faster forward pass in training."""

import copy

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from advspectra.layers import ShallowNetwork, adjoint, computes_otherwise, has_adjoint

# Relative. Rounding in a sum of thousands of float64 products is near 1e-13, a nonlinearity far above this.
AFFINE_TOLERANCE = 1e-9
AT_ONCE = 2**22  # numbers of images that go through the network at once: 27 of 3 x 224 x 224


def end_to_end_map(
    network: nn.Module, *, image_shape: tuple[int, int, int], classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """(beta, intercept) with logits = sum over C, H, W of beta * image + intercept.

    beta : (classes, C, H, W) float64, logit per unit of pixel value; intercept : (classes,) float64.
    Computed in float64 on a copy of `network` in evaluation mode; the network itself does not change.
    ValueError if the network is not affine, as random images in [-1, 1] show.
    """
    network = copy.deepcopy(network).cpu().double().eval().requires_grad_(False)
    beta = torch.empty(classes, *image_shape, dtype=torch.float64)
    rows = max(1, AT_ONCE // beta[0].numel())
    for part, picked in zip(beta.split(rows), torch.eye(classes, dtype=torch.float64).split(rows), strict=True):
        zeros = torch.zeros_like(part, requires_grad=True)
        logits = network(zeros)
        if logits.shape != (len(part), classes):
            raise ValueError(f"expected a network with {classes} logits, got {logits.shape[1]}")
        # Row k of the identity picks logit k of image k: one backward pass gives the gradients of several classes.
        part[:] = torch.autograd.grad(logits, zeros, picked)[0]
    intercept = logits[0].detach()

    generator = torch.Generator().manual_seed(0)
    images = 2 * torch.rand(8, *image_shape, dtype=torch.float64, generator=generator) - 1
    with torch.no_grad():
        expected = network(images)
    logits = images.flatten(1) @ beta.flatten(1).T + intercept
    error = (logits - expected).abs().max().item()
    scale = expected.abs().max().item()
    if not error <= AFFINE_TOLERANCE * scale:
        raise ValueError(
            f"expected a network whose logits are affine in the image, found logits up to {scale:.3g} that"
            f" differ from those of the derivative at zero by {error:.3g}"
        )
    return beta.numpy(), intercept.numpy()


class ThroughMap(nn.Module):
    """A linear network computed through its end-to-end map: the same logits and gradients with fewer operations.

    The map is the readout's rows passed back through the hidden layers, so that `classes` rows go through them in place
    of a batch. In training mode it is computed for each batch, in inference mode once, when that mode is entered.

    network : linear ShallowNetwork, whose hidden layers have adjoints; its parameters are shared, not copied.
    inputs : (N, C, H, W) -> logits (N, classes), differentiable in the network's parameters.
    """

    def __init__(self, network: ShallowNetwork, *, image_shape: tuple[int, int, int]):
        super().__init__()
        self.network = network
        with torch.no_grad():
            self.unit_shape = network.units(network.readout.weight.new_zeros(1, *image_shape)).shape[1:]

    def affine(self) -> tuple[Tensor, Tensor]:
        """The end-to-end map (classes, C*H*W) and the intercept (classes,), differentiable in the parameters."""
        rows = self.network.readout_rows(self.unit_shape)
        intercept = self.network.readout.bias
        for layer in reversed(self.network.hidden):
            if getattr(layer, "bias", None) is not None:
                intercept = intercept + _through(rows, layer)
            rows = adjoint(layer, rows)
        return rows.flatten(1), intercept

    def train(self, mode: bool = True) -> "ThroughMap":
        super().train(mode)
        self.fixed = None if mode else tuple(part.detach() for part in self.affine())
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        return functional.linear(inputs.flatten(1), *(self.affine() if self.training else self.fixed))


def _through(rows: Tensor, layer: nn.Module) -> Tensor:
    """What biases of a hidden layer add to the logits; rows : (classes, units) or (classes, C, H, W)."""
    if rows.ndim == 4 and layer.bias.ndim == 1:  # one for each channel, of a nn.Linear one for each column
        rows = rows.sum(dim=(1, 2) if isinstance(layer, nn.Linear) else (2, 3))
    return rows.flatten(1) @ layer.bias.flatten()


def through_map(network: nn.Module, *, image_shape: tuple[int, int, int]) -> nn.Module:
    """A ThroughMap of a linear ShallowNetwork whose layers have adjoints; any other network itself, also one of a class
    that computes otherwise than ShallowNetwork does.
    """
    linear = isinstance(network, ShallowNetwork) and isinstance(network.activation, nn.Identity)
    usual = (
        linear
        and not computes_otherwise(network, ShallowNetwork)
        and not computes_otherwise(network.readout, nn.Linear)
    )
    known = usual and all(map(has_adjoint, network.hidden))
    return ThroughMap(network, image_shape=image_shape) if known else network
