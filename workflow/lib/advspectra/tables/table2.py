"""Table 2: frequency-domain norms of the adversarial perturbation, nonlinear networks."""

from collections.abc import Mapping, Sequence

from advspectra.claims.comparison import (
    IMAGE_COLUMNS,
    image_cells,
    missing_note,
    paired_rows,
    perturbation_notes,
    perturbation_statistics,
    quantity_cells,
    quantity_columns,
    seeds_note,
)
from advspectra.claims.null import table_beside_noise
from advspectra.results.replicates import by_network
from advspectra.results.runs import Run
from advspectra.table import Table

INPUTS = {"files": ["spectra"], "activations": ["relu"], "alphas": [1], "config": [], "noise": True}

TITLES = {"delta_l2": "‖δ̂‖₂", "delta_l1": "‖δ̂‖₁"}
COLUMNS = (*IMAGE_COLUMNS, *(column for key, title in TITLES.items() for column in quantity_columns(key, title)))


def table(runs: Sequence[Run], *, reference: Mapping, config: Mapping, convention: str) -> Table:
    """The table: the paper's rows in its order, then the study's further nonlinear networks.

    reference : paper.yaml; config : the sections that INPUTS names; convention : of δ̂.
    """
    groups = by_network(runs)
    rows = reference["tables"]["table2"]["rows"]
    found = {group.identity: perturbation_statistics(group, convention=convention) for group in groups}
    body = []
    for row, group in paired_rows(rows, groups):
        ours = found[group.identity] if group else {}
        cells = image_cells(row, group, convention=convention)
        for key in TITLES:
            cells |= quantity_cells(key, ours.get(key), row, comparable=convention == "paper")
        body.append(cells)

    notes = [
        *missing_note(rows, groups),
        *perturbation_notes(groups, convention=convention),
        *([seeds_note(groups)] if groups else []),
    ]
    made = Table("Table 2. Frequency-domain norms of δ̂, nonlinear networks", COLUMNS, tuple(body), tuple(notes))
    return table_beside_noise(made, 2, reference, convention=convention)
