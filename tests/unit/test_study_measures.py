"""measures.csv: a row for each measure of each network, attack and state, with numbers that can be had by hand."""

import csv
import io
import math

import h5py
import numpy as np
import pytest
from damaged_files import changed
from scipy import stats
from synthetic_results import (
    STATES,
    identity,
    write_checkpoints,
    write_development,
    write_perturbations,
    write_predictor,
    write_run,
)

from advspectra.claims.measures import MEASURES
from advspectra.claims.readers import MadeOf
from advspectra.claims.study_measures import measures_table
from advspectra.files.hdf5 import DIGEST
from advspectra.results.runs import read_runs


def rows(paths, convention="paper", **about):
    text = measures_table(read_runs(paths), convention=convention, **about).to_csv()
    return list(csv.DictReader(io.StringIO(text)))


def only(found, **about):
    (row,) = [row for row in found if all(row[key] == value for key, value in about.items())]
    return row


def write_success(folder, seed, success):
    """Write perturbations of 0.01 in each of 16 pixels."""
    delta = np.full((len(success), 1, 4, 4), 0.01, dtype=np.float32)
    return write_perturbations(folder / f"{seed}/perturbations.h5", who(seed), delta, np.array(success), 2)


def who(seed=0):
    return identity(seed=seed) | {"step": 10, "epoch": 1}


def test_a_rate_is_the_mean_over_seeds_and_says_what_it_is_made_of(tmp_path):
    first, second = [True] * 15 + [False] * 5, [True, False] * 10
    found = rows([write_success(tmp_path, seed, success) for seed, success in enumerate([first, second])])
    rate = only(found, measure="success_rate")
    assert (rate["attack"], rate["checkpoint"], rate["step"]) == ("pgd", "best", "10")
    assert float(rate["mean"]) == (15 / 20 + 10 / 20) / 2
    assert (rate["seeds"], rate["images"], rate["values"]) == ("2", "20", "40")
    assert float(rate["mean_low"]) < 0.625 < float(rate["mean_high"])
    # the norm of an unsuccessful perturbation is none: 25 of 40 have one, all of them the same
    norm = only(found, measure="perturbation_l2")
    assert [float(norm[key]) for key in ("mean", "mean_low", "mean_high")] == pytest.approx([0.04] * 3, rel=1e-4)
    assert (norm["images"], norm["values"]) == ("20", "25")


def test_the_interval_of_one_seed_is_over_its_images(tmp_path):
    success = np.arange(400) % 4 > 0
    found = only(rows([write_success(tmp_path, 0, success)]), measure="success_rate")
    reach = 1.966 * math.sqrt(0.75 * 0.25 / 399)  # Student's t, 399 degrees of freedom
    assert float(found["mean"]) == 0.75
    assert float(found["mean_low"]) == pytest.approx(0.75 - reach, abs=0.1 * reach)
    assert float(found["mean_high"]) == pytest.approx(0.75 + reach, abs=0.1 * reach)


def test_the_interval_of_what_has_no_images_is_about_students_over_seeds(tmp_path):
    accuracies = [0.5, 0.6, 0.64]
    paths = [
        write_checkpoints(tmp_path / f"{seed}/checkpoints.h5", who(seed), accuracy, 0.01)
        for seed, accuracy in enumerate(accuracies)
    ]
    found = only(rows(paths), measure="test_accuracy")
    reach = stats.t.ppf(0.975, 2) * np.std(accuracies, ddof=1) / math.sqrt(3)
    assert float(found["mean"]) == pytest.approx(0.58)
    assert float(found["mean_low"]) == pytest.approx(0.58 - reach, abs=0.1 * reach)  # on the scale of rates
    assert float(found["mean_high"]) == pytest.approx(0.58 + reach, abs=0.1 * reach)
    assert (found["seeds"], found["images"], found["attack"], found["checkpoint"]) == ("3", "", "", "best")


def test_seeds_with_the_same_weights_count_once(tmp_path):
    paths = [write_checkpoints(tmp_path / f"{s}/checkpoints.h5", identity(seed=s), 0.5, 0.01) for s in (0, 1)]
    assert only(rows(paths), measure="test_accuracy")["seeds"] == "2"
    with h5py.File(paths[0]) as first, changed(paths[1]) as second:
        second["states/best"].attrs[DIGEST] = first["states/best"].attrs[DIGEST]
    assert only(rows(paths), measure="test_accuracy")["seeds"] == "1"


def test_a_predictor_has_both_forms_and_one_seed_no_interval(tmp_path):
    beta = np.random.default_rng(0).standard_normal((3, 1, 6, 6))
    found = rows([write_predictor(tmp_path / "predictor.h5", identity(), beta)])
    raw = only(found, measure="beta_l2", variant="raw")
    power = np.abs(np.fft.fft2(beta)) ** 2
    assert float(raw["mean"]) == pytest.approx(np.sqrt(power.sum(axis=(1, 2, 3))).mean(), rel=1e-5)
    assert (raw["mean_low"], raw["mean_high"], raw["seeds"]) == ("", "", "1")
    assert only(found, measure="beta_l2", variant="rescaled")["mean"] != raw["mean"]


def test_a_measure_without_a_value_has_a_row_that_says_why(tmp_path):
    norm = only(rows([write_success(tmp_path, 0, [False] * 6)]), measure="perturbation_linf")
    assert (norm["mean"], norm["values"]) == ("", "0") and "no attack succeeded" in norm["why"]


def test_every_measure_attack_state_and_end_of_lines_has_its_row(tmp_path):
    paths = write_run(tmp_path, who=who(), images=6)
    nonlinear = identity(activation="relu")
    paths += write_development(tmp_path, who=nonlinear, states=STATES)
    paths += write_development(tmp_path, who=nonlinear, attack="moved", source="pgd", states={"step=10": 10})
    found = rows(paths, convention="rgb", band={"low": 2, "high": 4})
    # those of all networks have no row of one; the synthetic training has no layers (test_penalty has a row of these)
    elsewhere = {name for name, measure in MEASURES.items() if measure.made_of is MadeOf.NETWORKS}
    expected = set(MEASURES) - elsewhere - {"weights_over_least"}
    assert {row["measure"] for row in found} == expected
    states = [row["checkpoint"] for row in found if (row["attack"], row["measure"]) == ("pgd", "delta_l1")]
    assert states[0] == "best" and states[1:] == sorted(STATES, key=lambda name: (STATES[name], name))
    whole = {row["measure"] for row in found if row["checkpoint"] == "all checkpoints"}
    assert whole == {"success_accuracy_correlation", "success_among_correct_accuracy_correlation"}
    # without a band the data set has no measure of it
    assert {row["measure"] for row in rows(paths, convention="rgb")} == expected - {"band_enrichment"}
    roughness = {row["variant"] for row in found if row["measure"] == "roughness" and row["checkpoint"] == "step=10"}
    assert roughness == {"adversarial", "random", "boundary"}
    moved = only(found, attack="moved", measure="delta_l1")
    assert (moved["transfer_of"], moved["found_on"], moved["variant"]) == ("pgd", "best", "rgb")
    keys = [tuple(row[key] for key in ("activation", "attack", "checkpoint", "measure", "variant")) for row in found]
    assert len(keys) == len(set(keys))
