"""Reading a study's config: validated before any job, defaults filled in.

First each part by itself, against the schema and the SPEC of its plug-in, all faults at once. Then, if these find
nothing, what a schema cannot say: what options demand of each other, and one part of another.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from advspectra_study.config.checks import add_plugins, option_faults, plain
from advspectra_study.config.faults import Fault, fill_defaults, found, schema_faults
from advspectra_study.config.files import LOADER, MOST_VALUES, inside_value, repeated_keys, written_out
from advspectra_study.config.study import study_faults
from advspectra_study.study import Study


class ConfigError(ValueError):
    """A config that cannot run. The message lists every error, one a line: key path, found, allowed."""

    def __init__(self, faults: list[Fault], what: str = "the config has", then: str = ""):
        self.faults = faults
        count = f"{len(faults)} error{'s' if len(faults) > 1 else ''}"
        super().__init__("\n".join([f"{what} {count}{then}:", *(f"  {fault}" for fault in faults)]))


def load_config(
    raw: Mapping[str, Any], *, schema_path: Path, library: Path, files: Iterable[str | Path] = ()
) -> dict[str, Any]:
    """The config as plain dicts, lists and scalars, complete with defaults; `raw` stays as it is.

    Integral floats become integers (1.0 and 1 make the same run). Fractions such as "8/255" stay text; in study.Study
    they are numbers.
    raw : what YAML gave for one complete study.
    schema_path : workflow/schemas/config.schema.yaml.
    library : source root that holds the package advspectra; the SPEC of each plug-in named is read there.
    files : those that `raw` comes from, in which no key may stand twice.
    ConfigError listing every fault if the config is not valid; ValueError if a plug-in's SPEC cannot be read.
    """
    with open(schema_path, encoding="utf-8") as file:
        schema = yaml.load(file, LOADER)
    if written_out(raw, inside_value) > MOST_VALUES:
        raise ConfigError([Fault((), f"found more than {MOST_VALUES} values (through aliases?); allowed: fewer")])
    faults: list[Fault] = []
    config = plain(raw, (), faults)
    if not isinstance(config, dict):
        raise ConfigError([Fault((), f"found {found(config)}; allowed: a mapping with the keys of the schema")])
    add_plugins(schema, config, library)
    config = fill_defaults(config, schema, schema)
    told = {fault.keys for fault in faults}
    faults += [fault for fault in schema_faults(config, schema) if fault.keys not in told]
    alone = bool(faults)
    if not faults:
        faults = [*option_faults(config, library), *study_faults(Study.of(config, library), library)]
    # last: what else is wrong is said of the keys that YAML took
    faults += [fault for path in files for fault in repeated_keys(path)]
    if faults:
        raise ConfigError(faults, then=", before its parts are checked against each other" if alone else "")
    return config
