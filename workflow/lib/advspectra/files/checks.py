"""Whether an HDF5 file is what it says: its digest, the arrays that its format has, their shapes, finite values."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

import h5py
import numpy as np

from advspectra.files import checkpoints as checkpoint_file
from advspectra.files import images as image_file
from advspectra.files import lines as line_file
from advspectra.files import perturbations as perturbation_file
from advspectra.files import predictors as predictor_file
from advspectra.files import spectra as spectrum_file
from advspectra.files.hdf5 import attributes_of, open_checked

FORMATS = {
    module.KIND: module
    for module in (image_file, checkpoint_file, perturbation_file, spectrum_file, predictor_file, line_file)
}

# undefined, and NaN, for a spectrum that is zero everywhere
UNDEFINED_AT_ZERO = ("flatness", "half_power_frequency")


def check_result(path: str | Path, *, kind: str) -> tuple[dict, dict[str, int]]:
    """Return the root attributes of a file of the kind given, and the sizes that the letters of its SHAPES stand for.

    Raises ValueError for the first thing that is wrong with it. Networks are built from each state of a checkpoints.h5.
    """
    module = FORMATS[kind]
    with open_checked(path, kind=kind, version=module.VERSION) as file:
        attributes = attributes_of(file)
        arrays: dict[str, h5py.Dataset] = {}
        file.visititems(lambda name, item: arrays.update({name: item}) if isinstance(item, h5py.Dataset) else None)
        states = list(file["states"]) if kind == "checkpoints" else []
        arrays = {name: array for name, array in arrays.items() if not name.startswith("states/")}
        sizes = _sizes(path, arrays, module.SHAPES)
        for name, array in arrays.items():
            _require_finite(path, name, array)
            _require_scales(path, name, array)
    if kind == "images":
        image_file.read_images(path)
    for state in states:
        checkpoint_file.load_network(path, name=state, expected={})
    return attributes, sizes


def _sizes(path: str | Path, arrays: Mapping[str, h5py.Dataset], shapes: Mapping[str, str]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for name, array in arrays.items():
        pattern = next((pattern for pattern in shapes if fnmatchcase(name, pattern)), None)
        if pattern is None:
            raise ValueError(f"{path}: expected the arrays {', '.join(sorted(shapes))}, found {name}")
        letters = shapes[pattern]
        expected = tuple(sizes.get(letter, letter) for letter in letters)
        if len(array.shape) != len(letters) or any(
            sizes.setdefault(letter, size) != size for letter, size in zip(letters, array.shape, strict=True)
        ):
            raise ValueError(
                f"{path}: {name}: expected the shape ({', '.join(map(str, expected))}), found {array.shape}"
            )
    groups = sorted({name.partition("/")[0] for name in arrays if "/" in name})
    for pattern in shapes:
        # in each group all that the format has, but for the mean of no spectrum; which columns a history has is open
        needed = [pattern.replace("*", group) for group in groups] if pattern.startswith("*") else [pattern]
        absent = [name for name in needed if name not in arrays and not name.endswith("*")]
        if absent and not (pattern == "*/mean_power" and not sizes["N"]):
            raise ValueError(f"{path}: expected the array {absent[0]}, found none")
    return sizes


def _require_scales(path: str | Path, name: str, array: h5py.Dataset) -> None:
    """Refuse an array whose scales, which the digest leaves out, are not there or not as long as it is."""
    for axis, scales in enumerate(array.dims):
        if wrong := [scale.name for scale in scales.values() if scale.shape != (array.shape[axis],)]:
            raise ValueError(f"{path}: {name}: expected scales of length {array.shape[axis]}, found {wrong}")


def _require_finite(path: str | Path, name: str, array: h5py.Dataset) -> None:
    if array.dtype.kind != "f":
        return
    wrong = ~np.isfinite(array[()])
    if name.rpartition("/")[2] in UNDEFINED_AT_ZERO:
        wrong &= array.parent["norm_l2"][()] != 0
    if wrong.any():
        raise ValueError(f"{path}: {name}: expected finite values, found {wrong.sum()} that are not")
