"""Names of a configuration are shown in words; paths and code keep them."""

import pytest
from synthetic_report import CONFIG, material

from advspectra.page.names import Names, spoken
from advspectra.page.report import report

NAMES = Names(CONFIG | {"attacks": [{"name": "pgd_snapshots"}, {"name": "pgd"}]}, ["rgb_orthonormal", "cifar10_jpeg"])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pgd_snapshots", "PGD snapshots"),
        ("rgb_orthonormal", "RGB orthonormal"),
        ("bounded_width_32", "Bounded Width Convolution"),
        ("cifar10_jpeg", "CIFAR-10 JPEG"),
        ("band_features", "band features"),
        ("mine", "mine"),
    ],
)
def test_names_are_spoken(name, words):
    assert spoken(name) == words


def test_names_in_a_text_are_replaced_longest_first_and_code_marks_go_with_them():
    assert NAMES("attack `pgd_snapshots`, then pgd.") == "attack PGD snapshots, then PGD."
    assert NAMES("under rgb_orthonormal of full_width") == "under RGB orthonormal of Full Width Convolution"
    assert NAMES("not here: full_width-relu/depth=3/alpha=0.1") == (
        "not here: Deep Full Width Convolution (ReLU), alpha = 0.1"
    )


def test_paths_and_words_that_contain_a_name_stay():
    text = "figures/pgd_snapshots/best, my_pgd_snapshots and pgd_snapshots_recalibrated"
    assert NAMES(text) == text


def test_the_page_shows_no_raw_name_outside_of_the_configuration_and_paths():
    page = report(material(config=CONFIG))[0]
    text = page.partition('<details class="raw">')[0].partition("<body>")[2]
    assert "full_width" not in text and "linf_pgd" not in text
