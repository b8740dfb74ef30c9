"""Verdicts on results whose truth was put into them, and what becomes of them when the results are tampered with."""

from pathlib import Path

import pytest
import yaml
from synthetic_results import identity, write_run

from advspectra.claims import (
    CONTRADICTED,
    NOT_TESTED,
    ONE_SEED,
    PARTLY,
    SUPPORTED,
    UNDECIDED,
    evaluate,
)
from advspectra.measures import MEASURES, Conventions
from advspectra.results import NAMES, read_runs

REFERENCE = Path(__file__).parents[2] / "workflow/reference"
PAPER = yaml.safe_load((REFERENCE / "paper.yaml").read_text(encoding="utf-8"))
CONVENTIONS = Conventions(spectra="paper", predictor="raw", attacks={"final": "pgd"})
WIDE, NARROW = "fully_connected-linear/depth=1", "full_width-linear/depth=1"


def network(folder, name, *, seeds=(0, 1, 2), width=3.0, centre=4.0, who=None):
    """Write runs of a linear network, one for each seed; who : the seed that another one's results are written as."""
    paths = []
    for seed in seeds:
        about = identity(network=name, seed=seed) | {"step": 200, "epoch": 2}
        paths += write_run(folder, who=about, images=40, width=width, centre=centre)
    return paths


def claim(*parts):
    about = {"title": "a claim", "section": "1", "sentence": "it says so", "figures": []}
    return {"A": {**about, "parts": [{"measure": "delta_l1", "left": NARROW, "right": WIDE, **part} for part in parts]}}


def verdict(paths, *parts):
    found = evaluate(claim(*parts), PAPER, read_runs(paths), CONVENTIONS)
    return next(one for one in found if one.name == "A")


@pytest.fixture(scope="module")
def sparse_and_dense(tmp_path_factory):
    """Perturbations of `full_width` have their energy in a narrow ring, those of `fully_connected` in a wide one."""
    folder = tmp_path_factory.mktemp("results")
    return network(folder, "full_width", width=0.5) + network(folder, "fully_connected", width=4.0)


def test_what_is_so_is_supported_and_its_contrary_contradicted(sparse_and_dense):
    assert verdict(sparse_and_dense, {"is": "less"}).verdict == SUPPORTED
    assert verdict(sparse_and_dense, {"is": "greater"}).verdict == CONTRADICTED
    assert verdict(sparse_and_dense, {"is": "similar", "within": 0.05}).verdict == CONTRADICTED
    assert verdict(sparse_and_dense, {"is": "similar", "within": 0.9}).verdict == SUPPORTED


def test_of_parts_that_hold_and_parts_that_fail_it_is_partly_so(sparse_and_dense):
    found = verdict(sparse_and_dense, {"is": "less"}, {"is": "greater"})
    assert (found.verdict, [part.verdict for part in found.parts]) == (PARTLY, ["holds", "fails"])


def test_networks_alike_leave_it_undecided(tmp_path):
    paths = network(tmp_path, "full_width") + network(tmp_path, "fully_connected")
    assert verdict(paths, {"is": "less"}).verdict == UNDECIDED


def test_one_seed_gives_a_direction_only(tmp_path):
    paths = network(tmp_path, "full_width", seeds=[0], width=0.5)
    paths += network(tmp_path, "fully_connected", seeds=[0], width=4.0)
    found = verdict(paths, {"is": "less"})
    assert (found.verdict, found.parts[0].direction, found.p_value) == (ONE_SEED, "holds", None)


def test_what_the_study_lacks_is_not_tested_and_named(sparse_and_dense):
    found = verdict(sparse_and_dense, {"is": "less", "right": "vgg19-relu"})
    assert (found.verdict, found.parts[0].why) == (NOT_TESTED, "not in this study: vgg19-relu")


def test_two_networks_exchanged_turn_the_verdict_round(tmp_path):
    paths = network(tmp_path, "full_width", width=4.0) + network(tmp_path, "fully_connected", width=0.5)
    assert verdict(paths, {"is": "less"}).verdict == CONTRADICTED


def test_every_claim_is_of_known_networks_measures_and_relations():
    stated = yaml.safe_load((REFERENCE / "claims.yaml").read_text(encoding="utf-8"))
    for name, one in stated.items():
        for part in one["parts"]:
            sides = [part[side] for side in ("left", "right") if side in part]
            for side in sides:
                entry = {**part, **({"network": side} if isinstance(side, str) else side)}
                assert entry["measure"] in MEASURES, name
                assert entry["network"].split("/")[0].rpartition("-")[0] in NAMES, name
            assert part["is"] in ("less", "greater", "similar", "at_least", "near"), name
            assert ("within" in part) == (part["is"] in ("similar", "near")), name
            assert len(sides) == (1 if part["is"] in ("at_least", "near") else 2), name
