"""The page for the web: smaller pictures, no figure of another attack, no dead link, no path of a machine."""

import base64
import dataclasses
import re
import subprocess
import sys
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from synthetic_report import material
from synthetic_report import picture as synthetic_picture

from advspectra.page.publish import COLOURS, WIDEST, published
from advspectra.page.report import report


def picture(one):
    shades = np.linspace(0, 255, 1000 * 3).reshape(1000, 3).round().astype(np.uint8)
    buffer = BytesIO()
    Image.fromarray(np.tile(shades, (50, 1, 1))).save(buffer, "WEBP", lossless=True)
    return dataclasses.replace(one, width=1000, height=50, webp=buffer.getvalue())


@pytest.fixture(scope="module")
def page():
    whole = material()
    pictures = [picture(one) for one in [*whole.pictures, synthetic_picture("fig05/pgd_l2")]]
    config = {**whole.config, "dataset": whole.config["dataset"] | {"options": {"path": "/home/somebody/images.tar"}}}
    return report(dataclasses.replace(whole, pictures=pictures, config=config))[0]


def ids(text):
    return re.findall(r'<figure class="figure(?: variant)?" id="figure-([^"]+)"', text)


def test_figures_of_other_attacks_and_named_ones_are_left_out_and_links_to_them_are_text(page, tmp_path):
    variants = re.findall(r'class="figure variant" id="figure-([^"]+)"', page)
    named = next(name for name in ids(page) if f'<a href="#figure-{name}">' in page and name not in variants)
    shown = published(page, tmp_path, frozenset([named]))
    assert variants
    assert ids(shown) == [name for name in ids(page) if name not in (*variants, named)]
    assert f"#figure-{named}" not in shown


def test_each_picture_is_smaller_and_keeps_its_shape(page, tmp_path):
    pictures = re.findall(r"base64,([A-Za-z0-9+/=]+)", published(page, tmp_path))
    assert pictures
    for data in pictures:
        with Image.open(BytesIO(base64.b64decode(data))) as image:
            assert image.size == (WIDEST, WIDEST // 20)
            assert len(image.convert("RGB").getcolors(COLOURS + 1) or ()) in range(1, COLOURS + 1)


def test_each_link_leads_to_a_file_beside_the_page_or_to_a_place_in_it(page, tmp_path):
    (tmp_path / "table1.csv").touch()
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "fig05.csv").touch()
    shown = published(page, tmp_path)
    links = [link for link in re.findall(r'<a [^>]*href="([^"]+)"', shown) if ":" not in link]
    assert {link for link in links if not link.startswith("#")} == {"table1.csv", "figures/fig05.csv"}
    places = set(re.findall(r'\bid="([^"]+)"', shown))
    assert {link[1:] for link in links if link.startswith("#")} <= places
    assert "Explorer" in page and "Explorer" not in shown


def test_of_a_path_of_this_machine_the_last_name_stays(page, tmp_path):
    assert "/home/somebody/images.tar" in page
    shown = published(page, tmp_path)
    assert "somebody" not in shown
    assert "images.tar" in shown


def test_the_command_writes_the_page_and_names_a_figure_that_is_not_there(page, tmp_path):
    (tmp_path / "report.html").write_text(page)
    command = [sys.executable, "-m", "advspectra.page.publish", tmp_path / "report.html", tmp_path / "web.html"]
    failed = subprocess.run([*command, "fig77"], capture_output=True, text=True)
    assert failed.returncode == 2
    assert "no figure of the report: fig77; it has " in failed.stderr
    assert not (tmp_path / "web.html").exists()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.fullmatch(r".*web\.html: \d+\.\d MB\n", done.stdout)
    assert ids((tmp_path / "web.html").read_text())
