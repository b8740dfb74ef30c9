"""A copy of the workflow with a study small enough to run in a test."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import yaml
from forked import Snakemake

ROOT = Path(__file__).parents[2]
# for Popen: heed an interrupt also where the tests run in the background of a shell, whose processes ignore it
HEED_INTERRUPTS = {"preexec_fn": partial(signal.signal, signal.SIGINT, signal.SIG_DFL)}
SNAKEMAKE = Snakemake()
PARTS = ("Snakefile", "config.yaml", "workflow", "profiles", "envs")

CONFIG = {
    "study": "tiny",
    "seeds": [0],
    "dataset": {
        "name": "bands",
        "source": "band_features",
        "options": {
            "classes": 2,
            "train_per_class": 64,
            "test_per_class": 16,
            "image_size": [12, 12],
            "channels": 3,
            "band": {"low": 2, "high": 4},
            "orientation": None,
            "contrast": 1.0,
            "background_rms": 0.1,
            "exponent": 1,
            "channel_correlation": 0.9,
            "seed": 0,
        },
    },
    "compute": {"device": "cpu", "threads": 1, "precision": "float32"},
    "networks": [
        {
            "name": "fully_connected",
            "architecture": "fully_connected",
            "options": {"hidden_units": 8},
            "activations": ["linear"],
            "depths": [1],
            "alphas": [1],
            "learning_rate": 0.01,
        },
        {
            "name": "bounded_width_3",
            "architecture": "bounded_width_convolution",
            "options": {"channels": 3, "kernel_size": 3},
            "activations": ["relu"],
            "depths": [1],
            "alphas": [1],
            "learning_rate": 0.01,
        },
    ],
    "initialization": {"alpha_scaling": "function_preserving"},
    "training": {
        "epochs": 1,
        "batch_size": 32,
        "momentum": 0.9,
        "weight_decay": 0,
        "schedule": {"factor": 0.3, "every": 4, "reset_at": None},
        "augmentation": {"flip": False, "crop": 0},
        "search": {"base": 0.1, "divisors": [1, 10], "chance_margin": 0.02, "patience": 1},
        "selection": {"by": "test", "held_out_fraction": 0},
        "checkpoints": {"steps": [0], "epochs": []},
    },
    "attacks": [
        {
            "name": "pgd",
            "family": "linf_pgd",
            "options": {"epsilon": "8/255", "parameters": {"steps": 3, "rel_stepsize": 0.5}},
            "images": 8,
            "batch_size": 4,
            "checkpoints": ["best"],
        },
        {
            "name": "minimal",
            "family": "minimal_linf_pgd",
            "options": {"epsilon": "64/255", "tolerance": "4/255", "parameters": {"steps": 3, "rel_stepsize": 0.5}},
            "images": 8,
            "networks": ["bounded_width_3"],
            "checkpoints": "all",
        },
    ],
    "transfers": [{"name": "moved", "attack": "minimal"}],
    "lines": [{"attack": "minimal", "images": 4, "exact_images": 2}],
    "spectra": {"conventions": ["paper", "rgb"], "images": "all", "angular_bins": 12},
    "summary": {"attack": "pgd", "checkpoint": "best", "convention": "paper"},
    "claims": {"snapshots": "minimal", "transfer": "moved", "minimal": "minimal"},
    "figures": {"dpi": 50},
}


class Study:
    """A folder with the workflow and a configuration, in which snakemake can be run.

    targets : what is asked for in each run, besides its arguments; nothing for the whole study.
    """

    targets: tuple[str, ...] = ()

    def __init__(self, folder: Path, config: dict, *targets: str):
        self.folder, self.targets = folder, targets
        folder.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, folder / part)
        self.configure(config)

    def configure(self, config: dict) -> None:
        (self.folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    def command(self, *arguments: str, cores: int = 2) -> list[str]:
        return [sys.executable, "-m", "snakemake", *self.arguments(*arguments, cores=cores)]

    def arguments(self, *arguments: str, cores: int = 2) -> list[str]:
        return [*self.targets, *arguments, "--cores", str(cores), "--configfile", "study.yaml"]

    def snakemake(self, *arguments: str, cores: int = 2) -> subprocess.CompletedProcess:
        return SNAKEMAKE.run(self.arguments(*arguments, cores=cores), self.folder, NO_COLOR="1")

    def run(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run snakemake and demand success."""
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def planned(self, *arguments: str) -> list[str]:
        """Return the jobs that snakemake would run, sorted: the rule, and what its wildcards are."""
        output = self.run("--dry-run", *arguments).stdout
        blocks = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", output, flags=re.MULTILINE)
        found = []
        for rule, body in blocks:
            wildcards = re.search(r"^    wildcards: (.*)$", body, flags=re.MULTILINE)
            values = re.findall(r"\w+=(\S+?)(?:,|$)", wildcards[1]) if wildcards else []
            found.append(":".join([rule, *values]))
        return sorted(job for job in found if job != "all")


def copied(study: Study, folder: Path) -> Study:
    """Return a copy of a study, to be changed."""
    shutil.copytree(study.folder, folder, dirs_exist_ok=True, symlinks=True)
    copy = Study.__new__(Study)
    copy.folder, copy.targets = folder, study.targets
    return copy


def shared(tmp_path_factory, name: str, make: Callable[[Path], object], *targets: str) -> Study:
    """A study that the processes of a test run make once; each gets a copy of its own.

    make : makes it in a folder. targets : of its copy.
    """
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    original, made = Study.__new__(Study), root / f"{name}.made"
    original.folder, original.targets = root / name, targets
    with open(root / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            make(original.folder)
            made.touch()
    return copied(original, tmp_path_factory.mktemp(name))


def made_with(folder: Path, config: dict, added: str, targets: Sequence[str]) -> None:
    """Make a finished study, with lines added to the module of its attack."""
    study = Study(folder, config, *targets)
    with open(study.folder / "workflow/lib/advspectra/attacks/linf_pgd.py", "a") as file:
        file.write(added)
    study.run()
