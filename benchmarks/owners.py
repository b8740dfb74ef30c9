"""Runs snakemake and tells whose code takes its time: `python benchmarks/owners.py <file> <arguments of snakemake>`.

The processor's clock interrupts it every 5 ms. Each time counts for the innermost function on the stack that is this
project's or Snakemake's own: what a library does is on the account of the one who called it.
"""

import json
import resource
import signal
import sys
import time
from collections import Counter
from pathlib import Path

INTERVAL = 0.005  # seconds of processor time
ROOT = Path(__file__).resolve().parents[1]
PROJECT, SNAKEMAKE, REST = "project", "snakemake", "rest"


def owner(path: str, folder: Path) -> str | None:
    """Whose code a file is; None for a library. folder : the one in which a copy of the workflow runs."""
    if path.startswith((f"{folder}/", f"{ROOT}/workflow/")):
        return PROJECT
    return SNAKEMAKE if "/snakemake/" in path or "/snakemake_" in path else None


def peak_mib() -> float:
    """The peak of this process's resident memory."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage counts the memory of the process that started this one into its maximum
        return int(dict(line.split(":", 1) for line in status.read_text().splitlines())["VmHWM"].split()[0]) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def main() -> None:
    """Run snakemake; write processor seconds, peak memory and the shares of owners and of their functions."""
    out, folder = Path(sys.argv[1]), Path.cwd().resolve()
    owners: Counter[str] = Counter()
    functions: Counter[str] = Counter()

    def count(number, frame) -> None:
        name = None
        while frame is not None and name is None:
            code, name, frame = frame.f_code, owner(frame.f_code.co_filename, folder), frame.f_back
        owners[name or REST] += 1
        if name:
            functions[f"{name}: {Path(code.co_filename).parent.name}/{Path(code.co_filename).name} {code.co_name}"] += 1

    signal.signal(signal.SIGPROF, count)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL, INTERVAL)
    from snakemake.cli import main as snakemake

    try:
        snakemake(sys.argv[2:])
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        found = {"processor": time.process_time(), "memory": peak_mib()}
        for kind, counts in (("owners", owners), ("functions", functions)):
            found[kind] = {name: number / owners.total() for name, number in counts.most_common(40)}
        out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
