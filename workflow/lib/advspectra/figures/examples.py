"""Examples: an image, the perturbation that an attack found for each network, and what the network then sees in it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from advspectra.drawing import captions, plotting
from advspectra.drawing.drawn import COLOURS, DECORATION, stands_for
from advspectra.files.images import ImageSet, read_images
from advspectra.files.perturbations import AttackedImages
from advspectra.networks.identity import ACTIVATIONS
from advspectra.results.replicates import Replicates, by_network, of_one_set
from advspectra.results.runs import Run

INPUTS = {"files": ["perturbations"], "activations": None, "alphas": [1], "also": ["images"]}

IMAGES, NETWORKS = 8, 8  # at the most
# in widths of one picture: the gaps inside a pair and between pairs, the text above it, the larger pictures x
GAP, PAIR, TEXT, LARGE = 0.04, 0.14, 0.32, 1.8
PITCH = 2 + GAP + PAIR
INCHES = 0.37  # about the width of one picture
LETTERS = 12  # of the name of a class, at the most


def draw(runs: Sequence[Run], *, convention: str, images: str | Path) -> tuple[Figure, str]:
    """The figure and its caption: columns of images, the first row x, then for each network δ and x + δ, with classes.

    images : images.h5. Without perturbations there is a sentence. convention has no part in it.
    """
    title = "Adversarial examples."
    groups = _most_telling([group for group in by_network(runs) if group.first.perturbations() is not None])
    with plotting.style():
        if not groups:
            none = "No attack with α = 1 in this study."
            return plotting.message_figure(none), captions.joined(title, none)
        attacked = of_one_set(groups)
        (of,) = {found.images_of for found in attacked if found is not None}
        shown = _chosen(attacked)
        factor = _factor(attacked, shown)
        source = read_images(images)
        tall = source.test_images.shape[-2] / source.test_images.shape[-1]
        rows = TEXT + LARGE * tall + len(groups) * (PAIR + TEXT + tall)
        figure = plotting.new_figure(0.15 + INCHES * rows)
        axes = figure.subplots()
        _draw(axes, groups, attacked, shown, source, factor, images_of=of)
    classes = len(source.class_names)
    of_each = "of each class" if classes <= IMAGES else f"of each of the first {IMAGES} classes"
    caption = captions.joined(
        title,
        f"Top: {of} images x with their classes. Below, of each network: δ × {factor}, grey being zero, and x + δ with "
        "the class that the network predicts for it: red where the attack succeeds, grey where it does not.",
        f"Images: {of_each} the first attacked with success in most of these networks. Lowest seed.",
    )
    return figure, caption


def _most_telling(groups: Sequence[Replicates]) -> list[Replicates]:
    """At most NETWORKS of the networks, in their order: nonlinear before linear ones, deep variants last."""
    order = sorted(groups, key=lambda group: (group.first.deep_variant, group.first.linear))
    return [group for group in groups if group in order[:NETWORKS]]


def _chosen(networks: Sequence[AttackedImages | None]) -> list[int]:
    """IMAGES images, one of each class before more of one: the first of those with success in the most networks."""
    success, attacked, labels = Counter(), Counter(), {}
    for found in filter(None, networks):
        labels |= dict(zip(found.image.tolist(), found.label.tolist(), strict=True))
        attacked.update(found.image.tolist())
        success.update(found.image[found.success].tolist())
    of_class, order = Counter(), []
    for image in sorted(labels, key=lambda image: (-success[image], -attacked[image], image)):
        order.append((of_class[labels[image]], labels[image], image))
        of_class[labels[image]] += 1
    return [image for _, _, image in sorted(sorted(order)[:IMAGES], key=lambda one: one[1:])]


def _factor(networks: Sequence[AttackedImages | None], shown: Sequence[int]) -> int:
    """The whole number that makes half of the pixel range of the largest magnitude."""
    largest = max(float(one.linf[np.isin(one.image, shown)].max(initial=0)) for one in filter(None, networks))
    return max(1, round(0.5 / largest)) if largest else 1


def _draw(
    axes: Axes,
    groups: Sequence[Replicates],
    attacked: Sequence[AttackedImages | None],
    shown: Sequence[int],
    source: ImageSet,
    factor: int,
    *,
    images_of: str,
) -> None:
    """Draw in units of one picture's width, y downwards."""
    tall = source.test_images.shape[-2] / source.test_images.shape[-1]
    pictures = source.train_images if images_of == "training" else source.test_images
    top, names, centres = TEXT + LARGE * tall, [r"$x$"], [TEXT + LARGE * tall / 2]
    for column, image in enumerate(shown):
        x = _as_picture(pictures[image] / 255)
        label = (source.train_labels if images_of == "training" else source.test_labels)[image]
        named = f"x, image {image}"
        _write(axes, (column * PITCH + 1, TEXT * 0.8), label, source, label=named)
        left = column * PITCH + (2 - LARGE) / 2
        _show(axes, x, (left, left + LARGE, top, TEXT), label=named)
    for group, found in zip(groups, attacked, strict=True):
        top += PAIR
        name = group.first.label
        for column, image in enumerate(shown):
            if found is None or image not in found.image:
                where = {"ha": "center", "va": "center", "label": f"image {image}, {name}"}
                axes.text(column * PITCH + 1, top + TEXT + tall / 2, "not attacked", color="0.5", **where)
                continue
            row, left = int(np.flatnonzero(found.image == image)[0]), column * PITCH
            delta, x = found.perturbation(image), pictures[image] / 255
            at = (left, left + 1, top + TEXT + tall, top + TEXT)
            drawn = _show(axes, _as_picture(0.5 + factor * delta), at, label=f"δ, image {image}, {name}")
            stands_for(drawn, **dict(zip(COLOURS, _channels(delta), strict=True)))
            at = (left + 1 + GAP, left + 2 + GAP, *at[2:])
            _show(axes, _as_picture(x + delta), at, label=DECORATION)  # of two that drawn.py has
            succeeded, predicted = bool(found.success[row]), found.adversarial_prediction[row]
            colour = plotting.ROLES["adversarial"] if succeeded else "0.5"
            named = f"x + δ, image {image}, {name}, {'success' if succeeded else 'no success'}"
            _write(axes, (left + 1, top + TEXT * 0.8), predicted, source, color=colour, label=named)
        names.append(f"{group.first.short_label}\n{ACTIVATIONS.get(group.first.activation, group.first.activation)}")
        centres.append(top + TEXT + tall / 2)
        top += TEXT + tall
    axes.set(xlim=(0, IMAGES * PITCH - PAIR), ylim=(top, 0), xticks=[], aspect="equal", anchor="E")
    axes.set_yticks(centres, names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _show(axes: Axes, picture: np.ndarray, at: tuple[float, ...], *, label: str) -> AxesImage:
    shown = axes.imshow(picture, extent=at, rasterized=True, label=label)
    stands_for(shown, value_is="pixel range")
    return shown


def _write(axes: Axes, at: tuple[float, float], label_of: int, source: ImageSet, **look) -> None:
    """Write the name of a class above a picture, a long one cut; for drawn.py its number, as names are a stranger's."""
    name = source.class_names[label_of]
    name = name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
    written = axes.text(*at, name, ha="center", va="bottom", parse_math=False, **look)
    stands_for(written, text=f"class {label_of}")


def _channels(values: np.ndarray) -> np.ndarray:
    """(C, H, W) -> (3, H, W): three channels as they are, others as their mean."""
    return values if len(values) == 3 else np.repeat(values.mean(axis=0, keepdims=True), 3, axis=0)


def _as_picture(values: np.ndarray) -> np.ndarray:
    """(C, H, W) in [0, 1] -> (H, W, 3), clipped."""
    return np.clip(_channels(values).transpose(1, 2, 0), 0, 1)
