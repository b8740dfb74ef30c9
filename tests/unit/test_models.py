"""Architectures: parameter counts known from the literature, and logits against numpy and scipy."""

import numpy as np
import pytest
import scipy.signal
import torch
from torchvision.models.resnet import BasicBlock
from torchvision.models.vgg import cfgs, make_layers

from advspectra.files.checkpoints import Checkpoint, Training, write_checkpoints
from advspectra.machine.devices import precision
from advspectra.networks.build import build_network
from advspectra.networks.residual import ResidualBlock
from advspectra.networks.stored import load_network

CIFAR = (3, 32, 32)
SHALLOW = {
    "fully_connected": {"hidden_units": 20},
    "full_width_convolution": {"channels": 3},
    "bounded_width_convolution": {"channels": 4, "kernel_size": 3},
    "locally_connected": {"channels": 4, "kernel_size": 3},
}
DEEP = {
    "shallow_resnet": ({"channels": 4}, 3),
    "vgg19": ({"width": 0.0625}, 16),
    "resnet18": ({"width": 0.0625}, 17),
}


def build(architecture, options, *, depth, activation="relu", image_shape=CIFAR, classes=10):
    return build_network(
        architecture,
        options=options,
        image_shape=image_shape,
        classes=classes,
        activation=activation,
        depth=depth,
        alpha=1,
        alpha_scaling="function_preserving",
        seed=0,
    )


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    "architecture, options, depth, expected",
    [
        ("fully_connected", {"hidden_units": 2700}, 1, 3072 * 2700 + 2700 * 10 + 10),
        ("fully_connected", {"hidden_units": 2700}, 3, 3072 * 2700 + 2 * 2700**2 + 2700 * 10 + 10),
        ("full_width_convolution", {"channels": 3}, 1, 9 * 1024 + 3072 * 10 + 10),
        ("full_width_convolution", {"channels": 3}, 3, 3 * 9 * 1024 + 3072 * 10 + 10),
        # 3 channels of 30 x 30 are the 2700 hidden units of the fully connected network.
        ("bounded_width_convolution", {"channels": 3, "kernel_size": 3}, 1, 81 + 2700 * 10 + 10),
        ("bounded_width_convolution", {"channels": 32, "kernel_size": 3}, 1, 864 + 28800 * 10 + 10),
        (
            "bounded_width_convolution",
            {"channels": 32, "kernel_size": 3},
            3,
            864 + 2 * 9216 + 32 * 26**2 * 10 + 10,
        ),
        ("locally_connected", {"channels": 32, "kernel_size": 3}, 1, 900 * 864 + 28800 * 10 + 10),
        # Stem, two convolutions, three batch normalisations (scale and shift), readout.
        ("shallow_resnet", {"channels": 32}, 3, 864 + 2 * 9216 + 3 * 64 + 32 * 1024 * 10 + 10),
    ],
)
def test_parameter_counts_of_the_papers_shallow_networks(architecture, options, depth, expected):
    assert parameters(build(architecture, options, depth=depth)) == expected


def test_resnet18_at_width_1_is_the_cifar_resnet18():
    def block(before, after):
        shortcut = before * after + 2 * after if before != after else 0
        return 9 * before * after + 9 * after * after + 4 * after + shortcut

    by_hand = 9 * 3 * 64 + 2 * 64 + 512 * 10 + 10
    for before, after in [(64, 64), (64, 128), (128, 256), (256, 512)]:
        by_hand += block(before, after) + block(after, after)
    assert by_hand == 11_173_962  # the count usually given for CIFAR's ResNet18
    network = build("resnet18", {"width": 1}, depth=17)
    assert parameters(network) == by_hand
    stages = [network.stem, network.stage1, network.stage2, network.stage3, network.stage4]
    assert feature_sizes(stages) == [32, 32, 16, 8, 4]


def test_vgg19_at_width_1_is_the_cifar_vgg19_with_one_readout():
    channels = [3, 64, 64, 128, 128, *4 * [256], *8 * [512]]
    # 3x3 kernels with a bias, scale and shift of the batch normalisation; then 512 -> 10.
    by_hand = sum(9 * a * b + 3 * b for a, b in zip(channels, channels[1:], strict=False)) + 512 * 10 + 10
    assert by_hand == 20_040_522
    assert parameters(build("vgg19", {"width": 1}, depth=16)) == by_hand


