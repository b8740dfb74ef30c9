"""What one more seed and one more image of each network would cost, in seconds of one core.

A job costs what Snakemake measured of it, where its benchmark is there, and what advspectra_study.plan.costs estimates
where it is not.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from advspectra_study.plan.costs import Costs
from advspectra_study.plan.step import Step
from advspectra_study.study import Study

ON_THREADS = ("train", "attack", "transfer", "lines")  # the other rules compute on one core


def prices(study: Study, steps: Iterable[Step], costs: Costs) -> list[dict[str, Any]]:
    """The prices of each network, whatever its seed.

    steps : those whose jobs are of runs. Returns for each network its identity, `seed`: all jobs of one of its runs;
    `image`: by attack or transfer what an image of one run costs on all checkpoints; `jobs` and `measured`: how many
    jobs its runs have, and of how many the benchmark is there.
    """
    of_run = {run: {"seed": 0.0, "image": defaultdict(float), "jobs": 0, "measured": 0} for run in study.runs}
    for step in steps:
        rule = step.kind
        for job in step.jobs:
            run, attack = of_run[job["run"]], job.get("attack")
            took = _measured(Path(step.benchmark.format(**job)))
            threads = study.compute.threads if rule in ON_THREADS else 1
            seconds = costs.of_job(rule, job["run"], attack) if took is None else took * threads
            run["seed"] += seconds
            run["jobs"] += 1
            run["measured"] += took is not None
            if rule in ("attack", "transfer"):
                run["image"][attack] += seconds / study.attack_named[attack].images
    by_network: dict[Any, list[dict]] = {}
    for folder, of in of_run.items():
        by_network.setdefault(study.runs[folder].network, []).append(of)
    return [
        vars(network)
        | {"seed": sum(of["seed"] for of in runs) / len(runs)}
        | {"image": {attack: sum(of["image"][attack] for of in runs) / len(runs) for attack in runs[0]["image"]}}
        | {name: sum(of[name] for of in runs) for name in ("jobs", "measured")}
        for network, runs in by_network.items()
    ]


def _measured(benchmark: Path) -> float | None:
    """The seconds of a job by its benchmark file; None without one that can be read."""
    try:
        with benchmark.open(encoding="utf-8") as file:
            return float(next(csv.DictReader(file, delimiter="\t"))["s"])
    except (OSError, StopIteration, KeyError, ValueError):
        return None
