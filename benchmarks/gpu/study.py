"""A study through Snakemake on this device, many jobs at once on one card: workflow/presets/dynamics.yaml.

Its results lie in results/dynamics, so that a second run on the same machine resumes. What comes back is everything but
images and weights; perturbations, which are large, come last.
"""

import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import yaml

from advspectra.table import Column
from benchmarks.gpu.rows import Rows, seconds_left
from benchmarks.networks import EMBEDDED
from benchmarks.overhead import finished_jobs
from benchmarks.timing import ROOT

ARCHIVE = ROOT / ".gpu/images.tar.xz"
TOY = EMBEDDED | {"train_per_class": 30, "test_per_class": 10}
PRESET = ROOT / "workflow/presets/dynamics.yaml"
COLUMNS = (
    Column("kind", "jobs"),
    Column("jobs", "finished"),
    Column("median", "median, s"),
    Column("largest", "longest, s"),
    Column("note", "note"),
)
GPU_JOBS = 12  # at once on one card
STOPPING = 10  # seconds that are left to write down what there is
ORDER = "order.txt"  # what comes back, a line each, the most valuable first
FIRST = ("report.html", "claims.csv", "claims.json", "measures.csv", "tables", "figures", "logs", "benchmarks")
LAST = "perturbations.h5"
LEFT_OUT = {"images.h5", "checkpoints.h5", "explorer.html"}
NETWORKS_AT_TOY_SIZE = {"resnet18": {"width": 1 / 16}, "bounded_width_32": {"channels": 2}}
TARGETS_AT_TOY_SIZE = ("claims.csv", "tables/table2.csv")


def overlay(device: str, *, toy: bool) -> dict:
    """What changes the preset: the device and the images; at toy size two small networks, too, of one seed."""
    images = {"name": "cifar10_jpeg", "source": "image_folder", "options": {"path": str(ARCHIVE)}}
    if not toy:
        return {"compute": {"device": device}, "dataset": images}
    preset = yaml.safe_load(PRESET.read_text(encoding="utf-8"))
    networks = [entry for entry in preset["networks"] if entry["name"] in NETWORKS_AT_TOY_SIZE]
    for entry in networks:
        entry["options"] |= NETWORKS_AT_TOY_SIZE[entry["name"]]
        entry |= {"seeds": [0], "training": {"epochs": 1}, "precision": "float32"}
        if "checkpoints" in entry:
            entry["checkpoints"] = {"steps": [0], "epochs": []}
    attacks = [attack for attack in preset["attacks"] if attack["name"] in ("pgd", "pgd_snapshots")]
    for attack in attacks:
        attack |= {"images": 10, "batch_size": 10}
        attack["options"]["parameters"]["steps"] = 5
    parts = ("minimal", "recalibrated_snapshots", "recalibrated_transfer", "recalibrated_minimal")
    return {
        "compute": {"device": device},
        "dataset": {"name": "bands", "source": "band_features", "options": TOY},
        "networks": networks,
        "attacks": attacks,
        "transfers": preset["transfers"][:1],
        "lines": [preset["lines"][0] | {"images": 10, "samples": 5}],
        "claims": dict.fromkeys(parts),
    }


def command(folder: Path, changed: Path, targets: list[str]) -> list[str]:
    """The command that makes `targets`, or all, of the preset with the overlay `changed`, in `folder`/results."""
    options = ["--directory", str(folder), "--resources", f"gpu={GPU_JOBS}", "--keep-going", "--quiet", "rules"]
    options.append("--nolock")  # a run that its deadline ended has left a lock
    return [sys.executable, "-m", "snakemake", *targets, *options, "--configfile", str(PRESET), str(changed)]


def listed(results: Path) -> list[str]:
    """The files of a study that come back, by their paths in its folder: FIRST, then others, LAST at the end."""

    def place(path: Path) -> tuple[int, str]:
        first = path.relative_to(results).parts[0]
        whole = FIRST.index(first) if first in FIRST else len(FIRST)
        return whole + (path.name == LAST), str(path)

    files = [path for path in results.rglob("*") if path.is_file() and "checkpoints.kept" not in path.parts]
    kept = [path for path in files if path.name not in LEFT_OUT and path.suffix != ".pdf" and path.name[0] != "."]
    return [str(path.relative_to(results)) for path in sorted(kept, key=place)]


def main() -> None:
    """Run the study until it is done or the time is over; write rows of its jobs, and what comes back."""
    out, work, device, toy = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4] == "toy"
    rows, began = Rows(out, "study", COLUMNS), time.time()
    folder = work / "study" if toy else ROOT
    results = folder / "results" / yaml.safe_load(PRESET.read_text(encoding="utf-8"))["study"]
    targets = [str(results.relative_to(folder) / name) for name in TARGETS_AT_TOY_SIZE] if toy else []
    folder.mkdir(exist_ok=True)
    changed = work / "overlay.yaml"
    changed.write_text(yaml.safe_dump(overlay(device, toy=toy), sort_keys=False), encoding="utf-8")
    process = subprocess.Popen(command(folder, changed, targets), cwd=ROOT)
    try:
        code = process.wait(timeout=max(1, seconds_left() - STOPPING))
        ended = f"exit code {code}"
    except subprocess.TimeoutExpired:
        process.kill()
        ended = "not finished in time"
    rows.add(kind="all", largest=time.time() - began, note=ended)
    seconds = defaultdict(list)
    for job in finished_jobs(results, threads=1):
        seconds[job.kind].append(job.seconds)
    for kind, each in seconds.items():
        rows.add(kind=kind, jobs=len(each), median=statistics.median(each), largest=max(each))
    (work / ORDER).write_text("".join(f"{results / name}\t{name}\n" for name in listed(results)))


if __name__ == "__main__":
    main()
