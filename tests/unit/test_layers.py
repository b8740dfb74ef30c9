"""Layers against direct convolution in numpy and scipy, and against PyTorch's own convolution."""

import math

import numpy as np
import pytest
import scipy.ndimage
import torch

from advspectra.layers import CircularConv2d, LocallyConnected2d, ShallowNetwork, adjoint, valid_size


def direct_circular_convolution(inputs, weight):
    """y[n, o, p] = sum over i, q of weight[o, i, q] x[n, i, (p - q) mod size], by shifting whole images."""
    outputs = np.zeros((inputs.shape[0], weight.shape[0], *inputs.shape[2:]))
    for row in range(inputs.shape[2]):
        for column in range(inputs.shape[3]):
            moved = np.roll(inputs, (row, column), axis=(2, 3))  # moved[p] = inputs[p - (row, column)]
            outputs += np.einsum("oi,nihw->nohw", weight[:, :, row, column], moved)
    return outputs


@pytest.mark.parametrize("image_size", [(8, 8), (7, 7), (6, 9), (5, 4), (1, 3)])
@pytest.mark.parametrize("in_channels, out_channels", [(1, 1), (3, 2), (2, 5)])
def test_circular_convolution_equals_the_direct_sum(image_size, in_channels, out_channels):
    torch.manual_seed(0)
    layer = CircularConv2d(in_channels, out_channels, image_size).double()
    inputs = torch.randn(3, in_channels, *image_size, dtype=torch.float64)
    expected = direct_circular_convolution(inputs.numpy(), layer.weight.detach().numpy())
    np.testing.assert_allclose(layer(inputs).detach().numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("image_size", [(32, 32), (15, 15)])
def test_circular_convolution_equals_scipys_wrapped_convolution(image_size):
    torch.manual_seed(0)
    layer = CircularConv2d(1, 1, image_size).double()
    image = torch.randn(image_size, dtype=torch.float64)
    # scipy puts the kernel's origin at size // 2; ours is at index 0.
    origin = [-(side // 2) for side in image_size]
    expected = scipy.ndimage.convolve(image.numpy(), layer.weight.detach().numpy()[0, 0], mode="wrap", origin=origin)
    np.testing.assert_allclose(layer(image[None, None]).detach().numpy()[0, 0], expected, rtol=0, atol=1e-12)


def test_circular_convolution_commutes_with_circular_shifts():
    torch.manual_seed(0)
    layer = CircularConv2d(3, 4, (8, 11))
    inputs = torch.randn(2, 3, 8, 11)
    shifted = layer(inputs.roll((3, 5), dims=(2, 3)))
    torch.testing.assert_close(shifted, layer(inputs).roll((3, 5), dims=(2, 3)), rtol=0, atol=1e-6)


@pytest.mark.parametrize("image_size, kernel_size", [((8, 8), 3), ((6, 9), 3), ((5, 4), 2), ((5, 5), 5), ((4, 7), 1)])
@pytest.mark.parametrize("in_channels, out_channels", [(1, 1), (3, 4)])
def test_locally_connected_with_tied_weights_is_the_convolution(image_size, kernel_size, in_channels, out_channels):
    torch.manual_seed(0)
    layer = LocallyConnected2d(in_channels, out_channels, image_size, kernel_size).double()
    kernels = torch.randn(out_channels, in_channels, kernel_size, kernel_size, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.copy_(kernels.permute(2, 3, 1, 0).expand_as(layer.weight))
    inputs = torch.randn(3, in_channels, *image_size, dtype=torch.float64)
    expected = torch.nn.functional.conv2d(inputs, kernels)
    torch.testing.assert_close(layer(inputs), expected, rtol=0, atol=1e-12)


def test_locally_connected_with_untied_weights_is_the_sum_over_each_place():
    torch.manual_seed(0)
    layer = LocallyConnected2d(3, 4, (6, 7), 3).double()
    weight = layer.weight.detach().numpy()
    inputs = torch.randn(2, 3, 6, 7, dtype=torch.float64)
    expected = np.zeros((2, 4, 4, 5))
    for row in range(4):
        for column in range(5):
            patch = inputs.numpy()[:, :, row : row + 3, column : column + 3]
            expected[:, :, row, column] = np.einsum("niab,abio->no", patch, weight[row, column])
    np.testing.assert_allclose(layer(inputs).detach().numpy(), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "layer", [CircularConv2d(2, 2, (3, 4)), LocallyConnected2d(2, 2, (4, 3), 2)], ids=["circular", "local"]
)
def test_gradients_equal_finite_differences(layer):
    torch.manual_seed(0)
    inputs = torch.randn(2, 2, *layer.image_size, dtype=torch.float64, requires_grad=True)
    weight = torch.randn_like(layer.weight, dtype=torch.float64, requires_grad=True)

    def apply(inputs, weight):
        return torch.func.functional_call(layer, {"weight": weight}, inputs)

    assert torch.autograd.gradcheck(apply, (inputs, weight))


@pytest.mark.parametrize(
    "make, fan_in",
    [
        (lambda: CircularConv2d(3, 3, (32, 32)), 3 * 32 * 32),
        (lambda: LocallyConnected2d(3, 32, (32, 32), 3), 3 * 3 * 3),
    ],
    ids=["circular", "local"],
)
def test_initial_weights_are_uniform_up_to_one_over_root_fan_in(make, fan_in):
    torch.manual_seed(0)
    weight = make().weight.detach()
    bound = 1 / math.sqrt(fan_in)
    assert weight.abs().max().item() == pytest.approx(bound, rel=2e-3)
    assert weight.abs().max().item() <= bound
    # A uniform distribution on [-b, b] has mean 0 and standard deviation b / sqrt(3).
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)
    assert weight.mean().item() == pytest.approx(0, abs=0.02 * bound)


@pytest.mark.parametrize(
    "layer", [CircularConv2d(3, 3, (8, 8)), LocallyConnected2d(3, 3, (8, 8), 3)], ids=["circular", "local"]
)
def test_images_of_another_size_are_refused(layer):
    with pytest.raises(ValueError, match=r"expected images of \(8, 8\) pixels, got \(8, 9\)"):
        layer(torch.zeros(1, 3, 8, 9))


def test_valid_size_is_what_unpadded_convolutions_leave():
    assert valid_size((32, 32), kernel_size=3, layers=1) == (30, 30)
    assert valid_size((9, 7), kernel_size=3, layers=3) == (3, 1)
    assert valid_size((9, 7), kernel_size=3, layers=0) == (9, 7)
    with pytest.raises(ValueError, match="9 x 6 pixels is too small for 3 hidden.*at least 7 x 7"):
        valid_size((9, 6), kernel_size=3, layers=3)


def test_unknown_activation_and_layout_are_refused():
    with pytest.raises(ValueError, match="'tanh': expected one of linear, relu"):
        ShallowNetwork([], readout_features=4, classes=2, activation="tanh", layout="vector")
    with pytest.raises(ValueError, match="'rows': expected one of vector"):
        ShallowNetwork([], readout_features=4, classes=2, activation="relu", layout="rows")


@pytest.mark.parametrize(
    "build, image_shape",
    [
        (lambda: CircularConv2d(3, 4, (5, 8)), (3, 5, 8)),
        (lambda: CircularConv2d(2, 1, (7, 7)), (2, 7, 7)),
        (lambda: LocallyConnected2d(3, 4, (6, 7), 3), (3, 6, 7)),
        (lambda: LocallyConnected2d(1, 2, (5, 4), 2), (1, 5, 4)),
        (lambda: torch.nn.Conv2d(3, 4, 3, bias=False), (3, 6, 7)),
        (lambda: torch.nn.Linear(30, 8, bias=False), (30,)),
    ],
)
def test_the_adjoint_has_the_inner_products_of_the_layer(build, image_shape):
    torch.manual_seed(0)
    layer = build().double()
    inputs = torch.randn(3, *image_shape, dtype=torch.float64)
    outputs = layer(inputs)
    others = torch.randn_like(outputs)
    transposed = adjoint(layer, others)
    assert transposed.shape == inputs.shape
    # <layer(x), y> = <x, adjoint(y)> for each image
    expected, found = (outputs * others).flatten(1).sum(dim=1), (inputs * transposed).flatten(1).sum(dim=1)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
