"""Results that a run is about to replace: kept until the new ones are complete, and given back if they never are.

Snakemake (9.27) removes the outputs of a job before it starts it, and remembers one that failed as if it had made
them. So each output gets a second name beside its own, a hard link, which takes no room: `.<name>.kept`. The job that
has replaced it removes that name. In the end each output that was not replaced gets its own name back, and Snakemake
its memory. On a cluster a job keeps its new results, too, until the last job: the failure of another job of its group
would remove them.
"""

import os
import shutil
from pathlib import Path

# set in the processes that run the jobs of a cluster, in groups
IN_GROUP = "ADVSPECTRA_IN_GROUP"


def second_name(path: str | Path) -> Path:
    """The name under which a result is kept while a job replaces it."""
    path = Path(path)
    return path.with_name(f".{path.name}.kept")


def version(path: str | Path) -> tuple[int, int] | None:
    """What tells a file from another one of the same name; None if there is none."""
    try:
        about = Path(path).stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size


def forget(paths) -> None:
    """Remove the second names of results that were replaced or not touched."""
    for path in paths:
        second_name(path).unlink(missing_ok=True)


def take_back(paths) -> None:
    """Give results their names back, as far as they are kept."""
    for path in paths:
        if second_name(path).exists():
            second_name(path).replace(path)
    forget(paths)  # what had both names, as a rename then does nothing


class Kept:
    """The results that the jobs of one run of Snakemake are about to replace."""

    def __init__(self):
        self._jobs = []
        self._records = {}

    def keep(self, workflow) -> None:
        """Keep the outputs of all jobs that are to run, as far as they are there. Before the first of them.

        Where some are missing, a killed job may have replaced the others: what is kept already is not replaced by them.
        """
        self._jobs = list(workflow.dag.needrun_jobs())
        for job in self._jobs:
            there = [output for output in job.output if Path(output).is_file()]
            keep(one for one in there if len(there) == len(job.output) or not second_name(one).exists())
            self._records |= {output: (version(output), workflow.persistence.metadata(output)) for output in there}

    def give_back(self, workflow) -> None:
        """Give results that were not replaced their names back; remove all other second names. After the last job."""
        memory = workflow.persistence
        for job in self._jobs:
            if all(Path(output).exists() for output in job.output):
                forget(job.output)
                continue
            if not any(second_name(output).exists() for output in job.output):
                continue
            take_back(job.output)
            versions, records = zip(*(self._records.get(output, (None, None)) for output in job.output), strict=True)
            others = versions != tuple(map(version, job.output))
            if others or None in records or not hasattr(memory, "_write_record"):
                # what a killed run or a group has left (or an older Snakemake runs): the job says whether it would make
                # just this
                memory.started(job)
                continue
            for output, record in zip(job.output, records, strict=True):
                memory.cleanup_metadata(output)
                memory._write_record(memory._get_key(output), record)


def keep(paths) -> None:
    """Give results their second names, too, as far as they are there."""
    for path in filter(Path.is_file, map(Path, paths)):
        second_name(path).unlink(missing_ok=True)
        try:
            os.link(path, second_name(path))
        except OSError:  # no hard links here: FAT, some shared folders
            shutil.copy2(path, second_name(path))
