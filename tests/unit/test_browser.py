"""The report page in headless Chromium: nothing on the console, no request, no overflow on wide and narrow screens."""

import dataclasses
import os
import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from browser import Browser
from PIL import Image
from synthetic_report import CLAIMS, convention, material

from advspectra.page.report import report

SCREEN, PHONE = 1280, 400  # CSS pixels
WIDTHS = (1280, 1024, 830, 768, 640, 480, PHONE, 360, 320)
PAPER = 688  # of A4, between margins of 14 mm


def figure(one):
    """Return a picture with an image that a browser can show."""
    shades = np.tile(np.arange(0, 240, dtype=np.uint8), (150, 1))
    buffer = BytesIO()
    Image.fromarray(shades).convert("RGB").save(buffer, "WEBP", lossless=True)
    return dataclasses.replace(one, width=240, height=150, webp=buffer.getvalue())


@pytest.fixture(scope="session")
def chromium():
    if shutil.which("chromium") is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            pytest.skip("no chromium in PATH, and without root and apt-get none can be installed")
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu-core"]):
            done = subprocess.run(["apt-get", "-qq", *arguments], capture_output=True, text=True, env=environment)
            if done.returncode:
                pytest.skip(f"no chromium in PATH, and apt-get {arguments[0]} failed: {done.stderr.strip()[-300:]}")


@pytest.fixture(scope="module")
def browser(chromium):
    with Browser() as started:
        yield started


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    whole = material()
    path.write_text(report(dataclasses.replace(whole, pictures=[figure(one) for one in whole.pictures]))[0])
    return path.as_uri()


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_quiet_asks_for_nothing_and_fits(browser, address, width, tmp_path):
    seen = browser.open(address, width=width)
    (tmp_path / f"{width}.png").write_bytes(browser.screenshot())
    assert seen["inner"] == width
    assert seen["console"] == []
    assert [url for url in seen["requests"] if not url.startswith("data:")] == [address]
    assert seen["scroll"] == width
    beyond = "[...document.querySelectorAll('body *')].filter(one => !one.closest('.scroll') && !one.closest('svg') && \
        one.getBoundingClientRect().right > innerWidth + 1).map(one => one.className || one.tagName)"
    assert browser.evaluate(beyond) == []
    with Image.open(tmp_path / f"{width}.png") as image:
        assert image.size == (width, seen["height"]) and len(image.convert("L").getcolors()) > 50


@pytest.mark.parametrize("width", WIDTHS)
def test_with_all_folds_open_only_boxes_that_the_keyboard_reaches_scroll_sideways(browser, address, width):
    browser.open(address, width=width)
    browser.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert browser.evaluate("document.documentElement.scrollWidth") == width
    boxes = "[...document.querySelectorAll('body *')].filter(one => one.scrollWidth > one.clientWidth && \
        ['auto', 'scroll'].includes(getComputedStyle(one).overflowX))"
    assert width > 830 or browser.evaluate(f"{boxes}.length") > 0
    assert browser.evaluate(f"{boxes}.filter(one => one.tabIndex < 0).map(one => one.outerHTML.slice(0, 80))") == []


def test_a_browser_that_is_asked_to_would_notice(browser, tmp_path):
    """What the test above demands the absence of is seen where it is there."""
    path = tmp_path / "bad.html"
    path.write_text(
        "<script>console.error('x')</script><img src='http://127.0.0.1:9/a.png'><p style='width: 900px'>wide"
    )
    seen = browser.open(path.as_uri(), width=PHONE)
    assert seen["console"] and "http://127.0.0.1:9/a.png" in seen["requests"] and seen["scroll"] > PHONE


def test_the_policy_of_the_page_keeps_out_what_would_be_put_into_it(browser, address, tmp_path):
    path = tmp_path / "spoilt.html"
    with open(address.removeprefix("file://"), encoding="utf-8") as file:
        page = file.read()
    path.write_text(
        page.replace("</main>", "<script>document.title = 'taken'</script><img src='http://127.0.0.1:9/'></main>")
    )
    seen = browser.open(path.as_uri(), width=SCREEN)
    assert browser.evaluate("document.title").startswith("tiny:") and len(seen["console"]) == 2


