"""Which share of a study's wall time is not computing, and where that time goes.

    python -m benchmarks.overhead --cores 2 results/demo snakemake --configfile workflow/presets/demo.yaml --cores 2

runs the command, which makes the study from its start, and prints a Markdown table of its core seconds (wall seconds
times cores). A job's seconds are those of its process, from the rule's benchmark; it says in its log for how long it
computed: its own work, without starting Python, importing, and hashing the files that it reads.
"""

import argparse
import csv
import subprocess
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """A finished job: its kind, threads, and when it began and ended and for how long it computed, in seconds."""

    kind: str
    threads: int
    start: float
    end: float
    computing: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


def finished_jobs(results: Path, *, threads: int) -> list[Job]:
    """Return the jobs of the study in `results`, those that compute on `threads` threads (train and attack) with them.

    ValueError for a job whose log does not end with its computing time.
    """
    jobs = []
    for benchmark in sorted((results / "benchmarks").rglob("*.tsv")):
        name = benchmark.relative_to(results / "benchmarks").with_suffix("")
        log = results / "logs" / f"{name}.log"
        last = log.read_text().splitlines()[-1].split()
        if last[:2] != ["computed", "for"]:
            raise ValueError(f"{log}: expected 'computed for ... s' as the last line, found {' '.join(last)!r}")
        with open(benchmark) as file:
            seconds = float(next(csv.DictReader(file, delimiter="\t"))["s"])
        kind = name.parts[0]
        single = kind in ("images", "settings", "predictor", "spectra", "tables", "figures")
        end = benchmark.stat().st_mtime  # written when the job ends
        jobs.append(Job(kind, 1 if single else threads, end - seconds, end, float(last[2])))
    return jobs


def table(jobs: list[Job], *, seconds: float, cores: int) -> str:
    """The Markdown table of a run of `seconds` s on `cores` cores: core seconds by kind of job, and the rest."""
    total = seconds * cores
    kinds: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        kinds[job.kind].append(job)
    rows = []
    for kind, members in sorted(kinds.items()):
        taken = sum(job.seconds * job.threads for job in members)
        computing = sum(job.computing * job.threads for job in members)
        rows.append((kind, len(members), taken, computing))
    busy = sum(row[2] for row in rows)
    computing = sum(row[3] for row in rows)
    span = max(job.end for job in jobs) - min(job.start for job in jobs)
    rows += [
        ("idle cores between the first and the last job", "", span * cores - busy, 0),
        ("Snakemake before and after them", "", (seconds - span) * cores, 0),
        ("all", len(jobs), total, computing),
    ]
    lines = ["| | jobs | core s | computing | not computing | of all |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    lines += [
        f"| {name} | {count} | {taken:.1f} | {spent:.1f} | {taken - spent:.1f} | {(taken - spent) / total:.1%} |"
        for name, count, taken, spent in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Run the command of the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="folder of the study, such as results/demo")
    parser.add_argument("--cores", type=int, required=True, help="cores that the command is given")
    parser.add_argument("--threads", type=int, default=1, help="compute.threads of the study")
    parser.add_argument("--seconds", type=float, help="wall time of a study that is finished, instead of a command")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the command that makes the study")
    chosen = parser.parse_args()
    if bool(chosen.command) == (chosen.seconds is not None):
        parser.error("expected either a command or --seconds")
    seconds = chosen.seconds
    if chosen.command:
        start = time.perf_counter()
        subprocess.run(chosen.command, check=True)
        seconds = time.perf_counter() - start
    print(table(finished_jobs(chosen.results, threads=chosen.threads), seconds=seconds, cores=chosen.cores))


if __name__ == "__main__":
    main()
