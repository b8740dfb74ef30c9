"""The README in Chromium, as wide as a repository shows it: short, its commands on the first screen, nothing cut."""

from pathlib import Path

import pytest
from browser import Browser
from markdown_it import MarkdownIt
from test_browser import chromium  # noqa: F401  a fixture

README = Path(__file__).parents[2] / "README.md"
WIDTH, SCREEN, MOST_LINES = 830, 900, 120
# sizes, margins and type like those of a repository's page
STYLE = """
body { margin: 0; padding: 32px; font: 16px/1.5 "Noto Sans", "DejaVu Sans", sans-serif; }
h1 { font-size: 2em; padding-bottom: .3em; margin: 0 0 16px; } h2 { font-size: 1.5em; margin: 24px 0 16px; }
p, ul, pre, table { margin: 0 0 16px; } ul { padding-left: 2em; } li + li { margin-top: .25em; }
img { max-width: 100%; }
code { font: 85% "DejaVu Sans Mono", monospace; padding: .2em .4em; } pre code { font-size: 100%; padding: 0; }
pre { padding: 16px; overflow: auto; font-size: 85%; line-height: 1.45; }
table { display: block; overflow: auto; border-collapse: collapse; } td, th { border: 1px solid; padding: 6px 13px; }
"""


@pytest.fixture(scope="module")
def page(chromium, tmp_path_factory):  # noqa: F811
    html = MarkdownIt("commonmark").enable("table").render(README.read_text(encoding="utf-8"))
    path = tmp_path_factory.mktemp("readme") / "readme.html"
    base = README.parent.as_uri()
    path.write_text(f'<!doctype html><meta charset="utf-8"><base href="{base}/"><style>{STYLE}</style>{html}')
    with Browser() as browser:
        browser.open(path.as_uri(), width=WIDTH)
        yield browser


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_picture_findings_and_commands_are_on_the_first_screen(page):
    commands = "document.querySelector('pre')"
    assert {"git clone", "make demo", "make test"} <= {
        " ".join(line.split()[:2]) for line in page.evaluate(f"{commands}.textContent").splitlines()
    }
    assert page.evaluate(f"{commands}.getBoundingClientRect().bottom") < SCREEN
    above = f"one => one.compareDocumentPosition({commands}) & Node.DOCUMENT_POSITION_FOLLOWING"
    assert page.evaluate(f"[...document.querySelectorAll('img')].filter({above})[0].naturalWidth") > 0
    findings = page.evaluate(f"[...document.querySelectorAll('li')].filter({above}).map(one => one.textContent)")
    assert len(findings) == 3 and all(any(letter.isdigit() for letter in finding) for finding in findings)


def test_nothing_of_the_readme_is_cut_at_its_usual_width(page):
    assert page.evaluate("document.documentElement.scrollWidth") == WIDTH
    cut = "[...document.querySelectorAll('pre, table')].filter(one => one.scrollWidth > one.clientWidth)"
    assert page.evaluate(f"{cut}.map(one => one.textContent.slice(0, 60))") == []
