"""What the rules about single networks take and make: from images to spectra and lines.

A checkpoint that is added to a finished run trains it again, and what was made of its other checkpoints stays: the same
seed gives the same checkpoints, on one kind of machine to the bit. So whatever is made of a checkpoint reads
  training.json: if what determines the checkpoints changes, it is made anew;
  checkpoints.h5 and checkpoints.kept/<checkpoint> as `ancient`: if they alone are new, it is not.
The files checkpoints.kept/<checkpoint> are empty. They make a further checkpoint that is asked for a missing file, a
reason to train. A list in params would be a reason too, but hide others: Snakemake (9.27) does not look at the jobs
after one whose params changed, as it takes for granted that they run, which behind an `ancient` they do not.
"""

import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from snakemake.io import ancient, touch

from advspectra_study.config.faults import escaped
from advspectra_study.plan.base import Base
from advspectra_study.plan.data_identity import images_params
from advspectra_study.plan.step import Job, Step, Wildcards, jobs_by
from advspectra_study.study import Run, Transfer, steps_and_epochs


class Networks(Base):
    """The steps from images to what is measured on each checkpoint of each network."""

    @cached_property
    def images(self) -> Step:
        """The source of the data set -> images.h5.

        What the source reads is no input: Snakemake compares inputs by their times first, knows no content of folders,
        and refuses to go on without them. Its digest is a parameter, so that other content, and nothing else, is a
        reason. ValueError if the data are gone and images.h5 was made with other options.
        """
        dataset = self.study.config["dataset"]
        params = {"code": self.code("images.py", f"advspectra.datasets.{dataset['source']}")}
        if self.plans:
            say = lambda line: print(escaped(line), file=sys.stderr)  # noqa: E731
            path = Path(self.images_file)
            params = images_params(dataset, params["code"], images=path, library=self.library, say=say)
        return self._step("images", inputs={}, outputs={"images": self.images_file}, params=params, place="images")

    @cached_property
    def attacked(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """For each run, the checkpoints of each attack."""
        return self.study.jobs_of(self.study.attacks)

    @cached_property
    def transferred(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """For each run, the checkpoints of each transfer."""
        return self.study.jobs_of(self.study.transfers)

    @cached_property
    def lined(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """For each run, the checkpoints from which lines are followed, by attack or transfer."""
        return self.study.jobs_of(self.study.lines)

    @cached_property
    def perturbed(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """For each run, the checkpoints of each attack and transfer."""
        return {run: self.attacked[run] | self.transferred[run] for run in self.study.runs}

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
            place="settings/{run}",
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
            place="train/{run}",
            jobs=jobs_by("run", (folder for folder, run in self.study.runs.items() if run.entry.checkpoints == kept)),
            limits="train",
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
            place="predictor/{run}",
            jobs=jobs_by("run", (folder for folder, run in self.study.runs.items() if run.linear)),
            limits="predictor",
        )

    @cached_property
    def attack(self) -> Step:
        """images.h5, checkpoints.h5 -> perturbations.h5."""
        return self._step(
            "attack",
            inputs=self._checkpoint("{checkpoint}"),
            outputs={"perturbations": self._of_checkpoint("perturbations.h5")},
            params=self._network_params("attack.py", self._attack_module)
            | {name: self._of_attack(name) for name in ("family", "options", "images", "batch_size", "simplified")}
            | {"precision": self.study.compute.precision},
            place="{attack}/{run}/{checkpoint}",
            jobs=_checkpoints(self.attacked),
            limits="attack",
            gpus=self.gpus,
        )

    @cached_property
    def transfer(self) -> Step:
        """images.h5, checkpoints.h5, perturbations of another checkpoint -> perturbations.h5."""
        return self._step(
            "transfer",
            inputs={**self._checkpoint("{checkpoint}"), "perturbations": self._tried},
            outputs={"perturbations": self._of_checkpoint("perturbations.h5")},
            params=self._network_params("transfer.py") | {"batch_size": self._of_attack("batch_size")},
            place="{attack}/{run}/{checkpoint}",
            jobs=_checkpoints(self.transferred),
            limits="transfer",
            gpus=self.gpus,
        )

    @cached_property
    def spectra(self) -> Step:
        """perturbations.h5 -> spectra.h5 beside it."""
        return self._step(
            "spectra",
            inputs={"perturbations": self._of_checkpoint("perturbations.h5")},
            outputs={"spectra": self._of_checkpoint("spectra.h5")},
            params={
                "identity": self._identity,
                "spectra": self.study.config["spectra"],
                "code": self.code("spectra.py"),
            },
            place="spectra/{run}/{attack}/{checkpoint}",
            jobs=_checkpoints(self.perturbed),
            limits="spectra",
        )

    @cached_property
    def lines(self) -> Step:
        """images.h5, checkpoints.h5, perturbations.h5 -> lines.h5 beside the last, of nonlinear networks."""
        return self._step(
            "lines",
            inputs={**self._checkpoint("{checkpoint}"), "perturbations": self._of_checkpoint("perturbations.h5")},
            outputs={"lines": self._of_checkpoint("lines.h5")},
            params=self._network_params("lines.py") | {"lines": self._lines_settings},
            place="lines/{run}/{attack}/{checkpoint}",
            jobs=_checkpoints(self.lined),
            limits="lines",
            gpus=self.gpus,
        )

    def _of_run(self, name: str) -> str:
        return f"{self.dataset}/{{run}}/{name}"

    def _of_checkpoint(self, name: str) -> str:
        return self._of_run(f"{{attack}}/{{checkpoint}}/{name}")

    def _checkpoint(self, checkpoint: str, *, images: bool = True) -> dict[str, str]:
        """Return the inputs of what is made of a checkpoint."""
        return ({"images": self.images_file} if images else {}) | {
            "settings": self._of_run("training.json"),
            "checkpoints": ancient(self._of_run("checkpoints.h5")),
            "kept": ancient(self._of_run(f"checkpoints.kept/{checkpoint}")),
        }

    def _tried(self, wildcards: Wildcards) -> str:
        """Return the perturbations that a transfer tries."""
        transfer: Transfer = next(one for one in self.study.transfers if one.name == wildcards.attack)
        return f"{self.dataset}/{wildcards.run}/{transfer.attack}/{transfer.found_on}/perturbations.h5"

    def _run(self, wildcards: Wildcards) -> Run:
        return self.study.runs[wildcards.run]

    def _identity(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return what tells a run from the others: the attributes of each of its files."""
        return {"dataset": self.study.dataset.name} | self._run(wildcards).identity

    def _architecture(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the arguments of networks.build_network, but for those that the data set gives."""
        run = self._run(wildcards)
        about = {"architecture": run.entry.architecture, "options": run.entry.options}
        return about | {"activation": run.activation, "depth": run.depth}

    def _module(self, wildcards: Wildcards) -> str:
        return f"advspectra.models.{self._run(wildcards).entry.architecture}"

    def _attack_module(self, wildcards: Wildcards) -> str:
        return f"advspectra.attacks.{self.study.attack_named[wildcards.attack].family}"

    def _network_params(self, script: str, *modules: Callable[[Wildcards], str]) -> dict[str, Any]:
        """Return the params of what is made of a network. modules : of plug-ins of the script beside the network's."""
        found = (self._module, *modules)
        code = lambda wildcards: self.code(script, *(module(wildcards) for module in found))  # noqa: E731
        return {"identity": self._identity, "architecture": self._architecture, "code": code}

    def _training(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return what determines the checkpoints of a run, apart from the images and the code, whichever are kept."""
        rate, training = self._run(wildcards).entry.learning_rate, self.study.config["training"]
        return {
            "architecture": self._architecture(wildcards),
            "learning_rate": rate,
            "search": training["search"] if rate == "search" else None,
            "alpha_scaling": self.study.config["initialization"]["alpha_scaling"],
            "precision": self.study.compute.precision,
            "training": {key: value for key, value in training.items() if key not in ("search", "checkpoints")},
        }

    def _of_attack(self, name: str) -> Callable[[Wildcards], Any]:
        return lambda wildcards: getattr(self.study.attack_named[wildcards.attack], name)

    def _lines_settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return how the lines of an attack, or transfer, on a run are followed."""
        lines = self.study.lines_of(wildcards.attack, self._run(wildcards).entry)
        return {name: getattr(lines, name) for name in ("exact_images", "images", "samples", "stretch_limit")}


def _checkpoints(jobs: Mapping[str, Mapping[str, tuple[str, ...]]]) -> tuple[Job, ...]:
    return tuple(
        {"run": run, "attack": attack, "checkpoint": checkpoint}
        for run, attacks in jobs.items()
        for attack, checkpoints in attacks.items()
        for checkpoint in checkpoints
    )
