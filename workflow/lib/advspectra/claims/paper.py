"""The numbers of the paper's tables: its number for a side of a claim, and the claims that its cells make."""

from collections.abc import Mapping
from dataclasses import replace

from advspectra.claims.cells import CELL_SDS
from advspectra.claims.terms import Group, Relation, Side, StatedClaim, StatedPart, network
from advspectra.networks.identity import NetworkIdentity
from advspectra.statistics.summaries import Spread

# of Table 4, which has no standard deviation; our choice
ACCURACY_MARGIN = 0.02
NORMS = {1: ("delta_l2", "delta_l1", "beta_l2", "beta_l1"), 2: ("delta_l2", "delta_l1"), 4: ("test_accuracy",)}


def paper_number(side: Side, reference: Mapping) -> Spread | None:
    """The number of the paper's tables for a side of a claim, accuracies as fractions; None without one.

    reference : paper.yaml. Its norms of predictors are of rescaled ones, whichever the side is about.
    """
    if side.over is not None:
        each = [paper_number(replace(side, network=named, over=None), reference) for named in (side.network, side.over)]
        return None if None in each else Spread(each[0].mean / each[1].mean, None)
    named = network(side.network)
    if side.checkpoint != "best" or side.attack != "final":
        return None
    for number, measures in NORMS.items():
        for row in reference["tables"][f"table{number}"]["rows"] if side.measure in measures else ():
            paper = NetworkIdentity.of_row(row)
            if paper.includes(named) or named.includes(paper):  # either may leave the depth open
                return _spread(row[side.measure])
    return None


def table_claims(reference: Mapping, *, predictor: str) -> list[StatedClaim]:
    """The claims that the cells of Tables 1, 2 and 4 make: near the mean, within two standard deviations.

    predictor : the form of the predictors whose norms are compared with the paper's, "raw" or "rescaled".
    """
    return [
        _table(number, reference["tables"][f"table{number}"], measures, predictor) for number, measures in NORMS.items()
    ]


def _table(number: int, table: Mapping, measures: tuple[str, ...], predictor: str) -> StatedClaim:
    return StatedClaim(
        name=f"TABLE-{number}",
        title=f"Every cell of Table {table['number']}",
        section=table["section"],
        sentence=table["title"],
        figures=(),
        parts=tuple(_cell(row, measure, predictor) for row in table["rows"] for measure in measures),
        group=Group.TABLES,
        table=number,
    )


def _cell(row: Mapping, measure: str, predictor: str) -> StatedPart:
    depth = "" if row["depth"] is None else f"/depth={row['depth']}"
    paper = _spread(row[measure])
    return StatedPart(
        Side(measure, f"{row['network']}-{row['activation']}{depth}", predictor=predictor),
        Relation.NEAR,
        threshold=paper.mean,
        within=ACCURACY_MARGIN if paper.sd is None else CELL_SDS * paper.sd,
    )


def _spread(cell: Mapping | float) -> Spread:
    return Spread(**cell) if isinstance(cell, Mapping) else Spread(cell / 100, None)
