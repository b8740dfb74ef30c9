"""Do intervals and verdicts keep their promise, on simulated data? `python -m benchmarks.calibration`, see --help.

Studies with known truth are drawn from regimes that differ in the source of their variance.
advspectra.statistics.crossed gets each study as it does from advspectra.claims.evaluate, and we count how often the
interval contains the truth. The same studies give families of claims whose truth lies exactly at their threshold or at
the edge of their margin: every `supported` and every `contradicted` is false. The verdicts come from advspectra.claims:
each follows from the intervals of its claim's parts alone. Holm's correction for the number of claims decides no
verdict; it says which of them stand. A table goes to benchmarks/results/<name>/calibration.{csv,md}.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields
from functools import lru_cache, partial

import numpy as np
from scipy import stats

from advspectra.claims.claim import CONTRADICTED, PARTLY, SUPPORTED, Claim, Part, corrected
from advspectra.machine.devices import prepare
from advspectra.statistics import crossed
from advspectra.statistics.crossed import Inference, infer
from advspectra.table import Column, Table
from benchmarks import report
from benchmarks.regimes import DIFFERENCE, RATE, REGIMES, Regime, additive, successes
from benchmarks.timing import ROOT

TAIL = 0.001
FAR = 20.0  # standard errors between the edges of a margin
STATES = 8  # of the bootstrap's generator, each for every eighth study

# of the intervals over images alone: one seed, whose truth is the regime's
SINGLE = (
    Regime("normal", (1,), 300, additive((0, 1, 0)), 0.0),
    Regime("log-normal", (1,), 300, additive((0, 1, 0), skew=1), 0.0),
    Regime("log-normal", (1,), 100, additive((0, 1, 0), skew=1), 0.0),
    Regime("success rate 0.95", (1,), 300, successes((0.95, 0, 1, 0.5)), 0.95, RATE),
    Regime("success rate 0.99", (1,), 100, successes((0.99, 0, 1, 0.5)), 0.99, RATE),
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
    Column("before", "by the method before, %", 2, optional=True),
    Column("below", "interval below the truth, %", 2),
    Column("above", "above, %", 2),
    Column("tail_true", f"p ≤ {TAIL:g} for above the truth, %", 2),
    Column("tail_false", "for below, %", 2),
    Column("bca", "truth in the BCa interval, %", 2),
    Column("bca_error", "±", 2),
    Column("claims", "claims"),
    Column("parts", "parts of each"),
    Column("supported", "supported, %", 3),
    Column("supported_error", "±", 3),
    Column("contradicted", "contradicted, %", 3),
    Column("contradicted_error", "±", 3),
    Column("partly", "partly, %", 3),
    Column("any", "any supported or contradicted in a family, %", 2),
    Column("any_error", "±", 2),
    Column("stands", "supported or contradicted, and stands after Holm's correction, %", 3),
    Column("stands_error", "±", 3),
    Column("any_stands", "any that stands in a family, %", 2),
    Column("any_stands_error", "±", 2),
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
        "before",
        "tail_true",
        "tail_false",
    ),
    ONE: ("case", "images", "coverage", "coverage_error", "below", "above", "bca", "bca_error"),
    VERDICTS: (
        *("case", "claims", "parts", "supported", "supported_error", "contradicted", "contradicted_error", "partly"),
        *("any", "any_error", "stands", "stands_error", "any_stands", "any_stands_error"),
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
        "Rates of 0 or 1, or close to it, take so few values that no interval can contain the truth in 95 %: it may do "
        "so in more.",
        "The method before took all numbers as they are, with symmetric errors, and seeds as pairs; on a tenth of the "
        "studies. Blank where it is the same.",
    ),
    ONE: (
        "Of this seed: the truth is what it would give on all images.",
        "BCa: the bootstrap interval of scipy on the same studies, for comparison.",
    ),
    VERDICTS: (
        "A family: one claim on each of some regimes of the first table, of each scale, that says that the number is "
        "above the truth (threshold), and one that it lies in a margin whose upper edge is the truth (margin). Parts "
        "of one claim are of different regimes. Rates of verdicts are those of a claim.",
        "Verdicts follow from the intervals of the parts and know nothing of other claims: promised are at most 2.5 % "
        "supported and 2.5 % contradicted with one part. `partly` needs a part that holds and one that fails.",
        "Holm's correction for all claims of a family decides no verdict; at most 5 % of families are to have a false "
        "verdict that stands after it.",
        "Studies serve in several families: the standard error of both columns of families may be 1.4 times as large "
        "with one part, 2.4 times with three.",
    ),
}


class Remembered(Inference):
    """An Inference that computes a p-value once."""

    p_above = lru_cache(maxsize=None)(Inference.p_above)


def studies(regime: Regime, count: int, *, seed: int) -> list[Inference]:
    """What infer says of `count` studies."""
    return [_answer(regime, generator, study) for study, generator in _each(count, seed)]


def before(regime: Regime, count: int, *, seed: int) -> list[Inference]:
    """What the method before says of the same studies: a number of each seed, on no scale but its own."""
    found = []
    for study, generator in _each(count, seed):
        found.append(infer(regime.paired_samples(generator), generator=np.random.default_rng(study % STATES)))
    return found


def _each(count: int, seed: int) -> Iterator[tuple[int, np.random.Generator]]:
    generator = np.random.default_rng(seed)
    for study in range(count):
        yield study, generator


def _answer(regime: Regime, generator: np.random.Generator, study: int) -> Inference:
    options = {"scale": regime.scale, "paired": regime.paired, "generator": np.random.default_rng(study % STATES)}
    one = infer(*regime.samples(generator), **options)
    return Remembered(**{field.name: getattr(one, field.name) for field in fields(one)})


def inside(regime: Regime, found: Sequence[Inference]) -> np.ndarray:
    """Whether the interval of each contains the truth. Its ends are where p-values are 0.025."""
    tail = (1 - crossed.LEVEL) / 2
    return np.array([min(one.p_above(regime.truth), one.p_below(regime.truth)) > tail for one in found])


def coverage(regime: Regime, found: Sequence[Inference]) -> dict:
    """A row of COLUMNS: how often the interval contains the truth."""
    above = np.array([one.p_above(regime.truth) for one in found])
    below = np.array([one.p_below(regime.truth) for one in found])
    tail = (1 - crossed.LEVEL) / 2
    seeds, images = (np.mean([getattr(one, name) for one in found]) for name in ("seeds", "images"))
    return {
        "part": SEVERAL,
        **_about(regime, len(found)),
        "share": float(seeds / (seeds + images)) if seeds + images else None,
        **_rate("coverage", inside(regime, found)),
        "below": 100 * float(np.mean(below <= tail)),
        "above": 100 * float(np.mean(above <= tail)),
        "tail_true": 100 * float(np.mean(above <= TAIL)),
        "tail_false": 100 * float(np.mean(below <= TAIL)),
    }


def coverage_of_bca(regime: Regime, count: int, *, seed: int) -> dict:
    """How often scipy's BCa interval of one seed contains the truth, for the studies of `studies`."""
    generator = np.random.default_rng(seed)
    contained = np.empty(count, dtype=bool)
    for study in range(count):
        ((one,),) = regime.samples(generator)
        ends = stats.bootstrap(
            one.arrays,
            np.mean,
            n_resamples=crossed.RESAMPLES,
            confidence_level=crossed.LEVEL,
            method="BCa",
            rng=np.random.default_rng(study % STATES),
        ).confidence_interval
        contained[study] = ends.low <= regime.truth <= ends.high
    return _rate("bca", contained)


