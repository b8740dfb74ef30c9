"""What is written of claims: as data for the report, and as CSV, a row for each part.

A number that a part is about is left / right - 1 where `ratio` is true, else left - right, or left alone. `value`,
`low` and `high` are its mean over seeds and its 95 % interval over seeds and images; those of a seed are over images
alone. `sign_flip` is the two-sided p-value of random signs of the images' differences, means over seeds: whether these
networks differ on these images, not whether others would.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from advspectra.claims.evaluate import OPEN, SEED, Claim, Part
from advspectra.statistics.crossed import infer, sign_flip
from advspectra.statistics.summaries import Estimate
from advspectra.table import Column, Table

# of a part, in CSV
COLUMNS = (
    "claim",
    "title",
    "section",
    "verdict",
    "p_value",
    "part",
    "statement",
    "part_verdict",
    "seeds",
    "left",
    "right",
    "ratio",
    "value",
    "low",
    "high",
    "bound_low",
    "bound_high",
    "p_true",
    "p_false",
    "sign_flip",
    "paper",
    "seeds_needed",
    "why",
)


def as_data(claim: Claim) -> dict:
    """Return a claim and its parts as mappings, lists, text and numbers."""
    about = {key: getattr(claim, key) for key in ("name", "title", "section", "sentence")}
    found = {key: getattr(claim, key) for key in ("verdict", "p_value", "seeds_needed", "why")}
    return {**about, "figures": list(claim.figures), **found, "parts": [_part(part) for part in claim.parts]}


def _part(part: Part) -> dict:
    found = {"value": None, "low": None, "high": None, "p_true": None, "p_false": None, "sign_flip": None, "seeds": []}
    if part.found is not None:
        generator = np.random.default_rng(SEED)
        each = {seed: infer([sample], generator=generator).interval for seed, sample in part.samples.items()}
        found |= {
            **_ends(part.found.interval),
            # of one seed they would be over images alone
            **({"p_true": part.p_true, "p_false": part.p_false} if len(part.samples) > 1 else {}),
            "sign_flip": _flips(part, generator),
            "seeds": [{"seed": seed, **_ends(estimate)} for seed, estimate in each.items()],
        }
    return {
        "statement": part.statement,
        "verdict": part.verdict,
        "direction": part.direction,
        "why": part.why,
        "ratio": part.ratio,
        "bounds": list(part.bounds),
        **found,
        "left": _side(part, 0),
        "right": _side(part, 1),
        "seeds_needed": part.seeds_needed() if part.verdict == OPEN else None,
        "paper": _paper(part),
    }


def _side(part: Part, place: int) -> dict | None:
    if place >= len(part.labels):
        return None
    return {"label": part.labels[place], "value": part.sides[place] if part.sides else None}


def _ends(estimate: Estimate) -> dict:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _flips(part: Part, generator: np.random.Generator) -> float | None:
    """Return the p-value of the images' differences, means over seeds, of two sides that are means over images."""
    arrays = [sample.arrays for sample in part.samples.values()]
    if len(part.sides) < 2 or any(len(pair) != 2 or pair[0].ndim > 1 or len(pair[0]) == 1 for pair in arrays):
        return None
    differences = np.mean([left - right for left, right in arrays], axis=0)
    differences = differences[np.isfinite(differences)]
    return sign_flip(differences, generator=generator) if len(differences) > 1 else None


def _paper(part: Part) -> dict | None:
    if part.paper is None:
        return None
    if len(part.paper) == 1:
        return {"value": part.paper[0].mean, "sd": part.paper[0].sd}
    left, right = (side.mean for side in part.paper)
    return {"left": left, "right": right, "value": left / right - 1 if part.ratio else left - right}


def claims_csv(claims: Sequence[Mapping]) -> str:
    """Return the parts of claims, as as_data gives them, as CSV."""
    rows = []
    for claim in claims:
        if not claim["parts"]:
            rows.append({key: claim[key] for key in ("title", "section", "verdict", "why")} | {"claim": claim["name"]})
        for place, part in enumerate(claim["parts"], start=1):
            low, high = part["bounds"]
            rows.append(
                {key: part[key] for key in COLUMNS if key in part and key not in ("seeds", "paper", "verdict")}
                | {side: part[side] and part[side]["value"] for side in ("left", "right")}
                | {
                    "claim": claim["name"],
                    "title": claim["title"],
                    "section": claim["section"],
                    "verdict": claim["verdict"],
                    "p_value": claim["p_value"],
                    "part": place,
                    "part_verdict": part["verdict"],
                    "seeds": len(part["seeds"]),
                    "bound_low": low,
                    "bound_high": high,
                    "paper": part["paper"] and part["paper"]["value"],
                }
            )
    return Table("Claims", tuple(Column(key, key) for key in COLUMNS), tuple(rows)).to_csv()
