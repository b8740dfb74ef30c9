"""What the explorer shows of a study, small enough for one page: spectra, radial curves, numbers and examples.

A view is one network (its α among what tells it from others) under one attack or transfer: its checkpoints in the order
of training, those that all seeds have. Numbers are means over the images of all seeds, and of each seed. The examples
are of the lowest seed, the same images in all views. Arrays are base64 of bytes; `packed_spectrum` and `example` say
how to read them.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from advspectra.attacking.epsilon import written
from advspectra.explorer.examples import Chosen, examples, most_attacked, shown_image, text_of
from advspectra.files.hdf5 import attributes_of, open_foreign
from advspectra.files.images import ImageSet
from advspectra.fourier import frequencies, radial_cells, radius, white_noise_frequency
from advspectra.results.replicates import Replicates, as_one, by_network
from advspectra.results.runs import AttackedCheckpoint, Run

# A page holds as much of this as fits: whether each seed is shown beside the mean, and how many examples.
LEVELS = ((True, 3), (True, 1), (False, 3), (False, 1), (False, 0))
MOST_BYTES = 5_000_000
WIDEST_SPECTRUM = 64  # frequencies a side; larger spectra are means over blocks
BYTES_OF_NUMBERS = 400  # of one checkpoint in one seed, beside its arrays


@dataclass(frozen=True)
class View:
    """One network under one attack: the runs that have it, a seed each, and their checkpoints in the same order."""

    group: Replicates
    attack: str
    runs: tuple[Run, ...]
    checkpoints: tuple[tuple[AttackedCheckpoint, ...], ...]

    @property
    def first(self) -> list[AttackedCheckpoint]:
        """The checkpoints of the lowest seed."""
        return [seeds[0] for seeds in self.checkpoints]


def views_of(runs: Sequence[Run]) -> list[View]:
    """The views of a study, in the paper's order of networks; those without a common checkpoint are left out."""
    views = []
    for group in by_network(runs):
        for attack in group.attacks:
            having = tuple(run for run in group.runs if run.attacked(attack))
            if checkpoints := group.attacked(attack):
                views.append(View(group, attack, having, tuple(checkpoints)))
    return views


def level(views: Sequence[View], image_shape: Sequence[int], most: int = MOST_BYTES) -> tuple[bool, int]:
    """The first of LEVELS whose arrays fit into so many bytes, or the last; image_shape : (C, H, W)."""
    channels, height, width = image_shape
    side = WIDEST_SPECTRUM**2
    each = BYTES_OF_NUMBERS + 8 * len(radial_cells(height, width)) + 4 / 3 * min(height * width, side)
    of_example = 150 + 4 / 3 * channels * math.prod(min(size, Chosen.WIDEST) for size in (height, width))
    count = sum(len(view.checkpoints) for view in views)
    of_seeds = sum(len(view.checkpoints) * len(view.runs) for view in views if len(view.runs) > 1)
    for seeds, shown in LEVELS:
        if each * (count + of_seeds * seeds) + of_example * count * shown <= most:
            break
    return seeds, shown


def content(study: str, runs: Sequence[Run], images: ImageSet, *, convention: str, most: int = MOST_BYTES) -> dict:
    """All that the page shows, as JSON can hold it. convention : of the spectra, a key of fourier.CONVENTIONS.

    most : bytes that the arrays may take. ValueError for a file that does not say of which step it is.
    """
    views = views_of(runs)
    shape = images.test_images.shape[1:]
    seeds, count = level(views, shape, most)
    chosen = most_attacked([view.first for view in views], count)
    cells = radial_cells(*shape[1:])
    return {
        "study": study,
        "classes": list(images.class_names),
        "limits": {"seeds": seeds, "examples": count, "block": block(*shape[1:]), "crop": Chosen.WIDEST},
        "edges": [edges(size, block(*shape[1:])) for size in shape[1:]],
        "largest": int(radius(*shape[1:]).max()),
        "white": {"shares": _rounded(cells / cells.sum()), "frequency": _round(white_noise_frequency(*shape[1:]))},
        "images": {one.key: shown_image(images, one) for one in chosen},
        "views": [_view(view, chosen, convention=convention, seeds=seeds) for view in views],
    }


def _view(view: View, chosen: Sequence[Chosen], *, convention: str, seeds: bool) -> dict:
    identity = view.group.identity
    seeds = seeds and len(view.runs) > 1
    return {
        "network": replace(identity, alpha=1).label,
        "linear": identity.linear,
        "alpha": f"{identity.alpha:g}",
        "attack": view.attack,
        "about": described(view),
        "seeds": [run.seed for run in view.runs],
        "checkpoints": [
            {
                "label": as_one(members).label,
                "best": members[0].best,
                "mean": numbers(view.runs, members, convention=convention),
                **({"each": list(_each(view.runs, members, convention))} if seeds else {}),
                "examples": examples(members[0], chosen),
            }
            for members in view.checkpoints
        ],
    }


def _each(runs: Sequence[Run], members: Sequence[AttackedCheckpoint], convention: str) -> Iterator[dict]:
    for run, member in zip(runs, members, strict=True):
        yield numbers([run], [member], convention=convention)