def test_a_claims_link_leads_to_its_parts_and_its_figure_is_enlarged_without_a_script(browser, address):
    browser.open(address, width=SCREEN)
    browser.evaluate("document.querySelector('.answer a[href=\"#IFR-2\"]').click()")
    section = "document.getElementById('IFR-2')"
    assert browser.evaluate("location.hash") == "#IFR-2"
    assert browser.evaluate(f"{section}.querySelectorAll('.parts .row').length") == 3
    box = "document.querySelector('#figure-fig05 img').getBoundingClientRect()"
    small = browser.evaluate(f"{box}.width")
    browser.evaluate(f"{section}.querySelector('.cites a').click()")
    width, height = (browser.evaluate(f"{box}.{side}") for side in ("width", "height"))
    assert browser.evaluate("location.hash") == "#figure-fig05"
    assert width > 2 * small and height == pytest.approx(width * 150 / 240, rel=0.01)


def test_the_filter_shows_the_claims_of_one_verdict(browser, address):
    browser.open(address, width=SCREEN)
    shown = "[...document.querySelectorAll('.claim')].filter(one => one.checkVisibility()).map(one => one.id).join()"
    assert browser.evaluate(shown).startswith("NL-1,IFR-1,IFR-2,IFR-3")
    browser.evaluate("document.getElementById('show-contradicted').click()")
    assert browser.evaluate(shown) == "NL-1"


@pytest.mark.parametrize("width", [SCREEN, 830, PHONE, 320])
def test_the_papers_numbers_are_in_view_at_each_width(browser, address, width):
    browser.open(address, width=width)
    seen = "[...document.querySelectorAll('#shelf-supported td.paper')].map(one => [one.innerText.includes('−40.0 %'), \
        one.getBoundingClientRect().right <= innerWidth && one.getBoundingClientRect().width > 50].join())"
    assert set(browser.evaluate(seen)) == {"true,true"}


def test_in_print_nothing_is_cut_and_no_text_is_small(browser, address):
    browser.call("Emulation.setEmulatedMedia", media="print")
    try:
        seen = browser.open(address, width=PAPER)
        assert seen["scroll"] == PAPER
        visible = (
            "[...document.querySelectorAll('body *')].filter(one => one.checkVisibility() && !one.closest('thead'))"
        )
        small = f"{visible}.filter(one => [...one.childNodes].some(node => node.nodeType == 3 && node.data.trim())) \
            .filter(one => parseFloat(getComputedStyle(one).fontSize) * 0.75 < 8).map(one => one.outerHTML)"
        assert browser.evaluate(small) == []
        beyond = f"{visible}.filter(one => !one.closest('svg') && one.getBoundingClientRect().right > innerWidth + 1) \
            .map(one => one.outerHTML.slice(0, 80))"
        assert browser.evaluate(beyond) == []
        # what a reader cannot press open is open or away
        assert browser.evaluate("document.querySelector('#statistics li').getBoundingClientRect().height") > 0
        assert not browser.evaluate("document.querySelector('.filter').checkVisibility()")
        assert browser.evaluate("document.querySelector('#shelf-untested summary').getBoundingClientRect().height") > 0
        # and no figure that a claim cites hangs into the next claim
        hanging = "[...document.querySelectorAll('.claim .cites')].filter(one => one.getBoundingClientRect().bottom > \
            one.closest('.claim').getBoundingClientRect().bottom).map(one => one.closest('.claim').id)"
        assert browser.evaluate(hanging) == []
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")


def test_in_print_a_wide_table_whose_fold_is_open_is_as_wide_as_the_paper(browser, tmp_path):
    many = {"conventions": [convention(f"another_convention_{place}", CLAIMS) for place in range(11)], "missing": []}
    path = tmp_path / "report.html"
    path.write_text(report(material(conventions=many))[0].replace("<details", "<details open"))
    assert browser.open(path.as_uri(), width=PAPER)["scroll"] == PAPER
    wide = "[...document.querySelectorAll('#audit table')].map(one => one.scrollWidth)"
    assert max(browser.evaluate(wide)) > PAPER  # on a screen
    browser.call("Emulation.setEmulatedMedia", media="print")
    try:
        assert browser.open(path.as_uri(), width=PAPER)["scroll"] == PAPER
        assert max(browser.evaluate(wide)) <= PAPER
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")


@pytest.mark.parametrize("width", [SCREEN, PHONE])
def test_axe_finds_no_barrier(browser, address, width):
    if (axe := os.environ.get("AXE_CORE")) is None:
        pytest.skip("AXE_CORE does not name axe.min.js of the npm package axe-core")
    browser.open(address, width=width)
    browser.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    browser.evaluate(Path(axe).read_text(encoding="utf-8"))
    run = "axe.run().then(found => found.violations.map(one => `${one.id}: ${one.nodes[0].html}`))"
    found = browser.call("Runtime.evaluate", expression=run, awaitPromise=True, returnByValue=True)
    assert found["result"]["value"] == []
