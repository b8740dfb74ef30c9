"""One GPU for each process of a machine, as long as there are enough; then the same number of processes on each.

Snakemake counts GPUs and hands out none. A process locks a file for the device that it takes; the system unlocks it
when the process ends, however it ends. A cluster's scheduler shows each job its own devices: they are chosen from.
"""

import fcntl
import os
from contextlib import suppress
from itertools import count
from pathlib import Path
from tempfile import gettempdir
from urllib.parse import quote

VISIBLE = "CUDA_VISIBLE_DEVICES"

# the locked file: closed, and so unlocked, when the process ends
_claimed = []


def claim() -> None:
    """Let this process see the least used GPU alone, of those that it may use; nothing happens where there is none.

    Least used: by processes of this user that claimed theirs. Call it before CUDA is initialised. Where the folder for
    temporary files cannot be written or knows no locks, the process sees what it saw before.
    """
    if devices := visible():
        with suppress(OSError):
            os.environ[VISIBLE] = _free(devices)


def visible() -> list[str]:
    """Return the names, for CUDA_VISIBLE_DEVICES, of the GPUs that this process may use."""
    if (named := os.environ.get(VISIBLE)) is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    return [str(number) for number in range(len(list(Path("/dev").glob("nvidia[0-9]*"))))]


def _free(devices: list[str]) -> str:
    folder = Path(gettempdir()) / f"advspectra-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    for share in count():
        for device in devices:
            file = open(folder / f"{quote(device, safe='')}.{share}", "wb")  # a part of a GPU (MIG) has slashes
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            _claimed.append(file)
            return device