def verdicts(regimes: Sequence[Regime], found: Sequence[Sequence[Inference]], *, parts: int) -> list[dict]:
    """Rows of COLUMNS for claims at a threshold, at a margin, and for all; one family for each study."""
    count = len(found[0])
    reach = [FAR * float(np.std([one.value for one in each])) for each in found]
    kinds = {"threshold": lambda truth, reach: (truth, None), "margin": lambda truth, reach: (truth - reach, truth)}
    seen = {kind: Counter() for kind in kinds}
    families = Counter()
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
                    Part("", (), bounds(regimes[regime].truth, reach[regime]), DIFFERENCE, found=found[regime][which])
                    for regime, which in chosen
                )
                claims.append(Claim(f"{kind} {first}", kind, "", "", (), made))
        answered = corrected(claims)
        wrong = [claim for claim in answered if claim.verdict in (SUPPORTED, CONTRADICTED)]
        families["any"] += bool(wrong)
        families["any_stands"] += any(claim.stands for claim in wrong)
        for claim in answered:
            seen[claim.title][claim.verdict] += 1
        for claim in wrong:
            seen[claim.title]["stands"] += claim.stands
    about = {"claims": 2 * len(regimes), "parts": parts}
    rows = []
    for kind, each in {**seen, "all": sum(seen.values(), Counter())}.items():
        row = {"part": VERDICTS, "case": kind, **about, "simulations": count}
        total = each.total() - each["stands"]
        for verdict in (SUPPORTED, CONTRADICTED, "stands"):
            row |= _percent(verdict, each[verdict], total)
        row[PARTLY] = 100 * each[PARTLY] / total
        rows.append(row)
    for name in ("any", "any_stands"):
        rows[-1] |= _percent(name, families[name], count)
    return rows


def _about(regime: Regime, count: int) -> dict:
    images = {} if regime.images == 1 else {"images": regime.images}
    return {"case": regime.name, "seeds": " and ".join(map(str, regime.seeds)), **images, "simulations": count}


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
    option("--processes", type=int, default=2)
    chosen = parser.parse_args()
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

    with ProcessPoolExecutor(chosen.processes, initializer=_limit_resamples, initargs=(chosen.resamples,)) as pool:
        simulated = partial(_simulated, count=chosen.simulations, seed=chosen.seed)
        several = pool.map(simulated, range(len(REGIMES)))
        single = pool.map(simulated, range(len(REGIMES), len(REGIMES) + len(SINGLE)))
        for regime, (row, of_regime) in zip(REGIMES, several, strict=True):
            found.append(of_regime)
            add([row], f"{regime.name}, {regime.seeds} seeds, {regime.images} images")
        inner = [place for place, regime in enumerate(REGIMES) if regime.in_families]
        regimes, found = [REGIMES[place] for place in inner], [found[place] for place in inner]
        for parts in (1, 3):
            add(verdicts(regimes, found, parts=parts), f"verdicts on claims of {parts} parts")
        for regime, (row, _) in zip(SINGLE, single, strict=True):
            add([row], f"one seed: {regime.name}, {regime.images} images")
    print(folder / "calibration.md")


def _limit_resamples(count: int) -> None:
    crossed.RESAMPLES = count


def _simulated(place: int, *, count: int, seed: int) -> tuple[dict, list[Inference]]:
    """A row of COLUMNS of a regime, and what was found."""
    regime = (*REGIMES, *SINGLE)[place]
    found = studies(regime, count, seed=[seed, place])
    row = coverage(regime, found)
    if regime.seeds == (1,):
        return row | {"part": ONE} | coverage_of_bca(regime, count, seed=[seed, place]), []
    if len(regime.seeds) > 1 or regime.scale is not DIFFERENCE:
        old = before(regime, max(count // 10, 1), seed=[seed, place])
        row |= {"before": 100 * float(inside(regime, old).mean())}
    return row, found if regime.in_families else []


if __name__ == "__main__":
    main()
