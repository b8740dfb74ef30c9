"""Run the parts, each in a process of its own and within its share of the time, and print what they found.

A part that fails or runs over leaves the others' results; time that it does not use goes to those after it.
"""

import argparse
import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from advspectra.machine.devices import prepare
from benchmarks import report
from benchmarks.gpu import pack
from benchmarks.gpu.rows import DEADLINE
from benchmarks.gpu.study import ORDER
from benchmarks.timing import ROOT


class Part(NamedTuple):
    """A part of the run: what it tells, and its share of the time at each size."""

    title: str
    full: int
    toy: int


PARTS = {
    "right": Part("Right on this device: the library against the CPU in float64, and against itself", 60, 30),
    "rates": Part("Rates: images per second, and the share of the device's own matrix product", 85, 25),
    "study": Part("A study through Snakemake: workflow/presets/dynamics.yaml", 320, 40),
    "demo": Part("Through Snakemake: the demo on this device, its tables against those of a CPU", 120, 45),
}
PACKING = 20  # seconds, to pack the study's files


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="bash benchmarks/gpu/run.sh", description=__doc__)
    parser.add_argument("out", type=Path, help="folder for the results, at most 8 files of 16 MiB")
    parser.add_argument("seconds", type=float, help="the time for everything; 585 are what the shares are made for")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; all if none is given")
    parser.add_argument("--device", default="auto", help="cuda or cpu; default: what is there")
    parser.add_argument("--toy", action="store_true", help="at toy size, as always on a CPU: whether it works")
    chosen = parser.parse_args()
    if unknown := set(chosen.parts) - set(PARTS):
        parser.error(f"expected parts out of {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    began = time.time()
    chosen.out.mkdir(parents=True, exist_ok=True)
    device = prepare(chosen.device, threads=1)
    conditions = report.machine(device, 1) | {"command": f"bash benchmarks/gpu/run.sh OUT {chosen.seconds:.0f}"}
    size = "toy" if chosen.toy or device.type == "cpu" else "full"
    parts = [name for name in PARTS if name in chosen.parts or not chosen.parts]
    shares = {name: getattr(PARTS[name], size) for name in parts}
    outcomes, used = {}, 0
    with tempfile.TemporaryDirectory(prefix="advspectra-gpu-") as work:
        for name in parts:
            used += shares[name]
            deadline = began + (chosen.seconds - PACKING) * used / sum(shares.values())
            arguments = [str(chosen.out), work, device.type, size]
            outcomes[name] = _run(name, arguments, chosen.out / "log.txt", deadline)
            if name == "study":
                pack.pack(Path(work) / ORDER, chosen.out)
            (chosen.out / "table.md").write_text(_table(chosen.out, outcomes, conditions))
    print((chosen.out / "table.md").read_text())
    sys.exit(any(not outcome.startswith("ended") for outcome in outcomes.values()))


def _run(name: str, arguments: list[str], log_path: Path, deadline: float) -> str:
    """Run a part until its deadline at the latest, its output in the log; return how it ended."""
    start = time.time()
    command = [sys.executable, "-m", f"benchmarks.gpu.{name}", *arguments]
    environment = os.environ | {DEADLINE: str(deadline), "PYTHONUNBUFFERED": "1"}
    with open(log_path, "a") as log:
        print(f"== {name}: {deadline - start:.0f} s", file=log, flush=True)
        options = {"stdout": log, "stderr": log, "cwd": ROOT, "env": environment, "start_new_session": True}
        process = subprocess.Popen(command, **options)
        try:
            code = process.wait(timeout=max(1, deadline - time.time()))
            how = "ended" if code == 0 else f"failed (exit code {code}, see log.txt)"
        except subprocess.TimeoutExpired:
            how = "was stopped at its deadline"
        finally:
            _end(process)
    return f"{how} after {time.time() - start:.0f} s"


def _end(process: subprocess.Popen) -> None:
    """End a part and all that it has started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _table(out: Path, outcomes: dict[str, str], conditions: dict[str, str]) -> str:
    lines = ["# What a GPU tells", "", *(f"- {name}: {text}" for name, text in conditions.items())]
    for name, outcome in outcomes.items():
        lines += ["", f"## {PARTS[name].title}", "", f"It {outcome}.", ""]
        path = out / f"{name}.csv"
        if not path.exists():
            lines.append("No results.")
            continue
        with open(path, newline="") as file:
            header, *rows = csv.reader(file)
        filled = [place for place in range(len(header)) if any(row[place] for row in rows)]
        lines.append(_line([header[place] for place in filled]))
        lines.append(_line(["---"] * len(filled)))
        lines += [_line([row[place] or "–" for place in filled]) for row in rows]
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


if __name__ == "__main__":
    main()
