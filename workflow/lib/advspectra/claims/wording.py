"""Claims in words: what a part states, and what its sides are."""

from collections.abc import Sequence

from advspectra.claims.measures import MEASURES
from advspectra.claims.readers import MadeOf
from advspectra.claims.terms import Relation, Side, StatedPart, network
from advspectra.statistics.scale import Scale

ATTACKS = {
    "snapshots": "each checkpoint attacked itself",
    "transfer": "perturbations of the final network",
    "minimal": "smallest ε that succeeds",
    "recalibrated_snapshots": "each checkpoint attacked itself, batch normalisation recalibrated",
    "recalibrated_transfer": "perturbations of the final network, batch normalisation recalibrated",
    "recalibrated_minimal": "smallest ε that succeeds, batch normalisation recalibrated",
}
CHECKPOINTS = {
    "first": "at initialisation",
    "last": "at the end of training",
    "first_epoch": "after the first epoch",
}
ENDS = {
    "adversarial": "towards adversarial images",
    "random": "in random directions",
    "boundary": "in random directions to the boundary",
}


def is_ratio(part: StatedPart) -> bool:
    """Whether the sides of a part are compared by their ratio."""
    return part.right is not None and MEASURES[part.left.measure].scale is Scale.RATIO


def statement(part: StatedPart) -> str:
    """A part in words: first what is said of both sides, then each side's own."""
    terms = [_terms(side) for side in part.sides]
    common = [term for term in terms[0] if all(term in others for others in terms)] if len(terms) == 2 else terms[0]
    own = [", ".join(term for term in side if term not in common) for side in terms]
    within = f"{part.within or 0:{'.0%' if is_ratio(part) else '.4g'}}"
    threshold = f"{part.threshold or 0:.4g}"
    relation = {
        Relation.LESS: lambda: f"{own[0]} < {own[1]}",
        Relation.GREATER: lambda: f"{own[0]} > {own[1]}",
        Relation.SIMILAR: lambda: f"{own[0]} = {own[1]} ± {within}",
        Relation.AT_LEAST: lambda: f"at least {threshold}",
        Relation.NEAR: lambda: f"{threshold} ± {within}",
    }[part.relation]()
    return f"{', '.join(common)}: {relation}" if common else relation


def side_label(side: Side) -> str:
    """A side in words."""
    return ", ".join(_terms(side))


def _terms(side: Side) -> Sequence[str]:
    """Measure, network and what else a side says, in words."""
    measure = MEASURES[side.measure]
    forms = {MadeOf.PREDICTOR: " (rescaled)", MadeOf.NETWORKS: " (β̂ rescaled)"}
    rescaled = forms.get(measure.made_of, "") if side.predictor == "rescaled" else ""
    named = ((ATTACKS, side.attack), (CHECKPOINTS, side.checkpoint), (ENDS, side.end))
    more = [words.get(key, "" if key in (None, "final", "best") else key) for words, key in named]
    named = " / ".join(network(name).label for name in (side.network, side.over) if name)
    return [*filter(None, [measure.title + rescaled, named, *more])]
