"""The explorer of a study as one HTML file that works without a network: its data, its script and its style inside."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"


def page(content: Mapping) -> str:
    """The page that shows what content.content found."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined, autoescape=True)
    script, style = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("explorer.js", "explorer.css"))
    return environment.get_template("explorer.html").render(
        study=content["study"],
        script=Markup(script),
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style=Markup(style),
        data=Markup(data(content)),
    )


def data(content: Mapping) -> str:
    """JSON that can stand in a page: of names of classes, perhaps a stranger's, only letters and digits stay."""
    classes = [_spelt(name) for name in content["classes"]]
    rest = {name: value for name, value in content.items() if name != "classes"}
    text = json.dumps(rest, separators=(",", ":"), allow_nan=False).replace("<", r"\u003c")
    return f'{{"classes":[{",".join(classes)}],{text[1:]}'


def _spelt(name: str) -> str:
    """A text of JSON whose letters are escapes but for those of ASCII, digits and spaces."""
    units = name.encode("utf-16-be", errors="replace")
    letters = (int.from_bytes(units[place : place + 2], "big") for place in range(0, len(units), 2))
    return '"' + "".join(chr(one) if re.match(r"[A-Za-z0-9 ]", chr(one)) else rf"\u{one:04x}" for one in letters) + '"'
