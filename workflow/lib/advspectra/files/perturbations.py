"""perturbations.h5: what one attack did to one checkpoint of a network.

The perturbation is x_a - x for images in the pixel range [0, 1]; advspectra.perturb defines success. Norms are over all
pixels and channels.

Root attributes: the run; `attack`, `checkpoint`, and `step`, `epoch` and `state_sha256` (the digest in checkpoints.h5)
of that checkpoint; `parameters`, as JSON what the job was told, the attack's options among it; its epsilon and norm;
what an attack that was tuned on the images says of its tuning (`tuning_steps`, `tuning_error_l1`, ...);
`zero_gradients`, the number of images without a gradient. What the attack saw: `images_of`, the images that `image`
indexes, "test" or "training"; `against`, the class that it started from, "label" or "prediction", where success is any
change of the prediction; `batch_norm`, "as_is" or on how many batches of training images its running statistics were
estimated again. Files without these three are of attacks on test images, against the label, as is. Where `attack` is a
transfer, also `source_attack`, the attack whose perturbations were tried, and `found_on`, the checkpoint on which it
found them.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from advspectra.files.hdf5 import attributes_of
from advspectra.files.layout import Array, Format, field_names

FORMAT = Format(
    "perturbations",
    2,
    {
        "perturbation": Array("N C H W", "float32", "pixel range", "adversarial minus clean image", compressed=True),
        "image": Array("N", "int64", "1", "index in the test set, or in that of `images_of`"),
        "label": Array("N", "int64", "1", "true class"),
        "clean_prediction": Array("N", "int64", "1", "predicted class of the clean image"),
        "adversarial_prediction": Array("N", "int64", "1", "predicted class of the adversarial image"),
        "source_prediction": Array(
            "N", "int64", "1", "of a transfer: class predicted for it by the network it was found on", optional=True
        ),
        "clean_logits": Array("N K", "float32", "logit", "logits of the clean image"),
        "adversarial_logits": Array("N K", "float32", "logit", "logits of the adversarial image"),
        "success": Array("N", "bool", "1", "correct before, wrong after, within epsilon; see `against`"),
        "zero_gradient": Array(
            "N", "bool", "1", "no success, and the attack's loss has a gradient of zero at the clean image", since=2
        ),
        "l1": Array("N", "float32", "pixel range", "1-norm of the perturbation"),
        "l2": Array("N", "float32", "pixel range", "2-norm of the perturbation"),
        "linf": Array("N", "float32", "pixel range", "largest magnitude of the perturbation"),
    },
)

AT_ONCE = 2**22  # numbers of perturbations: 1,365 images of 3 x 32 x 32

ORIGIN = (
    *("attack", "checkpoint", "step", "epoch", "state_sha256", "source_attack", "found_on"),
    *("images_of", "against", "batch_norm"),
)


@dataclass(frozen=True)
class AttackedImages:
    """The N images of a perturbations.h5 without its large array; `perturbation` reads that of a single image.

    zero_gradient : None in files of version 1. images_of, against, batch_norm : what the attack saw, see the module.
    """

    path: Path
    image: np.ndarray
    label: np.ndarray
    success: np.ndarray
    clean_prediction: np.ndarray
    adversarial_prediction: np.ndarray
    l2: np.ndarray
    linf: np.ndarray
    zero_gradient: np.ndarray | None = None
    images_of: str = "test"
    against: str = "label"
    batch_norm: str = "as_is"

    @property
    def correct(self) -> np.ndarray:
        """(N,) bool, whether the network is right about the image before the attack."""
        return self.clean_prediction == self.label

    def perturbation(self, image: int) -> np.ndarray:
        """Return the perturbation (C, H, W) of the image with index `image`; ValueError if it was not attacked."""
        (rows,) = np.nonzero(self.image == image)
        if len(rows) != 1:
            raise ValueError(f"{self.path}: expected {self.images_of} image {image} once, found it {len(rows)} times")
        with FORMAT.opened(self.path) as file:
            return file["perturbation"][rows[0]]


def write_perturbations(
    path: str | Path, perturbations, *, attributes: Mapping, source_prediction: np.ndarray | None = None
) -> None:
    """Write the perturb.AttackResult to `path`. source_prediction : (N,) int64, of a transfer."""
    tuning = {f"tuning_{name}": value for name, value in perturbations.tuning.items()}
    of_transfer = {} if source_prediction is None else {"source_prediction": source_prediction}
    counts = {"zero_gradients": int(perturbations.zero_gradient.sum())}
    FORMAT.write_file(path, vars(perturbations) | of_transfer, attributes={**attributes, **tuning, **counts})


def read_perturbations(path: str | Path) -> tuple[dict[str, np.ndarray], dict]:
    """Return the arrays by name and the root attributes.

    Raises ValueError when an array is missing, or its length is not that of the others.
    """
    with FORMAT.opened(path) as file:
        arrays, attributes = FORMAT.read(file), attributes_of(file)
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"{path}: expected arrays of one length, found {lengths}")
    return arrays, attributes


def read_attacked_images(path: str | Path) -> AttackedImages:
    """Return what tables and figures need of a perturbations.h5."""
    with FORMAT.opened(path) as file:
        about, names = attributes_of(file), ("images_of", "against", "batch_norm")
        seen = {name: str(about[name]) for name in names if name in about}
        return AttackedImages(Path(path), **FORMAT.read(file, field_names(AttackedImages)), **seen)


def in_parts(perturbation: np.ndarray | h5py.Dataset, chosen: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the rows (n,) and the perturbations (n, C, H, W) of the chosen ones, (N,) bool, AT_ONCE numbers at most.

    perturbation : (N, C, H, W), or the array of a file that is open. Nothing is yielded where none is chosen.
    """
    if len(perturbation) != len(chosen):
        raise ValueError(f"expected the perturbations of {len(chosen)} images, found {len(perturbation)}")
    step = max(1, AT_ONCE // max(1, math.prod(perturbation.shape[1:])))
    for start in range(0, len(chosen), step):
        (rows,) = np.nonzero(chosen[start : start + step])
        if len(rows):
            yield start + rows, perturbation[start : start + step][rows]


def read_rows(path: str | Path, choose: Callable[[np.ndarray], np.ndarray]) -> tuple[dict[str, np.ndarray], dict]:
    """Return the arrays of some images by name, and the root attributes, without reading the other perturbations.

    choose : takes the labels (N,) and returns the rows (n,), ascending.
    """
    with FORMAT.opened(path) as file:
        small = FORMAT.read(file, [name for name in FORMAT.arrays if name != "perturbation"])
        rows = choose(small["label"])
        perturbation = np.empty((len(rows), *file["perturbation"].shape[1:]), dtype=file["perturbation"].dtype)
        done = 0
        for some, found in in_parts(file["perturbation"], np.isin(np.arange(len(small["label"])), rows)):
            perturbation[done : done + len(some)] = found
            done += len(some)
        return {"perturbation": perturbation, **{name: array[rows] for name, array in small.items()}}, attributes_of(
            file
        )


def origin(attributes: Mapping) -> dict:
    """Return the attributes that tell a file from the others of its run: those in ORIGIN that it has."""
    return {name: attributes[name] for name in ORIGIN if name in attributes}
