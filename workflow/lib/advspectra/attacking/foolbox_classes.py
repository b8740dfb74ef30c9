"""The names and arguments of the classes of foolbox.attacks, read from Foolbox's sources.

Importing Foolbox imports PyTorch, which takes seconds; reading the files of one class takes milliseconds.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

REQUIRED = object()


@dataclass(frozen=True)
class Argument:
    """An argument of a class: the names in its annotation (int, Optional, ...), what a Literal there allows, its
    default; REQUIRED if there is none.
    """

    kinds: frozenset[str]
    literals: tuple[Any, ...]
    default: Any


@dataclass(frozen=True)
class AttackClass:
    """A class of foolbox.attacks.

    name : its own, also where an alias was asked for. bases : the names of all classes that it derives from, itself
    among them. arguments : by name. distance : of its perturbations, l0, l1, l2 or linf; None if it has none, or if
    the argument `distance` or `constraint` says which.
    """

    name: str
    bases: frozenset[str]
    arguments: dict[str, Argument]
    distance: str | None

    def distance_with(self, parameters: Mapping[str, Any]) -> str | None:
        """The distance of an attack with these arguments: l0, l1, l2 or linf; None if nothing says which."""
        if "FlexibleDistanceMinimizationAttack" in self.bases:
            return parameters.get("distance")
        if "constraint" in self.arguments:  # of HopSkipJumpAttack
            return parameters.get("constraint", self.arguments["constraint"].default)
        return self.distance


def installed() -> bool:
    """Whether Foolbox's sources can be read in this environment."""
    return _folder() is not None


@cache
def class_names() -> dict[str, str]:
    """The module of each class in foolbox.attacks, by its name; for an alias, the module of the class that it names.

    Base classes count only if foolbox.attacks shows them.
    """
    modules = {}
    for statement in _parsed("__init__").body:
        if isinstance(statement, ast.ImportFrom) and statement.module != "base":
            modules |= {alias.name: statement.module for alias in statement.names}
        elif isinstance(statement, ast.Assign):
            modules |= {target.id: modules[statement.value.id] for target in statement.targets}
    return modules


@cache
def attack_class(name: str) -> AttackClass:
    """The class of a name or an alias; KeyError if foolbox.attacks has none of that name."""
    module = class_names()[name]
    for statement in _parsed("__init__").body:
        if isinstance(statement, ast.Assign) and name in [target.id for target in statement.targets]:
            return attack_class(statement.value.id)
    bases = list(_with_bases(name, module))
    initialiser = next((method for base in bases if (method := _method(base, "__init__"))), None)
    return AttackClass(
        name=name,
        bases=frozenset(base.name for base in bases),
        arguments=_arguments(initialiser) if initialiser else {},
        distance=next((distance for base in bases if (distance := _distance(base))), None),
    )


@cache
def _folder() -> Path | None:
    specification = find_spec("foolbox")  # of a package at the top this imports nothing
    folders = specification.submodule_search_locations if specification else None
    return Path(folders[0]) / "attacks" if folders else None


@cache
def _parsed(module: str) -> ast.Module:
    return ast.parse((_folder() / f"{module}.py").read_text(encoding="utf-8"))


def _with_bases(name: str, module: str) -> Iterator[ast.ClassDef]:
    """Yield a class and its bases among Foolbox's attacks, in the order in which Python searches them."""
    tree = _parsed(module)
    for statement in tree.body:
        if isinstance(statement, ast.ClassDef) and statement.name == name:
            yield statement
            for base in statement.bases:
                if isinstance(base, ast.Name):
                    yield from _with_bases(base.id, module)
        elif isinstance(statement, ast.ImportFrom) and statement.level == 1:
            if name in [alias.asname or alias.name for alias in statement.names]:
                yield from _with_bases(name, statement.module)


def _method(body: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    return next((part for part in body.body if isinstance(part, ast.FunctionDef) and part.name == name), None)


def _arguments(initialiser: ast.FunctionDef) -> dict[str, Argument]:
    signature = initialiser.args
    positional = signature.args[1:]
    defaults = [None] * (len(positional) - len(signature.defaults)) + signature.defaults
    pairs = [*zip(positional, defaults, strict=True), *zip(signature.kwonlyargs, signature.kw_defaults, strict=True)]
    return {argument.arg: _argument(argument.annotation, default) for argument, default in pairs}


def _argument(annotation: ast.expr | None, default: ast.expr | None) -> Argument:
    names, literals = set(), []
    for node in ast.walk(annotation) if annotation else ():
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Constant):
            literals.append(node.value)
    if default is None:
        return Argument(frozenset(names), tuple(literals), REQUIRED)
    try:
        value = ast.literal_eval(default)
    except ValueError:  # computed, such as 0.01 / 0.3
        value = eval(compile(ast.Expression(default), "<default>", "eval"), {"__builtins__": {}})
    return Argument(frozenset(names), tuple(literals), value)


def _distance(body: ast.ClassDef) -> str | None:
    """The distance that a class body names: `distance = l2`, or a property that returns it."""
    for part in body.body:
        if isinstance(part, ast.Assign) and [getattr(target, "id", None) for target in part.targets] == ["distance"]:
            value = part.value
        elif isinstance(part, ast.FunctionDef) and part.name == "distance":
            value = part.body[-1].value if isinstance(part.body[-1], ast.Return) else None
        else:
            continue
        if isinstance(value, ast.Name) and value.id in ("l0", "l1", "l2", "linf"):
            return value.id
    return None
