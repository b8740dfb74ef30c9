"""Reading a study's config: validated before any job, defaults filled in.

First each part by itself, all faults at once; then, when the parts are sound, what one demands of another.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from advspectra_study.config.checks import plain, plugin_faults
from advspectra_study.config.faults import Fault, fill_defaults, found, joined, schema_faults
from advspectra_study.config.files import LOADER, MOST_VALUES, inside_value, repeated_keys, written_out
from advspectra_study.config.study import study_faults
from advspectra_study.study import Study


class ConfigError(ValueError):
    """A config that cannot run. The message lists every error, one a line: key path, found, allowed."""

    def __init__(self, faults: list[Fault], what: str = "the config has"):
        self.faults = faults
        count = f"{len(faults)} error{'s' if len(faults) > 1 else ''}"
        super().__init__("\n".join([f"{what} {count}:", *(f"  {fault}" for fault in faults)]))


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
    ConfigError listing every fault if the config is not valid.
    """
    with open(schema_path, encoding="utf-8") as file:
        schema = yaml.load(file, LOADER)
    if written_out(raw, inside_value) > MOST_VALUES:
        raise ConfigError([Fault((), f"found more than {MOST_VALUES} values (through aliases?); allowed: fewer")])
    faults: list[Fault] = []
    config = plain(raw, (), faults)
    if not isinstance(config, dict):
        raise ConfigError([Fault((), f"found {found(config)}; allowed: a mapping with the keys of the schema")])
    faults = joined(faults, schema_faults(config, schema))
    config = fill_defaults(config, schema, schema)
    faults = joined(faults, list(plugin_faults(config, list(faults), library)))
    if not faults:
        faults += study_faults(Study.of(config, library), library)
    # last: what else is wrong is said of the keys that YAML took
    faults += [fault for path in files for fault in repeated_keys(path)]
    if faults:
        raise ConfigError(faults)
    return config
