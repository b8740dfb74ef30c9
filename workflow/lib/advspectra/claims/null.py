"""The null: what the cells of the paper's tables would be for noise, with no network at all.

The perturbation is a random sign for each number of an image, times epsilon: what an attack leaves that uses up its
budget and knows nothing. The predictor is Gaussian noise, rescaled as the paper's are. The accuracy is that of a guess.
A cell that noise passes says nothing for a network that passes it.

The convention of these norms was chosen by looking at the same tables, so that passes of either kind are not evidence
for the convention.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from advspectra.claims.cells import CELL_SDS, Cells, cells_in_words, passes
from advspectra.claims.paper import ACCURACY_MARGIN, NORMS
from advspectra.claims.sides import Conventions
from advspectra.claims.terms import StatedClaim
from advspectra.fourier import norms, power_spectrum, rescaled
from advspectra.statistics.summaries import Spread
from advspectra.table import Cell, Column, Table

DRAWS = 500  # of each noise; norms scatter by 1.4 % over signs, 6 % over maps; their means by 0.06 and 0.3 %
SEED = 0
NOISE = Column("noise", "noise passes", optional=True)
Tested = TypeVar("Tested", bound=StatedClaim)  # a claim.Claim, of which tables, which use this module, know nothing


def null_values(
    *,
    image_shape: tuple[int, int, int],
    classes: int,
    epsilon: float | None,
    convention: str = "paper",
    predictor: str = "rescaled",
) -> dict[str, float]:
    """Mean over draws of each measure of a table's cells, by its name, for noise.

    image_shape : (C, H, W); epsilon : the largest magnitude, in the pixel range [0, 1], None for an attack without one;
    convention : of the spectra of perturbations; predictor : "rescaled" or "raw".
    delta_l1, delta_l2 : spectral norms of signs times epsilon, in expectation epsilon * H * W * sqrt(sum of the squared
    luminance weights) for delta_l2; none without an epsilon. beta_l1, beta_l2 : of rescaled Gaussian maps; none of raw
    ones, which have no scale. test_accuracy : 1 / classes.
    """
    generator = np.random.default_rng(SEED)
    signs = generator.choice([-1.0, 1.0], size=(DRAWS, *image_shape))
    maps = generator.standard_normal((DRAWS, *image_shape))
    noises = {}
    if epsilon is not None:
        noises["delta"] = (epsilon * signs, convention)
    if predictor == "rescaled":
        noises["beta"] = (rescaled(maps), "paper")
    values = {"test_accuracy": 1 / classes}
    for name, (noise, under) in noises.items():
        l1, l2 = norms(power_spectrum(noise, convention=under))
        values |= {f"{name}_l1": float(l1.mean()), f"{name}_l2": float(l2.mean())}
    return values


def with_noise(
    claims: Sequence[Tested], conventions: Conventions, images: Mapping[str, Any] | None, epsilon: float | None
) -> tuple[list[Tested], dict[str, Any] | None]:
    """The claims beside noise under these conventions, and the null as claims.json has it.

    That is `of`, the arguments of null_values, and its `values`.

    images : their `image_shape` and `classes`. None for images that are not the paper's: what noise makes of its cells
    says nothing then, so the claims stay as they are and the null is None. epsilon : of conventions.attacks["final"].
    """
    if images is None:
        return list(claims), None
    of = {"image_shape": images["image_shape"], "classes": images["classes"], "epsilon": epsilon}
    of |= {"convention": conventions.spectra, "predictor": conventions.cells}
    null = {"of": of, "values": null_values(**of)}
    return beside_noise(claims, null["values"]), null


def beside_noise(claims: Sequence[Tested], values: Mapping[str, float]) -> list[Tested]:
    """The claims, each cell of the paper's tables with the number of null_values that noise gives it."""
    return [
        claim
        if claim.table is None
        else replace(
            claim, parts=tuple(replace(part, noise=values.get(part.stated.left.measure)) for part in claim.parts)
        )
        for claim in claims
    ]


def table_beside_noise(table: Table, number: int, reference: Mapping, *, convention: str) -> Table:
    """Table `number` of the paper with a column for each of its quantities, whether noise passes the paper's
    cell, and a note that counts the cells that we have: ours within the paper's bounds, and those that noise passes.

    reference : paper.yaml, with `noise`, the arguments of null_values; without it the table stays as it is.
    """
    if "noise" not in reference:
        return table
    values = null_values(**reference["noise"], convention=convention)
    known = [measure for measure in NORMS[number] if measure in values]
    columns: list[Column] = []
    for column in table.columns:
        columns.append(column)
        measure = column.key.removesuffix("_paper")
        if column.key.endswith("_paper") and measure in known:
            columns.append(replace(NOISE, key=f"{measure}_noise", panel=column.panel))
    rows, within, passed = [], [], []
    for row in table.rows:
        marks = {}
        for measure in known:
            if (paper := row.get(f"{measure}_paper")) is None:
                continue
            noise = _passes(values[measure], paper)
            marks[f"{measure}_noise"] = "yes" if noise else "no"
            if row.get(f"{measure}_difference", row.get("difference")) is not None:
                passed.append(noise)
                within.append(_passes(_number(row[measure], paper), paper))
        rows.append({**row, **marks})
    counted = Cells(within=sum(within), tested=len(within), of=len(within), noise=sum(passed), known=len(passed))
    note = f"Cells within the paper's bounds: {cells_in_words(counted)}."
    notes = (*table.notes, note) if within else table.notes
    return replace(table, columns=tuple(columns), rows=tuple(rows), notes=notes)


def _number(ours: Spread, paper: Cell) -> float:
    """Ours as the measure has it: accuracies, which stand in percent beside a plain number, as fractions."""
    return ours.mean if isinstance(paper, Spread) else ours.mean / 100


def _passes(value: float, paper: Cell) -> bool:
    """Whether a value, of accuracies a fraction, lies within the bounds of a cell as a table shows it."""
    if isinstance(paper, Spread):
        return passes(value, (paper.mean - CELL_SDS * paper.sd, paper.mean + CELL_SDS * paper.sd))
    return passes(value, (paper / 100 - ACCURACY_MARGIN, paper / 100 + ACCURACY_MARGIN))
