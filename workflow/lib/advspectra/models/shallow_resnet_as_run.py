"""The shallow ResNet as the authors ran it: without batch normalisation, with one convolution in its block.

y = conv1(x); y + ReLU(conv2(y)); a linear readout of every unit. Convolutions are 3x3, padded by one pixel of zeros,
with biases. Source: the authors' public repository, files of 2020. The module shallow_resnet has batch normalisation
and two convolutions in its block.
"""

from torch import Tensor, nn
from torch.nn import functional

SPEC = {
    "options": {
        "channels": {"type": "integer", "minimum": 1, "description": "channels of both convolutions; as run: 32"},
    },
    "required": ["channels"],
    "activations": ["relu"],
    "depths": [2],
    "alpha": False,
}


class ShallowResNet(nn.Module):
    """inputs : (N, C, H, W) -> logits (N, classes)."""

    def __init__(self, in_channels: int, channels: int, *, image_size: tuple[int, int], classes: int):
        super().__init__()
        self.stem = nn.Conv2d(in_channels, channels, 3, padding=1)
        self.block = nn.Conv2d(channels, channels, 3, padding=1)
        self.readout = nn.Linear(channels * image_size[0] * image_size[1], classes)

    def forward(self, inputs: Tensor) -> Tensor:
        units = self.stem(inputs)
        return self.readout((units + functional.relu(self.block(units))).flatten(1))


def build(
    *, image_shape: tuple[int, int, int], classes: int, activation: str, depth: int, channels: int
) -> ShallowResNet:
    """The network of 2 hidden layers; activation is "relu" and depth 2, the only ones."""
    # In the usual layout: channels_last takes 1.3 times as long, in training and attacks, float32 and bfloat16 (32
    # channels, batches of 128, one thread of an AVX-512 CPU, PyTorch 2.15).
    return ShallowResNet(image_shape[0], channels, image_size=image_shape[1:], classes=classes)
