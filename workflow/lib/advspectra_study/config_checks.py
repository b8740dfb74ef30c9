"""Checks of a config that a JSON Schema cannot express. Each skips what is already known to be broken."""

import os
import re
from collections.abc import Iterator, Mapping
from math import inf, isfinite
from pathlib import Path
from typing import Any

from advspectra_study.channel_checks import channel_faults
from advspectra_study.config_faults import (
    CONTROL,
    FRACTION_TEXT,
    Fault,
    Keys,
    describe,
    did_you_mean,
    fill_defaults,
    found,
    key_path,
    number_hint,
    schema_faults,
    takes_fractions,
    untouched,
)
from advspectra_study.plugins import available, options_schema, own_check, spec
from advspectra_study.runs import fraction, number

# what no page and no path should have
UNSAFE = re.compile(f"{CONTROL.pattern}|<")
# a path that a shell, and nothing else, would expand
HOME = re.compile(r"~[^/]*/")


def written_out(value: Any, sizes: dict[int, float]) -> float:
    """Return how many values a config has when each alias of YAML is written out; infinity if one holds itself.

    sizes : what is known already, by identity, so that each value that is there is looked at once.
    """
    if not isinstance(value, Mapping | list | tuple):
        return 1
    if id(value) not in sizes:
        sizes[id(value)] = inf  # what an alias inside finds
        items = value.values() if isinstance(value, Mapping) else value
        sizes[id(value)] = 1 + sum(written_out(item, sizes) for item in items)
    return sizes[id(value)]


def plain(value: Any, keys: Keys, faults: list[Fault], *, free: bool = False) -> Any:
    """Return a copy made of dict, list and scalars, in which 1.0 became 1.

    1 and 1.0 are one number and must not make two runs or a stale result. `faults` receives what no config may
    hold: nan, infinity, keys that are not text; in text control characters (a schema's pattern lets a last line break
    pass) and <, which Snakemake's report writes into its page as it is. Inside the free mapping `parameters` of an
    attack numbers stay as they are, and text that looks like a number is refused, as no schema would notice it.
    """
    if isinstance(value, Mapping):
        result = {}
        for key, item in value.items():
            if not isinstance(key, str):
                faults.append(
                    Fault(
                        (*keys, str(key)),
                        f"found the key {key!r}, which YAML does not read as text; quote it",
                    )
                )
            elif UNSAFE.search(key):
                faults.append(Fault((*keys, key), "allowed: keys without control characters and <"))
            inside = free or (key == "parameters" and len(keys) == 3 and keys[0] == "attacks")
            result[str(key)] = plain(item, (*keys, str(key)), faults, free=inside)
        return result
    if isinstance(value, list | tuple):
        return [plain(item, (*keys, index), faults, free=free) for index, item in enumerate(value)]
    if not isinstance(value, str | int | float | None):
        # Snakemake's YAML knows tags for dates, bytes and even functions
        faults.append(Fault(keys, f"found {found(value)}; allowed: text, a number, true, false or null"))
    if isinstance(value, float) and not isfinite(value):
        faults.append(Fault(keys, f"found {value}; allowed: a finite number"))
    elif isinstance(value, float) and value.is_integer() and abs(value) < 2**53 and not free:
        return int(value)
    elif isinstance(value, str) and UNSAFE.search(value):
        faults.append(Fault(keys, f"found {found(value)}; allowed: text without control characters and <"))
    elif free and isinstance(value, str) and (hint := number_hint(value)):
        faults.append(Fault(keys, f"found {found(value)}; allowed: a number; {hint}"))
    return value


def plugin_faults(config: dict[str, Any], faults: list[Fault], library: Path) -> Iterator[Fault]:
    """Checks the plug-ins named in the config and their options, and fills in the options' defaults."""
    if untouched(("dataset", "source"), faults):
        yield from _check_plugin(config["dataset"], ("dataset",), "source", "datasets", faults, library)
    for keys, entry in entries(config, "networks"):
        if untouched((*keys, "architecture"), faults):
            yield from _check_plugin(entry, keys, "architecture", "models", faults, library)
    for keys, entry in entries(config, "attacks"):
        if untouched((*keys, "family"), faults):
            yield from _check_plugin(entry, keys, "family", "attacks", faults, library)


