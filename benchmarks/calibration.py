"""Do intervals and verdicts keep their promise, on simulated data? `python -m benchmarks.calibration`, see --help.

Studies with known truth are drawn from regimes that differ in the source of their variance.
advspectra.statistics.crossed gets each study as it does from advspectra.claims.evaluate, and we count how often the
interval contains the truth. The same studies give families of claims whose truth lies exactly at their threshold or at
the edge of their margin: every `supported` and every `contradicted` is false. They come from advspectra.claims with its
correction for the number of claims. A table goes to benchmarks/results/<name>/calibration.{csv,md}.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache

import numpy as np
from scipy import special, stats

from advspectra.claims.claim import CONTRADICTED, PARTLY, SUPPORTED, Claim, Part, corrected
from advspectra.machine.devices import prepare
from advspectra.statistics import crossed
from advspectra.statistics.crossed import Inference, Sample, infer
from advspectra.table import Column, Table
from benchmarks import report
from benchmarks.timing import ROOT

TAIL = 0.001
FAR = 20.0  # standard errors between the edges of a margin
STATES = 8  # of the bootstrap's generator, each for every eighth study

Draw = Callable[[np.random.Generator, int, int], tuple[np.ndarray, ...]]
Statistic = Callable[..., np.ndarray]


def mean(of_images: np.ndarray) -> np.ndarray:
    """The mean."""
    return of_images


def ratio(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The ratio of two means, minus 1."""
    return left / right - 1


@dataclass(frozen=True)
class Regime:
    """A kind of study: `draw` makes arrays (S, N) of S seeds and N images, `truth` is the statistic of all of them."""

    name: str
    seeds: int
    images: int
    draw: Draw
    truth: float
    statistic: Statistic = mean


def additive(a: float, b: float, e: float, *, skew: float = 0.0) -> Draw:
    """Studies a A_s + b B_i + e E_si with normal A and E; B is normal, or log-normal with mean 0, variance 1."""

    def draw(generator, seeds, images):
        of_images = generator.normal(size=(1, images))
        if skew:
            grown = np.exp(skew * of_images) - np.exp(skew**2 / 2)
            of_images = grown / np.sqrt(np.exp(skew**2) * np.expm1(skew**2))
        noise = generator.normal(size=(seeds, images))
        return (a * generator.normal(size=(seeds, 1)) + b * of_images + e * noise,)

    return draw


def rates(rate: float, a: float, b: float, e: float) -> Draw:
    """Studies of successes, 0 or 1: whether a number drawn as in `additive` is below the quantile of `rate`."""
    numbers, limit = additive(a, b, e), special.ndtri(rate) * np.sqrt(a**2 + b**2 + e**2)
    return lambda *study: ((numbers(*study)[0] < limit).astype(float),)


def pairs(a: float, b: float, e: float) -> Draw:
    """Studies of two positive numbers: log-normal, with the same images; only the first varies over seeds."""

    def draw(generator, seeds, images):
        shared = b * generator.normal(size=(1, images))
        noise = e * generator.normal(size=(2, seeds, images))
        of_seeds = a * generator.normal(size=(seeds, 1)) - a**2 / 2  # the mean of its exponential is 1
        return tuple(np.exp(shared + noise + np.stack([of_seeds, np.zeros_like(of_seeds)])))

    return draw


