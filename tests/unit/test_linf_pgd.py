"""Cycle-detecting PGD against Foolbox's own, bit by bit, and what it saves."""

import eagerpy
import foolbox
import numpy as np
import pytest
import torch
from torch import nn

import advspectra.attacks.linf_pgd as linf_pgd
from advspectra.attacking import resuming
from advspectra.perturb import build_attack, perturb
from advspectra.split import Split

EPSILON = 8 / 255
SHAPE = (3, 6, 6)


class Counting(nn.Module):
    """A network that counts the images it sees, and whose arithmetic does not depend on the batch's size."""

    def __init__(self, relu: bool, seed: int = 0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.first = torch.randn(20, 3 * 6 * 6, generator=generator)
        self.second = torch.randn(5, 20, generator=generator) / 4
        self.relu = relu
        self.seen = 0

    def forward(self, inputs):
        self.seen += len(inputs)
        # sums of elementwise products: a matrix product would round by the size of the batch
        units = (inputs.flatten(1)[:, None] * self.first).sum(dim=2)
        return ((units.relu() if self.relu else units)[:, None] * self.second).sum(dim=2)


def data(count=20):
    generator = torch.Generator().manual_seed(3)
    return torch.rand(count, *SHAPE, generator=generator), torch.randint(0, 5, (count,), generator=generator)


def both(network, steps, chunk=None, monkeypatch=None, **parameters):
    """Foolbox's images, ours, and the images that the network saw for each."""
    if chunk:
        monkeypatch.setitem(resuming.CHUNK, "cpu", chunk)
    inputs, labels = data()
    results = []
    for kind in (foolbox.attacks.LinfPGD, linf_pgd.CycleDetectingLinfPGD):
        network.seen = 0
        torch.manual_seed(0)
        model = foolbox.PyTorchModel(network.eval(), bounds=(0, 1))
        results += [kind(steps=steps, **parameters).run(model, inputs, labels, epsilon=EPSILON), network.seen]
    return results


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 8, 9, 64, 120, 121, 122, 123])
def test_the_images_are_those_of_foolbox_bit_by_bit_at_every_phase_of_a_cycle(relu, steps):
    expected, plain, found, ours = both(Counting(relu), steps, rel_stepsize=0.1)
    assert torch.equal(found, expected)
    assert ours <= plain


@pytest.mark.parametrize(
    "parameters",
    [{"rel_stepsize": 0.1, "random_start": False}, {"abs_stepsize": 0.003}, {"rel_stepsize": 0.7}, {}],
)
def test_the_same_for_other_arguments(parameters):
    expected, _, found, _ = both(Counting(relu=True), 150, **parameters)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("chunk", [1, 7, 20])
def test_the_same_in_chunks_of_any_size(chunk, monkeypatch):
    expected, _, found, _ = both(Counting(relu=True), 150, chunk, monkeypatch, rel_stepsize=0.1)
    assert torch.equal(found, expected)


def test_cycles_are_not_computed_twice():
    _, plain, _, ours = both(Counting(relu=True), 1000, rel_stepsize=0.1)
    assert plain == 20 * 1000
    assert ours < plain / 4


def test_without_a_cycle_every_step_is_computed_once():
    """A step so small that the images are still on their way: nothing to detect, nothing lost."""
    expected, plain, found, ours = both(Counting(relu=True), 50, abs_stepsize=1e-5, random_start=False)
    assert ours == plain
    assert torch.equal(found, expected)


