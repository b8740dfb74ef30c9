"""Checks of a config beside its schema: of values that no config may have, and by the plug-ins that it names."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from math import isfinite
from pathlib import Path
from sys import float_info
from typing import Any

from advspectra_study.config.attacks import attack_faults
from advspectra_study.config.faults import FRACTION_TEXT, Fault, Keys, number_hint, refused
from advspectra_study.plugins import available, options_schema, own_check, spec
from advspectra_study.printable import CONTROL

# what no page and no path should have
UNSAFE = re.compile(f"{CONTROL.pattern}|<")
# where a config names plug-ins: the section, the key of an entry that has the name, and the kind
PLUGINS = (("dataset", "source", "datasets"), ("networks", "architecture", "models"), ("attacks", "family", "attacks"))


def plain(value: Any, keys: Keys, faults: list[Fault], *, free: bool = False) -> Any:
    """A copy made of dict, list and scalars, in which 1.0 became 1.

    1 and 1.0 are one number and must not make two runs or a stale result. `faults` receives what no config may
    hold: nan, infinity, what is too large for a float, keys that are not text; in text control characters (a schema's
    pattern lets a last line break pass) and <, which Snakemake's report writes into its page as it is. Inside the free
    mapping `parameters` of an attack numbers stay as they are, and text that looks like a number is refused, as no
    schema would notice it. In a fraction that is an option of an attack there are no spaces.
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
    elif isinstance(value, int) and abs(value) > float_info.max:
        faults.append(refused(keys, value, "a number that a float can hold"))
    elif isinstance(value, float) and value.is_integer() and abs(value) < 2**53 and not free:
        return int(value)
    elif isinstance(value, str) and UNSAFE.search(value):
        faults.append(refused(keys, value, "text without control characters and <"))
    elif keys[:1] == ("attacks",) and len(keys) == 4 and isinstance(value, str) and FRACTION_TEXT.fullmatch(value):
        return "".join(value.split())
    elif free and isinstance(value, str) and (hint := number_hint(value)):
        faults.append(refused(keys, value, f"a number; {hint}"))
    return value


def add_plugins(schema: dict[str, Any], config: dict[str, Any], library: Path) -> None:
    """Add to the schema which plug-ins there are, and what each that the config names allows as its options.

    A plug-in that is not named need not be finished. ValueError if the SPEC of one that is named cannot be read.
    """
    for section, by, kind in PLUGINS:
        names = available(kind, library)
        entry = schema["properties"][section]
        entry = entry.get("items", entry)
        usual = entry["properties"]["options"]
        entries = config.get(section)
        named = [
            each.get(by) for each in (entries if isinstance(entries, list) else [entries]) if isinstance(each, dict)
        ]
        entry["properties"][by] = {"enum": names, "$comment": f"modules of advspectra.{kind}"}
        entry["allOf"] = [
            {
                "if": {"properties": {by: {"const": name}}, "required": [by]},
                "then": {"properties": {"options": usual | options_schema(spec(kind, name, library))}},
            }
            for name in names
            if name in named
        ]


def option_faults(config: dict[str, Any], library: Path) -> Iterator[Fault]:
    """Yield what plug-ins refuse in options that their schemas allow; an integer written 10.0 becomes 10 in place."""
    for section, by, kind in PLUGINS:
        entries = config[section]
        places = enumerate(entries) if isinstance(entries, list) else [(None, entries)]
        for index, entry in places:
            keys = (section,) if index is None else (section, index)
            faults = attack_faults(spec(kind, entry[by], library), entry["options"]) if kind == "attacks" else ()
            yield from (Fault((*keys, "options", *deeper), text) for deeper, text in faults)
            try:
                if check := own_check(kind, entry[by], library):
                    found = [*check(deepcopy(entry["options"]))]
                    found = [((at,) if isinstance(at, str) else at, text) for at, text in found]  # (key) for (key,)
                    yield from [Fault((*keys, "options", *deeper), text) for deeper, text in found]
            except Exception as error:
                yield Fault((*keys, by), f"the check of {entry[by]} itself fails: {type(error).__name__}: {error}")
