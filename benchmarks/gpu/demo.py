"""The demo through Snakemake on this device, several jobs at once on one card; its tables against those of a CPU.

These travel along in .gpu/demo-tables. Without them the demo runs on the CPU too, at the same time.
"""

import csv
import math
import os
import shutil
import subprocess
import sys
import time
from itertools import zip_longest
from pathlib import Path

import yaml

from advspectra.table import Column
from benchmarks.gpu.rows import Rows, seconds_left
from benchmarks.overhead import finished_jobs
from benchmarks.timing import ROOT

COLUMNS = (
    Column("what", "what"),
    Column("device", "device"),
    Column("seconds", "seconds"),
    Column("jobs", "jobs"),
    Column("at_once", "jobs on the card at once, at most"),
    Column("cells", "numbers"),
    Column("equal", "equal to 6 digits"),
    Column("within_1_percent", "within 1 %"),
    Column("largest", "largest relative difference"),
    Column("note", "note"),
)
CPU_TABLES = ROOT / ".gpu/demo-tables"
PARTS = ("Snakefile", "config.yaml", "workflow", "profiles", "envs")
ON_THE_CARD = ("train", "pgd", "minimal_pgd", "pgd_transfer", "lines")
GPU_JOBS = 12  # at once on one card


def demo_config(*, toy: bool) -> dict:
    """Return the demo; at toy size one linear network of it and one attack."""
    with open(ROOT / "workflow/presets/demo.yaml", encoding="utf-8") as file:
        config = yaml.safe_load(file)
    if toy:
        config["networks"] = [config["networks"][0] | {"activations": ["linear"]}]
        config["attacks"] = [config["attacks"][0] | {"images": 20}]
        config["transfers"], config["lines"] = [], []
        config["claims"] |= {"transfer": None, "minimal": None}
        config["training"] |= {"epochs": 1}
    return config


def start(folder: Path, config: dict, device: str, cores: int, targets: list[str]) -> subprocess.Popen:
    """Start the study in a copy of the workflow."""
    folder.mkdir(parents=True)
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, folder / part)
    config = config | {"compute": config["compute"] | {"device": device}}
    (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    command = [sys.executable, "-m", "snakemake", *targets, "--cores", str(cores), "--configfile", "study.yaml"]
    command += ["--resources", f"gpu={GPU_JOBS}", "--keep-going", "--quiet", "rules"]
    log = open(folder / "log.txt", "w")
    return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)


def overlap(results: Path) -> tuple[int, int]:
    """Return the number of jobs, and how many were on the card at once at most."""
    jobs = finished_jobs(results, threads=1)
    there = [job for job in jobs if job.kind in ON_THE_CARD]
    most = max((sum(other.start <= job.start < other.end for other in there) for job in there), default=0)
    return len(jobs), most


def compare(one: Path, other: Path) -> dict:
    """Return how the numbers of two CSV files differ; text is compared too, and counts as infinitely different."""
    with open(one, newline="") as first, open(other, newline="") as second:
        rows = zip_longest(csv.reader(first), csv.reader(second), fillvalue=[])
        cells = [pair for left, right in rows for pair in zip_longest(left, right, fillvalue="")]
    differences = [_difference(*pair) for pair in cells if any(_is_number(cell) for cell in pair)]
    texts = sum(a != b for a, b in cells if not (_is_number(a) or _is_number(b)))
    count = len(differences)
    return {
        "cells": count,
        "equal": sum(difference == 0 for difference in differences),
        "within_1_percent": sum(difference <= 0.01 for difference in differences),
        "largest": max(differences, default=0.0),
        "note": f"{texts} texts differ" if texts else None,
    }


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _difference(one: str, other: str) -> float:
    if not (_is_number(one) and _is_number(other)):
        return math.inf
    a, b = float(one), float(other)
    return abs(a - b) / max(abs(a), abs(b)) if a != b else 0.0


def main() -> None:
    """Run both at once, each on half of the cores, and compare their tables."""
    out, work, device = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    rows, toy = Rows(out, "demo", COLUMNS), sys.argv[4] == "toy"
    config = demo_config(toy=toy)
    targets = [f"results/{config['study']}/tables/{table}.csv" for table in ("table1", "table4")] if toy else []
    devices = {"this device": device} | ({} if CPU_TABLES.exists() and not toy else {"the CPU": "cpu"})
    cores = max(1, os.cpu_count() // len(devices))
    results = {name: work / name.replace(" ", "-") / "results" / config["study"] for name in devices}
    began = time.time()
    running = {}
    for name, where in devices.items():
        running[name] = (start(results[name].parents[1], config, where, cores, targets), where)
    while running and seconds_left() > 2:
        for name, (process, where) in list(running.items()):
            if process.poll() is not None:
                del running[name]
                _finished(rows, name, where, process.returncode, results[name], time.time() - began)
        time.sleep(0.2)
    for name, (process, where) in running.items():
        process.kill()
        _finished(rows, name, where, None, results[name], time.time() - began)
    folders = [folder / "tables" for folder in results.values()]
    folders += [CPU_TABLES] if len(folders) == 1 else []
    tables = [{path.name for path in folder.glob("*.csv")} for folder in folders]
    for name in sorted(tables[0] & tables[1]):
        rows.add(what=name, **compare(*(folder / name for folder in folders)))


def _finished(rows: Rows, name: str, where: str, code: int | None, results: Path, seconds: float) -> None:
    log = (results.parents[1] / "log.txt").read_text()
    print(log[-3000:], flush=True)
    try:
        jobs, most = overlap(results)
    except (OSError, ValueError) as error:
        jobs, most = None, None
        print(error)
    ended = "not finished in time" if code is None else f"exit code {code}"
    rows.add(what=f"the demo on {name}", device=where, seconds=seconds, jobs=jobs, at_once=most, note=ended)


if __name__ == "__main__":
    main()
