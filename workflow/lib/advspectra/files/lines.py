"""lines.h5: a network along the lines from N images to their adversarial images and to two controls.

The groups are the ends of a line, see advspectra.lines.ends; the quantities are defined in advspectra.lines.follow. The
true logit is that of the label, or of the class predicted at x where `against` is "prediction"; the other one that of
the class, apart from this one, with the highest logit at x_a.
Of a transfer, the final logit is that of the class that the network on which δ was found predicts at x_a.

Root attributes: the run; `attack`, `checkpoint`, `step`, `epoch` and, of a transfer, `source_attack` and `found_on`,
from the perturbations' file, with its `images_of`, `against` and `batch_norm`; `exact_images`, `samples` and
`stretch_limit`, which say how the lines were followed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from advspectra.files.hdf5 import attributes_of
from advspectra.files.layout import Array, Format, field_names

LINE = {
    "length": Array("N", "float64", "pixel range", "2-norm of the line"),
    "changed": Array("N", "bool", "1", "whether the predicted classes of the two ends differ"),
    "relu_changes": Array("N", "float64", "1", "fraction of the ReLUs whose states at the two ends differ"),
    "breakpoints": Array("N", "int64", "1", "changes of state of single ReLUs along the line"),
    "pool_switches": Array("N", "int64", "1", "switches of max-pooling along the line, -1 if not counted"),
    "converged": Array(
        "N",
        "bool",
        "1",
        "whether the number of breakpoints is exact, or every second sample gave nearly the same",
    ),
    "true_change": Array("N", "float64", "logit", "magnitude of the change of the true logit between the ends"),
    "true_deviation": Array("N", "float64", "logit", "mean distance of the true logit to its chord"),
    "true_curvature": Array("N", "float64", "logit", "sum of the magnitudes of the changes of slope of the true logit"),
    "other_change": Array("N", "float64", "logit", "magnitude of the change of the other logit between the ends"),
    "other_deviation": Array("N", "float64", "logit", "mean distance of the other logit to its chord"),
    "other_curvature": Array(
        "N", "float64", "logit", "sum of the magnitudes of the changes of slope of the other logit"
    ),
    "final_change": Array("N", "float64", "logit", "magnitude of the change of the final logit", optional=True),
    "final_deviation": Array("N", "float64", "logit", "mean distance of the final logit to its chord", optional=True),
    "final_curvature": Array(
        "N", "float64", "logit", "sum of the magnitudes of the changes of slope of the final logit", optional=True
    ),
}
FORMAT = Format(
    "lines",
    1,
    {
        "image": Array("N", "int64", "1", "index in the test set, or in that of `images_of`"),
        "label": Array("N", "int64", "1", "true class"),
        "correct": Array("N", "bool", "1", "whether the image is classified correctly"),
        "success": Array("N", "bool", "1", "whether the attack succeeded"),
        **{f"*/{name}": array for name, array in LINE.items()},
    },
    groups=("adversarial", "random", "boundary"),
)


@dataclass(frozen=True)
class Line:
    """The lines of one kind that start at the N images; LINE says what the arrays are."""

    length: np.ndarray
    changed: np.ndarray
    relu_changes: np.ndarray
    breakpoints: np.ndarray
    converged: np.ndarray
    logits: Mapping[str, np.ndarray]  # <true, other or final>_<change, deviation or curvature>

    def quantity(self, name: str) -> np.ndarray:
        """Return a quantity (N,) float64: relu_changes, breakpoints or <logit>_<deviation or curvature>[_relative].

        Relative is divided by the change of the logit between the ends; NaN where it does not change.
        """
        if name in ("relu_changes", "breakpoints"):
            return getattr(self, name).astype(np.float64)
        absolute = self.logits[name.removesuffix("_relative")]
        if not name.endswith("_relative"):
            return absolute
        change = self.logits[f"{name.split('_')[0]}_change"]
        return np.divide(absolute, change, out=np.full(len(change), np.nan), where=change > 0)


@dataclass(frozen=True)
class Lines:
    """A lines.h5: N images and the lines from each to x_a (adversarial), x_r (random) and x_b (boundary)."""

    exact_images: int  # so many of the images (or all) were followed exactly, the others at `samples` points
    samples: int
    stretch_limit: float  # largest distance to x_b, as a multiple of that to x_a
    image: np.ndarray
    success: np.ndarray
    adversarial: Line
    random: Line
    boundary: Line
    images_of: str = "test"  # or "training": what `image` indexes


def write_lines(
    path: str | Path,
    *,
    images: Mapping[str, np.ndarray],
    lines: Mapping[str, Mapping[str, np.ndarray]],
    attributes: Mapping,
) -> None:
    """Write to `path` the arrays outside of the groups, `images`, and those of each group, `lines`."""
    FORMAT.write_file(path, images, groups=lines, attributes=attributes)


def read_lines(path: str | Path) -> Lines:
    """Return what tables and figures need of a lines.h5."""
    with FORMAT.opened(path) as file:
        about = attributes_of(file)
        settings = {name: about[name].item() for name in ("exact_images", "samples", "stretch_limit")}
        settings["images_of"] = str(about.get("images_of", "test"))
        ends = {}
        for end in FORMAT.groups:
            arrays = FORMAT.read(file, group=end)
            logits = {name: array for name, array in arrays.items() if name.startswith(("true_", "other_", "final_"))}
            names = field_names(Line)
            ends[end] = Line(**{name: array for name, array in arrays.items() if name in names}, logits=logits)
        return Lines(**settings, **FORMAT.read(file, field_names(Lines)), **ends)
