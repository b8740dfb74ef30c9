"""Checks of a config that a JSON Schema cannot express. Each skips what is already known to be broken."""

import re
from collections.abc import Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

from advspectra_study.config.attacks import attack_faults
from advspectra_study.config.faults import (
    FRACTION_TEXT,
    Fault,
    Keys,
    describe,
    fill_defaults,
    not_among,
    number_hint,
    refused,
    schema_faults,
)
from advspectra_study.numbers import fraction
from advspectra_study.plugins import available, options_schema, own_check, spec, takes_fractions
from advspectra_study.printable import CONTROL

# what no page and no path should have
UNSAFE = re.compile(f"{CONTROL.pattern}|<")


def plain(value: Any, keys: Keys, faults: list[Fault], *, free: bool = False) -> Any:
    """A copy made of dict, list and scalars, in which 1.0 became 1.

    1 and 1.0 are one number and must not make two runs or a stale result. `faults` receives what no config may
    hold: nan, infinity, keys that are not text; in text control characters (a schema's pattern lets a last line break
    pass) and <, which Snakemake's report writes into its page as it is. Inside the free mapping `parameters` of an
    attack numbers stay as they are, and text that looks like a number is refused, as no schema would notice it.
    """
    if isinstance(value, Mapping):
        result = {}
        for key, item in value.items():
            if not isinstance(key, str):
                text = f"found the key {key!r}, which YAML does not read as text; quote it"
                faults.append(Fault((*keys, str(key)), text))
            elif UNSAFE.search(key):
                faults.append(Fault((*keys, key), "allowed: keys without control characters and <"))
            inside = free or (key == "parameters" and len(keys) == 3 and keys[0] == "attacks")
            result[str(key)] = plain(item, (*keys, str(key)), faults, free=inside)
        return result
    if isinstance(value, list | tuple):
        return [plain(item, (*keys, index), faults, free=free) for index, item in enumerate(value)]
    if not isinstance(value, str | int | float | None):
        # Snakemake's YAML knows tags for dates, bytes and even functions
        faults.append(refused(keys, value, "text, a number, true, false or null"))
    if isinstance(value, float) and not isfinite(value):
        faults.append(Fault(keys, f"found {value}; allowed: a finite number"))
    elif isinstance(value, float) and value.is_integer() and abs(value) < 2**53 and not free:
        return int(value)
    elif isinstance(value, str) and UNSAFE.search(value):
        faults.append(refused(keys, value, "text without control characters and <"))
    elif free and isinstance(value, str) and (hint := number_hint(value)):
        faults.append(refused(keys, value, f"a number; {hint}"))
    return value


def plugin_faults(config: dict[str, Any], faults: list[Fault], library: Path) -> Iterator[Fault]:
    """Checks the plug-ins named in the config and their options, and fills in the options' defaults.

    faults : those of the schema, which are not told again.
    """
    told = {place for fault in faults for place in (fault.keys, fault.meant)}
    dataset = config.get("dataset")
    places = [(("dataset",), dataset)] if isinstance(dataset, dict) else []
    for by, kind, some in (
        ("source", "datasets", places),
        ("architecture", "models", entries(config, "networks")),
        ("family", "attacks", entries(config, "attacks")),
    ):
        for keys, entry in some:
            if by in entry and (*keys, by) not in told:
                there = (*keys, "options") not in told
                yield from _plugin_faults(entry, keys, by, kind, library, options=there)


def _plugin_faults(
    entry: dict[str, Any], keys: Keys, by: str, kind: str, library: Path, *, options: bool
) -> Iterator[Fault]:
    names = available(kind, library)
    if entry[by] not in names:
        yield not_among((*keys, by), entry[by], names, f"modules of advspectra.{kind}")
        return
    try:
        specification = spec(kind, entry[by], library)
    except ValueError as error:
        yield Fault((*keys, by), str(error))
        return
    if not options:
        return
    schema = options_schema(specification)
    given = entry["options"] = fill_defaults(entry["options"], schema, schema)
    too_large = _fraction_faults(given, schema, (*keys, "options"))
    wrong = schema_faults(given, schema, (*keys, "options"))
    named = {fault.keys for fault in wrong}
    wrong += [fault for fault in too_large if fault.keys not in named]
    yield from wrong
    if wrong:
        return
    if kind == "attacks":
        yield from [Fault((*keys, "options", *deeper), text) for deeper, text in attack_faults(specification, given)]
    if check := own_check(kind, entry[by], library):
        try:
            yield from [Fault((*keys, "options", *deeper), text) for deeper, text in check(given)]
        except Exception as error:
            yield Fault((*keys, by), f"the check of {entry[by]} itself fails: {type(error).__name__}: {error}")


def _fraction_faults(options: dict[str, Any], schema: dict[str, Any], keys: Keys) -> list[Fault]:
    """The fractions that are out of the bounds of a number in their place; take the spaces out of all."""
    faults = []
    for key, value in options.items():
        allowed = schema["properties"].get(key, {})
        if not (isinstance(value, str) and FRACTION_TEXT.fullmatch(value) and takes_fractions(allowed)):
            continue
        options[key] = "".join(value.split())
        try:
            out_of_bounds = schema_faults(fraction(value), allowed)
        except ValueError:  # the schema says so
            continue
        if out_of_bounds:
            faults.append(refused((*keys, key), value, describe(allowed, schema)))
    return faults


def entries(config: dict[str, Any], key: str) -> list[tuple[Keys, dict[str, Any]]]:
    """The (keys, entry) of the mappings in a list of the config; empty if the list itself is broken."""
    if not isinstance(config.get(key), list):
        return []
    return [((key, index), entry) for index, entry in enumerate(config[key]) if isinstance(entry, dict)]
