"""Verdicts on results whose truth was put into them, and what becomes of them when the results are tampered with."""

import csv
import io
import itertools
import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from damaged_files import changed
from scipy.optimize import brentq
from synthetic_results import identity, write_checkpoints, write_development, write_perturbations, write_run

from advspectra.claims import audit, evidence
from advspectra.claims.claim import (
    CONTRADICTED,
    NOT_TESTED,
    ONE_SEED,
    PARTLY,
    SUPPORTED,
    UNDECIDED,
    Claim,
    Part,
    corrected,
)
from advspectra.claims.evaluate import copies, evaluate
from advspectra.claims.measures import MEASURES
from advspectra.claims.paper import paper_number
from advspectra.claims.readers import MadeOf
from advspectra.claims.reasons import Lack, NotThere, Reason, read_reason
from advspectra.claims.records import ClaimRecord, claims_csv
from advspectra.claims.sides import Conventions
from advspectra.claims.terms import Group, Kind, Side
from advspectra.claims.wording import ATTACKS
from advspectra.files.hdf5 import attributes_of
from advspectra.networks.identity import NAMES
from advspectra.results.runs import read_runs
from advspectra.statistics.crossed import Sample, infer
from advspectra.statistics.scale import Scale
from advspectra_study.config.claims import read_claims
from advspectra_study.config.load import ConfigError

WORKFLOW = Path(__file__).parents[2] / "workflow"
PAPER = yaml.safe_load((WORKFLOW / "reference/paper.yaml").read_text(encoding="utf-8"))
CLAIMS = sorted((WORKFLOW / "reference/claims").glob("*.yaml"))
SCHEMA = WORKFLOW / "schemas/claims.schema.yaml"
CONVENTIONS = Conventions(spectra="paper", attacks={"final": "pgd"})
WIDE, NARROW = "fully_connected-linear/depth=1", "full_width-linear/depth=1"
SEEDS = (0, 1, 2)
BEST = {"step": 200, "epoch": 2}


def network(folder, name, *, seeds=SEEDS, width=3.0, centre=4.0, accuracy=0.4):
    """Write runs of a linear network, one for each seed, that have the energy of δ and β in a ring of that width."""
    paths = []
    for seed in seeds:
        about = identity(network=name, seed=seed) | BEST
        paths += write_run(folder, who=about, images=40, width=width, centre=centre, accuracy=accuracy + seed / 1000)
    return paths


def stated(tmp_path, text):
    path = tmp_path / "stated.yaml"
    path.write_text(text, encoding="utf-8")
    return read_claims([path], schema_path=SCHEMA)


def claim(*parts):
    about = {"title": "a claim", "section": "1", "sentence": "it says so", "figures": []}
    said = {"measure": "delta_l1", "attack": "final", "state": "best"}
    complete = [
        {key: part[key] for key in ("is", "within", "threshold") if key in part}
        | {
            side: said | {key: part[key] for key in ("measure",) if key in part} | {"network": part.get(side, default)}
            for side, default in (("left", NARROW), ("right", WIDE))
        }
        for part in parts
    ]
    return {"A": {**about, "parts": complete}}


def verdict(paths, *parts):
    found = evaluate(claim(*parts), PAPER, read_runs(paths), CONVENTIONS)
    return next(one for one in found if one.name == "A")


def paper_claim(paths, name):
    stated = read_claims(CLAIMS, schema_path=SCHEMA)
    found = evaluate({name: stated[name]}, PAPER, read_runs(paths), CONVENTIONS)
    return next(one for one in found if one.name == name)


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


def test_networks_alike_leave_it_undecided_and_seeds_are_asked_for(tmp_path):
    paths = network(tmp_path, "full_width", width=2.98) + network(tmp_path, "fully_connected")
    found = verdict(paths, {"is": "less"})
    assert found.verdict == UNDECIDED
    assert found.seeds_needed > 3


def test_the_number_of_claims_decides_no_verdict_and_stands_beside_it(tmp_path):
    paths = network(tmp_path, "full_width", width=1.2) + network(tmp_path, "fully_connected")
    runs, parts = read_runs(paths), claim({"is": "less"})["A"]
    alone = next(one for one in evaluate({"A": parts}, PAPER, runs, CONVENTIONS) if one.name == "A")
    many = {f"A-{number}": parts for number in range(200)} | {"A": parts}
    among = next(one for one in evaluate(many, PAPER, runs, CONVENTIONS) if one.name == "A")
    assert (alone.verdict, alone.stands, among.verdict, among.stands) == (SUPPORTED, True, SUPPORTED, False)
    assert (among.tests, among.p_value) == (alone.tests + 200, alone.p_value)
    assert among.p_value < 0.05 < among.p_holm
    assert among.hypothesis == "its one part is false" and among.seeds_needed is None


def part_with(*, p_true=None, p_false=None):
    """A part, greater than a bound, of three seeds, whose one-sided p-value is the one given."""
    found = infer([Sample((np.array([value]),), lambda mean: mean) for value in (1.0, 2.0, 4.0)], generator=None)
    p_value = found.p_above if p_true is not None else found.p_below
    wanted = p_true if p_true is not None else p_false
    bound = brentq(lambda threshold: p_value(threshold) - wanted, -1000, 1000, xtol=1e-12)
    return Part("", ("", ""), (bound, None), Scale.DIFFERENCE, found=found)


@pytest.mark.parametrize(("p_value", "true", "false"), [(0.024, "holds", "fails"), (0.026, "open", "open")])
def test_a_part_is_decided_by_its_two_sided_interval(p_value, true, false):
    assert part_with(p_true=p_value).verdict == true
    assert part_with(p_false=p_value).verdict == false


def test_a_contradiction_is_corrected_for_the_number_of_parts():
    about = {"name": "A", "title": "", "section": "", "sentence": "", "figures": ()}
    for number in (1, 3):
        claim = Claim(**about, parts=(part_with(p_false=0.01),) * number)
        assert claim.p_values[1] == pytest.approx(0.01 * number, rel=1e-6)
        assert claim.p_value == pytest.approx(0.02 * number, rel=1e-6)
        assert corrected([claim])[0].verdict == (CONTRADICTED if number == 1 else UNDECIDED)


