"""The table of a file format: the arrays of its files. The writer, the reader, the check and the page come from it.

A new version of a format starts in its table: raise `version`, give a new array `since`, and one that files no longer
have `until`. Files of older versions stay readable and are checked for the arrays of their version. An array whose
dimensions, type or unit change gets a new name. The field of a reader for a newer array is None in older files. Then
`PYTHONPATH=workflow/lib python -m advspectra.files.formats docs/results-format.md` updates the page, and the archive of
older results gets a study of the new version: tests/archive/README.md.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType

import h5py
import numpy as np

from advspectra.files.hdf5 import SLAB, add, add_scale, create, open_checked


@dataclass(frozen=True)
class Array:
    """One array of a format, or all arrays whose names fit one pattern.

    dims : a letter for each axis, as "N C H W"; one letter is one size in all arrays of a file. None: any shape.
    dtype : NumPy's name of the type; "text" for UTF-8 of fixed length; None for any type.
    units, text : its attributes `units` and `long_name`. Units are "1" for a pure number; the name if there is no text.
    scales : letters of `dims` whose axes have a dimension scale: the array with `is_scale` and that letter alone.
    compressed : with gzip and the byte shuffle filter, by whole rows, for large arrays.
    nan_if_zero : an array of the same group; where it is 0, this one is NaN. All other values are finite.
    absent_if_empty : a letter; files lack the array if that size is 0. optional : any file may lack the array.
    since, until : the first and the last version of the format that has the array.
    """

    dims: str | None
    dtype: str | None
    units: str
    text: str = ""
    scales: str = ""
    is_scale: bool = False
    compressed: bool = False
    nan_if_zero: str = ""
    absent_if_empty: str = ""
    optional: bool = False
    since: int = 1
    until: int | None = None

    @property
    def may_be_absent(self) -> bool:
        """Whether there are good files without the array."""
        return self.optional or bool(self.absent_if_empty)

    def has_type(self, values: np.ndarray | h5py.Dataset) -> bool:
        """Whether the type of some values is that of the table."""
        return self.dtype is None or (values.dtype.kind == "S" if self.dtype == "text" else values.dtype == self.dtype)


@dataclass(frozen=True)
class Format:
    """A format of files named <kind>.h5.

    version : the one that is written. Files of this and of all earlier versions can be read.
    arrays : by name, in the order of writing. A name "*/<name>" stands for an array in each group, a "*" further on for
    any name. groups : the names of these groups, None for any.
    """

    kind: str
    version: int
    arrays: Mapping[str, Array]
    groups: tuple[str, ...] | None = None

    def create(self, path: str | Path, attributes: Mapping) -> AbstractContextManager[h5py.File]:
        """Create a file of this format; see hdf5.create."""
        return create(path, kind=self.kind, version=self.version, attributes=attributes)

    def opened(self, path: str | Path, *, digest: bool = True) -> AbstractContextManager[h5py.File]:
        """Open a file of this format, of any version, for reading; see hdf5.open_checked."""
        return open_checked(path, kind=self.kind, version=range(1, self.version + 1), digest=digest)

    def arrays_of(self, version: int) -> dict[str, Array]:
        """The part of the table that holds for files of one version."""
        return {
            name: array
            for name, array in self.arrays.items()
            if array.since <= version and (array.until is None or version <= array.until)
        }

    def write_file(
        self,
        path: str | Path,
        values: Mapping[str, np.ndarray],
        *,
        groups: Mapping[str, Mapping[str, np.ndarray]] = MappingProxyType({}),
        attributes: Mapping,
    ) -> None:
        """Write a whole file: the arrays outside of groups, then those of each group; errors as in `write`."""
        with self.create(path, attributes) as file:
            self.write(file, values)
            for group, arrays in groups.items():
                self.write(file, arrays, group=group)

    def write(self, file: h5py.File, values: Mapping[str, np.ndarray], *, group: str = "") -> None:
        """Write the arrays of the root, or of a group, in the order of the table; `values` may have more.

        ValueError if an array is missing, has another number of dimensions or type than in the table, or has a number
        that is not finite.
        """
        for name, array in _within(group, self.arrays_of(self.version)).items():
            if name in values:
                self.write_array(file, f"{group}/{name}" if group else name, values[name])
            elif not array.may_be_absent:
                raise ValueError(f"{self.kind}.h5: expected the array {name}, found {', '.join(sorted(values))}")

    def write_array(self, file: h5py.File, name: str, values: np.ndarray) -> None:
        """Write one array; `name` is the whole name, with the group. ValueError as in `write`."""
        array = self.array(name)
        letters = [""] * values.ndim if array.dims is None else array.dims.split()
        if len(letters) != values.ndim or not array.has_type(values):
            raise ValueError(
                f"{self.kind}.h5: {name}: expected the axes {array.dims} and the type {array.dtype}, "
                f"found the shape {values.shape} and the type {values.dtype}"
            )
        about = {"units": array.units, "long_name": array.text or name.rpartition("/")[2]}
        if array.is_scale:
            add_scale(file, name, values, **about)
            return
        scales = {one.dims: file[scale] for scale, one in self.arrays.items() if one.is_scale and scale in file}
        wanted = tuple(scales[letter] if letter in array.scales.split() else None for letter in letters)
        finite = not array.nan_if_zero
        add(file, name, values, **about, scales=wanted, compression=array.compressed, finite=finite)

    def read(self, file: h5py.File, names: Iterable[str] | None = None, *, group: str = "") -> dict[str, np.ndarray]:
        """Arrays of the root, or of a group, by name: all, or those of `names` that the table has there.

        Arrays that the file lacks, as it may, are left out; KeyError for any other that is missing.
        """
        table = _within(group, self.arrays_of(int(file.attrs["format_version"])))
        parent = file[group] if group else file
        return {
            name: parent[name][()]
            for name, array in table.items()
            if (names is None or name in names) and (name in parent or not array.may_be_absent)
        }

    def check(self, file: h5py.File) -> dict[str, int]:
        """The sizes that the letters of the table stand for; ValueError unless the file is as the table says."""
        arrays: dict[str, h5py.Dataset] = {}
        file.visititems(lambda name, item: arrays.update({name: item}) if isinstance(item, h5py.Dataset) else None)
        version, sizes = int(file.attrs["format_version"]), {}
        try:
            table = {name: self.array(name, version) for name in arrays}
        except ValueError as error:
            raise ValueError(f"{file.filename}: {error}") from error
        for name, values in arrays.items():
            _check_shape(name, values, table[name], sizes)
        found = sorted({name.partition("/")[0] for name in arrays if "/" in name})
        for pattern, array in self.arrays_of(version).items():
            groups = (self.groups or found) if pattern.startswith("*/") else [""]
            absent = [name for name in (pattern.replace("*", group, 1) for group in groups) if name not in arrays]
            if absent and not (array.optional or array.absent_if_empty and not sizes[array.absent_if_empty]):
                raise ValueError(f"{file.filename}: expected the array {absent[0]}, found none")
        for name, values in arrays.items():
            _check_values(name, values, table[name])
        return sizes

    def array(self, name: str, version: int | None = None) -> Array:
        """The entry for an array of this whole name; ValueError if that version, or the written one, has none."""
        table = self.arrays_of(version or self.version)
        parts = name.split("/")
        for pattern, array in table.items():
            wanted = pattern.split("/")
            if len(parts) == len(wanted) and all(two in ("*", one) for one, two in zip(parts, wanted, strict=True)):
                if wanted[0] != "*" or self.groups is None or parts[0] in self.groups:
                    return array
        raise ValueError(f"expected the arrays {', '.join(sorted(table))}, found {name}")


def field_names(record: type) -> list[str]:
    """The names of a dataclass's fields: those arrays that Format.read is to give it."""
    return [field.name for field in fields(record)]


