"""Distances between distributions: numbers known by hand, and scipy's own."""

import numpy as np
import pytest
from scipy import stats

from advspectra.statistics.summaries import kolmogorov_smirnov, wasserstein


def test_kolmogorov_smirnov_of_small_samples_is_as_by_hand():
    # after 2, the first sample has half of its values and the second none
    assert kolmogorov_smirnov(np.array([1.0, 2, 3, 4]), np.array([3.0, 4, 5, 6])) == 0.5
    assert kolmogorov_smirnov(np.array([1.0, 2]), np.array([5.0, 6])) == 1
    # ties: 2/3 against 1/3 at 1, equal at 2
    assert kolmogorov_smirnov(np.array([1.0, 1, 2]), np.array([1.0, 2, 2])) == pytest.approx(1 / 3)
    assert kolmogorov_smirnov(np.array([3.0, 1, 2]), np.array([2.0, 3, 1])) == 0


def test_wasserstein_of_small_samples_is_as_by_hand():
    assert wasserstein(np.array([3.0, 0, 1]), np.array([5.0, 6, 8])) == 5
    assert wasserstein(np.array([0.0, 1]), np.array([1.0, 0])) == 0


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (kolmogorov_smirnov, lambda first, second: stats.ks_2samp(first, second).statistic),
        (wasserstein, stats.wasserstein_distance),
    ],
)
@pytest.mark.parametrize("decimals", [0, 8])  # with many ties, and with none
def test_distances_of_many_samples_at_once_are_scipys(ours, theirs, decimals):
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(5, 40)).round(decimals), rng.normal(0.3, 1.5, (5, 40)).round(decimals)
    expected = [theirs(*pair) for pair in zip(first, second, strict=True)]
    np.testing.assert_allclose(ours(first, second), expected, rtol=1e-12)


@pytest.mark.parametrize("distance", [kolmogorov_smirnov, wasserstein])
def test_samples_of_different_or_no_length_are_refused(distance):
    for first, second in ((np.zeros(3), np.zeros(4)), (np.zeros(0), np.zeros(0))):
        with pytest.raises(ValueError, match="two samples of one length"):
            distance(first, second)
