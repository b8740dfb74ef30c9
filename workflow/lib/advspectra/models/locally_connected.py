"""Layers with small receptive fields whose weights differ from place to place (Table 3: 3x3, 32 channels)."""

from advspectra.layers import LocallyConnected2d, ShallowNetwork, draw_normal, valid_size

SPEC = {
    "options": {
        "channels": {"type": "integer", "minimum": 1, "description": "channels of each hidden layer"},
        "kernel_size": {
            "type": "integer",
            "minimum": 1,
            "description": "side of the receptive fields (pixels)",
        },
        "bias": {"type": "boolean", "default": False, "description": "whether hidden layers have biases"},
        "initial_sd": {
            "type": ["number", "null"],
            "exclusiveMinimum": 0,
            "default": None,
            "description": "standard deviation of the hidden layers' initial weights and biases, drawn from a normal "
            "distribution; null: drawn uniformly, as those of a convolution",
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
    bias: bool = False,
    initial_sd: float | None = None,
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
            bias=bias,
        )
        for i in range(depth)
    ]
    if initial_sd is not None:
        for layer in hidden:
            draw_normal(layer, sd=initial_sd)
    return ShallowNetwork(
        hidden,
        readout_features=channels * height * width,
        classes=classes,
        activation=activation,
        layout="channels_last",
    )
