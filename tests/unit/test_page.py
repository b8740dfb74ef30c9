"""The report page: nothing of what it is made from can break out of its text, and it says what the verdicts say."""

import copy
import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import synthetic_report
import yaml
from PIL import Image
from synthetic_report import CLAIMS, GONE, cell, claim, convention, material, part, untested

from advspectra.claims.cells import Cells
from advspectra.claims.reasons import Lack, Reason
from advspectra.claims.terms import Group
from advspectra.page import pictures, prose, words
from advspectra.page.audit import compared
from advspectra.page.forest import panels
from advspectra.page.gaps import gaps
from advspectra.page.report import report
from advspectra.page.verdicts import finding, holm, summary, tally

REFERENCE = Path(__file__).parents[2] / "workflow/reference"
HOSTILE = (
    """<script>alert("1")</script><img src=x onerror='a()'>'"&|`*_[a](javascript:a())![b](http://example.org/b.png)"""
)

# the addresses to which the page may link: files of the study beside it, and the sources
BESIDE = ("figures/", "tables/", "measures.csv", "explorer.html")
OUTWARD = ("https://arxiv.org/abs/2006.11440", "https://www.cs.toronto.edu/~kriz/cifar.html")


class Page(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def all(self, attribute: str) -> list[str]:
        return [attributes[attribute] for _, attributes in self.tags if attribute in attributes]


@pytest.fixture(scope="module")
def page():
    return report(material())[0]


def spoilt(value, keep=()):
    """Return data with something hostile behind every text in it; keys of `keep` and what is below them stay."""
    if isinstance(value, dict):
        return {key: one if key in keep else spoilt(one, keep) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [spoilt(one, keep) for one in value]
    return value + HOSTILE if isinstance(value, str) else value


def test_no_text_breaks_out_of_the_page(page):
    whole = material()
    verdicts = spoilt(
        whole.verdicts, keep=("verdict", "direction", "figures", "attacks", "kind", "group", "is", "reason")
    )
    for name in ("file", "attack", "checkpoint"):
        verdicts["claims"][0]["parts"][1]["reason"][name] += HOSTILE
    names = {one.name: found["name"] for one, found in zip(CLAIMS, verdicts["claims"], strict=True)}
    conventions = spoilt(whole.conventions, keep=("claims", "cells"))
    for one in conventions["conventions"]:
        for kind in ("claims", "cells"):
            one[kind] = {names[name]: found for name, found in one[kind].items()}
    hostile = dataclasses.replace(
        whole,
        verdicts=verdicts,
        conventions=conventions,
        tables={f"table1{HOSTILE}": whole.tables["table1"].replace("Deep", HOSTILE.replace("|", "")) + HOSTILE},
        pictures=[dataclasses.replace(one, caption=one.caption + HOSTILE) for one in whole.pictures],
        doubts=spoilt(whole.doubts, keep=("convention", "table", "claim")),
        config=spoilt(whole.config),
        made_by={**spoilt(whole.made_by), "inputs_sha256": {HOSTILE: HOSTILE}},
        origins=[{"commit": HOSTILE, "uncommitted": [HOSTILE], "versions": {HOSTILE: HOSTILE}}],
    )
    text = report(hostile)[0]
    found = Page(text)
    assert text.count("&lt;script&gt;") > 50  # it is there, as text
    assert {tag for tag, _ in found.tags} == {tag for tag, _ in Page(page).tags}
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on")]
    assert all(address.startswith(("#", "data:", *BESIDE)) or address in OUTWARD for address in found.all("href"))


def test_markdown_of_tables_and_captions_makes_no_link_image_or_html():
    made = Page(
        prose.html(f"{HOSTILE}\n\n| a |\n| --- |\n| {HOSTILE.replace('|', '')} |\n\n<b>x</b>\n\nhttp://example.org")
    )
    assert {tag for tag, _ in made.tags} <= {"p", "div", "table", "thead", "tbody", "tr", "th", "td", "em", "code"}


def test_text_in_markdown_is_shown_as_it_is():
    shown = re.sub(r"<[^>]*>", "", prose.html(words.escaped(HOSTILE)))
    for entity, letter in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        shown = shown.replace(entity, letter)
    assert shown.strip() == HOSTILE


def test_the_page_asks_for_nothing(page):
    assert "default-src 'none'" in page
    sources = Page(page).all("src")
    assert sources and all(address.startswith("data:") for address in sources)
    links = [address for address in Page(page).all("href") if not address.startswith(("#", "data:", *BESIDE))]
    assert set(links) == set(OUTWARD)
    assert "url(" not in page and "@import" not in page and "<script" not in page


def test_every_claim_has_its_anchor_and_every_link_its_end(page):
    ids = Page(page).all("id")
    assert len(ids) == len(set(ids)) and {one.name for one in CLAIMS} <= set(ids)
    assert {link[1:] for link in Page(page).all("href") if link.startswith("#")} <= set(ids)


def test_each_figure_is_in_the_page_once_and_linked_from_each_claim_that_cites_it(page):
    for one in material().pictures:
        assert page.count(one.uri) == 1
        for kind in ("pdf", "png", "csv"):
            assert f'href="figures/{one.path}.{kind}"'.replace("=", "%3D").replace("href%3D", "href=") in page
    links = Page(page).all("href")
    citing = [name for one in CLAIMS for name in one.figures]
    assert links.count("#figure-fig05") == citing.count("fig05") + 1 > 2  # one enlarges it
    assert links.count("#figure-fig09") == 1  # cited by none


def test_each_figure_and_no_other_links_its_own_data():
    html, markdown = report(material())
    expected = [f"figures/{one.path.replace('=', '%3D')}.csv" for one in material().pictures]
    links = [address for address in Page(html).all("href") if address.startswith("figures/") and ".csv" in address]
    in_markdown = [link.replace("\\", "") for link in re.findall(r"\[Data \(CSV\)\]\((.*?)\)", markdown)]
    assert sorted(links) == sorted(in_markdown) == sorted(expected)


def test_the_same_material_makes_the_same_bytes():
    assert report(material()) == report(copy.deepcopy(material()))


def test_marks_stand_where_their_values_are():
    # points at -40, -25, -20, -15 and 0 percent, so that the axis has 40 and a margin of 2 on either side
    (panel,) = panels([part()])
    (row,) = panel.rows

    def place(percent):
        return round(100 * (percent + 42) / 44, 2)

    assert row.value == place(-20) == 50
    assert row.interval == (place(-30), place(-10)) and row.cut == (False, False)
    assert row.seeds == (place(-25), place(-20), place(-15)) and row.paper == place(-40) == 4.55
    assert row.true == (0, place(0)) and row.bounds == (place(0),)
    assert (place(-20), "−20") in panel.ticks


def test_an_interval_that_goes_far_beyond_the_values_is_cut():
    (panel,) = panels([part(low=-9.0, high=-0.1)])
    (row,) = panel.rows
    # the axis reaches 0.6 of the 40 percent beyond the lowest value
    assert row.cut == (True, False) and row.interval[0] == 0
    assert row.value == round(100 * (-20 + 67.2) / 70.4, 2)


def test_cells_are_shown_in_the_papers_standard_deviations():
    (panel,) = panels([cell(20.2), cell(22.0), untested(GONE)])
    assert "standard deviations" in panel.unit and [row.part for row in panel.rows] == [1, 2]
    low, high = panel.rows[0].true
    # 20.2 is 0.4 and 22.0 is 4 standard deviations above the mean, the bounds are 2 on either side of it
    assert panel.rows[0].paper == pytest.approx((low + high) / 2, abs=0.02)
    assert panel.rows[0].value == pytest.approx(panel.rows[0].paper + 0.4 * (high - low) / 4, abs=0.02)
    assert panel.rows[1].value == pytest.approx(panel.rows[0].paper + 4 * (high - low) / 4, abs=0.02)
    assert words.distance(cell(22.0)) == "+4.0 sd"


def test_a_value_at_its_threshold_stands_in_the_middle():
    seed = {"seed": 0, "value": 0.0, "low": None, "high": None}
    (panel,) = panels([part(value=0.0, low=None, high=None, seeds=[seed], bounds=[0.0, None], paper=None)])
    assert (panel.rows[0].value, panel.rows[0].true) == (50, (50, 100))


def test_parts_in_different_units_have_panels_of_their_own():
    found = panels([part(ratio=False), part(), part(ratio=False, right=None)])
    assert [[row.part for row in panel.rows] for panel in found] == [[2], [1], [3]]


def test_numbers_show_two_digits_of_their_interval():
    assert words.estimate(part()) == "−20 % [−30, −10]"
    assert words.estimate(part(value=-0.2034, low=-0.2059, high=-0.2009)) == "−20.34 % [−20.59, −20.09]"
    assert words.estimate(part(ratio=False, value=551.23, low=530.0, high=572.0)) == "551 [530, 572]"
    assert words.estimate(part(ratio=False, value=0.41234, low=None, high=None)) == "0.4123"
    assert words.estimate(part(value=0.123, low=None, high=None)) == "+12.3 %"
    assert words.estimate(part(value=0.001, low=-0.29, high=0.29)) == "0 % [−29, 29]"
    assert words.estimate(untested(GONE)) == "–"
    assert words.of_seed(part(value=-0.2034, low=-0.2059, high=-0.2009), 0) == "−25.00 %"
    assert words.paper(part()) == "600 / 1000: −40.0 %"
    assert words.paper(cell(20.2)) == "20.00 ± 0.50"
    assert words.estimate(part(value=11.2, low=5.5, high=23.1)) == "12.2 times [6.5, 24.1]"


def test_the_summary_counts_claims_tables_among_them_and_parts_and_cells_apart():
    found = summary(CLAIMS)
    counts = {mark.word: count for mark, count in found.verdicts}
    assert counts == {"supported": 1, "supported in part": 1, "contradicted": 1, "undecided": 1, "not tested": 2}
    assert found.claims == 6 and found.cells == Cells(within=1, tested=2, of=3, noise=2, known=2)
    assert found.parts == (("hold", 4), ("fail", 2), ("are open", 2), ("was not tested", 1))


def test_a_claim_says_which_parts_hold_and_what_would_decide_it():
    said = {one.name: finding(one) for one in CLAIMS}
    assert said["IFR-2"].startswith("part 1 holds; part 2 fails; part 3 is open (p")
    assert said["IFR-1"].startswith("both parts hold")
    assert "7 seeds in all would decide each open part if values and spread stay" in said["IFR-3"]
    assert said["FNB-1"] == "part 1 holds; part 2 was not tested."
    never = claim("A", part(verdict="open"), verdict="undecided", p_value=1.0)
    assert "A hundred seeds would not decide all of its open parts" in finding(never)
    lacking = claim("A", part(), untested(GONE), verdict="undecided", p_value=1.0)
    assert finding(lacking).endswith("The parts that were not tested leave it undecided.")
    assert tally(lacking) == "1 of 2 parts hold, 1 not tested"


@pytest.mark.parametrize(
    ("verdict", "p_holm", "line"),
    [
        (
            "supported",
            0.012,
            "for 6 claims: still so (p = 0.012). The hypothesis that its one part is false is rejected.",
        ),
        ("supported", 0.08, "not any more (p = 0.080). The hypothesis that its one part is false is not rejected."),
        ("contradicted", 0.01, "still so (p = 0.010). The hypothesis that its one part is true is rejected."),
    ],
)
def test_the_correction_has_a_line_of_its_own_and_leaves_the_verdict(verdict, p_holm, line):
    one = claim("A", part(), verdict=verdict, p_holm=p_holm)
    text, markdown = (shown.replace("\N{NO-BREAK SPACE}", " ") for shown in report(material([one])))
    assert holm(one).replace("\N{NO-BREAK SPACE}", " ").endswith(line)
    assert line in text and line in markdown
    assert "</span>: its one part holds (p = 0.002, of this claim by itself)." in text
    assert holm(claim("A", part(verdict="open"), verdict="undecided", p_holm=0.3)) == ""


def test_the_parts_come_before_the_verdict_that_follows_from_them(page):
    article = page[page.index('<article class="claim" id="IFR-2">') :].partition("</article>")[0]
    places = [article.index(text) for text in ('class="parts"', "Verdict, which follows from them", "Numbers of")]
    assert places == sorted(places)
    assert "<b>1 of 3 parts hold, 1 fails, 1 open.</b>" in article
    assert "Of 9 parts of claims, 4 hold, 2 fail, 2 are open and 1 was not tested." in page


def test_what_noise_passes_stands_beside_the_count_of_cells_and_nowhere_without_it(page):
    sentence = "noise without any network passes 2 of the same 2, and we chose the convention of the norms by looking"
    markdown = report(material())[1]
    assert "partly" not in markdown  # in words it is supported in part
    for text in (page, markdown):
        assert text.count(sentence) == 2  # in the summary and at the claim
        assert "(Table 1: 1 of 2, noise 2)" in text and "1 of 2 cells within (noise: 2)" in text
    assert page.count("noise passes, too") == 2 and "20.5, passes" in page and "20.5, passes" in markdown
    assert "so does noise without any network" in page
    silent = [claim("TABLE-1", cell(20.2, noise=None), group=Group.TABLES, table=1)]
    conventions = [convention("paper", silent)]
    conventions[0]["cells"]["TABLE-1"]["noise"] = None
    for text in report(material(silent, conventions={"conventions": conventions, "missing": []})):
        assert "noise" not in text.partition("## Methods")[0].partition('id="methods"')[0]


def test_noise_is_counted_among_the_cells_for_which_it_is_defined():
    known, unknown = cell(20.2), cell(30.5, noise=None)
    tables = [
        claim("TABLE-1", known, unknown, unknown, group=Group.TABLES, table=1),
        claim("TABLE-2", unknown, group=Group.TABLES, table=2),
    ]
    conventions = [convention(name, tables) for name in ("paper", "rgb")]
    conventions[0]["cells"]["TABLE-1"]["known"] = 2
    for text in report(material(tables, conventions={"conventions": conventions, "missing": []})):
        assert "(Table 1: 1 of 3, noise 1 of 1; Table 2: 0 of 1); noise without any network passes 1 of the 1" in text
        assert "1 of 3; noise without any network passes 1 of the 1 of these for which noise is defined, and we" in text
        assert "1 of 3 cells within (noise: 1 of 1)" in text and "noise 2 of 2" in text


def test_one_seed_gives_a_direction_and_a_warning():
    seeds = [{"seed": 0, "value": -0.2, "low": None, "high": None}]
    sides = {side: {"label": side, "value": 1.0, "seeds": [0]} for side in ("left", "right")}
    points = part(verdict="open", seeds=seeds, **sides)
    other = part(verdict="open", direction="fails", value=0.2, seeds=seeds, **sides)
    one = claim("IFR-2", points, other, verdict="one seed: direction only", p_value=None)
    text, markdown = report(material([one], seeds=(0,)))
    assert tally(one) == "1 of 2 parts in its direction"
    assert "no verdict rests on them" in text and "no verdict rests on them" in markdown
    assert "points the other way" in text and ">open<" not in text and "seed 1" not in text
    assert [gap.lines for gap in gaps([one], [0], [])] == ["seeds: [0, 1, 2]"]
    assert [gap.lines for gap in gaps([one], [7], [])] == ["seeds: [7, 0, 1]"]  # whose results stay


def test_remarks_of_the_configuration_stand_at_the_head():
    given = material([claim("IFR-2", part())])
    said = {**given.config["claims"], "remarks": ["Seeds 3 & 4 were added after a look at <3>."]}
    text, markdown = report(dataclasses.replace(given, config={**given.config, "claims": said}))
    head, head_markdown = text.partition('id="claims"')[0], markdown.partition("## Claims")[0]
    assert "Seeds 3 &amp; 4 were added after a look at &lt;3&gt;." in head
    assert '<details class="warning opens"><summary><b>How this study came about</b>, in 1 note<' in head
    assert "> **Note.** Seeds 3 &amp; 4 were added after a look at" in head_markdown


def test_code_in_a_note_is_shown_as_code_and_the_rest_as_it_is():
    assert prose.with_code("`snakemake <b>` asks; *a* ` b") == "<code>snakemake &lt;b&gt;</code> asks; *a* ` b"


def test_undecided_claims_say_with_which_seeds_they_would_be_decided():
    undecided = [claim(f"A-{count}", verdict="undecided", seeds_needed=count) for count in (4, 93, 4)]
    few, many = gaps(undecided, [0, 1, 2], [])
    assert few.lines.startswith("seeds: [0, 1, 2, 3]") and list(few.claims) == ["A-4"]
    assert (
        many.lines == "seeds: [0, 1, 2, ...]  # 93 in all, or of single networks"
        and many.why == "undecided; 93 seeds would decide the open parts"
    )


def test_what_was_not_tested_says_why_and_what_would_make_it():
    lacking = untested(Reason(Lack.NETWORK, network="full_width-relu/depth=3/alpha=0.1"))
    one = claim("IFR-2", lacking, part(), lacking, verdict="not tested", p_value=None)
    (gap,) = gaps([one], [0, 1, 2], [])
    assert gap.claims == {"IFR-2": 2}
    (network,) = yaml.safe_load(gap.lines)["networks"]
    assert network == {"name": "full_width", "activations": ["relu"], "depths": [3], "alphas": [0.1]}
    beside = material([one]).conventions | {"missing": ["results/other/claims.json"]}
    text, markdown = report(material([one], conventions=beside))
    assert "results/other/claims.json is missing" in text
    name = "Deep Full Width Convolution (ReLU), alpha = 0.1"
    assert text.count(f"not in this study: {name}") == 2  # in the claim
    assert text.count("not in this study: full_width-relu/depth=3/alpha=0.1") == 1  # above the lines that would add it
    assert "full_width-relu/depth=3/alpha=0.1" in markdown


@pytest.mark.parametrize(
    ("reason", "lines"),
    [
        (Reason(Lack.ROLE, role="transfer"), {"claims": {"transfer": None}}),
        (Reason(Lack.RESULTS, network="VGG19 (ReLU)", attack="pgd"), None),
        (Reason(Lack.CHECKPOINT, network="VGG19 (ReLU)", attack="pgd", checkpoint="last"), None),
        (Reason(Lack.FILE, file="lines", attack="pgd", checkpoint="best"), None),
        (Reason(Lack.SHARED_IMAGE), ""),
        (GONE, ""),
    ],
)
def test_each_kind_of_reason_has_its_remedy(reason, lines):
    (gap,) = gaps([claim("A-1", untested(reason), verdict="not tested", p_value=None)], [0, 1, 2], [])
    assert gap.why == reason.sentence
    if lines == "":
        assert gap.lines == ""
    else:
        assert "workflow/presets/dynamics.yaml" in gap.lines and yaml.safe_load(gap.lines) == lines


def test_claims_of_a_verdict_stand_together_contradicted_first_and_each_verdict_can_be_shown_alone(page):
    shown = page[page.index('id="claims"') : page.index('id="tables"')]
    order = ("shelf-contradicted", "NL-1", "shelf-supported", "IFR-1", "shelf-partly", "IFR-2", "shelf-undecided")
    places = [shown.index(f'id="{name}"') for name in order]
    assert places == sorted(places)
    filters = [name for name in Page(page).all("id") if name.startswith("show-")]
    assert filters[0] == "show-all" and filters[-1] == "show-untested"
    assert len(filters) == 2 + page.count('class="shelf"')
    for name in filters[1:]:
        assert f"#claims:has(#{name}:checked)" in page and f'id="{name.replace("show", "shelf")}"' in page


def test_a_table_stands_last_among_the_claims_of_its_verdict_and_is_counted_with_them():
    table = claim("TABLE-1", cell(20.2), verdict="supported", table=1, group=Group.TABLES)
    page = report(material([table, claim("IFR-1"), claim("NL-1", verdict="contradicted")]))[0]
    shelf = page[page.index('id="shelf-supported"') :].partition("</section>")[0]
    assert re.findall('class="claim" id="(.*?)"', shelf) == ["IFR-1", "TABLE-1"]
    choices = re.search("<fieldset.*?</fieldset>", page, re.DOTALL)[0]
    assert re.findall(r"(\d+(?: \(.*\))?)</label>", choices) == ["3 (1 table)", "1", "2"]
    assert "Of 3 claims, this study finds <strong>2 supported</strong> and <strong>1 contradicted</strong>." in page


def test_counts_come_last_among_the_claims_with_the_null_beside_them(page):
    assert page.index('id="shelf-undecided"') < page.index('class="counts"') < page.index("Of 9 parts of claims")
    assert page.index('class="counts"') < page.rindex("noise without any network passes 2 of the same 2")


def test_the_papers_number_stands_in_the_row_of_its_part(page):
    article = page[page.index('id="IFR-1"') :].partition("</article>")[0]
    row = article[article.index('<tr class="row">') :].partition("</tr>")[0]
    assert "−20 % [−30, −10]" in row and "−40.0 %" in row and "600 / 1000" in row


def test_a_claim_without_any_number_has_no_plot():
    one = claim("IFR-2", untested(GONE), verdict="not tested", p_value=None)
    assert panels(one.parts) == [] and tally(one) == "no data"
    assert 'class="row"' not in report(material([one]))[0]


def test_the_audit_names_the_conclusions_that_depend_on_a_convention(page):
    other = convention("rgb", CLAIMS, IFR_1="contradicted")
    other["claims"]["NL-1"]["parts"] = ["open"]
    other["cells"]["TABLE-1"]["within"] = 0
    other["claims"]["TABLE-1"]["values"] = [30.5, 20.5, None]
    found = compared([convention("paper", CLAIMS), other], CLAIMS)
    assert list(found.claims) == [one.name for one in CLAIMS[:-1]]
    assert found.changing("verdict") == ["IFR-1"] and found.changing("parts") == ["NL-1"]
    assert found.dependence("IFR-1") == "supported; contradicted under rgb"
    assert [(count.ours, count.noise) for count in found.within["TABLE-1"]] == [
        ("1 of 3", "noise 2"),
        ("0 of 3", "noise 2"),
    ]
    cells = [cell.values for cell in found.cells["TABLE-1"]]
    assert cells == [((20.2, True), (30.5, False)), ((22.0, False), (20.5, True)), (None, None)]
    assert "<strong>IFR-1</strong> (What IFR-1 says): supported; contradicted under RGB." in page
    same = [convention(name, CLAIMS) for name in ("paper", "rgb")]
    assert (
        "No verdict depends on a convention." in report(material(conventions={"conventions": same, "missing": []}))[0]
    )


def test_a_convention_with_fewer_data_is_no_other_conclusion():
    one = [claim("IFR-2", part(), part(verdict="fails"), verdict="partly")]
    fewer = convention("rgb", one, IFR_2="supported")
    fewer["claims"]["IFR-2"]["parts"] = ["holds", "not tested"]
    none = convention("pgd_minimal", one, IFR_2="not tested")
    none["claims"]["IFR-2"]["parts"] = ["not tested", "not tested"]
    found = compared([convention("paper", one), fewer, none], one)
    assert found.changing("verdict") == [] and found.changing("parts") == []
    assert found.incomparable() == {"IFR-2": ["rgb (part 2)", "pgd_minimal (parts 1 and 2)"]} and found.unchanged() == 0
    text, markdown = report(
        material(one, conventions={"conventions": [convention("paper", one), fewer], "missing": []})
    )
    assert "not comparable: part 2" in text and "not comparable: part 2" in markdown
    assert "No verdict that can be compared depends on a convention." in text and "0 claims have the same" in text
    none["claims"]["IFR-2"]["parts"].append("holds")
    more = compared([convention("paper", one), none], one)  # another study, before a part was taken away
    assert more.incomparable() == {"IFR-2": ["pgd_minimal (parts 1 and 2)"]}


def test_other_studies_stand_beside_and_are_told_from_conventions():
    one = [claim("IFR-2", part())]
    clean = convention("clean", one) | {"kind": "study", "title": "study clean, options.bias: False of 4 networks"}
    conventions = {"conventions": [convention("paper", one), convention("rgb", one), clean], "missing": []}
    text, markdown = report(material(one, conventions=conventions))
    for said in (text, markdown):
        assert "under 1 other convention, each of which differs in one thing" in said
        assert "clean is another study" in said and "options.bias: False of 4 networks" in said
    assert text.count("clean, another study</th>") == 1


def test_doubts_show_what_the_study_found(page):
    shown = page[page.index('id="doubt-layers"') : page.index('id="methods"')]
    for text in ("✗", "other verdicts on IFR-1", 'href="#table-table1"', "no evidence on it"):
        assert text in shown
    assert words.estimate(CLAIMS[2].parts[1]) in shown and "X-1" not in shown


def test_the_evidence_of_doubts_exists():
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (REFERENCE / "claims").glob("*.yaml")]
    claims = {name: claim for file in files for name, claim in file.items()}
    tables = {path.stem for path in (REFERENCE.parent / "lib/advspectra/tables").glob("*.py")}
    for doubt in yaml.safe_load((REFERENCE / "doubts.yaml").read_text(encoding="utf-8")).values():
        for item in doubt["evidence"]:
            assert "convention" in item or item.get("table") in tables or item["claim"] in claims
            if "parts" in item:
                assert max(item["parts"]) <= len(claims[item["claim"]]["parts"])


def test_methods_come_from_the_configuration():
    text = report(
        material(config={**synthetic_report.CONFIG, "training": synthetic_report.CONFIG["training"] | {"epochs": 7}})
    )[1]
    assert "7 epochs" in text and "0.00005" in text and "random_start yes" in text and "band (low 2, high 4)" in text
    assert "of successful attacks; images where the attack's loss has no gradient are left out)" in text


def test_the_papers_tables_come_first_and_long_ones_are_folded():
    rows = synthetic_report.TABLE.splitlines()[4]
    long = synthetic_report.TABLE.replace("Table 1. Norms", "Distances").replace(rows, "\n".join([rows] * 50))
    text = report(material(tables={"distances": long, "table1": synthetic_report.TABLE}))[0]
    first, last = text[text.index('id="table-table1"') : text.index('id="figures"')].split('id="table-distances"')
    assert "<h3>Distances " in last and "<summary>Rows</summary>" in last and "<summary>Rows</summary>" not in first


def test_a_figure_is_recompressed_without_loss(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).convert("RGBA").save(tmp_path / "a.png")
    found = pictures.picture("fig05", tmp_path / "a.png", "A caption.")
    assert (found.width, found.height) == (60, 40)
    (tmp_path / "a.webp").write_bytes(found.webp)
    with Image.open(tmp_path / "a.webp") as image:
        assert np.array_equal(np.asarray(image.convert("RGB")), pixels)
    assert pictures.picture("fig05", tmp_path / "a.png", "A caption.") == found


def test_a_wide_figure_is_scaled_down(tmp_path):
    Image.new("RGB", (3200, 1000), "white").save(tmp_path / "a.png")
    found = pictures.picture("fig05", tmp_path / "a.png", "")
    assert (found.width, found.height) == (1600, 500)


def test_of_a_figure_with_several_developments_that_of_the_claim_comes_first():
    paths = ["fig01/full_width-relu/depth=1/alpha=1/pgd", "fig01/full_width-relu/depth=1/alpha=1/moved"]
    paths += [path.replace("full_width", "resnet18").replace("depth=1/", "depth=17/") for path in paths]
    found = [synthetic_report.picture(path) for path in paths]
    about = claim(
        "FNB-1", part(statement="roughness, ResNet18 (ReLU), perturbations of the final network"), figures=("fig01",)
    )
    shown = pictures.cited(about, found, {"final": "pgd", "transfer": "moved"})
    assert [one.path for one in shown][0] == paths[3] and set(shown) == set(found)
    assert shown[0].title == "Figure 1, ResNet18 (ReLU), moved"


def test_a_figure_of_another_attack_is_named_after_it_and_no_evidence_of_a_claim():
    found = [synthetic_report.picture(path) for path in ("fig05", "fig05/pgd_l2")]
    about = claim("FIG-5", part(statement="norms, pgd_l2"), figures=("fig05",))
    assert [one.title for one in found] == ["Figure 5", "Figure 5, pgd_l2"]
    assert pictures.cited(about, found, {"final": "pgd"}) == found[:1]
    page = report(material(pictures=found))[0]
    assert re.findall('<figure class="(.*?)"', page) == ["figure", "figure variant"]  # printed small


def test_provenance_tells_all_versions_and_uncommitted_changes_of_all_results():
    name = 'workflow/lib/my model.py"'
    origins = [
        {"commit": "0123abc", "uncommitted": [], "versions": {"torch": "2.15.0"}},
        {"commit": "0123abc", "uncommitted": [name], "versions": {"torch": "2.14.1", "numpy": "2"}},
        {"commit": "unknown", "uncommitted": "unknown", "versions": {"torch": "2.15.0"}},
    ]
    made_by = {**material().made_by, "uncommitted": [], "versions": {"python": "3.11.7"}}
    _, text = report(material(origins=origins, made_by=made_by))
    text = text.partition("## Provenance")[2]
    assert "- This page was made at commit 0123abc, nothing uncommitted.\n" in text
    assert f"- Its results were made at commit 0123abc, with uncommitted changes in {name}.\n" in text
    assert "- Its results were made at commit unknown.\n" in text
    assert "python 3.11.7; torch 2.14.1 and 2.15.0; numpy 2." in text
