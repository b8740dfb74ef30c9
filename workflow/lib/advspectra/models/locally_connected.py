"""Layers with small receptive fields whose weights differ from place to place (Table 3: 3x3, 32 channels)."""

from advspectra.layers import LocallyConnected2d, ShallowNetwork, valid_size

SPEC = {
    "options": {
        "channels": {"type": "integer", "minimum": 1, "description": "channels of each hidden layer"},
        "kernel_size": {
            "type": "integer",
            "minimum": 1,
            "description": "side of the receptive fields (pixels)",
        },
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
) -> ShallowNetwork:
    """The network of `depth` locally connected layers; each takes off `kernel_size` - 1 pixels.

    image_shape : (C, H, W); ValueError if it is too small for that.
    """
    height, width = valid_size(image_shape[1:], kernel_size=kernel_size, layers=depth)
    counts = [image_shape[0]] + [channels] * depth
    hidden = [
        LocallyConnected2d(
            counts[i],
            counts[i + 1],
            valid_size(image_shape[1:], kernel_size=kernel_size, layers=i),
            kernel_size,
        )
        for i in range(depth)
    ]
    return ShallowNetwork(
        hidden,
        readout_features=channels * height * width,
        classes=classes,
        activation=activation,
        layout="channels_last",
    )