def require_same(ours, theirs, images):
    """The same names and, with the same weights, bit for bit the same outputs and running statistics."""
    theirs.load_state_dict(ours.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for _ in range(2):
        assert torch.equal(ours(images), theirs(images))
    assert all(torch.equal(*pair) for pair in zip(ours.buffers(), theirs.buffers(), strict=True))


def test_the_residual_block_is_torchvisions_and_draws_the_same_weights():
    blocks = []
    for build_block, shortcut in ((ResidualBlock, "shortcut"), (BasicBlock, "downsample")):
        torch.manual_seed(0)
        blocks.append(build_block(4, 6, stride=2, **{shortcut: torch.nn.Conv2d(4, 6, 1, stride=2)}))
    ours, theirs = (block.state_dict() for block in blocks)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    require_same(*blocks, torch.randn(3, 4, 9, 8))
    require_same(ResidualBlock(4, 4), BasicBlock(4, 4), torch.randn(3, 4, 9, 8))


def test_the_convolutions_of_vgg19_are_torchvisions():
    ours = build("vgg19", {"width": 1}, depth=16).features
    theirs = make_layers(cfgs["E"], batch_norm=True).to(memory_format=torch.channels_last)
    require_same(ours, theirs, torch.randn(2, *CIFAR))


def feature_sizes(stages, image_shape=CIFAR):
    sizes, features = [], torch.zeros(1, *image_shape)
    for stage in stages:
        features = stage(features)
        sizes.append(features.shape[-1])
    return sizes


@pytest.mark.parametrize("side, pools, left", [(32, 5, 1), (33, 5, 1), (64, 5, 2), (16, 4, 1), (31, 4, 1), (8, 3, 1)])
def test_vgg19_leaves_out_only_the_pools_that_the_image_is_too_small_for(side, pools, left):
    network = build("vgg19", {"width": 0.0625}, depth=16, image_shape=(3, side, side)).eval()
    assert sum(isinstance(layer, torch.nn.MaxPool2d) for layer in network.modules()) == pools
    assert feature_sizes([network.features], (3, side, side)) == [left]


@pytest.mark.parametrize("architecture", ["vgg19", "resnet18"])
def test_width_multiplies_every_channel_count(architecture):
    options, depth = DEEP[architecture]
    network = build(architecture, {"width": 0.5}, depth=depth)
    channels = [layer.out_channels for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert min(channels) == 32 and max(channels) == 256
    with pytest.raises(ValueError, match=f"{architecture}: width 0.005"):
        build(architecture, {"width": 0.005}, depth=depth)


@pytest.mark.parametrize("architecture", [*SHALLOW, *DEEP])
@pytest.mark.parametrize("image_shape, classes", [((3, 16, 16), 10), ((1, 9, 12), 3), ((4, 13, 11), 2)])
def test_every_architecture_takes_any_image_shape(architecture, image_shape, classes):
    options, depth = DEEP.get(architecture) or (SHALLOW[architecture], 3)
    network = build(architecture, options, depth=depth, image_shape=image_shape, classes=classes)
    images = torch.rand(5, *image_shape, requires_grad=True)
    logits = network(images)
    assert logits.shape == (5, classes)
    logits.square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all(), name
    assert images.grad.abs().amax(dim=(1, 2, 3)).min() > 0


@pytest.mark.parametrize("architecture", [*SHALLOW, *DEEP])
def test_every_architecture_computes_in_bfloat16(architecture):
    options, depth = DEEP.get(architecture) or (SHALLOW[architecture], 2)
    network = build(architecture, options, depth=depth, image_shape=(3, 16, 16)).eval()
    images = torch.rand(5, 3, 16, 16, requires_grad=True)
    with precision(images.device, "bfloat16"):
        logits = network(images)
        logits.float().square().sum().backward()
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(logits.float(), network(images), rtol=0, atol=0.05 * logits.abs().max().item())
    assert images.grad.dtype == torch.float32 and torch.isfinite(images.grad).all()


def channels_last(network):
    kernels = [layer.weight for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)]
    return all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)


@pytest.mark.parametrize("architecture", DEEP)
def test_the_layout_changes_neither_the_function_nor_what_a_checkpoint_holds(architecture, tmp_path):
    options, depth = DEEP[architecture]
    form = dict(
        architecture=architecture, options=options, activation="relu", depth=depth, image_shape=CIFAR, classes=10
    )
    network, images = build(architecture, options, depth=depth).eval(), torch.rand(4, *CIFAR)
    assert channels_last(network)
    row = {"epoch": 1, "train_accuracy": 0.5, "test_accuracy": 0.5}
    training = Training({"best": Checkpoint(1, 1, 0.5, network.state_dict())}, history=[row], best_epoch=1)
    write_checkpoints(tmp_path / "checkpoints.h5", training, architecture=form, attributes={})
    loaded, _ = load_network(tmp_path / "checkpoints.h5", name="best", expected=form)
    assert channels_last(loaded)
    assert torch.equal(loaded(images), network(images))
    other = network.to(memory_format=torch.contiguous_format)
    assert not channels_last(other)
    torch.testing.assert_close(other(images), loaded(images))


@pytest.mark.parametrize("architecture", ["bounded_width_convolution", "locally_connected"])
def test_images_too_small_for_the_kernels_are_refused(architecture):
    options = {"channels": 2, "kernel_size": 3}
    build(architecture, options, depth=3, image_shape=(3, 7, 7))
    with pytest.raises(ValueError, match="7 x 6 pixels is too small for 3 hidden layer.*at least 7 x 7"):
        build(architecture, options, depth=3, image_shape=(3, 7, 6))


def relu(values):
    return np.maximum(values, 0)


def weights(network):
    hidden = [layer.weight.detach().double().numpy() for layer in network.hidden]
    return (
        hidden,
        network.readout.weight.detach().double().numpy(),
        network.readout.bias.detach().double().numpy(),
    )


def test_fully_connected_relu_network_equals_numpy():
    network = build("fully_connected", {"hidden_units": 20}, depth=2, image_shape=(3, 5, 4))
    (first, second), readout, bias = weights(network)
    images = torch.randn(6, 3, 5, 4)
    units = relu(relu(images.double().numpy().reshape(6, -1) @ first.T) @ second.T)
    np.testing.assert_allclose(network(images).detach().numpy(), units @ readout.T + bias, rtol=0, atol=1e-5)


def test_bounded_width_relu_network_equals_scipys_correlation():
    network = build("bounded_width_convolution", {"channels": 4, "kernel_size": 3}, depth=2, image_shape=(3, 8, 7))
    kernels, readout, bias = weights(network)
    images = torch.randn(6, 3, 8, 7)
    units = images.double().numpy()
    for kernel in kernels:
        units = [[scipy.signal.correlate(image, one, mode="valid")[0] for one in kernel] for image in units]
        units = relu(np.array(units))
    units = units.transpose(0, 2, 3, 1).reshape(6, -1)
    np.testing.assert_allclose(network(images).detach().numpy(), units @ readout.T + bias, rtol=0, atol=1e-5)
