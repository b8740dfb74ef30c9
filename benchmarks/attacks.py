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

from advspectra.attack import balanced_subset, build_attack
from advspectra.checkpoint_file import load_network
from advspectra.devices import prepare
from advspectra.image_file import read_images
from advspectra.simplified import simplified
from benchmarks.networks import form_of
from benchmarks.timing import Contender, fastest

EPSILON, REL_STEPSIZE, STEPS = 8 / 255, 0.1, 1000
# device -> batch sizes: the peers run at the fastest of the first, the floor at the fastest of the second
BATCH_SIZES = {"cpu": (16, 32, 64, 128), "cuda": (128, 512, 2048)}
FLOOR_BATCH_SIZES = {"cpu": (8, 16, 32, 64, 128, 256), "cuda": (64, 128, 256, 512, 1024, 2048)}
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
        prepare(device, threads=threads)
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


def start_peer(
    name: str, checkpoint: Path, images: Path, *, count: int, steps: int, batch_size: int, device: str, threads: int
):
    """An attack of another library, on the network as it was trained."""
    place = prepare(device, threads=threads)
    network, inputs, labels, form = _load(checkpoint, images, count, place)
    # in PyTorch's own memory layout, as without our library
    attack = PEERS[name](network.to(memory_format=torch.contiguous_format), form, steps, batch_size)

    def run():
        # the same precision as ours, but not our deterministic algorithms
        prepare(device, threads=threads)
        torch.set_deterministic_debug_mode("default")
        torch.manual_seed(0)
        batches = zip(inputs.split(batch_size), labels.split(batch_size), strict=True)
        return torch.cat([attack(x, y) for x, y in batches])

    def facts(adversarial):
        largest = (adversarial - inputs).abs().max().item()
        if not largest <= EPSILON * (1 + 1e-4):
            raise ValueError(f"{name}: expected perturbations up to {EPSILON:.5f}, found {largest:.5f}")
        return {"accuracy_after": _accuracy(network, adversarial, labels)}

    return run, facts


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


def start_floor(
    checkpoint: Path, images: Path, *, count: int, passes: int, batch_size: int, layout: str, device: str, threads: int
):
    """Passes forward to the loss and back to the images through the simplified network, and nothing else."""
    place = prepare(device, threads=threads)
    network, inputs, labels, form = _load(checkpoint, images, count, place)
    fast = simplified(network, form["image_shape"]).to(memory_format=LAYOUTS[layout])
    batches = [
        (x.contiguous(memory_format=LAYOUTS[layout]), y)
        for x, y in zip(inputs.split(batch_size), labels.split(batch_size), strict=True)
    ]

    def run():
        prepare(device, threads=threads)
        for _, (x, y) in product(range(passes), batches):
            x.requires_grad_()
            loss = functional.cross_entropy(fast(x), y, reduction="sum")
            torch.autograd.grad(loss, x)

    return run, lambda _: {}


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
    """Return the contenders on one network, each at its fastest batch size, which is measured here.

    count : images of our attack; peer_images, peer_steps : of the others, and the passes of the floor.
    proportionality : whether Foolbox runs with four times as many steps too.
    """
    where = {"device": device.type, "threads": threads}
    found = [
        Contender(
            "attack",
            label,
            OURS,
            partial(start_ours, checkpoint, images, count=count, steps=STEPS, **where),
            amount=count,
            short=partial(start_ours, checkpoint, images, count=count, steps=3, **where),
            about={"images": count, "steps": STEPS},
        )
    ]
    for name in PEERS if peers else (PLAIN, FROZEN):
        start = partial(start_peer, name, checkpoint, images, count=peer_images, **where)
        sizes = BATCH_SIZES[device.type]
        candidates = [partial(start, steps=CALIBRATION_STEPS, batch_size=size) for size in sizes]
        size = sizes[fastest(candidates, device=device)]
        longer = (4 * peer_steps,) if proportionality and name == FROZEN else ()
        for steps in (peer_steps, *longer):
            found.append(
                Contender(
                    "attack",
                    label,
                    name if steps == peer_steps else f"{name}, {steps} steps",
                    partial(start, steps=steps, batch_size=size),
                    amount=peer_images * steps / STEPS,
                    short=partial(start, steps=3, batch_size=size),
                    imports=IMPORTS.get(name, ()),
                    about={"images": peer_images, "steps": steps, "batch_size": size},
                )
            )
    return [*found, _floor(label, checkpoint, images, image_steps=peer_images * peer_steps, **where)]


def _floor(label: str, checkpoint: Path, images: Path, *, image_steps: int, device: str, threads: int) -> Contender:
    """Return the floor at its fastest batch size and layout; image_steps : passes of single images, at least."""
    sizes = FLOOR_BATCH_SIZES[device]
    count = min(max(sizes), len(read_images(images).test_labels))
    weights = load_network(checkpoint, name="best", expected={})[0].parameters()
    layouts = LAYOUTS if any(weight.ndim == 4 for weight in weights) else ("contiguous",)
    forms = list(product((size for size in sizes if size <= count), layouts))
    start = partial(start_floor, checkpoint, images, count=count, device=device, threads=threads)
    candidates = [partial(start, passes=1, batch_size=size, layout=layout) for size, layout in forms]
    size, layout = forms[fastest(candidates, device=torch.device(device), rounds=3)]
    passes = -(-image_steps // count)
    return Contender(
        "attack",
        label,
        FLOOR,
        partial(start, passes=passes, batch_size=size, layout=layout),
        amount=passes * count / STEPS,
        short=partial(start, passes=1, batch_size=size, layout=layout),
        about={"images": count, "steps": passes, "batch_size": size, "layout": layout},
    )
