"""Each violation of a JSON Schema as one line: key path, found, allowed, and what was probably meant."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from advspectra_study.numbers import FRACTION, fraction, takes_fractions
from advspectra_study.printable import ADDRESS, escaped

Keys = tuple[str | int, ...]
NUMBER_TEXT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
FRACTION_TEXT = re.compile(r"\s*[-+]?[\d.]+\s*/\s*[\d.]+\s*")


@dataclass(frozen=True)
class Fault:
    """One thing wrong: the keys that lead to it, and a text."""

    keys: Keys
    text: str

    def __str__(self) -> str:
        return escaped(f"{key_path(self.keys)}: {self.text}")


def refused(keys: Keys, value: Any, allowed: str) -> Fault:
    """The fault of a value that is not allowed; allowed : in words."""
    return Fault(keys, f"found {found(value)}; allowed: {allowed}")


def not_among(keys: Keys, value: Any, allowed: Iterable[Any], source: str) -> Fault:
    """The fault of a value that is none of those allowed, which `source` gives."""
    names = ", ".join(map(str, allowed := [*allowed])) or "none"
    return refused(keys, value, f"one of {names} ({source}){suggestion(value, allowed)}")


def suggestion(value: Any, candidates: Iterable[Any]) -> str:
    """The end of a fault's text that suggests the nearest text among the candidates; empty if none is near."""
    nearest = did_you_mean(value, [item for item in candidates if isinstance(item, str)])
    return f"; did you mean {nearest!r}?" if nearest else ""