def cycles_of(period, steps):
    """Images that ours returns for a model whose gradients have that period in time, and Foolbox's."""

    class Clock(nn.Module):
        """Logits that push the images up and down; the phase is read off the image itself."""

        def forward(self, inputs):
            level = ((inputs.flatten(1)[:, 0] - 0.5) / 0.001).round().detach()
            up = (level % period < period // 2).float() * 2 - 1
            push = (inputs.flatten(1) * up[:, None]).sum(dim=1)
            return torch.stack([-push, push], dim=1)

    images, labels = torch.full((3, *SHAPE), 0.5), torch.zeros(3, dtype=torch.int64)
    model = foolbox.PyTorchModel(Clock().eval(), bounds=(0, 1))
    return [
        kind(steps=steps, abs_stepsize=0.001, random_start=False).run(model, images, labels, epsilon=EPSILON)
        for kind in (foolbox.attacks.LinfPGD, linf_pgd.CycleDetectingLinfPGD)
    ]


@pytest.mark.parametrize("steps", range(100, 112))
def test_images_that_oscillate_end_in_the_right_phase(steps):
    expected, found = cycles_of(8, steps)
    assert torch.equal(found, expected)


def test_a_targeted_attack_is_foolbox_s_own():
    inputs, _ = data()
    target = foolbox.criteria.TargetedMisclassification(torch.zeros(20, dtype=torch.int64))
    model = foolbox.PyTorchModel(Counting(relu=True).eval(), bounds=(0, 1))
    found = [
        kind(steps=5, random_start=False).run(model, inputs, target, epsilon=EPSILON)
        for kind in (foolbox.attacks.LinfPGD, linf_pgd.CycleDetectingLinfPGD)
    ]
    assert torch.equal(*found)


def test_inputs_outside_the_bounds_are_refused_as_by_foolbox():
    model = foolbox.PyTorchModel(Counting(relu=True).eval(), bounds=(0, 1))
    attack = linf_pgd.CycleDetectingLinfPGD(steps=5)
    with pytest.raises(AssertionError):
        attack.run(model, torch.full((2, *SHAPE), 1.5), torch.zeros(2, dtype=torch.int64), epsilon=EPSILON)


def test_iterates_end_with_the_result():
    network = Counting(relu=True).eval()
    inputs, labels = data()
    model = foolbox.PyTorchModel(network, bounds=(0, 1))
    attack = linf_pgd.CycleDetectingLinfPGD(steps=100, random_start=False)
    seen = [
        (steps, images.clone())
        for steps, images in attack.iterates(model, eagerpy.astensor(inputs), eagerpy.astensor(labels), EPSILON)
    ]
    steps = [step for step, _ in seen]
    assert steps == sorted(set(steps)) and steps[-1] == 100
    assert torch.equal(seen[-1][1], attack.run(model, inputs, labels, epsilon=EPSILON))
    early = foolbox.attacks.LinfPGD(steps=steps[0], random_start=False)
    assert torch.equal(seen[0][1], early.run(model, inputs, labels, epsilon=EPSILON))


@pytest.mark.parametrize("parameters", [{"steps": 10, "rel_step": 0.1}])
def test_arguments_that_foolbox_does_not_have_are_named(parameters):
    with pytest.raises(ValueError, match="rel_step"):
        build_attack("linf_pgd", epsilon=EPSILON, parameters=parameters)


def split(count=40):
    inputs, labels = data(count)
    return Split((inputs * 255).to(torch.uint8), labels)


def until_converged(tolerance, control_images=20, **parameters):
    return build_attack(
        "linf_pgd_until_converged",
        epsilon=EPSILON,
        parameters={"steps": 300, "rel_stepsize": 0.1, **parameters},
        tolerance=tolerance,
        control_images=control_images,
    )


def test_until_converged_stops_early_and_measures_its_error():
    network = Counting(relu=True)
    arguments = {"batch_size": 40, "simplify": False, "precision": "float32", "seed": 0}
    full = build_attack("linf_pgd", epsilon=EPSILON, parameters={"steps": 300, "rel_stepsize": 0.1})
    expected = perturb(network, split(), np.arange(40), full, **arguments)
    loose = perturb(network, split(), np.arange(40), until_converged(0.05, control_images=40), **arguments)
    assert 1 < loose.tuning["steps"] < 300
    assert loose.tuning["control_images"] == 40
    # every image is a control image: the errors stored are those of the result, against the 300 steps
    for norm in ("l1", "l2"):
        error = abs(getattr(loose, norm).mean() / getattr(expected, norm).mean() - 1)
        assert loose.tuning[f"error_{norm}"] == pytest.approx(error, rel=1e-3, abs=1e-6)
        assert error <= 0.06  # those in a cycle may end in another phase: a little beyond the tolerance
    wrong = [(one.adversarial_prediction != one.label).mean() for one in (loose, expected)]
    assert loose.tuning["error_wrong"] == pytest.approx(abs(wrong[0] - wrong[1]))


def test_until_converged_on_images_that_no_gradient_moves():
    network = nn.Sequential(nn.Flatten(), nn.Linear(split().images[0].numel(), 5))
    nn.init.zeros_(network[1].weight)
    attack = until_converged(0.05, random_start=False)
    found = perturb(network, split(), np.arange(9), attack, batch_size=9, simplify=False, precision="float32", seed=0)
    assert not found.perturbation.any() and found.zero_gradient.all()
    assert {value for name, value in found.tuning.items() if name.startswith("error_")} == {0.0}


def test_until_converged_with_no_tolerance_makes_every_step():
    network = Counting(relu=True)
    attack = until_converged(1e-12, abs_stepsize=1e-5)  # 300 steps do not leave the ball: nothing settles
    found = perturb(network, split(), np.arange(40), attack, batch_size=40, simplify=False, precision="float32", seed=0)
    assert found.tuning["steps"] == 300
    assert found.tuning["error_l1"] == found.tuning["error_radial_energy"] == 0
