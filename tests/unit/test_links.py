"""The links between the pages of this repository lead somewhere."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCES = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", FENCES.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(page: Path) -> list[str]:
    """Return the relative links of a page to no file, or to no heading of a page."""
    links = re.findall(r"\]\(([^)\s]+)\)", FENCES.sub("", page.read_text(encoding="utf-8")))
    found = []
    for link in links:
        name, _, anchor = link.partition("#")
        target = page.parent / unquote(name) if name else page  # a link is a URL: %3D is =
        if "://" not in link and (not target.exists() or (anchor and anchor not in anchors(target))):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_and_its_heading(page):
    assert broken(page) == []


def test_a_link_to_no_file_or_heading_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# GPU, several jobs\n[a](#gpu-several-jobs) [b](#gpu) [c](page.md) [d](gone.md) [e](https://x.org/y)"
    )
    assert broken(page) == ["#gpu", "gone.md"]
