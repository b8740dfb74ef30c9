"""ResNet18 at full size as the authors ran it, five seeds: files of a study, by the study's own writers.

First all seeds are trained and their main checkpoints attacked; then, task by task, each for all seeds: the attack on
the class that the network predicts, with batch normalisation as it is and with its running statistics estimated again;
lines; the other checkpoints; the smallest epsilon. The files join a study's tables and figures. Weights are left out: a
checkpoint of ResNet18 has 45 MB.
"""

import sys
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from advspectra.machine import cuda_graph
from advspectra.machine.devices import prepare
from advspectra_study.study import Attack
from benchmarks.gpu.recipe import EARLY, MAIN, study_of
from benchmarks.gpu.rows import seconds_left
from benchmarks.gpu.study_folder import StudyFolder
from benchmarks.gpu.trained_run import TrainedRun

Task = tuple[str, Callable[[], None]]


def main_work(run: TrainedRun) -> Iterator[Task]:
    """Yield the tasks that matter most of a run, each with its kind."""
    study = run.study.described
    (item,), attacks = study.transfers, {attack.name: attack for attack in study.attacks}
    yield "training", run.train
    for name in (name for name in run.checkpoints if name in MAIN):
        yield "pgd", partial(run.attack, attacks["pgd"], name)
        yield "transfer", partial(run.transfer, item, attacks["pgd"], name)


def other_work(run: TrainedRun) -> Iterator[Task]:
    """Yield the other tasks, the one that tells most first."""
    study = run.study.described
    (item,), (entry,), attacks = study.transfers, study.lines, {attack.name: attack for attack in study.attacks}
    pgd, minimal = attacks["pgd"], attacks["minimal_pgd"]
    early = [name for name in EARLY if name in run.checkpoints]
    main = [name for name in run.checkpoints if name in MAIN]
    rest = [name for name in run.checkpoints if name not in MAIN]
    for name in early[:3]:
        yield from _on_predicted(run, "pgd", pgd, name)
    for name in main[:2]:
        yield "lines", partial(run.lines, entry, item.name, name)
    for name in early[:1]:
        yield "lines", partial(run.lines, entry, "pgd_predicted", name)
        yield "lines", partial(run.lines, entry, "pgd_predicted_recalibrated", name, recalibrated=True)
    for name in rest:
        yield "pgd", partial(run.attack, pgd, name)
        yield "transfer", partial(run.transfer, item, pgd, name)
    for name in early[:1]:
        yield from _on_predicted(run, "minimal", minimal, name)
    for name in main:
        yield "minimal", partial(run.attack, minimal, name)
    for name in early[3:]:
        yield from _on_predicted(run, "pgd", pgd, name)
    for name in main[2:] + rest:
        yield "lines", partial(run.lines, entry, item.name, name)
    for arithmetic in ("float32", "bfloat16"):
        yield arithmetic, partial(run.attack, pgd, "best", arithmetic=arithmetic)


def _on_predicted(run: TrainedRun, kind: str, attack: Attack, name: str) -> Iterator[Task]:
    for recalibrated in (False, True):
        yield kind, partial(run.attack_predicted, attack, name, recalibrated=recalibrated)


def in_turns(runs: list[TrainedRun]) -> Iterator[tuple[TrainedRun, Task]]:
    """Yield the work: the main work run after run, then task by task of the rest, each for all runs."""
    for run in runs:
        for task in main_work(run):
            yield run, task
    for tasks in zip(*(other_work(run) for run in runs), strict=True):
        yield from zip(runs, tasks, strict=True)


def main() -> None:
    """Train and attack; tasks that the time does not suffice for are left out, each with a row that says so."""
    out, work, device_type = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    start = time.perf_counter()
    device = prepare(device_type, threads=1)
    study = StudyFolder(study_of(device, toy=sys.argv[4] == "toy", seed=int(sys.argv[5])), out, work, device)
    study.rows.add(work="images", seconds=time.perf_counter() - start, images=len(study.images.train_labels))
    longest: dict[str, float] = {}  # of each kind of work
    left_out = set()
    for run, (kind, task) in in_turns([TrainedRun(study, run) for run in study.described.runs.values()]):
        where = {"network": run.entry.name, "seed": run.run.seed, "work": kind}
        if kind != "training" and run.training is None:
            continue
        if seconds_left() < 1.1 * longest.get(kind, 0) + 2:
            if (run, kind) not in left_out:
                study.rows.add(**where, note="no time was left for it")
            left_out.add((run, kind))
            continue
        start = time.perf_counter()
        try:
            task()
        except Exception:  # whatever it is, the other work is still to be done
            traceback.print_exc()
            study.rows.add(**where, note="failed, see log.txt")
            if kind == "training":  # once more, without graphs
                cuda_graph.GRAPHED = set()
                task()
        longest[kind] = max(longest.get(kind, 0), time.perf_counter() - start)


if __name__ == "__main__":
    main()
