"""What does planning a study of thousands of jobs cost, and whose code takes it? See --help.

    python -m benchmarks.scale

plans (`snakemake -n`) a study of the demo's shallow networks, of many seeds and alphas, in a folder without results,
and writes benchmarks/results/<name>/scale.{csv,md}.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import yaml

from advspectra.table import Column, Table
from benchmarks import owners, report
from benchmarks.timing import ROOT
from benchmarks.workflow import copy_of_workflow

SIZES = ("4x6", "15x16", "24x30")  # seeds x alphas
COLUMNS = (
    Column("seeds", "seeds"),
    Column("alphas", "alphas"),
    Column("jobs", "jobs"),
    Column("wall", "wall time, s", 1),
    Column("processor", "processor time, s", 1),
    Column("each", "of it for each job, ms", 2),
    Column("memory", "peak memory, MiB", 0),
    Column(owners.PROJECT, "share of this project's code", 3),
    Column(owners.SNAKEMAKE, "of Snakemake", 3),
    Column(owners.REST, "of the rest", 3),
)
NOTES = (
    "Code: the innermost function on the stack that is this project's (library, rules) or Snakemake's, every 5 ms of "
    "processor time. So what a library does is on the account of the one who called it.",
    "This project's functions that take most, of the largest study: {functions}.",
)


def study(seeds: int, alphas: int) -> dict:
    """The configuration of the demo's networks of one hidden layer, with one attack, in as many seeds and alphas."""
    config = yaml.safe_load((ROOT / "workflow/presets/demo.yaml").read_text(encoding="utf-8"))
    shallow = [entry for entry in config["networks"] if entry["depths"] == [1] and entry["alphas"] == [1]]
    several = [round(0.05 * (number + 1), 2) for number in range(alphas)]
    config["networks"] = [entry | {"alphas": several} for entry in shallow]
    config |= {"study": "scale", "seeds": list(range(seeds)), "transfers": [], "lines": []}
    config["attacks"] = [entry for entry in config["attacks"] if entry["name"] == config["summary"]["attack"]]
    config["claims"] |= {"snapshots": None, "transfer": None, "minimal": None}
    return config


def plan(seeds: int, alphas: int) -> tuple[dict, list[str]]:
    """A row of the table, and this project's functions that take most."""
    with copy_of_workflow() as folder, tempfile.TemporaryDirectory() as place:
        (Path(folder) / "study.yaml").write_text(yaml.safe_dump(study(seeds, alphas), sort_keys=False))
        out = Path(place) / "owners.json"
        command = [sys.executable, owners.__file__, str(out), "-n", "--quiet", "rules", "--configfile", "study.yaml"]
        start = time.perf_counter()
        done = subprocess.run([*command, "--cores", "1"], cwd=folder, capture_output=True, text=True)
        wall = time.perf_counter() - start
        if done.returncode:
            raise ValueError(f"the plan failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        found = json.loads(out.read_text())
    jobs = int(re.search(r"^total +(\d+)", done.stdout + done.stderr, flags=re.MULTILINE)[1])
    row = {"seeds": seeds, "alphas": alphas, "jobs": jobs, "wall": wall, "processor": found["processor"]}
    row |= {"each": 1000 * found["processor"] / jobs, "memory": found["memory"]} | found["owners"]
    own = [(name, share) for name, share in found["functions"].items() if name.startswith(owners.PROJECT)]
    return row, [f"{name.partition(': ')[2]} ({share:.1%})" for name, share in own[:5]]


def main() -> None:
    """Plan each size; write the table after each."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--name", default="local", help="results go to benchmarks/results/<name>/")
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="SEEDSxALPHAS", help=f"default {' '.join(SIZES)}")
    chosen = parser.parse_args()
    folder = ROOT / "benchmarks/results" / chosen.name
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict] = []
    for size in chosen.sizes:
        row, functions = plan(*map(int, size.split("x")))
        rows.append(row)
        notes = tuple(note.format(functions=", ".join(functions)) for note in NOTES)
        table = Table("snakemake -n", COLUMNS, tuple(rows), notes)
        report.write_table(folder, "scale", table, report.machine(torch.device("cpu"), 1))
    print(folder / "scale.md")


if __name__ == "__main__":
    main()
