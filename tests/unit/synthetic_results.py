"""Result files of networks that were never trained: filtered noise in place of perturbations and predictors.

The workflow's own writers make them, so that they have what its results have.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from advspectra import fourier, spectra
from advspectra.files import checkpoints as checkpoint_file
from advspectra.files import images as image_file
from advspectra.files import lines as line_file
from advspectra.files import perturbations as perturbation_file
from advspectra.fourier import rescaled
from advspectra.perturb import AttackResult

EPSILON = 8 / 255
STEPS_PER_EPOCH = 100
# ten states, the last two of them one
STATES = {
    "step=0": 0,
    "step=1": 1,
    "step=10": 10,
    "step=30": 30,
    "epoch=1": 100,
    "epoch=2": 200,
    "epoch=5": 500,
    "epoch=10": 1000,
    "epoch=20": 2000,
    "best": 2000,
}


def ring_noise(rng: np.random.Generator, shape: tuple[int, ...], *, centre: float, width: float) -> np.ndarray:
    """Noise (N, C, H, W), largest magnitude 1, with its energy around `centre` cycles/image."""
    height, width_pixels = shape[-2:]
    distance = np.hypot(fourier.frequencies(height)[:, None], fourier.frequencies(width_pixels)[None, :])
    amplitude = np.fft.ifftshift(0.05 + np.exp(-0.5 * ((distance - centre) / width) ** 2))
    noise = np.fft.ifft2(np.fft.fft2(rng.standard_normal(shape)) * amplitude).real
    return noise / np.abs(noise).max()


def identity(network="fully_connected", activation="linear", depth=1, alpha=1, seed=0, dataset="cifar10") -> dict:
    """The root attributes that identify a run."""
    return dict(
        dataset=dataset,
        network=network,
        activation=activation,
        depth=depth,
        alpha=alpha,
        seed=seed,
        attack="pgd",
        checkpoint="best",
    )


def write_images(path: Path, *, size: int = 8, images: int = 60, classes: int = 10) -> Path:
    """Write an images.h5 whose image i has the class that the perturbations of row i / 3 say."""
    pixels = np.random.default_rng(0).integers(0, 256, (images, 3, size, size), dtype=np.uint8)
    labels = np.arange(images) // 3 % classes
    names = tuple(f"class {label}" for label in range(classes))
    image_file.write_images(path, image_file.ImageSet(pixels, labels, pixels, labels, names, {"source": "cifar10"}))
    return path


def name_of(who: Mapping) -> str:
    """A name for each run; its letters are the seed of the run's noise."""
    return "-".join(f"{who[key]}" for key in ("network", "activation", "depth", "alpha", "seed"))


def write_run(
    folder: Path,
    *,
    who: dict,
    images: int = 12,
    classes: int = 10,
    size: int = 16,
    centre: float = 4.0,
    width: float = 3.0,
    failed: Sequence[int] = (),
    conventions: Sequence[str] = ("paper", "rgb"),
    accuracy: float = 0.4,
    learning_rate: float = 0.01,
    kinds: Sequence[str] | None = None,
) -> list[Path]:
    """Write the result files of one run below `folder` and return their paths.

    who : from identity(); failed : indices of the images that the attack did not change the class of.
    kinds : of files; None for all that the network has.
    """
    name = name_of(who)
    rng = np.random.default_rng([ord(letter) for letter in name])
    if kinds is None:
        kinds = ["checkpoints", "perturbations", "spectra", *(["predictor"] if who["activation"] == "linear" else [])]
    delta = ring_noise(rng, (images, 3, size, size), centre=centre, width=width)
    delta = (EPSILON * np.sign(delta) * np.minimum(1, 3 * np.abs(delta))).astype(np.float32)
    success = ~np.isin(np.arange(images), failed)
    paths = []
    if "checkpoints" in kinds:
        paths.append(write_checkpoints(folder / name / "checkpoints.h5", who, accuracy, learning_rate))
    if "perturbations" in kinds:
        paths.append(write_perturbations(folder / name / "perturbations.h5", who, delta, success, classes))
    if "spectra" in kinds:
        path = folder / name / "spectra.h5"
        paths.append(write_spectra(path, who, power=None, delta=delta, success=success, conventions=conventions))
    if "predictor" in kinds:
        beta = ring_noise(rng, (classes, 3, size, size), centre=centre * 0.8, width=width)
        of_best = {} if who["checkpoint"] == "best" else {"step": 2 * STEPS_PER_EPOCH, "epoch": 2}
        paths.append(write_predictor(folder / name / "predictor.h5", who | of_best, beta))
    return paths


