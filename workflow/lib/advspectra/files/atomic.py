"""Files that appear complete or not at all."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp

# answers of file systems that do not support an operation: CIFS, FAT, shared folders of virtual machines, some of FUSE
UNSUPPORTED = (errno.EPERM, errno.EACCES, errno.EINVAL, errno.EBADF, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)

# functions of a temporary path and its final name: whether to rename it; they may raise a ValueError
permissions: list[Callable[[Path, Path], bool]] = []


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` if the block succeeds, remove it if not.

    The file is flushed before the rename: even after a crash of the machine, or with two writers at once, `path` is a
    complete file. OSError, naming `path`, if it cannot be written. `permissions` are asked before the rename.
    """
    path, temporary = Path(path), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        _flush(temporary)
        umask = os.umask(0)  # mkstemp makes private files; a result is as readable as any other file of the user
        os.umask(umask)
        with _if_supported():
            temporary.chmod(0o666 & ~umask)
        if all(granted(temporary, path) for granted in permissions):
            temporary.replace(path)
            _flush(path.parent)
    except OSError as error:
        raise OSError(error.errno, f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_whole(path: str | Path, text: str) -> None:
    """Write a file of UTF-8 text, complete or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    with _if_supported():
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _if_supported() -> Iterator[None]:
    """Ignore the error of a file system that does not support an operation."""
    try:
        yield
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
