"""Figures 2 and 3 and the development page: what an attack does to a network, drawn over its training."""

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator, NullFormatter

from advspectra.drawing import captions, plotting
from advspectra.drawing.drawn import DECORATION
from advspectra.files.perturbations import AttackedImages
from advspectra.results.replicates import Replicates, as_one
from advspectra.results.runs import AttackedCheckpoint, Source

# one slash of the mark for a broken axis
SLASH = Path([(-0.5, -1), (0.5, 1)])
TRANSFER_LINES = ("solid", (0, (4, 1.5)), (0, (1, 0.8)), (0, (7, 1, 1, 1)))
NO_ATTACK = "No attack on several checkpoints of a network in this study."
NO_LINES = "no lines\nof this attack"
NO_SPECTRA = "no spectra\nin this study"


def collected(
    group: Replicates, attack: str | None, read: Callable[[AttackedCheckpoint], Any]
) -> tuple[list[AttackedCheckpoint], list[list]]:
    """The checkpoints that an attack was tried on, ordered by step, and what `read` gives of each seed at them.

    Checkpoints at which it gives None for a seed (no such file) are left out.
    """
    everywhere = [(seeds, [read(seed) for seed in seeds]) for seeds in (group.attacked(attack) if attack else [])]
    there = [(as_one(seeds), values) for seeds, values in everywhere if not any(value is None for value in values)]
    return [checkpoint for checkpoint, _ in there], [values for _, values in there]


def attacked(group: Replicates, attack: str | None) -> tuple[list[AttackedCheckpoint], list[list[AttackedImages]]]:
    """The checkpoints that an attack was tried on and the perturbations of each seed at them."""
    return collected(group, attack, AttackedCheckpoint.perturbations)


def success_of(source: Source | None) -> str:
    """What the success of an attack, or of a transfer of perturbations from `source`, is called in a legend."""
    if source is None:
        return "success, δ of each checkpoint"
    return f"success, δ of {'the best epoch' if source.found_on == 'best' else source.found_on}"


def pooled(seeds: Sequence[AttackedImages], name: str, *, successful: bool = False) -> np.ndarray:
    """An array of AttackedImages by name, the images of all seeds, (n,); or of successful images only."""
    return np.concatenate([getattr(seed, name)[seed.success if successful else slice(None)] for seed in seeds])


def success_among_correct(seeds: Sequence[AttackedImages]) -> float:
    """The share of images with success among those that the network has right before; NaN if it has none right.

    An attack that starts from the predicted class can succeed on every image, so there it is the share of all.
    """
    any_label = [np.full(len(seed.success), seed.against == "prediction") for seed in seeds]
    eligible = pooled(seeds, "correct") | np.concatenate(any_label)
    return float(pooled(seeds, "success")[eligible].mean()) if eligible.any() else float("nan")


