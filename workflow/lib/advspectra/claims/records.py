"""Claims as claims.json has them: what a reader, such as the page, knows of a claim and its parts; and as CSV.

A number that a part is about is left / right - 1 where `ratio` is true, otherwise left - right, or left alone. `value`,
`low` and `high` are its mean over seeds and its 95 % interval over seeds and images. `seeds` has the numbers of the
seeds that all sides have, with intervals over images alone; all seeds of a side stand with the side. `sign_flip` is the
two-sided p-value of random signs of the images' differences, means over seeds: whether these networks differ on these
images, not whether others would.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from advspectra.claims.claim import NOT_APPLICABLE, Cells, cells
from advspectra.claims.reasons import Reason, read_reason
from advspectra.claims.terms import Group, Kind, Relation, Side, StatedClaim
from advspectra.table import Column, Table

# of a part, in CSV
COLUMNS = (
    *("claim", "title", "section", "verdict", "p_value", "part", "statement", "part_verdict", "seeds", "left", "right"),
    *("ratio", "value", "low", "high", "bound_low", "bound_high", "p_true", "p_false", "sign_flip", "paper"),
    *("seeds_needed", "why"),
)


@dataclass(frozen=True)
class SeedRecord:
    """The number of a part for one seed, and the ends of its interval over images."""

    seed: int
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class SideRecord(Side):
    """A side as it was stated, in words, its mean over seeds, and these; None and none where it was not tested."""

    label: str = ""
    value: float | None = None
    seeds: tuple[int, ...] = ()

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "SideRecord":
        """Read what as_data of a part wrote."""
        return cls(**{**data, "seeds": tuple(data["seeds"])})


@dataclass(frozen=True)
class PaperRecord:
    """The paper's number of a part: of two sides made from theirs; of one side with its standard deviation."""

    value: float
    sd: float | None = None
    left: float | None = None
    right: float | None = None


@dataclass(frozen=True)
class PartRecord:
    """A part of a claim and what was found of it.

    relation : `is` in claims.json. bounds : low and high, None for no bound. why : why it was not tested, in words;
    reason : the same as fields. left, right : right is None where the part has one side.
    """

    statement: str
    relation: Relation
    threshold: float | None
    within: float | None
    ratio: bool
    bounds: tuple[float | None, float | None]
    verdict: str
    direction: str | None
    why: str
    reason: Reason | None
    value: float | None
    low: float | None
    high: float | None
    p_true: float | None
    p_false: float | None
    sign_flip: float | None
    seeds: tuple[SeedRecord, ...]
    left: SideRecord
    right: SideRecord | None
    seeds_needed: int | None
    paper: PaperRecord | None

    @property
    def one_seed(self) -> bool:
        """Whether a side has one seed, which gives a direction only."""
        return any(side is not None and len(side.seeds) == 1 for side in (self.left, self.right))

    @property
    def is_cell(self) -> bool:
        """Whether the paper has a number of its only side, such as a cell of a table."""
        return self.paper is not None and self.right is None

    def as_data(self) -> dict[str, Any]:
        """The part as claims.json has it."""
        data = asdict(self) | {"bounds": list(self.bounds), "seeds": [asdict(seed) for seed in self.seeds]}
        return {"is": data.pop("relation")} | data | {"reason": self.reason and self.reason.as_data()}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "PartRecord":
        """Read what as_data wrote; KeyError or TypeError for anything else."""
        numbers = {field.name: data[field.name] for field in fields(cls) if field.name != "relation"}
        return cls(
            **numbers
            | {
                "relation": Relation(data["is"]),
                "reason": data["reason"] and read_reason(data["reason"]),
                "bounds": tuple(data["bounds"]),
                "seeds": tuple(SeedRecord(**seed) for seed in data["seeds"]),
                "left": SideRecord.from_data(data["left"]),
                "right": data["right"] and SideRecord.from_data(data["right"]),
                "paper": data["paper"] and PaperRecord(**data["paper"]),
            }
        )


@dataclass(frozen=True, kw_only=True)
class ClaimRecord(StatedClaim):
    """A claim, its verdict and its parts; why and p_value as in advspectra.claims.claim.Claim."""

    parts: tuple[PartRecord, ...]
    verdict: str
    p_value: float | None
    seeds_needed: int | None
    why: str

    @property
    def cells(self) -> Cells | None:
        """The count of its cells; None for a statement and for a table that does not apply to the study."""
        return cells(self.parts) if self.kind is Kind.TABLE and self.verdict != NOT_APPLICABLE else None

    def as_data(self) -> dict[str, Any]:
        """The claim as claims.json has it."""
        parts = [part.as_data() for part in self.parts]
        return vars(self) | {"kind": self.kind, "figures": list(self.figures), "parts": parts}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "ClaimRecord":
        """Read what as_data wrote; ValueError, with the name of what is missing, for anything else."""
        try:
            values = {field.name: data[field.name] for field in fields(cls)}
            parts = tuple(PartRecord.from_data(part) for part in values["parts"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"expected a claim as this version writes it, found one without {error}") from error
        return cls(**values | {"figures": tuple(values["figures"]), "group": Group(values["group"]), "parts": parts})


def claims_csv(claims: Sequence[ClaimRecord]) -> str:
    """Return claims as CSV, a row for each part."""
    rows = []
    for claim in claims:
        about = {key: getattr(claim, key) for key in ("title", "section", "verdict")} | {"claim": claim.name}
        if not claim.parts:
            rows.append(about | {"why": claim.why})
        rows += [about | {"p_value": claim.p_value} | _row(part, place) for place, part in enumerate(claim.parts, 1)]
    return Table("Claims", tuple(Column(key, key) for key in COLUMNS), tuple(rows)).to_csv()


def _row(part: PartRecord, place: int) -> dict[str, Any]:
    """The cells of a part, the `place`th of its claim."""
    same = ("statement", "ratio", "value", "low", "high", "p_true", "p_false", "sign_flip", "seeds_needed", "why")
    low, high = part.bounds
    return {key: getattr(part, key) for key in same} | {
        "part": place,
        "part_verdict": part.verdict,
        "seeds": min(len(side.seeds) for side in (part.left, part.right) if side is not None),
        "left": part.left.value,
        "right": part.right and part.right.value,
        "bound_low": low,
        "bound_high": high,
        "paper": part.paper and part.paper.value,
    }
