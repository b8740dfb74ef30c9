"""A study, as its configuration describes it: typed, complete, and not to be changed.

Nothing here imports numpy or torch: snakemake reads it each time.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from advspectra_study.entries import (
    Attack,
    Claims,
    Compute,
    Data,
    Dataset,
    Lines,
    Network,
    Precision,
    Run,
    Summary,
    Transfer,
)
from advspectra_study.plugins import attempts, foolbox_class, spec, steps, with_fractions

# keys of an attack that do not determine its perturbations
ASIDE = ("name", "networks", "checkpoints", "batch_size")


@dataclass(frozen=True)
class Study:
    """A whole study.

    usual_checkpoints : those of training.checkpoints. config : the validated configuration, complete with defaults, its
    keys sorted. written : the same with its keys in the order in which they were written.
    """

    name: str
    dataset: Dataset
    compute: Compute
    networks: tuple[Network, ...]
    attacks: tuple[Attack, ...]
    transfers: tuple[Transfer, ...]
    lines: tuple[Lines, ...]
    summary: Summary
    claims: Claims
    usual_checkpoints: tuple[str, ...]
    config: Data
    written: Data

    @classmethod
    def of(cls, config: Data, library: Path) -> "Study":
        """The study of a configuration that config.load_config has validated.

        Options that may be fractions are numbers in it. library : source root that holds the package advspectra.
        """
        # Snakemake compares params with their keys in order: here they stand in the same one, however it is written
        written, config = config, json.loads(json.dumps(config, sort_keys=True))

        dataset = Dataset(**config["dataset"])

        def numeric(attack: Data) -> Data:
            about = spec("attacks", attack["family"], library)
            options = with_fractions(about, attack["options"])
            runs = foolbox_class(about, options)
            return attack | {
                "options": options,
                "attempts": attempts(about, options, dataset.classes),
                "steps": steps(about, options),
                "foolbox_class": runs and runs.name,
                "minimal": "bisects" in about or bool(runs and "MinimizationAttack" in runs.bases),
            }

        shared = {"seeds": config["seeds"], "checkpoints": config["training"]["checkpoints"]}
        networks = [shared | entry for entry in config["networks"]]
        networks = [
            entry
            | {
                "checkpoints": checkpoint_names(entry["checkpoints"]),
                "training": recipe(config, entry),
                "precision": Precision.of(entry.get("precision", config["compute"]["precision"])),
            }
            for entry in networks
        ]
        return cls(
            name=config["study"],
            dataset=dataset,
            compute=Compute.of(config["compute"]),
            networks=tuple(Network(**_as_tuples(entry)) for entry in networks),
            attacks=tuple(Attack(**_as_tuples(numeric(entry))) for entry in config["attacks"]),
            transfers=tuple(Transfer(**_as_tuples(entry)) for entry in config["transfers"]),
            lines=tuple(Lines(**_as_tuples(entry)) for entry in config["lines"]),
            summary=Summary(**config["summary"]),
            claims=Claims(**_as_tuples(config["claims"])),
            usual_checkpoints=checkpoint_names(config["training"]["checkpoints"]),
            config=config,
            written=written,
        )

    @cached_property
    def runs(self) -> dict[str, Run]:
        """Every run by its folder: networks in the order of the configuration, then activation, depth, alpha, seed."""
        runs = [
            Run(entry, activation, depth, alpha, seed)
            for entry in self.networks
            for activation in entry.activations
            for depth in entry.depths
            for alpha in entry.alphas
            for seed in entry.seeds
        ]
        return {run.folder: run for run in runs}

    @cached_property
    def attack_named(self) -> dict[str, Attack]:
        """Each attack by its name, and by that of a transfer the attack whose perturbations it tries."""
        attacks = {attack.name: attack for attack in self.attacks}
        return attacks | {transfer.name: attacks[transfer.attack] for transfer in self.transfers}

    def checkpoints_of(self, item: Attack | Transfer | Lines, network: Network) -> tuple[str, ...]:
        """The checkpoints of a network that an attack, transfer or entry of `lines` is about; () for none."""
        there = self.choice_of(item, network)
        if not there or not (item.networks == "all" or network.name in item.networks):
            return ()
        every = there if isinstance(item, Lines) else network.checkpoints
        if item.checkpoints == "kept":
            return tuple(name for name in every if name != "best")
        return every if item.checkpoints == "all" else item.checkpoints

    def choice_of(self, item: Attack | Transfer | Lines, network: Network) -> tuple[str, ...]:
        """The checkpoints of a network among which an entry may choose: all of an attack; of a transfer and of
        lines those of their attack.
        """
        if isinstance(item, Attack):
            return network.checkpoints
        others = self.attacks if isinstance(item, Transfer) else (*self.attacks, *self.transfers)
        return next(self.checkpoints_of(other, network) for other in others if other.name == item.attack)

    @cached_property
    def attack_of_last_epoch(self) -> str:
        """The attack whose last epoch may take the place of the best one: the first of claims.audit that is
        summary.attack but for its networks and that it is tried on other checkpoints; without one, summary.attack.
        """
        entries = {attack["name"]: attack for attack in self.config["attacks"]}
        own, *others = (
            {key: value for key, value in entries.get(name, {}).items() if key not in ASIDE}
            for name in (self.summary.attack, *self.claims.audit)
        )
        alike = [name for name, other in zip(self.claims.audit, others, strict=True) if other and other == own]
        kept = [name for name in alike if entries[name]["checkpoints"] == "kept"]
        return kept[0] if kept and self.summary.checkpoint == "best" else self.summary.attack

    def lines_of(self, attack: str, network: Network) -> Lines:
        """The entry of `lines` about an attack, or transfer, on a network."""
        entries = (entry for entry in self.lines if entry.attack == attack)
        return next(entry for entry in entries if self.checkpoints_of(entry, network))

    def jobs_of(self, items: Iterable[Attack | Transfer | Lines]) -> dict[str, dict[str, tuple[str, ...]]]:
        """For every run, the checkpoints of each item by its name; of lines those of nonlinear runs alone."""
        items = tuple(items)
        return {
            folder: {
                item.name: checkpoints
                for item in items
                if (checkpoints := self.checkpoints_of(item, run.entry))
                and not (isinstance(item, Lines) and run.linear)
            }
            for folder, run in self.runs.items()
        }


def recipe(config: Data, network: Data) -> Data:
    """How a network is trained: the study's `training`, changed by its own. network : its entry of `networks`."""
    usual = {key: value for key, value in config["training"].items() if key not in ("search", "checkpoints")}
    return usual | network.get("training", {})


def checkpoint_names(kept: Data) -> tuple[str, ...]:
    """The names of the checkpoints that a training keeps. kept : {"steps": [...], "epochs": [...]}."""
    return ("best", *(f"step={n}" for n in kept["steps"]), *(f"epoch={n}" for n in kept["epochs"]))


def steps_and_epochs(checkpoints: Iterable[str]) -> dict[str, list[int]]:
    """The checkpoints except "best", as `training.checkpoints` lists them, {"steps": [...], "epochs": [...]}."""
    pairs = [name.split("=") for name in checkpoints if name != "best"]
    return {f"{unit}s": [int(n) for kind, n in pairs if kind == unit] for unit in ("step", "epoch")}


def _as_tuples(entry: Data) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
