"""Exact breakpoints against a scan of 100,001 points, and roughness against functions known in closed form."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from advspectra.lines.follow import PiecewiseLinear, roughness
from advspectra.networks.build import build_network

SCAN = 100_001
SHAPE = (3, 5, 5)


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.first, self.second = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, inputs):
        return self.relu(inputs + self.second(self.relu(self.first(inputs))))


def readout(features):
    return nn.Flatten(), nn.Linear(features, 3)


NETWORKS = {
    "fully_connected": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(75, 20), nn.ReLU(), nn.Linear(20, 15), nn.ReLU(), nn.Linear(15, 3)
    ),
    "convolution": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AvgPool2d(2, 1), nn.Conv2d(4, 4, 2), nn.ReLU(), *readout(4)
    ),
    "residual": lambda: nn.Sequential(nn.Conv2d(3, 3, 3), Residual(3), Residual(3), *readout(27)),
    "max_pooling": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 2), nn.MaxPool2d(2), nn.Conv2d(4, 6, 1), nn.ReLU(), nn.MaxPool2d(2), *readout(6)
    ),
    "overlapping_max_pooling": lambda: nn.Sequential(
        nn.Conv2d(3, 3, 1), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1), *readout(27)
    ),
}


def random_line(shape=SHAPE, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(2, *shape, generator=generator)


def random_network(name, *, seed):
    torch.manual_seed(seed)
    return NETWORKS[name]().double().eval()


def points(ends, positions):
    return torch.lerp(*ends.double(), torch.as_tensor(positions)[:, None, None, None])


def scanned(network, ends):
    """Number of switches of ReLUs and of max-pooling between 100,001 points, and the intervals that they lie in."""
    relus, pools = [], []

    def look(module, inputs, output):
        if isinstance(module, nn.ReLU):
            active = (inputs[0] > 0).flatten(1)
            relus.append(active[1:] != active[:-1])
        elif isinstance(module, nn.MaxPool2d):
            form = module.kernel_size, module.stride, module.padding
            values, index = (one.flatten(1) for one in functional.max_pool2d(inputs[0], *form, return_indices=True))
            # of several ReLUs at zero none is the largest
            pools.append((index[1:] != index[:-1]) & (values[1:] != 0) & (values[:-1] != 0))

    handles = [module.register_forward_pre_hook(lambda m, i: look(m, i, None)) for module in network.modules()]
    network(points(ends, np.linspace(0, 1, SCAN)))
    for handle in handles:
        handle.remove()
    both = torch.cat([*relus, *pools], dim=1).any(dim=1)
    return sum(one.sum().item() for one in relus), sum(one.sum().item() for one in pools), both.nonzero()[:, 0].numpy()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("seed", range(3))
@torch.no_grad()
def test_breakpoints_are_those_of_a_scan(name, seed):
    network, ends = random_network(name, seed=seed), random_line(seed=seed)
    course = PiecewiseLinear(network, image_shape=SHAPE).exact(*ends)
    relus, pools, intervals = scanned(network, ends)
    assert (course.breakpoints, course.pool_switches) == (relus, pools)
    assert relus >= 5 and (pools >= 5) == ("max_pooling" in name)
    inner = course.positions[1:-1]
    assert len(inner) == relus + pools
    assert np.array_equal(np.unique(np.floor(inner * (SCAN - 1)).astype(int)), intervals)


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_the_network_is_affine_between_breakpoints_and_bends_at_them(name):
    network, ends = random_network(name, seed=7), random_line(seed=7)
    course = PiecewiseLinear(network, image_shape=SHAPE).exact(*ends)
    low, high = course.positions[:-1], course.positions[1:]
    for part in (0.25, 0.5, 0.9):
        found = network(points(ends, low + part * (high - low))).numpy()
        expected = course.logits[:-1] + part * np.diff(course.logits, axis=0)
        np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(course.logits, network(points(ends, course.positions)).numpy(), atol=1e-12)
    # without the breakpoints it is not affine
    chord = course.logits[0] + course.positions[:, None] * (course.logits[-1] - course.logits[0])
    assert np.abs(course.logits - chord).max() > 0.01


ARCHITECTURES = {
    "fully_connected": ({"hidden_units": 40}, 3),
    "full_width_convolution": ({"channels": 3}, 1),
    "bounded_width_convolution": ({"channels": 4, "kernel_size": 3}, 2),
    "locally_connected": ({"channels": 4, "kernel_size": 3}, 1),
    "shallow_resnet": ({"channels": 4}, 3),
    "resnet18": ({"width": 1 / 16}, 17),
    "vgg19": ({"width": 1 / 32}, 16),
}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@torch.no_grad()
def test_every_architecture_can_be_followed(architecture):
    options, depth = ARCHITECTURES[architecture]
    shape = (3, 8, 8)
    form = {"options": options, "image_shape": shape, "classes": 4, "activation": "relu", "depth": depth}
    network = build_network(architecture, **form, alpha=1, alpha_scaling="plain", seed=0).double()
    network(torch.rand(50, *shape, dtype=torch.float64))  # batch normalisation with statistics of its own
    network.eval()
    ends = random_line(shape)
    follower = PiecewiseLinear(network, image_shape=shape)
    course = follower.exact(*ends)
    assert course.breakpoints > 10 and (course.pool_switches > 0) == (architecture == "vgg19")
    middle = (course.positions[:-1] + course.positions[1:]) / 2
    expected = (course.logits[:-1] + course.logits[1:]) / 2
    np.testing.assert_allclose(network(points(ends, middle)).numpy(), expected, rtol=1e-9, atol=1e-10)
    sampled = follower.sampled(*ends, samples=2001)
    assert 0 <= course.breakpoints - sampled.breakpoints <= 0.02 * course.breakpoints
    logits, active = follower.states(ends)
    np.testing.assert_allclose(logits.numpy(), network(ends.double()).numpy(), rtol=1e-9)
    assert 0 < (active[0] != active[1]).sum() <= course.breakpoints


def test_states_count_the_relus_of_all_layers():
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Linear(3, 1))
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))
    follower = PiecewiseLinear(network, image_shape=(1, 1, 2))
    _, active = follower.states(torch.tensor([[[[2.0, -1.0]]], [[[-2.0, -1.0]]]]))
    assert active.tolist() == [[True, False, False], [False, False, True]]
    course = follower.exact(torch.tensor([[[2.0, -1.0]]]), torch.tensor([[[-1.0, 1.0]]]))
    # units 0 and 2 at t = 2/3, unit 1 at 1/2
    np.testing.assert_allclose(course.positions, [0, 1 / 2, 2 / 3, 2 / 3, 1])
    assert course.breakpoints == 3


def test_a_line_that_bends_nowhere():
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    with torch.no_grad():
        network[1].bias.fill_(100)
    course = PiecewiseLinear(network, image_shape=(1, 2, 2)).exact(torch.zeros(1, 2, 2), torch.ones(1, 2, 2))
    assert course.positions.tolist() == [0, 1] and course.breakpoints == 0


@pytest.mark.parametrize("layer", [nn.Sigmoid(), nn.LeakyReLU(), nn.LayerNorm(4)])
def test_an_operation_that_cannot_be_followed_is_named(layer):
    network = nn.Sequential(nn.Flatten(), layer, nn.Linear(4, 2))
    with pytest.raises(ValueError, match=type(layer).__name__):
        PiecewiseLinear(network, image_shape=(1, 2, 2))


def test_the_network_is_left_as_it_was():
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))
    PiecewiseLinear(network, image_shape=(1, 2, 2))
    assert network.training and network[0].weight.dtype == torch.float32 and isinstance(network[1], nn.BatchNorm2d)


def test_a_sampled_count_says_whether_it_converged():
    # of t, a zigzag with the values -1, 1, -1, ... at the twelfths, which a second ReLU takes: it switches 12 times
    bends, slope = torch.arange(12) / 12, 24.0
    first, second = nn.Linear(1, 12), nn.Linear(12, 1)
    with torch.no_grad():
        first.weight.fill_(1)
        first.bias.copy_(-bends)
        second.weight.copy_(2 * slope * (-1.0) ** torch.arange(12))
        second.weight[0, 0] = slope
        second.bias.fill_(-1)
    network = nn.Sequential(nn.Flatten(), first, nn.ReLU(), second, nn.ReLU(), nn.Linear(1, 3))
    follower = PiecewiseLinear(network, image_shape=(1, 1, 1))
    ends = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
    few, many, exact = follower.sampled(*ends, samples=5), follower.sampled(*ends, samples=97), follower.exact(*ends)
    # the first layer's ReLUs switch once each, the one at t = 0 between the first two points
    assert (exact.breakpoints, exact.converged) == (24, True)
    assert (many.breakpoints, many.converged) == (24, True)
    assert (few.breakpoints, few.converged) == (16, False)
    with pytest.raises(ValueError, match="odd number of samples"):
        follower.sampled(*ends, samples=4)


def test_roughness_of_a_tent_and_of_a_line():
    # f = 2 t up to 1/2, then 2 - 2 t: distance to the chord 0 integrates to 1/2, the slope changes by 4
    assert roughness(np.array([0, 0.5, 1]), np.array([0.0, 1.0, 0.0])) == pytest.approx((0, 0.5, 4))
    assert roughness(np.array([0, 0.3, 1]), np.array([1.0, 1.6, 3.0])) == pytest.approx((2, 0, 0), abs=1e-12)
    # on the chord's both sides: 0, 1, -1, 0 in steps of 1/3: triangles of 1/6, 1/12 twice, 1/6; slopes 3, -6, 3
    values = np.array([0.0, 1.0, -1.0, 0.0]) + 5 * np.linspace(0, 1, 4)
    assert roughness(np.linspace(0, 1, 4), values) == pytest.approx((5, 0.5, 18))


def test_roughness_agrees_with_a_fine_quadrature():
    generator = np.random.default_rng(0)
    positions = np.concatenate([[0], np.sort(generator.random(30)), [1]])
    values = generator.standard_normal(32)
    t = np.linspace(0, 1, 2_000_001)
    f = np.interp(t, positions, values)
    change, deviation, _ = roughness(positions, values)
    assert change == abs(values[-1] - values[0])
    assert deviation == pytest.approx(np.abs(f - values[0] - t * (values[-1] - values[0])).mean(), rel=1e-5)


def test_breakpoints_that_rounding_cannot_tell_apart_are_one():
    positions = np.array([0, 0.5, 0.5 + 1e-13, 1])
    values = np.array([0.0, 1.0, 1.0 + 1e-12, 0.0])
    assert roughness(positions, values)[2] == pytest.approx(4, rel=1e-6)
