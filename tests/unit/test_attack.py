"""Attacks against the closed form for a linear network, against Foolbox itself, and the paper's success."""

import io
import math
import sys

import foolbox
import numpy as np
import pytest
import torch
from torch import nn

from advspectra.files import progress
from advspectra.machine import countdown
from advspectra.networks.build import build_network
from advspectra.perturb import Attack, balanced_subset, build_attack, perturb, transfer
from advspectra.split import Split
from advspectra.streams import stream

EPSILON = 8 / 255


def linear_two_class(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 6 * 6, 2)).double().float()


def images_away_from_the_bounds(count=40, seed=0):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(50, 200, (count, 3, 6, 6), generator=generator, dtype=torch.uint8)
    return Split(images, torch.randint(0, 2, (count,), generator=generator))


def perturbed(network, data, image, attack, *, batch_size, seed=0):
    return perturb(network, data, image, attack, batch_size=batch_size, simplify=False, precision="float32", seed=seed)


def pgd(**parameters):
    return build_attack("foolbox", attack="LinfPGD", epsilon=EPSILON, parameters={"steps": 40, **parameters})


@pytest.mark.parametrize("parameters", [{"rel_stepsize": 0.1}, {"abs_stepsize": 0.01}])
@pytest.mark.parametrize("random_start", [True, False])
def test_pgd_on_a_linear_two_class_network_is_the_closed_form(parameters, random_start):
    network, data = linear_two_class(), images_away_from_the_bounds()
    found = perturbed(network, data, np.arange(40), pgd(random_start=random_start, **parameters), batch_size=16)
    # the loss grows along the weight difference of the other class and this one: delta = eps * sign(w_other - w_label)
    weight = network[1].weight.detach().numpy()
    label = data.labels.numpy()
    expected = EPSILON * np.sign(weight[1 - label] - weight[label]).reshape(40, 3, 6, 6)
    np.testing.assert_allclose(found.perturbation, expected, atol=1e-6)
    # and the margin falls by eps * ||w_other - w_label||_1, which decides success
    inputs = data.images.numpy().reshape(40, -1) / 255
    difference = weight[label] - weight[1 - label]
    bias = network[1].bias.detach().numpy()
    margin = (inputs * difference).sum(axis=1) + bias[label] - bias[1 - label]
    success = (margin > 0) & (margin < EPSILON * np.abs(difference).sum(axis=1))
    assert 0 < success.sum() < 40
    np.testing.assert_array_equal(found.success, success)


def test_the_perturbation_is_that_of_foolbox():
    network, data = linear_two_class(), images_away_from_the_bounds()
    found = perturbed(network, data, np.arange(40), pgd(rel_stepsize=0.3, random_start=False), batch_size=40)
    attack = foolbox.attacks.LinfPGD(steps=40, rel_stepsize=0.3, random_start=False)
    inputs, labels = data.batch(slice(None))
    _, clipped, _ = attack(foolbox.PyTorchModel(network, bounds=(0, 1)), inputs, labels, epsilons=EPSILON)
    np.testing.assert_array_equal(found.perturbation, (clipped - inputs).numpy())


def test_norms_logits_and_predictions_are_those_of_the_stored_perturbation():
    network, data = linear_two_class(), images_away_from_the_bounds()
    found = perturbed(network, data, np.arange(5, 35), pgd(rel_stepsize=0.1), batch_size=7)
    flat = found.perturbation.reshape(30, -1).astype(np.float64)
    np.testing.assert_allclose(found.l1, np.abs(flat).sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.l2, np.sqrt((flat**2).sum(axis=1)), rtol=1e-5)
    np.testing.assert_array_equal(found.linf, np.abs(found.perturbation).max(axis=(1, 2, 3)))
    weight, bias = (part.detach().numpy().astype(np.float64) for part in (network[1].weight, network[1].bias))
    clean = data.images[5:35].numpy().reshape(30, -1) / 255
    np.testing.assert_allclose(found.clean_logits, clean @ weight.T + bias, atol=1e-5)
    np.testing.assert_allclose(found.adversarial_logits, (clean + flat) @ weight.T + bias, atol=1e-5)
    np.testing.assert_array_equal(found.clean_prediction, found.clean_logits.argmax(axis=1))
    np.testing.assert_array_equal(found.adversarial_prediction, found.adversarial_logits.argmax(axis=1))
    np.testing.assert_array_equal(found.label, data.labels[5:35])
    np.testing.assert_array_equal(found.image, np.arange(5, 35))


