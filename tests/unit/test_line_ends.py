"""The controls beside an adversarial line, and what is measured along all of them, where it is known in closed form."""

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from advspectra.files.lines import LINE, write_lines
from advspectra.lines import ends
from advspectra.lines.ends import measure_lines, random_directions, stretched_to_boundary
from advspectra.lines.follow import PiecewiseLinear, roughness

SHAPE = (1, 3, 4)
SETTINGS = {"exact_images": 2, "samples": 41, "stretch_limit": 64, "seed": 3}


def linear_network(weight, bias):
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, len(bias)))
    with torch.no_grad():
        network[1].weight.copy_(torch.as_tensor(weight))
        network[1].bias.copy_(torch.as_tensor(bias))
    return network.eval()


def relu_network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Flatten(), nn.Linear(12, 30), nn.ReLU(), nn.Linear(30, 30), nn.ReLU(), nn.Linear(30, 3)
    ).eval()


def test_a_random_direction_is_that_of_its_image_and_seed():
    directions = random_directions(np.array([5, 7, 900]), shape=SHAPE, seed=1)
    assert directions.shape == (3, *SHAPE)
    torch.testing.assert_close(directions.flatten(1).norm(dim=1), torch.ones(3))
    assert torch.equal(random_directions(np.array([900]), shape=SHAPE, seed=1)[0], directions[2])
    assert not torch.equal(random_directions(np.array([900]), shape=SHAPE, seed=2)[0], directions[2])


def test_random_directions_favour_no_pixel():
    directions = random_directions(np.arange(4000), shape=SHAPE, seed=0).flatten(1).numpy()
    np.testing.assert_allclose(12 * (directions**2).mean(axis=0), 1, atol=0.1)
    assert np.abs(directions.mean(axis=0)).max() < 0.02


def test_the_stretch_to_the_boundary_is_that_of_a_linear_network():
    generator = np.random.default_rng(0)
    weight, bias = generator.standard_normal((2, 12)), np.array([3.0, 0.0])
    network = linear_network(weight, bias)
    inputs = torch.from_numpy(generator.random((40, *SHAPE))).float()
    direction = random_directions(np.arange(40), shape=SHAPE, seed=0)
    found = stretched_to_boundary(network, inputs, direction, limit=10).numpy()
    difference = weight[0] - weight[1]
    margin = inputs.flatten(1).numpy() @ difference + 3
    slope = direction.flatten(1).numpy() @ difference
    crossing = -margin / slope  # negative: never
    reached = (crossing > 0) & (crossing < 10)
    assert 5 < reached.sum() < 35
    np.testing.assert_allclose(found[reached], crossing[reached], rtol=2e-3, atol=1e-3)
    assert (found[~reached] == 10).all()


def lines_of(network, **changes):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.rand(6, *SHAPE, generator=generator)
    perturbation = 2 * torch.randn(6, *SHAPE, generator=generator)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    image = np.array([3, 4, 10, 11, 12, 99])
    found = measure_lines(network, inputs, labels, perturbation, image, **SETTINGS | changes)
    return inputs, labels, perturbation, found


def test_a_line_whose_numbers_are_not_finite_is_named():
    inputs, labels, perturbation, _ = lines_of(relu_network())
    perturbation[2, 0, 0, 0] = torch.nan
    image = np.array([3, 4, 10, 11, 12, 99])
    with pytest.raises(ValueError, match="line from test image 10 .* adversarial end: length, .* not finite; "):
        measure_lines(relu_network(), inputs, labels, perturbation, image, **SETTINGS)


def test_a_linear_network_has_no_breakpoint_and_no_roughness():
    generator = np.random.default_rng(0)
    _, _, _, found = lines_of(linear_network(generator.standard_normal((3, 12)), np.zeros(3)))
    for arrays in found.values():
        assert not arrays["relu_changes"].any() and not arrays["breakpoints"].any() and arrays["converged"].all()
        for name in ("true", "other"):
            assert (arrays[f"{name}_change"] > 0).all()
            np.testing.assert_allclose(arrays[f"{name}_deviation"], 0, atol=1e-12)


