"""Which states of which runs a study keeps, attacks, tries transfers on and follows lines from.

A state has a name: "best", "step=<n>" or "epoch=<n>". Nothing here imports numpy or torch: snakemake reads it each
time.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from advspectra_study.runs import enumerate_runs, network_entry, run_folder

# for each run by its folder, the states of each attack or transfer by its name
States = dict[str, dict[str, list[str]]]


def kept_states(config: Mapping[str, Any], network: Mapping[str, Any]) -> list[str]:
    """Return the states that the training of an entry of `networks` keeps."""
    kept = network["checkpoints"] if "checkpoints" in network else config["training"]["checkpoints"]
    return ["best", *(f"step={n}" for n in kept["steps"]), *(f"epoch={n}" for n in kept["epochs"])]


def training_rules(config: Mapping[str, Any]) -> dict[tuple[str, ...], str]:
    """Return, for each list of states that some training keeps, what the rule of these trainings is called.

    "train" for training.checkpoints, which come first; for another list "train_" and the networks that have it, of more
    than two the first and their number, and where that name is taken a number.
    """
    networks: dict[tuple[str, ...], list[str]] = {tuple(kept_states(config, {})): []}
    for entry in config["networks"]:
        names = networks.setdefault(tuple(kept_states(config, entry)), [])
        if entry["name"] not in names:
            names.append(entry["name"])
    (usual, _), *others = networks.items()
    rules = {usual: "train"}
    for states, names in others:
        more = f"{len(names) - 1}_more" if len(names) > 2 else names[-1]
        name = "_and_".join(["train_" + names[0], more][: len(names)])
        number = 2
        rule = name
        while rule in rules.values():
            rule, number = f"{name}_{number}", number + 1
        rules[states] = rule
    return rules


def steps_and_epochs(states: Iterable[str]) -> dict[str, list[int]]:
    """Return the states but for "best" as `training.checkpoints` lists them, {"steps": [...], "epochs": [...]}."""
    pairs = [state.split("=") for state in states if state != "best"]
    return {f"{unit}s": [int(n) for kind, n in pairs if kind == unit] for unit in ("step", "epoch")}


def states_of(config: Mapping[str, Any], kind: str, item: Mapping[str, Any], network: Mapping[str, Any]) -> list[str]:
    """Return the states of a network that an entry of `attacks`, `transfers` or `lines` is about; [] for none.

    kind : the section of `item`. network : an entry of `networks`.
    """
    source = source_states(config, kind, item, network)
    chosen = item["networks"] == "all" or network["name"] in item["networks"]
    if not (source and chosen):
        return []
    if item["checkpoints"] != "all":
        return item["checkpoints"]
    return source if kind == "lines" else kept_states(config, network)


def source_states(
    config: Mapping[str, Any], kind: str, item: Mapping[str, Any], network: Mapping[str, Any]
) -> list[str]:
    """Return the states of the network that there are for an entry to build on: those that the training keeps, for a
    transfer or lines those of their attack.
    """
    if kind == "attacks":
        return kept_states(config, network)
    sections = ("attacks",) if kind == "transfers" else ("attacks", "transfers")
    return next(
        states_of(config, section, other, network)
        for section in sections
        for other in config[section]
        if other["name"] == item["attack"]
    )


def lines_entry(config: Mapping[str, Any], attack: str, network: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the entry of `lines` about an attack, or transfer, on a network: an entry of `networks`."""
    entries = (entry for entry in config["lines"] if entry["attack"] == attack)
    return next(entry for entry in entries if states_of(config, "lines", entry, network))


def states_by_run(config: Mapping[str, Any], *sections: str) -> States:
    """Return, for every run, the states of each entry of the sections given; of `lines`, those of nonlinear runs only.

    An entry goes by its name, one of `lines` by that of its attack or transfer.
    """
    return {
        run_folder(key): {
            item["name"] if "name" in item else item["attack"]: states
            for section in sections
            for item in config[section]
            if (states := states_of(config, section, item, network_entry(config, key)))
            and not (section == "lines" and key.activation == "linear")
        }
        for key in enumerate_runs(config)
    }
