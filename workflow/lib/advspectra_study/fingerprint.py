"""Fingerprints of the code that a script depends on, given to Snakemake as parameters.

Snakemake sees a script, not what it imports, and sees it by its modification time. A digest of each module that the
script reaches makes exactly the rules stale whose code changed in meaning.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# where a statement has others
BODIES = ("body", "orelse", "finalbody", "handlers", "cases")


def code_fingerprint(script: Path, *, package: Path, plugins: tuple[str, ...] = ()) -> dict[str, str]:
    """A digest for the script and for every module of the package that it reaches by import, by file name.

    package : folder of the package that computes; what a script imports from elsewhere does not count.
    plugins : dotted names of modules that the script finds by name, which no import statement shows.
    Comments, docstrings and formatting do not count. Raises ValueError for a relative import, which is not followed.
    """
    digests = {}
    # a script may have the name of a module: its folder tells them apart
    pending = {script.relative_to(script.parents[1]).as_posix(): script}
    for plugin in plugins:
        pending |= _files(plugin, package)
    while pending:
        name, path = pending.popitem()
        digests[name], imported = _parsed(path, path.stat().st_mtime_ns)
        for module in imported:
            pending |= {found: file for found, file in _files(module, package).items() if found not in digests}
    return dict(sorted(digests.items()))


@cache
def _files(module: str, package: Path) -> dict[str, Path]:
    """The files of the package that importing `module` runs, by name: its own and those of the packages around it.

    A process looks for them once: the scripts of a study import the same modules some ten thousand times.
    """
    first, *parts = module.split(".")
    if first != package.name:
        return {}
    stems = [package.joinpath(*parts[:length]) for length in range(len(parts) + 1)]
    files = [file for stem in stems for file in (stem.with_suffix(".py"), stem / "__init__.py") if file.is_file()]
    return {file.relative_to(package).as_posix(): file for file in files if file.name != "__init__.py" or _runs(file)}


@cache
def _runs(path: Path) -> bool:
    """Whether importing a package runs code beside a docstring and a `__getattr__`.

    That finds names when they are asked for (PEP 562), which no script of the workflow does.
    """
    body = ast.parse(path.read_bytes(), filename=str(path)).body
    body = body[1:] if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) else body
    return any(not (isinstance(node, ast.FunctionDef) and node.name == "__getattr__") for node in body)


@cache
def source_digest(source: bytes, name: str) -> str:
    """The digest of Python source; `name` is the file's, for a SyntaxError."""
    return _digest(ast.parse(source, filename=name))


def imports_of(path: Path) -> tuple[str, ...]:
    """The dotted names that a file imports, wherever in it; of `from a import b` a.b, be it a module or not."""
    return _parsed(path, path.stat().st_mtime_ns)[1]


@cache
def _parsed(path: Path, _modified: int) -> tuple[str, tuple[str, ...]]:
    """The digest of a file's syntax tree and the dotted names that it imports."""
    tree = ast.parse(path.read_bytes(), filename=str(path))
    imported = []
    for node in _statements(tree.body):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path}, line {node.lineno}: relative imports are not followed; import absolutely")
            imported += [f"{node.module}.{alias.name}" for alias in node.names]
    return _digest(tree), tuple(imported)


def _statements(body: list) -> Iterator[ast.AST]:
    """The statements of a body and those inside them, with `except` clauses and cases: no expression has an import."""
    for statement in body:
        yield statement
        for name in BODIES:
            yield from _statements(getattr(statement, name, ()))


def _digest(tree: ast.Module) -> str:
    return hashlib.sha256(_text(tree).encode()).hexdigest()[:12]


def _text(node: ast.AST) -> str:
    """A syntax tree as text, as ast.dump does, without docstrings and empty fields: Python's versions differ.

    Each run of Snakemake does this for the whole library, so that it is written for speed.
    """
    kind, texts = type(node), []
    for name in kind._fields:
        value = getattr(node, name, None)
        if value is None:
            continue
        if isinstance(value, list):
            if name == "body" and kind in DOCUMENTED and value and _is_text(value[0]):
                value = value[1:]
            elif kind is ast.JoinedStr:  # 3.12 has empty texts in f-strings
                value = [part for part in value if not (isinstance(part, ast.Constant) and part.value == "")]
            if value:
                parts = [_text(one) if isinstance(one, ast.AST) else repr(one) for one in value]
                texts.append(f"{name}=[{', '.join(parts)}]")
        else:
            texts.append(f"{name}={_text(value) if isinstance(value, ast.AST) else repr(value)}")
    return f"{kind.__name__}({', '.join(texts)})"


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
