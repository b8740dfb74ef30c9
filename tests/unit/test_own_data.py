"""A study on other images than the paper's: the paper's numbers do not count, and the report is about the study."""

import copy
import dataclasses
from pathlib import Path

import pytest
import synthetic_report
import yaml
from synthetic_report import CLAIMS, claim, material, part
from synthetic_results import identity, write_run

from advspectra.claims import audit as audits
from advspectra.claims import evidence
from advspectra.claims.claim import NOT_APPLICABLE
from advspectra.claims.comparison import not_the_papers, without_measured
from advspectra.claims.evaluate import evaluate
from advspectra.claims.records import claims_csv
from advspectra.claims.sides import Conventions
from advspectra.page.audit import compared
from advspectra.page.report import report
from advspectra.page.verdicts import finding, summary, tally
from advspectra.results.runs import read_runs
from advspectra.tables import table1, table2, table4

PAPER = yaml.safe_load((Path(__file__).parents[2] / "workflow/reference/paper.yaml").read_text(encoding="utf-8"))
WHY = "The data set is leaves, the paper's is CIFAR-10: the numbers of its tables do not apply."
INAPPLICABLE = [
    dataclasses.replace(
        claim(f"TABLE-{number}", verdict="not applicable", p_value=None, figures=(), why=WHY, table=number), parts=()
    )
    for number in (1, 2)
]


@pytest.mark.parametrize(
    ("name", "source", "shape", "why"),
    [
        ("cifar10", "cifar10", (3, 32, 32), ""),
        ("mine", "cifar10", (3, 32, 32), ""),
        ("cifar10_jpeg", "image_folder", (3, 32, 32), ""),
        ("cifar_10", "image_folder", (3, 32, 32), ""),
        ("cifar100", "image_folder", (3, 32, 32), "The data set is cifar100, the paper's is CIFAR-10"),
        ("leaves", "image_folder", (3, 32, 32), "The data set is leaves, the paper's is CIFAR-10"),
        ("band_features", "band_features", (3, 32, 32), "The data set is band_features"),
        ("not_cifar10", "image_folder", (3, 32, 32), "The data set is not_cifar10"),
        (
            "cifar10_large",
            "image_folder",
            (3, 64, 64),
            "The images have 64 × 64 pixels and 3 channels, the paper's 32 ×",
        ),
        (
            "cifar10_gray",
            "image_folder",
            (1, 32, 32),
            "The images have 32 × 32 pixels and 1 channel, the paper's 32 × 32",
        ),
    ],
)
def test_only_cifar10_in_the_papers_form_is_the_papers_data_set(name, source, shape, why):
    found = not_the_papers(PAPER, {"name": name, "source": source}, shape)
    assert found.startswith(why) and bool(found) == bool(why)


@pytest.fixture
def runs(tmp_path):
    paths = []
    for name in ("fully_connected", "full_width"):
        for seed in (0, 1, 2):
            about = identity(network=name, seed=seed) | {"step": 200, "epoch": 2}
            paths += write_run(tmp_path, who=about, images=40, width=3.0, centre=4.0, accuracy=0.4)
    return read_runs(paths)


def answers(runs, why):
    stated = {"MINE-1": {"title": "t", "section": "1", "sentence": "s", "figures": [], "parts": []}}
    sides = {
        side: {"network": network, "measure": "delta_l1", "attack": "final", "state": "best"}
        for side, network in (("left", "fully_connected-linear/depth=1"), ("right", "full_width-linear/depth=1"))
    }
    stated["MINE-1"]["parts"] = [{"is": "less", **sides}]
    conventions = Conventions(spectra="paper", attacks={"final": "pgd"})
    return {one.name: one for one in evaluate(stated, PAPER, runs, conventions, not_the_papers=why)}


def test_the_papers_cells_are_not_judged_on_other_images(runs):
    own, papers = answers(runs, WHY), answers(runs, "")
    assert papers["TABLE-1"].verdict == "contradicted" and len(papers["TABLE-1"].tested) == 8
    tables = [own[name] for name in ("TABLE-1", "TABLE-2", "TABLE-4")]
    assert {(one.verdict, one.p_value, one.why) for one in tables} == {(NOT_APPLICABLE, None, WHY)}
    # they do not count in the correction, and the paper's numbers do not stand beside ours
    assert (own["MINE-1"].tests, papers["MINE-1"].tests, own["MINE-1"].why) == (1, 3, "")
    assert own["MINE-1"].parts[0].paper is None and papers["MINE-1"].parts[0].paper is not None