def _check_plugin(
    entry: dict[str, Any], keys: Keys, by: str, kind: str, faults: list[Fault], library: Path
) -> Iterator[Fault]:
    names = available(kind, library)
    if entry[by] not in names:
        yield Fault((*keys, by), one_of(entry[by], names, f"modules of advspectra.{kind}"))
        return
    try:
        specification = spec(kind, entry[by], library)
    except ValueError as error:
        yield Fault((*keys, by), str(error))
        return
    # an attack's free parameters may be at fault, and the other options still deserve a look
    meant = any(fault.meant == (*keys, "options") for fault in faults)
    if isinstance(entry.get("options"), dict) and not meant:
        schema = options_schema(specification)
        entry["options"] = fill_defaults(entry["options"], schema, schema)
        too_large = _fraction_faults(entry["options"], schema, (*keys, "options"))
        wrong = schema_faults(entry["options"], schema, (*keys, "options"))
        wrong += [fault for fault in too_large if untouched(fault.keys, wrong)]
        yield from wrong
        if not wrong and (check := own_check(kind, entry[by], library)):
            try:
                yield from [Fault((*keys, "options", *deeper), text) for deeper, text in check(entry["options"])]
            except Exception as error:
                yield Fault((*keys, by), f"the check of {entry[by]} itself fails: {type(error).__name__}: {error}")
    if kind == "models":
        yield from _check_network(entry, keys, specification, faults)


def _fraction_faults(options: dict[str, Any], schema: dict[str, Any], keys: Keys) -> list[Fault]:
    """Return the fractions that are out of the bounds of a number in their place; take the spaces out of all."""
    faults = []
    for key, value in options.items():
        allowed = schema["properties"].get(key, {})
        if not (isinstance(value, str) and FRACTION_TEXT.fullmatch(value) and takes_fractions(allowed)):
            continue
        options[key] = "".join(value.split())
        numbers = [branch for branch in allowed["anyOf"] if branch.get("type") == "number"]
        try:
            size = fraction(value)
        except ValueError:  # the schema says so
            continue
        if all(schema_faults(size, branch) for branch in numbers):
            faults.append(Fault((*keys, key), f"found {found(value)}; allowed: {describe(allowed, schema)}"))
    return faults


def _check_network(
    entry: dict[str, Any], keys: Keys, specification: dict[str, Any], faults: list[Fault]
) -> Iterator[Fault]:
    for list_key, allowed in (
        ("activations", specification["activations"]),
        ("depths", specification["depths"]),
    ):
        for index, value in enumerate(entry[list_key] if untouched((*keys, list_key), faults) else []):
            if allowed is not None and value not in allowed:
                yield Fault((*keys, list_key, index), one_of(value, allowed, f"architecture {entry['architecture']}"))
    for index, alpha in enumerate(entry["alphas"] if untouched((*keys, "alphas"), faults) else []):
        if alpha != 1 and not specification["alpha"]:
            text = f"found {number(alpha)}; allowed: 1 (architecture {entry['architecture']} has no scale alpha)"
            yield Fault((*keys, "alphas", index), text)


def cross_faults(config: dict[str, Any], faults: list[Fault]) -> Iterator[Fault]:
    """Checks what one key of the config demands of another."""
    yield from _check_dataset(config, faults)
    yield from _check_runs(config, faults)
    yield from _check_architectures(config, faults)
    yield from _check_training(config, faults)
    channels = config["dataset"]["options"].get("channels") if untouched(("dataset",), faults) else None
    if isinstance(channels, int) and untouched(("spectra",), faults) and untouched(("networks",), faults):
        yield from channel_faults(config, channels)


def entries(config: dict[str, Any], key: str) -> list[tuple[Keys, dict[str, Any]]]:
    """Return (keys, entry) of the mappings in a list of the config; empty if the list itself is broken."""
    if not isinstance(config.get(key), list):
        return []
    return [((key, index), entry) for index, entry in enumerate(config[key]) if isinstance(entry, dict)]


def _check_dataset(config: dict[str, Any], faults: list[Fault]) -> Iterator[Fault]:
    options = config["dataset"].get("options") if untouched(("dataset", "source"), faults) else None
    for name, value in options.items() if isinstance(options, dict) else ():
        keys = ("dataset", "options", name)
        if isinstance(value, str) and (value == "~" or HOME.match(value)):
            text = f"found {found(value)}; ~ is not expanded here, write the folder out: {os.path.expanduser(value)}"
            yield Fault(keys, text)
        # rings of equal cycles/image, over which spectra are summed, would be ellipses in cycles/pixel
        if name == "image_size" and isinstance(value, list) and len(value) == 2 and value[0] != value[1]:
            if untouched(keys, faults):
                least = min(value)
                text = f"found {found(value)}; allowed: as many rows as columns, as [{least}, {least}], since spectra"
                yield Fault(keys, f"{text} are summed over rings of equal cycles/image")


