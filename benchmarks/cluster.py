"""What does a cluster cost a study of hundreds of small jobs, submitted in groups or one by one? See --help.

    python -m benchmarks.cluster

starts a SLURM of pretended nodes on this host (tests/cluster/slurm.py: as root, on Debian), runs the same study on it,
of one small network from many seeds, as profiles/slurm submits it and with each job by itself, and writes
benchmarks/results/<name>/cluster.{csv,md}. What a job takes is from its benchmark file, what a submission from sacct.
"""

import argparse
import copy
import csv
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import yaml

from advspectra.table import Column, Table
from benchmarks import report
from benchmarks.timing import ROOT
from benchmarks.workflow import copy_of_workflow, tiny_study

sys.path.insert(0, str(ROOT / "tests/cluster"))
from slurm import Cluster, install, unavailable  # noqa: E402

NODES = 2
MEMORY = 8000  # MB of each
COLUMNS = (
    Column("submitted", "jobs are submitted"),
    Column("jobs", "jobs"),
    Column("submissions", "submissions"),
    Column("wall", "wall time, s", 0),
    Column("held", "s of nodes held", 0),
    Column("computing", "s of the jobs themselves", 0),
    Column("overhead", "s held beyond them, for each job", 1),
    Column("processor", "processor s of the submissions", 0),
)
NOTES = (
    "Jobs: those that run on nodes; with those on the head node (settings, tables, figures) the study has {all}. Each "
    "starts Python and imports PyTorch, which is counted as the job's own. A submission starts Snakemake, "
    "and it another for each network in the group.",
    "The nodes, of one processor each, share the processors of this host with Snakemake and SLURM.",
)


def study(seeds: int) -> dict:
    """The study of the workflow's tests, with one linear network, two attacks and `seeds` seeds."""
    config = copy.deepcopy(tiny_study())
    config |= {"seeds": list(range(seeds)), "networks": config["networks"][:1], "transfers": [], "lines": []}
    config["training"]["checkpoints"] = {"steps": [], "epochs": []}
    first, second = config["attacks"]
    config["attacks"] = [first, {**second, "networks": "all", "checkpoints": ["best"]}]
    return config


def run(config: dict, folder: Path, *, grouped: bool) -> dict:
    """Run the study on a new cluster; return a row of the table."""
    held = copy_of_workflow()
    place = Path(held.name)
    (place / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    command = [sys.executable, "-m", "snakemake", "--workflow-profile", "profiles/slurm", "--configfile", "study.yaml"]
    if not grouped:
        # no run is light, and of other runs each job that has a group is one by itself
        costs = place / "workflow/lib/advspectra_study/plan/costs.py"
        costs.write_text(re.sub("^LIGHT = .*", "LIGHT = 0", costs.read_text(), flags=re.MULTILINE))
        command += ["--group-components", "light=1", "small=1"]
    with Cluster(folder, accounting=True, nodes=NODES, memory=MEMORY, gpus=0) as cluster:
        start = time.perf_counter()
        done = subprocess.run(
            command, cwd=place, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True
        )
        wall = time.perf_counter() - start
        if done.returncode:
            raise ValueError(f"the study failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        time.sleep(10)  # until the last job's record is complete
        fields = ["sacct", "--noheader", "--parsable2", "--format=JobID,ElapsedRaw,TotalCPU"]
        lines = [line.split("|") for line in cluster.command(*fields).splitlines()]
        # a submission has a line, and each of its steps; the time on the processor stands with the steps
        submissions = [line for line in lines if "." not in line[0]]
        processor = sum(_seconds(one) for number, _, one in lines if "." in number)
    benchmarks = place / "results" / config["study"] / "benchmarks"
    on_nodes = [path for path in benchmarks.rglob("*.tsv") if _is_on_nodes(path.relative_to(benchmarks))]
    seconds = [float(next(csv.DictReader(path.read_text().splitlines(), delimiter="\t"))["s"]) for path in on_nodes]
    elapsed = sum(float(one) for _, one, _ in submissions)
    return {
        "submitted": "in groups" if grouped else "one by one",
        "jobs": len(on_nodes),
        "submissions": len(submissions),
        "wall": wall,
        "held": elapsed,
        "computing": sum(seconds),
        "overhead": (elapsed - sum(seconds)) / len(on_nodes),
        "processor": processor,
        "all": int(re.search(r"^total +(\d+)", done.stdout + done.stderr, flags=re.MULTILINE)[1]),
    }


def _is_on_nodes(path: Path) -> bool:
    return path.parts[0] not in ("images.tsv", "settings", "tables", "figures")


def _seconds(text: str) -> float:
    """SLURM's [[days-]hours:]minutes:seconds in seconds."""
    days, _, clock = text.rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = 60 * seconds + float(part)
    return 86400 * int(days or 0) + seconds


def main() -> None:
    """Run both; write the table after each."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.cluster", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--name", default="local", help="results go to benchmarks/results/<name>/")
    parser.add_argument("--seeds", type=int, default=42, help="networks; each is seven jobs")
    chosen = parser.parse_args()
    if reason := unavailable():
        parser.error(reason)
    install()
    folder = ROOT / "benchmarks/results" / chosen.name
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict] = []
    with tempfile.TemporaryDirectory() as place:
        for grouped in (True, False):
            row = run(study(chosen.seeds), Path(place) / f"cluster-{grouped}", grouped=grouped)
            everywhere = row.pop("all")
            rows.append(row)
            notes = tuple(note.format(all=everywhere) for note in NOTES)
            table = Table("A study of small jobs on SLURM", COLUMNS, tuple(rows), notes)
            about = report.machine(torch.device("cpu"), 1)
            about["cluster"] = f"SLURM on this host, {NODES} nodes of one processor, with accounting"
            report.write_table(folder, "cluster", table, about)
    print(folder / "cluster.md")


if __name__ == "__main__":
    main()
