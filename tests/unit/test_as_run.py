"""Networks as the authors ran them: hidden biases, circular padding, normal initial weights, their shallow ResNet."""

import copy

import numpy as np
import pytest
import torch
from scipy import ndimage

from advspectra.layers import adjoint
from advspectra.lines.follow import PiecewiseLinear
from advspectra.networks.build import build_network
from advspectra.networks.end_to_end import end_to_end_map, through_map
from advspectra.networks.recalibrated import recalibrate
from advspectra.networks.simplified import simplified
from advspectra.split import Split

SHAPE, CLASSES = (3, 6, 7), 4
OPTIONS = {
    "fully_connected": {"hidden_units": 9},
    "full_width_convolution": {"channels": 2},
    "bounded_width_convolution": {"channels": 2, "kernel_size": 3},
    "locally_connected": {"channels": 2, "kernel_size": 3},
}
CIRCULAR = OPTIONS["bounded_width_convolution"] | {"padding": "circular", "bias": True}
WITH_BIAS = [(name, options | {"bias": True}) for name, options in OPTIONS.items()]
WITH_BIAS.append(("bounded_width_convolution", CIRCULAR))


def network(architecture, options, *, depth=2, activation="linear", alpha=1.0, seed=0):
    form = {"image_shape": SHAPE, "classes": CLASSES, "activation": activation, "depth": depth}
    scaling = {"alpha": alpha, "alpha_scaling": "function_preserving"}
    return build_network(architecture, options=options, **form, **scaling, seed=seed)


def images(count=5):
    return torch.rand(count, *SHAPE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("architecture", "options"), OPTIONS.items())
def test_switches_left_out_and_switched_off_give_the_same_weights(architecture, options):
    off = options | {"bias": False} | ({"padding": "none"} if "bounded" in architecture else {})
    left_out, switched_off = network(architecture, options), network(architecture, off)
    assert all(map(torch.equal, left_out.state_dict().values(), switched_off.state_dict().values()))
    assert list(left_out.state_dict()) == ["hidden.0.weight", "hidden.1.weight", "readout.weight", "readout.bias"]


@pytest.mark.parametrize(("architecture", "options"), WITH_BIAS)
def test_biases_are_part_of_the_map_and_of_the_way_through_it(architecture, options):
    plain = network(architecture, options)
    assert all(layer.bias.abs().min() > 0 for layer in plain.hidden)
    beta, intercept = end_to_end_map(plain, image_shape=SHAPE, classes=CLASSES)
    assert np.abs(intercept - plain.readout.bias.detach().numpy()).max() > 1e-3  # hidden biases reach the logits
    expected = plain(images())
    through = through_map(plain, image_shape=SHAPE)
    for way in (through.train(), through.eval()):
        torch.testing.assert_close(way(images()), expected, rtol=1e-4, atol=1e-5)
    found = images().flatten(1).double() @ torch.from_numpy(beta).flatten(1).T + torch.from_numpy(intercept)
    torch.testing.assert_close(found.float(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("architecture", "options"), WITH_BIAS)
def test_training_through_the_map_has_the_gradients_of_training_layer_by_layer(architecture, options):
    gradients = []
    for way in (lambda plain: plain, lambda plain: through_map(plain, image_shape=SHAPE).train()):
        plain = network(architecture, options)
        way(plain)(images()).square().sum().backward()
        gradients.append([parameter.grad for parameter in plain.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5])
def test_a_circular_convolution_wraps_around_and_has_its_adjoint(kernel_size):
    options = {"channels": 2, "kernel_size": kernel_size, "padding": "circular"}
    layer = network("bounded_width_convolution", options, depth=1).hidden[0].double()
    inputs = images(2).double()
    expected = np.zeros((2, 2, *SHAPE[1:]))
    for out, kernels in enumerate(layer.weight.detach().numpy()):
        for channel, kernel in enumerate(kernels):
            origin = -1 if kernel_size % 2 == 0 else 0  # scipy's centre of an even kernel lies one further on
            expected[:, out] += [
                ndimage.correlate(image, kernel, mode="grid-wrap", origin=origin)
                for image in inputs[:, channel].numpy()
            ]
    np.testing.assert_allclose(layer(inputs).detach().numpy(), expected, rtol=1e-9, atol=1e-12)
    outputs = torch.rand(2, 2, *SHAPE[1:], dtype=torch.float64)
    left, right = (layer(inputs) * outputs).sum(), (inputs * adjoint(layer, outputs)).sum()
    assert left.item() == pytest.approx(right.item(), rel=1e-9)


@pytest.mark.parametrize(("architecture", "options"), WITH_BIAS)
@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_alpha_with_biases_preserves_the_function(architecture, options, activation):
    """Hidden biases grow with the weights before them, as in the authors' files, so the readout can undo both."""
    plain, scaled = (network(architecture, options, activation=activation, alpha=alpha) for alpha in (1.0, 4.0))
    torch.testing.assert_close(scaled(images()), plain(images()), rtol=1e-4, atol=1e-5)
    assert not torch.equal(plain.hidden[0].bias, scaled.hidden[0].bias)


def test_initial_weights_and_biases_have_the_standard_deviation_given():
    options = {"channels": 32, "kernel_size": 3, "bias": True, "initial_sd": 0.1}
    layer = network("locally_connected", options, depth=1).hidden[0]
    assert layer.weight.std().item() == pytest.approx(0.1, rel=0.02)
    assert layer.bias.std().item() == pytest.approx(0.1, rel=0.1)
    assert layer.weight.abs().max() > 0.3  # not uniform


def test_the_shallow_resnet_as_run_has_a_linear_stem_and_one_convolution_in_its_block():
    found = network("shallow_resnet_as_run", {"channels": 4}, activation="relu")
    stem = torch.nn.functional.conv2d(images(), found.stem.weight, found.stem.bias, padding=1)
    block = torch.nn.functional.conv2d(stem, found.block.weight, found.block.bias, padding=1)
    units = stem + block.clamp(min=0)
    expected = units.flatten(1) @ found.readout.weight.T + found.readout.bias
    torch.testing.assert_close(found(images()), expected, rtol=1e-5, atol=1e-6)
    assert (stem < 0).any() and not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in found.modules())