def _check_runs(config: dict[str, Any], faults: list[Fault]) -> Iterator[Fault]:
    first: dict[tuple, Keys] = {}
    for keys, entry in entries(config, "networks"):
        if not all(untouched((*keys, key), faults) for key in ("name", "activations", "depths", "alphas")):
            continue
        doubled: dict[Keys, list[str]] = {}
        for activation in entry["activations"]:
            for depth in entry["depths"]:
                for alpha in entry["alphas"]:
                    earlier = first.setdefault((entry["name"], activation, depth, alpha), keys)
                    if earlier != keys:
                        text = f"{entry['name']}-{activation} depth {depth} alpha {number(alpha)}"
                        doubled.setdefault(earlier, []).append(text)
        for earlier, texts in doubled.items():
            yield Fault(
                keys,
                f"found {', '.join(texts)}, which {key_path(earlier)} makes already; allowed: each run once",
            )


def _check_architectures(config: dict[str, Any], faults: list[Fault]) -> Iterator[Fault]:
    first: dict[str, tuple[Keys, str]] = {}
    for keys, entry in entries(config, "networks"):
        if untouched((*keys, "name"), faults) and untouched((*keys, "architecture"), faults):
            earlier, architecture = first.setdefault(entry["name"], (keys, entry["architecture"]))
            if entry["architecture"] != architecture:
                text = f"found {entry['architecture']!r}; allowed: {architecture!r}, as in {key_path(earlier)}"
                yield Fault((*keys, "architecture"), f"{text} of the same name {entry['name']!r}")


def _check_training(config: dict[str, Any], faults: list[Fault]) -> Iterator[Fault]:
    training = config.get("training")

    def fine(*keys: str) -> bool:
        return isinstance(training, dict) and untouched(("training", *keys), faults)

    if fine("epochs"):
        epochs = training["epochs"]
        if fine("schedule", "reset_at") and (reset := training["schedule"]["reset_at"]) is not None and reset >= epochs:
            text = f"found {reset}; allowed: less than training.epochs ({epochs}), or null for no reset"
            yield Fault(("training", "schedule", "reset_at"), text)
        places = [(("training", "checkpoints"), training.get("checkpoints"))]
        places += [((*keys, "checkpoints"), entry.get("checkpoints")) for keys, entry in entries(config, "networks")]
        for keys, kept in places:
            for index, epoch in enumerate(kept["epochs"] if kept and untouched((*keys, "epochs"), faults) else []):
                if epoch > epochs:
                    text = f"found {epoch}; allowed: at most training.epochs ({epochs})"
                    yield Fault((*keys, "epochs", index), text)
        searched = any(entry.get("learning_rate") == "search" for _, entry in entries(config, "networks"))
        if searched and fine("search", "patience") and training["search"]["patience"] > epochs:
            text = f"found {training['search']['patience']}; allowed: at most training.epochs ({epochs})"
            yield Fault(("training", "search", "patience"), text)
    if fine("selection"):
        selection = training["selection"]
        if selection["by"] == "held_out" and selection["held_out_fraction"] == 0:
            text = "found 0; allowed: a number > 0 and < 1, as training.selection.by is held_out"
            yield Fault(("training", "selection", "held_out_fraction"), text)
    if fine("search", "divisors"):
        divisors = training["search"]["divisors"]
        if divisors != sorted(divisors):
            text = f"found {found(divisors)}; allowed: increasing numbers, the first >= 1"
            yield Fault(("training", "search", "divisors"), text)


def one_of(value: Any, allowed: list[Any], source: str) -> str:
    """Return the text of a fault: a value that is none of those allowed, which `source` gives."""
    nearest = did_you_mean(value, [item for item in allowed if isinstance(item, str)])
    hint = f"; did you mean {nearest!r}?" if nearest else ""
    return f"found {found(value)}; allowed: one of {', '.join(map(str, allowed)) or 'none'} ({source}){hint}"
