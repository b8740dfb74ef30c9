"""The plan for power: what would decide the open parts, and its price, from numbers that are known."""

import csv
from io import StringIO

import pytest
from study import CONFIG, ROOT
from synthetic_report import GONE as REASON
from synthetic_report import claim, part, untested

from advspectra.claims.power import Price, power
from advspectra.networks.identity import NetworkIdentity
from advspectra_study.config.load import load_config
from advspectra_study.plan.plan import Plan
from advspectra_study.study import Study

LEFT, RIGHT = "full_width-linear/depth=1", "fully_connected-linear/depth=1"


def side(network, attack="final"):
    about = {"measure": "delta_l1", "network": network, "attack": attack, "label": network}
    return about | {"value": 1.0, "seeds": [0, 1, 2]}


def open_part(**about):
    return part(verdict="open", left=side(LEFT), right=side(RIGHT), **about)


def price(network, *, seed, image):
    return Price(NetworkIdentity(network, "linear", 1, 1.0), seed=seed, image={"pgd": image}, jobs=4, measured=3)


PRICES = [price("full_width", seed=3600, image=36), price("fully_connected", seed=7200, image=72)]
PRICES += [price("third", seed=1800, image=1), price("other", seed=1e9, image=1e9)]


def rows_of(*claims):
    table = power(claims, PRICES, {"final": "pgd"})
    return table, list(csv.DictReader(StringIO(table.to_csv())))


def test_seeds_and_images_are_priced_by_the_networks_that_a_part_compares():
    found = open_part(seeds_needed=5, images=100, images_needed=300)
    _, (row,) = rows_of(claim("A", part(), found, untested(REASON)))
    # 2 more seeds of 1 and of 2 hours; 200 more images of 0.01 and 0.02 hours in each of 3 seeds
    assert (row["part"], row["seeds"], row["seeds_needed"], float(row["seeds_hours"])) == ("2", "3", "5", 6.0)
    assert (row["images_needed"], float(row["images_hours"])) == ("300", pytest.approx(18.0))
    assert (row["value"], row["value_low"], row["bounds"]) == ("-0.2", "-0.3", "< 0")


def test_each_side_is_priced_by_the_seeds_that_it_lacks_and_by_what_it_is_divided_by():
    right = side(RIGHT) | {"seeds": list(range(5)), "over": "third-linear/depth=1"}
    found = part(verdict="open", left=side(LEFT), right=right, seeds_needed=5)
    _, (row,) = rows_of(claim("A", found))
    assert float(row["seeds_hours"]) == 2.0  # of the left side alone
    found = part(verdict="open", left=side(LEFT), right=right, seeds_needed=6)
    table, (row,) = rows_of(claim("A", found))
    assert float(row["seeds_hours"]) == 3 * 1 + 1 * 2 + 1 * 0.5
    assert "all together for 5.5 core-hours" in table.notes[0]


def test_more_images_are_those_of_what_a_side_is_divided_by_too():
    right = side(RIGHT) | {"over": "third-linear/depth=1"}
    _, (row,) = rows_of(claim("A", part(verdict="open", left=side(LEFT), right=right, images=100, images_needed=300)))
    # 200 more images of 36, 72 and 1 seconds in each of 3 seeds
    assert float(row["images_hours"]) == pytest.approx(200 * 3 * (36 + 72 + 1) / 3600, rel=1e-5)


def test_what_no_number_would_decide_has_no_price():
    table, (row,) = rows_of(claim("A", open_part()))
    assert row["seeds_needed"] == row["seeds_hours"] == row["images_needed"] == row["images_hours"] == ""
    assert table.notes[0].startswith("Seeds would decide 0 of these parts, all together for 0 core-hours")
    assert "| – |" in table.to_markdown()


def test_all_parts_together_cost_each_network_once():
    alone = part(verdict="open", left=side(LEFT), right=None, seeds_needed=13)
    table, rows = rows_of(claim("A", open_part(seeds_needed=5)), claim("B", alone))
    # 10 hours of the first network, which B needs, and 4 of the second, which A needs
    assert table.notes[0].startswith("Seeds would decide 2 of these parts, all together for 14 core-hours")
    assert [float(row["seeds_hours"]) for row in rows] == [6.0, 10.0]
    assert table.title == "Open parts of claims: 2 of 2" and "measured for 12 of 16 jobs" in table.notes[-1]


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    schema = ROOT / "workflow/schemas/config.schema.yaml"
    config = load_config(CONFIG, schema_path=schema, library=ROOT / "workflow/lib")
    return Plan(Study.of(config, ROOT / "workflow/lib"), root=ROOT)


def prices(plan):
    return {price["network"]: price for price in plan.power.params["prices"](None)}


def test_prices_are_estimates_until_jobs_were_measured(plan, tmp_path):
    before = prices(plan)["fully_connected"]
    assert before["seed"] > 0 and before["measured"] == 0
    # training, its predictor, the attack on one checkpoint, and its spectra
    assert (before["jobs"], set(before["image"])) == (4, {"pgd"})
    for rule, job in (("train/", ""), ("predictor/", ""), ("pgd/", "/best"), ("spectra/", "/pgd/best")):
        path = tmp_path / f"results/tiny/benchmarks/{rule}fully_connected-linear/depth=1/alpha=1/seed=0{job}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("s\th:m:s\n40.0\t0:00:40\n")
    after = prices(plan)["fully_connected"]
    assert (after["measured"], after["seed"]) == (4, 160.0)
    assert after["image"] == {"pgd": 40.0 / 8}
    path.write_text("")  # of a job that was stopped
    assert prices(plan)["fully_connected"]["measured"] == 3
