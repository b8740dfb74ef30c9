"""Kinds of simulated studies whose truth is known, for benchmarks.calibration."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from advspectra.statistics.sample import Sample
from advspectra.statistics.scale import Scale

RATIO, DIFFERENCE, RATE, CORRELATION = Scale

# takes a generator, the seeds of each side, and the number of images; makes the values (S, N) of each side
Draw = Callable[[np.random.Generator, Sequence[int], int], list[np.ndarray]]


@dataclass(frozen=True)
class Regime:
    """A kind of study.

    seeds : of the side, or of both. truth : of the number. paired : whether both sides are the same trainings.
    """

    name: str
    seeds: tuple[int, ...]
    images: int
    draw: Draw
    truth: float
    scale: Scale = DIFFERENCE
    paired: bool = False

    @property
    def in_families(self) -> bool:
        """Whether verdicts are made of it: few regimes of each scale, whose truth a number may lie beyond."""
        return self.name in FAMILIES

    def samples(self, generator: np.random.Generator) -> list[list[Sample]]:
        """A study: of each side a sample for each seed."""
        drawn = self.draw(generator, self.seeds, self.images)
        return [[Sample((row,), lambda mean: mean) for row in side] for side in drawn]

    def paired_samples(self, generator: np.random.Generator) -> list[Sample]:
        """The same study, a sample for each seed that both sides have: how all parts were compared at first."""
        left, *right = self.draw(generator, self.seeds, self.images)
        if not right:
            return [Sample((row,), lambda mean: mean) for row in left]
        compare = (lambda left, right: left / right - 1) if self.scale is RATIO else np.subtract
        return [Sample(rows, compare) for rows in zip(left, *right, strict=False)]


def additive(*sides: tuple[float, float, float], skew: float = 0.0, shared: float = 0.0) -> Draw:
    """Sides a A_s + b B_i + e E_si with normal A and E; B, the same on all sides, is normal, or log-normal with mean 0
    and variance 1.

    sides : (a, b, e) of each. shared : correlation of A over sides, of trainings that are the same.
    """

    def draw(generator, seeds, images):
        of_images = generator.normal(size=images)
        if skew:
            grown = np.exp(skew * of_images) - np.exp(skew**2 / 2)
            of_images = grown / np.sqrt(np.exp(skew**2) * np.expm1(skew**2))
        common = generator.normal(size=(max(seeds), 1))
        drawn = []
        for (a, b, e), count in zip(sides, seeds, strict=True):
            own, noise = generator.normal(size=(count, 1)), generator.normal(size=(count, images))
            of_seeds = np.sqrt(shared) * common[:count] + np.sqrt(1 - shared) * own
            drawn.append(a * of_seeds + b * of_images + e * noise)
        return drawn

    return draw


def successes(*sides: tuple[float, float, float, float], shared: float = 0.0) -> Draw:
    """Sides (rate, a, b, e) of successes, 0 or 1: whether a number of `additive` is below the quantile of the rate."""
    numbers = additive(*(side[1:] for side in sides), shared=shared)
    limits = [special.ndtri(rate) * np.sqrt(a**2 + b**2 + e**2) for rate, a, b, e in sides]
    return lambda *study: [(of < limit).astype(float) for of, limit in zip(numbers(*study), limits, strict=True)]


def log_normal(*sides: tuple[float, float, float], shared: float = 0.0) -> Draw:
    """Sides of positive numbers: the exponentials of those of `additive`."""
    numbers = additive(*sides, shared=shared)
    return lambda *study: [np.exp(of) for of in numbers(*study)]


def correlations(*sides: tuple[float, float]) -> Draw:
    """Sides (mean, deviation) of atanh of correlations; not made of images."""

    def draw(generator, seeds, images):
        return [
            np.tanh(mean + deviation * generator.normal(size=(count, images)))
            for (mean, deviation), count in zip(sides, seeds, strict=True)
        ]

    return draw


def _rates() -> list[Regime]:
    regimes = []
    for rate in (0.0, 0.01, 0.1, 0.9, 0.99, 1.0):
        for seeds in (3, 5):
            draw = successes((rate, 0.1, 1, 0.5))
            regimes.append(Regime(f"rate {rate:g}, images nearly all", (seeds,), 300, draw, rate, RATE))
    for rate in (0.01, 0.1, 0.99):
        regimes += [
            Regime(f"rate {rate:g}, seeds nearly all", (3,), 300, successes((rate, 0.3, 1, 0.5)), rate, RATE),
            Regime(f"rate {rate:g}, seed by image alone", (3,), 300, successes((rate, 0, 0, 1)), rate, RATE),
        ]
    regimes.append(Regime("rate 0.99, images alone", (3,), 50, successes((0.99, 0, 1, 0)), 0.99, RATE))
    regimes.append(Regime("rate 0.9, images nearly all", (3,), 100, successes((0.9, 0.1, 1, 0.5)), 0.9, RATE))
    return regimes


def _two(name, seeds, sides, **shared):
    """Two rates."""
    draw = successes(*((rate, 0.2, 1, 0.7) for rate in sides), **shared)
    return Regime(name, seeds, 300, draw, sides[0] - sides[1], RATE, paired=bool(shared))


# the variance of the mean is a^2 / S + e^2 / (S N), of seeds, + b^2 / N, of images
REGIMES = (
    Regime("seeds nearly all", (3,), 300, additive((1, 1, 1)), 0.0),
    Regime("seeds nine tenths", (3,), 300, additive((0.3, 1, 0)), 0.0),
    Regime("seeds and images alike", (3,), 300, additive((0.1, 1, 0.3)), 0.0),
    Regime("seeds and images alike", (5,), 300, additive((0.13, 1, 0.3)), 0.0),
    Regime("seeds and images alike", (10,), 100, additive((0.31, 1, 0.5)), 0.0),
    Regime("seeds a third", (3,), 300, additive((0.07, 1, 0.3)), 0.0),
    Regime("images nearly all", (3,), 300, additive((0, 1, 0.2)), 0.0),
    Regime("seed by image alone", (3,), 300, additive((0, 0, 1)), 0.0),
    Regime("log-normal images nearly all", (3,), 300, additive((0, 1, 0.2), skew=1), 0.0),
    Regime("log-normal images nearly all", (3,), 100, additive((0, 1, 0.2), skew=1), 0.0),
    Regime("log-normal images and seeds alike", (3,), 300, additive((0.1, 1, 0.3), skew=1), 0.0),
    Regime("not made of images", (3,), 1, additive((1, 0, 0)), 0.0),
    Regime("two networks", (3, 3), 300, additive((0.3, 1, 1), (0.3, 1, 1)), 0.0),
    Regime("two networks, images nearly all", (3, 3), 300, additive((0.02, 1, 0.2), (0.02, 0, 0.2)), 0.0),
    Regime("two networks, seeds of one vary", (3, 3), 300, additive((0.3, 1, 1), (0.03, 1, 0.3)), 0.0),
    Regime("two networks", (3, 5), 300, additive((0.3, 1, 1), (0.3, 1, 1)), 0.0),
    Regime("two networks, of few seeds vary more", (3, 10), 300, additive((0.3, 1, 1), (0.1, 1, 1)), 0.0),
    Regime("one network twice", (3, 3), 300, additive((0.3, 1, 1), (0.3, 1, 1), shared=0.9), 0.0, paired=True),
    *(
        Regime(f"ratio, log-normal seeds of {sd:g}", seeds, 300, log_normal((sd, 1, 0.5), (sd, 1, 0.5)), 0.0, RATIO)
        for sd in (0.05, 0.5, 2)
        for seeds in ((3, 3), (5, 5), (3, 5))
    ),
    Regime("ratio, not made of images", (3, 3), 1, log_normal((2, 0, 0), (2, 0, 0)), 0.0, RATIO),
    Regime(
        *("ratio, one network twice", (3, 3), 300),
        *(log_normal((1, 1, 0.5), (1, 1, 0.5), shared=0.9), 0.0, RATIO, True),
    ),
    *(
        Regime(
            *(f"ratio's side alone, log-normal seeds of {sd:g}", (3,), 300),
            *(log_normal((sd, 1, 0.5)), float(np.exp((sd**2 + 1 + 0.25) / 2)), RATIO),
        )
        for sd in (0.1, 0.3)
    ),
    *_rates(),
    _two("rates 0.9 and 0.9", (3, 3), (0.9, 0.9)),
    _two("rates 0.99 and 0.99", (3, 3), (0.99, 0.99)),
    _two("rates 0.99 and 0.9", (3, 3), (0.99, 0.9)),
    _two("rates 1 and 0.99", (3, 3), (1.0, 0.99)),
    _two("rates 1 and 1", (3, 3), (1.0, 1.0)),
    _two("rates 0.9 and 0.5", (3, 5), (0.9, 0.5)),
    _two("rates 0.9 and 0.8 of one network", (3, 3), (0.9, 0.8), shared=0.9),
    _two("rates 0.99 and 0.99 of one network", (5, 5), (0.99, 0.99), shared=0.9),
    Regime("correlation 0", (3,), 1, correlations((0, 0.3)), 0.0, CORRELATION),
    Regime("correlation 0.9", (3,), 1, correlations((np.arctanh(0.9), 0.5)), 0.9, CORRELATION),
    Regime("correlation 0.9", (5,), 1, correlations((np.arctanh(0.9), 0.5)), 0.9, CORRELATION),
    Regime(
        *("correlations 0.9 and 0.5", (3, 3), 1),
        *(correlations((np.arctanh(0.9), 0.5), (np.arctanh(0.5), 0.5)), 0.4, CORRELATION),
    ),
)
FAMILIES = (
    *("seeds nearly all", "seeds and images alike", "images nearly all", "log-normal images nearly all"),
    *("two networks", "one network twice", "ratio, log-normal seeds of 0.5", "ratio, not made of images"),
    *("rate 0.01, images nearly all", "rate 0.9, images nearly all", "rate 0.99, images nearly all"),
    *("rates 0.9 and 0.9", "correlation 0.9"),
)
