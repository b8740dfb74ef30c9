"""The paper's claims, answered from the results of a study: what claims.yaml states, and the cells of its tables.

A part of a claim compares one number of two networks, states or lines, seed by seed; advspectra.inference says what all
seeds and images say of the difference (or the ratio - 1). From its two one-sided p-values, that the part is true and
that its contrary is,

- a part holds, or fails, if the p-value of the contrary, or its own, is at most 0.025: its 95 % interval is decisive;
  it is open else;
- a claim is `supported` if all of its parts are true at once: its p-value is the largest of theirs (intersection-union
  test); it is `contradicted` if at least one fails: the smallest p-value times their number. The smaller of the two,
  doubled and corrected for the number of claims that were tested (Holm), must be at most 0.05;
- it is `partly` supported if some of its parts hold and others fail, or where it is contradicted though some hold;
- else it is `undecided`; `not tested` without data for all of its parts, and `one seed: direction only` with one seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from advspectra.inference import Inference, Sample, holm, infer, over_images, sign_flip
from advspectra.measures import MEASURES, Conventions, NotThere, Values
from advspectra.results import Run
from advspectra.statistics import Estimate

LEVEL = 0.05
SEED = 0
# of Table 4, which has no standard deviation; our choice
ACCURACY_MARGIN = 0.02

SUPPORTED, PARTLY, CONTRADICTED = "supported", "partly", "contradicted"
UNDECIDED, NOT_TESTED, ONE_SEED = "undecided", "not tested", "one seed: direction only"
HOLDS, FAILS, OPEN = "holds", "fails", "open"
RELATIONS = ("less", "greater", "similar", "at_least", "near")


@dataclass(frozen=True)
class Part:
    """What was found of a part of a claim; `found` and what follows are None where it was not tested, `why` says why.

    statement : in words. margin : the bounds, low and high, between which, or beyond one of which, the number must lie;
    None for no bound. seeds : an Estimate for each, its interval over images alone. flips : p-value of random signs of
    the images' differences, which says whether these networks differ, not whether others do. reference : the paper's
    number, if it has one.
    """

    statement: str
    bounds: tuple[float | None, float | None]
    ratio: bool
    why: str = ""
    found: Inference | None = None
    seeds: Mapping[int, Estimate] | None = None
    flips: float | None = None
    reference: float | None = None

    @property
    def p_true(self) -> float:
        """One-sided p-value of the hypothesis that the part is false."""
        low, high = self.bounds
        return max(
            0.0 if low is None else self.found.p_above(low),
            0.0 if high is None else self.found.p_below(high),
        )

    @property
    def p_false(self) -> float:
        """One-sided p-value of the hypothesis that the part is true."""
        low, high = self.bounds
        return min(
            1.0 if low is None else self.found.p_below(low),
            1.0 if high is None else self.found.p_above(high),
        )

    @property
    def direction(self) -> str:
        """`holds` or `fails` by the value alone."""
        low, high = self.bounds
        value = self.found.value
        return HOLDS if (low is None or value > low) and (high is None or value < high) else FAILS

    @property
    def verdict(self) -> str:
        if self.found is None:
            return NOT_TESTED
        if len(self.found.values) == 1:
            return OPEN
        return HOLDS if self.p_true <= LEVEL / 2 else FAILS if self.p_false <= LEVEL / 2 else OPEN

    @property
    def seeds_needed(self) -> int | None:
        """Seeds in all that would decide an open part if values stay as they are; None if 100 would not."""
        needed = [self.found.seeds_needed(bound) for bound in self.bounds if bound is not None]
        return None if None in needed else max(needed)


@dataclass(frozen=True)
class Claim:
    """A claim, what its parts say, and the verdict; p_value is that after correction, None if it was not tested."""

    name: str
    title: str
    section: str
    sentence: str
    figures: tuple[str, ...]
    parts: tuple[Part, ...]
    p_value: float | None = None

    @property
    def p_values(self) -> tuple[float, float] | None:
        """The p-values of the hypotheses that the claim is false and that it is true; None unless seeds test it."""
        if any(part.found is None or len(part.found.values) == 1 for part in self.parts):
            return None
        true = max(part.p_true for part in self.parts)
        return true, min(1.0, len(self.parts) * min(part.p_false for part in self.parts))

    @property
    def verdict(self) -> str:
        if any(part.found is None for part in self.parts):
            return NOT_TESTED
        if self.p_values is None:
            return ONE_SEED
        true, false = self.p_values
        found = {part.verdict for part in self.parts}
        if self.p_value <= LEVEL and true <= false:
            return SUPPORTED
        if {HOLDS, FAILS} <= found:
            return PARTLY
        return CONTRADICTED if self.p_value <= LEVEL else UNDECIDED


def evaluate(
    claims: Mapping[str, Mapping], reference: Mapping, runs: Sequence[Run], conventions: Conventions
) -> list[Claim]:
    """Return the claims of claims.yaml and those that paper.yaml's tables make, answered from the runs."""
    found = [_claim(name, claim, runs, conventions) for name, claim in {**claims, **_tables(reference)}.items()]
    return correct(found)


