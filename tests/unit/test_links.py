"""The links between the pages of this repository lead somewhere, and its pictures are small and on a page."""

import re
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MOST_BYTES = 6_000_000  # of all files that Git tracks: a clone stays quick, and pictures are what grows
FENCES = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", FENCES.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    """Return what the links and pictures of a page name."""
    return re.findall(r"\]\(([^)\s]+)\)", FENCES.sub("", page.read_text(encoding="utf-8")))


def broken(page: Path) -> list[str]:
    """Return the relative links of a page to no file, or to no heading of a page."""
    found = []
    for link in links(page):
        name, _, anchor = link.partition("#")
        target = page.parent / unquote(name) if name else page  # a link is a URL: %3D is =
        if "://" not in link and (not target.exists() or (anchor and anchor not in anchors(target))):
            found.append(link)
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_to_a_file_and_its_heading(page):
    assert broken(page) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_each_column_of_a_table_has_a_name(page):
    heads = re.findall(r"^(\|.*)\n\| *:?---", FENCES.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    assert [head for head in heads if re.search(r"\| *\|", head)] == []


def test_a_link_to_no_file_or_heading_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# GPU, several jobs\n[a](#gpu-several-jobs) [b](#gpu) [c](page.md) [d](gone.md) [e](https://x.org/y)"
    )
    assert broken(page) == ["#gpu", "gone.md"]


def test_each_picture_of_the_docs_is_on_a_page_and_without_loss():
    pictures = {
        path for path in (ROOT / "docs").rglob("*") if path.suffix in (".png", ".webp", ".jpg", ".jpeg", ".gif")
    }
    shown = {page.parent / unquote(link) for page in PAGES for link in links(page)}
    assert pictures and pictures <= shown
    # a WebP file without loss holds one chunk VP8L
    assert {path.name for path in pictures if path.read_bytes()[8:16] != b"WEBPVP8L"} == set()


def test_the_tracked_files_stay_small():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this folder is not a repository")
    sizes = {name: (ROOT / name).stat().st_size for name in listed.stdout.split("\0") if (ROOT / name).is_file()}
    largest = sorted(sizes, key=sizes.get, reverse=True)[:5]
    assert sum(sizes.values()) < MOST_BYTES, f"the largest are {', '.join(largest)}"
