"""The null of the paper's tables against what is known of white noise, and the count of cells that it passes."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from advspectra.claims.cells import cells, cells_in_words, passes
from advspectra.claims.claim import Claim, Part
from advspectra.claims.null import beside_noise, null_values, table_beside_noise
from advspectra.claims.paper import NORMS, table_claims
from advspectra.claims.terms import StatedPart
from advspectra.statistics.crossed import Sample, infer
from advspectra.statistics.scale import Scale
from advspectra.statistics.summaries import Spread
from advspectra.table import Column, Table

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


def test_cells_have_the_number_of_noise_and_count_those_that_are_tested():
    with open(REFERENCE, encoding="utf-8") as file:
        stated = table_claims(yaml.safe_load(file), predictor="rescaled")
    null = null_values(image_shape=(3, 32, 32), classes=10, epsilon=8 / 255)
    found = infer([Sample((np.array([20.0]),), lambda mean: mean)], generator=None)

    def claims(tested):
        return [
            Claim(
                **vars(one)
                | {
                    "parts": tuple(
                        Part("", (), part.bounds, False, stated=part, found=found if place < tested else None)
                        for place, part in enumerate(one.parts)
                    )
                }
            )
            for one in stated
        ]

    assert [cells(one.parts).noise for one in beside_noise(claims(24), null)] == [13, 9, 0]
    assert [cells(one.parts).noise for one in claims(24)] == [None] * 3
    few = cells(beside_noise(claims(4), null)[0].parts)  # δ̂ and β̂ of the first row
    first = [passes(null[part.left.measure], part.bounds) for part in stated[0].parts[:4]]
    assert (few.tested, few.of, few.noise) == (4, 24, sum(first))
    # an attack without an epsilon: noise is defined for β̂ alone, 7 of whose 12 cells it passes
    half = cells(beside_noise(claims(24), null_values(image_shape=(3, 32, 32), classes=10, epsilon=None))[0].parts)
    assert (half.tested, half.known, half.noise) == (24, 12, 7)
    assert "passes 7 of the 12 of these for which noise is defined, and" in cells_in_words(half)


def test_a_number_on_a_bound_passes_unless_more_or_less_is_asked():
    assert passes(0.05, (-0.05, 0.05)) and passes(0.9, (0.9, None)) and passes(0.0, (None, 0.0))
    assert not passes(0.0, (None, 0.0), strict=True) and passes(-0.1, (None, 0.0), strict=True)
    assert not passes(0.051, (-0.05, 0.05)) and not passes(None, (None, None))
    equal = infer([Sample((np.array([0.9]),), lambda mean: mean)], generator=None)
    for relation, direction in (("at_least", "holds"), ("near", "holds"), ("greater", "fails"), ("less", "fails")):
        stated = StatedPart.stated(
            {"left": {"measure": "test_accuracy"}, "is": relation, "threshold": 0.9, "within": 0}
        )
        assert Part("", ("",), stated.bounds, Scale.RATE, found=equal, stated=stated).direction == direction


def table(number, *rows):
    titles = ("model", *NORMS[number])
    columns = [Column(name, name, spread=name != "model") for name in titles]
    columns += [Column(f"{name}_paper", name, spread=number != 4) for name in NORMS[number]]
    columns += [Column(f"{name}_difference" if number != 4 else "difference", name) for name in NORMS[number]]
    return Table(f"Table {number}", tuple(columns), rows)


NOISE = {"noise": {"image_shape": (3, 32, 32), "classes": 10, "epsilon": 8 / 255}}


def test_a_table_marks_what_noise_passes_and_counts_it_beside_ours():
    paper = {"delta_l2_paper": Spread(20.0, 2.0), "delta_l1_paper": Spread(100.0, 1.0)}  # noise: 21.5 and 610
    ours = {"delta_l2": Spread(30.0, 1.0), "delta_l2_difference": 5.0}
    ours |= {"delta_l1": Spread(101.0, 1.0), "delta_l1_difference": 1.0}
    made = table_beside_noise(table(2, paper | ours, paper), 2, NOISE, convention="paper")
    assert [column.key for column in made.columns][3:7] == [
        *("delta_l2_paper", "delta_l2_noise", "delta_l1_paper", "delta_l1_noise")
    ]
    assert [(row["delta_l2_noise"], row["delta_l1_noise"]) for row in made.rows] == [("yes", "no")] * 2
    assert made.notes == (  # the second row, which we lack, is not counted
        "Cells within the paper's bounds: 1 of 2; noise without any network passes 1 of the same 2, and we chose the "
        "convention of the norms by looking at the paper's tables.",
    )


def test_a_guess_stands_beside_accuracies_in_percent():
    row = {"test_accuracy": Spread(42.5, 0.1), "test_accuracy_paper": 41.0, "difference": 1.5}
    made = table_beside_noise(table(4, row), 4, NOISE, convention="paper")
    assert made.rows[0]["test_accuracy_noise"] == "no" and "1 of 1; noise without any network passes 0" in made.notes[0]


def test_a_table_of_other_images_has_nothing_of_noise():
    plain = table(2, {"delta_l2": Spread(30.0, 1.0)})
    assert table_beside_noise(plain, 2, {}, convention="paper") is plain