LACKING = Part("", ("",), (0.0, None), Scale.DIFFERENCE, reason=Reason(Lack.SHARED_SEED))
SINGLE = infer([Sample((np.array([1.0]),), np.array)], generator=None)
ONE = Part("", ("",), (0.0, None), Scale.DIFFERENCE, found=SINGLE)
KINDS = {
    "holds": part_with(p_true=0.001),
    "fails": part_with(p_false=0.001),  # at the level of 3 parts, too
    "fails alone": part_with(p_false=0.02),  # not even at that of 2
    "open": part_with(p_true=0.3),
    "one seed": ONE,
    "not tested": LACKING,
}


def verdict_of(*kinds):
    about = {"name": "A", "title": "", "section": "", "sentence": "", "figures": ()}
    return Claim(**about, parts=tuple(KINDS[kind] for kind in kinds)).verdict


@pytest.mark.parametrize("count", [1, 2, 3])
def test_no_claim_comes_closer_to_supported_without_the_data_of_a_part(count):
    """Whichever of `partly` and no verdict is called closer. What happens without a part that fails is said, too."""
    nothing = {UNDECIDED, ONE_SEED, NOT_TESTED}
    orders = [({SUPPORTED}, {PARTLY}, nothing, {CONTRADICTED}), ({SUPPORTED}, nothing, {PARTLY}, {CONTRADICTED})]
    for kinds in itertools.product(KINDS, repeat=count):
        before = verdict_of(*kinds)
        for place, kind in enumerate(kinds):
            after = verdict_of(*kinds[:place], "not tested", *kinds[place + 1 :])
            if not kind.startswith("fails"):
                for order in orders:
                    near = [next(rank for rank, those in enumerate(order) if one in those) for one in (before, after)]
                    assert near[1] >= near[0], (kinds, place, before, after)
            else:
                assert after in (before, *nothing) and after != SUPPORTED, (kinds, place, before, after)


def test_a_part_that_was_not_tested_counts_as_one_that_is_open():
    for kinds in itertools.product(KINDS, repeat=2):
        verdicts = {verdict_of(*kinds, "holds", last) for last in ("open", "not tested", "one seed")}
        assert len(verdicts) == 1 and SUPPORTED not in verdicts


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("holds", "holds"), SUPPORTED),
        (("holds", "open"), UNDECIDED),
        (("holds", "not tested"), UNDECIDED),
        (("holds", "one seed"), UNDECIDED),
        (("holds", "fails"), PARTLY),
        (("holds", "fails", "not tested"), PARTLY),
        (("fails", "open"), CONTRADICTED),
        (("fails", "not tested"), CONTRADICTED),
        (("fails", "one seed"), CONTRADICTED),
        (("fails alone",), CONTRADICTED),
        (("fails alone", "holds"), UNDECIDED),
        (("fails alone", "not tested"), UNDECIDED),
        (("one seed", "not tested"), ONE_SEED),
        (("not tested", "not tested"), NOT_TESTED),
    ],
)
def test_the_verdict_of_a_claim_follows_from_its_parts(kinds, expected):
    assert verdict_of(*kinds) == expected


def test_seeds_that_an_undecided_claim_needs_are_those_of_its_parts_that_are_not_decided():
    about = {"name": "A", "title": "", "section": "", "sentence": "", "figures": ()}
    undecided = Claim(**about, parts=(KINDS["open"], KINDS["holds"], LACKING))
    assert undecided.seeds_needed == KINDS["open"].seeds_needed() > 3
    assert Claim(**about, parts=(KINDS["holds"], LACKING)).seeds_needed is None
    weak = Claim(**about, parts=(KINDS["fails alone"], LACKING))
    assert weak.seeds_needed == KINDS["fails alone"].seeds_needed(0.0125) > 3


def test_one_seed_gives_a_direction_only(tmp_path):
    paths = network(tmp_path, "full_width", seeds=[0], width=0.5)
    paths += network(tmp_path, "fully_connected", seeds=[0], width=4.0)
    found = verdict(paths, {"is": "less"})
    assert (found.verdict, found.parts[0].direction) == (ONE_SEED, "holds")
    assert found.p_value is None and found.p_holm is None


def test_what_the_study_lacks_is_not_tested_and_named(sparse_and_dense):
    found = verdict(sparse_and_dense, {"is": "less", "right": "vgg19-relu"})
    assert (found.verdict, found.parts[0].why) == (NOT_TESTED, "not in this study: vgg19-relu")


def test_a_claim_of_which_a_part_could_not_be_tested_is_not_supported(sparse_and_dense):
    lacking = {"is": "less", "right": "vgg19-relu"}
    assert verdict(sparse_and_dense, {"is": "less"}, lacking).verdict == UNDECIDED
    assert verdict(sparse_and_dense, {"is": "greater"}, lacking).verdict == CONTRADICTED


def test_seeds_would_not_decide_a_part_that_they_leave_at_one_of_its_bounds():
    found = infer([Sample((np.array([value]),), lambda mean: mean) for value in (1.0, 2.0, 4.0)], generator=None)
    part = Part("", ("", ""), (0.0, 100.0), Scale.DIFFERENCE, found=found)
    assert 3 < part.seeds_needed() < 100
    assert Part("", ("", ""), (found.value - 1e-6, 100.0), Scale.DIFFERENCE, found=found).seeds_needed() is None


def test_a_number_without_a_scale_is_compared_by_its_difference_and_each_side_has_its_mean(tmp_path):
    # accuracies of seeds: 0.4, 0.401, 0.402, and 0.1 more
    paths = network(tmp_path, "full_width", accuracy=0.4) + network(tmp_path, "fully_connected", accuracy=0.5)
    (part,) = verdict(paths, {"is": "less", "measure": "test_accuracy"}).parts
    assert part.sides == pytest.approx((0.401, 0.501))
    assert part.found.values == pytest.approx((-0.1, -0.1, -0.1))
    assert (part.ratio, part.bounds, part.verdict) == (False, (None, 0.0), "holds")
    assert part.statement == "test accuracy: Full Width Convolution (linear) < Fully Connected (linear)"
    assert part.labels == (
        "test accuracy, Full Width Convolution (linear)",
        "test accuracy, Fully Connected (linear)",
    )


