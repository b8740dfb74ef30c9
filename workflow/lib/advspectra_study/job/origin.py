"""What makes the results of a job, as they state it: parameters, code, versions, commit, and digests of the inputs."""

import hashlib
import json
import os
import platform
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from advspectra.files.atomic import write_whole
from advspectra_study.job.sealed import sealed

ROOT = Path(__file__).resolve().parents[4]
PACKAGES = ("numpy", "h5py", "torch", "torchvision", "foolbox", "matplotlib", "snakemake")
# what made a result, apart from what it was made from
ORIGIN = ("versions", "commit", "uncommitted")
UNKNOWN_COMMIT = {"commit": "unknown", "uncommitted": "unknown"}

# seconds that this process, which is one job, has spent on stating provenance, not on making its results
_spent = 0.0


def seconds_spent() -> float:
    """The time (s) that this process has spent in `made_by`, most of it on digests of inputs."""
    return _spent


def provenance(snakemake) -> dict[str, str]:
    """What made a job's results, as attributes: the facts of `made_by`, the nested ones as JSON."""
    facts = made_by(snakemake)
    return {name: fact if isinstance(fact, str) else json.dumps(fact, sort_keys=True) for name, fact in facts.items()}


def write_provenance(snakemake, facts: Mapping) -> None:
    """Write the output `provenance`, as JSON.

    The facts of `made_by`; `inputs_made_by`, the `origins` of the inputs; `outputs_sha256`, of the other outputs.
    """
    path = snakemake.output.provenance
    others = {str(output): sha256(output) for output in snakemake.output if output != path}
    stated = {**facts, "inputs_made_by": origins(snakemake.input), "outputs_sha256": others}
    write_whole(path, sealed(stated))


def made_by(snakemake) -> dict[str, str | list | dict]:
    """What makes a job's results; free of time, place and host.

    `parameters`: the part of the configuration that the rule uses. `code`: digests by module. `versions` of packages.
    `inputs_sha256` by path; for an HDF5 file, the digest of its content. `commit` of the repository; `uncommitted`: the
    files that make results and differ from that commit.
    """
    global _spent
    start = time.perf_counter()
    parameters = dict(snakemake.params.items())
    code = parameters.pop("code")
    facts = {
        "parameters": parameters,
        "code": code,
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "inputs_sha256": {recorded_name(path): _input(str(path))[0] for path in snakemake.input},
    }
    facts |= _commit()
    _spent += time.perf_counter() - start
    return facts


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file; of an HDF5 result the digest of its content, which the file states."""
    if not _is_hdf5(path):
        return _file_digest(path)
    from advspectra.files.hdf5 import recorded_sha256  # here, as jobs of texts alone do without h5py and NumPy

    return recorded_sha256(path)


def origins(paths: Iterable[str]) -> list[dict]:
    """What made the results among some files: `versions`, `commit` and `uncommitted`, each combination once.

    A .json also states the origins of its own inputs. Other files, and those of older versions, state nothing.
    """
    stated = {
        json.dumps(origin, sort_keys=True): origin for path in map(str, paths) for origin in _stated_origins(path)
    }
    return [stated[key] for key in sorted(stated)]


def recorded_name(path: str) -> str:
    """The name by which results know an input; for a file of the workflow, the same wherever the workflow lies."""
    path = Path(path)
    return str(path.relative_to(ROOT) if path.is_absolute() and path.is_relative_to(ROOT / "workflow") else path)


def recorded_file(name: str) -> Path:
    """The file that results know by this name."""
    own = ROOT / name
    return own if name.startswith("workflow/") and own.exists() else Path(name)


@cache
def _input(path: str) -> tuple[str, str | dict[str, str]]:
    """The digest of a file and what it states of its making: a JSON text, or attributes. Inputs stay while a job runs,
    so each is read once.
    """
    if _is_hdf5(path):
        from advspectra.files.hdf5 import DIGEST, attributes_of, open_foreign, recorded_sha256

        with open_foreign(path) as file:
            about = attributes_of(file)
        digest = str(about[DIGEST]) if DIGEST in about else recorded_sha256(path)
        return digest, {name: str(about[name]) for name in ORIGIN if name in about}
    if path.endswith(".json"):
        content = Path(path).read_bytes()
        return hashlib.sha256(content).hexdigest(), content.decode()
    return _file_digest(path), {}


def _stated_origins(path: str) -> Iterator[dict]:
    _, stated = _input(path)
    if isinstance(stated, str):
        facts: Mapping = json.loads(stated)
    else:
        facts = {name: json.loads(fact) if fact[:1] in ("[", "{") else fact for name, fact in stated.items()}
    if set(ORIGIN) <= set(facts):
        yield {name: facts[name] for name in ORIGIN}
    yield from facts.get("inputs_made_by", ())


def _is_hdf5(path: str | Path) -> bool:
    with open(path, "rb") as file:
        return file.read(8) == b"\x89HDF\r\n\x1a\n"


def _file_digest(path: str | Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _commit() -> dict[str, str | list[str]]:
    """The commit of the workflow and the files that differ from it; "unknown" without a repository of its own.

    The commit of a repository around it says nothing about the workflow.
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
