"""Makes a report fit for the web: a page of a megabyte or two, in which every link leads somewhere.

python -m advspectra.page.publish results/<study>/report.html <folder>/report.html [<figure> ...]

Figures under other attacks than the summary's are left out, and those that are named (`examples`, `fig08`). Pictures
are at most WIDEST pixels wide and have COLOURS colours. Links lead to files that lie beside the new page: put tables
and figures that you want to show there first, all in one folder or as they lie in the study. Of paths on this machine
the last name stays. All else is as in the report.
"""

import argparse
import base64
import re
from html import unescape
from io import BytesIO
from pathlib import Path
from urllib.parse import quote, unquote

from PIL import Image

from advspectra.files.atomic import write_whole
from advspectra.page.pictures import address, narrowed

WIDEST, COLOURS = 900, 96
FIGURE = re.compile(
    r'<figure class="figure(?P<variant> variant)?" id="figure-(?P<name>[^"]+)">.*?</figure>\n?', re.DOTALL
)
PICTURE = re.compile(r"data:image/webp;base64,([A-Za-z0-9+/=]+)")
LINK = re.compile(r'<a href="(?P<to>[^"]+)">(?P<text>[^<]*)</a>(?P<separator> · )?')
IN_TEXT = re.compile(r"(?<=[\s>(])/(?:[\w.@+-]+/)+(?=[\w.@+-])")


def published(page: str, beside: Path, without: frozenset[str] = frozenset()) -> str:
    """A report (HTML) for the web; beside : the folder of the new page; without : names of figures to leave out.

    Raises ValueError if the report has no figure of a name.
    """
    known = {figure["name"] for figure in FIGURE.finditer(page)}
    if unknown := without - known:
        raise ValueError(
            f"no figure of the report: {', '.join(sorted(unknown))}; it has {', '.join(sorted(known)) or 'none'}"
        )

    def figure(found: re.Match) -> str:
        if found["variant"] or found["name"] in without:
            return ""
        return PICTURE.sub(lambda picture: _smaller(picture[1]), found[0])

    page = FIGURE.sub(figure, page)
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    page = LINK.sub(lambda link: _link(link, beside, ids), page)
    return IN_TEXT.sub("", page)


def _smaller(data: str) -> str:
    """The address of a picture (base64) with fewer pixels and colours."""
    with Image.open(BytesIO(base64.b64decode(data))) as picture:
        flat = narrowed(picture.convert("RGB"), WIDEST)
    flat = flat.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).convert("RGB")
    buffer = BytesIO()
    flat.save(buffer, "WEBP", lossless=True, quality=100, method=6)
    return address(buffer.getvalue())


def _link(link: re.Match, beside: Path, ids: set[str]) -> str:
    """A link, if it leads somewhere from the new page; else its text, or nothing where it led to a file."""
    to = unquote(unescape(link["to"]))
    if ":" in to or to.startswith("#"):
        return link[0] if ":" in to or to[1:] in ids else link["text"] + (link["separator"] or "")
    for path in (to, Path(to).name):
        if (beside / path).is_file():
            return link[0].replace(link["to"], quote(path))
    return ""


def main() -> None:
    """Read the command line, write the page and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("report", type=Path, help="report.html of a study")
    parser.add_argument("page", type=Path, help="the page to write, in the folder of the files that it may link to")
    parser.add_argument("without", nargs="*", help="figures to leave out, by their names in the report")
    given = parser.parse_args()
    try:
        page = published(given.report.read_text(encoding="utf-8"), given.page.parent, frozenset(given.without))
    except ValueError as error:
        parser.error(str(error))
    write_whole(given.page, page)
    print(f"{given.page}: {len(page.encode()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
