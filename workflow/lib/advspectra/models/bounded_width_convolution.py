"""Convolutions with small kernels (Table 3: 3x3 kernels)."""

from torch import nn

from advspectra.layers import ShallowNetwork, valid_size

SPEC = {
    "options": {
        "channels": {"type": "integer", "minimum": 1, "description": "channels of each hidden layer"},
        "kernel_size": {
            "type": "integer",
            "minimum": 1,
            "description": "side of the square kernels (pixels)",
        },
        "padding": {
            "enum": ["none", "circular"],
            "default": "none",
            "description": "circular: convolutions wrap around the edges and keep the image's size",
        },
        "bias": {"type": "boolean", "default": False, "description": "whether hidden layers have biases"},
    },
    "required": ["channels", "kernel_size"],
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
    channels: int,
    kernel_size: int,
    padding: str = "none",
    bias: bool = False,
) -> ShallowNetwork:
    """The network of `depth` convolutions; without padding each takes `kernel_size` - 1 pixels off the image.

    image_shape : (C, H, W); ValueError if it is too small for that.
    """
    circular = padding == "circular"
    height, width = valid_size(image_shape[1:], kernel_size=kernel_size, layers=1 if circular else depth)
    if circular:
        height, width = image_shape[1:]
    options = {"padding": "same", "padding_mode": "circular"} if circular else {}
    counts = [image_shape[0]] + [channels] * depth
    hidden = [nn.Conv2d(counts[i], counts[i + 1], kernel_size, bias=bias, **options) for i in range(depth)]
    return ShallowNetwork(
        hidden,
        readout_features=channels * height * width,
        classes=classes,
        activation=activation,
        layout="channels_last",
    )