# the variance of the mean is a^2 / S + e^2 / (S N), of seeds, + b^2 / N, of images
REGIMES = (
    Regime("seeds nearly all", 3, 300, additive(1, 1, 1), 0.0),
    Regime("seeds nine tenths", 3, 300, additive(0.3, 1, 0), 0.0),
    Regime("seeds and images alike", 3, 300, additive(0.1, 1, 0.3), 0.0),
    Regime("seeds and images alike", 5, 300, additive(0.13, 1, 0.3), 0.0),
    Regime("seeds and images alike", 10, 100, additive(0.31, 1, 0.5), 0.0),
    Regime("seeds a third", 3, 300, additive(0.07, 1, 0.3), 0.0),
    Regime("images nearly all", 3, 300, additive(0, 1, 0.2), 0.0),
    Regime("seed by image alone", 3, 300, additive(0, 0, 1), 0.0),
    Regime("log-normal images nearly all", 3, 300, additive(0, 1, 0.2, skew=1), 0.0),
    Regime("log-normal images nearly all", 3, 100, additive(0, 1, 0.2, skew=1), 0.0),
    Regime("log-normal images and seeds alike", 3, 300, additive(0.1, 1, 0.3, skew=1), 0.0),
    Regime("ratio of means - 1", 3, 300, pairs(0.05, 1, 0.5), 0.0, ratio),
    Regime("success rate 0.95", 3, 300, rates(0.95, 0.1, 1, 0.5), 0.95),
    Regime("success rate 0.9", 3, 100, rates(0.9, 0.1, 1, 0.5), 0.9),
    Regime("not made of images", 3, 1, additive(1, 0, 0), 0.0),
)
# of the intervals over images alone: one seed, whose truth is the regime's
SINGLE = (
    Regime("normal", 1, 300, additive(0, 1, 0), 0.0),
    Regime("log-normal", 1, 300, additive(0, 1, 0, skew=1), 0.0),
    Regime("log-normal", 1, 100, additive(0, 1, 0, skew=1), 0.0),
    Regime("ratio of means - 1", 1, 300, pairs(0, 1, 0.5), 0.0, ratio),
    Regime("success rate 0.95", 1, 300, rates(0.95, 0, 1, 0.5), 0.95),
)

COLUMNS = (
    Column("part", "part"),
    Column("case", "case"),
    Column("seeds", "seeds"),
    Column("images", "images"),
    Column("share", "variance of seeds / all", 2, optional=True),
    Column("simulations", "simulations"),
    Column("coverage", "truth in the interval, %", 2),
    Column("coverage_error", "±", 2),
    Column("below", "interval below the truth, %", 2),
    Column("above", "above, %", 2),
    Column("tail_true", f"p ≤ {TAIL:g} for above the truth, %", 2),
    Column("tail_false", "for below, %", 2),
    Column("bca", "truth in the BCa interval, %", 2),
    Column("bca_error", "±", 2),
    Column("claims", "claims"),
    Column("parts", "parts of each"),
    Column("corrected", "corrected for"),
    Column("supported", "supported, %", 3),
    Column("supported_error", "±", 3),
    Column("contradicted", "contradicted, %", 3),
    Column("contradicted_error", "±", 3),
    Column("partly", "partly, %", 3),
    Column("any", "any supported or contradicted in a family, %", 2),
    Column("any_error", "±", 2),
)
SEVERAL, ONE, VERDICTS = "intervals over seeds and images", "intervals over images of one seed", "verdicts"
SHOWN = {
    SEVERAL: (
        "case",
        "seeds",
        "images",
        "share",
        "coverage",
        "coverage_error",
        "below",
        "above",
        "tail_true",
        "tail_false",
    ),
    ONE: ("case", "images", "coverage", "coverage_error", "below", "above", "bca", "bca_error"),
    VERDICTS: (
        *("case", "claims", "parts", "corrected", "supported", "supported_error", "contradicted", "contradicted_error"),
        *("partly", "any", "any_error"),
    ),
}
TITLES = {
    SEVERAL: "Intervals of 95 % over seeds and images",
    ONE: "Intervals of 95 % over images of one seed",
    VERDICTS: "False verdicts where the truth is at the threshold",
}
NOTES = {
    SEVERAL: (
        "±: standard error of the simulation. Promised are 95 %, 2.5 % on either side, and 0.1 % with a one-sided "
        "p-value of at most 0.001.",
        "Variance of seeds / all: mean of the first part, seeds, over that of both, as estimated.",
    ),
    ONE: (
        "Of this seed: the truth is what it would give on all images.",
        "BCa: the bootstrap interval of scipy on the same studies, for comparison.",
    ),
    VERDICTS: (
        "A family: one claim on each regime of the first table that says that the number is above the truth "
        "(threshold), and one that it lies in a margin whose upper edge is the truth (margin). Parts of one claim are "
        "of different regimes. Rates of verdicts are those of a claim.",
        "`partly` needs parts of either kind at 2.5 % each and is not corrected, by definition.",
        "Studies serve in several families: the standard error of `any` may be 1.4 times as large with one part, 2.4 "
        "times with three.",
    ),
}


