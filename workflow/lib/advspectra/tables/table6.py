"""Table 6: the attacks of the study, from its configuration, below the paper's."""

from collections.abc import Mapping, Sequence

from advspectra.attacking import foolbox_classes
from advspectra.attacking.epsilon import written
from advspectra.results.runs import Run
from advspectra.table import Cell, Column, Table

INPUTS = {"files": [], "activations": None, "alphas": None, "config": ["attacks", "summary"]}

COLUMNS = (
    Column("name", "Name"),
    Column("attack", "Attack"),
    Column("metric", "Metric"),
    Column("step", "Step size"),
    Column("steps", "Number of steps"),
    Column("epsilon", "Max norm ε"),
    Column("images", "Images"),
    Column("networks", "Networks"),
    Column("checkpoints", "Checkpoints"),
    Column("parameters", "Further parameters"),
)
# the norms by their names in Foolbox
METRICS = {"linf": "L∞", "l2": "L2", "l1": "L1", "l0": "L0"}


def table(runs: Sequence[Run], *, reference: Mapping, config: Mapping, convention: str) -> Table:
    """The table: the paper's attack, then each of the study's; runs and convention have no part in it.

    reference : paper.yaml; config : the sections that INPUTS names.
    """
    body = [
        {
            "name": "paper",
            "attack": row["attack"],
            "metric": row["metric"],
            "step": f"{row['learning_rate']:g}",
            "steps": row["steps"],
            "epsilon": row["epsilon"],
        }
        for row in reference["tables"]["table6"]["rows"]
    ]
    body += [_row(attack) for attack in config["attacks"]]
    shown = config["summary"]["attack"]
    notes = (
        f"Tables and figures show the attack `{shown}` on the checkpoint `{config['summary']['checkpoint']}`.",
        "The paper's step size is its column Learning Rate; it does not say whether the step is relative to ε.",
        "A step size or number of steps that the configuration leaves open is Foolbox's default.",
    )
    return Table("Table 6. Attacks", COLUMNS, tuple(body), notes)


def _row(attack: Mapping) -> dict[str, Cell]:
    options = dict(attack["options"])
    parameters = dict(options.pop("parameters", {}))
    name = str(options.pop("attack", attack["family"]))
    known = foolbox_classes.attack_class(attack["foolbox_class"]) if attack["foolbox_class"] else None
    defaults = {key: argument.default for key, argument in known.arguments.items()} if known else {}
    metric = _metric(name) if known is None else METRICS.get(known.distance_with(parameters))
    row = {
        "name": attack["name"],
        "attack": name,
        "metric": metric,
        "epsilon": _epsilon(options.pop("epsilon", None), metric),
        "steps": parameters.pop("steps", defaults.get("steps")),
        "images": f"{attack['images']} {attack['images_of']}",
        "networks": _names(attack["networks"]),
        "checkpoints": _names(attack["checkpoints"]),
    }
    # Foolbox lets the absolute step overrule the relative one
    relative = parameters.pop("rel_stepsize", defaults.get("rel_stepsize"))
    absolute = parameters.pop("abs_stepsize", None)
    if absolute is not None:
        row["step"] = f"{absolute:g}, absolute"
    elif relative is not None:
        row["step"] = f"{relative:g} × ε"
    rest = {**options, **parameters}
    if attack["against"] != "label":
        rest["against"] = attack["against"]
    if (of := attack["batch_norm"]) != "as_is":
        rest["batch_norm"] = f"of {of['batches']} batches of {of['batch_size']}"
    row["parameters"] = ", ".join(f"{key} {value}" for key, value in rest.items()) or None
    return row


def _metric(name: str) -> str | None:
    """The norm in the name of an attack that is not known."""
    return next((metric for distance, metric in METRICS.items() if distance in name.lower()), None)


def _names(names: str | Sequence[str]) -> str:
    return names if isinstance(names, str) else ", ".join(names)


def _epsilon(value: str | float | None, metric: str | None) -> str | None:
    """Epsilon as text; of L∞ in steps of an 8-bit pixel where it is a whole number of them."""
    if value is None or isinstance(value, str):
        return value
    return written(value, linf=metric == "L∞")
