"""PGD with 1000 steps: ours, Foolbox, Torchattacks, ART, and the passes through the network that none can avoid.

A unit of work is one image attacked by 1000 steps. Ours does all of them. Of the others each step costs the same, so
they are timed on fewer steps; that this is so is measured in the same run, by Foolbox with more steps.
"""

from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

import foolbox
import torch
from torch.nn import functional

from advspectra.files.images import read_images
from advspectra.machine.devices import prepare
from advspectra.networks.simplified import simplified
from advspectra.networks.stored import load_network
from advspectra.perturb import balanced_subset, build_attack
from benchmarks.networks import form_of
from benchmarks.timing import Contender, fastest, plain_torch

EPSILON, REL_STEPSIZE, STEPS = 8 / 255, 0.1, 1000
BATCH_SIZES = {"cpu": (16, 32, 64, 128), "cuda": (128, 512, 2048)}  # the peers and the floor run at the fastest
CALIBRATION_STEPS = 5
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
OURS, PLAIN, FROZEN, FLOOR = "ours", "Foolbox", "Foolbox, frozen", "floor"

ART = "art.attacks.evasion.projected_gradient_descent.projected_gradient_descent_pytorch"
IMPORTS = {"Torchattacks": ("torchattacks",), "ART": (ART,)}


def _load(checkpoint: Path, images: Path, count: int, device: torch.device):
    """Return the trained network, in inference mode, and `count` test images with their labels, on the device."""
    network, _ = load_network(checkpoint, name="best", expected={})
    stored = read_images(images)
    index = balanced_subset(stored.test_labels, count)
    inputs = torch.from_numpy(stored.test_images[index]).to(device).float() / 255
    return network.to(device), inputs, torch.from_numpy(stored.test_labels[index]).to(device), form_of(stored)


def _accuracy(network, inputs, labels) -> float:
    with torch.no_grad():
        hits = [
            (network(x).argmax(dim=1) == y).sum().item()
            for x, y in zip(inputs.split(100), labels.split(100), strict=True)
        ]
    return sum(hits) / len(labels)


def start_ours(checkpoint: Path, images: Path, *, count: int, steps: int, device: str, threads: int):
    """Our attack on the simplified network; simplifying is part of the work."""
    place = prepare(device, threads=threads)
    network, inputs, labels, form = _load(checkpoint, images, count, place)
    parameters = {"steps": steps, "rel_stepsize": REL_STEPSIZE, "random_start": True}
    attack = build_attack("linf_pgd", epsilon=EPSILON, parameters=parameters)
    computed = 0

    def tally(_, arguments):
        nonlocal computed
        computed += len(arguments[0]) if arguments[0].requires_grad else 0

    def run():
        nonlocal computed
        computed = 0
        fast = simplified(network, form["image_shape"])
        torch.manual_seed(0)
        handle = fast.register_forward_pre_hook(tally)
        try:
            return attack.run(fast, inputs, labels)
        finally:
            handle.remove()

    def facts(adversarial):
        share = computed / (count * steps)
        return {"accuracy_after": _accuracy(network, adversarial, labels), "computed_share": share}

    return run, facts


def start_peer(name: str, checkpoint: Path, images: Path, *, count: int, steps: int, device: str, threads: int):
    """An attack of another library, on the network as it was trained, at its fastest batch size."""
    place = plain_torch(device, threads=threads)
    network, inputs, labels, form = _load(checkpoint, images, count, place)
    network.to(memory_format=torch.contiguous_format)  # as without our library

    def attack(steps: int, size: int) -> torch.Tensor:
        one = PEERS[name](network, form, steps, size)
        torch.manual_seed(0)
        return torch.cat([one(x, y) for x, y in zip(inputs.split(size), labels.split(size), strict=True)])

    sizes = BATCH_SIZES[device]
    size = sizes[fastest([partial(attack, CALIBRATION_STEPS, size) for size in sizes], place)]

    def facts(adversarial):
        largest = (adversarial - inputs).abs().max().item()
        if not largest <= EPSILON * (1 + 1e-4):
            raise ValueError(f"{name}: expected perturbations up to {EPSILON:.5f}, found {largest:.5f}")
        return {"accuracy_after": _accuracy(network, adversarial, labels), "batch_size": size}

    return partial(attack, steps, size), facts