def attacked(folder, name, *, images, failed, seeds=SEEDS):
    """Write runs of a linear network whose attack fails on the images with these numbers."""
    paths = []
    for seed in seeds:
        about = identity(network=name, seed=seed) | {"step": 200, "epoch": 2}
        paths += write_run(folder, who=about, images=images, failed=failed)
    return paths


@pytest.mark.parametrize(("images", "sides"), [((40, 30), (27 / 30, 29 / 30)), ((30, 40), (26 / 30, 29 / 30))])
def test_networks_are_compared_on_the_images_that_both_have(tmp_path, images, sides):
    """Image 35, which one network alone has, is one that its attack fails on: it does not count."""
    left, right = images
    paths = attacked(tmp_path, "full_width", images=left, failed=(0, 1, 2, 35) if left == 40 else (0, 1, 2, 3))
    paths += attacked(tmp_path, "fully_connected", images=right, failed=(0,) if right == 30 else (0, 35))
    (part,) = verdict(paths, {"is": "less", "measure": "success_rate"}).parts
    assert part.sides == pytest.approx(sides)
    assert part.found.value == pytest.approx(sides[0] - sides[1])


def test_sides_that_cannot_be_compared_are_not_tested_and_say_why(tmp_path):
    def why(paths, **right):
        stated = claim({"is": "less", "measure": "success_rate"})
        stated["A"]["parts"][0]["right"].update(right)
        found = evaluate(stated, PAPER, read_runs(paths), CONVENTIONS)
        (part,) = next(one for one in found if one.name == "A").parts
        assert part.verdict == NOT_TESTED
        return part.why

    left = attacked(tmp_path, "full_width", images=6, failed=(), seeds=(0, 1))
    same = attacked(tmp_path, "fully_connected", images=6, failed=(), seeds=(0, 1))
    assert why(left + same, measure="test_accuracy") == "one side is made of images and the other is not"
    for path in same:
        if path.name in ("perturbations.h5", "spectra.h5"):
            with changed(path) as file:
                file["image"][:] += 1
    assert why(left + same) == "the two sides have no image in common"


def test_seeds_that_one_side_has_alone_count(tmp_path):
    paths = network(tmp_path, "full_width", width=0.5, seeds=(0, 1, 2, 3))
    paths += network(tmp_path, "fully_connected", width=4.0, seeds=(3, 4))
    (part,) = verdict(paths, {"is": "less"}).parts
    (recorded,) = evidence.record(verdict(paths, {"is": "less"})).parts
    assert part.seeds == ((0, 1, 2, 3), (3, 4))
    assert [side.count for side in part.found.sides] == [4, 2]
    assert (recorded.left.seeds, recorded.right.seeds) == part.seeds
    assert [seed.seed for seed in recorded.seeds] == [3]  # of the others no ratio of one seed exists
    assert (part.verdict, part.one_seed, recorded.one_seed) == ("holds", False, False)


def test_a_side_with_one_seed_gives_a_direction_whatever_the_other_has(tmp_path):
    paths = network(tmp_path, "full_width", width=0.5) + network(tmp_path, "fully_connected", width=4.0, seeds=(0,))
    found = verdict(paths, {"is": "less"})
    (recorded,) = evidence.record(found).parts
    assert (found.verdict, found.parts[0].direction, recorded.one_seed) == (ONE_SEED, "holds", True)
    assert recorded.p_true is None


def test_sides_of_one_network_are_compared_seed_by_seed(tmp_path):
    paths = network(tmp_path, "full_width", width=0.5) + network(tmp_path, "fully_connected", width=4.0)
    assert not verdict(paths, {"is": "less"}).parts[0].found.paired
    assert verdict(paths, {"is": "similar", "within": 0.1, "right": NARROW}).parts[0].found.paired


def test_the_same_results_give_the_same_answers_to_the_last_digit(sparse_and_dense):
    of_seed_0 = [path for path in sparse_and_dense if path.parent.name.endswith("-0")]  # an interval over its images
    first, second = (evidence.record(verdict(of_seed_0, {"is": "less"})) for _ in range(2))
    (part,) = first.parts
    assert part.low < part.value < part.high
    assert first == second


def test_a_claim_that_no_seeds_test_is_corrected_for_itself_alone():
    part = Part("", ("", ""), (0.0, None), Scale.DIFFERENCE, reason=Reason(Lack.SHARED_IMAGE))
    (found,) = corrected([Claim("A", "", "", "", (), (part,))])
    assert (found.verdict, found.p_holm, found.tests) == (NOT_TESTED, None, 1)


def test_a_claim_by_the_name_of_a_table_s_is_refused(sparse_and_dense):
    stated = {"TABLE-2": claim({"is": "less"})["A"]}
    with pytest.raises(ValueError) as error:
        evaluate(stated, PAPER, read_runs(sparse_and_dense), CONVENTIONS)
    assert str(error.value) == "the claim TABLE-2: expected another name, found that of the paper's tables"


# ---- what becomes of the paper's own claim IFR-1, full width sparser than fully connected


def test_the_claim_is_supported_where_it_is_so(sparse_and_dense):
    assert paper_claim(sparse_and_dense, "IFR-1").verdict == SUPPORTED


def test_two_networks_exchanged_turn_the_verdict_round(tmp_path):
    paths = network(tmp_path, "full_width", width=4.0) + network(tmp_path, "fully_connected", width=0.5)
    assert paper_claim(paths, "IFR-1").verdict == CONTRADICTED


