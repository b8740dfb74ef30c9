"""Table 3: the architectures of the study, from its configuration, beside the paper's."""

from collections.abc import Mapping, Sequence

from advspectra.networks.identity import ACTIVATIONS, NAMES
from advspectra.results.runs import Run
from advspectra.table import Column, Table

INPUTS = {"files": [], "activations": None, "alphas": None, "config": ["networks"]}

COLUMNS = (
    Column("model", "Model"),
    Column("architecture", "Architecture"),
    Column("hidden_layers", "Hidden layers"),
    Column("hidden_layers_paper", "paper"),
    Column("activations", "Nonlinearity"),
    Column("activations_paper", "paper"),
    Column("channels", "Channels or hidden units"),
    Column("channels_paper", "paper"),
    Column("options", "Further options"),
    Column("alphas", "Initial scale α"),
)


def table(runs: Sequence[Run], *, reference: Mapping, config: Mapping, convention: str) -> Table:
    """The table: a row for each entry of the configuration's `networks`, then the paper's rows that it lacks.

    runs and convention have no part in it; reference : paper.yaml; config : the sections that INPUTS names.
    """
    rows = reference["tables"]["table3"]["rows"]
    body = []
    for entry in config["networks"]:
        paper = next((row for row in rows if entry["name"] in row["networks"]), None)
        options = dict(entry["options"])
        units = [str(options.pop(name)) for name in ("channels", "hidden_units") if name in options]
        body.append(
            {
                "model": NAMES.get(entry["name"], (entry["name"],))[0],
                "architecture": entry["architecture"],
                "hidden_layers": _listed(entry["depths"]),
                "activations": _listed(_activation(name) for name in entry["activations"]),
                "channels": _listed(units) or None,
                "options": _listed(f"{name} {value}" for name, value in options.items()) or None,
                "alphas": _listed(entry["alphas"]),
                **(_paper(paper) if paper else {}),
            }
        )
    names = {entry["name"] for entry in config["networks"]}
    missing = [row for row in rows if not names & set(row["networks"])]
    body += [{"model": row["model"], **_paper(row)} for row in missing]
    notes = [f"Not in this study: {', '.join(row['model'] for row in missing)}."] if missing else []
    notes.append(
        "The paper's Bounded Width Convolution has 3 or 32 channels; a row without a value has none in Table 3."
    )
    return Table("Table 3. Architectures", COLUMNS, tuple(body), tuple(notes))


def _paper(row: Mapping) -> dict[str, str]:
    return {
        "hidden_layers_paper": _listed(row["hidden_layers"]),
        "activations_paper": _listed(_activation(name) for name in row["activations"]),
        "channels_paper": _listed(row["channels"]),
    }


def _activation(name: str) -> str:
    return "none" if name == "linear" else ACTIVATIONS.get(name, name)


def _listed(values) -> str:
    return ", ".join(str(value) for value in values)
