"""Reading the claims that a study is held against, all errors at once, before any job."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from sys import float_info
from typing import Any

import yaml

from advspectra_study.config.faults import Fault, fill_defaults, schema_faults
from advspectra_study.config.files import LOADER, parsed
from advspectra_study.config.load import ConfigError

SIDES = ("left", "right")
ENDS = "adversarial, random, boundary"
OF_TABLES = re.compile(r"TABLE-\d+")  # claims that advspectra.claims.paper makes
# what a relation needs beside the left side
NEEDS = {
    "less": {"right"},
    "greater": {"right"},
    "similar": {"right", "within"},
    "at_least": {"threshold"},
    "near": {"threshold", "within"},
}


def read_claims(paths: Iterable[str | Path], *, schema_path: str | Path) -> dict[str, dict]:
    """The claims of the files by name, each part with its sides complete: what it says of both is in each.

    schema_path : workflow/schemas/claims.schema.yaml. ConfigError names every fault, and its file.
    """
    with open(schema_path, encoding="utf-8") as file:
        schema = yaml.load(file, LOADER)
    claims: dict[str, dict] = {}
    faults: list[Fault] = []
    for path in map(str, paths):
        try:
            with open(path, encoding="utf-8") as file:
                stated = parsed(file.read())
        except UnicodeDecodeError as error:
            faults.append(Fault((path,), f"found no YAML ({error}); allowed: a file of claims"))
            continue
        except ValueError as error:
            faults.append(Fault((path,), f"{error}; allowed: a file of claims"))
            continue
        except OSError as error:
            faults.append(Fault((path,), f"cannot be read ({error.strerror}); allowed: a file of claims"))
            continue
        new = schema_faults(stated, schema, (path,))
        if not new:
            new = [fault for name, claim in stated.items() for fault in _part_faults((path, name), claim, schema)]
            new += [
                Fault((path, name), "found the name of a table of the paper's; allowed: another")
                for name in stated
                if OF_TABLES.fullmatch(name)
            ]
            new += [Fault((path, name), "found a second claim of this name") for name in stated if name in claims]
        if not new:
            claims |= {name: _complete(claim, schema) for name, claim in stated.items()}
        faults += new
    if faults:
        raise ConfigError(faults, "the claims have")
    return claims


def _complete(claim: Mapping[str, Any], schema: Mapping[str, Any]) -> dict:
    claim = fill_defaults(claim, schema["$defs"]["claim"], schema)
    return claim | {"parts": [_complete_part(part) for part in claim["parts"]]}


def _complete_part(part: Mapping[str, Any]) -> dict:
    """The relation and numbers of a part, and its sides with all that is said of each."""
    own = {key: value for key, value in part.items() if key in ("is", "within", "threshold")}
    shared = {key: value for key, value in part.items() if key not in own and key not in SIDES}
    for side in SIDES:
        if side in part:
            said = {"network": part[side]} if isinstance(part[side], str) else part[side]
            own[side] = {**shared, **said}
    return own


def _part_faults(keys: tuple, claim: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Fault]:
    """The faults of the parts of a claim."""
    together, of_lines = (set(schema["$defs"][name]["enum"]) for name in ("over_networks", "of_lines"))
    for index, part in enumerate(claim["parts"]):
        here = (*keys, "parts", index)
        given = {key for key in part if key in ("right", "within", "threshold")}
        needed = NEEDS[part["is"]]
        for key in sorted(needed - given):
            yield Fault((*here, key), f"missing; required with `is: {part['is']}`")
        for key in sorted(given - needed):
            yield Fault((*here, key), f"found {part[key]!r}; allowed: nothing with `is: {part['is']}`")
        for key in ("threshold", "within"):
            if not abs(part.get(key, 0)) <= float_info.max:
                yield Fault((*here, key), f"found {part[key]}; allowed: a finite number")
        complete = _complete_part(part)
        if measures := {complete[side].get("measure") for side in SIDES if side in complete} & together:
            yield from _faults_of_all_networks(here, min(measures), complete)
            continue
        for side in (side for side in SIDES if side in complete):
            about = complete[side]
            for key in ("network", "measure"):
                if key not in about:
                    yield Fault((*here, side, key), "missing; required: here or beside left and right")
            if ("end" in about) != (about.get("measure") in of_lines) and "measure" in about:
                found = f"found {about['end']!r}; allowed: nothing" if "end" in about else f"missing; allowed: {ENDS}"
                yield Fault((*here, side, "end"), f"{found} with {about['measure']}")


def _faults_of_all_networks(here: tuple, measure: str, complete: Mapping[str, Any]) -> Iterator[Fault]:
    """Faults of a part whose measure is of all networks together: it names none, and has one side."""
    if "right" in complete:
        yield Fault((*here, "is"), f"found {complete['is']!r}; allowed with {measure}: at_least, near")
        return
    for key in ("network", "over", "end"):
        if key in complete["left"]:
            found = f"found {complete['left'][key]!r}"
            yield Fault((*here, "left", key), f"{found}; allowed: nothing, {measure} is of all networks together")
