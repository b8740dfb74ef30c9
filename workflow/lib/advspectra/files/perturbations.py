"""perturbations.h5: what one attack did to one state of a network (format version 1).

`perturbation` (N, C, H, W) float32, x_a - x, in units of the pixel range [0, 1]; `image` (N,) index in the test set;
`label`, `clean_prediction`, `adversarial_prediction` (N,); `clean_logits`, `adversarial_logits` (N, K); `success` (N,)
as advspectra.perturb defines it; `l1`, `l2`, `linf` (N,), norms over all pixels and channels.
Root attributes: the identity of the run; `attack`, `checkpoint`, and `step`, `epoch` and `state_sha256` (the digest in
checkpoints.h5) of that state; the attack's options as JSON, its epsilon and norm; what an attack tuned on the images
says of itself (`tuning_steps`, `tuning_error_l1`, ...). Where `attack` is a transfer: the attack whose perturbations
were tried, `source_attack`, and the state that it found them on, `found_on`.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from advspectra.files.hdf5 import add, attributes_of, create, open_checked

KIND, VERSION = "perturbations", 1

ABOUT = {
    "perturbation": ("pixel range", "adversarial minus clean image"),
    "image": ("1", "index in the test set"),
    "label": ("1", "true class"),
    "clean_prediction": ("1", "predicted class of the clean image"),
    "adversarial_prediction": ("1", "predicted class of the adversarial image"),
    "clean_logits": ("logit", "logits of the clean image"),
    "adversarial_logits": ("logit", "logits of the adversarial image"),
    "success": ("1", "correct before, wrong after, within epsilon"),
    "l1": ("pixel range", "1-norm of the perturbation"),
    "l2": ("pixel range", "2-norm of the perturbation"),
    "linf": ("pixel range", "largest magnitude of the perturbation"),
}

# each letter is one size in all arrays of a file
SHAPES = {
    "perturbation": "NCHW",
    "clean_logits": "NK",
    "adversarial_logits": "NK",
    **dict.fromkeys(set(ABOUT) - {"perturbation", "clean_logits", "adversarial_logits"}, "N"),
}

ORIGIN = ("attack", "checkpoint", "step", "epoch", "state_sha256", "source_attack", "found_on")


def write_perturbations(path: str | Path, perturbations, *, attributes: Mapping) -> None:
    """Write the perturb.AttackResult to `path`."""
    tuning = {f"tuning_{name}": value for name, value in perturbations.tuning.items()}
    with create(path, kind=KIND, version=VERSION, attributes={**attributes, **tuning}) as file:
        for name, (units, long_name) in ABOUT.items():
            array = getattr(perturbations, name)
            add(file, name, array, units=units, long_name=long_name, compression=name == "perturbation")


def read_perturbations(path: str | Path) -> tuple[dict[str, np.ndarray], dict]:
    """Return the arrays by name and the root attributes.

    Raises ValueError when an array is missing, or its length is not that of the others.
    """
    with open_checked(path, kind=KIND, version=VERSION) as file:
        arrays = {name: file[name][()] for name in ABOUT}
        attributes = attributes_of(file)
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"{path}: expected arrays of one length, found {lengths}")
    return arrays, attributes


def origin(attributes: Mapping) -> dict:
    """Return what tells a file from the others of its run: of its root attributes those in ORIGIN that it has."""
    return {name: attributes[name] for name in ORIGIN if name in attributes}
