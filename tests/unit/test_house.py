"""The house rules of workflow/: which module may import which, and how long modules and functions may be."""

import ast
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "workflow/lib"
SOURCES = sorted((ROOT / "workflow").rglob("*.py"))

MOST_LINES = 250  # of a module
MOST_LINES_OF_A_FUNCTION = 60
MOST_MODULES = 12  # directly in advspectra/

# Packages and modules of advspectra from the ground up: each imports from its own layer and from those below it.
LAYERS = (
    ("files", "machine", "statistics", "fourier", "sources", "split", "streams", "table"),
    (
        "networks",
        "lines",
        "attacking",
        "perturb",
        "training",
        "layers",
        "models",
        "datasets",
        "attacks",
        "spectra",
        "checks",
    ),
    ("results",),
    ("claims", "columns", "study"),
    ("drawing", "figures", "tables", "page", "explorer"),
)


def modules() -> dict[str, Path]:
    """The modules of the library by their dotted names."""
    paths = (path.relative_to(LIBRARY) for path in LIBRARY.rglob("*.py"))
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__"): LIBRARY / path for path in paths}


MODULES = modules()


def imported(name: str) -> Iterator[str]:
    """The modules of the library that a module imports, anywhere in its code except for types."""
    for node in _executed(ast.parse(MODULES[name].read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield from [found for found in (whole, node.module) if found in MODULES][:1]


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a syntax tree, but for those under `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if not (isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")):
            yield node
            yield from _executed(node)


IMPORTS = {name: set(imported(name)) - {name} for name in MODULES}


def layer(name: str) -> int | None:
    """The number of a module's layer; None for the package advspectra itself."""
    part = name.split(".")[1:2]
    return next((number for number, parts in enumerate(LAYERS) if part and part[0] in parts), None)


def long_modules() -> dict[str, str]:
    lengths = {_place(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    return {
        place: f"{place}: {length} lines; allowed: {MOST_LINES}"
        for place, length in lengths.items()
        if length > MOST_LINES
    }


def long_functions() -> dict[str, str]:
    breaches = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = node.end_lineno - node.lineno + 1
                if length > MOST_LINES_OF_A_FUNCTION:
                    name = f"{_place(path)}:{node.name}"
                    breaches[name] = f"{name}: {length} lines; allowed: {MOST_LINES_OF_A_FUNCTION}"
    return breaches


def upward_imports() -> dict[str, str]:
    breaches = {}
    for name, others in IMPORTS.items():
        for other in sorted(others):
            ours, theirs = layer(name), layer(other)
            if name.startswith("advspectra.") and (
                other.partition(".")[0] == "advspectra_study" or (None not in (ours, theirs) and theirs > ours)
            ):
                breaches[f"{name} -> {other}"] = f"{name} imports {other}, which lies above it"
    return breaches


def _place(path: Path) -> str:
    return path.relative_to(ROOT / "workflow").as_posix()


RULES = {"long modules": long_modules, "long functions": long_functions, "upward imports": upward_imports}


@pytest.mark.parametrize("rule", RULES)
def test_code_keeps_the_house_rules(rule):
    if breaches := RULES[rule]().values():
        pytest.fail("\n".join([f"{rule}:", *breaches]), pytrace=False)


def test_modules_import_each_other_in_no_circle():
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail("a circle of imports: " + " -> ".join(error.args[1]), pytrace=False)


def test_every_module_of_the_library_has_a_layer():
    without = [name for name in MODULES if name.startswith("advspectra.") and layer(name) is None]
    assert not without, f"{', '.join(without)}: name the layer in LAYERS"


def test_few_modules_lie_directly_in_the_library():
    names = sorted(path.name for path in (LIBRARY / "advspectra").glob("*.py"))
    assert len(names) <= MOST_MODULES, f"{len(names)} modules in advspectra/; allowed: {MOST_MODULES}: {names}"


def test_no_two_modules_of_tests_have_one_name():
    """pytest imports them by their name alone."""
    names = Counter(path.name for path in Path(__file__).parents[1].rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