def _within(group: str, table: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of the root (group "") or of any group, by their names there."""
    if group:
        return {name.removeprefix("*/"): array for name, array in table.items() if name.startswith("*/")}
    return {name: array for name, array in table.items() if "*" not in name}


def _check_shape(name: str, values: h5py.Dataset, array: Array, sizes: dict[str, int]) -> None:
    """Check shape and type of an array, against the `sizes` found before, to which it adds its own."""
    path = values.file.filename
    if not array.has_type(values):
        raise ValueError(f"{path}: {name}: expected the type {array.dtype}, found {values.dtype}")
    if array.dims is None:
        return
    letters = array.dims.split()
    expected = ", ".join(str(sizes.get(letter, letter)) for letter in letters)
    if len(values.shape) != len(letters) or any(
        sizes.setdefault(letter, size) != size for letter, size in zip(letters, values.shape, strict=True)
    ):
        raise ValueError(f"{path}: {name}: expected the shape ({expected}), found {values.shape}")


def _check_values(name: str, values: h5py.Dataset, array: Array) -> None:
    """Check that numbers are finite and that scales, which the digest leaves out, are there and of the right length.

    What has any shape, and so the states of networks, is checked where it is read.
    """
    path = values.file.filename
    if values.dtype.kind == "f" and array.dims is not None:
        wrong = 0
        rows = max(1, SLAB * len(values) // max(1, values.nbytes))
        for start in range(0, len(values), rows):
            found = ~np.isfinite(values[start : start + rows])
            if array.nan_if_zero:
                found &= values.parent[array.nan_if_zero][start : start + rows] != 0
            wrong += int(found.sum())
        if wrong:
            raise ValueError(f"{path}: {name}: expected finite values, found {wrong} that are not")
    for axis, scales in enumerate(values.dims):
        if unfit := [scale.name for scale in scales.values() if scale.shape != (values.shape[axis],)]:
            raise ValueError(f"{path}: {name}: expected scales of length {values.shape[axis]}, found {unfit}")
