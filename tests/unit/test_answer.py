"""The sentences of the first screen say what the verdicts say: which claims, with which numbers."""

import pytest
from synthetic_report import GONE, claim, material, part, untested

from advspectra.claims.terms import Group
from advspectra.page.answer import answer, inside
from advspectra.page.report import report

BETA = {"measure": "beta_l1", "checkpoint": "best", "attack": "final", "label": "", "value": 1.0, "seeds": [0, 1, 2]}
SIDES = {
    "left": BETA | {"network": "full_width-linear/depth=3"},
    "right": BETA | {"network": "full_width-linear/depth=1"},
}
TITLE = "Depth makes full width convolution sparser"
TESTED = {
    "FNB-5": Group.TRAINING,
    "DYN-2": Group.TRAINING,
    "DYN-9": Group.TRAINING,
    "IFR-2": Group.LINEAR,
    "IFR-7": Group.LINEAR,
    "NL-1": Group.NONLINEAR,
}


def claims(verdict: str, *parts, **about):
    """Return claims of all topics, with the same verdict and parts; what is given replaces what they say."""
    parts = parts or (part(**SIDES),)
    return [claim(name, *parts, verdict=verdict, group=group, title=TITLE, **about) for name, group in TESTED.items()]


def said(sentences):
    """Return what each sentence says of its claims: verb, conjunction and name."""
    return [[(one.verb, one.conjunction, one.name) for one in sentence.said] for sentence in sentences]


def test_there_is_a_sentence_for_each_topic_and_it_names_the_claims_of_the_abstract():
    sentences = answer(claims("supported"), own=False)
    assert [one.topic for one in sentences] == [
        "During training",
        "In linear networks",
        "In nonlinear networks and the data",
    ]
    assert said(sentences) == [
        [("supports", "that", "FNB-5"), ("", "that", "DYN-2")],
        [("supports", "that", "IFR-2"), ("", "that", "IFR-7")],
        [("supports", "that", "NL-1")],
    ]
    assert [one.others for one in sentences] == ["of 1 other claim: 1 supported", "", ""]


def test_a_supported_claim_stands_with_its_first_part_its_interval_and_the_papers_number():
    (number,) = answer(claims("supported"), own=False)[1].said[0].numbers
    assert number.text == "‖β̂‖₁, Deep Full Width Convolution against Full Width Convolution"
    assert (number.mark, number.value, number.beside) == (
        None,
        "−20 % [−30, −10]",
        " (the paper −40.0 % of rescaled β̂)",
    )
    assert answer(claims("supported"), own=True)[1].said[0].numbers[0].beside == ""


def test_a_contradicted_claim_stands_with_the_part_that_fails():
    parts = (part(**SIDES, verdict="open"), part(**SIDES, verdict="fails", value=0.5, low=0.3, high=0.7))
    sentences = answer(claims("contradicted", *parts), own=False)
    assert {one.verb for one in (sentence.said[0] for sentence in sentences)} == {"contradicts"}
    assert [number.value for number in sentences[1].said[0].numbers] == ["+50 % [30, 70]"]


@pytest.mark.parametrize(
    ("verdict", "verb", "words"),
    [
        ("partly", ("supports in part", "that"), ["holds", "fails"]),
        ("undecided", ("leaves undecided", "whether"), ["holds", "fails", "open"]),
    ],
)
def test_other_verdicts_stand_with_a_part_of_each_kind(verdict, verb, words):
    parts = [part(**SIDES, verdict=one) for one in ("open", "fails", "holds", "holds")]
    one = answer(claims(verdict, *parts), own=False)[1].said[0]
    assert (one.verb, one.conjunction) == verb
    assert [number.mark.word for number in one.numbers] == words


def test_where_none_was_tested_the_sentence_says_so():
    nothing = claims("not tested", untested(GONE), p_value=None)
    sentences = answer(nothing, own=False)
    assert said(sentences) == [[], [], []] and {one.others for one in sentences} == {""}
    page, markdown = report(material(nothing))
    for text in (page, markdown):
        assert text.count("the study tests no") == 3 and "tests none of the 2 claims." in text


def test_one_seed_decides_nothing_and_the_sentence_counts_its_directions():
    parts = (part(**SIDES, verdict="open"), part(**SIDES, verdict="open", direction="fails"))
    sentences = answer(claims("one seed: direction only", *parts), own=False)
    one = sentences[0].said[0]
    assert (one.verb, one.tally) == ("cannot decide with one seed", "1 of 2 parts points its way")
    assert sentences[0].others == "of 1 other claim, 0 point the paper's way in all tested parts"


def test_claims_that_were_not_tested_point_nowhere():
    known = claims("one seed: direction only")
    others = [
        claim(f"DYN-{number}", untested(GONE), verdict="not tested", group=Group.TRAINING) for number in range(3, 7)
    ]
    said = answer(known + others, own=False)[0].others
    assert said == "of 5 other claims, 1 points the paper's way in all tested parts"
    several = [*claims("supported")[:2], *others]  # of several seeds
    assert answer(several, own=False)[0].others == "of 4 other claims: 4 not tested"


def test_claims_of_ones_own_stand_in_where_those_of_the_abstract_are_missing():
    mine = [claim(f"MINE-{place}", group=Group.NONLINEAR) for place in range(4)]
    sentence, *others = answer(mine, own=False)
    assert [other.said for other in others] == [(), ()]  # topics without a tested claim come last
    assert [one.name for one in sentence.said] == ["MINE-0", "MINE-1"]
    assert sentence.others == "of 2 other claims: 2 supported"


def test_data_with_a_known_answer_come_first_where_the_images_are_not_the_papers():
    known = [*claims("supported"), claim("FEAT-1", group=Group.FURTHER)]
    assert answer(known, own=True)[0].said[0].name == "FEAT-1"
    assert answer(known, own=False)[2].said[0].name == "FEAT-1"
    assert answer(claims("supported"), own=True)[0].topic == "During training"


def test_one_side_stands_with_its_network_its_checkpoint_and_what_is_expected():
    left = BETA | {"measure": "success_rate", "network": "resnet18-relu", "checkpoint": "first", "attack": "transfer"}
    one = part(statement="success rate, ResNet18 (ReLU): 0 ± 0.05", left=left, right=None, ratio=False, paper=None)
    (number,) = answer(claims("supported", one), own=False)[1].said[0].numbers
    assert number.text == "success rate, ResNet18 at initialisation, perturbations of the final network"
    assert number.beside == " where 0 ± 0.05 is expected"


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Depth makes it sparser", "depth makes it sparser"),
        ("A larger scale", "a larger scale"),
        ("VGG19 and ResNet18 are alike", "VGG19 and ResNet18 are alike"),
        ("ReLU changes are equal", "ReLU changes are equal"),
    ],
)
def test_titles_have_a_small_letter_inside_a_sentence_but_for_names(title, shown):
    assert inside(title) == shown
