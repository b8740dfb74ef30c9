"""Times contenders in turns, so that a disturbance of the machine affects all of them.

Each contender works in its own process, so that none runs with the settings, the memory or the caches of another.
"""

import gc
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
        `facts(result)` gives further facts about it, name -> value, untimed.
    amount : units of work in one run: images, or images attacked by 1000 steps.
    imports : modules whose import counts as baseline memory.
    about : for the table: images, steps.
    """

    part: str
    case: str
    name: str
    start: partial
    amount: float
    imports: tuple[str, ...] = ()
    about: dict = field(default_factory=dict)


@dataclass
class Measurement:
    """Measurements of a contender: seconds and processor seconds of each run, peak memory in MiB, facts.

    memory : above the memory after the imports; resident memory of its process on a CPU, allocated memory on a GPU.
    """

    contender: Contender
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    memory: float | None = None
    facts: dict = field(default_factory=dict)


class _Worker:
    """The process of a contender: it starts at once, runs when asked, and then reports its facts."""

    def __init__(self, contender: Contender, device: torch.device):
        self.name = f"{contender.case}: {contender.name}"
        command = [sys.executable, "-m", "benchmarks.timing"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        self.ask((contender.imports, contender.start, device.type))

    def ask(self, question: object):
        """The answer of the process; ValueError if it has ended."""
        try:
            pickle.dump(question, self.process.stdin)
            self.process.stdin.flush()
            return pickle.load(self.process.stdout)
        except (BrokenPipeError, EOFError) as error:
            raise ValueError(f"{self.name}: its process failed, see above") from error

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def take_turns(
    contenders: Sequence[Contender], *, repeats: int, device: torch.device, warm_up: bool
) -> list[Measurement]:
    """Measure contenders that run one after the other, for `repeats` rounds.

    warm_up : whether an uncounted round comes first.
    """
    found = [Measurement(contender) for contender in contenders]
    workers: list[_Worker] = []
    try:
        for contender in contenders:
            workers.append(_Worker(contender, device))
        for round_number in range(-warm_up, repeats):
            for worker, measurement in zip(workers, found, strict=True):
                seconds, processor = worker.ask("run")
                if round_number >= 0:
                    measurement.seconds.append(seconds)
                    measurement.processor.append(processor)
        for worker, measurement in zip(workers, found, strict=True):
            measurement.memory, measurement.facts = worker.ask("facts")
    finally:
        for worker in workers:
            worker.close()
    return found


def fastest(runs: Sequence[Callable[[], object]], device: torch.device, *, rounds: int = 2) -> int:
    """The index of the run that does the same work in the least time.

    Its best round counts; a round that is not counted comes before.
    """
    for run in runs:
        run()
    seconds = [[_timed(run, device)[0] for run in runs] for _ in range(rounds)]
    best = [min(column) for column in zip(*seconds, strict=True)]
    return best.index(min(best))


def _timed(run: Callable[[], object], device: torch.device) -> tuple[float, float, object]:
    """Wall seconds, processor seconds of this process, and the result of a run."""
    gc.collect()
    _wait(device)
    start, processor = time.perf_counter(), time.process_time()
    result = run()
    _wait(device)
    return time.perf_counter() - start, time.process_time() - processor, result


def _serve() -> None:
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer

    def answer(value: object) -> None:
        pickle.dump(value, answers)
        answers.flush()

    imports, start, device_type = pickle.load(questions)
    for name in imports:
        __import__(name)
    device = torch.device(device_type)
    baseline = _peak_mib(device)
    run, facts = start()
    answer("ready")
    result = None
    while True:
        try:
            question = pickle.load(questions)
        except EOFError:
            return
        if question == "run":
            *times, result = _timed(run, device)
            answer(times)
        else:
            peak = _peak_mib(device) - baseline  # before the facts, which take memory too
            answer((peak, facts(result)))


def _peak_mib(device: torch.device) -> float:
    if device.type == "cuda":
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


def plain_torch(device: str, *, threads: int) -> torch.device:
    """The device, with PyTorch's own settings, except for threads and precision, which are ours."""
    torch.set_num_threads(threads)
    torch.backends.cudnn.conv.fp32_precision = torch.backends.cuda.matmul.fp32_precision = "ieee"
    return torch.device(device)


if __name__ == "__main__":
    _serve()