def correct(claims: Sequence[Claim]) -> list[Claim]:
    """Return the claims with their p-values, corrected for the number of those that were tested."""
    tested = {claim.name: 2 * min(claim.p_values) for claim in claims if claim.p_values is not None}
    corrected = dict(zip(tested, holm(list(tested.values())), strict=True))
    return [replace(claim, p_value=corrected.get(claim.name)) for claim in claims]


def _claim(name: str, stated: Mapping, runs: Sequence[Run], conventions: Conventions) -> Claim:
    parts = tuple(_part(part, runs, conventions) for part in stated["parts"])
    about = {key: stated[key] for key in ("title", "section", "sentence")}
    return Claim(name, **about, figures=tuple(stated["figures"]), parts=parts)


def _part(stated: Mapping, runs: Sequence[Run], conventions: Conventions) -> Part:
    sides = [_side(stated, name) for name in ("left", "right") if name in stated]
    ratio = len(sides) == 2 and MEASURES[sides[0]["measure"]].ratio
    part = Part(_statement(stated, sides), _bounds(stated), ratio, reference=stated.get("paper"))
    try:
        samples, differences = _samples(sides, ratio, runs, conventions)
        generator = np.random.default_rng(SEED)
        found = infer(list(samples.values()), generator=generator)
    except (NotThere, ValueError) as error:
        return replace(part, why=str(error))
    seeds = {seed: over_images(sample, generator=generator) for seed, sample in samples.items()}
    flips = None if differences is None else sign_flip(differences, generator=generator)
    return replace(part, found=found, seeds=seeds, flips=flips)


def _side(stated: Mapping, name: str) -> dict:
    """Return what is said of a side: what stands beside both, and its own; a text is its network."""
    shared = {key: value for key, value in stated.items() if key not in ("left", "right", "is", "within", "threshold")}
    own = stated[name]
    return {**shared, **({"network": own} if isinstance(own, str) else own)}


def _bounds(stated: Mapping) -> tuple[float | None, float | None]:
    """Return the bounds, low and high, that the number keeps if the part is true."""
    relation, threshold = stated["is"], stated.get("threshold", 0.0)
    if relation in ("similar", "near"):
        return threshold - stated["within"], threshold + stated["within"]
    return (None, threshold) if relation == "less" else (threshold, None)


def _samples(
    sides: Sequence[Mapping], ratio: bool, runs: Sequence[Run], conventions: Conventions
) -> tuple[dict[int, Sample], np.ndarray | None]:
    """Return a sample for each seed that all sides have; and, of two means over images, the images' differences.

    The differences, (n,), are means over seeds, of the images that have a value on both sides for all seeds.
    """
    found = [_runs(side["network"], runs) for side in sides]
    seeds = sorted(set(found[0]).intersection(*found))
    if not seeds:
        raise NotThere("no seed has both networks")
    samples, differences = {}, []
    for seed in seeds:
        values = [
            MEASURES[side["measure"]].read(of[seed], side, conventions) for side, of in zip(sides, found, strict=True)
        ]
        samples[seed] = _sample(_of_common_images(values), ratio)
        if len(values) == 2 and samples[seed].images > 1 and all(array.ndim == 1 for array in samples[seed].arrays):
            differences.append(samples[seed].arrays[0] - samples[seed].arrays[1])
    if not differences:
        return samples, None
    mean = np.mean(differences, axis=0)
    mean = mean[np.isfinite(mean)]
    return samples, mean if len(mean) > 1 else None


