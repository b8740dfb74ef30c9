"""What the rules that make images, trained networks and the maps of linear ones read, take and make.

A checkpoint that is added to a finished run trains its network again, and results of its other checkpoints stay: the
same seed gives the same checkpoints, on one kind of machine to the bit. So each result of a checkpoint reads
  training.json: if what determines the checkpoints changes, the result is made again;
  checkpoints.h5 and checkpoints.kept/<checkpoint> as `ancient`: if only these are new, it is not.
The files checkpoints.kept/<checkpoint> are empty. A further checkpoint that is asked for makes one of them a missing
file, which is a reason to train. A list in params would be a reason too, but hide others: Snakemake (9.27) does not
look at the jobs after one whose params changed: it takes for granted that they run, which they do not behind an
`ancient`.
"""

import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from snakemake.io import ancient, touch

from advspectra_study.entries import Run
from advspectra_study.plan.base import Base
from advspectra_study.plan.data_identity import images_params
from advspectra_study.plan.step import Step, Wildcards, jobs_by
from advspectra_study.printable import escaped
from advspectra_study.study import steps_and_epochs


class Training(Base):
    """The steps from images to the checkpoints of each network."""

    @cached_property
    def images(self) -> Step:
        """The source of the data set -> images.h5.

        The data that the source reads are no input: Snakemake compares inputs by their times first, does not look into
        folders, and refuses to run without them. Their digest is a parameter, so that other content, and nothing else,
        is a reason to run. ValueError if the data are gone and images.h5 was made with other options.
        """
        dataset = self.study.config["dataset"]
        params = {"code": self.code("images.py", f"advspectra.datasets.{dataset['source']}")}
        if self.plans:
            say = lambda line: print(escaped(line), file=sys.stderr)  # noqa: E731
            path = Path(self.images_file)
            params = images_params(dataset, params["code"], images=path, library=self.library, say=say)
        return self._step("images", inputs={}, outputs={"images": self.images_file}, params=params, stem="images")

    @cached_property
    def settings(self) -> Step:
        """images.h5 -> training.json, what determines the checkpoints of a run."""
        return self._step(
            "settings",
            inputs={"images": self.images_file},
            outputs={"settings": self._of_run("training.json")},
            params={
                "settings": self._training,
                "training_code": lambda wildcards: self.code("train.py", self._module(wildcards)),
                "code": self.code("settings.py"),
            },
            stem="settings/{run}",
            jobs=jobs_by("run", self.study.runs),
        )

    @cached_property
    def trainings(self) -> tuple[Step, ...]:
        """images.h5 -> checkpoints.h5, history.csv: a rule for each list of checkpoints that some training keeps.

        What a rule makes must be known from its wildcards. "train" is for training.checkpoints; for another list it is
        "train_" and the networks that have it, of more than two the first and their number, and where that name is
        taken a number.
        """
        return tuple(self._training_rule(name, kept) for kept, name in self._training_names().items())

    def _training_names(self) -> dict[tuple[str, ...], str]:
        networks: dict[tuple[str, ...], list[str]] = {self.study.usual_checkpoints: []}
        for entry in self.study.networks:
            names = networks.setdefault(entry.checkpoints, [])
            if entry.name not in names:
                names.append(entry.name)
        (usual, _), *others = networks.items()
        rules = {usual: "train"}
        for kept, names in others:
            more = f"{len(names) - 1}_more" if len(names) > 2 else names[-1]
            name = "_and_".join(["train_" + names[0], more][: len(names)])
            taken = [name, *(f"{name}_{number}" for number in range(2, len(rules) + 2))]
            rules[kept] = next(rule for rule in taken if rule not in rules.values())
        return rules

    def _training_rule(self, name: str, kept: tuple[str, ...]) -> Step:
        return self._step(
            name,
            inputs={"images": self.images_file},
            outputs={
                "checkpoints": self._of_run("checkpoints.h5"),
                "history": self._of_run("history.csv"),
                "kept": [touch(self._of_run(f"checkpoints.kept/{checkpoint}")) for checkpoint in kept],
            },
            params={
                "identity": self._identity,
                "settings": self._training,
                # of its output, so that it is no reason to train again
                "checkpoints": lambda wildcards, output: steps_and_epochs(Path(path).name for path in output.kept),
                "code": lambda wildcards: self.code("train.py", self._module(wildcards)),
            },
            stem="train/{run}",
            jobs=jobs_by("run", (folder for folder, run in self.study.runs.items() if run.entry.checkpoints == kept)),
            cost_of="train",
            gpus=self.gpus,
        )

    @cached_property
    def predictor(self) -> Step:
        """checkpoints.h5 -> predictor.h5, of linear networks."""
        return self._step(
            "predictor",
            inputs=self._checkpoint("best", images=False),
            outputs={"predictor": self._of_run("predictor.h5")},
            params=self._network_params("predictor.py"),
            stem="predictor/{run}",
            jobs=jobs_by("run", (folder for folder, run in self.study.runs.items() if run.linear)),
            cost_of="predictor",
        )

    def _of_run(self, name: str) -> str:
        return f"{self.dataset}/{{run}}/{name}"

    def _checkpoint(self, checkpoint: str, *, images: bool = True) -> dict[str, str]:
        """The inputs of what is made of a checkpoint."""
        return ({"images": self.images_file} if images else {}) | {
            "settings": self._of_run("training.json"),
            "checkpoints": ancient(self._of_run("checkpoints.h5")),
            "kept": ancient(self._of_run(f"checkpoints.kept/{checkpoint}")),
        }

    def _run(self, wildcards: Wildcards) -> Run:
        return self.study.runs[wildcards.run]

    def _identity(self, wildcards: Wildcards) -> dict[str, Any]:
        """What tells a run from the others: the attributes of each of its files."""
        return {"dataset": self.study.dataset.name} | self._run(wildcards).identity

    def _architecture(self, wildcards: Wildcards) -> dict[str, Any]:
        """The arguments of networks.build_network, but for those that the data set gives."""
        run = self._run(wildcards)
        about = {"architecture": run.entry.architecture, "options": run.entry.options}
        return about | {"activation": run.activation, "depth": run.depth}

    def _module(self, wildcards: Wildcards) -> str:
        return f"advspectra.models.{self._run(wildcards).entry.architecture}"

    def _network_params(self, script: str, *modules: Callable[[Wildcards], str]) -> dict[str, Any]:
        """The params of what is made of a network. modules : of plug-ins of the script beside the network's."""
        plugins = (self._module, *modules)
        code = lambda wildcards: self.code(script, *(module(wildcards) for module in plugins))  # noqa: E731
        return {"identity": self._identity, "architecture": self._architecture, "code": code}

    def _training(self, wildcards: Wildcards) -> dict[str, Any]:
        """What determines the checkpoints of a run, apart from the images and the code, whichever are kept.

        A setting that does nothing to this run stands at its default: without another scale than 1 there is nothing to
        scale, and no end-to-end map of a network that is not linear.
        """
        run, config = self._run(wildcards), self.study.config
        entry = run.entry
        return {
            "architecture": self._architecture(wildcards),
            "learning_rate": entry.learning_rate,
            "search": config["training"]["search"] if entry.learning_rate == "search" else None,
            "alpha_scaling": "function_preserving" if run.alpha == 1 else config["initialization"]["alpha_scaling"],
            "precision": entry.precision.training,
            "training": entry.training if run.linear else {**entry.training, "simplified": True},
        }
