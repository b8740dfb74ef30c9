"""What the modules found by name say about themselves, read from their source without importing them.

A plug-in is a file <library>/advspectra/<kind>/<name>.py. Datasets, models and attacks open with a literal
SPEC, figures and tables with a literal INPUTS. Reading it costs milliseconds; importing would import torch.
A function `check` beside SPEC refuses what no schema can: see `own_check`.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from math import ceil, log2, prod
from pathlib import Path
from sys import float_info
from typing import Any

from advspectra.attacking import foolbox_classes
from advspectra.attacking.foolbox_classes import AttackClass
from advspectra_study.numbers import FRACTION, fraction, takes_fractions

USUAL_STEPS = 1000  # assumed for an attack that does not say; Table 6
KINDS = ("datasets", "models", "attacks", "figures", "tables")
SPEC_KEYS = {
    "datasets": {"options", "required"},
    "models": {"options", "required", "activations", "depths", "alpha"},
    "attacks": {"options", "required"},
}
OPTIONAL_KEYS = {"datasets": {"reads"}, "attacks": {"foolbox_class", "bisects", "in_turn"}}
NAMES = {"type": "array", "items": {"type": "string"}}
SPEC_SCHEMA = {
    "properties": {
        "required": NAMES,
        "activations": NAMES,
        "depths": {"type": ["array", "null"], "items": {"type": "integer", "minimum": 1}},
        "alpha": {"type": "boolean"},
        "reads": NAMES,
        "foolbox_class": {"type": "string"},
        "bisects": NAMES | {"minItems": 2, "maxItems": 2},
        "in_turn": {"type": "object"},
    }
}
# what the schema of an option may refer to, as {"$ref": "#/$defs/fraction", "maximum": 1}
TYPES = {"#/$defs/fraction": FRACTION}


def plugin_path(kind: str, name: str, library: Path) -> Path:
    """The file of a plug-in; `library` is the source root that holds the package advspectra."""
    if kind not in KINDS:
        raise ValueError(f"expected a kind of plug-in among {', '.join(KINDS)}, got {kind!r}")
    return Path(library) / "advspectra" / kind / f"{name}.py"


def available(kind: str, library: Path) -> list[str]:
    """The names of the plug-ins of one kind, sorted: each module that has no leading underscore and is not hidden."""
    folder = plugin_path(kind, "any", library).parent
    return sorted(path.stem for path in folder.glob("*.py") if path.stem[0] not in "_.")


def literal(path: Path, name: str) -> Any:
    """The value of the module-level constant `name` in a Python file, without running the file.

    ValueError if the file is not Python, lacks the constant, or computes it (only literals can be read).
    """
    for statement in _statements(path, path.stat().st_mtime_ns):
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets = [statement.target]
        else:
            continue
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            try:
                return ast.literal_eval(statement.value)
            except (ValueError, TypeError) as error:
                lines = f"lines {statement.lineno} to {statement.end_lineno}"
                raise ValueError(f"{path}: {name} ({lines}) must be a literal, without calls or names") from error
    raise ValueError(f"{path}: expected a module-level constant {name}, found none")


def defines(path: Path, name: str) -> bool:
    """Whether a Python file defines the function `name`, or imports something by this name."""
    for statement in _statements(path, path.stat().st_mtime_ns):
        imported = statement.names if isinstance(statement, ast.ImportFrom) else ()
        if getattr(statement, "name", None) == name or name in (alias.asname or alias.name for alias in imported):
            return True
    return False


@cache
def _statements(path: Path, _modified: int) -> list[ast.stmt]:
    try:
        return ast.parse(path.read_bytes(), filename=str(path)).body
    except SyntaxError as error:
        raise ValueError(f"{path}: not valid Python: {error}") from error


def spec(kind: str, name: str, library: Path) -> dict[str, Any]:
    """The SPEC of a dataset, model or attack.

    options : JSON Schema properties, in which a reference to one of TYPES is replaced by what it refers to.
    required : options without a default.
    Models : activations (list), depths (list, or None for any number of hidden layers), alpha (whether alpha other than
    1 is supported). Datasets may have reads: options that are paths of files or folders; if their content changes, the
    images are made again. Attacks may have foolbox_class: the class of Foolbox that takes `parameters`, or the option
    that names it; bisects: the options of the largest bound that a bisection tries, and of the distance at which it
    ends; and in_turn: the values of options with which it tries each class but the true one in turn.
    ValueError if the plug-in does not exist or its SPEC is not of this form.
    """
    path = plugin_path(kind, name, library)
    if kind not in SPEC_KEYS:
        raise ValueError(f"expected a kind of plug-in with a SPEC ({', '.join(SPEC_KEYS)}), got {kind!r}")
    if not path.is_file():
        raise ValueError(f"no {kind} named {name!r}; there are: {', '.join(available(kind, library)) or 'none'}")
    written = literal(path, "SPEC")
    if not isinstance(written, dict) or set(written) - OPTIONAL_KEYS.get(kind, set()) != SPEC_KEYS[kind]:
        keys = ", ".join(map(str, written)) if isinstance(written, dict) else type(written).__name__
        raise ValueError(f"{path}: expected SPEC with the keys {', '.join(sorted(SPEC_KEYS[kind]))}, found {keys}")
    _require_schemas(path, path.stat().st_mtime_ns)
    for option, schema in written["options"].items():
        if (option in written["required"]) == ("default" in schema):
            raise ValueError(
                f"{path}: option {option!r} of SPEC must be in `required` or have a `default`, one of them"
            )
    for key, verb in (("required", "requires"), ("reads", "reads"), ("bisects", "bisects"), ("in_turn", "asks for")):
        if unknown := sorted(set(written.get(key, ())) - set(written["options"])):
            raise ValueError(f"{path}: SPEC {verb} {', '.join(unknown)}, which its options do not define")
    if "foolbox_class" in written:
        _require_class(path, written)
    return written | {"options": {option: _resolved(schema) for option, schema in written["options"].items()}}


@cache
def _require_schemas(path: Path, _modified: int) -> None:
    """ValueError unless SPEC fits SPEC_SCHEMA, and its options are options by their names, each a JSON Schema."""
    # here: jobs that ask for no SPEC need no validator
    from jsonschema import Draft202012Validator, SchemaError

    from advspectra_study.config.faults import schema_faults

    written = literal(path, "SPEC")
    for fault in schema_faults(written, SPEC_SCHEMA):
        raise ValueError(f"{path}: SPEC: {fault}")
    options = written["options"]
    if not isinstance(options, dict):
        raise ValueError(f"{path}: expected `options` of SPEC as a mapping, found {options!r}")
    for name, schema in options.items():
        start = f"{path}: option {name!r} of SPEC:"
        if not isinstance(schema, dict):
            raise ValueError(f"{start} expected a JSON Schema, found {schema!r}")
        for one in (schema, *schema.get("anyOf", ())):
            if "$ref" in one and one["$ref"] not in TYPES:
                raise ValueError(f"{start} expected {', '.join(TYPES)} as $ref, found {one['$ref']!r}")
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            raise ValueError(f"{start} {error.message}") from error


def _require_class(path: Path, specification: dict[str, Any]) -> None:
    """ValueError unless `foolbox_class` of SPEC is a class or an option, with the options that its checks ask for."""
    name, options = specification["foolbox_class"], specification["options"]
    if name not in options and foolbox_classes.installed() and name not in foolbox_classes.class_names():
        raise ValueError(
            f"{path}: foolbox_class of SPEC: expected a class of foolbox.attacks or an option, found {name!r}"
        )
    needed = ("attack", "epsilon", "parameters") if name in options else ("parameters",)
    if missing := [option for option in needed if option not in options]:
        raise ValueError(f"{path}: foolbox_class {name!r} of SPEC needs the options {', '.join(missing)} as well")


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    whole = TYPES.get(schema.get("$ref"), {}) | {key: value for key, value in schema.items() if key != "$ref"}
    return whole | ({"anyOf": [*map(_resolved, whole["anyOf"])]} if "anyOf" in whole else {})


def own_check(kind: str, name: str, library: Path) -> Callable[[dict], Iterator[tuple[tuple, str]]] | None:
    """The function `check` of a plug-in, None if it has none.

    check(options) yields, for each thing wrong with options that their schema allows, its keys below `options` and a
    text: found, allowed. It is run alone, without the rest of the module, so it imports inside what it needs.
    """
    path = plugin_path(kind, name, library)
    for statement in _statements(path, path.stat().st_mtime_ns):
        if isinstance(statement, ast.FunctionDef) and statement.name == "check":
            namespace: dict[str, Any] = {}
            # without its annotations, which may name what the module imports
            statement.returns = None
            for argument in statement.args.args:
                argument.annotation = None
            exec(compile(ast.Module([statement], type_ignores=[]), str(path), "exec"), namespace)
            return namespace["check"]
    return None


def options_schema(specification: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a plug-in's whole `options`: closed, so that a misspelt option is refused."""
    return {
        "type": "object",
        "properties": specification["options"],
        "required": specification["required"],
        "additionalProperties": False,
    }