def accuracy(group: Replicates, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Steps (T,) and "train_accuracy" or "test_accuracy" (T,), mean over the seeds, at steps that all have.

    From the history, at the end of each epoch; the test accuracy also from the kept checkpoints, which lie between.
    """
    seeds = []
    for training in group.checkpoints:
        points = dict(zip(training.history["step"].tolist(), training.history[column].tolist(), strict=True))
        if column == "test_accuracy":
            points |= {
                kept.step: kept.test_accuracy for kept in training.kept.values() if kept.test_accuracy is not None
            }
        seeds.append(points)
    steps = sorted(set(seeds[0]).intersection(*seeds)) if seeds else []
    return np.array(steps, dtype=int), np.array([np.mean([points[step] for points in seeds]) for step in steps])


def steps_per_epoch(group: Replicates) -> float | None:
    """The number of steps in an epoch, None without a history."""
    histories = [one.history for one in group.checkpoints]
    return float(histories[0]["step"][0] / histories[0]["epoch"][0]) if histories else None


def nearest(steps: Sequence[float], targets: Sequence[float]) -> list[int]:
    """The places, ascending, of the steps nearest to the targets, a different one for each.

    The first and the last target choose first. All places if there are no more steps than targets.
    """
    if len(steps) <= len(targets):
        return list(range(len(steps)))
    left = dict(enumerate(steps))
    for target in (targets[0], targets[-1], *targets[1:-1]):
        del left[min(left, key=lambda place: abs(left[place] - target))]
    return [place for place in range(len(steps)) if place not in left]


def spread(checkpoints: Sequence[AttackedCheckpoint], wanted: int) -> list[int]:
    """The places of `wanted` checkpoints, evenly spread over the logarithm of the step with both ends; or of all."""
    logarithms = [float(np.log1p(checkpoint.step)) for checkpoint in checkpoints]
    return nearest(logarithms, np.linspace(logarithms[0], logarithms[-1], wanted))


def shades(count: int) -> list:
    """A colour for each of `count` checkpoints, dark for early and light for late ones."""
    return list(matplotlib.colormaps["viridis"](np.linspace(0, 0.8, count)))


def step_axis(axes: Axes, steps: Sequence[int], *, epoch: float | None = None, label: bool = True) -> None:
    """Give a panel a logarithmic axis of training steps with a place for step 0, left of a mark that it is broken.

    epoch : steps in an epoch, to mark where the first one ends; label : name the axis.
    """
    positive = sorted(step for step in steps if step > 0)
    if positive:
        first, last = positive[0], positive[-1]
        with_zero = min(steps) == 0
        if with_zero:
            axes.set_xscale("symlog", linthresh=first, linscale=0.5)
            _break(axes, 0.5 * first)
        else:
            axes.set_xscale("log")
        powers = 10 ** np.arange(np.ceil(np.log10(first)), np.floor(np.log10(last)) + 1)
        major = powers if len(powers) > 1 else np.unique([first, last])
        minor = np.outer(10.0 ** np.arange(np.floor(np.log10(first)), np.log10(last)), np.arange(2, 10)).ravel()
        axes.xaxis.set_major_locator(FixedLocator([0, *major] if with_zero else major))
        axes.xaxis.set_minor_locator(FixedLocator([step for step in minor if first < step < last]))
        axes.set_xlim(-0.2 * first if with_zero else first / 1.3, last * 1.3)
    else:
        axes.set_xticks([0])
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    if epoch is not None and positive and positive[0] < epoch < positive[-1]:
        axes.axvline(epoch, color="0.85", linewidth=0.8, zorder=0, label="_end of epoch 1")
        above = {"ha": "center", "va": "bottom", "transform": axes.get_xaxis_transform(), "label": DECORATION}
        axes.text(epoch, 1, "epoch 1", color="0.5", **above)
    if label:
        axes.set_xlabel("training step")


def _break(axes: Axes, place: float) -> None:
    """Mark the x axis as broken at `place`: a gap in its line between two slashes."""
    on_axis = {"transform": axes.get_xaxis_transform(), "clip_on": False, "zorder": 5, "label": DECORATION}
    for shift, mark, size, colour in ((0, "s", 3.5, "white"), (-0.12, SLASH, 5, "black"), (0.12, SLASH, 5, "black")):
        axes.plot(place * (1 + shift), 0, marker=mark, markersize=size, color=colour, linestyle="none", **on_axis)


def plot_over_steps(axes: Axes, steps: Sequence[int], middle: Sequence[float], band=None, **line) -> None:
    """Draw values over steps with a point each, NaN for none; the way from step 0 to the next, off the scale, dotted.

    band : two more sequences, its lower and upper end.
    """
    steps, middle = np.asarray(steps), np.asarray(middle, dtype=float)
    line = {"marker": "o", "markersize": 2.5} | line
    later, unlisted = steps > 0, f"_{line.get('label', '')}"
    if band is not None:
        axes.fill_between(steps, *band, color=line["color"], alpha=0.15, linewidth=0, label=unlisted)
    axes.plot(steps[later], middle[later], **line)
    if not later.all():
        axes.plot(steps[:1], middle[:1], **{**line, "linestyle": "none", "label": unlisted})
        axes.plot(steps[:2], middle[:2], **{**line, "linestyle": (0, (1, 1.5)), "marker": "", "label": DECORATION})


def plot_samples(axes: Axes, steps: Sequence[int], samples: Sequence[np.ndarray], **line) -> None:
    """Draw the mean of a sample at each step and the band between its quartiles; nothing where the sample is empty."""
    samples = [sample if len(sample) else np.array([np.nan]) for sample in samples]
    band = [[np.quantile(sample, share) for sample in samples] for share in (0.25, 0.75)]
    plot_over_steps(axes, steps, [sample.mean() for sample in samples], band, **line)


def draw_samples(
    axes: Axes, steps: Sequence[int], samples: Sequence[np.ndarray], *, label: str, empty: str = plotting.UNSUCCESSFUL
) -> bool:
    """Draw an attack's samples on an axis from 0, or `empty` if all are; return whether there is one.

    label : of the attack.
    """
    there = any(len(sample) for sample in samples)
    if there:
        plot_samples(axes, steps, samples, color=plotting.ROLES["adversarial"], label=f"_{label}")
        axes.set_ylim(0, 1.08 * axes.dataLim.ymax)
    else:
        plotting.message_panel(axes, empty)
    return there


def counts_sentence(group: Replicates, *, transfers: bool = True) -> str:
    """The sentence that states network, attack, images, checkpoints, seeds and, if the figure shows them, transfers."""
    checkpoints, seeds = attacked(group, group.attack)
    sizes = [len(seed.image) for of_seeds in seeds for seed in of_seeds]
    images = captions.span(sizes) if sizes else "no"
    of = " / ".join(sorted({seed.images_of for of_seeds in seeds for seed in of_seeds}) or ["test"])
    count = len(seeds[0]) if seeds else len(group.runs)
    recalibrated = any(seed.batch_norm != "as_is" for of_seeds in seeds for seed in of_seeds)
    tried = [f"{name} (from {source.found_on})" for name, source in group.attacks.items() if source is not None]
    said = f"Transfers: {', '.join(tried)}." if tried else "This study has no transfer of this attack."
    return captions.joined(
        f"{group.first.label}, attack {group.attack}: {images} {of} images, "
        f"{len(checkpoints)} checkpoints, {count} seed{'' if count == 1 else 's'}.",
        "Attacked with recalibrated batch normalisation; test and training accuracy are with that of the training."
        if recalibrated
        else "",
        said if transfers else "",
        "Best epochs: at their mean step." if any(checkpoint.epochs for checkpoint in checkpoints) else "",
    )


def failures_sentence(group: Replicates) -> str:
    """The sentence that counts the images without success at the first and at the last checkpoint, and why."""
    checkpoints, seeds = attacked(group, group.attack)
    if not checkpoints:
        return ""
    ends = [(checkpoints[place], seeds[place]) for place in sorted({0, len(seeds) - 1})]
    label = against_label(seeds)
    counts = [
        f"{checkpoint.label} {np.sum(~pooled(images, 'success'))}"
        + (f" ({np.sum(~pooled(images, 'correct'))})" if label else "")
        for checkpoint, images in ends
    ]
    total = len(pooled(seeds[0], "success"))
    return f"Without success of {total}{' (wrong before)' if label else ''}: {', '.join(counts)}."


def against_label(seeds: Sequence[Sequence[AttackedImages]]) -> bool:
    """Whether images that were wrong before the attack count as failures, as they do unless it is against the
    prediction; seeds : the attacked images of each checkpoint.
    """
    return all(images.against == "label" for of_seeds in seeds for images in of_seeds)
