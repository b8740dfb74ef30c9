"""What all steps of a plan share: the study, where its files lie, digests of code, and what jobs need of a machine."""

import os
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from advspectra_study.fingerprint import code_fingerprint
from advspectra_study.plan.costs import Costs
from advspectra_study.plan.step import Job, Paths, Step, Wildcards
from advspectra_study.run.machine import gpus
from advspectra_study.study import Study


class Base:
    """The ground of a plan; see plan.Plan.

    root : the folder of the workflow. on_cluster : returns whether jobs are submitted, which Snakemake knows late.
    plans : whether this process plans the jobs, and not only runs one.
    """

    def __init__(self, study: Study, *, root: Path, on_cluster: Callable[[], bool] = lambda: False, plans: bool = True):
        self.study, self.root, self.on_cluster, self.plans = study, root, on_cluster, plans
        self.library = root / "workflow/lib"
        self.results = f"results/{study.name}"
        self.dataset = f"{self.results}/{study.dataset.name}"
        self.images_file = f"{self.dataset}/images.h5"
        self.threads = study.compute.threads
        self.gpus = gpus(study.compute.device)  # without a GPU the resource never holds a job back
        self.code = cache(self._code)

    @cached_property
    def costs(self) -> Costs:
        return Costs(self.study, images=Path(self.images_file))

    def own(self, path: str) -> str:
        """The path of a file of the workflow: relative, as results name it, if the study runs in its folder."""
        return path if Path.cwd() == self.root else str(self.root / path)

    def own_files(self, folder: str, pattern: str) -> list[str]:
        """The files of a folder of the workflow, in order, without hidden ones, as editors and systems leave them."""
        paths = (path for path in (self.root / folder).glob(pattern) if not path.name.startswith("."))
        return sorted(self.own(path.relative_to(self.root).as_posix()) for path in paths)

    def _code(self, script: str, *plugins: str) -> dict[str, str]:
        """The digests of a script and of all library code that it reaches, by file."""
        package = self.library / "advspectra"
        return code_fingerprint(self.root / "workflow/scripts" / script, package=package, plugins=plugins)

    def _step(
        self,
        name: str,
        *,
        inputs: Mapping[str, Paths | Callable],
        outputs: Mapping[str, Paths],
        params: Mapping[str, Any],
        stem: str,
        jobs: tuple[Job, ...] = ({},),
        cost_of: str | None = None,
        gpus: int = 0,
    ) -> Step:
        """A step. cost_of : its jobs on a cluster take what `costs` has under this name. gpus : how many each takes."""
        resources = self._resources(cost_of, gpus) if cost_of else {}
        group = self._group(cost_of, gpus) if cost_of else None
        return Step(name, inputs, outputs, params, self.results, stem, jobs, resources, group)

    def priority(self, wildcards: Wildcards) -> int:
        """A number, larger for longer jobs, so that no core is left idle in the end."""
        run = self.study.runs[wildcards.run]
        return run.depth + (0 if run.linear else 100)

    def _resources(self, kind: str, gpus: int) -> dict[str, Any]:
        """What jobs take. A cluster places them by it and ends those that take more; without a cluster device, gpu and
        save_every count.

        `turn`: jobs of a group take turns. Snakemake wants one device in all of them: so spectra and predictors, which
        compute on the CPU, have it too.
        """
        compute = self.study.compute
        return {
            "device": compute.device,
            "gpu": gpus,
            "save_every": compute.save_every,
            "mem_mb": lambda wildcards, attempt: self.costs.megabytes(
                kind, wildcards.get("run"), wildcards.get("attack"), attempt=attempt
            ),
            "runtime": lambda wildcards, threads, attempt: self.costs.minutes(
                kind, wildcards.get("run"), wildcards.get("attack"), threads=threads, gpus=gpus, attempt=attempt
            ),
            "turn": 1,
            # here and not in profiles/slurm, whose text Snakemake evaluates as Python
            "slurm_partition": os.environ.get("ADVSPECTRA_GPU_PARTITION" if gpus else "ADVSPECTRA_PARTITION"),
            "slurm_account": os.environ.get("ADVSPECTRA_ACCOUNT"),
        }

    def _group(self, kind: str, gpus: int) -> Callable[[Wildcards], str | None]:
        """The group of jobs on a cluster: all of a light run are one submission, but those on a GPU go alone, as do
        those of the whole study.

        Of other runs only jobs of seconds have a group, since a group must not wait for a job that waits for the group.
        """

        def group(wildcards: Wildcards) -> str | None:
            run = getattr(wildcards, "run", None)
            if not run or not self.on_cluster():
                return None
            light = self.costs.is_light(run)
            if light and gpus == self.gpus:
                return "light"
            return "small" if light or kind in ("predictor", "spectra") else None

        return group
