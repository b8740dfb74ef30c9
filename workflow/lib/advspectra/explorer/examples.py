"""Examples of the explorer: an image x, its perturbation δ under one attack, and the classes that the network saw."""

import base64
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from advspectra.files.images import ImageSet
from advspectra.files.perturbations import read_rows
from advspectra.results.runs import AttackedCheckpoint


@dataclass(frozen=True)
class Chosen:
    """An image of the data set. images_of : "test" or "training"."""

    images_of: str
    image: int

    WIDEST: ClassVar[int] = 96  # pixels a side; of larger images the centre is shown

    @property
    def key(self) -> str:
        """ "test image 17"."""
        return f"{self.images_of} image {self.image}"


def most_attacked(views: Iterable[Sequence[AttackedCheckpoint]], count: int) -> list[Chosen]:
    """The images attacked with success on the most checkpoints, so many of the test and of the training set.

    Among equals those attacked on the most, then the first ones.
    """
    attacked, successes = Counter(), Counter()
    for checkpoint in (checkpoint for view in views for checkpoint in view):
        if (found := checkpoint.perturbations()) is not None:
            attacked.update(Chosen(found.images_of, int(image)) for image in found.image)
            successes.update(Chosen(found.images_of, int(image)) for image in found.image[found.success])
    order = sorted(attacked, key=lambda one: (-successes[one], -attacked[one], one.image))
    return [
        one for kind in ("test", "training") for one in [other for other in order if other.images_of == kind][:count]
    ]


def shown_image(images: ImageSet, chosen: Chosen) -> dict:
    """The pixels of an image, H * W * C bytes, row by row, and its class; size : [H, W, C]."""
    training = chosen.images_of == "training"
    pixels = (images.train_images if training else images.test_images)[chosen.image]
    labels = images.train_labels if training else images.test_labels
    shown = _rows_of_pixels(np.asarray(pixels))
    return {"label": int(labels[chosen.image]), "size": list(shown.shape), "pixels": text_of(shown)}


def examples(checkpoint: AttackedCheckpoint, chosen: Sequence[Chosen]) -> list[dict | None]:
    """What an attack did to each of the images, None for those that it did not attack.

    pixels : H * W * C bytes b, as of the image, that stand for the perturbation largest * (b - 128) / 127, pixel range;
    largest : ‖δ‖∞; before, after : the predicted classes of x and of x + δ.
    """
    attacked = checkpoint.perturbations()
    if attacked is None:
        return [None] * len(chosen)
    wanted = [one.image for one in chosen if one.images_of == attacked.images_of]
    arrays, _ = read_rows(attacked.path, lambda labels: np.flatnonzero(np.isin(attacked.image, wanted)))
    row_of = {Chosen(attacked.images_of, int(image)): row for row, image in enumerate(arrays["image"])}
    return [_example(one.key, arrays, row_of[one]) if one in row_of else None for one in chosen]


def _example(key: str, arrays: Mapping[str, np.ndarray], row: int) -> dict:
    delta = arrays["perturbation"][row].astype(np.float64)
    largest = float(np.abs(delta).max())
    return {
        "image": key,
        "largest": float(f"{largest:.6g}"),
        "before": int(arrays["clean_prediction"][row]),
        "after": int(arrays["adversarial_prediction"][row]),
        "success": bool(arrays["success"][row]),
        "pixels": text_of(_rows_of_pixels(np.rint(128 + 127 * delta / (largest or 1)))),
    }


def _rows_of_pixels(image: np.ndarray) -> np.ndarray:
    """(C, H, W) -> (H, W, C) of its centre, at most Chosen.WIDEST pixels a side."""
    for axis in (1, 2):
        start = max(0, (image.shape[axis] - Chosen.WIDEST) // 2)
        image = np.take(image, range(start, min(start + Chosen.WIDEST, image.shape[axis])), axis=axis)
    return image.transpose(1, 2, 0)


def text_of(values: np.ndarray) -> str:
    """Values from 0 to 255 as the base64 of bytes."""
    return base64.b64encode(np.ascontiguousarray(values, dtype=np.uint8).tobytes()).decode()
