"""One GPU for each process of a machine, as long as there are enough; then the same number of processes on each.

Snakemake counts GPUs but assigns none. A process locks a file for the device that it takes; the system unlocks it when
the process ends, for whatever reason. On a cluster the choice is among the devices that the scheduler shows the job.

The locked files lie in a folder that only this user can write to. In a folder open to all users, another user could
have put links there that lead to files of this user.
"""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import gettempdir
from urllib.parse import quote

VISIBLE = "CUDA_VISIBLE_DEVICES"

# descriptors of locked files: closed, and so unlocked, when the process ends
_claimed: list[int] = []


def claim() -> None:
    """Let this process see only the least used of the GPUs that it may use; does nothing where there is none.

    Least used: by processes of this user that claimed theirs. Call it before CUDA is initialised. Where the folder for
    temporary files cannot be written or has no locks, the process sees what it saw before. ValueError if the path of
    our folder is taken by anything but a folder that only this user can use.
    """
    if devices := visible():
        with suppress(OSError):
            os.environ[VISIBLE] = _free(devices)


def visible() -> list[str]:
    """The names, for CUDA_VISIBLE_DEVICES, of the GPUs that this process may use."""
    if (named := os.environ.get(VISIBLE)) is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    return [str(number) for number in range(len(list(Path("/dev").glob("nvidia[0-9]*"))))]


def _free(devices: list[str]) -> str:
    with _own_folder() as folder:
        for share in count():
            for device in devices:
                name = f"{quote(device, safe='')}.{share}"  # a part of a GPU (MIG) has slashes
                # follows no link, empties no file
                file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=folder)
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(file)
                    continue
                _claimed.append(file)
                return device


@contextmanager
def _own_folder() -> Iterator[int]:
    """Yield a descriptor of the folder of the locks, which is created if need be and checked to be this user's alone.

    It lies in XDG_RUNTIME_DIR if that is this user's alone, otherwise among the temporary files.
    """
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    if runtime.is_absolute() and os.path.lexists(runtime) and _is_own(os.lstat(runtime)):
        path = runtime / "advspectra-gpus"
    else:
        path = Path(gettempdir()) / f"advspectra-gpus-{os.geteuid()}"
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    if not _is_own(status := os.lstat(path)):
        raise ValueError(
            f"{path}: expected a folder of user {os.geteuid()} with mode 700, found {_described(status)}; "
            "remove it, or set TMPDIR to a folder of yours"
        )
    # checked again once it is open: it may have been replaced
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if not _is_own(status := os.fstat(folder)):
            raise ValueError(f"{path}: another folder took its place just now, {_described(status)}")
        yield folder
    finally:
        os.close(folder)


def _is_own(status: os.stat_result) -> bool:
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077


def _described(status: os.stat_result) -> str:
    kind = "folder" if stat.S_ISDIR(status.st_mode) else "link" if stat.S_ISLNK(status.st_mode) else "file"
    return f"a {kind} of user {status.st_uid} with mode {stat.S_IMODE(status.st_mode):o}"