def test_results_of_one_network_under_the_name_of_the_other_turn_the_verdict_round(sparse_and_dense, tmp_path):
    other = {"full_width": "fully_connected", "fully_connected": "full_width"}
    swapped = [
        with_attributes(path, tmp_path, lambda old: {"network": other[old["network"]]}) for path in sparse_and_dense
    ]
    assert paper_claim(swapped, "IFR-1").verdict == CONTRADICTED


def test_a_flipped_sign_turns_the_verdict_round(sparse_and_dense, monkeypatch):
    flipped = {"less": "greater", "greater": "less"}
    stated = read_claims(CLAIMS, schema_path=SCHEMA)["IFR-1"]
    parts = [part | {"is": flipped[part["is"]]} for part in stated["parts"]]
    found = evaluate({"IFR-1": stated | {"parts": parts}}, PAPER, read_runs(sparse_and_dense), CONVENTIONS)
    assert next(one for one in found if one.name == "IFR-1").verdict == CONTRADICTED


def test_one_seed_copied_three_times_is_one_seed(sparse_and_dense, tmp_path):
    first = [path for path in sparse_and_dense if "-1-0" in path.parent.name]
    copied = [
        with_attributes(path, tmp_path, lambda old, seed=seed: {"seed": seed}) for path in first for seed in SEEDS
    ]
    assert len(copied) == len(sparse_and_dense)
    assert paper_claim(copied, "IFR-1").verdict == ONE_SEED
    assert copies(read_runs(sparse_and_dense)) == []
    assert copies(read_runs(copied)) == [
        f"{name} (linear): seed {seed} has the weights of another seed and does not count."
        for name in ("Fully Connected", "Full Width Convolution")
        for seed in (1, 2)
    ]


def with_attributes(path, folder, change):
    """Copy a result file, as an intruder would, with some of its attributes changed."""
    with h5py.File(path) as file:
        new = change(attributes_of(file))
    place = folder / "-".join([path.parent.name, *map(str, new.values())]) / path.name
    place.parent.mkdir(exist_ok=True)
    shutil.copy(path, place)
    with changed(place) as file:
        file.attrs.update(new)
    return place


# ---- over training


def test_claims_on_training_find_what_was_put_into_it(tmp_path):
    paths = []
    for seed in SEEDS:
        who = identity(network="resnet18", activation="relu", depth=17, seed=seed)
        checkpoints = {"step=0": 0, "epoch=1": 100, "epoch=20": 2000, "best": 2000}
        paths += write_run(tmp_path, who=who, kinds=["checkpoints"])
        for attack, source in (("snaps", None), ("moved", "snaps")):
            paths += write_development(tmp_path, who=who, states=checkpoints, attack=attack, source=source, images=60)
    roles = {"snapshots": "snaps", "transfer": "moved", "minimal": "snaps"}
    names = {"final": "pgd", **roles, **{f"recalibrated_{role}": attack for role, attack in roles.items()}}
    stated = read_claims(CLAIMS, schema_path=SCHEMA)
    found = evaluate(stated, PAPER, read_runs(paths), Conventions(spectra="paper", attacks=names))
    directions = {one.name: [part.direction for part in one.parts] for one in found}
    assert directions["FNB-1"] == ["holds"] * 3
    assert (directions["FNB-2"], directions["FNB-6"]) == (["holds"] * 5, ["holds"] * 10)
    # after the first epoch 61 % of the correct images have an adversarial one, at the end all
    assert (directions["FNB-4"], directions["FNB-5"]) == (["holds"], ["holds"] * 6 + ["fails"])
    # nothing succeeds at step 0, so that only the two parts from the first epoch on have numbers
    assert directions["DYN-2"] == directions["DYN-4"] == [None, None, "holds"] * 2
    falling = next(one for one in found if one.name == "DYN-1")
    why = "undefined for a seed, for example because no attack succeeded"
    assert (falling.verdict, falling.parts[0].why) == (NOT_TESTED, why)


def test_without_recalibrated_attacks_the_parts_about_them_name_the_role_that_is_lacking(tmp_path):
    who = identity(network="resnet18", activation="relu", depth=17)
    runs = read_runs(write_development(tmp_path, who=who, attack="snaps", images=60))
    conventions = Conventions(spectra="paper", attacks={"snapshots": "snaps"})
    stated = {"DYN-2": read_claims(CLAIMS, schema_path=SCHEMA)["DYN-2"]}
    why = [part.why for part in evaluate(stated, PAPER, runs, conventions)[0].parts]
    lacking = "the configuration names no attack under claims.recalibrated_snapshots"
    assert [reason == lacking for reason in why] == [False, True, False] * 2


def test_the_first_epoch_is_over_when_its_state_is_kept(tmp_path):
    who = identity(network="resnet18", activation="relu", depth=17)
    states = {"step=0": 0, "step=10": 10, "epoch=1": 100, "best": 2000}  # step 10 is in epoch 1, and says so
    (run,) = read_runs(write_development(tmp_path, who=who, states=states, attack="snaps", images=60))
    conventions = Conventions(spectra="paper", attacks={"snapshots": "snaps"})

    def success(state):
        side = Side(attack="snapshots", checkpoint=state)
        return MEASURES["success_rate"].read(run, side, conventions).arrays[0].mean()

    assert success("first_epoch") == success("epoch=1") > success("step=10")


@pytest.mark.parametrize(
    "states, wanted",
    [
        ({"step=0": 0, "epoch=20": 1000, "best": 2000}, "first_epoch"),  # none after one epoch
        ({"step=0": 0, "epoch=1": 100}, "first_epoch"),  # it is the last: nothing to compare it with
        ({"step=0": 0, "epoch=1": 100}, "last"),  # long before the end of training, which is at step 2000
        ({"epoch=1": 100}, "best"),  # not that of the best epoch
    ],
)
def test_no_other_checkpoint_takes_the_place_of_the_one_that_a_claim_names(tmp_path, states, wanted):
    who = identity(network="resnet18", activation="relu", depth=17)
    paths = write_development(tmp_path, who=who, states=states, attack="snaps", images=6)
    paths.append(write_checkpoints(tmp_path / "checkpoints.h5", who, 0.8, 0.1, epochs=20, states={"best": 2000}))
    (run,) = read_runs(paths)
    conventions = Conventions(spectra="paper", attacks={"snapshots": "snaps"})
    with pytest.raises(NotThere) as error:
        MEASURES["success_rate"].read(run, Side(attack="snapshots", checkpoint=wanted), conventions)
    assert error.value.reason.kind is Lack.CHECKPOINT


