"""Writing HDF5 files, which appear complete or not at all, and opening them after a check of what they say they are.

Every file has the attributes `format` ("advspectra.<kind>"), `format_version` and `content_sha256`, the digest of all
its other attributes and arrays. Nothing in it depends on the time or the place of writing. Texts are UTF-8 of fixed
length, which h5py returns as bytes and `attributes_of` as str. Texts of any length, as in older files, lie in a heap of
HDF5, which has no checksum: HDF5 may read a damaged one for ever. Today only dimension scales need such a heap; this
package does not read them.
"""

import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np

from advspectra.files.atomic import replacing
from advspectra.files.guard import ADDRESSES, TEXT_BYTES, check_attributes, check_layout
from advspectra.machine.memory import naming

DIGEST = "content_sha256"
SLAB = 2**26  # bytes of an array that are read at once for its digest
CHUNK = 2**20  # most bytes that are compressed as one, but for a row that has more: HDF5 keeps so many as it reads
# answers of file systems without locks
UNLOCKABLE = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)


@contextmanager
def create(path: str | Path, *, kind: str, version: int, attributes: Mapping) -> Iterator[h5py.File]:
    """Yield a new HDF5 file, which appears at `path` once its block has ended without error.

    It grows in memory, as HDF5 crashes on a full disk. attributes : of the root; str, numbers, bool, lists of numbers.
    """
    memory = BytesIO()
    with naming(path, "written"), h5py.File(memory, "w", track_order=True) as file:
        set_attributes(file, {"format": f"advspectra.{kind}", "format_version": version, **attributes})
        yield file
        set_attributes(file, {DIGEST: content_sha256(file)})
    with replacing(path) as temporary:
        temporary.write_bytes(memory.getbuffer())


def set_attributes(item: h5py.Group | h5py.Dataset, values: Mapping) -> None:
    """Store attributes; ValueError for a text with a zero character, or of more than TEXT_BYTES."""
    for name, value in values.items():
        if isinstance(value, str):
            text = value.encode()
            if b"\0" in text or len(text) > TEXT_BYTES:
                raise ValueError(f"{name}: expected a text of at most {TEXT_BYTES} bytes, none of them 0")
            value = np.array(text, dtype=h5py.string_dtype("utf-8", max(1, len(text))))
        item.attrs[name] = value


def attributes_of(item: h5py.Group | h5py.Dataset) -> dict:
    """The attributes of a file, a group or an array by name; texts as str, whatever their form in the file."""
    stored = {name: item.attrs[name] for name in item.attrs if name not in ADDRESSES}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in stored.items()}


