"""Fully connected layers of equal width (Table 3: 2700 units, as many as a 3-channel 3x3 convolution has)."""

import math

from torch import nn

from advspectra.layers import ShallowNetwork

SPEC = {
    "options": {
        "hidden_units": {"type": "integer", "minimum": 1, "description": "units of each hidden layer"},
        "bias": {"type": "boolean", "default": False, "description": "whether hidden layers have biases"},
    },
    "required": ["hidden_units"],
    "activations": ["linear", "relu"],
    "depths": None,
    "alpha": True,
}


def build(
    *,
    image_shape: tuple[int, int, int],
    classes: int,
    activation: str,
    depth: int,
    hidden_units: int,
    bias: bool = False,
) -> ShallowNetwork:
    """The network C*H*W -> hidden_units (`depth` times) -> classes.

    image_shape : (C, H, W), any size.
    """
    sizes = [math.prod(image_shape)] + [hidden_units] * depth
    hidden = [nn.Linear(sizes[i], sizes[i + 1], bias=bias) for i in range(depth)]
    return ShallowNetwork(
        hidden, readout_features=hidden_units, classes=classes, activation=activation, layout="vector"
    )
