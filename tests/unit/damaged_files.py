"""Files of each kind, damaged at random, and what becomes of those who read them."""

import hashlib
import multiprocessing
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from advspectra.files.hdf5 import DIGEST, content_sha256, set_attributes

SECONDS, BYTES = 10, 2**30  # that one file may take; beside them the modules of the process have their own memory
SECTOR = 512


@contextmanager
def changed(path: Path) -> Iterator[h5py.File]:
    """Yield a file to be changed, and put its digest right afterwards: the content is another, and not damaged."""
    with h5py.File(path, "r+") as file:
        yield file
        set_attributes(file, {DIGEST: content_sha256(file)})


# ---- damage: functions of a generator and the bytes of a whole file


def flip(rng: np.random.Generator, content: bytearray) -> bytearray:
    """One bit to a hundred, anywhere."""
    for place in rng.integers(0, len(content), rng.choice([1, 1, 1, 10, 100])):
        content[place] ^= 1 << rng.integers(8)
    return content


def flip_at_the_start(rng: np.random.Generator, content: bytearray) -> bytearray:
    """One bit in the first 4 kB, where HDF5 says how the file is laid out."""
    content[rng.integers(0, min(4096, len(content)))] ^= 1 << rng.integers(8)
    return content


def zero_sectors(rng: np.random.Generator, content: bytearray) -> bytearray:
    """One sector to four."""
    for sector in rng.integers(0, -(-len(content) // SECTOR), rng.choice([1, 1, 2, 4])):
        end = min(len(content), (sector + 1) * SECTOR)
        content[sector * SECTOR : end] = bytes(end - sector * SECTOR)
    return content


def truncate(rng: np.random.Generator, content: bytearray) -> bytearray:
    """Any length, or without a few bytes at the end."""
    return content[: rng.choice([rng.integers(0, len(content)), max(0, len(content) - rng.integers(1, 9))])]


def swap(rng: np.random.Generator, content: bytearray) -> bytearray:
    """Two blocks of 64 to 4096 bytes."""
    size = min(int(rng.choice([64, SECTOR, 4096])), len(content) // 2)
    first, second = rng.integers(0, len(content) - size + 1, 2)
    one, other = bytes(content[first : first + size]), bytes(content[second : second + size])
    content[first : first + size], content[second : second + size] = other, one
    return content


def grow(rng: np.random.Generator, content: bytearray) -> bytearray:
    """Bytes at the end, or more of them somewhere inside."""
    more = rng.bytes(int(rng.choice([1, 100, SECTOR])))
    place = rng.choice([len(content), rng.integers(0, len(content) + 1)])
    return content[:place] + more + content[place:]


DAMAGES = (flip, flip_at_the_start, zero_sectors, truncate, swap, grow)


# ---- what readers make of it


@dataclass(frozen=True)
class Kind:
    """A kind of file. write(folder) returns the path of a good one; read(path) what a reader finds in it.

    read returns bytes, the same for the same values, or None where it says, by that, that there is nothing to use.
    """

    write: Callable[[Path], Path]
    read: Callable[[Path], bytes | None]


@dataclass
class Outcomes:
    """How often each outcome was seen, and all that may not be, each a line."""

    counts: Counter = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0
    memory: int = 0  # bytes more than before, at most


def outcomes(kinds: str, count: int, *, seed: int, folder: Path) -> Outcomes:
    """Damage `count` files of the kinds in turn, and have them read in a process that is bound in time and memory.

    kinds : "module:name" of a dict of Kind by name.
    """
    found = Outcomes()
    rng = np.random.default_rng(seed)
    whole: dict[str, tuple[Path, bytes, bytes]] = {}
    reader = Reader(kinds)
    try:
        for name, kind in load(kinds).items():
            (folder / name).mkdir(parents=True)
            path = kind.write(folder / name)
            answer, value, *_ = reader.read(name, path)
            assert answer == "value", f"{name}: a good file was not read: {value}"
            whole[name] = path, path.read_bytes(), value
        for number in range(count):
            name = list(whole)[number % len(whole)]
            path, content, value = whole[name]
            damage = DAMAGES[number // len(whole) % len(DAMAGES)]
            broken = bytes(damage(rng, bytearray(content)))
            # a new file, as a process believes what it knows of one that has not changed
            path.unlink()
            path.write_bytes(broken)
            answer, said, seconds, memory = reader.read(name, path)
            found.slowest, found.memory = max(found.slowest, seconds), max(found.memory, memory)
            outcome = judged(answer, said, path=path, value=value, same=broken == content)
            found.counts[name, outcome] += 1
            if outcome not in GOOD:
                found.faults.append(f"{name} {number} {damage.__name__}: {outcome}: {said!r}")
    finally:
        reader.stop()
    return found


GOOD = ("one line that names it", "nothing to use", "the same values", "not damaged")


def judged(answer: str, said, *, path: Path, value: bytes, same: bool) -> str:
    """Return the outcome in words; those of GOOD may be."""
    if answer == "value":
        if same:
            return "not damaged"
        return "nothing to use" if said is None else "the same values" if said == value else "changed values accepted"
    if answer != "error":
        return answer
    kind, text = said
    if kind not in ("ValueError", "OSError", "BlockingIOError"):
        return f"{kind}"
    return "one line that names it" if str(path) in text and text.isprintable() else "unclear words"


class Reader:
    """A process that reads files, started anew where one of them ends it or keeps it too long."""

    def __init__(self, kinds: str):
        self._kinds = kinds
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, self._kinds), daemon=True)
        self._process.start()
        other.close()
        self._pipe.recv()

    def read(self, name: str, path: Path) -> tuple[str, object, float, int]:
        """Return what came of it, what was said or read, seconds and bytes of memory that it took at its most."""
        start = time.monotonic()
        self._pipe.send((name, path))
        try:
            if self._pipe.poll(SECONDS):
                return *self._pipe.recv()[:2], time.monotonic() - start, self._pipe.recv()
            answer = f"over {SECONDS} s"
        except EOFError:
            answer = "crashed"
        self.stop()
        self._start()
        return answer, "", time.monotonic() - start, 0

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()


def load(kinds: str) -> Mapping[str, Kind]:
    """Return the kinds that "module:name" names."""
    module, name = kinds.split(":")
    return getattr(__import__(module), name)


def _serve(pipe, kinds: str) -> None:
    known = load(kinds)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + BYTES, size + BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pipe.send("ready")
    while True:
        name, path = pipe.recv()
        try:
            answer = "value", known[name].read(path)
        except Exception as error:
            answer = "error", (type(error).__name__, str(error))
        pipe.send(answer)
        pipe.send(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))


# ---- all values of an HDF5 file, read without any of our readers


def values_of(path: Path) -> bytes:
    """Return a digest of all attributes, arrays and scales of an HDF5 file."""
    digest = hashlib.sha256()

    def take(name: str, item) -> None:
        for key in sorted(set(item.attrs) - {"DIMENSION_LIST", "REFERENCE_LIST"}):
            value = item.attrs[key]
            value = np.bytes_(value.encode()) if isinstance(value, str) else value
            digest.update(
                f"{name}@{key} {np.asarray(value).dtype} {np.shape(value)}".encode() + np.asarray(value).tobytes()
            )
        if isinstance(item, h5py.Dataset):
            digest.update(f"{name} {item.dtype} {item.shape}".encode() + item[()].tobytes())
            digest.update(str([[scale.name for scale in axis.values()] for axis in item.dims]).encode())

    with h5py.File(path) as file:
        take("", file)
        file.visititems(take)
    return digest.digest()


# ---- readers that no file may have, to try the above


def spin(_):
    while True:
        pass


def fill_the_memory(_):
    return len(bytearray(2 * BYTES)).to_bytes(8, "little")


def speak_unclearly(_):
    raise RuntimeError("wrong object header version")


BAD = {
    "spins": Kind(None, spin),
    "fills the memory": Kind(None, fill_the_memory),
    "speaks unclearly": Kind(None, speak_unclearly),
}
