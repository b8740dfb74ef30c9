"""Markdown of the page's texts, of tables and captions, and HTML made of it."""

import re
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from advspectra.page import words
from advspectra.page.names import spoken

TEMPLATES = Path(__file__).parent / "templates"
CODE = re.compile("`([^`]+)`")


class Markdown(str):
    """Text that is Markdown already."""


def _escaped(value: object) -> str:
    return value if isinstance(value, Markdown) else words.escaped(value)


def markdown(template: str, context: Mapping) -> Markdown:
    """A template of Markdown filled in; all values are escaped but those that are Markdown.

    context : with `names`, which replaces the names of a configuration in a text.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_escaped,
        autoescape=False,
    )
    environment.filters |= words.FILTERS | {"markdown": Markdown, "spoken": spoken, "named": context["names"]}
    return Markdown(environment.get_template(template).render(context))


def html(text: str) -> Markup:
    """Markdown as HTML. HTML, images and links in it are shown as text; wide tables scroll in a box."""
    parser = _parser()
    parser.add_render_rule("table_open", lambda *_: '<div class="scroll" tabindex="0">\n<table>\n')
    parser.add_render_rule("table_close", lambda *_: "</table>\n</div>\n")
    return Markup(parser.render(text))


def html_inline(text: str) -> Markup:
    """The same of a text that is part of a line: without a paragraph around it."""
    return Markup(_parser().renderInline(text))


def with_code(text: str) -> Markup:
    """A text as HTML, shown as it is but for `what stands between these marks`, which is code."""
    return Markup(CODE.sub(r"<code>\1</code>", str(escape(text))))


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "link", "autolink"])
