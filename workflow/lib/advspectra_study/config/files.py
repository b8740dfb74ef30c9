"""What Snakemake loses on the way from the files of a config, and from --config, to the config that it hands over."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from math import inf
from pathlib import Path
from typing import Any

import yaml

from advspectra_study.config.faults import Fault, Keys, key_path

# the C parser, where PyYAML has it, is ten times as fast
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MOST_VALUES = 100_000  # the paper's study has some 300; a few aliases of aliases in YAML make billions
SCHEDULES = ({"factor", "every", "reset_at"}, {"peak"})  # the keys of each kind of training.schedule
DEEPEST = 100  # mappings and lists in each other; the parser in C ends in a segmentation fault at some ten thousand


def parsed(text: str) -> Any:
    """What a YAML text says. ValueError, in one line, of no YAML, a key that stands twice, or too many values."""
    depth = 0
    try:
        for event in yaml.parse(text, LOADER):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise ValueError(f"found more than {DEEPEST} mappings and lists in each other")
        loader = LOADER(text)
        root = loader.get_single_node()
        if root is None:
            return None
        if written_out(root, inside_node) > MOST_VALUES:
            raise ValueError(f"found more than {MOST_VALUES} values (through aliases?)")
        for keys, first, line in _repeated(root, (), seen=set()):
            raise ValueError(f"found {key_path(keys)} twice, in lines {first} and {line}")
    except yaml.YAMLError as error:
        said = " ".join(str(error).replace(' in "<unicode string>",', " in").split())
        raise ValueError(f"found no YAML ({said})") from error
    try:
        return loader.construct_document(root)
    except Exception as error:  # of a tag whose text is none of its kind the parser lets through what Python says
        said = " ".join(str(error).replace(' in "<unicode string>",', " in").split())
        raise ValueError(f"found no YAML: a value that is not what its tag says, or no date ({said})") from error


def written_out(value: Any, inside: Callable[[Any], Iterable | None], sizes: dict[int, float] | None = None) -> float:
    """How many values there are when each alias of YAML, also of a merge (<<), is written out.

    inside : returns what a value holds, None of one that holds nothing. Infinity if a value holds itself.
    sizes : what is known already, by identity, so that each value that is there is looked at once.
    """
    sizes = {} if sizes is None else sizes
    if (held := inside(value)) is None:
        return 1
    if id(value) not in sizes:
        sizes[id(value)] = inf  # what an alias inside finds
        sizes[id(value)] = 1 + sum(written_out(item, inside, sizes) for item in held)
    return sizes[id(value)]


def inside_node(node: yaml.Node) -> Iterable | None:
    """What a node of YAML holds; see written_out."""
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else None


def inside_value(value: Any) -> Iterable | None:
    """What a value that YAML gave holds; see written_out."""
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else None


def repeated_keys(path: str | Path) -> list[Fault]:
    """A fault for each key that stands twice in one mapping of a file, of which YAML silently takes the last.

    A file that is no YAML has none: Snakemake says what is wrong with it. Neither has a template (`__use_yte__`), which
    is another language.
    """
    try:
        with open(path, encoding="utf-8") as file:
            root = yaml.compose(file, LOADER)
    except (OSError, ValueError, yaml.YAMLError):
        return []
    if root is None or any(key == "__use_yte__" for key, _, _ in _entries(root)):
        return []
    found = f"found twice in {Path(path).name}, in lines"
    repeated = _repeated(root, (), seen=set())
    return [Fault(keys, f"{found} {first} and {line}; allowed: once") for keys, first, line in repeated]


def _entries(node: yaml.Node) -> list[tuple[str, int, yaml.Node]]:
    """The (key, line, value) of the entries of a mapping; of another node none."""
    if not isinstance(node, yaml.MappingNode):
        return []
    return [(str(key.value), key.start_mark.line + 1, value) for key, value in node.value]


def _repeated(node: yaml.Node, keys: Keys, seen: set[int]) -> Iterator[tuple[Keys, int, int]]:
    """Yield each key that stands twice in one mapping, with both lines."""
    if id(node) in seen:  # an alias
        return
    seen.add(id(node))
    first: dict[str, int] = {}
    for key, line, value in _entries(node):
        if key in first and key != "<<":  # of which YAML takes all
            yield (*keys, key), first[key], line
        first.setdefault(key, line)
        yield from _repeated(value, (*keys, key), seen)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeated(item, (*keys, index), seen)


def as_written(config: Mapping[str, Any], files: Sequence[Path], on_command_line: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration that Snakemake has made of its files and of --config, as these were meant.

    With the numbers that --config gave in lists and mappings, with no `dataset.options` of another source than the last
    one named, and with no keys of `training.schedule` of another kind than the last one named: Snakemake mixes them.
    Of a section of them it is what they say of this section alone.
    """
    # here, as a config is loaded where there is no Snakemake, too
    from snakemake.common.configfile import load_configfile

    layers = [*map(load_configfile, files), on_command_line]
    if written_out([config, *layers], inside_value) > MOST_VALUES:  # which is refused later
        return dict(config)
    if (section := _section(config, layers)) is not None:
        layers = [part if isinstance(part := layer.get(section), Mapping) else {} for layer in layers]
    layers[-1] = with_numbers(layers[-1])
    config, together = _merged(config, layers[-1]), reduce(_merged, layers, {})
    meant = {("dataset", "options"): options_of_source(layers), ("training", "schedule"): schedule_of_kind(layers)}
    for (section, key), value in meant.items():
        given = config.get(section)
        # the layers are not where the configuration comes from if another workflow has included this one
        if value is not None and isinstance(given, Mapping) and key in given and given == together.get(section):
            config[section] = {**given, key: value}
    return config