def content_sha256(group: h5py.Group) -> str:
    """The SHA-256 of the content of a file or a group: attributes, and arrays by name, type and shape."""
    items: list[tuple[str, h5py.Group | h5py.Dataset]] = [("/", group)]
    group.visititems(lambda name, item: items.append((name, item)))
    digest = hashlib.sha256()

    def take(name: str, value: np.ndarray) -> None:
        digest.update(f"{name}\0{value.dtype.str}\0{value.shape}\0".encode())
        digest.update(np.ascontiguousarray(value))

    for name, item in sorted(items, key=lambda pair: pair[0]):
        for key in sorted(set(item.attrs) - set(ADDRESSES) - ({DIGEST} if item is group else set())):
            value = item.attrs[key]
            take(f"{name}@{key}", np.asarray(value.encode() if isinstance(value, str) else value))
        if isinstance(item, h5py.Dataset):
            rows = max(1, SLAB * len(item) // max(1, item.nbytes)) if item.shape else 1
            for start in range(0, len(item) if item.shape else 1, rows):
                take(name, np.asarray(item[start : start + rows] if item.shape else item[()]))
    return digest.hexdigest()


def open_file(path: str | Path) -> h5py.File:
    """The HDF5 file at `path`, open for reading, with a lock if the file system has them.

    ValueError if it is no complete HDF5 file; OSError if the system cannot open it now, BlockingIOError if another
    program has it open for writing.
    """
    try:
        try:
            return h5py.File(path, "r")
        except OSError as error:
            if error.errno not in UNLOCKABLE:
                raise
            return h5py.File(path, "r", locking=False)
    except BlockingIOError as error:
        raise BlockingIOError(
            error.errno, f"{path}: cannot be read now, as another program has it open for writing; close it there"
        ) from error
    except OSError as error:
        if error.errno in (None, errno.EISDIR):  # None: HDF5 has read it, and it is not such a file
            raise ValueError(f"{path}: expected an HDF5 file, found one that cannot be read ({error})") from error
        raise type(error)(error.errno, f"{path}: cannot be read: {os.strerror(error.errno)}") from error


def recorded_sha256(path: str | Path) -> str:
    """The digest that a file states; ValueError if it is no HDF5 file or states none; see open_file."""
    with open_foreign(path) as file:
        digest = attributes_of(file).get(DIGEST)
    if digest is None:
        raise ValueError(
            f"{path}: expected the attribute {DIGEST}, found none: an older version made it; run `snakemake repair`"
        )
    return str(digest)


@contextmanager
def open_foreign(path: str | Path) -> Iterator[h5py.File]:
    """Yield an HDF5 file of any kind, after a check that its root attributes can be read safely.

    ValueError, naming the file, for whatever HDF5 cannot read in it, also inside the block.
    """
    with _naming(path), open_file(path) as file:
        with _naming(path, Exception):
            check_attributes(file)
        yield file


@contextmanager
def open_checked(path: str | Path, *, kind: str, version: int | range, digest: bool = True) -> Iterator[h5py.File]:
    """Yield the HDF5 file at `path`, open for reading, after a check of its kind, version, layout and digest.

    version : the accepted one, or a range. digest : False to skip the digest of a large file that is read in part.
    ValueError if it is no complete HDF5 file, of another kind or version, laid out as this package never does it (see
    files.guard), or if its content has another digest than stated. OSError if it cannot be read now; MemoryError or
    memory.TooLarge (a ValueError) if the memory does not suffice.
    """
    with open_foreign(path) as file:
        with _naming(path, Exception), naming(path, "read"):
            about = attributes_of(file)
            name, number = (str(about.get(key)) for key in ("format", "format_version"))
            known = [str(one) for one in ([version] if isinstance(version, int) else version)]
            if name != f"advspectra.{kind}" or number not in known:
                raise ValueError(
                    f"{path}: expected format advspectra.{kind} version {' or '.join(known)}, "
                    f"found {_printable(name)} version {_printable(number)}"
                )
            check_layout(file)
            if digest:
                _require_whole(path, file, about.get(DIGEST))
        with naming(path, "read"):
            yield file


_whole = set()  # files with the right digest, each of which this process computes once


def _require_whole(path: str | Path, file: h5py.File, recorded: str | None) -> None:
    status = os.fstat(file.id.get_vfd_handle())
    identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    if identity in _whole:
        return
    if recorded != (found := content_sha256(file)):
        raise ValueError(f"{path}: damaged or changed: expected the digest {_printable(recorded)}, found {found}")
    _whole.add(identity)


def _printable(text: object, most: int = 80) -> str:
    """The start of a text that a file holds, with control characters escaped."""
    return repr(str(text)[:most])[1:-1]


@contextmanager
def _naming(path: str | Path, *errors: type[Exception]) -> Iterator[None]:
    """Turn errors of h5py for a damaged file, and `errors`, into a ValueError of one line that names the file.

    An error of the system, such as a failing disk, stays an OSError.
    """
    try:
        yield
    except (KeyError, OSError, RuntimeError, *errors) as error:
        if str(error).startswith(f"{path}: ") or str(path) in str(getattr(error, "strerror", "")):
            raise  # it names the file already
        if isinstance(error, MemoryError):
            raise MemoryError(f"{path}: {error}") from error
        if isinstance(error, OSError) and error.errno is not None:
            raise type(error)(error.errno, f"{path}: cannot be read: {os.strerror(error.errno)}") from error
        said = f"missing: {error.args[0]}" if isinstance(error, KeyError) and error.args else str(error)
        raise ValueError(f"{path}: damaged or incomplete file ({_printable(said, 300)})") from error


def add(
    group: h5py.Group,
    name: str,
    array: np.ndarray,
    *,
    units: str,
    long_name: str,
    scales: tuple[h5py.Dataset | None, ...] = (),
    compression: bool = False,
    finite: bool = True,
) -> h5py.Dataset:
    """Write `array` as the dataset `name` of `group` and return it; for the arguments see layout.Array.

    scales : a dimension scale or None for each axis. finite : ValueError if a number is NaN or infinite.
    """
    if finite and array.dtype.kind == "f" and (wrong := ~np.isfinite(array)).any():
        raise ValueError(f"{long_name} ({name}): found {wrong.sum()} of {wrong.size} numbers that are not finite")
    dataset = group.create_dataset(name, data=array, **(_filters(array) if compression else {}))
    set_attributes(dataset, {"units": units, "long_name": long_name})
    for axis, scale in enumerate(scales):
        if scale is not None:
            dataset.dims[axis].attach_scale(scale)
    return dataset


def _filters(array: np.ndarray) -> dict:
    """How an array with rows is compressed: whole rows at once, as they are read and as they resemble each other.

    Perturbations under an L-infinity bound take 0.88 of what they take in h5py's own chunks at level 4; at level 9
    they take 0.76, but thirteen times the time of level 6.
    """
    filters = {"compression": "gzip", "compression_opts": 6, "shuffle": True}
    if not array.size:
        return filters
    count = -(-len(array) // max(1, CHUNK * len(array) // array.nbytes))  # chunks of about the same size
    return filters | {"chunks": (-(-len(array) // count), *array.shape[1:])}


def add_scale(group: h5py.Group, name: str, values: np.ndarray, *, units: str, long_name: str) -> h5py.Dataset:
    """Write `values` as a dimension scale that `add` can attach to an axis, and return it."""
    scale = add(group, name, values, units=units, long_name=long_name)
    scale.make_scale(name)
    return scale