def test_the_final_logit_is_that_of_the_class_given_and_followed_only_if_one_is():
    classes = np.array([2, 1, 0, 1, 1, 0])
    _, labels, _, found = lines_of(relu_network(), final=classes)
    own = classes == labels.numpy()
    assert 0 < own.sum() < 6
    for arrays in found.values():
        for name in ("change", "deviation", "curvature"):
            same = arrays[f"final_{name}"] == arrays[f"true_{name}"]
            assert same[own].all() and not same[~own].any()
    without = lines_of(relu_network())[3]["adversarial"]
    assert set(found["adversarial"]) - set(without) == {"final_change", "final_deviation", "final_curvature"}


def test_lines_have_their_lengths_and_the_boundary_changes_the_class():
    _, _, perturbation, found = lines_of(relu_network())
    length = perturbation.flatten(1).norm(dim=1)
    assert set(found) == {"adversarial", "random", "boundary"}
    for end in ("adversarial", "random"):
        np.testing.assert_allclose(found[end]["length"], length, rtol=1e-6)
    boundary = found["boundary"]
    assert boundary["changed"].any()
    np.testing.assert_allclose(boundary["length"][~boundary["changed"]], 64 * length[~boundary["changed"]], rtol=1e-5)


def test_exact_and_sampled_images_are_told_apart():
    network = relu_network()
    inputs, labels, perturbation, found = lines_of(network)
    follower = PiecewiseLinear(network, image_shape=SHAPE)
    for number in range(6):
        course = follower.exact(inputs[number], inputs[number] + perturbation[number])
        counted = found["adversarial"]["breakpoints"][number]
        assert counted == course.breakpoints if number in (0, 3) else counted <= course.breakpoints
        if number in (0, 3):
            expected = roughness(course.positions, course.logits[:, labels[number]])
            names = ("true_change", "true_deviation", "true_curvature")
            assert tuple(found["adversarial"][name][number] for name in names) == pytest.approx(expected)
    assert found["adversarial"]["converged"][[0, 3]].all()


def test_all_images_are_followed_exactly_if_there_are_no_more(monkeypatch):
    exactly = []
    monkeypatch.setattr(ends, "_rows", lambda *arguments: exactly.append(arguments[-1]) or iter(()))
    network = relu_network()
    inputs, labels = torch.rand(5, *SHAPE), torch.zeros(5, dtype=torch.int64)
    for count in (5, 6, 1000):
        measure_lines(network, inputs, labels, inputs / 8, np.arange(5), **SETTINGS | {"exact_images": count})
    assert exactly == [None] * 15


def test_the_other_logit_is_the_highest_but_the_true_one_at_the_adversarial_image():
    network = relu_network()
    inputs, labels, perturbation, found = lines_of(network)
    with torch.no_grad():
        logits = network(inputs + perturbation)
        for number in range(6):
            other = max(set(range(3)) - {labels[number].item()}, key=lambda k: logits[number, k].item())
            for end, displacement in (("adversarial", perturbation[number]), ("random", None)):
                if displacement is None:
                    length = perturbation[number].norm()
                    image = np.array([3, 4, 10, 11, 12, 99])[[number]]
                    displacement = length * random_directions(image, shape=SHAPE, seed=3)[0]
                change = network(torch.stack([inputs[number], inputs[number] + displacement])).diff(dim=0)[0, other]
                assert found[end]["other_change"][number] == pytest.approx(abs(change.item()), rel=1e-4, abs=1e-5)


def test_the_file_holds_every_array_with_its_unit(tmp_path):
    _, labels, _, found = lines_of(relu_network(), final=np.zeros(6, dtype=int))
    images = {"image": np.arange(6), "label": labels.numpy(), "correct": np.ones(6, bool), "success": np.zeros(6, bool)}
    write_lines(tmp_path / "lines.h5", images=images, lines=found, attributes={"attack": "pgd"})
    with h5py.File(tmp_path / "lines.h5") as file:
        assert file.attrs["format"] == b"advspectra.lines"
        for end, arrays in found.items():
            for name, array in LINE.items():
                np.testing.assert_array_equal(file[f"{end}/{name}"][()], arrays[name])
                assert file[f"{end}/{name}"].attrs["units"] == array.units.encode()
