"""Table 4: test accuracy of every network at its best epoch."""

from collections.abc import Mapping, Sequence

import numpy as np

from advspectra.claims.comparison import missing_note, paired_rows
from advspectra.claims.null import table_beside_noise
from advspectra.claims.paper import ACCURACY_MARGIN
from advspectra.networks.identity import NetworkIdentity
from advspectra.results.replicates import Replicates, by_network
from advspectra.results.runs import Run
from advspectra.statistics.summaries import Spread
from advspectra.table import Cell, Column, Table

INPUTS = {"files": ["checkpoints"], "activations": None, "alphas": [1], "config": ["training"], "noise": True}

PANEL = "Test accuracy (%)"
COLUMNS = (
    Column("model", "Model"),
    Column("seeds", "seeds"),
    Column("test_accuracy", PANEL, 1, spread=True, panel=PANEL, within="ours"),
    Column("test_accuracy_paper", "paper (%)", optional=True, panel=PANEL, within="paper"),
    Column(
        "difference",
        "difference (points)",
        1,
        optional=True,
        panel=PANEL,
        within="Δ points",
        limit=100 * ACCURACY_MARGIN,
    ),
    Column("train_accuracy", "Training accuracy (%)", 1, spread=True),
    Column("best_epoch", "Best epoch"),
    Column("epochs", "of epochs"),
)


def table(runs: Sequence[Run], *, reference: Mapping, config: Mapping, convention: str) -> Table:
    """The table: the paper's rows in its order, then the study's further networks; convention has no part in it.

    reference : paper.yaml; config : the sections that INPUTS names.
    """
    groups = by_network(runs)
    rows = reference["tables"]["table4"]["rows"]
    body = [_cells(row, group) for row, group in paired_rows(rows, groups)]
    chosen = {"test": "test accuracy, as the paper chose it", "held_out": "accuracy on the held-out training images"}
    selection = config["training"]["selection"]["by"]
    notes = [
        *missing_note(rows, groups),
        f"The best epoch is the one of the highest {chosen.get(selection, selection)}.",
        "Training accuracy is counted during the epoch, while the weights change; test accuracy after it.",
        "With several seeds: mean ± sd over seeds.",
    ]
    made = Table("Table 4. Test accuracy", COLUMNS, tuple(body), tuple(notes))
    return table_beside_noise(made, 4, reference, convention=convention)


def _cells(row: Mapping | None, group: Replicates | None) -> dict[str, Cell]:
    paper = row and row["test_accuracy"]
    if group is None:
        return {"model": NetworkIdentity.of_row(row).label, "test_accuracy_paper": paper}
    cells = {
        "model": group.first.label,
        "seeds": len(group.runs),
        "test_accuracy_paper": paper,
    }
    if (accuracy := _accuracy(group, "test_accuracy")) is not None:
        cells |= {
            "test_accuracy": accuracy,
            "difference": None if paper is None else accuracy.mean - paper,
            "train_accuracy": _accuracy(group, "train_accuracy"),
            "best_epoch": _distinct(one.best_epoch for one in group.checkpoints),
            "epochs": _distinct(one.epochs for one in group.checkpoints),
        }
    return cells


def _accuracy(group: Replicates, quantity: str) -> Spread | None:
    """An accuracy in percent over the seeds of a network."""
    values = 100 * np.array([getattr(one, quantity) for one in group.checkpoints])
    if not len(values):
        return None
    return Spread(float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None)


def _distinct(values) -> str:
    return ", ".join(str(value) for value in sorted(set(values)))
