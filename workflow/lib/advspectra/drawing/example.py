"""The one image that Figures 4 and 8 show for every network."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from advspectra.fourier import power_spectrum
from advspectra.results.replicates import Replicates


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
    lists = [found for group in groups if (found := group.first.perturbations()) is not None]
    successes = Counter(int(image) for one in lists for image in one.image[one.success])
    attacked = Counter(int(image) for one in lists for image in one.image)
    counts = successes or attacked
    return min(counts, key=lambda image: (-counts[image], image)) if counts else None


def example(group: Replicates, image: int) -> Example | None:
    """The example of the network's lowest seed, None if that run did not attack the image."""
    perturbations = group.first.perturbations()
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
