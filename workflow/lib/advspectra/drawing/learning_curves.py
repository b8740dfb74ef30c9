"""Figures 2 and 3 and the development page: what an attack does to each state of a network, drawn over the training."""

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.path import Path
from matplotlib.ticker import FixedLocator, NullFormatter

from advspectra.drawing import captions, plotting
from advspectra.files.perturbations import AttackedImages
from advspectra.results.replicates import Replicates
from advspectra.results.runs import AttackedCheckpoint

# one slash of the mark for a broken axis
SLASH = Path([(-0.5, -1), (0.5, 1)])
TRANSFER_LINES = ("solid", (0, (4, 1.5)), (0, (1, 0.8)), (0, (7, 1, 1, 1)))
NO_ATTACK = "No attack on several states of a network in this study."
NO_LINES = "no lines\nof this attack"
NO_SPECTRA = "no spectra\nin this study"


def collected(
    group: Replicates, attack: str | None, read: Callable[[AttackedCheckpoint], Any]
) -> tuple[list[AttackedCheckpoint], list[list]]:
    """Return the checkpoints that an attack was tried on, ordered by step, and what `read` gives of each seed at them.

    States at which it gives None for a seed (no such file) are left out.
    """
    found = [(states[0], [read(state) for state in states]) for states in (group.attacked(attack) if attack else [])]
    found = [(state, seeds) for state, seeds in found if not any(one is None for one in seeds)]
    return [state for state, _ in found], [seeds for _, seeds in found]


def attacked(group: Replicates, attack: str | None) -> tuple[list[AttackedCheckpoint], list[list[AttackedImages]]]:
    """Return the checkpoints that an attack was tried on and the perturbations of each seed at them."""
    return collected(group, attack, AttackedCheckpoint.perturbations)


def pooled(seeds: Sequence[AttackedImages], name: str, *, successful: bool = False) -> np.ndarray:
    """Return an array of AttackedImages by name, the images of all seeds, (n,); or of successful images only."""
    return np.concatenate([getattr(one, name)[one.success if successful else slice(None)] for one in seeds])