def test_a_network_of_several_depths_must_be_named_with_its_depth(tmp_path):
    paths = network(tmp_path, "fully_connected")
    for depth in (1, 3):
        paths += write_run(tmp_path, who=identity(network="full_width", depth=depth) | BEST, images=40)
    (part,) = verdict(paths, {"is": "less", "left": "full_width-linear"}).parts
    assert part.verdict == NOT_TESTED and part.why.startswith(
        "the claim does not say of which depth: full_width-linear"
    )
    (part,) = verdict(paths, {"is": "less"}).parts
    assert part.verdict != NOT_TESTED


def test_one_image_says_nothing_of_others(tmp_path):
    paths = [
        path
        for name in ("full_width", "fully_connected")
        for seed in SEEDS
        for path in write_run(tmp_path, who=identity(network=name, seed=seed) | BEST, images=1)
    ]
    (part,) = verdict(paths, {"is": "less"}).parts
    assert (part.verdict, part.why) == (NOT_TESTED, "one image: nothing is known of others")


def test_test_images_are_not_those_training_images_that_have_their_numbers(tmp_path):
    paths = []
    for name, images_of in (("full_width", "test"), ("fully_connected", "training")):
        for seed in SEEDS:
            paths += write_run(
                tmp_path, who=identity(network=name, seed=seed) | BEST | {"images_of": images_of}, images=40
            )
    (part,) = verdict(paths, {"is": "less"}).parts
    assert part.why == "the two sides have no image in common"


def test_quotients_that_share_a_network_are_paired_by_seed(tmp_path):
    """α = 10 over 1 and 1 over 0.1: what α = 1 does by chance is in both."""
    paths = []
    for seed in SEEDS:
        for alpha in (0.1, 1, 10):
            paths += write_run(tmp_path, who=identity(network="full_width", alpha=alpha, seed=seed) | BEST, images=40)
    names = [f"full_width-linear/depth=1/alpha={alpha}" for alpha in (0.1, 1, 10)]
    said = {"measure": "delta_l1", "attack": "final", "state": "best"}
    sides = {
        "left": said | {"network": names[2], "over": names[1]},
        "right": said | {"network": names[1], "over": names[0]},
    }
    about = {"title": "a claim", "section": "1", "sentence": "it says so", "figures": []}
    found = evaluate({"A": about | {"parts": [{"is": "less"} | sides]}}, PAPER, read_runs(paths), CONVENTIONS)
    (part,) = next(one for one in found if one.name == "A").parts
    assert part.found.paired


# ---- quotients of networks


def test_a_side_may_be_a_quotient_and_two_of_them_an_interaction(tmp_path):
    """Norms of δ are 4 and 1 for one pair of networks and 6 and 3 for the other: quotients 4 and 2."""
    heights = {("full_width", "linear"): 4, ("fully_connected", "linear"): 1}
    heights |= {("full_width", "relu"): 6, ("fully_connected", "relu"): 3}
    paths = []
    for (name, activation), height in heights.items():
        for seed in SEEDS:
            who = identity(network=name, activation=activation, seed=seed) | {"step": 200, "epoch": 2}
            delta = np.full((6, 1, 4, 4), height * (1 + seed), dtype=np.float32)  # which the quotient takes out
            place = tmp_path / f"{name}-{activation}-{seed}/perturbations.h5"
            paths.append(write_perturbations(place, who, delta, np.ones(6, dtype=bool), 2))
    text = """
    A:
      title: a
      section: b
      sentence: c
      parts:
        - {measure: perturbation_l2, is: greater,
           left: {network: full_width-linear/depth=1, over: fully_connected-linear/depth=1},
           right: {network: full_width-relu/depth=1, over: fully_connected-relu/depth=1}}
    """
    (part,) = evaluate(stated(tmp_path, text), PAPER, read_runs(paths), CONVENTIONS)[0].parts
    assert part.sides == pytest.approx((4, 2))
    assert part.found.values == pytest.approx([1.0] * 3)
    assert part.statement == (
        "‖δ‖₂: Full Width Convolution (linear) / Fully Connected (linear) > Full Width Convolution (ReLU) / Fully "
        "Connected (ReLU)"
    )
    without = [path for path in paths if "fully_connected-relu-0" not in str(path)]
    (part,) = evaluate(stated(tmp_path, text), PAPER, read_runs(without), CONVENTIONS)[0].parts
    assert part.seeds == ((0, 1, 2), (1, 2))  # a seed that one network of a quotient lacks has none


def test_the_papers_own_interaction_is_made_of_four_of_its_cells():
    side = {kind: f"full_width-{kind}/depth=1" for kind in ("relu", "linear")}
    below = {kind: f"fully_connected-{kind}/depth=1" for kind in ("relu", "linear")}
    found = [paper_number(Side("delta_l1", side[kind], over=below[kind]), PAPER) for kind in ("relu", "linear")]
    assert [one.mean for one in found] == pytest.approx([405.49 / 534.34, 376.31 / 505.95])


# ---- the paper's tables


def test_cells_are_held_to_two_standard_deviations_and_those_the_study_lacks_count_as_untested(sparse_and_dense):
    found = {one.name: one for one in evaluate({}, PAPER, read_runs(sparse_and_dense), CONVENTIONS)}
    assert [len(found[f"TABLE-{number}"].parts) for number in (1, 2, 4)] == [24, 14, 13]
    assert [len(found[f"TABLE-{number}"].tested) for number in (1, 2, 4)] == [8, 0, 2]
    cell = next(part for part in found["TABLE-1"].parts if part.labels == ("‖δ̂‖₁, Full Width Convolution (linear)",))
    assert cell.bounds == pytest.approx((376.31 - 2 * 32.66, 376.31 + 2 * 32.66))
    accuracy = found["TABLE-4"].tested[0]
    assert accuracy.bounds == pytest.approx((0.39, 0.43))
    assert (accuracy.direction, accuracy.verdict) == ("holds", "holds")