class Remembered(Inference):
    """An Inference that computes a p-value once."""

    p_above = lru_cache(maxsize=None)(Inference.p_above)


def samples(regime: Regime, generator: np.random.Generator) -> list[Sample]:
    """A study: one sample for each seed."""
    arrays = regime.draw(generator, regime.seeds, regime.images)
    return [Sample(tuple(array[seed] for array in arrays), regime.statistic) for seed in range(regime.seeds)]


def studies(regime: Regime, count: int, *, seed: int) -> list[Inference]:
    """What infer says of `count` studies."""
    generator = np.random.default_rng(seed)
    found = []
    for study in range(count):
        one = infer(samples(regime, generator), generator=np.random.default_rng(study % STATES))
        found.append(Remembered(*astuple(one)))
    return found


def coverage(regime: Regime, found: Sequence[Inference]) -> dict:
    """A row of COLUMNS: how often the interval contains the truth. Its ends are where p-values are 0.025."""
    above = np.array([one.p_above(regime.truth) for one in found])
    below = np.array([one.p_below(regime.truth) for one in found])
    tail = (1 - crossed.LEVEL) / 2
    seeds, images = (np.mean([getattr(one, name) for one in found]) for name in ("seeds", "images"))
    return {
        "part": SEVERAL,
        **_about(regime, len(found)),
        "share": float(seeds / (seeds + images)),
        **_rate("coverage", (above > tail) & (below > tail)),
        "below": 100 * float(np.mean(below <= tail)),
        "above": 100 * float(np.mean(above <= tail)),
        "tail_true": 100 * float(np.mean(above <= TAIL)),
        "tail_false": 100 * float(np.mean(below <= TAIL)),
    }


def coverage_of_bca(regime: Regime, count: int, *, seed: int) -> dict:
    """How often scipy's BCa interval of one seed contains the truth, for the studies of `studies`."""
    generator = np.random.default_rng(seed)
    inside = np.empty(count, dtype=bool)
    for study in range(count):
        (one,) = samples(regime, generator)
        ends = stats.bootstrap(
            one.arrays,
            lambda *arrays, axis: regime.statistic(*(array.mean(axis) for array in arrays)),
            paired=True,
            n_resamples=crossed.RESAMPLES,
            confidence_level=crossed.LEVEL,
            method="BCa",
            rng=np.random.default_rng(study % STATES),
        ).confidence_interval
        inside[study] = ends.low <= regime.truth <= ends.high
    return _rate("bca", inside)


