"""The residual block of the ResNets."""

from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, each with batch normalisation, and their input added before the last ReLU.

    The basic block of He et al. (2016, Figure 5 left). Parts have the names of torchvision's BasicBlock, and initial
    weights are drawn in the same order; to import that takes a process longer than all of PyTorch.

    shortcut : what the input passes through before it is added; None: nothing.
    inputs : (N, in_channels, H, W) -> (N, out_channels, H', W'), H' and W' those of `shortcut`.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int = 1, shortcut: nn.Module | None = None):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample = shortcut

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(inputs)))))
        outputs += inputs if self.downsample is None else self.downsample(inputs)
        return self.relu(outputs)
