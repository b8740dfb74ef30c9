"""The terms of claims: how they name networks, and what they state in words."""

from collections.abc import Mapping, Sequence

from advspectra.claims.measures import MEASURES
from advspectra.networks.identity import NetworkIdentity

SIDES = ("left", "right")
ATTACKS = {
    "snapshots": "each state attacked itself",
    "transfer": "perturbations of the final network",
    "minimal": "smallest ε that succeeds",
}
STATES = {
    "first": "at initialisation",
    "last": "at the end of training",
    "first_epoch": "after the first epoch",
}
ENDS = {
    "adversarial": "towards adversarial images",
    "random": "in random directions",
    "boundary": "in random directions to the boundary",
}


def network(text: str) -> NetworkIdentity:
    """Return the network of <name>-<activation>[/depth=<hidden layers>][/alpha=<initial scale>]; alpha is 1 else."""
    name, *rest = text.split("/")
    about = dict(entry.split("=") for entry in rest)
    name, _, activation = name.rpartition("-")
    depth = int(about["depth"]) if "depth" in about else None
    return NetworkIdentity(name, activation, depth, float(about.get("alpha", 1)))


def sides_of(part: Mapping) -> list[Mapping]:
    """Return the left side of a part and, if it has one, the right."""
    return [part[side] for side in SIDES if side in part]


def is_ratio(part: Mapping) -> bool:
    """Return whether the sides of a part are compared by their ratio."""
    sides = sides_of(part)
    return len(sides) == 2 and MEASURES[sides[0]["measure"]].ratio


def statement(part: Mapping) -> str:
    """Return a part in words: first what is said of both sides, then each side's own."""
    terms = [_terms(side) for side in sides_of(part)]
    common = [term for term in terms[0] if all(term in others for others in terms)] if len(terms) == 2 else terms[0]
    own = [", ".join(term for term in side if term not in common) for side in terms]
    within = f"{part.get('within', 0):{'.0%' if is_ratio(part) else '.4g'}}"
    threshold = f"{part.get('threshold', 0):.4g}"
    relation = {
        "less": lambda: f"{own[0]} < {own[1]}",
        "greater": lambda: f"{own[0]} > {own[1]}",
        "similar": lambda: f"{own[0]} = {own[1]} ± {within}",
        "at_least": lambda: f"at least {threshold}",
        "near": lambda: f"{threshold} ± {within}",
    }[part["is"]]()
    return f"{', '.join(common)}: {relation}" if common else relation


def _terms(side: Mapping) -> Sequence[str]:
    """Return measure, network and what else a side says, in words."""
    rescaled = " (rescaled)" if side.get("predictor") == "rescaled" and side["measure"].startswith("beta") else ""
    named = ((ATTACKS, side["attack"]), (STATES, side["state"]), (ENDS, side.get("end")))
    more = [words.get(key, "" if key in (None, "final", "best") else key) for words, key in named]
    return [MEASURES[side["measure"]].title + rescaled, network(side["network"]).label, *filter(None, more)]


def side_label(side: Mapping) -> str:
    """Return a side in words."""
    return ", ".join(_terms(side))