def described(view: View) -> str:
    """An attack in words: its bound, or where a transfer found its perturbations, and what it saw."""
    source = view.group.attacks[view.attack]
    words = [] if source is None else [f"found by {source.attack} on {source.found_on}, tried on each checkpoint"]
    if (attacked := view.checkpoints[0][0].perturbations()) is not None:
        with open_foreign(attacked.path) as file:
            about = attributes_of(file)
        if math.isfinite(epsilon := about.get("epsilon", math.nan)) and "norm" in about:
            words.append(bound(float(about["norm"]), epsilon))
        seen = {
            "training images": attacked.images_of == "training",
            "against the prediction": attacked.against == "prediction",
            "batch normalisation recalibrated": attacked.batch_norm != "as_is",
        }
        words += [word for word, true in seen.items() if true]
    return ", ".join(words)


def bound(norm: float, epsilon: float) -> str:
    """The bound of an attack in words: "L∞ at most 8/255"."""
    linf = math.isinf(norm)
    return f"{'L∞' if linf else f'L{norm:g}'} at most {written(epsilon, linf=linf)}"


def numbers(runs: Sequence[Run], members: Sequence[AttackedCheckpoint], *, convention: str) -> dict:
    """The numbers of one checkpoint, over the images of the seeds given; None for what they lack.

    accuracy : a fraction, None where batch normalisation was recalibrated for the attack. f : the mean f₀.₅ of the n
    images in the spectra (cycles/image). shares : the energy of each ring, normalised to sum 1 for each of them, mean
    over them. linf : the median ‖δ‖∞ of successes (pixel range).
    """
    spectra = [found for member in members if (found := member.spectra(convention)) is not None]
    attacked = [found for member in members if (found := member.perturbations()) is not None]
    accuracies = [_accuracy(run, member) for run, member in zip(runs, members, strict=True)]
    if any(one.batch_norm != "as_is" for one in attacked):  # that of the checkpoint is of another network
        accuracies = [None]
    rows = [one.radial_energy[one.norm_l2 > 0] for one in spectra]
    shares = np.concatenate([row / row.sum(axis=1, keepdims=True) for row in rows]) if rows else np.zeros((0, 1))
    found = np.concatenate([one.half_power_frequency[one.norm_l2 > 0] for one in spectra]) if rows else np.zeros(0)
    linf = [one.linf[one.success] for one in attacked]
    return {
        "accuracy": None if None in accuracies else _mean(np.array(accuracies)),
        "attacked": sum(len(one.success) for one in attacked),
        "successes": int(sum(one.success.sum() for one in attacked)),
        "n": len(shares),
        "f": _mean(found),
        "linf": _round(np.median(values)) if len(values := np.concatenate([np.zeros(0), *linf])) else None,
        "shares": _rounded(shares.mean(axis=0)) if len(shares) else None,
        "spectrum": packed_spectrum([(one.mean_power, one.selected) for one in spectra if one.mean_power is not None]),
    }


def _accuracy(run: Run, member: AttackedCheckpoint) -> float | None:
    training = run.checkpoints()
    kept = None if training is None else training.kept.get(member.checkpoint)
    return None if kept is None else kept.test_accuracy


def block(height: int, width: int) -> int:
    """How many frequencies a side of the spectrum are averaged into one."""
    return -(-max(height, width) // WIDEST_SPECTRUM)


def edges(size: int, side: int) -> list[float]:
    """Where the spectrum of an axis of `size` pixels begins and ends, cycles/image, in blocks of `side` frequencies."""
    first, last = frequencies(size)[[0, -1]]
    return [float(first // side * side) - 0.5, float((last // side + 1) * side) - 0.5]


def packed_spectrum(powers: Sequence[tuple[np.ndarray, int]]) -> dict | None:
    """The mean of powers (H, W), each with its number of images, over the mean of all frequencies: 1 for white noise.

    codes : H * W bytes, row by row: c > 0 stands for 10 ** (low + (high - low) * (c - 1) / 254), 0 for no power.
    size : [H, W]. None without an image or without power.
    """
    if not powers or not any(power.any() for power, _ in powers):
        return None
    power = np.average([power for power, _ in powers], axis=0, weights=[count for _, count in powers])
    side = block(*power.shape)
    if side > 1:
        power = _blocks(power, side)
    density = power / power.mean()
    present = density > 0
    logarithm = np.log10(density, out=np.zeros_like(density), where=present)
    low, high = float(logarithm[present].min()), float(logarithm[present].max())
    steps = (logarithm - low) / (high - low) if high > low else np.zeros_like(logarithm)
    codes = np.where(present, 1 + np.rint(254 * steps), 0).astype(np.uint8)
    return {"low": _round(low), "high": _round(high), "size": list(codes.shape), "codes": text_of(codes)}


def _blocks(power: np.ndarray, side: int) -> np.ndarray:
    """The mean over blocks of `side` frequencies a side, one of which begins at zero; those at the ends may be cut."""
    for axis in (0, 1):
        blocks = frequencies(power.shape[axis]) // side
        starts = np.flatnonzero(np.diff(blocks, prepend=blocks[0] - 1))
        counts = np.diff(starts, append=len(blocks))
        power = np.moveaxis(np.add.reduceat(power, starts, axis=axis), axis, -1) / counts
        power = np.moveaxis(power, -1, axis)
    return power


def _mean(values: np.ndarray) -> float | None:
    return _round(values.mean()) if len(values) else None


def _round(value: float) -> float:
    """Five digits: more than a reader sees."""
    return float(f"{value:.5g}")


def _rounded(values: np.ndarray) -> list[float]:
    return [_round(value) for value in values]
