"""The error of a mean over two crossed random factors, seeds and images: how likely it exceeds a distance.

The error is taken for sqrt(seeds) T + sqrt(images) U, independent, where `seeds` and `images` are the two parts of the
variance of the mean.

    T   is Student's t with k degrees of freedom, S - 1 of S seeds: the distribution of Behrens and Fisher (Weerahandi
        1993, JASA 88:899), which reaches too far where both parts count (k = 2: 97.6 % instead of 95 %). The prior that
        makes it match to second order (Ghosh & Kim 2001, Canadian Journal of Statistics 29:5) puts sqrt(k / (k + 2))
        times a t with k + 2 degrees in its place, with probability w = images / (seeds + images): p - w (p - q), where
        p and q are the probabilities of a tail with the first and with the second. But few seeds do not tell how far a
        tail reaches: with k = 2, p-values of 0.001 from this formula are up to 3.5 times too small. We take
        p - w (p - q) (p + q) / (2 p): the same where p and q are close, and p (1 - w / 2) far out, where q vanishes.
        With k = 2 and normal parts, intervals then cover 94.5 to 96.2 %, and p-values of 0.001 are at most 1.5 times
        too small.
    U   is such that U + g U^2 / 3 + 2 g^2 U^3 / 27 + g / 6 is Student's t with `freedom` degrees, g being the skewness
        of the resampled means over seeds: a few influential images push the error of the mean to one side. This is the
        transformation of Hall (1992, JRSS B 54:221) by an exponential, as its series to third order, which has an
        inverse everywhere.

Where one part is all of the variance and images are normal, this is the t-test. How well it keeps its promises on
simulated data: benchmarks/results/cpu/calibration.md.
"""

import math
from functools import lru_cache

import numpy as np
from scipy import special

# a distribution as points of equal distance on the logistic scale: tails and centre as fine
TAILS, STEP = np.linspace(-36, 36, 361, retstep=True)
TAILS = special.expit(TAILS)
WEIGHTS = STEP * TAILS * (1 - TAILS)
MOST_KEPT = 200  # quantiles of distributions, for as many degrees of freedom


def exceeds(distance: float, seeds: float, images: float, *, degrees: float, freedom: float, skewness: float) -> float:
    """The probability that the error exceeds `distance`.

    seeds, images : the parts of the variance of the mean. degrees : of freedom of the seeds' part, 0 for one seed.
    freedom : of the images' part, 0 for a number that is not made of images. skewness : of the images' part.
    """
    k = max(degrees, 1)  # one seed: no variance, any degrees of freedom do
    if not seeds + images:
        return 0.5 * (1 - np.sign(distance))
    above = [
        _beyond(distance, variance, images, of, freedom, skewness)
        for variance, of in ((seeds, k), (seeds * k / (k + 2), k + 2))
    ]
    p, q = above if above[0] <= 0.5 else (1 - probability for probability in above)
    if p > 0:
        p -= images / (seeds + images) * (p - q) * (p + q) / (2 * p)
    return p if above[0] <= 0.5 else 1 - p


def _beyond(distance: float, seeds: float, images: float, k: float, freedom: float, skewness: float) -> float:
    """The same where T is Student's t with k degrees of freedom."""
    freedom = freedom or 1  # of no variance, any will do
    parts = (
        (math.sqrt(seeds), _quantiles(k), lambda error: special.stdtr(k, -error)),
        (
            math.sqrt(images),
            _skew(_quantiles(freedom), skewness),
            lambda error: special.stdtr(freedom, -_unskew(error, skewness)),
        ),
    )
    # over the points of the narrower part: the other's distribution is smooth between them
    (narrow, points, _), (wide, _, beyond) = sorted(parts, key=lambda part: part[0])
    if not narrow:
        return float(beyond(distance / wide))
    return float(WEIGHTS @ beyond((distance - narrow * points) / wide))


@lru_cache(maxsize=MOST_KEPT)
def _quantiles(freedom: float) -> np.ndarray:
    """The quantiles of Student's t at TAILS."""
    return special.stdtrit(freedom, TAILS)


def _unskew(error: np.ndarray, skewness: float) -> np.ndarray:
    """The transformation of a studentised error."""
    return error + skewness * error**2 / 3 + 2 * skewness**2 * error**3 / 27 + skewness / 6


def _skew(error: np.ndarray, skewness: float) -> np.ndarray:
    """The inverse of that transformation."""
    if abs(skewness) < 1e-6:
        return error
    return 3 / skewness * (np.sinh(np.arcsinh(2 * (1 + skewness * (error - skewness / 6))) / 3) - 0.5)
