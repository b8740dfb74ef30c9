"""Table 1: frequency-domain norms of the perturbation and of the predictor, linear networks."""

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
from advspectra.results.replicates import Replicates, by_network
from advspectra.results.runs import Run, of_predictors
from advspectra.statistics.summaries import Statistics, statistics
from advspectra.table import Column, Table

INPUTS = {"files": ["spectra", "predictor"], "activations": ["linear"], "alphas": [1], "config": [], "noise": True}

TITLES = {
    "delta_l2": "‖δ̂‖₂",
    "delta_l1": "‖δ̂‖₁",
    "beta_l2": "‖β̂‖₂ rescaled",
    "beta_l1": "‖β̂‖₁ rescaled",
    "beta_raw_l2": "‖β̂‖₂ raw",
    "beta_raw_l1": "‖β̂‖₁ raw",
}
COLUMNS = (
    *IMAGE_COLUMNS,
    *(
        column
        for key in ("delta_l2", "delta_l1", "beta_l2", "beta_l1")
        for column in quantity_columns(key, TITLES[key])
    ),
    *(
        column
        for key in ("beta_raw_l2", "beta_raw_l1")
        for column in (
            Column(key, TITLES[key], 2, spread=True),
            Column(f"{key}_seeds", f"{TITLES[key]} over seeds", 2, spread=True, optional=True),
        )
    ),
)


def table(runs: Sequence[Run], *, reference: Mapping, config: Mapping, convention: str) -> Table:
    """The table: the paper's rows in its order, then the study's further linear networks.

    reference : paper.yaml; config : the sections that INPUTS names; convention : of δ̂ (β̂ is under the paper's always).
    """
    groups = by_network(runs)
    rows = reference["tables"]["table1"]["rows"]
    found = {group.identity: _statistics(group, convention) for group in groups}
    body = []
    for row, group in paired_rows(rows, groups):
        ours = found[group.identity] if group else {}
        cells = image_cells(row, group, convention=convention)
        for key in ("delta_l2", "delta_l1"):
            cells |= quantity_cells(key, ours.get(key), row, comparable=convention == "paper")
        for key in ("beta_l2", "beta_l1"):
            cells |= quantity_cells(key, ours.get(key), row)
        for key in ("beta_raw_l2", "beta_raw_l1"):
            if ours.get(key):
                cells |= {key: ours[key].values, f"{key}_seeds": ours[key].seeds}
        body.append(cells)

    notes = [
        *missing_note(rows, groups),
        *perturbation_notes(groups, convention=convention),
        "β̂ under the convention `paper`, mean ± sd over classes. Rescaled: each class's map brought to [0, 1] by its "
        "own minimum and maximum, which makes ‖β̂‖₂ the mean's bin for the most part; raw: the map as it is.",
        *filter(None, [of_predictors(runs)]),
        *([seeds_note(groups)] if groups else []),
    ]
    made = Table("Table 1. Frequency-domain norms of δ̂ and β̂, linear networks", COLUMNS, tuple(body), tuple(notes))
    return table_beside_noise(made, 1, reference, convention=convention)


def _statistics(group: Replicates, convention: str) -> dict[str, Statistics | None]:
    predictors = group.predictors
    return {
        **perturbation_statistics(group, convention=convention),
        "beta_l2": statistics([predictor.rescaled.norm_l2 for predictor in predictors]),
        "beta_l1": statistics([predictor.rescaled.norm_l1 for predictor in predictors]),
        "beta_raw_l2": statistics([predictor.raw.norm_l2 for predictor in predictors]),
        "beta_raw_l1": statistics([predictor.raw.norm_l1 for predictor in predictors]),
    }
