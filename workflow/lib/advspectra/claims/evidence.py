"""The record of a claim: what each seed says alone, the images' sign flips, and the paper's number beside ours."""

from dataclasses import asdict, fields

import numpy as np

from advspectra.claims.claim import OPEN, Claim, Part
from advspectra.claims.evaluate import SEED
from advspectra.claims.records import ClaimRecord, PaperRecord, PartRecord, SeedRecord, SideRecord
from advspectra.statistics.crossed import infer, sign_flip
from advspectra.statistics.summaries import Estimate


def record(claim: Claim) -> ClaimRecord:
    """What claims.json says of a claim."""
    same = {field.name: getattr(claim, field.name) for field in fields(ClaimRecord)}
    return ClaimRecord(**same | {"parts": tuple(_part(part) for part in claim.parts)})


def _part(part: Part) -> PartRecord:
    same = ("statement", "ratio", "bounds", "verdict", "direction", "why", "reason", "value", "noise")
    interval, seeds, flips, tested = (None, None), (), None, {"p_true": None, "p_false": None}
    if part.found is not None:
        generator = np.random.default_rng(SEED)
        seeds = tuple(SeedRecord(seed, *interval) for seed, interval in _of_seeds(part, generator).items())
        flips = _flips(part, generator)
        interval = part.found.interval[1:]
        if not part.one_seed:  # of one seed they would be over images alone
            tested = {"p_true": part.p_true, "p_false": part.p_false}
    stated, is_open = part.stated, part.verdict == OPEN
    images = {sample.images for side in part.samples for sample in side.values()} - {1}
    return PartRecord(
        **{key: getattr(part, key) for key in same},
        **tested,
        relation=stated.relation,
        threshold=stated.threshold,
        within=stated.within,
        low=interval[0],
        high=interval[1],
        sign_flip=flips,
        seeds=seeds,
        left=_side(part, 0),
        right=_side(part, 1),
        seeds_needed=part.seeds_needed() if is_open else None,
        images=max(images, default=None),
        images_needed=part.images_needed() if is_open and images else None,
        paper=_paper(part),
    )


def _of_seeds(part: Part, generator: np.random.Generator) -> dict[int, Estimate]:
    """The number of each seed that all sides have, and its interval over images, where it is defined."""
    first, *second = part.samples
    found = {}
    for seed in [seed for seed in first if all(seed in other for other in second)]:
        found[seed] = infer(*([side[seed]] for side in part.samples), scale=part.scale, generator=generator).interval
    return found


def _side(part: Part, place: int) -> SideRecord | None:
    if place >= len(part.labels):
        return None
    value = part.sides[place] if part.sides else None
    seeds = part.seeds[place] if part.seeds else ()
    return SideRecord(**asdict(part.stated.sides[place]), label=part.labels[place], value=value, seeds=seeds)


def _flips(part: Part, generator: np.random.Generator) -> float | None:
    """The p-value of the images' differences, means over seeds, of two sides that are means over images."""
    arrays = [[sample.arrays for sample in side.values()] for side in part.samples]
    every = [of_seed for side in arrays for of_seed in side]
    if len(arrays) < 2 or any(len(of_seed) != 1 or of_seed[0].ndim > 1 or of_seed[0].size == 1 for of_seed in every):
        return None
    left, right = (np.mean([values for (values,) in side], axis=0) for side in arrays)
    differences = left - right
    differences = differences[np.isfinite(differences)]
    return sign_flip(differences, generator=generator) if len(differences) > 1 else None


def _paper(part: Part) -> PaperRecord | None:
    if part.paper is None:
        return None
    if len(part.paper) == 1:
        return PaperRecord(part.paper[0].mean, sd=part.paper[0].sd)
    left, right = (side.mean for side in part.paper)
    return PaperRecord(left / right - 1 if part.ratio else left - right, left=left, right=right)
