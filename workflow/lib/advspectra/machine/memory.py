"""How much memory the content of one file may take: a bound against small files that claim to be huge.

The bound is what the machine and the limits on this process leave, whichever is least. Limits are those of control
groups (containers, systemd, SLURM), of `ulimit`, and what SLURM was asked for.
"""

import errno
import os
import re
import resource
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# name of the limit -> its number, and the entry of /proc/self/status that it limits
ULIMITS = {"ulimit -v": (resource.RLIMIT_AS, "VmSize"), "ulimit -d": (resource.RLIMIT_DATA, "VmData")}
# folder of the groups of each version, the files of their limit and use, and the entries of cache and shared memory
GROUPS = (
    ("sys/fs/cgroup", "memory.max", "memory.current", "file", "shmem"),
    ("sys/fs/cgroup/unified", "memory.max", "memory.current", "file", "shmem"),
    ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_cache", "total_shmem"),
)
# Bytes left: with less, a library may fail for want of memory without saying so, as HDF5 does when it decompresses.
SCARCE = 2**26
NO_MEMORY = re.compile("memory allocation failed|(?:can't|cannot|unable to) allocate", re.IGNORECASE)


class TooLarge(ValueError):
    """A file, undamaged perhaps, whose content takes more memory than is left here."""


def budget() -> int:
    """Half of the memory that is left to this process (bytes): what is computed from a file takes as much again."""
    return left()[0] // 2


def why() -> str:
    """In words: how much memory is left, and which limit says so."""
    size, limit = left()
    return f"as {limit} leaves {size} bytes"


def left(*, root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> tuple[int, str]:
    """The bytes that this process may still take, and which limit says so.

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
    """Yield what is left in each control group that contains this process, from the innermost outwards."""
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers not in ("", "memory") or ".." in Path(name).parts:
            continue
        for groups, most, now, *kept in GROUPS:
            if (controllers == "") != (most == "memory.max"):
                continue
            # in a container the name may be the one outside it: then only the outermost folder exists
            for group in (Path(name), *Path(name).parents):
                folder = root / groups / group.relative_to("/")
                if limit := _number(_text(folder / most)):
                    cache, shared = (_numbers(folder / "memory.stat").get(key, 0) for key in kept)
                    yield limit - (_number(_text(folder / now)) or 0) + max(0, cache - shared), str(folder / most)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _number(text: str) -> int | None:
    """The number that a text is; None for other text, such as "max"."""
    return int(text) if re.fullmatch(r"\s*[0-9]+\s*", text, re.ASCII) else None


def _numbers(path: Path) -> dict[str, int]:
    """The numbers, by name, of a file with a name and a number in each line."""
    lines = re.findall(r"^(\w+):?\s+([0-9]+)\b", _text(path), re.MULTILINE | re.ASCII)
    return {name: int(number) for name, number in lines}


@contextmanager
def naming(path: str | Path, doing: str) -> Iterator[None]:
    """Turn every error for want of memory into a MemoryError that names the file at `path` and the limit.

    doing : "read" or "written". NumPy, the system, PyTorch and HDF5 each report it in their own way.
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
    # h5py fails once more when it closes a file that could not grow
    return error.__context__ is not None and _lacks_memory(error.__context__)