def _runs(network: str, runs: Sequence[Run]) -> dict[int, Run]:
    """Return the runs of a network of claims.yaml by their seeds."""
    name, _, rest = network.partition("/")
    about = dict(entry.split("=") for entry in rest.split("/") if entry)
    name, _, activation = name.rpartition("-")
    found = {
        run.seed: run
        for run in runs
        if (run.network, run.activation) == (name, activation)
        and run.alpha == float(about.get("alpha", 1))
        and run.depth == int(about.get("depth", run.depth))
    }
    if not found:
        raise NotThere(f"not in this study: {network}")
    return found


def _of_common_images(values: Sequence[Values]) -> list[Values]:
    """Return the values of the images that all sides have, in one order."""
    if any(one.image is None for one in values):
        if not all(one.image is None for one in values):
            raise ValueError("one side is made of images and the other is not")
        return list(values)
    common = values[0].image
    for one in values[1:]:
        common = np.intersect1d(common, one.image)
    if not len(common):
        raise NotThere("the two sides have no image in common")
    places = [np.argsort(one.image)[np.searchsorted(np.sort(one.image), common)] for one in values]
    return [
        replace(one, arrays=tuple(array[..., place] for array in one.arrays), image=common)
        for one, place in zip(values, places, strict=True)
    ]


def _sample(values: Sequence[Values], ratio: bool) -> Sample:
    split = len(values[0].arrays)

    def statistic(*arrays: np.ndarray) -> np.ndarray:
        left = values[0].statistic(*arrays[:split])
        if len(values) == 1:
            return left
        right = values[1].statistic(*arrays[split:])
        return left / right - 1 if ratio else left - right

    return Sample(tuple(array for one in values for array in one.arrays), statistic)


def _statement(stated: Mapping, sides: Sequence[Mapping]) -> str:
    """Return a part in words."""
    relation = stated["is"]
    names = [_name(side) for side in sides]
    ratio = len(sides) == 2 and MEASURES[sides[0]["measure"]].ratio
    within = f"{stated.get('within', 0):{'.0%' if ratio else 'g'}}"
    return {
        "less": lambda: f"{names[0]} < {names[1]}",
        "greater": lambda: f"{names[0]} > {names[1]}",
        "similar": lambda: f"{names[0]} = {names[1]} ± {within}",
        "at_least": lambda: f"{names[0]} ≥ {stated['threshold']:g}",
        "near": lambda: f"{names[0]} = {stated['threshold']:g} ± {within}",
    }[relation]()


def _name(side: Mapping) -> str:
    """Return measure, network and what else a side says."""
    more = [str(side[key]) for key in ("attack", "state", "end") if key in side]
    return f"{MEASURES[side['measure']].title} of {', '.join([side['network'], *more])}"


def _tables(reference: Mapping) -> dict[str, dict]:
    """Return the claims that the cells of Tables 1, 2 and 4 make."""
    found = {}
    for number, measures in ((1, ("delta_l2", "delta_l1", "beta_l2", "beta_l1")), (2, ("delta_l2", "delta_l1"))):
        table = reference["tables"][f"table{number}"]
        found[f"TABLE-{number}"] = _table(
            table,
            [
                _cell(row, measure, row[measure]["mean"], 2 * row[measure]["sd"])
                for row in table["rows"]
                for measure in measures
            ],
        )
    table = reference["tables"]["table4"]
    found["TABLE-4"] = _table(
        table,
        [_cell(row, "test_accuracy", row["test_accuracy"] / 100, ACCURACY_MARGIN) for row in table["rows"]],
    )
    return found


def _table(table: Mapping, parts: list[dict]) -> dict:
    return {
        "title": f"Every cell of Table {table['number']}",
        "section": table["section"],
        "sentence": table["title"],
        "figures": [],
        "parts": parts,
    }


def _cell(row: Mapping, measure: str, mean: float, margin: float) -> dict:
    depth = "" if row["depth"] is None else f"/depth={row['depth']}"
    left = {"network": f"{row['network']}-{row['activation']}{depth}", "measure": measure}
    # the paper's norms of predictors are of rescaled ones
    return {"left": {**left, "predictor": "rescaled"}, "is": "near", "threshold": mean, "within": margin, "paper": mean}