def test_the_papers_own_numbers_stand_beside_those_of_a_part(sparse_and_dense):
    (part,) = verdict(sparse_and_dense, {"is": "less"}).parts
    (recorded,) = evidence.record(verdict(sparse_and_dense, {"is": "less"})).parts
    assert [side.mean for side in part.paper] == [376.31, 505.95]
    assert recorded.paper.value == pytest.approx(376.31 / 505.95 - 1)
    # the geometric mean of the seeds' ratios
    ratios = [1 + seed.value for seed in recorded.seeds]
    assert 1 + recorded.value == pytest.approx(np.prod(ratios) ** (1 / len(SEEDS)))
    assert recorded.left.value / recorded.right.value - 1 == pytest.approx(recorded.value)


# ---- what is written


def test_json_and_csv_say_the_same(sparse_and_dense):
    # two, as a verdict depends on the number of claims
    claims = {name: read_claims(CLAIMS, schema_path=SCHEMA)[name] for name in ("IFR-1", "FNB-1")}
    records = [evidence.record(one) for one in evaluate(claims, PAPER, read_runs(sparse_and_dense), CONVENTIONS)]
    data = json.loads(json.dumps([record.as_data() for record in records]))
    assert [ClaimRecord.from_data(one) for one in data] == records
    rows = list(csv.DictReader(io.StringIO(claims_csv(records))))
    assert len(rows) == sum(len(one["parts"]) for one in data)
    (row, _) = [row for row in rows if row["claim"] == "IFR-1"]
    part = next(one for one in data if one["name"] == "IFR-1")["parts"][0]
    assert float(row["value"]) == pytest.approx(part["value"], rel=1e-5)
    assert (row["verdict"], row["part_verdict"], row["seeds"]) == ("supported", "holds", "3")


def test_each_convention_changes_one_thing(sparse_and_dense):
    own = Conventions(spectra="paper", attacks={"final": "pgd"})
    found = list(audit.variants(own, ["paper", "rgb"], {"small_step": "rel_stepsize 0.01"}))
    assert [one.name for one in found] == ["own", "rgb", "rescaled", "small_step"]
    runs = read_runs(sparse_and_dense)
    verdicts = [audit.answers(evaluate(claim({"is": "less"}), PAPER, runs, one.conventions)) for one in found]
    assert [one["claims"]["A"]["verdict"] for one in verdicts] == [SUPPORTED, SUPPORTED, SUPPORTED, NOT_TESTED]
    assert verdicts[0]["cells"]["TABLE-4"] == {"within": 2, "tested": 2, "of": 13, "noise": None, "known": 0}
    assert (found[2].conventions.predictor, found[2].conventions.cells) == ("rescaled", "raw")
    cells = [
        next(one for one in evaluate({}, PAPER, runs, one.conventions) if one.name == "TABLE-1").tested
        for one in (found[0], found[2])
    ]
    changed = {first.labels[0] for first, second in zip(*cells, strict=True) if first.sides != second.sides}
    assert changed == {
        f"‖β̂‖{norm} (rescaled), {name} (linear)"
        for norm in "₁₂"
        for name in ("Fully Connected", "Full Width Convolution")
    }


def test_the_last_epoch_takes_the_place_of_the_best_and_predictors_are_not_comparable(tmp_path):
    paths = []
    kept = {"epoch=1": 100, "epoch=2": 200, "best": 300}
    for seed in SEEDS:
        who = identity(network="full_width", seed=seed)
        paths += write_run(tmp_path, who=who, kinds=["predictor"])
        paths.append(write_checkpoints(tmp_path / f"{seed}.h5", who, 0.6, 0.01, states=kept))
        paths += write_development(tmp_path, who=who, states=kept, images=60, kinds=["perturbations", "spectra"])
    said = {"network": NARROW, "attack": "final"}
    sides = [
        said | {"measure": measure, "state": state}
        for measure, state in (
            ("delta_l1", "best"),
            ("delta_l1", "epoch=2"),
            ("test_accuracy", "best"),
            ("beta_l1", "best"),
        )
    ]
    about = {"title": "", "section": "", "sentence": "", "figures": []}
    stated = {"A": about | {"parts": [{"is": "at_least", "threshold": 0, "left": side} for side in sides]}}
    *_, last = audit.variants(CONVENTIONS, ["paper"], {}, last="pgd")
    assert last.name == "last_epoch" and last.name not in [one.name for one in audit.variants(CONVENTIONS, [], {})]
    own, other = (
        audit.answers(evaluate(stated, PAPER, read_runs(paths), one))["claims"]["A"]
        for one in (CONVENTIONS, last.conventions)
    )
    assert own["values"][0] != own["values"][1] and other["values"][:2] == [own["values"][1]] * 2
    second = read_runs(paths)[0].checkpoints().history["test_accuracy"][1]
    assert (own["values"][2], other["values"][2]) == pytest.approx((0.6, second)) and second < 0.57
    assert own["parts"] == ["holds"] * 4 and other["parts"] == ["holds"] * 3 + ["not tested"]
    assert audit.comparison(own, other) == audit.Comparison(verdict=None, parts=(), missing=(4,))


def test_only_what_both_test_is_compared():
    def answer(verdict, *parts):
        return {"verdict": verdict, "parts": list(parts), "values": [1.0] * len(parts)}

    own = answer(SUPPORTED, "holds", "holds")
    cases = {
        "same": (own, audit.Comparison(False, (), ())),
        "other verdict": (answer(PARTLY, "holds", "fails"), audit.Comparison(True, (2,), ())),
        "fewer data": (answer(UNDECIDED, "open", "not tested"), audit.Comparison(None, (1,), (2,))),
        "no such claim": (None, audit.Comparison(None, (), (1, 2))),
    }
    for other, expected in cases.values():
        assert audit.comparison(own, other) == expected
    less = answer(UNDECIDED, "holds", "not tested")  # a convention that tests more is no other conclusion either
    assert audit.comparison(less, own) == audit.Comparison(None, (), (2,))
    assert audit.comparison(less, less) == audit.Comparison(False, (), ())
    studies = [
        {"name": name, "title": "", "claims": {"A": cases[name][0]}} for name in ("same", "other verdict", "fewer data")
    ]
    rows = list(csv.DictReader(io.StringIO(audit.audit_csv(studies))))
    assert [row["comparable"] for row in rows] == ["yes"] * 4 + ["no: part 2"] * 2