@pytest.mark.parametrize(("scale", "succeeds"), [(0.999, True), (1.0, True), (1.01, False)])
def test_success_needs_a_norm_within_epsilon(scale, succeeds):
    network, data = linear_two_class(), images_away_from_the_bounds()
    weight = network[1].weight.detach()

    def run(network, inputs, labels, part):
        away = (weight[1 - labels] - weight[labels]).sign().reshape(inputs.shape)
        return inputs + 0.2 * scale * away  # far enough to change every prediction

    found = perturbed(network, data, np.arange(40), Attack(run, norm=math.inf, epsilon=0.2), batch_size=16)
    correct = found.clean_prediction == found.label
    assert correct.any() and not correct.all()
    np.testing.assert_array_equal(found.success, correct & succeeds)


def test_an_attack_that_claims_success_is_not_believed():
    data = images_away_from_the_bounds()
    lazy = Attack(lambda network, inputs, labels, part: inputs.clone(), norm=math.inf, epsilon=1.0)
    assert not perturbed(linear_two_class(), data, np.arange(40), lazy, batch_size=16).success.any()


def test_same_seed_same_bytes_and_the_global_generator_is_left_alone():
    network, data = linear_two_class(), images_away_from_the_bounds()
    attack = pgd(rel_stepsize=0.01, steps=2)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second, other = (
        perturbed(network, data, np.arange(10), attack, batch_size=4, seed=seed).perturbation for seed in (1, 1, 2)
    )
    torch.testing.assert_close(torch.rand(3), expected)
    assert first.tobytes() == second.tobytes() != other.tobytes()


@pytest.mark.parametrize(
    ("attack", "norm"), [("L2PGD", 2.0), ("L2DeepFoolAttack", 2.0), ("LinfBasicIterativeAttack", math.inf)]
)
def test_other_attacks_of_foolbox_by_name(attack, norm):
    built = build_attack("foolbox", attack=attack, epsilon=1.0, parameters={"steps": 10})
    assert built.norm == norm
    found = perturbed(linear_two_class(), images_away_from_the_bounds(), np.arange(8), built, batch_size=8)
    size = np.abs(found.perturbation).max() if norm == math.inf else found.l2.max()
    assert 0 < size <= 1.0 + 1e-6


