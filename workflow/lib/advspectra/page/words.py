"""Numbers and p-values as readers see them, and text that is safe inside Markdown."""

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the plan of a study imports this module, and records take a second to import
    from advspectra.claims.records import PartRecord

MANY_TIMES = 10
MINUS = "\N{MINUS SIGN}"
SPECIAL = re.compile(r"([\\`*\[\]<>|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")


def number(value: float | None, *, near: float | None = None) -> str:
    """A number with decimals for two digits of `near`, the half-width of its interval, or else four digits.

    A dash for None.
    """
    if value is None:
        return "–"
    if not near or not math.isfinite(near):
        return (f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}").replace("-", MINUS)
    decimals = max(0, 1 - math.floor(math.log10(near)))
    text = f"{value:.{min(decimals, 6)}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", MINUS)


def estimate(part: "PartRecord") -> str:
    """A part's value and 95 % interval, "−21.0 % [−24.1, −18.2]"; a dash where it was not tested.

    A ratio of MANY_TIMES and more is given as such, "12.2 times [6.6, 24.1]".
    """
    text = _value(part, part.value)
    if part.low is None or part.high is None:
        return text
    scale, shift = _scale(part)
    ends = (number(scale * (end + shift), near=_half_width(part)) for end in (part.low, part.high))
    return f"{text} [{', '.join(ends)}]"


def _value(part: "PartRecord", value: float | None) -> str:
    if value is None:
        return "–"
    near, (scale, shift) = _half_width(part), _scale(part)
    if not part.ratio:
        return number(value, near=near)
    return f"{number(value + shift, near=near)} times" if shift else f"{signed(scale * value, near=near or 1)} %"


def _scale(part: "PartRecord") -> tuple[int, int]:
    """What a part's number is multiplied by after the second is added, to be shown: ratios are stored less 1."""
    if part.ratio and part.value is not None and part.value + 1 >= MANY_TIMES:
        return 1, 1
    return (100, 0) if part.ratio else (1, 0)


def _half_width(part: "PartRecord") -> float | None:
    """Half the width of a part's interval, in percent for a ratio that is shown in percent."""
    if part.low is None or part.high is None:
        return None
    return _scale(part)[0] * (part.high - part.low) / 2


def signed(value: float, *, near: float | None = None) -> str:
    """A number with its sign, + or −."""
    text = number(value, near=near)
    return f"+{text}" if value > 0 and float(text) else text


def p_value(value: float | None) -> str:
    """A p-value in words, "p < 0.001" or "p = 0.012"; "" for None."""
    if value is None:
        return ""
    # spaces that do not break
    return (
        "p\N{NO-BREAK SPACE}<\N{NO-BREAK SPACE}0.001"
        if value < 0.001
        else f"p\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{value:.2g}"
        if value < 0.01
        else f"p\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{value:.3f}"
    )


def of_seed(part: "PartRecord", seed: int) -> str:
    """The value that one seed gives a part; a dash where it has none."""
    values = [record.value for record in part.seeds if record.seed == seed]
    return _value(part, values[0]) if values else "–"


def paper(part: "PartRecord") -> str:
    """The paper's numbers: "1418 / 1598: −11.3 %" of two sides, "505.9 ± 32.2" of a cell; a dash for none."""
    sides = paper_sides(part)
    return f"{sides}: {paper_value(part)}" if sides else paper_value(part)


def paper_value(part: "PartRecord") -> str:
    """The paper's number of a part: "−11.3 %", "506 ± 32" of a cell; a dash for none."""
    given = part.paper
    if given is None:
        return "–"
    if part.is_cell:
        return number(given.value, near=given.sd) + (f" ± {number(given.sd, near=given.sd)}" if given.sd else "")
    return f"{signed(100 * given.value, near=1)} %" if part.ratio else number(given.value)


def paper_sides(part: "PartRecord") -> str:
    """The paper's numbers of both sides, "1418 / 1598"; "" without them."""
    given = part.paper
    if given is None or part.is_cell or None in (given.left, given.right):
        return ""
    return f"{number(given.left)} / {number(given.right)}"


def noise(part: "PartRecord") -> str:
    """What noise without a network gives a cell, and whether that passes; a dash where there is nothing."""
    return "–" if part.noise is None else f"{number(part.noise)}{', passes' if part.noise_passes else ''}"


def distance(part: "PartRecord") -> str:
    """How many of the paper's standard deviations a cell lies from its mean; "" where there is none."""
    if not part.is_cell or part.value is None or part.paper.sd is None:
        return ""
    return f"{signed((part.value - part.paper.value) / part.paper.sd, near=1)} sd"


def listed(words: list) -> str:
    """Words in a row: "1, 2 and 3"."""
    words = [str(word) for word in words]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def counted(count: int, noun: str) -> str:
    """A number and its noun: "1 claim" or "3 claims"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def plain(value: object) -> str:
    """A setting of a configuration in words, with lists and sections inside it in parentheses."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_inside(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(_inside(item) for item in value)
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}"
    return {True: "yes", False: "no", None: "none"}[value] if value is None or isinstance(value, bool) else str(value)


def _inside(value: object) -> str:
    return f"({plain(value)})" if isinstance(value, dict | list) else plain(value)


def title(name: str) -> str:
    """The name of a table or figure: "Figure 5" for fig05, "Success accuracy" for success_accuracy."""
    if match := re.fullmatch(r"(fig|table)0*(\d+)", name):
        return f"{'Figure' if match[1] == 'fig' else 'Table'} {match[2]}"
    return name.replace("_", " ").capitalize()


def anchor(title: str) -> str:
    """The id that a repository's page gives a heading."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return SPECIAL.sub(r"\\\1", re.sub(r"\s+", " ", str(text))).replace("&", "&amp;")


FILTERS = {
    function.__name__: function
    for function in (
        number,
        estimate,
        of_seed,
        paper,
        paper_value,
        paper_sides,
        noise,
        distance,
        p_value,
        listed,
        counted,
        plain,
        anchor,
    )
}
