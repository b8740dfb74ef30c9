"""HDF5 files that appear whole or not at all, and say what they are.

Every file carries the attributes `format` ("advspectra.<kind>") and `format_version`. Nothing in a file depends on
the time or the place of writing: the same run gives the same bytes.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp

import h5py
import numpy as np

from advspectra.hdf5_guard import check_attributes, check_layout


@contextmanager
def create(path: str | Path, *, kind: str, version: int, attributes: Mapping) -> Iterator[h5py.File]:
    """Yield a new HDF5 file that takes the name `path` only once its block has ended without error.

    It is written under a temporary name in the same folder, flushed to disk and renamed.
    attributes : str, int, float, bool or lists of numbers, stored on the root.
    """
    with replacing(path) as temporary:
        with h5py.File(temporary, "w", track_order=True) as file:
            file.attrs["format"] = f"advspectra.{kind}"
            file.attrs["format_version"] = version
            file.attrs.update(attributes)
            yield file


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block ends well, remove it if not."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        # mkstemp makes private files; a result is as readable as any other file of the user
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def open_checked(path: str | Path, *, kind: str, version: int) -> Iterator[h5py.File]:
    """Yield the HDF5 file at `path`, open for reading.

    Raises ValueError if it cannot be read as HDF5 (truncated, damaged, foreign), is of another kind or version, or is
    laid out as `create` and `add` never do it (advspectra.hdf5_guard).
    """
    try:
        file = h5py.File(path, "r")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{path}: expected an HDF5 file, found one that cannot be read ({error})") from error
    with file:
        check_attributes(file)
        found = [str(file.attrs.get(name)) for name in ("format", "format_version")]
        if found != [f"advspectra.{kind}", str(version)]:
            name, number = (repr(text[:80])[1:-1] for text in found)  # without control characters
            raise ValueError(
                f"{path}: expected format advspectra.{kind} version {version}, found {name} version {number}"
            )
        check_layout(file)
        try:
            yield file
        except (KeyError, OSError) as error:
            raise ValueError(f"{path}: damaged or incomplete {kind} file ({error})") from error


def add(
    group: h5py.Group,
    name: str,
    array: np.ndarray,
    *,
    units: str,
    long_name: str,
    scales: tuple[h5py.Dataset | None, ...] = (),
    compression: bool = False,
) -> h5py.Dataset:
    """Write `array` as the dataset `name` of `group` and return it.

    units, long_name : stored as attributes; units "1" for a pure number.
    scales : one dimension scale (or None) for each axis, in order.
    compression : gzip with the byte shuffle filter, for large arrays.
    """
    filters = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if compression else {}
    dataset = group.create_dataset(name, data=array, **filters)
    dataset.attrs["units"] = units
    dataset.attrs["long_name"] = long_name
    for axis, scale in enumerate(scales):
        if scale is not None:
            dataset.dims[axis].attach_scale(scale)
    return dataset


def add_scale(group: h5py.Group, name: str, values: np.ndarray, *, units: str, long_name: str) -> h5py.Dataset:
    """Write `values` as a dimension scale that `add` can attach to an axis, and return it."""
    scale = add(group, name, values, units=units, long_name=long_name)
    scale.make_scale(name)
    return scale
