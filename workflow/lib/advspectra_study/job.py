"""What the scripts of all rules share: the job's log, its one clear error, what it keeps while it is unfinished, and
where its results come from.
"""

import gc
import hashlib
import importlib
import json
import os
import platform
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

from advspectra_study.imported import changed
from advspectra.files.hdf5 import attributes_of, open_foreign, recorded_sha256, replacing
from advspectra_study.config.faults import ADDRESS, escaped
from advspectra_study.kept import forget, second_name, take_back
from advspectra_study.maker import making
from advspectra_study.verify.sealed import sealed

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("numpy", "h5py", "torch", "torchvision", "foolbox", "matplotlib", "snakemake")
# what made a result, apart from what it was made from
ORIGIN = ("versions", "commit", "uncommitted")
UNKNOWN_COMMIT = {"commit": "unknown", "uncommitted": "unknown"}

# seconds that this process, which is one job, has spent on what its results are made from, not on making them
_not_computing = 0.0
# adds a line to the log of this job, once there is one
_say = partial(print, file=sys.stderr)


class _Log:
    """The log of a job, to print to. What it has no room for, on a full disk, goes to stderr; the job goes on."""

    def __init__(self, path: str):
        self._file = open(path, "wb", buffering=0)
        self.close = self._file.close

    def write(self, text: str) -> None:
        try:
            self._file.write(text.encode(errors="backslashreplace"))
        except OSError:
            sys.stderr.write(text)


class _Kept(Exception):
    """What the job would make is there already, kept from before a run that was killed."""


@contextmanager
def job(snakemake) -> Iterator[Callable[[str], None]]:
    """Yield a function that adds a line to the job's log; end the script with one clear line when it fails.

    A ValueError or OSError is a fault of what the job was given: its message is the whole story, on stderr and in the
    log. Of any other error the log holds the traceback too. The last line of the log says how long the job computed:
    the time inside the block, without what modules found by name take to import and files to be hashed.
    """
    # what scripts import stays until their end: looking through it then takes half a second if torch is in it
    global _say
    gc.freeze()
    with closing(_Log(snakemake.log[0])) as log:
        _say = lambda line: print(escaped(line), file=log)  # noqa: E731
        try:
            _not_from_the_future(snakemake.input, log)
            _import_all(snakemake.params.code)
            _as_planned(snakemake.params.code)
            if snakemake.output.get("checkpoints"):
                _hold_against_images(snakemake, snakemake.input.images)
            start = time.perf_counter()
            with making(snakemake.output):
                try:
                    yield _say
                except _Kept:
                    forget(snakemake.output.get("kept", ()))  # Snakemake makes the marks, empty files, itself
                    take_back(snakemake.output)
                    print("not computed: it was kept from before", file=log)
            if made := snakemake.output.get("images"):
                _hold_against_images(snakemake, made)
            forget(snakemake.output)
            print(f"computed for {time.perf_counter() - start - _not_computing:.3f} s", file=log)
        except KeyboardInterrupt:
            for place in (log, sys.stderr):
                print(f"rule {snakemake.rule}: stopped by Ctrl-C", file=place)
            sys.exit(130)
        except Exception as error:
            message = ADDRESS.sub("", f"rule {snakemake.rule}: {type(error).__name__}: {error}")
            message = "\n".join(map(escaped, message.split("\n")))
            if not isinstance(error, ValueError | OSError):
                traceback.print_exc(file=log)
            print(message, file=log)
            print(message, file=sys.stderr)
            sys.exit(1)


def _as_planned(code: Mapping[str, str]) -> None:
    """Raise ValueError if this process runs other code than that of the digests given, which its results will state."""
    if names := changed(code):
        files = [
            f"workflow/{name}" if name.startswith("scripts/") else f"workflow/lib/advspectra/{name}" for name in names
        ]
        raise ValueError(
            f"{', '.join(files)}: changed since snakemake planned this job with the code as it was; run snakemake again"
        )


def _hold_against_images(snakemake, images: str) -> None:
    """Raise ValueError for what the study asks of its images that they cannot give: before anything is trained."""
    from advspectra_study.image_checks import require_fit  # here, as it imports torch

    require_fit(snakemake.config, images)


def _not_from_the_future(paths: Iterable[str], log: _Log) -> None:
    """Give files whose time is yet to come the time of now; ValueError if that is refused.

    They come from a machine whose clock is ahead. Snakemake would remove what is made of them: older than its input.
    """
    for path in map(str, paths):
        if os.stat(path).st_mtime > time.time():
            try:
                os.utime(path)
            except OSError as error:
                raise ValueError(
                    f"{path}: its time is later than this machine's, and cannot be set ({error.strerror}); "
                    "set the clock, or the time of the file with touch"
                ) from error
            print(f"{path}: its time was later than this machine's, and is now set to that", file=log)


def provenance(snakemake) -> dict[str, str]:
    """Return what made a job's results, as attributes: the facts of `made_by`, the nested ones as JSON."""
    facts = made_by(snakemake)
    return {name: fact if isinstance(fact, str) else json.dumps(fact, sort_keys=True) for name, fact in facts.items()}


def write_provenance(snakemake, facts: Mapping) -> None:
    """Write the output `provenance`, as JSON.

    The facts of `made_by`; `inputs_made_by`, the `origins` of the inputs; `outputs_sha256`, of the other outputs.
    """
    path = snakemake.output.provenance
    others = {str(output): sha256(output) for output in snakemake.output if output != path}
    with replacing(path) as temporary:
        stated = {**facts, "inputs_made_by": origins(snakemake.input), "outputs_sha256": others}
        temporary.write_text(sealed(stated), encoding="utf-8")


