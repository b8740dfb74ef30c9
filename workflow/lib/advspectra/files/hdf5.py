"""HDF5 files that appear whole or not at all, and say what they are.

Every file carries the attributes `format` ("advspectra.<kind>"), `format_version` and `content_sha256`, the digest of
all its other attributes and arrays. Nothing in a file depends on the time or the place of writing: the same run gives
the same bytes. Texts are UTF-8 of fixed length, which h5py gives as bytes, and `attributes_of` as str. Those of any
length, which older files have, lie in a global heap of HDF5, which has no checksum: damaged, it is read for ever. Of
what is written now the scales of arrays alone need one, for programs that know of scales; nothing here reads it.
"""

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import mkstemp

import h5py
import numpy as np

from advspectra.files.guard import ADDRESSES, TEXT_BYTES, check_attributes, check_layout
from advspectra.machine.memory import naming

DIGEST = "content_sha256"
# bytes of an array that are read at once for its digest
SLAB = 2**26
# what file systems answer that do not know an operation: CIFS, FAT, shared folders of virtual machines, some of FUSE
UNKNOWN = (errno.EPERM, errno.EACCES, errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)
UNLOCKABLE = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)

# functions of a temporary path and the name that it is about to take: whether it should; they may raise a ValueError
permissions: list[Callable[[Path, Path], bool]] = []


