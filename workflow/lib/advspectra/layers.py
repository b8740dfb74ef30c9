"""Layers that PyTorch lacks, and the shallow networks of the paper's Table 3.

Initial weights are PyTorch's default for linear and convolutional layers, U(-1/sqrt(fan_in), 1/sqrt(fan_in)).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

ACTIVATIONS = {"linear": nn.Identity, "relu": nn.ReLU}
LAYOUTS = ("vector", "channels_first", "channels_last")


class CircularConv2d(nn.Module):
    """Circular convolution with kernels as large as the image.

    y[n, o, p] = bias[o] + sum over i, q of weight[o, i, q] * x[n, i, (p - q) mod (H, W)]: a true convolution (the
    kernel is flipped against nn.Conv2d), so that DFTs multiply, as in Gunasekar et al. 2018.

    weight : (out_channels, in_channels, H, W); bias : (out_channels,), None without
    inputs : (N, in_channels, H, W) -> (N, out_channels, H, W); ValueError if H, W differ from `image_size`.
    """

    def __init__(self, in_channels: int, out_channels: int, image_size: tuple[int, int], *, bias: bool = False):
        super().__init__()
        self.image_size = tuple(image_size)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, *self.image_size))
        self.bias = nn.Parameter(torch.empty(out_channels)) if bias else None
        draw_uniform(self, fan_in=in_channels * math.prod(self.image_size))

    def forward(self, inputs: Tensor) -> Tensor:
        _check_image_size(inputs, self.image_size)
        outputs = self._filtered(inputs, torch.fft.rfft2(self.weight))
        return outputs if self.bias is None else outputs + self.bias[:, None, None]

    def adjoint(self, outputs: Tensor) -> Tensor:
        """The transposed convolution, (N, out_channels, H, W) -> (N, in_channels, H, W): the correlation."""
        return self._filtered(outputs, torch.fft.rfft2(self.weight).conj().transpose(0, 1))

    def _filtered(self, inputs: Tensor, kernels: Tensor) -> Tensor:
        signals = torch.fft.rfft2(inputs)
        # A sum over input channels: for 3 channels about twice as fast on a CPU as a complex matrix product.
        products = signals[:, None, 0] * kernels[:, 0]
        for channel in range(1, kernels.shape[1]):
            products = products + signals[:, None, channel] * kernels[:, channel]
        return torch.fft.irfft2(products, s=self.image_size)


class LocallyConnected2d(nn.Module):
    """Cross-correlation without padding whose weights differ from place to place.

    y[n, o, p] = bias[o, p] + sum over a, b, i of weight[p, a, b, i, o] * x[n, i, p + (a, b)]: nn.Conv2d without
    sharing.

    weight : (H', W', k, k, in_channels, out_channels) with H' = H - k + 1, W' = W - k + 1
    bias : (out_channels, H', W'), None without
    inputs : (N, in_channels, H, W) -> (N, out_channels, H', W'), channels last in memory;
        ValueError if H, W differ from `image_size`.
    """

    def __init__(
        self, in_channels: int, out_channels: int, image_size: tuple[int, int], kernel_size: int, *, bias: bool = False
    ):
        super().__init__()
        self.image_size = tuple(image_size)
        self.kernel_size = kernel_size
        self.output_size = valid_size(self.image_size, kernel_size=kernel_size, layers=1)
        # This order of axes lets one batched matrix product use weights and patches as they lie in memory.
        shape = (*self.output_size, kernel_size, kernel_size, in_channels, out_channels)
        self.weight = nn.Parameter(torch.empty(shape))
        self.bias = nn.Parameter(torch.empty(out_channels, *self.output_size)) if bias else None
        draw_uniform(self, fan_in=in_channels * kernel_size**2)

    def forward(self, inputs: Tensor) -> Tensor:
        _check_image_size(inputs, self.image_size)
        height, width = self.output_size
        places = height * width
        pixels = inputs.permute(2, 3, 1, 0).contiguous()  # (H, W, I, N): copying patches moves long runs of memory
        offsets = [(a, b) for a in range(self.kernel_size) for b in range(self.kernel_size)]
        patches = torch.stack([pixels[a : a + height, b : b + width] for a, b in offsets], dim=2)
        patches = patches.reshape(places, -1, inputs.shape[0])  # (H', W', k*k, I, N) -> (H'*W', k*k*I, N)
        weight = self.weight.reshape(places, -1, self.weight.shape[-1])  # (H'*W', k*k*I, O)
        outputs = torch.bmm(patches.transpose(1, 2), weight)  # (H'*W', N, O)
        outputs = outputs.reshape(height, width, inputs.shape[0], -1).permute(2, 3, 0, 1)
        return outputs if self.bias is None else outputs + self.bias

    def adjoint(self, outputs: Tensor) -> Tensor:
        """The transposed layer, (N, out_channels, H', W') -> (N, in_channels, H, W)."""
        (height, width), size = self.output_size, self.kernel_size
        units = outputs.permute(2, 3, 1, 0).reshape(height * width, -1, outputs.shape[0])  # (H'*W', O, N)
        weight = self.weight.reshape(height * width, -1, self.weight.shape[-1])  # (H'*W', k*k*I, O)
        patches = torch.bmm(weight, units).reshape(height, width, size, size, -1, outputs.shape[0])
        # each patch goes back to its place: (N, I*k*k, H'*W') -> (N, I, H, W)
        columns = patches.permute(5, 4, 2, 3, 0, 1).reshape(outputs.shape[0], -1, height * width)
        return functional.fold(columns, self.image_size, size)


class ShallowNetwork(nn.Module):
    """Hidden layers, an activation after each, and a linear readout with bias.

    Without hidden biases a linear network is the product of its weights, as in the theory of Gunasekar et al. 2018.

    hidden : layers that have a `weight`; readout_features : hidden units after the last of them.
    activation : "linear" (no nonlinearity at all) or "relu"; ValueError for another.
    layout : "vector" (images are flattened first), "channels_first", or "channels_last" (faster for
        convolutions with many channels). The last two also say in which order the readout sees the units of
        the last hidden layer: (C, H, W) or (H, W, C).
    inputs : (N, C, H, W) -> logits (N, classes)
    """

    def __init__(self, hidden: list[nn.Module], *, readout_features: int, classes: int, activation: str, layout: str):
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation {activation!r}: expected one of {', '.join(ACTIVATIONS)}")
        if layout not in LAYOUTS:
            raise ValueError(f"layout {layout!r}: expected one of {', '.join(LAYOUTS)}")
        self.layout = layout
        self.hidden = nn.ModuleList(hidden)
        self.activation = ACTIVATIONS[activation]()
        self.readout = nn.Linear(readout_features, classes)

    def forward(self, inputs: Tensor) -> Tensor:
        units = self.units(inputs)
        if self.layout == "channels_last":
            units = units.permute(0, 2, 3, 1)  # as it lies in memory: no transposition before the readout
        return self.readout(units.flatten(1))

    def units(self, inputs: Tensor) -> Tensor:
        """The units of the last hidden layer, (N, units) or (N, C, H', W')."""
        units = inputs
        if self.layout == "vector":
            units = units.flatten(1)
        elif self.layout == "channels_last":
            units = units.contiguous(memory_format=torch.channels_last)
        for layer in self.hidden:
            units = self.activation(layer(units))
        return units

    def readout_rows(self, unit_shape: tuple[int, ...]) -> Tensor:
        """The readout's weights, (classes, *unit_shape) with the axes of `units`."""
        if self.layout == "channels_last":
            channels, height, width = unit_shape
            return self.readout.weight.reshape(-1, height, width, channels).permute(0, 3, 1, 2)
        return self.readout.weight.reshape(-1, *unit_shape)