def made_by(snakemake) -> dict[str, str | list | dict]:
    """Return what makes a job's results.

    `parameters`: of the configuration what the rule uses. `code`: digests by module. `versions` of packages.
    `inputs_sha256` by path, of an HDF5 file that of its content. `commit` of the repository; `uncommitted`: what
    differs from it among the files that make results. Free of time, place and host.
    """
    global _not_computing
    start = time.perf_counter()
    parameters = dict(snakemake.params.items())
    code = parameters.pop("code")
    facts = {
        "parameters": parameters,
        "code": code,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "inputs_sha256": {recorded_name(path): sha256(path) for path in snakemake.input},
    }
    facts |= _commit()
    _not_computing += time.perf_counter() - start
    return facts


@contextmanager
def unfinished(snakemake, output: str, *, about: Mapping) -> Iterator:
    """Yield the progress.Progress of the job that makes `output`, removed when the block, which writes that, has ended.

    about : the attributes of the output, from which unfinished work is known as its own. The commit does not count.
    If just this output is kept from before a run that was killed, the job takes it and ends here.
    """
    from advspectra.files.progress import Progress  # here, as half of the jobs do without

    kept = {name: value for name, value in about.items() if name not in ("commit", "uncommitted")}
    if _is_whole(Path(output), kept):
        raise _Kept
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()
    folder = Path(output).with_suffix(".unfinished")
    progress = Progress(folder, about=digest, every=snakemake.resources.save_every, say=_say)
    yield progress
    progress.remove()


def _is_whole(output: Path, about: Mapping) -> bool:
    """Return whether an HDF5 output with these attributes is kept, undamaged, and the history that it states is too."""
    from advspectra_study.verify.reader import Reader  # here, as it imports torch

    path = second_name(output)
    with Reader() as read:
        return path.exists() and read(partial(_holds, kind=output.stem, about=about), str(path)) == (True, "")


def _holds(path: str, *, kind: str, about: Mapping) -> tuple[bool, str]:
    from advspectra.checks import check_result

    try:
        attributes, _ = check_result(path, kind=kind)
        history = attributes.get("history_sha256")
        same = all(np.array_equal(attributes.get(name), value) for name, value in about.items())
        return same and (history is None or history == sha256(second_name(Path(path).with_name("history.csv")))), ""
    except Exception as error:  # of what is damaged: it is made anew
        return False, str(error)


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file; of an HDF5 result that of its content, which stands in it."""
    with open(path, "rb") as file:
        if file.read(8) != b"\x89HDF\r\n\x1a\n":
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest()
    return recorded_sha256(path)


def recorded_name(path: str) -> str:
    """Return the name by which results know an input: of a file of the workflow the same wherever that lies."""
    path = Path(path)
    return str(path.relative_to(ROOT) if path.is_absolute() and path.is_relative_to(ROOT / "workflow") else path)


def recorded_file(name: str) -> Path:
    """Return the file that results know by this name."""
    own = ROOT / name
    return own if name.startswith("workflow/") and own.exists() else Path(name)


def origins(paths: Iterable[str]) -> list[dict]:
    """Return what made the results among some files: `versions`, `commit` and `uncommitted`, each combination once.

    Of a .json also what it says of its own inputs. Other files, and those of older versions, state nothing.
    """
    found = {json.dumps(one, sort_keys=True): one for path in map(str, paths) for one in _stated_origins(path)}
    return [found[key] for key in sorted(found)]


def _stated_origins(path: str) -> Iterator[dict]:
    facts: Mapping = {}
    if path.endswith(".h5"):
        with open_foreign(path) as file:
            about = attributes_of(file)
            facts = {name: str(about[name]) for name in ORIGIN if name in about}
        facts = {name: json.loads(fact) if fact[:1] in ("[", "{") else fact for name, fact in facts.items()}
    elif path.endswith(".json"):
        facts = json.loads(Path(path).read_text(encoding="utf-8"))
    if set(ORIGIN) <= set(facts):
        yield {name: facts[name] for name in ORIGIN}
    yield from facts.get("inputs_made_by", ())


def _commit() -> dict[str, str | list[str]]:
    """Return the commit of the workflow and the files that differ from it; "unknown" without a repository of its own.

    That of a repository around it says nothing about the workflow.
    """

    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(ROOT), *arguments]
        # without what a hook of Git sets, which may name another repository
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        done = subprocess.run(command, capture_output=True, check=True, env=environment)
        return done.stdout.decode(errors="backslashreplace")

    try:
        top = git("rev-parse", "--show-toplevel").removesuffix("\n")
        git("ls-files", "--error-unmatch", "--", "Snakefile")
        if not os.path.samefile(top, ROOT):
            return UNKNOWN_COMMIT
        # -z: names as they are, not quoted; each after two letters and a space
        asked = ("--porcelain", "-z", "--no-renames", "--untracked-files=normal", "--ignore-submodules=none")
        changed = git("status", *asked, "--", "Snakefile", "workflow", "envs")
        names = [entry[3:] for entry in changed.split("\0") if entry]
        return {"commit": git("rev-parse", "HEAD").strip(), "uncommitted": names}
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN_COMMIT


def _import_all(files: Iterable[str]) -> None:
    """Import the modules of advspectra among the files of a code fingerprint."""
    for file in files:
        if not file.startswith("scripts/"):
            importlib.import_module(f"advspectra.{file.removesuffix('.py').replace('/', '.')}")