@pytest.mark.parametrize(
    ("attack", "norm", "epsilon"),
    [("L1PGD", 1, 10.0), ("L1PGD", 1, 100.0), ("L2FastGradientAttack", 2, 0.5), ("L2FastGradientAttack", 2, 5.0)],
)
def test_an_attack_that_uses_up_its_bound_is_within_it(attack, norm, epsilon):
    """Images of 3,072 numbers, each of which rounds: the norms of some are a little above epsilon."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 2))
    with torch.no_grad():
        network[1].weight *= 100  # every image can be moved over the boundary
    images = torch.randint(100, 150, (40, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    data = Split(images, network(images / 255).argmax(dim=1))
    found = perturbed(
        network,
        data,
        np.arange(40),
        build_attack("foolbox", attack=attack, epsilon=epsilon, parameters={}),
        batch_size=40,
    )
    changed = found.adversarial_prediction != found.label
    assert changed.any() and (found.success == changed).all()
    sizes = np.linalg.norm(found.perturbation.reshape(40, -1).astype(float), norm, axis=1)
    assert (sizes > epsilon).any() and sizes.max() < epsilon * (1 + 1e-4)


def test_a_minimal_norm_attack_without_a_bound_finds_the_distance_to_the_boundary():
    network, data = linear_two_class(), images_away_from_the_bounds()
    attack = build_attack("foolbox", attack="L2DeepFoolAttack", epsilon=None, parameters={"overshoot": 0.0001})
    found = perturbed(network, data, np.arange(40), attack, batch_size=40)
    margin = np.abs(found.clean_logits[:, 0] - found.clean_logits[:, 1])
    weight = network[1].weight.detach().numpy()
    distance = margin / np.linalg.norm(weight[0] - weight[1])
    np.testing.assert_allclose(found.l2[found.success], distance[found.success], rtol=2e-3, atol=2e-4)
    assert found.success.sum() == (found.clean_prediction == found.label).sum()


@pytest.mark.parametrize(
    ("attack", "norm", "parameters"),
    [
        ("LinfDeepFoolAttack", math.inf, {}),
        ("L2DeepFoolAttack", 2.0, {}),
        ("DDNAttack", 2.0, {"steps": 50}),
        ("L2FMNAttack", 2.0, {"steps": 50}),
        ("LInfFMNAttack", math.inf, {"steps": 50}),
    ],
)
def test_minimal_norm_attacks_of_foolbox_run_by_name_and_their_failures_count(attack, norm, parameters):
    built = build_attack("foolbox", attack=attack, epsilon=None, parameters=parameters)
    assert built.norm == norm and built.epsilon is None
    network, data = linear_two_class(), images_away_from_the_bounds()
    found = perturbed(network, data, np.arange(40), built, batch_size=40)
    correct = found.clean_prediction == found.label
    assert found.success.sum() > 0.9 * correct.sum() and not found.success[~correct].any()
    # no closer than the boundary: margin / ||d||_q with the dual norm
    weight = network[1].weight.detach().numpy()
    dual = np.linalg.norm(weight[0] - weight[1], ord=1 if norm == math.inf else 2)
    size = found.linf if norm == math.inf else found.l2
    margin = np.abs(found.clean_logits[:, 0] - found.clean_logits[:, 1])
    assert (size >= 0.999 * margin / dual)[found.success].all()
    # where the second class is out of reach, no attack succeeds and every image is still there
    with torch.no_grad():
        network[1].bias += torch.tensor([1000.0, 0.0])
    hopeless = perturbed(network, data, np.arange(40), built, batch_size=40)
    right = hopeless.clean_prediction == hopeless.label
    assert right.any() and len(hopeless.success) == 40 and not hopeless.success.any()


@pytest.mark.parametrize(
    ("attack", "parameters", "message"),
    [
        ("LinfPDG", {}, "no attack 'LinfPDG'"),
        ("base", {}, "no attack 'base'"),
        ("LinfPGD", {"step": 3}, "LinfPGD refuses the parameters.*step"),
    ],
)
def test_unknown_attacks_and_parameters_are_refused(attack, parameters, message):
    with pytest.raises(ValueError, match=message):
        build_attack("foolbox", attack=attack, epsilon=EPSILON, parameters=parameters)


def test_a_transfer_is_judged_on_the_network_that_it_is_tried_on():
    source, other, data = linear_two_class(0), linear_two_class(0), images_away_from_the_bounds()
    with torch.no_grad():
        other[1].weight += 0.5 * linear_two_class(1)[1].weight
    found = perturbed(source, data, np.arange(5, 40), pgd(rel_stepsize=0.1), batch_size=16)
    tried = transfer(other, data, found.image, found.perturbation, norm=math.inf, epsilon=EPSILON, batch_size=8)
    for name in ("perturbation", "image", "label", "l1", "l2", "linf"):
        np.testing.assert_array_equal(getattr(tried, name), getattr(found, name))
    weight, bias = (part.detach().numpy().astype(np.float64) for part in (other[1].weight, other[1].bias))
    clean = data.images[5:].numpy().reshape(35, -1) / 255
    before, after = (x @ weight.T + bias for x in (clean, clean + tried.perturbation.reshape(35, -1)))
    np.testing.assert_allclose(tried.clean_logits, before, atol=1e-5)
    np.testing.assert_allclose(tried.adversarial_logits, after, atol=1e-5)
    label = data.labels[5:].numpy()
    success = (before.argmax(axis=1) == label) & (after.argmax(axis=1) != label)
    np.testing.assert_array_equal(tried.success, success)
    assert 0 < success.sum() < 35 and (success != found.success).any()


@pytest.mark.parametrize(("epsilon", "succeeds"), [(math.inf, True), (EPSILON, True), (0.99 * EPSILON, False)])
def test_a_transfer_back_succeeds_as_the_attack_did_within_its_bound(epsilon, succeeds):
    network, data = linear_two_class(), images_away_from_the_bounds()
    found = perturbed(network, data, np.arange(40), pgd(rel_stepsize=0.1), batch_size=16)
    back = transfer(network, data, found.image, found.perturbation, norm=math.inf, epsilon=epsilon, batch_size=16)
    np.testing.assert_array_equal(back.success, found.success & succeeds)
    np.testing.assert_array_equal(back.adversarial_logits, found.adversarial_logits)


def test_the_subset_is_balanced_and_in_the_order_of_the_data_set():
    labels = np.repeat([0, 1, 2], [5, 4, 6])
    np.testing.assert_array_equal(balanced_subset(labels, 6), [0, 1, 5, 6, 9, 10])
    np.testing.assert_array_equal(balanced_subset(labels, 8), [0, 1, 2, 5, 6, 7, 9, 10])
    shuffled = np.random.default_rng(0).permutation(labels)
    chosen = balanced_subset(shuffled, 9)
    assert (np.diff(chosen) > 0).all() and np.bincount(shuffled[chosen]).tolist() == [3, 3, 3]
    with pytest.raises(ValueError, match="15 test images need 5 of class 1, which has 4"):
        balanced_subset(labels, 15)


def everywhere(change):
    """An attack that adds `change` to each image."""
    return Attack(run=lambda network, inputs, labels, part: inputs + change, norm=2, epsilon=None)


def test_a_perturbation_that_is_not_finite_ends_the_attack_and_names_the_image():
    network, data = linear_two_class(), images_away_from_the_bounds()

    def run(network, inputs, labels, part):
        found = inputs.clone()
        found[1, 0, 0, 0] = math.nan
        return found

    with pytest.raises(ValueError) as refused:
        perturbed(network, data, np.array([2, 7, 9]), Attack(run=run, norm=2, epsilon=None), batch_size=3)
    assert str(refused.value) == (
        "the attack gave numbers that are not finite (perturbation) for 1 of 3 images (test images 7, counted from 0): "
        "change the attack's parameters, take another attack, or other images"
    )


@pytest.mark.parametrize(
    ("count", "images"), [(2, "1, 3"), (5, "1, 3, 5, 7, 9"), (6, "1, 3, 5, 7, 9, ..."), (7, "1, 3, 5, 7, 9, ...")]
)
def test_of_many_images_without_a_finite_perturbation_the_first_five_are_named(count, images):
    def run(network, inputs, labels, part):
        return torch.where(torch.arange(len(inputs))[:, None, None, None] < count, math.nan, inputs)

    attack, image = Attack(run=run, norm=2, epsilon=None), np.arange(1, 21, 2)
    with pytest.raises(ValueError) as refused:
        perturbed(linear_two_class(), images_away_from_the_bounds(), image, attack, batch_size=10)
    assert f"for {count} of 10 images (test images {images}, counted from 0)" in str(refused.value)


@pytest.mark.parametrize(
    ("weight", "change", "what", "advice"),
    [
        (3e38, 0.1, "clean_logits", "the network's own answers are at fault: train it with a smaller learning rate"),
        (
            1e20,
            1e25,
            "adversarial_logits",
            "the network's answers to them are at fault: train it with a smaller learning rate",
        ),
        (1e-10, 1e20, "l2", "the perturbation is too large: take a smaller epsilon"),
    ],
)
def test_numbers_that_are_not_finite_end_the_attack_with_what_to_do(weight, change, what, advice):
    network, data = linear_two_class(), images_away_from_the_bounds()
    with torch.no_grad():
        network[1].weight.fill_(weight)
    with pytest.raises(ValueError) as refused:
        perturbed(network, data, np.arange(3), everywhere(change), batch_size=3)
    assert str(refused.value) == (
        f"the attack gave numbers that are not finite ({what}) for 3 of 3 images"
        f" (test images 0, 1, 2, counted from 0): {advice}"
    )


def test_answers_that_are_not_finite_end_the_transfer():
    network, data = linear_two_class(), images_away_from_the_bounds()
    with torch.no_grad():
        network[1].weight.fill_(3e38)
    moved = np.zeros((3, 3, 6, 6), dtype=np.float32)
    with pytest.raises(ValueError, match="the transfer gave numbers"):
        transfer(network, data, np.arange(3), moved, norm=2, epsilon=math.inf, batch_size=3)


SETTINGS = {"batch_size": 16, "simplify": False, "precision": "float32", "seed": 0}


def in_batches(network, data):
    """The logits of all 40 images, in batches of 16: those of other batches may differ in the last bit."""
    return np.concatenate([network(data.batch(rows)[0]).numpy() for rows in torch.arange(40).split(16)])


@pytest.mark.parametrize("simplify", [True, False])
def test_the_attack_sees_the_network_frozen_in_inference_mode_and_simplified_on_demand(simplify):
    form = {"image_shape": (3, 6, 6), "classes": 2, "activation": "linear", "depth": 2, "options": {"hidden_units": 7}}
    network = build_network("fully_connected", **form, alpha=1, alpha_scaling="plain", seed=0).train()
    seen = []

    def run(network, inputs, labels, part):
        seen.append(network)
        assert not network.training and not any(weight.requires_grad for weight in network.parameters())
        return inputs + 0.1

    data, attack = images_away_from_the_bounds(), Attack(run=run, norm=2, epsilon=None)
    found = perturb(network, data, np.arange(40), attack, **SETTINGS | {"simplify": simplify})
    assert len(seen) == 3 and (seen[0] is network) != simplify
    if simplify:  # one matrix: the product of the three
        (weight,) = (part.weight for part in seen[0] if isinstance(part, nn.Linear))
        first, second = (layer.weight for layer in network.hidden)
        torch.testing.assert_close(weight, network.readout.weight @ second @ first)
    np.testing.assert_array_equal(found.clean_logits, in_batches(network, data))


def test_a_transfer_freezes_the_network_in_inference_mode():
    network, data = nn.Sequential(linear_two_class(), nn.Dropout(0.5)).train(), images_away_from_the_bounds()
    moved = np.zeros((40, 3, 6, 6), dtype=np.float32)
    found = transfer(network, data, np.arange(40), moved, norm=2, epsilon=math.inf, batch_size=16)
    assert not network.training and not any(weight.requires_grad for weight in network.parameters())
    np.testing.assert_array_equal(found.clean_logits, in_batches(network[0], data))
    assert found.tuning == {}


@pytest.mark.parametrize(
    ("study", "own", "half"), [("float32", None, False), ("bfloat16", None, True), ("float32", "bfloat16", True)]
)
def test_an_attack_is_tuned_on_all_its_images_first_and_runs_as_tuned(study, own, half):
    network, data = linear_two_class(), images_away_from_the_bounds()
    image = np.array([3, 1, 30, 8, 20])
    inputs, labels = data.batch(torch.from_numpy(image))
    torch.manual_seed(stream(7, "start of the attack"))
    expected = torch.rand(3)
    tuned_on, ran_on = [], []

    def see(where, seen, inputs, labels):
        assert seen is network and torch.is_autocast_enabled("cpu") == half
        assert torch.equal(torch.rand(3), expected)  # each starts from the seed, whatever the other has drawn
        where.append((inputs, labels))

    def run(network, inputs, labels, part):
        if not ran_on:
            see(ran_on, network, inputs, labels)
        return inputs + 0.2

    def tune(network, inputs, labels):
        see(tuned_on, network, inputs, labels)
        return Attack(run=run, norm=2, epsilon=None), {"steps": 4, "error": 0.5}

    attack = Attack(run=None, norm=2, epsilon=None, tune=tune, precision=own)
    found = perturb(network, data, image, attack, **SETTINGS | {"batch_size": 2, "precision": study, "seed": 7})
    assert found.tuning == {"steps": 4, "error": 0.5}
    assert torch.equal(tuned_on[0][0], inputs) and torch.equal(tuned_on[0][1], labels)
    assert torch.equal(ran_on[0][0], inputs[:2]) and torch.equal(ran_on[0][1], labels[:2])
    # in float32, whatever the attack ran in
    np.testing.assert_array_equal(found.clean_logits, torch.cat([network(part) for part in inputs.split(2)]).numpy())


def test_an_attack_that_is_not_tuned_says_nothing_of_itself():
    assert (
        perturbed(
            linear_two_class(), images_away_from_the_bounds(), np.array([0]), everywhere(0.1), batch_size=1
        ).tuning
        == {}
    )


def test_an_attack_that_was_killed_goes_on_with_the_batch_that_it_was_at(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0)
    network, data, calls = linear_two_class(), images_away_from_the_bounds(), []

    def run(network, inputs, labels, part):
        kept = part.load()
        calls.append((len(inputs), kept and kept[1]))
        if kept is None:  # in its first try of each batch
            part.save({}, change=len(calls))
            if len(calls) > 1:
                raise KeyboardInterrupt
            kept = part.load()
        return inputs + 0.01 * kept[1]["change"]

    def attack():
        kept = progress.Progress(tmp_path / "partial", about="this")
        return perturb(network, data, np.arange(40), Attack(run, norm=2, epsilon=None), **SETTINGS, progress=kept)

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            attack()
    found = attack()
    assert calls == [(16, None), (16, None), (16, {"change": 2}), (8, None), (8, {"change": 4})]
    change = np.repeat([0.01, 0.02, 0.04], [16, 16, 8])
    np.testing.assert_allclose(
        found.perturbation, np.broadcast_to(change[:, None, None, None], (40, 3, 6, 6)), atol=1e-6
    )


def test_an_attack_says_how_many_images_it_has_done(monkeypatch):
    seconds, lines = [0.0], []
    monkeypatch.setattr(countdown.time, "monotonic", lambda: seconds[0])

    def run(network, inputs, labels, part):
        for share in (0.5, 1):
            seconds[0] += 100
            part.tell(share)
        seconds[0] += 60
        return inputs

    attack = Attack(run, norm=2, epsilon=None)
    perturb(linear_two_class(), images_away_from_the_bounds(), np.arange(40), attack, **SETTINGS, report=lines.append)
    assert [line.split(",")[0] for line in lines] == [
        f"{done} of 40 images" for done in (8, 16, 16, 24, 32, 32, 36, 40, 40)
    ]


@pytest.mark.parametrize(("label", "start"), [({"label": "pgd"}, "pgd:   0%|"), ({}, "  0%|")])
def test_the_bar_of_an_attack_has_its_label(monkeypatch, label, start):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    network, data = linear_two_class(), images_away_from_the_bounds()
    perturb(network, data, np.arange(40), everywhere(0.1), **SETTINGS, **label)
    assert terminal.getvalue().lstrip("\r").startswith(start) and "40/40" in terminal.getvalue()


class BothBright(nn.Module):
    """Class 1 where the first and the last value of an image are above a half, else class 0."""

    def forward(self, x):
        margin = 10 * (torch.minimum(x[:, 0, 0, 0], x[:, 2, 5, 5]) - 0.5)
        return torch.stack([-margin, margin], dim=1)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("BoundaryAttack", {"steps": 20}),
        ("HopSkipJumpAttack", {"steps": 2}),
        ("PointwiseAttack", {"distance": "l2"}),
        ("L2FMNAttack", {"steps": 5}),
    ],
)
def test_an_image_without_a_starting_point_is_a_failure_and_the_others_are_attacked(name, parameters):
    images = images_away_from_the_bounds(4).images
    images[:, 0, 0, 0] = images[:, 2, 5, 5] = 60
    images[2, 2, 5, 5] = 200  # the negative of this image, where the others' search starts, is of class 0 too
    data = Split(images, torch.zeros(4, dtype=torch.int64))
    start = {"init_attack": {"attack": "InversionAttack"}}
    attack = build_attack("foolbox", attack=name, epsilon=None, parameters=parameters | start)
    found = [perturbed(BothBright(), data, np.arange(4), attack, batch_size=3) for _ in range(2)]
    assert found[0].success.tolist() == [True, True, False, True]
    assert not found[0].perturbation[2].any() and found[0].perturbation[0].any()
    np.testing.assert_array_equal(found[0].perturbation, found[1].perturbation)


def test_attacks_start_as_those_of_foolbox_do():
    network, data = linear_two_class(), images_away_from_the_bounds(4)
    inputs, _ = data.batch(slice(None))
    labels = network(inputs).argmax(dim=1)
    data = Split(data.images, labels)
    attack = build_attack("foolbox", attack="HopSkipJumpAttack", epsilon=None, parameters={"steps": 2})
    found = perturbed(network, data, np.arange(4), attack, batch_size=4)
    torch.manual_seed(stream(0, "start of the attack"))
    model = foolbox.PyTorchModel(network, bounds=(0, 1))
    _, expected, _ = foolbox.attacks.HopSkipJumpAttack(steps=2)(model, inputs, labels, epsilons=None)
    np.testing.assert_array_equal(found.perturbation, (expected - inputs).numpy())


@pytest.mark.parametrize("distance", ["l0", "l1", "l2", "linf"])
def test_an_attack_makes_small_what_the_configuration_says(distance):
    parameters = {"distance": distance}
    attack = build_attack("foolbox", attack="InversionAttack", epsilon=None, parameters=parameters)
    assert attack.norm == {"l0": 0, "l1": 1, "l2": 2, "linf": math.inf}[distance]
    assert parameters == {"distance": distance}