def verdicts(
    regimes: Sequence[Regime], found: Sequence[Sequence[Inference]], *, parts: int, family: bool
) -> list[dict]:
    """Rows of COLUMNS for claims at a threshold, at a margin, and for all; one family for each study.

    family : whether to correct for all claims of a family; if not, each claim is tested by itself.
    """
    count = len(found[0])
    reach = [FAR * float(np.std([one.value for one in each])) for each in found]
    kinds = {"threshold": lambda truth, reach: (truth, None), "margin": lambda truth, reach: (truth - reach, truth)}
    seen = {kind: Counter() for kind in kinds}
    wrong = 0
    for study in range(count):
        claims = []
        for place, (kind, bounds) in enumerate(kinds.items()):
            # other studies for each kind and part: a family has none twice
            for first in range(len(regimes)):
                chosen = [
                    (regime % len(regimes), (study + (place * parts + part) * count // (2 * parts)) % count)
                    for part, regime in enumerate(range(first, first + parts))
                ]
                made = tuple(
                    Part("", (), bounds(regimes[regime].truth, reach[regime]), False, found=found[regime][which])
                    for regime, which in chosen
                )
                claims.append(Claim(f"{kind} {first}", kind, "", "", (), made))
        answered = corrected(claims) if family else [one for claim in claims for one in corrected([claim])]
        wrong += any(claim.verdict in (SUPPORTED, CONTRADICTED) and (claim.stands or not family) for claim in answered)
        for claim in answered:
            seen[claim.title][claim.verdict] += 1
    about = {"claims": 2 * len(regimes), "parts": parts, "corrected": 2 * len(regimes) if family else 1}
    rows = []
    for kind, each in {**seen, "all": sum(seen.values(), Counter())}.items():
        row = {"part": VERDICTS, "case": kind, **about, "simulations": count}
        total = each.total()
        for verdict in (SUPPORTED, CONTRADICTED):
            row |= _percent(verdict, each[verdict], total)
        row[PARTLY] = 100 * each[PARTLY] / total
        rows.append(row)
    rows[-1] |= _percent("any", wrong, count)
    return rows


def _about(regime: Regime, count: int) -> dict:
    images = {} if regime.images == 1 else {"images": regime.images}
    return {"case": regime.name, "seeds": regime.seeds, **images, "simulations": count}


def _rate(name: str, is_true: np.ndarray) -> dict[str, float]:
    return _percent(name, int(is_true.sum()), len(is_true))


def _percent(name: str, times: int, of: int) -> dict[str, float]:
    """A rate and its standard error in %."""
    rate = times / of
    return {name: 100 * rate, f"{name}_error": 100 * float(np.sqrt(rate * (1 - rate) / of))}


def write(folder, rows: Sequence[Mapping], about: Mapping[str, str]) -> None:
    """Write the tables."""
    columns = {column.key: column for column in COLUMNS}
    texts = [f"- {name}: {text}\n" for name, text in about.items()]
    for part, keys in SHOWN.items():
        shown = tuple({key: row[key] for key in keys if key in row} for row in rows if row["part"] == part)
        table = Table(TITLES[part], tuple(columns[key] for key in keys), shown, NOTES[part])
        texts += ["\n", table.to_markdown()] if shown else []
    (folder / "calibration.md").write_text("".join(texts))
    (folder / "calibration.csv").write_text(Table("", COLUMNS, tuple(rows)).to_csv())


def main() -> None:
    """Simulate; write the table again after each regime."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    option = parser.add_argument
    option("--name", default="local", help="results go to benchmarks/results/<name>/")
    option("--simulations", type=int, default=10_000, help="studies of each regime, and families of claims")
    option("--resamples", type=int, default=crossed.RESAMPLES, help="resamples of the images")
    option("--seed", type=int, default=0)
    chosen = parser.parse_args()
    crossed.RESAMPLES = chosen.resamples
    folder = ROOT / "benchmarks/results" / chosen.name
    folder.mkdir(parents=True, exist_ok=True)
    about = report.machine(prepare("cpu", threads=1), 1) | {
        "simulations": f"{chosen.simulations} of each regime, with {chosen.resamples} resamples of the images; seed "
        f"{chosen.seed}; as many families of claims"
    }
    began = time.perf_counter()
    rows: list[dict] = []
    found = []

    def add(new: Sequence[Mapping], name: str) -> None:
        rows.extend(new)
        write(folder, rows, about)
        print(f"{time.perf_counter() - began:.0f} s: {name}", file=sys.stderr, flush=True)

    for place, regime in enumerate(REGIMES):
        found.append(studies(regime, chosen.simulations, seed=[chosen.seed, place]))
        add([coverage(regime, found[-1])], f"{regime.name}, {regime.seeds} seeds, {regime.images} images")
    for parts, family in ((1, False), (1, True), (3, True)):
        add(verdicts(REGIMES, found, parts=parts, family=family), f"verdicts on claims of {parts} parts")
    for place, regime in enumerate(SINGLE):
        generator_seed = [chosen.seed, len(REGIMES) + place]
        row = coverage(regime, studies(regime, chosen.simulations, seed=generator_seed)) | {"part": ONE}
        row |= coverage_of_bca(regime, chosen.simulations, seed=generator_seed)
        add([row], f"one seed: {regime.name}, {regime.images} images")
    print(folder / "calibration.md")


if __name__ == "__main__":
    main()
