"""Table 5: the learning rates that the networks were trained with, and the schedule."""

from collections.abc import Mapping, Sequence

from advspectra.networks.identity import ACTIVATIONS, NAMES, NetworkIdentity
from advspectra.results.replicates import by_network
from advspectra.results.runs import Run
from advspectra.table import Cell, Column, Table

INPUTS = {"files": ["checkpoints"], "activations": None, "alphas": None, "config": ["training", "networks"]}

COLUMNS = (
    Column("model", "Model"),
    Column("learning_rate", "Learning rate"),
    Column("learning_rate_paper", "paper"),
    Column("batch_size", "Batch size"),
    Column("batch_size_paper", "paper"),
    Column("learning_rate_drop", "Learning rate drop"),
    Column("learning_rate_drop_paper", "paper"),
)


def table(runs: Sequence[Run], *, reference: Mapping, config: Mapping, convention: str) -> Table:
    """The table: a row for each network of the study, then the paper's rows that it lacks.

    The rates are those in the checkpoints, which a search may have found. convention has no part in it;
    reference : paper.yaml; config : the sections that INPUTS names.
    """
    groups = by_network(runs)
    rows = reference["tables"]["table5"]["rows"]
    usual = config["training"]
    body, other, recipes = [], [], {}
    for group in groups:
        training = usual | _own(config["networks"], group.first)
        recipes.setdefault(_recipe(training), []).append(group.first.label)
        rates = sorted({one.learning_rate for one in group.checkpoints})
        paper = [row for row in rows if _is_of(row, group.first)]
        body.append(
            {
                "model": group.first.label,
                "learning_rate": _listed(rates) or None,
                "batch_size": training["batch_size"],
                "learning_rate_drop": _drop(training["schedule"]),
                **_paper(paper),
            }
        )
        if paper and set(rates) - {row["learning_rate"] for row in paper}:
            other.append(group.first.label)
    missing = [row for row in rows if not any(_is_of(row, group.first) for group in groups)]
    names = [_name(row) for row in missing]
    body += [{"model": name, **_paper([row])} for name, row in zip(names, missing, strict=True)]
    text = reference["tables"]["table5"]["text"]
    notes = [
        *([f"Not in this study: {', '.join(names)}."] if names else []),
        *([f"Trained at a rate that the paper does not list for the network: {'; '.join(other)}."] if other else []),
        f"The paper lists {NAMES['bounded_width_32'][0]} twice without saying which networks it means. We read the "
        "first row as the linear ones and the second as the ReLU ones, as in the authors' log. It lists no rate for "
        "residual networks and VGG19.",
        f"{_listed_recipes(recipes)}; the paper: at least {text['epochs']} epochs, rate × "
        f"{text['schedule_factor']:g}, back to the maximum at epoch {text['schedule_reset_epoch']} (Appendix B.3).",
    ]
    return Table("Table 5. Learning rates", COLUMNS, tuple(body), tuple(notes))


def _recipe(training: Mapping) -> str:
    momentum, decay = f"{training['momentum']:g}", f"{training['weight_decay']:g}"
    return f"SGD, momentum {momentum}, weight decay {decay}, {training['epochs']} epochs"


def _listed_recipes(recipes: Mapping[str, list[str]]) -> str:
    """Each recipe with its networks; the one of most of them without."""
    first, *others = sorted(recipes, key=lambda recipe: -len(recipes[recipe]))
    return "; ".join([first, *(f"{', '.join(recipes[recipe])}: {recipe}" for recipe in others)])


def _is_of(row: Mapping, network: NetworkIdentity) -> bool:
    """Whether a row of the paper is about a network, of any activation if the row states none."""
    return network.network in row["networks"] and row["activation"] in (None, network.activation)


def _name(row: Mapping) -> str:
    """The paper's name of a row's networks, with the activation that we read it for."""
    activation = row["activation"]
    return row["model"] + (f" ({ACTIVATIONS.get(activation, activation)})" if activation else "")


def _paper(rows: Sequence[Mapping]) -> dict[str, Cell]:
    if not rows:
        return {}
    return {
        "learning_rate_paper": " or ".join(f"{row['learning_rate']:g}" for row in rows),
        "batch_size_paper": " or ".join(str(size) for size in sorted({row["batch_size"] for row in rows})),
        "learning_rate_drop_paper": " or ".join(sorted({row["learning_rate_drop"] for row in rows})),
    }


def _own(entries: Sequence[Mapping], network: NetworkIdentity) -> Mapping:
    """What a network's entry says of its training alone."""
    has = {"activations": network.activation, "depths": network.depth, "alphas": network.alpha}
    of_name = (entry for entry in entries if entry["name"] == network.network)
    return next(
        (entry.get("training", {}) for entry in of_name if all(value in entry[key] for key, value in has.items())), {}
    )


def _drop(schedule: Mapping) -> str:
    if "peak" in schedule:
        return f"one cycle, peak in epoch {schedule['peak']}"
    if schedule["factor"] == 1:
        return "No"
    reset = f", reset at epoch {schedule['reset_at']}" if schedule["reset_at"] is not None else ""
    return f"× {schedule['factor']:g} every {schedule['every']} epochs{reset}"


def _listed(values) -> str:
    return ", ".join(f"{value:g}" for value in values)