@contextmanager
def create(path: str | Path, *, kind: str, version: int, attributes: Mapping) -> Iterator[h5py.File]:
    """Yield a new HDF5 file that takes the name `path` only once its block has ended without error.

    It grows in memory, as the HDF5 library ends in a segmentation fault when a disk is full.
    attributes : str, int, float, bool or lists of numbers, stored on the root.
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
    """Return the attributes of a file, a group or an array by name; texts as str, whatever their form in the file."""
    found = {name: item.attrs[name] for name in item.attrs if name not in ADDRESSES}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}


def content_sha256(group: h5py.Group) -> str:
    """Return the SHA-256 of what a file or a group of it holds: attributes, and arrays by name, type and shape."""
    found: list[tuple[str, h5py.Group | h5py.Dataset]] = [("/", group)]
    group.visititems(lambda name, item: found.append((name, item)))
    digest = hashlib.sha256()

    def take(name: str, value: np.ndarray) -> None:
        digest.update(f"{name}\0{value.dtype.str}\0{value.shape}\0".encode())
        digest.update(np.ascontiguousarray(value))

    for name, item in sorted(found, key=lambda pair: pair[0]):
        for key in sorted(set(item.attrs) - set(ADDRESSES) - ({DIGEST} if item is group else set())):
            value = item.attrs[key]
            take(f"{name}@{key}", np.asarray(value.encode() if isinstance(value, str) else value))
        if isinstance(item, h5py.Dataset):
            rows = max(1, SLAB * len(item) // max(1, item.nbytes)) if item.shape else 1
            for start in range(0, len(item) if item.shape else 1, rows):
                take(name, np.asarray(item[start : start + rows] if item.shape else item[()]))
    return digest.hexdigest()


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block ends well, remove it if not.

    It is on the disk before it takes the name, so that not even a crash of the machine leaves half a file there, and
    two processes that write the same file at once leave the whole one of either. A file system that refuses to flush
    or to set a file's mode holds whole files, too. OSError, naming `path`, if it cannot be written. `permissions` are
    asked before the rename.
    """
    path, temporary = Path(path), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        _flush(temporary)
        # mkstemp makes private files; a result is as readable as any other file of the user
        umask = os.umask(0)
        os.umask(umask)
        with _where_known():
            temporary.chmod(0o666 & ~umask)
        if all(granted(temporary, path) for granted in permissions):
            temporary.replace(path)
            _flush(path.parent)
    except OSError as error:
        raise OSError(error.errno, f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    with _where_known():
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _where_known() -> Iterator[None]:
    """Do without what the file system does not know."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNKNOWN:
            raise


def open_file(path: str | Path) -> h5py.File:
    """Return the HDF5 file at `path`, open for reading; on a file system without locks, without one.

    ValueError if it is no whole HDF5 file; OSError if the system cannot open it now, a BlockingIOError if another
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
        if error.errno in (None, errno.EISDIR):  # None: HDF5 itself has read it and found no such file
            raise ValueError(f"{path}: expected an HDF5 file, found one that cannot be read ({error})") from error
        raise type(error)(error.errno, f"{path}: cannot be read: {os.strerror(error.errno)}") from error


def recorded_sha256(path: str | Path) -> str:
    """Return the digest of its content that a file states; ValueError if it is no HDF5 file or states none.

    OSError if it cannot be read now.
    """
    with open_foreign(path) as file:
        digest = attributes_of(file).get(DIGEST)
    if digest is None:
        raise ValueError(f"{path}: expected the attribute {DIGEST}, found none: remove this file of an older version")
    return str(digest)


@contextmanager
def open_foreign(path: str | Path) -> Iterator[h5py.File]:
    """Yield an HDF5 file of any kind whose root attributes may be read: they are few, and texts or numbers.

    ValueError, naming the file, for whatever HDF5 cannot read in it, also inside the block.
    """
    with _naming(path), open_file(path) as file:
        with _naming(path, Exception):
            check_attributes(file)
        yield file


@contextmanager
def open_checked(path: str | Path, *, kind: str, version: int | range, digest: bool = True) -> Iterator[h5py.File]:
    """Yield the HDF5 file at `path`, open for reading.

    Raises ValueError if it cannot be read as HDF5 (truncated, damaged, foreign), is of another kind or version, is
    laid out as `create` and `add` never do it (advspectra.files.guard), or its content has not the digest that it
    states. OSError if it cannot be read now; MemoryError or memory.TooLarge, which is a ValueError, if there is not the
    memory for it.
    digest : False where the content may not be read for it, as that is large and little of it is needed.
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


# what this process has found whole: a file is read for its digest once
_whole = set()


def _require_whole(path: str | Path, file: h5py.File, recorded: str | None) -> None:
    at = os.fstat(file.id.get_vfd_handle())
    state = (at.st_dev, at.st_ino, at.st_size, at.st_mtime_ns, at.st_ctime_ns)
    if state in _whole:
        return
    if recorded != (found := content_sha256(file)):
        raise ValueError(f"{path}: damaged or changed: expected the digest {_printable(recorded)}, found {found}")
    _whole.add(state)


def _printable(text: object, most: int = 80) -> str:
    """The start of a text that a file holds, with control characters escaped."""
    return repr(str(text)[:most])[1:-1]


@contextmanager
def _naming(path: str | Path, *errors: type[Exception]) -> Iterator[None]:
    """Make what h5py raises for a damaged file, and `errors`, one ValueError of one line that names the file.

    What the system answers, such as a disk that fails, stays an OSError.
    """
    try:
        yield
    except (KeyError, OSError, RuntimeError, *errors) as error:
        if str(error).startswith(f"{path}: ") or str(path) in str(getattr(error, "strerror", "")):
            raise  # it says so already
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
    """Write `array` as the dataset `name` of `group` and return it.

    units, long_name : stored as attributes; units "1" for a pure number.
    scales : one dimension scale (or None) for each axis, in order.
    compression : gzip with the byte shuffle filter, for large arrays.
    finite : ValueError if a number is NaN or infinite: no result has one, unless its format says when.
    """
    if finite and array.dtype.kind == "f" and (wrong := ~np.isfinite(array)).any():
        raise ValueError(f"{long_name} ({name}): found {wrong.sum()} of {wrong.size} numbers that are not finite")
    filters = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if compression else {}
    dataset = group.create_dataset(name, data=array, **filters)
    set_attributes(dataset, {"units": units, "long_name": long_name})
    for axis, scale in enumerate(scales):
        if scale is not None:
            dataset.dims[axis].attach_scale(scale)
    return dataset


def add_scale(group: h5py.Group, name: str, values: np.ndarray, *, units: str, long_name: str) -> h5py.Dataset:
    """Write `values` as a dimension scale that `add` can attach to an axis, and return it."""
    scale = add(group, name, values, units=units, long_name=long_name)
    scale.make_scale(name)
    return scale