def test_what_is_not_applicable_has_a_row_that_says_why(runs):
    records = [evidence.record(one) for one in answers(runs, WHY).values()]
    (row,) = [line for line in claims_csv(records).splitlines() if line.startswith("TABLE-2")]
    assert "not applicable" in row and row.endswith(f'"{WHY}"')


@pytest.mark.parametrize("module", [table1, table2, table4])
def test_tables_have_no_word_of_the_paper_on_other_images(runs, module):
    config = {"training": {"selection": {"by": "test"}}}
    about = {"reference": without_measured(PAPER), "config": config, "convention": "paper"}
    text = module.table(runs, **about).to_markdown()
    rows = text.split("\n\n")[1]
    assert "paper" not in rows and "Shallow ResNet" not in text
    assert "Fully Connected (linear)" in rows


def own_report(claims=(*CLAIMS[:-1], *INAPPLICABLE), **about):
    whole = material(list(claims), **about)
    verdicts = {**whole.verdicts, "not_the_papers": WHY, "images": "48 × 48 pixels and 1 channel", "dataset": "leaves"}
    return report(material(list(claims), **(about | {"verdicts": verdicts})))


def test_the_report_begins_with_the_study_its_tables_and_its_figures():
    table = synthetic_report.TABLE
    tables = {
        "table1": table,
        "table4": table.replace("Table 1", "Table 4"),
        "table6": table.replace("Table 1", "Table 6"),
    }
    page, markdown = own_report(tables=tables)
    for text, places in (
        (page, ('id="table-table4"', 'id="table-table1"', 'id="table-table6"', 'id="figures"', 'id="claims"')),
        (markdown, ("**Table 4", "**Table 1", "**Table 6", "## Figures", "## Claims by verdict")),
    ):
        found = [text.index(place.strip("*")) for place in places]
        assert found == sorted(found)
        head = text[: found[0]]
        assert "leaves" in head and "48 × 48 pixels and 1 channel" in head and "8 networks" in head
        assert head.count(WHY.replace("'", "&#39;" if text is page else "'")) <= 1
    assert "<h1>leaves: networks" in page and markdown.startswith("# leaves: networks")
    assert "<h1>The claims" not in page and "the paper: " not in page
    # all figures are shown, and where they belong
    assert page[page.index('id="figures"') : page.index('id="claims"')].count('class="figure"') == 4


def test_claims_that_were_not_tested_and_those_that_do_not_apply_are_folded_away():
    page, markdown = own_report()
    claims = page[page.index('id="claims"') : page.index('id="audit"')]
    shown, folded = claims.split('<details class="untested" id="shelf-untested">')
    assert "1 claim not tested: FNB-1</summary>" in folded and 'href="#FNB-1"' in folded
    assert "FNB-1" not in shown and 'href="#IFR-1"' in shown
    assert "Not applicable here: TABLE-1 and TABLE-2. The data set is leaves" in folded
    assert 'id="TABLE-1"' not in page and 'id="FNB-1"' in page
    assert "Of 4 claims that it can test" in markdown and "; 1 claim could not be tested." in markdown
    assert "| TABLE-1 |" in markdown
    # in a study on the paper's data too
    papers = report(material())[0]
    assert "claims not tested: FNB-1, TABLE-1</summary>" in papers


def test_a_claim_that_does_not_apply_is_no_gap_and_is_not_counted():
    (one, _) = INAPPLICABLE
    assert (tally(one), finding(one)) == (WHY.removesuffix("."), WHY)
    counted = summary([claim("IFR-1"), *INAPPLICABLE])
    assert counted.claims == 1 and counted.tables == ()
    page, markdown = own_report([claim("IFR-1", part()), *INAPPLICABLE])
    assert "every part of every claim was tested" in markdown


def test_the_audit_leaves_out_what_does_not_apply(runs):
    claims = [evidence.record(one) for one in answers(runs, WHY).values()]
    found = {"name": "own", "title": "", **audits.answers(list(answers(runs, WHY).values()))}
    shown = compared([found, copy.deepcopy(found) | {"name": "rgb"}], claims)
    assert list(shown.claims) == ["MINE-1"] and not shown.within and not shown.cells


def test_a_study_without_any_claim_has_a_report():
    page, markdown = own_report(INAPPLICABLE)
    assert "it finds none" not in page and "leaves" in page
