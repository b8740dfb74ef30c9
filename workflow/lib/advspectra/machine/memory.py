"""How much memory the content of one file may take: a bound on files that are small and say that they are huge.

It is the job's own memory that counts: the least that the machine and the limits on this process leave. Limits are
those of control groups (containers, systemd, SLURM), of `ulimit`, and what SLURM was asked for.
"""

import errno
import os
import re
import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# what the limit is called, the number in /proc/self/status that counts for it
ULIMITS = {"ulimit -v": (resource.RLIMIT_AS, "VmSize"), "ulimit -d": (resource.RLIMIT_DATA, "VmData")}
# where the groups of each version lie, the files that say how much there may be and is, and what counts as free
GROUPS = (
    ("sys/fs/cgroup", "memory.max", "memory.current", "file", "shmem"),
    ("sys/fs/cgroup/unified", "memory.max", "memory.current", "file", "shmem"),
    ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_cache", "total_shmem"),
)
# Bytes left: with less, a library that fails may lack memory without saying so, as HDF5 does when it decompresses.
SCARCE = 2**26
NO_MEMORY = re.compile("memory allocation failed|(?:can't|cannot|unable to) allocate", re.IGNORECASE)


class TooLarge(ValueError):
    """A file, perhaps a whole one, whose content takes more memory than there is for it here."""


def budget() -> int:
    """Return half of the memory that is left to this process (bytes): what is made of a file takes as much again."""
    return left()[0] // 2


def why() -> str:
    """Return, in words, how much memory is left, and which limit says so."""
    size, limit = left()
    return f"as {limit} leaves {size} bytes"


def left(*, root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> tuple[int, str]:
    """Return the bytes that this process may still take, and which limit says so.

    root, environment : the file system with /proc and /sys, and the variables of the job.
    """
    size, limit = min(_limits(root, environment))
    return max(0, size), limit


def _limits(root: Path, environment: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    used = _numbers(root / "proc/self/status")
    yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), "the memory of this machine"
    for name, (number, counted) in ULIMITS.items():
        if (most := resource.getrlimit(number)[0]) != resource.RLIM_INFINITY:
            yield most - 1024 * used.get(counted, 0), name
    yield from _of_groups(root)
    held = 1024 * used.get("VmRSS", 0)
    if megabytes := _number(environment.get("SLURM_MEM_PER_NODE", "")):  # 0: all that the node has
        yield megabytes * 2**20 - held, "SLURM_MEM_PER_NODE"
    if megabytes := _number(environment.get("SLURM_MEM_PER_CPU", "")):
        processors = [_number(environment.get(name, "")) for name in ("SLURM_CPUS_ON_NODE", "SLURM_CPUS_PER_TASK")]
        yield megabytes * 2**20 * next(filter(None, processors), 1) - held, "SLURM_MEM_PER_CPU"


def _of_groups(root: Path) -> Iterator[tuple[int, str]]:
    """Yield what is left in each control group that this process is in: its own and those that this lies in."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers not in ("", "memory") or ".." in Path(name).parts:
            continue
        for place, most, now, *kept in GROUPS:
            if (controllers == "") != (most == "memory.max"):
                continue
            # in a container the name may be that outside of it: then only the outermost folder is there
            for group in (Path(name), *Path(name).parents):
                folder = root / place / group.relative_to("/")
                if limit := _number(_text(folder / most)):
                    cache, shared = (_numbers(folder / "memory.stat").get(key, 0) for key in kept)
                    yield limit - (_number(_text(folder / now)) or 0) + max(0, cache - shared), str(folder / most)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _number(text: str) -> int | None:
    """Return the number that a text is; None for another text, as "max"."""
    return int(text) if re.fullmatch(r"\s*[0-9]+\s*", text, re.ASCII) else None


def _numbers(path: Path) -> dict[str, int]:
    """Return the numbers of a file with a name and a number in each line."""
    found = re.findall(r"^(\w+):?\s+([0-9]+)\b", _text(path), re.MULTILINE | re.ASCII)
    return {name: int(number) for name, number in found}


@contextmanager
def naming(path: str | Path, doing: str) -> Iterator[None]:
    """Raise MemoryError, naming the file at `path` and the limit, where what is done with it lacks memory.

    doing : "read" or "written". NumPy, the system, PyTorch and HDF5 each say it in their own way.
    """
    try:
        yield
    except TooLarge:
        raise
    except Exception as error:
        if not _lacks_memory(error):
            raise
        details = f" ({error})" if str(error) else ""
        raise MemoryError(f"{path}: cannot be {doing} for want of memory, {why()}{details}") from error


def _lacks_memory(error: BaseException) -> bool:
    number = getattr(error, "errno", None)
    if isinstance(error, MemoryError) or number == errno.ENOMEM:
        return True
    if isinstance(error, OSError | RuntimeError) and number is None and NO_MEMORY.search(str(error)):
        return True
    if isinstance(error, OSError) and number is None and left()[0] < SCARCE:
        return True
    # h5py, when it closes a file that could not grow, fails once more
    return error.__context__ is not None and _lacks_memory(error.__context__)
