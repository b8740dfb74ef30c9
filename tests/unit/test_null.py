"""The null of the paper's tables against what is known of white noise, and the count of cells that it passes."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from advspectra.claims.null import null_values
from advspectra.claims.paper import table_claims

REFERENCE = Path(__file__).parents[2] / "workflow/reference/paper.yaml"
WEIGHTS = np.array([0.299, 0.587, 0.114])


def test_norms_of_random_signs_are_those_of_white_noise():
    """|F| of complex Gaussian noise has mean sqrt(pi)/2 of its root mean square."""
    found = null_values(image_shape=(3, 32, 32), classes=10, epsilon=8 / 255)
    root_mean_square = 8 / 255 * np.sqrt((WEIGHTS**2).sum()) * 32
    assert found["delta_l2"] == pytest.approx(root_mean_square * 32, rel=2e-3)
    assert found["delta_l1"] == pytest.approx(root_mean_square * np.sqrt(np.pi) / 2 * 1024, rel=2e-3)
    assert found["test_accuracy"] == 0.1


def test_norms_of_signs_grow_with_epsilon_and_those_of_maps_do_not():
    small, large = (null_values(image_shape=(1, 8, 8), classes=2, epsilon=epsilon) for epsilon in (0.1, 0.2))
    assert large["delta_l2"] == pytest.approx(2 * small["delta_l2"], rel=1e-9)
    assert large["beta_l1"] == small["beta_l1"] and small["test_accuracy"] == 0.5


def test_the_mean_of_a_rescaled_map_is_half():
    """Its zero frequency, H * W / 2, makes nearly all of the 2-norm: which is why sparsity cannot be read from it."""
    found = null_values(image_shape=(3, 32, 32), classes=10, epsilon=8 / 255)
    assert 512 < found["beta_l2"] < 530


def test_how_many_of_the_paper_s_cells_noise_passes():
    """Counted by hand from the printed tables: 13 of 24 of Table 1, 9 of 14 of Table 2, none of Table 4."""
    with open(REFERENCE, encoding="utf-8") as file:
        claims = table_claims(yaml.safe_load(file), predictor="rescaled")
    null = null_values(image_shape=(3, 32, 32), classes=10, epsilon=8 / 255)
    passed = {
        claim.name: sum(abs(null[part.left.measure] - part.threshold) <= part.within for part in claim.parts)
        for claim in claims
    }
    assert passed == {"TABLE-1": 13, "TABLE-2": 9, "TABLE-4": 0}


def test_perturbations_without_an_epsilon_and_raw_maps_have_no_null():
    about = {"image_shape": (3, 8, 8), "classes": 2}
    assert set(null_values(**about, epsilon=None)) == {"beta_l1", "beta_l2", "test_accuracy"}
    assert set(null_values(**about, epsilon=0.1, predictor="raw")) == {"delta_l1", "delta_l2", "test_accuracy"}
    # over three channels, unnormalised: each sign gives each bin epsilon squared
    found = null_values(**about, epsilon=0.1, convention="rgb")
    assert found["delta_l2"] == pytest.approx(0.1 * np.sqrt(3) * 64, rel=1e-9)