def with_fractions(specification: dict[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a plug-in, with those that may be fractions as floats."""
    schemas = specification["options"]
    given = {key: value for key, value in options.items() if value is not None and takes_fractions(schemas[key])}
    return {**options, **{key: fraction(value) for key, value in given.items()}}


def attempts(specification: dict[str, Any], options: Mapping[str, Any], classes: int) -> int:
    """How often an attack with these options, fractions as floats, runs on each image: more than once if it bisects.

    One that tries each other class in turn bisects for the first and runs once for each other; it bisects for these too
    where they succeed, which is not counted.
    """
    if "bisects" not in specification:
        return 1
    largest, smallest = (options[name] for name in specification["bisects"])
    in_turn = specification.get("in_turn", {}).items()
    others = classes - 2 if in_turn and all(options.get(name) == value for name, value in in_turn) else 0
    return 1 + ceil(log2(min(largest / smallest, float_info.max))) + others


def steps(specification: dict[str, Any], options: Mapping[str, Any]) -> int:
    """How many steps an attempt of an attack makes with each image, those of a binary search counted.

    What its parameters leave out is the default of its class of Foolbox, which makes one step if it has no such
    argument. Without such a class it is USUAL_STEPS.
    """
    parameters, usual = options.get("parameters"), {"steps": USUAL_STEPS, "binary_search_steps": 1}
    given = parameters if isinstance(parameters, Mapping) else {}
    if about := foolbox_class(specification, options):
        given = {key: about.arguments[key].default if key in about.arguments else 1 for key in usual} | given
    return prod(given[key] if type(given.get(key)) is int else number for key, number in usual.items())


def foolbox_class(specification: dict[str, Any], options: Mapping[str, Any]) -> AttackClass | None:
    """The class of Foolbox that an attack with these options runs; None without one, and where Foolbox is not there."""
    name = specification.get("foolbox_class")
    name = options.get(name, name)
    known = foolbox_classes.installed() and name in foolbox_classes.class_names()
    return foolbox_classes.attack_class(name) if known else None