def computes_otherwise(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Whether a module has methods of its own in place of those of `kind`, a class that it is of, that say what it
    computes.
    """
    methods = ("forward", "_conv_forward", "units", "readout_rows", "adjoint")
    return any(getattr(type(module), name, None) is not getattr(kind, name, None) for name in methods)


def has_adjoint(layer: nn.Module) -> bool:
    """Whether `adjoint` knows the layer: one of a class that defines both `forward` and `adjoint`, a nn.Linear, or a
    nn.Conv2d that moves by one pixel, without padding or with a circular one that keeps the size of the image; not what
    computes otherwise than these.
    """
    if hasattr(layer, "adjoint"):
        own = next(kind for kind in type(layer).__mro__ if {"forward", "adjoint"} & vars(kind).keys())
        return {"forward", "adjoint"} <= vars(own).keys() and not computes_otherwise(layer, own)
    if isinstance(layer, nn.Conv2d):
        plain = layer.stride == layer.dilation == (1, 1) and layer.groups == 1
        kept = (layer.padding_mode, layer.padding) in (("zeros", (0, 0)), ("circular", "same"))
        return plain and kept and not computes_otherwise(layer, nn.Conv2d)
    return isinstance(layer, nn.Linear) and not computes_otherwise(layer, nn.Linear)


def adjoint(layer: nn.Module, outputs: Tensor) -> Tensor:
    """The transpose of a linear hidden layer applied to `outputs`, differentiable in them and in its weights.

    Its bias does not count. `has_adjoint` says for which layers. Against differentiating the
    layer by autograd, and that once more for the weights, a step of training takes 0.5 (full width) to 0.8 of the time
    (fully connected).
    """
    if hasattr(layer, "adjoint"):
        return layer.adjoint(outputs)
    if isinstance(layer, nn.Conv2d):
        if layer.padding_mode != "circular":
            return functional.conv_transpose2d(outputs, layer.weight)
        padding = [side for size in reversed(layer.kernel_size) for side in (size // 2, (size - 1) // 2)]
        wrapped = functional.pad(outputs, padding, mode="circular")
        return functional.conv2d(wrapped, layer.weight.flip(2, 3).transpose(0, 1))
    return outputs @ layer.weight


def valid_size(image_size: tuple[int, int], *, kernel_size: int, layers: int) -> tuple[int, int]:
    """The (height, width) left by `layers` unpadded convolutions; ValueError if nothing is left."""
    height, width = (side - layers * (kernel_size - 1) for side in image_size)
    if min(height, width) < 1:
        least = layers * (kernel_size - 1) + 1
        raise ValueError(
            f"image of {image_size[0]} x {image_size[1]} pixels is too small for {layers} hidden layer(s)"
            f" with {kernel_size} x {kernel_size} kernels and no padding: expected at least {least} x {least}"
        )
    return height, width


def draw_uniform(layer: nn.Module, *, fan_in: int) -> None:
    """Draw the weights of a layer, then its biases, as PyTorch does: from U(-1/sqrt(fan_in), 1/sqrt(fan_in))."""
    bound = 1 / math.sqrt(fan_in)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound)


def draw_normal(layer: nn.Module, *, sd: float) -> None:
    """Draw the weights of a layer, then its biases, from N(0, sd^2)."""
    for parameter in layer.parameters():
        nn.init.normal_(parameter, 0, sd)


def _check_image_size(inputs: Tensor, image_size: tuple[int, int]) -> None:
    if tuple(inputs.shape[-2:]) != image_size:
        raise ValueError(f"expected images of {image_size} pixels, got {tuple(inputs.shape[-2:])}")