def _foolbox(network, form: dict, steps: int, batch_size: int) -> Callable:
    network.requires_grad_(True)
    attack = foolbox.attacks.LinfPGD(steps=steps, rel_stepsize=REL_STEPSIZE, random_start=True)

    def run(inputs, labels):
        model = foolbox.PyTorchModel(network, bounds=(0, 1), device=inputs.device)
        return attack(model, inputs, labels, epsilons=EPSILON)[1]

    return run


def _foolbox_frozen(network, form: dict, steps: int, batch_size: int) -> Callable:
    run = _foolbox(network, form, steps, batch_size)
    network.requires_grad_(False)
    return run


def _torchattacks(network, form: dict, steps: int, batch_size: int) -> Callable:
    import torchattacks

    return torchattacks.PGD(network, eps=EPSILON, alpha=REL_STEPSIZE * EPSILON, steps=steps, random_start=True)


def _art(network, form: dict, steps: int, batch_size: int) -> Callable:
    from art.attacks.evasion.projected_gradient_descent.projected_gradient_descent_pytorch import (
        ProjectedGradientDescentPyTorch,
    )
    from art.estimators.classification import PyTorchClassifier

    device = next(network.parameters()).device
    classifier = PyTorchClassifier(
        network,
        loss=torch.nn.CrossEntropyLoss(),
        input_shape=form["image_shape"],
        nb_classes=form["classes"],
        clip_values=(0, 1),
        device_type="gpu" if device.type == "cuda" else "cpu",
    )
    attack = ProjectedGradientDescentPyTorch(
        classifier,
        eps=EPSILON,
        eps_step=REL_STEPSIZE * EPSILON,
        max_iter=steps,
        num_random_init=1,
        batch_size=batch_size,
        verbose=False,
    )
    # ART takes and gives arrays of the host
    return lambda x, y: torch.from_numpy(attack.generate(x.cpu().numpy(), y.cpu().numpy())).to(device)


PEERS = {PLAIN: _foolbox, FROZEN: _foolbox_frozen, "Torchattacks": _torchattacks, "ART": _art}


def start_floor(checkpoint: Path, images: Path, *, count: int, passes: int, device: str, threads: int):
    """Passes forward to the loss and back to the images through the simplified network, and nothing else.

    At the fastest batch size and memory layout.
    """
    place = prepare(device, threads=threads)
    network, inputs, labels, form = _load(checkpoint, images, count, place)
    fast = simplified(network, form["image_shape"])

    def go(passes: int, size: int, layout: str) -> None:
        fast.to(memory_format=LAYOUTS[layout])
        x0 = inputs.contiguous(memory_format=LAYOUTS[layout])
        for _, (x, y) in product(range(passes), zip(x0.split(size), labels.split(size), strict=True)):
            x = x.detach().requires_grad_()
            loss = functional.cross_entropy(fast(x), y, reduction="sum")
            torch.autograd.grad(loss, x)

    forms = list(product(BATCH_SIZES[device], LAYOUTS))
    size, layout = forms[fastest([partial(go, CALIBRATION_STEPS, *form) for form in forms], place)]
    return partial(go, passes, size, layout), lambda _: {"batch_size": size, "layout": layout}


def contenders(
    label: str,
    checkpoint: Path,
    images: Path,
    *,
    count: int,
    peers: bool,
    peer_images: int,
    peer_steps: int,
    proportionality: bool,
    device: torch.device,
    threads: int,
) -> list[Contender]:
    """Return the contenders on one network.

    count : images of our attack; peer_images, peer_steps : of the others, and the passes of the floor.
    proportionality : whether Foolbox runs with four times as many steps too.
    """
    where = {"device": device.type, "threads": threads}
    ours = partial(start_ours, checkpoint, images, count=count, steps=STEPS, **where)
    floor = partial(start_floor, checkpoint, images, count=peer_images, passes=peer_steps, **where)
    found = [(OURS, ours, count, STEPS)]
    for name in PEERS if peers else (PLAIN, FROZEN):
        longer = (4 * peer_steps,) if proportionality and name == FROZEN else ()
        for steps in (peer_steps, *longer):
            start = partial(start_peer, name, checkpoint, images, count=peer_images, steps=steps, **where)
            found.append((name if steps == peer_steps else f"{name}, {steps} steps", start, peer_images, steps))
    found.append((FLOOR, floor, peer_images, peer_steps))
    return [
        Contender(
            "attack",
            label,
            name,
            start,
            amount=number * steps / STEPS,
            imports=IMPORTS.get(name, ()),
            about={"images": number, "steps": steps},
        )
        for name, start, number, steps in found
    ]