def test_of_one_seed_the_audit_has_directions(tmp_path):
    paths = network(tmp_path, "full_width", seeds=[0], width=0.5)
    paths += network(tmp_path, "fully_connected", seeds=[0], width=4.0)
    found = evaluate(claim({"is": "less"}, {"is": "greater"}), PAPER, read_runs(paths), CONVENTIONS)
    assert audit.answers(found)["claims"]["A"]["parts"] == ["holds", "fails"]


def test_a_study_beside_is_named_by_the_settings_that_differ(sparse_and_dense):
    claims = [
        evidence.record(one).as_data()
        for one in evaluate(claim({"is": "less"}), PAPER, read_runs(sparse_and_dense), CONVENTIONS)
    ]

    def answers(study, decay):
        config = {"training": {"weight_decay": decay, "schedule": {"every": 2}}}
        return {"study": study, "claims": claims, "parameters": {"config": config}}

    found = audit.beside(answers("own", 0), answers("decayed", 0.0005))
    assert (found["name"], found["title"]) == ("decayed", "study decayed, training.weight_decay: 0.0005")
    assert found["claims"]["A"] == {
        "verdict": SUPPORTED,
        "parts": ["holds"],
        "values": [claims[0]["parts"][0]["value"]],
    }
    assert found["cells"]["TABLE-4"] == {"within": 2, "tested": 2, "of": 13, "noise": None, "known": 0}
    networks = [{"name": f"n{n}", "seeds": [n], "learning_rate": 0.1, "options": {"bias": True}} for n in range(3)]
    padded = [network | {"seeds": [], "options": {"padding": "circular"}} for network in networks]
    padded[0]["learning_rate"] = 0.2
    answered = [answers(study, 0) for study in ("own", "padded")]
    for study, config in zip(answered, (networks, padded[:2] + [padded[2] | {"name": "another"}]), strict=True):
        study["parameters"]["config"]["networks"] = config
    assert audit.beside(*answered)["title"] == (
        "study padded, learning_rate: 0.2 of n0, options.padding: circular of n0 and n1, "
        "options.bias: not given of n0 and n1"
    )
    # entries of one name by their depths, and the attack that the verdicts are of
    deep = [{"name": "n", "depths": [depth], "learning_rate": rate} for depth, rate in ((1, 0.1), (3, 0.2))]
    answered = [answers(study, 0) for study in ("own", "other")]
    for study, rate, epsilon in zip(answered, (0.1, 0.3), ("8/255", "1/255"), strict=True):
        attack = {"family": "linf_pgd", "options": {"epsilon": epsilon}}
        networks = [deep[0] | {"learning_rate": rate}, deep[1]]
        study["parameters"]["config"] |= {"networks": networks, "attack": attack}
    assert audit.beside(*answered)["title"] == "study other, learning_rate: 0.3 of n of depth 1, options.epsilon: 1/255"
    claims[0].pop("group")
    with pytest.raises(ValueError, match="the study old: expected a claim .* without 'group'; rerun it"):
        audit.beside(answers("own", 0), answers("old", 0))
    with pytest.raises(ValueError, match="expected the claims.json of a study"):
        audit.beside(answers("own", 0), {"study": "torn"})


def test_a_record_says_in_fields_what_a_claim_states_and_what_the_study_lacks(sparse_and_dense):
    lacking = verdict(sparse_and_dense, {"is": "similar", "within": 0.1, "right": "vgg19-relu/alpha=10"})
    data = json.loads(json.dumps(evidence.record(lacking).as_data()))
    (part,) = data["parts"]
    assert (data["kind"], data["group"], data["table"]) == ("statement", "further", None)
    assert (part["is"], part["within"], part["threshold"]) == ("similar", 0.1, None)
    assert part["left"] == {
        **{"measure": "delta_l1", "network": NARROW, "attack": "final", "checkpoint": "best"},
        **{"end": None, "predictor": None, "over": None},
        **{"label": "‖δ̂‖₁, Full Width Convolution (linear)", "value": None},
        "seeds": [],
    }
    assert part["right"]["network"] == "vgg19-relu/alpha=10"
    assert part["reason"] == {"kind": "network", "network": "vgg19-relu/alpha=10"}
    assert part["why"] == "not in this study: vgg19-relu/alpha=10"
    tables = evaluate({}, PAPER, read_runs(sparse_and_dense), CONVENTIONS)
    assert [(one.kind, one.group, one.table) for one in tables] == [
        (Kind.TABLE, Group.TABLES, number) for number in (1, 2, 4)
    ]


