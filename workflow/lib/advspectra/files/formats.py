"""The formats of all result files by kind, and the page that documents them.

`python -m advspectra.files.formats docs/results-format.md` writes the tables into the page.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from advspectra.files import checkpoints, images, lines, perturbations, predictors, spectra
from advspectra.files.layout import Array

MODULES = (images, checkpoints, predictors, perturbations, spectra, lines)
FORMATS = {module.FORMAT.kind: module.FORMAT for module in MODULES}
START = "<!-- written by python -m advspectra.files.formats -->"
END = "<!-- end of what it has written -->"


def page(text: str) -> str:
    """The text of a page with the tables of all formats between START and END."""
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ValueError(f"expected the lines {START} and {END}")
    return f"{before}{START}\n\n{chr(10).join(line for module in MODULES for line in _section(module))}\n{END}{after}"


def _section(module: ModuleType) -> Iterator[str]:
    """Yield the lines of the section of one format: what its module says, and its table."""
    form = module.FORMAT
    title, _, prose = module.__doc__.partition("\n")
    yield f"### {form.kind}.h5, version {form.version}\n"
    title = title.removeprefix(f"{form.kind}.h5: ")
    yield f"{title[0].upper()}{title[1:]}\n{prose}"
    if form.groups:
        yield f"Groups: {', '.join(f'`{group}`' for group in form.groups)}.\n"
    yield "| array | axes | type | unit | content |\n| --- | --- | --- | --- | --- |"
    for name, array in form.arrays.items():
        yield f"| `{name}` | {_axes(array.dims)} | {array.dtype or 'any'} | {array.units} | {_content(array)} |"
    yield ""


def _axes(dims: str | None) -> str:
    return "any" if dims is None else f"({', '.join(dims.split())}{',' if len(dims) == 1 else ''})"


def _content(array: Array) -> str:
    """What an array is and in which files it is absent."""
    notes = [array.text or "its name, as `long_name`"]
    notes += ["dimension scale"] * array.is_scale
    notes += [f"NaN where {array.nan_if_zero} is 0"] * bool(array.nan_if_zero)
    notes += [f"absent if {array.absent_if_empty} = 0"] * bool(array.absent_if_empty)
    notes += ["may be absent"] * array.optional
    notes += [f"since version {array.since}"] * (array.since > 1)
    notes += [f"until version {array.until}"] * (array.until is not None)
    return "; ".join(notes)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")