def epoch_of(step: int) -> int:
    """Return the epoch that a step is in."""
    return -(-step // STEPS_PER_EPOCH)


def progress(step: int, epochs: int) -> float:
    """Return how far a training has come, 0 at the start and 1 at the end, on a logarithmic scale."""
    return float(np.log1p(step) / np.log1p(epochs * STEPS_PER_EPOCH))


def write_development(
    folder: Path,
    *,
    who: dict,
    states: Mapping[str, int] = STATES,
    attack: str = "pgd",
    source: str | None = None,
    images: int = 20,
    size: int = 16,
    kinds: Sequence[str] = ("perturbations", "spectra", "lines"),
    same_norm: bool = False,
    accuracy: float = 0.8,
) -> list[Path]:
    """Write the files of one attack on several states of a run below `folder` and return their paths.

    states : name -> step. source : the attack that `attack` is a transfer of. same_norm : keep the largest magnitude,
    which falls otherwise. Names of one step have the same arrays. At step 0 no attack succeeds and the lines of the
    three kinds are alike; later ones have more success, higher frequencies and more breakpoints towards x_a.
    """
    name = name_of(who)
    epochs = max(1, epoch_of(max(states.values())))
    paths = []
    for checkpoint, step in states.items():
        rng = np.random.default_rng([*map(ord, name + attack), step])
        place = folder / name / attack / checkpoint
        about = {**who, "attack": attack, "checkpoint": checkpoint, "step": step, "epoch": epoch_of(step)}
        about |= {"source_attack": source, "found_on": "best"} if source else {}
        far = progress(step, epochs)
        correct = np.random.default_rng(7).random(images) < max(accuracy * far, 0.1)
        success = correct & (rng.random(images) < far * (0.5 if source else 1)) & (step > 0)
        delta = ring_noise(rng, (images, 3, size, size), centre=1 + 5 * far, width=2.0)
        height = EPSILON * (1 if same_norm else 1 - 0.7 * far) * (1 if same_norm else rng.uniform(0.7, 1, images))
        delta = (np.reshape(height, (-1, 1, 1, 1)) * np.clip(3 * delta, -1, 1)).astype(np.float32)
        if "perturbations" in kinds:
            paths.append(write_perturbations(place / "perturbations.h5", about, delta, success, 10, correct))
        if "spectra" in kinds:
            both = ("paper", "rgb")
            paths.append(write_spectra(place / "spectra.h5", about, delta=delta, success=success, conventions=both))
        if "lines" in kinds:
            factors = {"adversarial": 1 + 3 * far, "random": 1 + far, "boundary": 8}
            ends = {end: random_line(rng, images, factor) for end, factor in factors.items()}
            if step:  # far from the start, the logit changes more than it bends towards x_a
                ends["adversarial"] |= {
                    f"{logit}_change": 40 * ends["adversarial"][f"{logit}_change"] for logit in ("true", "other")
                }
            if source:  # the final network's class is the other one
                quantities = ("change", "deviation", "curvature")
                for line in ends.values():
                    line |= {f"final_{name}": line[f"other_{name}"] for name in quantities}
            paths.append(write_lines(place / "lines.h5", about, ends, success=success))
    return paths


def random_line(rng: np.random.Generator, images: int, factor: float) -> dict[str, np.ndarray]:
    """Return the arrays of one kind of lines, with ReLU changes and roughness in proportion to `factor`."""
    relu_changes = np.minimum(0.01 * factor * rng.lognormal(0, 0.3, images), 1)
    line = {
        "length": np.full(images, float(factor)),
        "changed": rng.random(images) < min(factor / 8, 1),
        "relu_changes": relu_changes,
        "breakpoints": np.rint(5000 * relu_changes).astype(int),
        "pool_switches": np.zeros(images, dtype=int),
        "converged": np.ones(images, dtype=bool),
    }
    for logit in ("true", "other"):
        line |= {
            f"{logit}_change": factor * rng.lognormal(-2, 0.2, images),
            f"{logit}_deviation": 0.01 * factor * rng.lognormal(0, 0.5, images),
            f"{logit}_curvature": 0.1 * factor * rng.lognormal(0, 0.5, images),
        }
    return line


def write_lines(
    path: Path, who: dict, ends: Mapping[str, Mapping[str, np.ndarray]], *, success: np.ndarray | None = None, **about
) -> Path:
    """Write a lines.h5; ends : adversarial, random and boundary -> arrays by name, as of random_line."""
    index = np.arange(len(ends["adversarial"]["length"]))
    success = np.ones(len(index), dtype=bool) if success is None else success
    images = {"image": 3 * index, "label": index % 10, "correct": success, "success": success}
    attributes = {**who, "exact_images": 10**6, "samples": 1001, "stretch_limit": 64.0, **about}
    line_file.write_lines(path, images=images, lines=ends, attributes=attributes)
    return path


def write_checkpoints(
    path: Path,
    who: dict,
    accuracy: float,
    learning_rate: float,
    epochs: int = 3,
    states: Mapping[str, int] | None = None,
) -> Path:
    """Write a checkpoints.h5 of a training whose accuracy rises up to the best epoch and stays.

    states : checkpoints, name -> step; each has a few numbers in place of weights, the same for the same step.
    """
    states = states or {"best": 2 * STEPS_PER_EPOCH}
    best_epoch = epoch_of(states["best"])
    training = checkpoint_file.Training(best_epoch=best_epoch, learning_rate=learning_rate)

    def reached(step: int) -> float:
        return accuracy * min(1, progress(step, best_epoch))

    for epoch in range(1, epochs + 1):
        step = epoch * STEPS_PER_EPOCH
        accuracies = {"train_accuracy": reached(step) + 0.05, "test_accuracy": reached(step)}
        training.history.append({"epoch": epoch, "step": step, "learning_rate": learning_rate, **accuracies})
    for name, step in states.items():
        weights = np.random.default_rng([*map(ord, name_of(who)), step]).standard_normal(4)
        tensors = {"readout.weight": torch.from_numpy(weights)}
        training.checkpoints[name] = checkpoint_file.Checkpoint(step, epoch_of(step), reached(step), tensors)
    form = {"architecture": "fully_connected", "options": {}, "image_shape": [3, 16, 16], "classes": 10}
    form |= {key: who[key] for key in ("activation", "depth")}
    checkpoint_file.write_checkpoints(path, training, architecture=form, attributes=who)
    return path


def perturbations(
    delta: np.ndarray, success: np.ndarray, classes: int, correct: np.ndarray | None = None
) -> AttackResult:
    """What an attack that found `delta` left; correct : (N,) bool before the attack, None for all."""
    index = np.arange(len(delta))
    clean = (index + (0 if correct is None else ~correct)) % classes
    adversarial = np.where(success, (index + 1) % classes, clean)
    flat = delta.reshape(len(delta), -1)
    return AttackResult(
        perturbation=delta,
        image=index * 3,
        label=index % classes,
        clean_prediction=clean,
        adversarial_prediction=adversarial,
        clean_logits=np.eye(classes, dtype=np.float32)[clean],
        adversarial_logits=np.eye(classes, dtype=np.float32)[adversarial],
        success=success,
        zero_gradient=np.zeros(len(delta), dtype=bool),
        **{name: np.linalg.norm(flat, order, axis=1) for name, order in (("l1", 1), ("l2", 2), ("linf", np.inf))},
    )


def write_perturbations(
    path: Path, who: dict, delta: np.ndarray, success: np.ndarray, classes: int, correct: np.ndarray | None = None
) -> Path:
    """Write a perturbations.h5; see `perturbations`."""
    made = perturbations(delta, success, classes, correct)
    perturbation_file.write_perturbations(path, made, attributes={**who, "epsilon": EPSILON})
    return path


def write_spectra(
    path: Path,
    who: dict,
    *,
    delta: np.ndarray | None = None,
    power: np.ndarray | None = None,
    success: np.ndarray | None = None,
    conventions: Sequence[str] = ("paper",),
    norms: tuple | None = None,
) -> Path:
    """Write a spectra.h5 of the perturbations `delta`, or of the power (N, 1, H, W) itself, of successful ones.

    norms : (1-norms, 2-norms) to stand in the file instead of those of the spectra.
    """
    given = {"power_spectrum": fourier.power_spectrum, "norms": fourier.norms}
    if power is not None:
        given["power_spectrum"] = lambda images, convention: power
        delta = np.zeros(power.shape, dtype=np.float32)
    if norms is not None:
        given["norms"] = lambda power: tuple(values[: len(power)] for values in norms)
    success = np.ones(len(delta), dtype=bool) if success is None else success
    arrays = {"perturbation": delta, "success": success, "image": 3 * np.arange(len(delta))}
    settings = {"conventions": conventions, "images": "successful", "angular_bins": 36}
    with patch.multiple(fourier, **given):
        spectra.write_spectra(path, **arrays, **settings, attributes=who)
    return path


def write_predictor(path: Path, who: dict, beta: np.ndarray) -> Path:
    """Write a predictor.h5 of the end-to-end map `beta` (K, C, H, W)."""
    intercept = np.zeros(len(beta))
    spectra.write_predictor(path, beta=beta, rescaled=rescaled, intercept=intercept, attributes=who)
    return path
