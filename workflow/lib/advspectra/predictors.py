"""The end-to-end map beta of a linear network, exactly."""

import copy

import numpy as np
import torch
from torch import nn

# Relative. Rounding in a sum of thousands of float64 products is near 1e-13, a nonlinearity far above this.
AFFINE_TOLERANCE = 1e-9


def end_to_end_map(
    network: nn.Module, *, image_shape: tuple[int, int, int], classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return (beta, intercept) with logits = sum over C, H, W of beta * image + intercept.

    beta : (classes, C, H, W) float64, logit per unit of pixel value; intercept : (classes,) float64.
    Computed in float64 on a copy of `network` in evaluation mode; the network itself is left as it is.
    ValueError if the network is not affine, as random images in [-1, 1] show.
    """
    network = copy.deepcopy(network).cpu().double().eval()
    zeros = torch.zeros(classes, *image_shape, dtype=torch.float64, requires_grad=True)
    logits = network(zeros)
    if logits.shape != (classes, classes):
        raise ValueError(f"expected a network with {classes} logits, got {logits.shape[1]}")
    # Row k of the identity picks logit k of image k: one backward pass gives every class's gradient.
    (beta,) = torch.autograd.grad(logits, zeros, torch.eye(classes, dtype=torch.float64))
    intercept = logits[0].detach()

    generator = torch.Generator().manual_seed(0)
    images = 2 * torch.rand(8, *image_shape, dtype=torch.float64, generator=generator) - 1
    with torch.no_grad():
        expected = network(images)
    found = images.flatten(1) @ beta.flatten(1).T + intercept
    error = (found - expected).abs().max().item()
    scale = expected.abs().max().item()
    if not error <= AFFINE_TOLERANCE * scale:
        raise ValueError(
            f"expected a network whose logits are affine in the image, found logits up to {scale:.3g} that"
            f" differ from those of the derivative at zero by {error:.3g}"
        )
    return beta.numpy(), intercept.numpy()


def rescaled(beta: np.ndarray) -> np.ndarray:
    """Return each class's map rescaled to [0, 1] by its own minimum and maximum over C, H, W.

    beta : (classes, C, H, W), any units -> the same shape, float64. The paper's norms of the predictors
    (Table 1) come out with it; it adds a constant, which dominates them. ValueError for a constant map.
    """
    beta = np.asarray(beta, dtype=np.float64)
    low = beta.min(axis=(1, 2, 3), keepdims=True)
    span = beta.max(axis=(1, 2, 3), keepdims=True) - low
    flat = np.flatnonzero(~(span.ravel() > 0))
    if flat.size:
        raise ValueError(f"expected maps that vary over the image, found constant or NaN ones: classes {flat.tolist()}")
    return (beta - low) / span
