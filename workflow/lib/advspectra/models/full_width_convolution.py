"""Circular convolutions with kernels as large as the image (Table 3: 3 channels)."""

from advspectra.layers import CircularConv2d, ShallowNetwork

SPEC = {
    "options": {
        "channels": {"type": "integer", "minimum": 1, "description": "channels of each hidden layer"},
        "bias": {"type": "boolean", "default": False, "description": "whether hidden layers have biases"},
    },
    "required": ["channels"],
    "activations": ["linear", "relu"],
    "depths": None,
    "alpha": True,
}


def build(
    *, image_shape: tuple[int, int, int], classes: int, activation: str, depth: int, channels: int, bias: bool = False
) -> ShallowNetwork:
    """The network of `depth` circular convolutions, each of `channels` maps as large as the image.

    image_shape : (C, H, W), any size, odd or even.
    """
    counts = [image_shape[0]] + [channels] * depth
    image_size = image_shape[1:]
    hidden = [CircularConv2d(counts[i], counts[i + 1], image_size, bias=bias) for i in range(depth)]
    return ShallowNetwork(
        hidden,
        readout_features=channels * image_size[0] * image_size[1],
        classes=classes,
        activation=activation,
        layout="channels_first",
    )
