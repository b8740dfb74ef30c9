"""Snakemake with nothing to compute: a finished study, and the plan of the paper's whole study."""

import re
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import yaml

from benchmarks.timing import ROOT, Contender

PARTS = ("Snakefile", "config.yaml", "workflow", "profiles", "envs")
# Prints the peak resident memory (KiB on Linux) of the command that follows it: the largest of its child processes.
MEMORY_OF = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, "
    "stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def _snakemake(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"snakemake {' '.join(arguments)} failed in {folder}: {done.stderr[-2000:]}")
    return done.stdout + done.stderr


def _facts(folder: Path, *arguments: str):
    def facts(output: str) -> dict:
        total = re.search(r"^total +(\d+)", output, flags=re.MULTILINE)
        command = [sys.executable, "-c", MEMORY_OF, sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
        peak = int(subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout)
        unit = 2**20 if sys.platform == "darwin" else 2**10
        return {"jobs": int(total[1]) if total else 0, "peak_memory_mib": peak / unit}

    return facts


def start_plan():
    """A dry run of config.yaml in a folder without any result."""
    folder = copy_of_workflow()

    def run(folder=folder):
        return _snakemake(Path(folder.name), "--dry-run")

    return run, _facts(Path(folder.name), "--dry-run")


def start_finished(folder: Path | None, config: str | None):
    """A run of a study that has all its results: the one given, or a small one that is run first.

    ValueError if the study given is not finished.
    """
    held = None
    if folder is None:
        held = copy_of_workflow()
        folder, config = Path(held.name), "tiny.yaml"
        (folder / config).write_text(yaml.safe_dump(tiny_study(), sort_keys=False))
        _snakemake(folder, "--configfile", config)
    arguments = ("--configfile", config)
    if "Nothing to be done" not in (plan := _snakemake(folder, "--dry-run", *arguments)):
        raise ValueError(f"{folder}: expected a finished study, found jobs to do: {plan[-2000:]}")

    def run(held=held):  # the folder lives as long as this function
        return _snakemake(folder, *arguments)

    return run, _facts(folder, *arguments)


def copy_of_workflow() -> tempfile.TemporaryDirectory:
    folder = tempfile.TemporaryDirectory()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, Path(folder.name) / part)
    return folder


def tiny_study() -> dict:
    """The study of the workflow's own tests."""
    sys.path.insert(0, str(ROOT / "tests" / "workflow"))
    from study import CONFIG

    return CONFIG


def contenders(finished: tuple[Path, str] | None) -> list[list[Contender]]:
    """The dry run of config.yaml, and the no-op run of a small study and of `finished`: (folder, configfile)."""
    starts = {
        "dry run of config.yaml": partial(start_plan),
        "finished small study": partial(start_finished, None, None),
    }
    if finished is not None:
        starts[f"finished {Path(finished[1]).stem}"] = partial(start_finished, *finished)
    return [[Contender("snakemake", case, "snakemake", start, amount=1)] for case, start in starts.items()]
