"""Timing things against each other: in one process, taking turns, so that what disturbs the machine disturbs all."""

import gc
import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Contender:
    """One way of doing the work of a case.

    part, case, name : what is measured, on what, in which way.
    start : picklable; loads what it needs and returns (run, facts): `run()` does the work and returns its result,
        `facts(result)` says what else is to be known of it, name -> value, untimed.
    amount : units of work that one run does: images, or images attacked by 1000 steps.
    short : like start, with as little work as has the same peak memory; None if memory is not measured.
    imports : modules whose import belongs to the baseline of memory.
    about : what stands in the table: images, steps, batch_size.
    """

    part: str
    case: str
    name: str
    start: partial
    amount: float
    short: partial | None = None
    imports: tuple[str, ...] = ()
    about: dict = field(default_factory=dict)


@dataclass
class Measurement:
    """What was measured of a contender: seconds and processor seconds of each run, peak memory in MiB, facts."""

    contender: Contender
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    memory: float | None = None
    facts: dict = field(default_factory=dict)


def timed(run: Callable[[], object], device: torch.device) -> tuple[float, float, object]:
    """Return wall seconds, processor seconds of this process, and the result of a run."""
    gc.collect()
    _wait(device)
    start, processor = time.perf_counter(), time.process_time()
    result = run()
    _wait(device)
    return time.perf_counter() - start, time.process_time() - processor, result


def take_turns(
    contenders: Sequence[Contender], *, repeats: int, device: torch.device, warm_up: bool
) -> list[Measurement]:
    """Return the measurements of contenders that run one after the other, `repeats` rounds of it.

    warm_up : a round before these that is not counted.
    """
    started = [contender.start() for contender in contenders]
    found = [Measurement(contender) for contender in contenders]
    results: list[object] = [None] * len(contenders)
    for round_number in range(-warm_up, repeats):
        for index, (run, _) in enumerate(started):
            seconds, processor, results[index] = timed(run, device)
            if round_number >= 0:
                found[index].seconds.append(seconds)
                found[index].processor.append(processor)
    for measurement, (_, facts), result in zip(found, started, results, strict=True):
        measurement.facts = facts(result)
    return found


def fastest(candidates: Sequence[partial], *, device: torch.device, rounds: int = 2) -> int:
    """Return the index of the candidate, the `start` of a Contender, that does the same work in the least time.

    Its best round counts; a round that is not counted comes before.
    """
    runs = [candidate()[0] for candidate in candidates]
    for run in runs:
        run()
    seconds = [[timed(run, device)[0] for run in runs] for _ in range(rounds)]
    best = [min(column) for column in zip(*seconds, strict=True)]
    return best.index(min(best))


def peak_memory(contender: Contender, device: torch.device) -> float:
    """Return the peak memory of a fresh process that does `contender.short` alone, above that after its imports, MiB.

    Resident memory of the process on a CPU, allocated memory of the GPU on CUDA.
    """
    child = subprocess.run(
        [sys.executable, "-m", "benchmarks.timing"],
        input=pickle.dumps((contender.imports, contender.short, device.type)),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        check=True,
    )
    return json.loads(child.stdout.splitlines()[-1])


def _measure_memory() -> None:
    imports, start, device = pickle.loads(sys.stdin.buffer.read())
    for name in imports:
        __import__(name)
    baseline = _peak_mib(device)
    run, _ = start()
    run()
    print(json.dumps(_peak_mib(device) - baseline))


def _peak_mib(device: str) -> float:
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    status = Path("/proc/self/status")
    if status.exists():
        # not getrusage: Linux counts the memory of the process that started this one into its maximum
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    _measure_memory()