def key_path(keys: Keys) -> str:
    """The keys as one reads them: networks[2].options.hidden_units."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return text.removeprefix(".") or "config"


def found(value: Any) -> str:
    """A value as its YAML would read, shortened to 70 characters."""
    text = ADDRESS.sub("", json.dumps(value, ensure_ascii=False, default=str))
    return text if len(text) <= 70 else text[:67] + "..."


def did_you_mean(name: Any, candidates: list[str]) -> str | None:
    """The nearest candidate, case and hyphens ignored, or None if none is near."""
    folded = {candidate.lower(): candidate for candidate in candidates}
    nearest = get_close_matches(str(name).lower().replace("-", "_"), list(folded), n=1, cutoff=0.6)
    return folded[nearest[0]] if nearest else None


def number_hint(value: Any) -> str:
    """How to write a number that YAML read as text or as a boolean; empty if the value is neither."""
    if isinstance(value, bool):
        return "true and false (in YAML also yes, no, on, off) are not numbers"
    if not isinstance(value, str):
        return ""
    if NUMBER_TEXT.fullmatch(value.strip()):
        mantissa, exponent, power = value.strip().lower().partition("e")
        if not exponent:
            return f"this is text: write {value.strip()} without quotes"
        if (number := float(value)).is_integer() and abs(number) < 2**53:
            return f"YAML reads {value.strip()} as text: write {int(number)}"
        mantissa = mantissa if "." in mantissa else mantissa + ".0"
        sign = power if power[0] in "+-" else "+" + power
        return f"YAML reads {value.strip()} as text: write {mantissa}e{sign}"
    if FRACTION_TEXT.fullmatch(value):
        return "this is text: write the fraction as a decimal number"
    return ""


def describe(schema: dict[str, Any], root: dict[str, Any]) -> str:
    """What a schema allows, in words; `root` is the schema that its $ref start from."""
    schema = resolve(schema, root)
    if "const" in schema:
        return found(schema["const"])
    if "enum" in schema:
        source = f" ({schema['$comment']})" if "$comment" in schema else ""
        return "one of " + ", ".join(found(value) for value in schema["enum"]) + source
    if "anyOf" in schema:
        return ", or ".join(describe(branch, root) for branch in schema["anyOf"])
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    return ", or ".join(_describe_type(kind, schema, root) for kind in types) or "another value"


def _describe_type(kind: str, schema: dict[str, Any], root: dict[str, Any]) -> str:
    if kind in ("integer", "number"):
        bounds = [f"{sign} {schema[keyword]}" for keyword, sign in BOUNDS.items() if keyword in schema]
        bounds += [f"a multiple of {schema['multipleOf']}"] if "multipleOf" in schema else []
        return " ".join(["an integer" if kind == "integer" else "a number", " and ".join(bounds)]).strip()
    if kind == "string":
        example = f" such as {schema['examples'][0]}" if "examples" in schema else ""
        form = schema.get("$comment") or ("pattern" in schema and f"pattern {schema['pattern']}")
        return f"text{example}" + (f" ({form})" if form else "")
    if kind == "array":
        least, most = schema.get("minItems"), schema.get("maxItems")
        size = f" of at least {least}" if least else ""
        size = f" of exactly {least}" if least is not None and least == most else size
        items = f", each {describe(schema['items'], root)}" if "items" in schema else ""
        return f"a list{size}{items}" + (", all different" if schema.get("uniqueItems") else "")
    if kind == "object":
        keys = ", ".join(schema.get("properties", {}))
        return f"a mapping with the keys {keys}" if keys else "a mapping"
    return {"boolean": "true or false", "null": "null"}[kind]


def resolve(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """The schema with its $ref (into $defs of `root`) replaced by what it refers to."""
    if "$ref" not in schema:
        return schema
    target = resolve(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}


def fill_defaults(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """The value with every absent key that has a default in the schema filled in, at every level.

    But for a key that a misspelt one means. An `if` of the schema, in allOf, asks for constant values of keys; of
    anyOf those alternatives count that require keys, all of which are there.
    """
    schema = resolve(schema, root)
    if isinstance(value, dict):
        properties = dict(schema.get("properties", {}))
        for choice in schema.get("allOf", ()):
            if all(value.get(key) == only["const"] for key, only in choice["if"]["properties"].items()):
                properties |= choice["then"]["properties"]
        for branch in schema.get("anyOf", ()):
            if "required" in branch and {*branch["required"]} <= {*value}:
                properties |= branch["properties"]
        filled = {key: fill_defaults(item, properties.get(key, {}), root) for key, item in value.items()}
        misspelt = [] if schema.get("additionalProperties", True) else _unknown_keys(value, schema).values()
        for key, sub in properties.items():
            if key not in filled and key not in misspelt and "default" in resolve(sub, root):
                filled[key] = fill_defaults(resolve(sub, root)["default"], sub, root)
        return filled
    if isinstance(value, list):
        return [fill_defaults(item, schema.get("items", {}), root) for item in value]
    return value


def _of_fractions(keyword: str) -> Callable[..., Iterable[ValidationError]]:
    """The check of a bound in a JSON Schema, which holds for a fraction that is written as text, too."""

    def check(validator, bound, value, schema):
        if isinstance(value, str) and re.fullmatch(FRACTION["pattern"], value):
            value = fraction(value)
        return Draft202012Validator.VALIDATORS[keyword](validator, bound, value, schema)

    return check


BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
Validator = extend(Draft202012Validator, {keyword: _of_fractions(keyword) for keyword in BOUNDS})


def schema_faults(value: Any, schema: dict[str, Any], keys: Keys = ()) -> list[Fault]:
    """Every violation of the schema by the value, which stands at `keys` in the config: the first of each key."""
    faults: dict[Keys, Fault] = {}
    for error in Validator(schema).iter_errors(value):
        for fault in _explain(error, schema, keys):
            faults.setdefault(fault.keys, fault)
    return list(faults.values())


def _explain(error: ValidationError, root: dict[str, Any], base: Keys) -> Iterator[Fault]:
    keys = base + tuple(error.absolute_path)
    value, schema = error.instance, error.schema
    if error.validator == "additionalProperties":
        for key, nearest in _unknown_keys(value, schema).items():
            hint = f"; did you mean {nearest!r}?" if nearest else ""
            allowed = ", ".join(schema.get("properties", {})) or "none"
            yield Fault((*keys, key), f"unknown key, found {found(value[key])}; allowed keys: {allowed}{hint}")
    elif error.validator == "required":
        # a misspelt key is one fault, not an unknown key and a missing one
        misspelt = set(_unknown_keys(value, schema).values())
        for key in error.validator_value:
            if key not in value and key not in misspelt:
                allowed = describe(schema.get("properties", {}).get(key, {}), root)
                yield Fault((*keys, key), f"missing; required: {allowed}")
    elif error.validator == "anyOf" and (inner := _meant_branch(error)):
        for deeper in inner:
            yield from _explain(deeper, root, base)
    else:
        yield refused(keys, value, f"{describe(schema, root)}{_hint(error, schema, root)}")


def _unknown_keys(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, str | None]:
    """The keys that the schema does not know, each with the nearest known one."""
    known = list(schema.get("properties", {}))
    free = [key for key in known if key not in value]
    return {key: did_you_mean(key, free) or did_you_mean(key, known) for key in value if key not in known}


def _meant_branch(error: ValidationError) -> list[ValidationError]:
    """The errors of the one alternative with the fewest faults, of those whose faults lie deeper than the value."""
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    deeper = [
        errors
        for errors in branches.values()
        if all(inner.path or inner.validator in ("additionalProperties", "required") for inner in errors)
    ]
    # an error is of all keys that are unknown
    weights = {"additionalProperties": lambda one: len(_unknown_keys(one.instance, one.schema))}
    counts = [sum(weights.get(one.validator, lambda _: 1)(one) for one in errors) for errors in deeper]
    return deeper[counts.index(min(counts))] if counts.count(min(counts, default=0)) == 1 else []


def _hint(error: ValidationError, schema: dict[str, Any], root: dict[str, Any]) -> str:
    value = error.instance
    allowed = describe(schema, root)
    if error.validator == "uniqueItems":
        twice = next(item for index, item in enumerate(value) if item in value[:index])
        return f"; {found(twice)} is listed twice"
    if isinstance(value, str) and (hint := suggestion(value, _texts(schema))):
        return hint
    if takes_fractions(schema) and isinstance(value, int) and 1 < value <= 255:  # true is 1
        return f"; did you mean {value}/255?"
    if takes_fractions(schema) and isinstance(value, str) and FRACTION_TEXT.fullmatch(value):
        return ""
    if ("a number" in allowed or "an integer" in allowed) and not allowed.startswith("a list"):
        return f"; {hint}" if (hint := number_hint(value)) else ""
    if allowed.startswith("a list") and isinstance(value, str | int | float):
        return f"; write [{value if isinstance(value, str) else found(value)}]"
    return ""


def _texts(schema: dict[str, Any]) -> list[str]:
    """The texts that a schema names one by one (enum, const, also inside anyOf)."""
    own = [option for option in [*schema.get("enum", []), schema.get("const")] if isinstance(option, str)]
    return own + [text for branch in schema.get("anyOf", []) for text in _texts(branch)]
