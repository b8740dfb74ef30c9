"""Claims as claims.json has them: what a reader, such as the page, knows of a claim and its parts; and as CSV.

A number that a part is about is left / right - 1 where `ratio` is true, otherwise left - right, or left alone. `value`,
`low` and `high` are its mean over seeds and its 95 % interval over seeds and images. `images` is how many images of
each seed were attacked for it, None where it is not made of images. `seeds` has the numbers of the seeds that all sides
have, with intervals over images alone; all seeds of a side stand with the side. `noise` is what noise without a network
gives a cell of the paper's tables (advspectra.claims.null). `sign_flip` is the two-sided p-value of random signs of the
images' differences, means over seeds: whether these networks differ on these images, not whether others would.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from advspectra.claims.cells import Cells, cells, passes
from advspectra.claims.claim import NOT_APPLICABLE, Decision
from advspectra.claims.reasons import Reason, read_reason
from advspectra.claims.terms import Group, Kind, Relation, Side, StatedClaim
from advspectra.table import Column, Table

# of a part, in CSV
COLUMNS = (
    *("claim", "title", "section", "verdict", "p_value", "p_holm", "tests", "stands", "part", "statement"),
    *("part_verdict", "seeds", "left", "right", "ratio", "value", "low", "high", "bound_low", "bound_high", "p_true"),
    *("p_false", "sign_flip", "paper", "noise", "noise_passes", "seeds_needed", "images", "images_needed", "why"),
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
    images: int | None
    images_needed: int | None
    paper: PaperRecord | None
    noise: float | None

    @property
    def one_seed(self) -> bool:
        """Whether a side has one seed, which gives a direction only."""
        sides = (side for side in (self.left, self.right) if side is not None and side.value is not None)
        return any(len(side.seeds) < 2 for side in sides)

    @property
    def seed_count(self) -> int:
        """How many seeds each side has, of the side with fewer."""
        return min(len(side.seeds) for side in (self.left, self.right) if side is not None)

    @property
    def is_cell(self) -> bool:
        """Whether the paper has a number of its only side, such as a cell of a table."""
        return self.paper is not None and self.right is None

    @property
    def noise_passes(self) -> bool | None:
        """Whether noise without a network lies within the bounds, too; None where it has no number."""
        return None if self.noise is None else passes(self.noise, self.bounds)

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
class ClaimRecord(Decision, StatedClaim):
    """A claim, its verdict and its parts; why, p_value, p_holm and tests as in advspectra.claims.claim.Claim."""

    parts: tuple[PartRecord, ...]
    verdict: str
    p_value: float | None
    p_holm: float | None
    tests: int
    seeds_needed: int | None
    why: str

    @property
    def cells(self) -> Cells | None:
        """The count of its cells; None for a statement and for a table that does not apply to the study."""
        return cells(self.parts) if self.kind is Kind.TABLE and self.verdict != NOT_APPLICABLE else None

    def as_data(self) -> dict[str, Any]:
        """The claim as claims.json has it."""
        parts = [part.as_data() for part in self.parts]
        about = {"kind": self.kind, "stands": self.stands, "hypothesis": self.hypothesis}
        return vars(self) | about | {"figures": list(self.figures), "parts": parts}

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
    """Claims as CSV, a row for each part."""
    rows = []
    for claim in claims:
        about = {key: getattr(claim, key) for key in ("title", "section", "verdict")} | {"claim": claim.name}
        if not claim.parts:
            rows.append(about | {"why": claim.why})
        about |= {"p_value": claim.p_value, "p_holm": claim.p_holm, "tests": claim.tests}
        about |= {"stands": _word(claim.stands) if claim.decided else None}
        rows += [about | _row(part, place) for place, part in enumerate(claim.parts, 1)]
    return Table("Claims", tuple(Column(key, key) for key in COLUMNS), tuple(rows)).to_csv()


def _row(part: PartRecord, place: int) -> dict[str, Any]:
    """The cells of a part, the `place`th of its claim."""
    same = ("statement", "ratio", "value", "low", "high", "p_true", "p_false", "sign_flip", "noise", "why")
    same += ("seeds_needed", "images", "images_needed")
    low, high = part.bounds
    return {key: getattr(part, key) for key in same} | {
        "part": place,
        "part_verdict": part.verdict,
        "seeds": min(len(side.seeds) for side in (part.left, part.right) if side is not None),
        "left": part.left.value,
        "right": part.right and part.right.value,
        "bound_low": low,
        "bound_high": high,
        "noise_passes": None if part.noise_passes is None else _word(part.noise_passes),
        "paper": part.paper and part.paper.value,
    }


def _word(so: bool) -> str:
    return "yes" if so else "no"
