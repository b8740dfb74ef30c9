"""The one image that Figures 4 and 8 show, and its perturbations for every network."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from advspectra.drawing import plotting, power_spectra
from advspectra.drawing.drawn import stands_for
from advspectra.files.images import read_images
from advspectra.files.perturbations import AttackedImages
from advspectra.fourier import power_spectrum
from advspectra.results.replicates import Replicates, of_one_set


@dataclass(frozen=True)
class Example:
    """What one network's attack did to the image: its class, the perturbation (C, H, W), and whether it succeeded."""

    label: int
    perturbation: np.ndarray
    success: bool
    images_of: str = "test"


def choose_image(groups: Sequence[Replicates]) -> int | None:
    """The first image that was attacked with success in the most networks, None without any attack.

    The runs with each network's lowest seed decide. Without any success: the first image attacked in the most networks.
    """
    lists = [found for found in of_one_set(groups) if found is not None]
    successes = Counter(int(image) for one in lists for image in one.image[one.success])
    attacked = Counter(int(image) for one in lists for image in one.image)
    counts = successes or attacked
    return min(counts, key=lambda image: (-counts[image], image)) if counts else None


def examples_of(groups: Sequence[Replicates], image: int | None) -> list[Example | None]:
    """The example of each network's lowest seed, None if that run did not attack the image."""
    return [_example(perturbations, image) for perturbations in of_one_set(groups)]


def _example(perturbations: AttackedImages | None, image: int | None) -> Example | None:
    if perturbations is None or image not in perturbations.image:
        return None
    row = int(np.flatnonzero(perturbations.image == image)[0])
    return Example(
        label=int(perturbations.label[row]),
        perturbation=perturbations.perturbation(image),
        success=bool(perturbations.success[row]),
        images_of=perturbations.images_of,
    )


def image_name(image: int, examples: Sequence[Example | None]) -> str:
    """Return what a caption calls the image: "test image 3", or of training images "training image 3"."""
    return f"{next((one.images_of for one in examples if one is not None), 'test')} image {image}"


def image_power(image: np.ndarray, *, convention: str) -> np.ndarray:
    """The power of one image (C, H, W) -> (H, W), shifted, summed over the convention's channels."""
    return power_spectrum(image[None], convention=convention)[0].sum(axis=0)


def draw_image(panels: Sequence[Axes], images: str | Path, image: int, images_of: str, *, convention: str) -> None:
    """Draw an image of images.h5 in the first of two panels and its power spectrum, on a scale of its own, below."""
    source = read_images(images)
    pixels = (source.train_images if images_of == "training" else source.test_images)[image] / 255
    power = image_power(pixels, convention=convention)
    for axes in panels:
        axes.set_axis_on()
    label = f"{images_of} image {image}"
    plotting.show_image(panels[0], pixels, limit=0.5, grey=0.5, label=label)
    panels[0].set_title("$x$")
    shown = show_power_of(panels[1], power, power_spectra.power_norm([power]), label=label)
    stands_for(shown, value_is="power of x")
    panels[1].set(xticks=[], yticks=[])


def show_power_of(axes: Axes, power: np.ndarray, norm, *, label: str):
    """Draw the power (H, W) that image_power returns, and return its image; label : of it."""
    vertical, horizontal = (np.arange(size) - size // 2 for size in power.shape)
    return power_spectra.show_power(axes, power, vertical, horizontal, norm, label=label)
