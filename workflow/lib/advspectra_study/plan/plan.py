"""The plan of a study: what each rule of the workflow reads, takes and makes."""

import hashlib
import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

from advspectra_study.plan.results import WholeStudy
from advspectra_study.plan.step import Step

# where a run of Snakemake leaves the digest of its plan for the processes that start its jobs
PLANNED = "ADVSPECTRA_PLAN"
# the scripts of jobs that a cluster runs on its nodes
ON_NODES = ("train.py", "attack.py", "transfer.py", "lines.py", "predictor.py", "spectra.py")


class Plan(WholeStudy):
    """All steps of a study; each is an attribute that has the name of its rule, or stands in a list of such."""

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Every step that makes results, in the order in which they are made."""
        networks = (self.images, self.settings, *self.trainings, self.predictor, self.attack, self.transfer)
        networks += (self.spectra, self.lines, self.measures)
        return (*networks, self.claims, self.audit, *self._shown, self.explorer, self.report)

    @property
    def _shown(self) -> tuple[Step, ...]:
        return (self.table_with_note, self.figure_with_note, *self.tables.values(), *self.figures.values())

    def kinds(self, rename: Callable[[str], str]) -> dict[str, str]:
        """The kind of each rule by the name that it has in the workflow.

        rename : that name; a workflow that imports this one may give its rules others.
        """
        return {rename(step.name): step.kind for step in self.steps} | {rename("all"): "all"}

    @cached_property
    def digest(self) -> str:
        """What the jobs of a cluster depend on besides files: the configuration, and the code that they run."""
        plugins = [f"advspectra.models.{network.architecture}" for network in self.study.networks]
        plugins += [f"advspectra.attacks.{attack['family']}" for attack in self.study.config["attacks"]]
        code = {name: found for script in ON_NODES for name, found in self.code(script, *plugins).items()}
        text = json.dumps([self.study.config, code], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def targets(self) -> list[str]:
        """The files that a whole study has, and from which Snakemake finds all others: those that people read."""
        read = (*self._shown, self.measures, self.claims, self.audit, self.explorer, self.report)
        return [path.format(**job) for step in read for job in step.jobs for path in step.output_paths()]

    def expected(self) -> dict[str, dict[str, Any]]:
        """For each file of the study, in the order of making, the inputs, parameters and code that make it."""
        files = {}
        for step in self.steps:
            for outputs, inputs, params in step.files():
                made_by = {"parameters": params, "code": params.pop("code")}
                if step is self.settings:
                    made_by = {"settings": params["settings"], "code": params["training_code"]}
                files |= dict.fromkeys(outputs, made_by | {"inputs": inputs})
        return files
