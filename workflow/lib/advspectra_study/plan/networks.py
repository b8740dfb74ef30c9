"""What the rules that attack checkpoints, and measure the perturbations, read, take and make."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from advspectra_study.entries import Transfer
from advspectra_study.plan.step import Job, Step, Wildcards
from advspectra_study.plan.training import Training


class Networks(Training):
    """The steps from the checkpoints of each network to what is measured on them."""

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
    def attack(self) -> Step:
        """images.h5, checkpoints.h5 -> perturbations.h5."""
        return self._step(
            "attack",
            inputs=self._checkpoint("{checkpoint}"),
            outputs={"perturbations": self._of_checkpoint("perturbations.h5")},
            params=self._network_params("attack.py", self._attack_module)
            | {name: self._of_attack(name) for name in ("family", "options", "images", "batch_size", "simplified")}
            | {"precision": lambda wildcards: self._run(wildcards).entry.precision.attack}
            | self._seen,
            stem="{attack}/{run}/{checkpoint}",
            jobs=_checkpoints(self.attacked),
            cost_of="attack",
            gpus=self.gpus,
        )

    @cached_property
    def transfer(self) -> Step:
        """images.h5, checkpoints.h5, perturbations of another checkpoint -> perturbations.h5."""
        return self._step(
            "transfer",
            inputs={**self._checkpoint("{checkpoint}"), "perturbations": self._tried},
            outputs={"perturbations": self._of_checkpoint("perturbations.h5")},
            params=self._network_params("transfer.py") | {"batch_size": self._of_attack("batch_size")} | self._seen,
            stem="{attack}/{run}/{checkpoint}",
            jobs=_checkpoints(self.transferred),
            cost_of="transfer",
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
            stem="spectra/{run}/{attack}/{checkpoint}",
            jobs=_checkpoints(self.perturbed),
            cost_of="spectra",
        )

    @cached_property
    def lines(self) -> Step:
        """images.h5, checkpoints.h5, perturbations.h5 -> lines.h5 beside the last, of nonlinear networks."""
        return self._step(
            "lines",
            inputs={**self._checkpoint("{checkpoint}"), "perturbations": self._of_checkpoint("perturbations.h5")},
            outputs={"lines": self._of_checkpoint("lines.h5")},
            params=self._network_params("lines.py") | {"lines": self._lines_settings} | self._seen,
            stem="lines/{run}/{attack}/{checkpoint}",
            jobs=_checkpoints(self.lined),
            cost_of="lines",
            gpus=self.gpus,
        )

    def _of_checkpoint(self, name: str) -> str:
        return self._of_run(f"{{attack}}/{{checkpoint}}/{name}")

    def _tried(self, wildcards: Wildcards) -> str:
        """The perturbations that a transfer tries."""
        transfer: Transfer = next(entry for entry in self.study.transfers if entry.name == wildcards.attack)
        return f"{self.dataset}/{wildcards.run}/{transfer.attack}/{transfer.found_on}/perturbations.h5"

    def _attack_module(self, wildcards: Wildcards) -> str:
        return f"advspectra.attacks.{self.study.attack_named[wildcards.attack].family}"

    def _of_attack(self, name: str) -> Callable[[Wildcards], Any]:
        return lambda wildcards: getattr(self.study.attack_named[wildcards.attack], name)

    @property
    def _seen(self) -> dict[str, Callable[[Wildcards], Any]]:
        """What the attack saw, and so the transfers and lines of it see."""
        return {name: self._of_attack(name) for name in ("images_of", "against", "batch_norm")}

    def _lines_settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """How the lines of an attack, or transfer, on a run are followed."""
        lines = self.study.lines_of(wildcards.attack, self._run(wildcards).entry)
        return {name: getattr(lines, name) for name in ("exact_images", "images", "samples", "stretch_limit")}


def _checkpoints(jobs: Mapping[str, Mapping[str, tuple[str, ...]]]) -> tuple[Job, ...]:
    return tuple(
        {"run": run, "attack": attack, "checkpoint": checkpoint}
        for run, attacks in jobs.items()
        for attack, checkpoints in attacks.items()
        for checkpoint in checkpoints
    )