def vgg19(**options):
    form = {"image_shape": (3, 32, 32), "classes": 10, "activation": "relu", "depth": 16, "seed": 0}
    return build_network("vgg19", options={"width": 0.0625, **options}, **form, alpha=1, alpha_scaling="plain")


def test_vgg19_has_one_linear_layer_unless_told_otherwise():
    left_out, linear = vgg19(), vgg19(head="linear")
    assert all(map(torch.equal, left_out.state_dict().values(), linear.state_dict().values()))
    assert isinstance(left_out.classifier, torch.nn.Linear)


def test_the_head_of_vgg19_as_run_is_three_layers_with_half_the_inputs_of_two_dropped():
    layers = list(vgg19(head="dropout").classifier)
    names = ["Dropout", "Linear", "ReLU", "Dropout", "Linear", "ReLU", "Linear"]
    assert [type(layer).__name__ for layer in layers] == names
    assert [(layers[k].in_features, layers[k].out_features) for k in (1, 4, 6)] == [(32, 32), (32, 32), (32, 10)]
    assert [layers[k].p for k in (0, 3)] == [0.5, 0.5]


def test_attacks_and_lines_see_no_dropout():
    network = vgg19(head="dropout")
    inputs = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    assert not torch.equal(copy.deepcopy(network)(inputs), copy.deepcopy(network)(inputs))  # what they must not see
    expected = network.eval()(inputs).double()
    for found in (
        simplified(vgg19(head="dropout"), (3, 32, 32))(inputs),
        PiecewiseLinear(vgg19(head="dropout"), image_shape=(3, 32, 32)).states(inputs)[0],
    ):
        torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-5)


def test_recalibration_drops_nothing():
    """The statistics behind a dropout are those of all its inputs."""
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.9), torch.nn.BatchNorm1d(12))
    pixels = torch.randint(0, 256, (8, 3, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    recalibrate(network, Split(pixels, torch.zeros(8, dtype=torch.int64)), batches=1, batch_size=8, seed=0)
    torch.testing.assert_close(network[2].running_mean, (pixels / 255).flatten(1).mean(dim=0))
    assert not any(layer.training for layer in network.modules())


@pytest.mark.parametrize(
    ("architecture", "options", "activation"),
    [
        ("shallow_resnet_as_run", {"channels": 4}, "relu"),
        *((name, options, activation) for name, options in WITH_BIAS for activation in ("linear", "relu")),
    ],
)
def test_attacks_and_lines_see_the_network_itself(architecture, options, activation):
    def made():
        return network(architecture, options, activation=activation)

    expected = made()(images()).detach()
    torch.testing.assert_close(simplified(made(), SHAPE)(images()), expected, rtol=1e-4, atol=1e-5)
    line = PiecewiseLinear(made(), image_shape=SHAPE)
    logits, active = line.states(images())
    torch.testing.assert_close(logits.float(), expected, rtol=1e-4, atol=1e-5)
    start, end = images()[:2]
    course, sampled = line.exact(start, end), line.sampled(start, end, samples=2001)
    if activation == "linear":
        assert active.shape[1] == course.breakpoints == 0
    else:
        assert active.shape[1] > 0 and 0 < course.breakpoints
        assert 0.9 * course.breakpoints <= sampled.breakpoints <= course.breakpoints
