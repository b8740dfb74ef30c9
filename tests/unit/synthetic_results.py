"""Result files of networks that were never trained: filtered noise in place of perturbations and predictors."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from advspectra import fourier
from advspectra.hdf5 import add, create

EPSILON = 8 / 255


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


def write_checkpoints(path: Path, who: dict, accuracy: float, learning_rate: float, epochs: int = 3) -> Path:
    """Write a checkpoints.h5 without states."""
    about = {
        "learning_rate": learning_rate,
        "best_epoch": 2,
        "test_accuracy": accuracy,
        "train_accuracy": accuracy + 0.05,
    }
    with create(path, kind="checkpoints", version=1, attributes={**who, **about}) as file:
        add(file, "history/epoch", np.arange(1, epochs + 1), units="epoch", long_name="epoch")
    return path


def write_perturbations(path: Path, who: dict, delta: np.ndarray, success: np.ndarray, classes: int) -> Path:
    """Write a perturbations.h5 with what the figures read."""
    index = np.arange(len(delta))
    with create(path, kind="perturbations", version=1, attributes={**who, "epsilon": EPSILON}) as file:
        for name, array in {
            "perturbation": delta,
            "image": index * 3,
            "label": index % classes,
            "success": success,
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
