"""What the files hold that a study's images are read from: digests that tell whether they have changed.

A digest is of names and content, not of times: a touched file is the same. To read nothing twice, a digest is kept
together with the sizes and times of the files that it is of, and computed again only when one of those differs.
Nothing here imports numpy or h5py: snakemake reads it each time. Paths are bytes here, UTF-8 in every locale, as they
are for the jobs.
"""

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from advspectra.files.litter import is_litter
from advspectra_study.plugins import spec

KEPT = Path(".snakemake/advspectra-data.json")  # path -> [digest of sizes and times, digest of names and content]
# Seconds within which a file system may give two changes the same time.
SAME_TIME = 2.0
ANNOUNCED = 10**9  # bytes that take seconds to read

# of a file: what comes after the folder in its path, where it is, its size and times
Entry = tuple[tuple[bytes, ...], bytes, os.stat_result]


def read_paths(dataset: Mapping, library: Path) -> list[str]:
    """The files and folders that a data set's source says that it reads, as the configuration writes them."""
    names = spec("datasets", dataset["source"], library).get("reads", ())
    values = (dataset["options"][name] for name in names)
    return [path for value in values for path in ([value] if isinstance(value, str) else value or ())]


def images_params(dataset: Mapping, code: Mapping, *, images: Path, library: Path, say: Callable[[str], None]) -> dict:
    """What makes images.h5: `source`, `options`, `code`, and `data`, the digest of each path that is read.

    Where the data are gone and images.h5 is there, that is what made it then, so that a study continues with it.
    images : images.h5, which need not exist. say : called with a line that a user should read.
    ValueError if the data are gone and images.h5 was made with another source or other options.
    """
    wanted = {"source": dataset["source"], "options": dataset["options"]}
    data = {path: digest_of(path, say=say) for path in read_paths(dataset, library)}
    gone = [path for path, digest in data.items() if digest is None]
    if gone and images.exists() and (made := _made_by(images)):
        if any(made["parameters"].get(name) != value for name, value in wanted.items()):
            raise ValueError(
                f"{images} was made with another source or other options, and {gone[0]}, from which it would be made "
                "again, is not there or cannot be read: put that back, or the options"
            )
        say(f"{gone[0]} is not there or cannot be read: the study continues with {images}, as that was made")
        return {**made["parameters"], "code": made["code"]}
    there = {path: digest for path, digest in data.items() if digest is not None}
    return {**wanted, **({"data": there} if there else {}), "code": code}


def _made_by(images: Path) -> dict[str, dict]:
    """The parameters and the code that made images.h5; {} if it does not say so.

    ValueError if it cannot be read now: another program has it open, say.
    """
    from advspectra.files.hdf5 import open_foreign  # not above: half a second, needed only where the data are gone

    try:
        with open_foreign(images) as file:
            return {name: json.loads(file.attrs[name]) for name in ("parameters", "code")}
    except (KeyError, ValueError):
        return {}
    except OSError as error:
        raise ValueError(f"the data are gone, and their images cannot be read: {error}") from error


def digest_of(path: str, *, say: Callable[[str], None], kept: Path = KEPT) -> str | None:
    """The SHA-256 of a file, or of the names and contents in a folder; None if there is nothing to read.

    In a folder what is_litter says does not count. An empty folder is nothing: a file system that is not mounted
    looks like that. say : called with a line when the reading takes long. kept : where digests are kept.
    """
    try:
        encoded = path.encode("utf-8", "surrogateescape")
        entries = list(_entries(encoded))
        if not entries:
            return None
        key, state = os.path.abspath(encoded).decode("utf-8", "surrogateescape"), _state(entries)
        known = _known(kept)
        match known.get(key):
            case [before, digest] if before == state:
                return digest
        total = sum(about.st_size for _, _, about in entries)
        if total > ANNOUNCED:
            say(f"reading {path} ({total / 1e9:.1f} GB) once, to tell later whether it has changed")
        start = time.time()
        digest = _content(entries)
        changed = max(about.st_ctime for _, _, about in entries)
        if start - changed > SAME_TIME and _state(list(_entries(encoded))) == state:
            _keep(kept, known | {key: [state, digest]})
        return digest
    except OSError:
        return None


def _entries(path: bytes) -> Iterator[Entry]:
    """Yield the files in a folder, sorted by their names, folder by folder; of a file that alone."""
    try:
        about = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return
    if stat.S_ISDIR(about.st_mode):
        yield from _inside(path, (), {(about.st_dev, about.st_ino)})
    elif stat.S_ISREG(about.st_mode):
        yield (), path, about


def _inside(folder: bytes, parts: tuple[bytes, ...], around: set[tuple[int, int]]) -> Iterator[Entry]:
    with os.scandir(folder) as listed:
        wanted = (entry for entry in listed if not is_litter(os.fsdecode(entry.name)))
        entries = sorted(wanted, key=lambda entry: entry.name)
    for entry in entries:
        try:
            about = entry.stat()
        except FileNotFoundError:  # a link to nothing
            continue
        if stat.S_ISREG(about.st_mode):
            yield (*parts, entry.name), entry.path, about
        elif stat.S_ISDIR(about.st_mode) and (folder_id := (about.st_dev, about.st_ino)) not in around:
            yield from _inside(entry.path, (*parts, entry.name), around | {folder_id})


def _state(entries: list[Entry]) -> str:
    """A digest of names, sizes and times; that of the last change cannot be set back, unlike that of content."""
    digest = hashlib.sha256()
    for parts, _, about in entries:
        facts = about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino
        digest.update(f"{b'/'.join(parts)!r} {facts}\n".encode())
    return digest.hexdigest()


def _content(entries: list[Entry]) -> str:
    """The SHA-256 of a file; of a folder that of the names and digests of its files, as image_folder has it."""
    whole = hashlib.sha256()
    for parts, path, _ in entries:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not parts:
            return digest
        whole.update(b"/".join(parts) + f"\0{digest}\n".encode())
    return whole.hexdigest()


def _known(kept: Path) -> dict[str, list[str]]:
    try:
        known = json.loads(kept.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _keep(kept: Path, known: Mapping[str, list[str]]) -> None:
    """Write what is known; where that cannot be, the next snakemake reads the data again."""
    temporary = kept.with_name(f"{kept.name}.{os.getpid()}")
    try:
        kept.parent.mkdir(exist_ok=True)
        temporary.write_text(json.dumps(known, indent=1), encoding="utf-8")
        temporary.replace(kept)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
