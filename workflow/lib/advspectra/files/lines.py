"""lines.h5: networks along the lines from N images to their adversarial images and to two controls (format version 1).

Root datasets `image` (N,) index in the test set, `label` (N,), `correct` (N,) whether the network is right about the
image, `success` (N,) of the attack. Groups `adversarial`, `random` and `boundary`, one for each end of a line as
advspectra.lines.ends defines them, with a dataset (N,) for each entry of ABOUT; logit "true" is that of the label,
"other" that of the class, other than the label, which is the highest at x_a. Quantities: advspectra.lines.
Root attributes: the identity of the run, and of the perturbations' file `attack`, `checkpoint`, `step`, `epoch` and, of
a transfer, `source_attack`, `found_on`; how the lines were followed: `exact_images`, `samples`, `stretch_limit`.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from advspectra.files.hdf5 import add, create

KIND, VERSION = "lines", 1

ROOT = {
    "image": "index in the test set",
    "label": "true class",
    "correct": "whether the image is classified correctly",
    "success": "whether the attack succeeded",
}
ABOUT = {
    "length": ("pixel range", "2-norm of the line"),
    "changed": ("1", "whether the predicted classes of the two ends differ"),
    "relu_changes": ("1", "fraction of the ReLUs whose states at the two ends differ"),
    "breakpoints": ("1", "changes of state of single ReLUs along the line"),
    "pool_switches": ("1", "switches of max-pooling along the line, -1 if not counted"),
    "converged": ("1", "whether the number of breakpoints is exact, or every second sample gave nearly the same"),
    "true_change": ("logit", "magnitude of the change of the true logit between the ends"),
    "true_deviation": ("logit", "mean distance of the true logit to its chord"),
    "true_curvature": ("logit", "sum of the magnitudes of the changes of slope of the true logit"),
    "other_change": ("logit", "magnitude of the change of the other logit between the ends"),
    "other_deviation": ("logit", "mean distance of the other logit to its chord"),
    "other_curvature": ("logit", "sum of the magnitudes of the changes of slope of the other logit"),
}

# each letter is one size in all arrays of a file; * is any group
SHAPES = {**dict.fromkeys(ROOT, "N"), **{f"*/{name}": "N" for name in ABOUT}}


def write_lines(
    path: str | Path,
    *,
    images: Mapping[str, np.ndarray],
    lines: Mapping[str, Mapping[str, np.ndarray]],
    attributes: Mapping,
) -> None:
    """Write the arrays `images` (those of ROOT) and, by end, `lines` (those of ABOUT) to `path`."""
    with create(path, kind=KIND, version=VERSION, attributes=attributes) as file:
        for name, long_name in ROOT.items():
            add(file, name, images[name], units="1", long_name=long_name)
        for end, arrays in lines.items():
            group = file.create_group(end)
            for name, (units, long_name) in ABOUT.items():
                add(group, name, arrays[name], units=units, long_name=long_name)
