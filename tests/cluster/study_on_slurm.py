"""Studies that run on a cluster of slurm.py, and what is wanted of them: the results of a run without it."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from interruption import unfinished
from study import HEED_INTERRUPTS, Study
from trap import add_attack

# PGD, which says when it had which GPUs.
WITNESS = '''
"""Linf PGD, which says in gpus/<SLURM job> when it had which GPUs."""

import os
import time
from pathlib import Path

from advspectra.attacks import linf_pgd

SPEC = {spec}


def build(**options):
    start = time.time()
    time.sleep(8)
    line = f"{{os.environ.get('CUDA_VISIBLE_DEVICES', '')}} {{start}} {{time.time()}}"
    Path("gpus").mkdir(exist_ok=True)
    Path(f"gpus/{{os.environ['SLURM_JOB_ID']}}").write_text(line)
    return linf_pgd.build(**options)
'''


class StudyOnSlurm(Study):
    """A study in a folder of its own, with the commands that run it on a cluster."""

    def __init__(self, folder: Path, config: dict, *, attack: str | None = None):
        """folder : is made. attack : source of the family `trial`, TRAP or WITNESS."""
        folder.mkdir()
        self.process: subprocess.Popen | None = None
        super().__init__(folder, config)
        if attack is not None:
            add_attack(self, attack)

    def start(self, *arguments: str, configuration: str = "study.yaml", **variables: str) -> None:
        """Start snakemake as a user does, but for shorter waits; variables : of its environment."""
        command = [sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/slurm"]
        command += ["--slurm-init-seconds-before-status-checks", "5", *arguments, "--configfile", configuration]
        with open(self.folder / "snakemake.out", "a") as output:
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdout=output,
                stderr=output,
                env=os.environ | {"NO_COLOR": "1", "OMP_NUM_THREADS": "1"} | variables,
                **HEED_INTERRUPTS,
            )

    def finish(self, *, seconds: float = 900) -> None:
        """Wait for snakemake and demand success."""
        assert self.process.wait(seconds) == 0, self.output()

    def kill(self) -> None:
        """Kill snakemake, as `kill -9` does; its jobs go on."""
        self.process.kill()
        self.process.wait()

    def output(self) -> str:
        return (self.folder / "snakemake.out").read_text()

    def set_trap(self, what: str, seconds: float = 600) -> None:
        """what : "sleep", or "allocate", more memory than a job may have."""
        (self.folder / "trap").write_text(f"{what} {seconds}")

    def trapped(self) -> str:
        """Wait until a job is in the trap, where it has kept some of its work; return its number."""
        sprung = self.folder / "sprung"
        wait_for(lambda: sprung.exists() and sprung.read_text() != "", seconds=180)
        assert unfinished(self, "perturbations")
        return sprung.read_text()

    def results(self) -> dict[str, bytes]:
        """Return the tables and pictures by their names."""
        (study,) = [path for path in (self.folder / "results").iterdir() if path.is_dir()]
        files = [*study.glob("tables/*.csv"), *study.glob("figures/**/*.png")]
        return {str(file.relative_to(study)): file.read_bytes() for file in files}


def assert_same(found: dict[str, bytes], expected: dict[str, bytes]) -> None:
    """Demand the same files with the same bytes."""
    assert found.keys() == expected.keys() and expected
    assert [name for name in expected if found[name] != expected[name]] == []


def minutes(limit: str) -> int:
    """Return a time limit such as 1-02:30:00."""
    days, _, clock = limit.rpartition("-")
    hours, minute, _ = clock.split(":")
    return int(days or 0) * 1440 + int(hours) * 60 + int(minute)


def wait_for(condition: Callable[[], bool], *, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited for {seconds} s in vain"
        time.sleep(0.5)
