"""Attack a network on chosen images, try perturbations of one network on another, and judge the success of both.

An attack is successful (Section 3.1 of Ortega Caro et al., 2020) if x is classified correctly, x_a = x + delta is not,
and the norm of delta is at most epsilon. Against the prediction, it is successful if the predicted classes of x and x_a
differ and the norm of delta is at most epsilon, whatever the label. Success is judged by a forward pass on x + delta
from the stored numbers, not by what the attack reports.
"""

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from advspectra.attacking.bound import within
from advspectra.attacking.seen import given_classes, zero_gradient
from advspectra.files.progress import NO_PROGRESS, Part, Progress
from advspectra.machine.countdown import Countdown
from advspectra.machine.devices import precision as arithmetic
from advspectra.networks.simplified import simplified
from advspectra.split import Split
from advspectra.streams import stream


@dataclass(frozen=True)
class Attack:
    """An attack ready to run.

    run : (network, inputs (N, C, H, W) float32 in [0, 1], labels (N,) int64, part) -> adversarial inputs of the same
        shape. A long attack saves its progress in `part` and resumes from there, by advspectra.attacking.resuming.
    norm : order p of the norm that epsilon bounds, inf for the largest magnitude; epsilon : the bound, None for none.
    tune : (network, inputs, labels) -> the attack tuned on these images, and the numbers of its tuning by name.
    precision : of the attack, whatever the study's; None for that of the study. See devices.precision.
    loss : what its gradients are of, "cross_entropy" or "logit_difference"; None for an attack that takes neither.
    """

    run: Callable[[torch.nn.Module, torch.Tensor, torch.Tensor, Part], torch.Tensor]
    norm: float
    epsilon: float | None
    tune: Callable[[torch.nn.Module, torch.Tensor, torch.Tensor], tuple["Attack", dict[str, float]]] | None = None
    precision: str | None = None
    loss: str | None = None


@dataclass(frozen=True)
class AttackResult:
    """What an attack did to N images; NumPy arrays, see files.perturbations for names, shapes and units.

    tuning : the numbers of a tuned attack's tuning; empty for other attacks.
    """

    perturbation: np.ndarray
    image: np.ndarray
    label: np.ndarray
    clean_prediction: np.ndarray
    adversarial_prediction: np.ndarray
    clean_logits: np.ndarray
    adversarial_logits: np.ndarray
    success: np.ndarray
    l1: np.ndarray
    l2: np.ndarray
    linf: np.ndarray
    zero_gradient: np.ndarray
    tuning: dict[str, float] = field(default_factory=dict)


def build_attack(family: str, **options) -> Attack:
    """The attack that the module advspectra.attacks.<family> builds from its options."""
    return importlib.import_module(f"advspectra.attacks.{family}").build(**options)


def balanced_subset(labels: np.ndarray, count: int, *, images_of: str = "test") -> np.ndarray:
    """The indices of `count` images, equally many of each class, (count,) int64 ascending.

    They are the first images of each class in the order of the data set, so that every network sees the same ones. If
    `count` is not a multiple of the number of classes, the first classes give one more. images_of : for the error.
    Raises ValueError when a class has too few images.
    """
    classes = np.unique(labels)
    chosen = []
    for position, label in enumerate(classes):
        wanted = count // len(classes) + (position < count % len(classes))
        members = np.flatnonzero(labels == label)
        if len(members) < wanted:
            raise ValueError(f"{count} {images_of} images need {wanted} of class {label}, which has {len(members)}")
        chosen.append(members[:wanted])
    return np.sort(np.concatenate(chosen))


def perturb(
    network: torch.nn.Module,
    split: Split,
    image: np.ndarray,
    attack: Attack,
    *,
    batch_size: int,
    simplify: bool,
    precision: str,
    seed: int,
    against: str = "label",
    images_of: str = "test",
    label: str = "",
    report: Callable[[str], None] = lambda line: None,
    progress: Progress = NO_PROGRESS,
) -> AttackResult:
    """Attack the network on the images of `split` with the indices `image` and measure the perturbations.

    The network's parameters are frozen and it is put in inference mode. Perturbations are measured on it in float32.
    simplify : let the attack see the network that `simplified` makes of it. precision : of the attack, unless it has
    its own; see devices.precision. seed : of the attack's random start. against : "label" or "prediction", the class
    that the attack starts from and that success leaves. images_of : what `split` is, for errors. progress : where
    finished batches and an attack's progress within a batch are saved; a killed attack resumes to the same result.
    """
    network.eval().requires_grad_(False)
    attacked = simplified(network, tuple(split.images.shape[1:])) if simplify else network
    device, used = split.labels.device, attack.precision or precision
    arrays: dict[str, np.ndarray] = {}
    tuning: dict[str, float] = {}
    countdown = Countdown(len(image), label=label, unit="image", report=report)
    with torch.random.fork_rng(), countdown:
        if attack.tune is not None:
            torch.manual_seed(stream(seed, "start of the attack"))
            with arithmetic(device, used):
                attack, tuning = attack.tune(attacked, *_given(network, split, image, batch_size, against))
        torch.manual_seed(stream(seed, "start of the attack"))
        for number, index in enumerate(torch.from_numpy(image).split(batch_size)):
            inputs, labels = split.batch(index.to(device))
            classes = given_classes(network, inputs, labels, against)
            finished = progress.part(f"batch={number}")
            tell = partial(countdown.reach_within, number * batch_size, len(index))
            unfinished = progress.part(f"batch={number}.unfinished", tell=tell)
            if saved := finished.load():
                adversarial = saved[0]["adversarial"].to(device)
            else:
                with arithmetic(device, used):
                    adversarial = attack.run(attacked, inputs, classes, unfinished)
                if finished.due():
                    finished.save({"adversarial": adversarial})
            bound = math.inf if attack.epsilon is None else attack.epsilon
            limits = {"norm": attack.norm, "epsilon": bound, "against": against}
            measured = _measure(network, inputs, labels, adversarial - inputs, **limits)
            without = zero_gradient(attacked, inputs, classes, attack.loss)
            measured["zero_gradient"] = without & ~measured["success"]  # a random start may have one
            _fill(arrays, measured, start=number * batch_size, count=len(image))
            countdown.reach(number * batch_size + len(index))
    _require_finite(arrays, image, what="the attack", images_of=images_of)
    return AttackResult(image=image, tuning=tuning, **arrays)