def test_a_claim_of_another_version_is_refused_with_what_it_lacks(sparse_and_dense):
    data = evidence.record(verdict(sparse_and_dense, {"is": "less"})).as_data()
    del data["group"]
    with pytest.raises(ValueError, match="expected a claim as this version writes it, found one without 'group'"):
        ClaimRecord.from_data(data)


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        (Reason(Lack.ROLE, role="transfer"), "the configuration names no attack under claims.transfer"),
        (Reason(Lack.RESULTS, network="VGG19 (ReLU)", attack="pgd"), "VGG19 (ReLU) has no results of pgd"),
        (
            Reason(Lack.CHECKPOINT, network="VGG19 (ReLU)", attack="pgd", checkpoint="first"),
            "VGG19 (ReLU) has no checkpoint first under pgd",
        ),
        (Reason(Lack.FILE, file="lines", attack="pgd", checkpoint="epoch=8"), "no lines of pgd on checkpoint epoch=8"),
        (Reason(Lack.PREDICTOR, network="VGG19 (ReLU)"), "VGG19 (ReLU) has no predictor"),
        (
            Reason(Lack.PREDICTOR_OF, network="VGG19 (ReLU)", checkpoint="step=3"),
            "VGG19 (ReLU) has no predictor on checkpoint step=3, only on the best one",
        ),
        (
            Reason(Lack.LOGIT, attack="pgd", checkpoint="best"),
            "the lines of pgd on checkpoint best do not follow the logit of the final network's class",
        ),
        (Reason(Lack.BAND), "the data set does not say in which band its classes differ"),
        (Reason(Lack.TRAINING, network="VGG19 (ReLU)"), "VGG19 (ReLU) has no training"),
    ],
)
def test_a_reason_makes_its_sentence_and_survives_json(reason, sentence):
    assert reason.sentence == sentence
    assert read_reason(json.loads(json.dumps(reason.as_data()))) == reason


# ---- the files of claims


def test_every_claim_is_of_known_networks_and_measures():
    terms = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    assert terms["measure"]["enum"] == list(MEASURES)
    together = [name for name, measure in MEASURES.items() if measure.made_of is MadeOf.NETWORKS]
    assert terms["over_networks"]["enum"] == together
    assert terms["of_lines"]["enum"] == [name for name, one in MEASURES.items() if one.made_of is MadeOf.LINES]
    assert terms["claim"]["properties"]["group"]["enum"] == list(Group)
    assert set(terms["attack"]["enum"]) == {"final", *ATTACKS}
    for name, one in read_claims(CLAIMS, schema_path=SCHEMA).items():
        for part in one["parts"]:
            for side in ("left", "right"):
                if side in part and part[side]["measure"] not in terms["over_networks"]["enum"]:
                    assert part[side]["network"].split("/")[0].rpartition("-")[0] in NAMES, name


A_CLAIM = "{title: a, section: b, sentence: c, parts: [%s]}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1", "stated.yaml: found [1]; allowed: a mapping"),
        ("A: [", "stated.yaml: found no YAML"),
        ("A: " + A_CLAIM % "{measure: delta_l_1, left: a-relu, is: less, right: b-relu}", "did you mean 'delta_l1'?"),
        ("A: " + A_CLAIM % "{measure: delta_l1, left: a-relu, is: less}", "parts[0].right: missing"),
        ("A: " + A_CLAIM % "{left: a-relu, is: less, right: b-relu}", "parts[0].left.measure: missing"),
        ("A: " + A_CLAIM % "{measure: delta_l1, left: a-relu, is: near, threshold: 1}", "parts[0].within: missing"),
        (
            "A: " + A_CLAIM % "{measure: delta_l1, left: a-relu, is: at_least, threshold: 1, within: 2}",
            "parts[0].within: found 2; allowed: nothing with `is: at_least`",
        ),
        (
            "A: " + A_CLAIM % "{measure: norm_link, left: a-relu, is: at_least, threshold: 1}",
            "parts[0].left.network: found 'a-relu'; allowed: nothing, norm_link is of all networks together",
        ),
        (
            "A: " + A_CLAIM % "{left: {measure: delta_l1, network: a-relu}, is: less, right: {measure: norm_link}}",
            "parts[0].is: found 'less'; allowed with norm_link: at_least, near",
        ),
        ("A: " + A_CLAIM % "{measure: delta_l1, left: a relu, is: less, right: b-relu}", "parts[0].left: found"),
        (
            "A: " + A_CLAIM % "{measure: relu_changes, left: a-relu, is: at_least, threshold: 0.1}",
            "parts[0].left.end: missing; allowed: adversarial, random, boundary with relu_changes",
        ),
        (
            "A: " + A_CLAIM % "{measure: delta_l1, end: random, left: a-relu, is: at_least, threshold: 0.1}",
            "parts[0].left.end: found 'random'; allowed: nothing with delta_l1",
        ),
        (
            "A: " + A_CLAIM % "{measure: delta_l1, left: a-relu, is: at_least, threshold: .nan}",
            "parts[0].threshold: found nan; allowed: a finite number",
        ),
        (
            "TABLE-2: " + A_CLAIM % "{measure: delta_l1, left: a-relu, is: less, right: b-relu}",
            "TABLE-2: found the name of a table of the paper's; allowed: another",
        ),
    ],
)
def test_a_faulty_claim_is_refused_with_its_file_and_place(tmp_path, text, message):
    with pytest.raises(ConfigError) as error:
        stated(tmp_path, text)
    assert message in str(error.value)
    assert "stated.yaml" in str(error.value)


def test_texts_of_a_claim_may_have_lines_and_signs(tmp_path):
    part = "{measure: delta_l1, left: a-relu, is: less, right: b-relu}"
    stated(tmp_path, f"A:\n  title: a < b\n  section: c\n  sentence: |\n    two\n    lines\n  parts: [{part}]\n")


def test_claims_of_one_name_are_refused(tmp_path):
    text = "IFR-1: " + A_CLAIM % "{measure: delta_l1, left: a-relu, is: less, right: b-relu}"
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="a second claim of this name"):
        read_claims([*CLAIMS, tmp_path / "mine.yaml"], schema_path=SCHEMA)


def test_a_claim_that_stands_twice_in_a_file_is_refused_with_its_lines(tmp_path):
    one = "IFR-1: " + A_CLAIM % "{measure: delta_l1, left: a-relu, is: less, right: b-relu}"
    with pytest.raises(ConfigError, match="found IFR-1 twice, in lines 1 and "):
        stated(tmp_path, f"{one}\n{one}")


def test_a_claims_name_of_another_form_is_told_the_form(tmp_path):
    with pytest.raises(ConfigError, match=r'found "x1"; allowed: text such as PATCHES-1 \(capitals, digits and -'):
        stated(tmp_path, "x1: " + A_CLAIM % "{measure: delta_l1, left: a-relu, is: less, right: b-relu}")
