"""The terms of claims, typed: networks, sides, parts and claims as they are stated, before any number is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from advspectra.networks.identity import NetworkIdentity


class Kind(StrEnum):
    """What a claim is made from."""

    STATEMENT = "statement"  # a file of claims
    TABLE = "table"  # the cells of one of the paper's tables


class Group(StrEnum):
    """What a claim is about: `group` in the files of claims."""

    TRAINING = "training"
    LINEAR = "linear"
    NONLINEAR = "nonlinear"
    TABLES = "tables"
    FURTHER = "further"


class Relation(StrEnum):
    """What a part states: `is` in the files of claims."""

    LESS = "less"
    GREATER = "greater"
    SIMILAR = "similar"
    AT_LEAST = "at_least"
    NEAR = "near"


def network(text: str) -> NetworkIdentity:
    """Read <name>-<activation>[/depth=<hidden layers>][/alpha=<initial scale>]; without alpha it is 1."""
    name, *rest = text.split("/")
    about = dict(entry.split("=") for entry in rest)
    name, _, activation = name.rpartition("-")
    depth = int(about["depth"]) if "depth" in about else None
    return NetworkIdentity(name, activation, depth, float(about.get("alpha", 1)))


@dataclass(frozen=True)
class Side:
    """One side of a part: a measure of a network (as `network` reads it) under an attack on a checkpoint.

    attack : the role that an attack has in claims. end : of measures of lines. predictor : "raw" or "rescaled"; None
    for that of the conventions. over : a network; the side is the quotient of the measure of `network` and of this one,
    of the same seed.
    """

    measure: str = ""
    network: str = ""
    attack: str = "final"
    checkpoint: str = "best"
    end: str | None = None
    predictor: str | None = None
    over: str | None = None

    @classmethod
    def stated(cls, side: Mapping[str, str]) -> "Side":
        """Take a side of a file of claims, whose `state` is the checkpoint."""
        return cls(**{"checkpoint" if key == "state" else key: value for key, value in side.items()})


@dataclass(frozen=True)
class StatedPart:
    """A part of a claim: the relation of its left side to the right one, or to a threshold."""

    left: Side
    relation: Relation
    right: Side | None = None
    threshold: float | None = None
    within: float | None = None

    @classmethod
    def stated(cls, part: Mapping[str, Any]) -> "StatedPart":
        """Take a part as advspectra_study.config.claims reads it."""
        sides = {side: Side.stated(part[side]) for side in ("left", "right") if side in part}
        numbers = {key: part[key] for key in ("threshold", "within") if key in part}
        return cls(**sides, relation=Relation(part["is"]), **numbers)

    @property
    def sides(self) -> tuple[Side, ...]:
        """The left side and, if it has one, the right."""
        return (self.left,) if self.right is None else (self.left, self.right)

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """The bounds, low and high, that the number keeps if the part is true."""
        threshold = 0.0 if self.threshold is None else self.threshold
        if self.relation in (Relation.SIMILAR, Relation.NEAR):
            return threshold - self.within, threshold + self.within
        return (None, threshold) if self.relation is Relation.LESS else (threshold, None)


@dataclass(frozen=True)
class StatedClaim:
    """A claim as it is stated. table : the number of the paper's table whose cells it is about, if it is about any."""

    name: str
    title: str
    section: str
    sentence: str
    figures: tuple[str, ...]
    parts: tuple[StatedPart, ...]
    group: Group = Group.FURTHER
    table: int | None = None

    @property
    def kind(self) -> Kind:
        """Whether it is a statement or the cells of a table."""
        return Kind.STATEMENT if self.table is None else Kind.TABLE

    @classmethod
    def stated(cls, name: str, claim: Mapping[str, Any]) -> "StatedClaim":
        """Take a claim as advspectra_study.config.claims reads it."""
        about = {key: claim[key] for key in ("title", "section", "sentence")}
        parts = tuple(StatedPart.stated(part) for part in claim["parts"])
        group = Group(claim.get("group", Group.FURTHER))
        return cls(name, **about, figures=tuple(claim["figures"]), parts=parts, group=group)
