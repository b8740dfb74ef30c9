"""What several configuration files say together where Snakemake, which merges them, would mix what belongs apart."""

from collections.abc import Mapping, Sequence
from typing import Any


def options_of_source(layers: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return `dataset.options` as the layers say, the later winning, without those that were given for another source.

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


def _merged(below: Any, above: Any) -> Any:
    """Return what Snakemake makes of two values for one key: mappings are merged, anything else is replaced."""
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}
