"""Result files of networks that were never trained: filtered noise in place of perturbations and predictors."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from advspectra import fourier
from advspectra.files import lines as line_file
from advspectra.files.hdf5 import DIGEST, add, create, set_attributes

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
    """Return noise (N, C, H, W), largest magnitude 1, with its energy around `centre` cycles/image."""
    height, width_pixels = shape[-2:]
    distance = np.hypot(fourier.frequencies(height)[:, None], fourier.frequencies(width_pixels)[None, :])
    amplitude = np.fft.ifftshift(0.05 + np.exp(-0.5 * ((distance - centre) / width) ** 2))
    noise = np.fft.ifft2(np.fft.fft2(rng.standard_normal(shape)) * amplitude).real
    return noise / np.abs(noise).max()


def identity(network="fully_connected", activation="linear", depth=1, alpha=1, seed=0, dataset="cifar10") -> dict:
    """Return the root attributes that identify a run."""
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
    name = "-".join(f"{who[key]}" for key in ("network", "activation", "depth", "alpha", "seed"))
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
        paths.append(write_predictor(folder / name / "predictor.h5", who, beta))
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
    name = "-".join(f"{who[key]}" for key in ("network", "activation", "depth", "alpha", "seed"))
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
    """Write a checkpoints.h5 whose states (name -> step) are without weights."""
    about = {
        "learning_rate": learning_rate,
        "best_epoch": 2,
        "test_accuracy": accuracy,
        "train_accuracy": accuracy + 0.05,
    }
    numbers = np.arange(1, epochs + 1)
    history = {
        "epoch": numbers,
        "step": numbers * STEPS_PER_EPOCH,
        "train_accuracy": [accuracy * progress(step, epochs) + 0.05 for step in numbers * STEPS_PER_EPOCH],
        "test_accuracy": [accuracy * progress(step, epochs) for step in numbers * STEPS_PER_EPOCH],
    }
    with create(path, kind="checkpoints", version=1, attributes={**who, **about}) as file:
        for name, values in history.items():
            add(file, f"history/{name}", np.array(values), units="1", long_name=name)
        for name, step in (states or {"best": 2 * STEPS_PER_EPOCH}).items():
            group = file.create_group(f"states/{name}")
            group.attrs.update(step=step, epoch=epoch_of(step), test_accuracy=accuracy * progress(step, epochs))
            set_attributes(group, {DIGEST: f"weights of {sorted(who.items())}"})
    return path


def write_perturbations(
    path: Path, who: dict, delta: np.ndarray, success: np.ndarray, classes: int, correct: np.ndarray | None = None
) -> Path:
    """Write a perturbations.h5 with what the figures read; correct : (N,) bool before the attack, None for all."""
    index = np.arange(len(delta))
    with create(path, kind="perturbations", version=1, attributes={**who, "epsilon": EPSILON}) as file:
        for name, array in {
            "perturbation": delta,
            "image": index * 3,
            "label": index % classes,
            "success": success,
            "clean_prediction": (index + (0 if correct is None else ~correct)) % classes,
            "l2": np.linalg.norm(delta.reshape(len(delta), -1), axis=1),
            "linf": np.abs(delta).max(axis=(1, 2, 3)),
        }.items():
            add(file, name, array, units="1", long_name=name)
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
    """Write a spectra.h5 of the perturbations `delta`, or of the power (N, 1, H, W) itself.

    norms : (1-norms, 2-norms) to stand in the file instead of those of the spectra.
    """
    source = delta if power is None else power
    success = np.ones(len(source), dtype=bool) if success is None else success
    size = source.shape[-1]
    counts = {"images": "successful", "attacked": len(source), "selected": int(success.sum())}
    with create(path, kind="spectra", version=1, attributes={**who, **counts}) as file:
        _add_scales(file, size)
        add(file, "angle", np.arange(36) * 5.0, units="degree", long_name="angle")
        add(file, "image", 3 * np.flatnonzero(success), units="1", long_name="index in the test set")
        for convention in conventions:
            group = file.create_group(convention)
            shown = fourier.power_spectrum(delta[success], convention=convention) if power is None else power[success]
            _add_power(group, shown, norms)
            angular = fourier.angular_energy(shown, bins=36)
            add(group, "angular_energy", angular, units="1", long_name="angular energy")
    return path


def write_predictor(path: Path, who: dict, beta: np.ndarray) -> Path:
    """Write a predictor.h5; rescaled is each class's map brought to [0, 1]."""
    low, high = beta.min(axis=(1, 2, 3), keepdims=True), beta.max(axis=(1, 2, 3), keepdims=True)
    with create(path, kind="predictor", version=1, attributes=who) as file:
        _add_scales(file, beta.shape[-1])
        add(file, "beta", beta, units="logit", long_name="beta")
        add(file, "intercept", np.zeros(len(beta)), units="logit", long_name="intercept")
        for form, maps in {"raw": beta, "rescaled": (beta - low) / (high - low)}.items():
            _add_power(file.create_group(form), fourier.power_spectrum(maps, convention="paper"), None)
    return path


def _add_scales(file, size: int) -> None:
    radii = np.arange(fourier.radius(size, size).max() + 1)
    for name, values in {
        "radial_frequency": radii,
        "frequency_y": fourier.frequencies(size),
        "frequency_x": fourier.frequencies(size),
    }.items():
        add(file, name, values, units="cycles/image", long_name=name)


def _add_power(group, power: np.ndarray, norms: tuple | None) -> None:
    l1, l2 = norms or fourier.norms(power)
    for name, array in {
        "norm_l1": l1,
        "norm_l2": l2,
        "radial_energy": fourier.radial_energy(power),
        "flatness": fourier.flatness(power),
        "half_power_frequency": fourier.half_power_frequency(fourier.radial_energy(power)),
    }.items():
        add(group, name, np.asarray(array, dtype=np.float64), units="1", long_name=name)
    if len(power):
        add(group, "mean_power", power.sum(axis=1).mean(axis=0), units="1", long_name="mean power")