def accuracy(group: Replicates, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Return steps (T,) and "train_accuracy" or "test_accuracy" (T,), mean over the seeds, at steps that all have.

    From the history, at the end of each epoch; the test accuracy also from the kept checkpoints, which lie between.
    """
    found = []
    for one in group.checkpoints:
        points = dict(zip(one.history["step"].tolist(), one.history[column].tolist(), strict=True))
        if column == "test_accuracy":
            points |= {
                state.step: state.test_accuracy for state in one.kept.values() if state.test_accuracy is not None
            }
        found.append(points)
    steps = sorted(set(found[0]).intersection(*found)) if found else []
    return np.array(steps, dtype=int), np.array([np.mean([points[step] for points in found]) for step in steps])


def steps_per_epoch(group: Replicates) -> float | None:
    """Return the number of steps in an epoch, None without a history."""
    histories = [one.history for one in group.checkpoints]
    return float(histories[0]["step"][0] / histories[0]["epoch"][0]) if histories else None


def nearest(steps: Sequence[float], targets: Sequence[float]) -> list[int]:
    """Return the places, ascending, of the steps nearest to the targets, a different one for each.

    The first and the last target choose first. All places if there are no more steps than targets.
    """
    if len(steps) <= len(targets):
        return list(range(len(steps)))
    left = dict(enumerate(steps))
    for target in (targets[0], targets[-1], *targets[1:-1]):
        del left[min(left, key=lambda place: abs(left[place] - target))]
    return [place for place in range(len(steps)) if place not in left]


def spread(states: Sequence[AttackedCheckpoint], wanted: int) -> list[int]:
    """Return the places of `wanted` states, evenly spread over the logarithm of the step with both ends; or of all."""
    place = [float(np.log1p(state.step)) for state in states]
    return nearest(place, np.linspace(place[0], place[-1], wanted))


def shades(count: int) -> list:
    """Return a colour for each of `count` checkpoints, dark for early and light for late ones."""
    return list(matplotlib.colormaps["viridis"](np.linspace(0, 0.9, count)))


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
        axes.axvline(epoch, color="0.85", linewidth=0.8, zorder=0)
        axes.text(epoch, 1, "epoch 1", color="0.5", ha="center", va="bottom", transform=axes.get_xaxis_transform())
    if label:
        axes.set_xlabel("training step")


def _break(axes: Axes, place: float) -> None:
    """Mark the x axis as broken at `place`: a gap in its line between two slashes."""
    on_axis = {"transform": axes.get_xaxis_transform(), "clip_on": False, "zorder": 5}
    for shift, mark, size, colour in ((0, "s", 3.5, "white"), (-0.12, SLASH, 5, "black"), (0.12, SLASH, 5, "black")):
        axes.plot(place * (1 + shift), 0, marker=mark, markersize=size, color=colour, linestyle="none", **on_axis)


def plot_over_steps(axes: Axes, steps: Sequence[int], middle: Sequence[float], band=None, **line) -> None:
    """Draw values over steps with a point each, NaN for none; the way from step 0 to the next, off the scale, dotted.

    band : two more sequences, its lower and upper end.
    """
    steps, middle = np.asarray(steps), np.asarray(middle, dtype=float)
    line = {"marker": "o", "markersize": 2.5} | line
    later = steps > 0
    if band is not None:
        axes.fill_between(steps, *band, color=line["color"], alpha=0.15, linewidth=0)
    axes.plot(steps[later], middle[later], **line)
    if not later.all():
        axes.plot(steps[:1], middle[:1], **{**line, "linestyle": "none", "label": None})
        axes.plot(steps[:2], middle[:2], **{**line, "linestyle": (0, (1, 1.5)), "marker": "", "label": None})


def plot_samples(axes: Axes, steps: Sequence[int], samples: Sequence[np.ndarray], **line) -> None:
    """Draw the mean of a sample at each step and the band between its quartiles; nothing where the sample is empty."""
    samples = [sample if len(sample) else np.array([np.nan]) for sample in samples]
    band = [[np.quantile(sample, share) for sample in samples] for share in (0.25, 0.75)]
    plot_over_steps(axes, steps, [sample.mean() for sample in samples], band, **line)


def draw_samples(
    axes: Axes, steps: Sequence[int], samples: Sequence[np.ndarray], *, empty: str = plotting.UNSUCCESSFUL
) -> bool:
    """Draw an attack's samples on an axis from 0, or `empty` if all are; return whether there is one."""
    there = any(len(sample) for sample in samples)
    if there:
        plot_samples(axes, steps, samples, color=plotting.ROLES["adversarial"])
        axes.set_ylim(bottom=0)
    else:
        plotting.message_panel(axes, empty)
    return there


def counts_sentence(group: Replicates) -> str:
    """Return the sentence that states network, attack, images, states, seeds, and the transfers."""
    states, found = attacked(group, group.attack)
    sizes = [len(one.image) for seeds in found for one in seeds]
    kind = next((one.images_of for seeds in found for one in seeds), "test")
    images = f"{captions.span(sizes) if sizes else 'no'} {kind} images"
    seeds = len(found[0]) if found else len(group.runs)
    transfers = [
        f"{name} (found by {source.attack} on the checkpoint {source.found_on})"
        for name, source in group.attacks.items()
        if source is not None
    ]
    return (
        f"{group.first.label}, attack {group.attack}: {images} on each checkpoint ({len(states)}), {seeds} "
        f"seed{'' if seeds == 1 else 's'}. "
        + (f"Transfers: {', '.join(transfers)}." if transfers else "This study has no transfer of this attack.")
    )


def failures_sentence(group: Replicates) -> str:
    """Return the sentence that counts the images without success at each checkpoint, and why."""
    states, found = attacked(group, group.attack)
    parts = []
    for state, seeds in zip(states, found, strict=True):
        success, correct = pooled(seeds, "success"), pooled(seeds, "correct")
        parts.append(f"{state.label} {np.sum(~success)} ({np.sum(~correct)})")
    total = len(pooled(found[0], "success")) if found else 0
    return (
        f"Images without success out of {total}, and in brackets those of them that the network had wrong before the "
        f"attack: {', '.join(parts)}."
    )
