"""The smallest epsilon against its closed form on linear networks, and the search on others."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from torch import nn

from advspectra.attacking.resuming import CHUNK
from advspectra.perturb import build_attack, perturb
from advspectra.split import Split

LARGEST = 16 / 255
TOLERANCE = 1 / 2550
STEPS = {"steps": 20, "rel_stepsize": 0.25, "random_start": False}
ROUNDING = 2e-6  # of the logits in float32, as an epsilon: the gradients' 1-norms are above 1


def linear(classes, seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 6 * 6, classes)).requires_grad_(False)


def relu(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(108, 30), nn.ReLU(), nn.Linear(30, 5)).requires_grad_(False)


def images(network, count=60, seed=0):
    """Two thirds of the pixels near 0 or 1, so that perturbations meet the box; one image in six is misclassified."""
    generator = torch.Generator().manual_seed(seed)
    near = torch.randint(0, 12, (count, 3, 6, 6), generator=generator)
    place = torch.randint(0, 3, near.shape, generator=generator)
    pixels = torch.where(place == 0, near, torch.where(place == 1, 255 - near, 10 * near + 60))
    pixels = pixels.to(torch.uint8)
    logits = network(pixels.float() / 255)
    labels = logits.argmax(dim=1)
    labels[::6] = (labels[::6] + 1) % logits.shape[1]
    return Split(pixels, labels)


def found_on(network, data, *, batch_size=60, **options):
    options = {"epsilon": LARGEST, "tolerance": TOLERANCE, "loss": "cross_entropy", "parameters": STEPS} | options
    attack = build_attack("minimal_linf_pgd", **options)
    image = np.arange(len(data))
    return perturb(network, data, image, attack, batch_size=batch_size, simplify=False, precision="float32", seed=0)


def closed_form(network, data):
    """The smallest epsilon with sum_k |d_k| min(epsilon, room_k) >= margin over the other classes; inf for none."""
    weight, bias = (part.double().numpy() for part in (network[1].weight, network[1].bias))
    smallest = []
    for pixels, label in zip(data.images.flatten(1).numpy() / 255, data.labels.numpy(), strict=True):
        logits = weight @ pixels + bias
        candidates = [math.inf]
        for other in range(len(logits)):
            difference, margin = weight[other] - weight[label], logits[label] - logits[other]
            if other == label:
                continue
            size, room = np.abs(difference), np.where(difference > 0, 1 - pixels, pixels)
            order = np.argsort(room)
            size, room = size[order], room[order]
            # before the k-th room is used up the others still move: gain(e) = sum(size * min(e, room)), piece by piece
            full = np.concatenate([[0], np.cumsum(size * room)])
            moving = np.concatenate([np.cumsum(size[::-1])[::-1], [0]])
            with np.errstate(divide="ignore", invalid="ignore"):
                pieces = (margin - full) / moving
            inside = (pieces >= np.concatenate([[0], room])) & (pieces <= np.concatenate([room, [math.inf]]))
            candidates.append(0 if margin < 0 else pieces[inside].min() if inside.any() else math.inf)
        smallest.append(min(candidates))
    return np.array(smallest)


@pytest.mark.parametrize(("classes", "loss"), [(2, "cross_entropy"), (2, "logit_difference"), (10, "logit_difference")])
@pytest.mark.parametrize("random_start", [True, False])
def test_on_a_linear_network_it_is_the_closed_form_with_the_box(classes, loss, random_start):
    network = linear(classes)
    data = images(network)
    found = found_on(network, data, loss=loss, parameters=STEPS | {"random_start": random_start})
    expected = closed_form(network, data)
    attacked = (expected > 0) & (expected < LARGEST)
    assert attacked.sum() >= 15 and (expected > LARGEST).sum() >= 5
    np.testing.assert_array_equal(found.success, attacked)
    excess = found.linf[attacked] - expected[attacked]
    assert excess.min() > -ROUNDING and excess.max() < TOLERANCE + ROUNDING
    # and the box did matter: without it the distance is margin / ||d||_1, which two classes show directly
    if classes == 2:
        margin = np.abs(found.clean_logits[:, 0] - found.clean_logits[:, 1])
        free = margin / (network[1].weight[0] - network[1].weight[1]).abs().sum().item()
        assert (expected[attacked] > 1.2 * free[attacked]).any() and (found.linf[attacked] > free[attacked]).all()
    adversarial = data.images.numpy() / np.float32(255) + found.perturbation
    assert adversarial.min() >= 0 and adversarial.max() <= 1


def test_the_cross_entropy_mixes_classes_and_finds_no_less_than_the_closed_form():
    network = linear(10)
    data = images(network)
    mixed, exact = (found_on(network, data, loss=loss) for loss in ("cross_entropy", "logit_difference"))
    expected = closed_form(network, data)
    assert (mixed.linf[mixed.success] > expected[mixed.success] - ROUNDING).all()
    assert not (mixed.success & ~exact.success).any()
    assert (mixed.linf[mixed.success] > exact.linf[mixed.success] + 5 * TOLERANCE).any()


def test_what_is_misclassified_already_stays_and_what_never_succeeds_is_the_last_step_at_the_largest_epsilon():
    network = linear(2)
    data = images(network)
    expected = closed_form(network, data)
    found = found_on(network, data)
    assert (expected == 0).sum() > 5 and (found.linf[expected == 0] == 0).all()
    hopeless = expected > LARGEST
    assert hopeless.any() and not found.success[hopeless].any()
    fixed = build_attack("linf_pgd", epsilon=LARGEST, parameters=STEPS)
    plain = perturb(network, data, np.arange(60), fixed, batch_size=60, simplify=False, precision="float32", seed=0)
    np.testing.assert_allclose(found.perturbation[hopeless], plain.perturbation[hopeless], atol=1e-7)


def test_on_a_relu_network_each_success_is_confirmed_and_pgd_fails_a_tolerance_below():
    network = relu()
    data = images(network)
    parameters = STEPS | {"steps": 60, "rel_stepsize": 0.1}
    for loss in ("logit_difference", "cross_entropy"):
        found = found_on(network, data, epsilon=3 * LARGEST, loss=loss, parameters=parameters)
        assert found.success.sum() > 30
        changed = (found.clean_prediction == found.label) & (found.adversarial_prediction != found.label)
        np.testing.assert_array_equal(found.success, changed)
    for image in np.flatnonzero(found.success)[::4]:
        epsilon = float(found.linf[image]) - 1.01 * TOLERANCE
        below = build_attack("linf_pgd", epsilon=epsilon, parameters=parameters)
        again = perturb(network, data, image[None], below, batch_size=1, simplify=False, precision="float32", seed=0)
        assert not again.success.any()


def test_a_coarser_tolerance_finds_larger_perturbations_within_it():
    network = linear(2)
    data = images(network)
    fine, coarse = (found_on(network, data, tolerance=tolerance) for tolerance in (TOLERANCE, 20 * TOLERANCE))
    gap = (coarse.linf - fine.linf)[fine.success]
    assert gap.max() > 2 * TOLERANCE and gap.min() >= -TOLERANCE - ROUNDING and gap.max() <= 20 * TOLERANCE + ROUNDING


@pytest.mark.parametrize("chunk", [1, 7])
def test_the_same_in_chunks_of_any_size(chunk, monkeypatch):
    network = relu()
    data = images(network)
    whole = found_on(network, data)
    monkeypatch.setitem(CHUNK, "cpu", chunk)
    np.testing.assert_allclose(found_on(network, data).linf, whole.linf, atol=2 * TOLERANCE)


class Counting(nn.Module):
    """Two logits, of which the second rises with the mean pixel; counts the images that it sees."""

    def __init__(self, threshold):
        super().__init__()
        self.threshold, self.seen = threshold, 0

    def forward(self, inputs):
        self.seen += len(inputs)
        return torch.stack([torch.full((len(inputs),), self.threshold), inputs.flatten(1).mean(dim=1)], dim=1)


def seen(threshold, **parameters):
    network, data = Counting(threshold), Split(torch.full((1, 3, 6, 6), 100, dtype=torch.uint8), torch.zeros(1).long())
    found_on(network, data, tolerance=LARGEST / 2, parameters=STEPS | parameters)
    return network.seen - 4  # the search's own look at the clean image, and three to measure it and what came of it


def test_an_attempt_ends_with_the_first_success_and_with_the_first_return():
    # success at the third of 4 steps to the largest epsilon (4 forward passes), then none at half of it
    level = 100 / 255 + 0.7 * LARGEST
    assert seen(level, steps=20) == 4 + 11  # at the wall of the ball from step 4 on: compared with step 8, it stays
    assert seen(level, steps=2000) == 4 + 11
    assert seen(level, steps=5) == 4 + 6  # too few steps to see a return: all of them
    assert seen(2.0, steps=2000) == 11  # never: one attempt, at the largest epsilon


@pytest.mark.parametrize("epsilon", [1 / 255, 8 / 255, 0.0713, LARGEST])
def test_iterates_are_the_numbers_that_are_stored_and_judged(epsilon):
    """x_a and x + (x_a - x) are one float32 image, so that the search judges what `perturb` judges."""
    x = torch.arange(256).float()[:, None] / 255
    steps = torch.linspace(-1.5, 1.5, 2001)[None] * epsilon
    adversarial = (x + steps).sub(x).clamp_(-epsilon, epsilon).add_(x).clamp_(0, 1)
    assert torch.equal(x + (adversarial - x), adversarial)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": 1e-8}, "tolerance of at least 1.2e-07 and below epsilon, 0.0627451; got 1e-08"),
        ({"tolerance": LARGEST}, "tolerance of at least 1.2e-07 and below epsilon, 0.0627451"),
        ({"parameters": {"step": 3}}, "LinfPGD refuses the parameters.*step"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        network = linear(2)
        found_on(network, images(network), **options)


def test_the_search_runs_in_float32_whatever_the_precision_of_the_study():
    """In another precision the boundary is elsewhere, and what is found next to it may be no success in float32."""
    network = linear(10)
    data, image = images(network), np.arange(60)
    options = {"epsilon": LARGEST, "tolerance": TOLERANCE, "loss": "logit_difference", "parameters": STEPS}
    attack = build_attack("minimal_linf_pgd", **options)
    settings = {"batch_size": 60, "simplify": False, "seed": 0}
    found = [perturb(network, data, image, attack, precision=name, **settings) for name in ("float32", "bfloat16")]
    assert found[0].perturbation.tobytes() == found[1].perturbation.tobytes()
    loose = dataclasses.replace(attack, precision=None)
    rounded = perturb(network, data, image, loose, precision="bfloat16", **settings)
    assert rounded.success.sum() < found[0].success.sum()


@pytest.mark.parametrize(("epsilon", "expected"), [(None, "float32"), (0.5, None)])
def test_foolbox_s_own_searches_for_the_boundary_run_in_float32_too(epsilon, expected):
    options = {"attack": "DDNAttack", "parameters": {"steps": 5}}
    assert build_attack("foolbox", epsilon=epsilon, **options).precision == expected


def test_by_the_logit_difference_it_is_the_closed_form_to_a_hundredth_of_a_grey_level():
    """Far from 0 and 1, the smallest epsilon of a linear network is the least margin / ||w_k - w_y||_1 over k."""
    network, tolerance = linear(10), 1 / 25500
    pixels = torch.randint(60, 196, (60, 3, 6, 6), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    logits = network(pixels.float() / 255).double()
    data = Split(pixels, logits.argmax(dim=1))
    weight = network[1].weight.double()
    margin = logits.max(dim=1, keepdim=True).values - logits
    distance = (weight[None] - weight[data.labels][:, None]).abs().sum(dim=2)
    expected = torch.where(distance > 0, margin / distance, torch.inf).min(dim=1).values.numpy()
    assert expected.max() < 2 * LARGEST < 60 / 255  # so no pixel reaches 0 or 1
    # with steps of the epsilon itself, the first one reaches the corner of the ball
    parameters = STEPS | {"rel_stepsize": 1.0}
    exact, mixed = (
        found_on(network, data, epsilon=2 * LARGEST, tolerance=tolerance, loss=loss, parameters=parameters).linf
        for loss in ("logit_difference", "cross_entropy")
    )
    assert (exact - expected).min() > -ROUNDING and (exact - expected).max() < tolerance + ROUNDING
    assert (mixed - expected).min() > -ROUNDING and (mixed / expected).max() > 1.1