def _given(
    network: torch.nn.Module, split: Split, image: np.ndarray, batch_size: int, against: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """All inputs that are attacked, (N, C, H, W), and the classes given to the attack, (N,)."""
    inputs, labels = split.batch(torch.from_numpy(image).to(split.labels.device))
    parts = zip(inputs.split(batch_size), labels.split(batch_size), strict=True)
    return inputs, torch.cat([given_classes(network, *part, against) for part in parts])


def transfer(
    network: torch.nn.Module,
    split: Split,
    image: np.ndarray,
    perturbation: np.ndarray,
    *,
    norm: float,
    epsilon: float,
    batch_size: int,
    zero_gradient: np.ndarray | None = None,
    against: str = "label",
    images_of: str = "test",
) -> AttackResult:
    """Measure perturbations that were found on another network, or on another checkpoint of this one.

    Success is judged on the network given, which also decides whether x is classified correctly.
    image : (N,) index in `split`. perturbation : (N, C, H, W) float32, x_a - x. norm, epsilon : as in Attack, of
    the attack that found them; epsilon is inf for none. zero_gradient : (N,) bool, what that attack's result says;
    None where it says nothing, as files of version 1, and then no image counts as one. against, images_of : as in
    `perturb`. The network's parameters are frozen and it is put in inference mode.
    """
    network.eval().requires_grad_(False)
    device = split.labels.device
    arrays = {"perturbation": perturbation}
    for rows in torch.arange(len(image)).split(batch_size):
        inputs, labels = split.batch(torch.from_numpy(image)[rows].to(device))
        delta = torch.from_numpy(perturbation)[rows].to(device)
        measured = _measure(network, inputs, labels, delta, norm=norm, epsilon=epsilon, against=against)
        del measured["perturbation"]
        _fill(arrays, measured, start=int(rows[0]), count=len(image))
    _require_finite(arrays, image, what="the transfer", images_of=images_of)
    zero = np.zeros(len(image), dtype=bool) if zero_gradient is None else zero_gradient
    return AttackResult(image=image, zero_gradient=zero, **arrays)


def _require_finite(arrays: dict[str, np.ndarray], image: np.ndarray, *, what: str, images_of: str) -> None:
    """Raise ValueError, naming the images, if a number is NaN or infinite."""
    for name, advice in (
        ("clean_logits", "the network's own answers are at fault: train it with a smaller learning rate"),
        ("perturbation", "change the attack's parameters, take another attack, or other images"),
        ("adversarial_logits", "the network's answers to them are at fault: train it with a smaller learning rate"),
        ("l2", "the perturbation is too large: take a smaller epsilon"),
    ):
        wrong = ~np.isfinite(arrays[name].reshape(len(image), -1)).all(axis=1)
        if wrong.any():
            shown = ", ".join(map(str, image[wrong][:5])) + (", ..." if wrong.sum() > 5 else "")
            raise ValueError(
                f"{what} gave numbers that are not finite ({name}) for {wrong.sum()} of {len(image)} images "
                f"({images_of} images {shown}, counted from 0): {advice}"
            )


def _fill(arrays: dict[str, np.ndarray], part: dict[str, torch.Tensor], *, start: int, count: int) -> None:
    """Put the numbers of some images, by name, into the arrays of all `count`, from the row `start` on."""
    for name, tensor in part.items():
        values = tensor.cpu().numpy()
        if name not in arrays:
            arrays[name] = np.empty((count, *values.shape[1:]), dtype=values.dtype)
        arrays[name][start : start + len(values)] = values


@torch.no_grad()
def _measure(
    network: torch.nn.Module,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    perturbation: torch.Tensor,
    *,
    norm: float,
    epsilon: float,
    against: str,
) -> dict[str, torch.Tensor]:
    clean, adversarial = network(inputs), network(inputs + perturbation)
    flat = perturbation.flatten(1)
    norms = {"l1": flat.norm(1, dim=1), "l2": flat.norm(2, dim=1), "linf": flat.norm(math.inf, dim=1)}
    bounded = within(flat, norm=norm, epsilon=epsilon)
    predictions = clean.argmax(dim=1), adversarial.argmax(dim=1)
    left = predictions[0] if against == "prediction" else labels
    return {
        "perturbation": perturbation,
        "label": labels,
        "clean_prediction": predictions[0],
        "adversarial_prediction": predictions[1],
        "clean_logits": clean,
        "adversarial_logits": adversarial,
        "success": (predictions[0] == left) & (predictions[1] != left) & bounded,
        **norms,
    }