def _section(config: Mapping[str, Any], layers: Sequence[Mapping[str, Any]]) -> str | None:
    """The section of the layers together that the configuration is, as a workflow that imports this one may hand on;
    None if it is none.
    """
    whole = reduce(_merged, layers, {})
    return None if whole == config else next((key for key, value in whole.items() if value == config), None)


def with_numbers(given: Mapping[str, Any]) -> dict[str, Any]:
    """What --config gave, in whose lists and mappings Snakemake makes text of all numbers, true, false and null.

    given : by key. Each text in a list or mapping becomes what it is in a YAML file; one that stands alone stays.
    """
    return {key: _typed(value) if isinstance(value, Mapping | list) else value for key, value in given.items()}


def _typed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item) for item in value]
    if not isinstance(value, str):
        return value
    try:
        read = parsed(value)
    except ValueError:
        return value
    return read if read is None or isinstance(read, bool | int | float) else value


def options_of_source(layers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """`dataset.options` as the layers say, the later winning, without those that were given for another source.

    None where the options of some layer are no mapping: a fault that is named elsewhere.
    layers : the configuration files in their order, then what --config gave.
    """
    source, options = None, {}
    for layer in layers:
        dataset = layer.get("dataset")
        if not isinstance(dataset, Mapping):
            continue
        if source not in (None, dataset.get("source", source)):
            options = {}
        source = dataset.get("source", source)
        given = dataset.get("options", {})
        if not isinstance(given, Mapping):
            return None
        options = _merged(options, given)
    return options


def schedule_of_kind(layers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """`training.schedule` as the layers say, the later winning, without keys of another kind than the last one named.

    None where the schedule of some layer is no mapping: a fault that is named elsewhere. layers : as above.
    """
    schedule: dict[str, Any] = {}
    for layer in layers:
        training = layer.get("training")
        if not isinstance(training, Mapping):
            continue
        given = training.get("schedule", {})
        if not isinstance(given, Mapping):
            return None
        for kind, other in (SCHEDULES, SCHEDULES[::-1]):
            if kind & given.keys():
                schedule = {key: value for key, value in schedule.items() if key not in other}
        schedule = _merged(schedule, given)
    return schedule


def _merged(below: Any, above: Any) -> Any:
    """What Snakemake makes of two values for one key: mappings are merged, anything else is replaced."""
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}
