"""The INPUTS of figures and tables, checked before any job; what each key means stands in views.py."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from advspectra_study.config.checks import plain
from advspectra_study.config.faults import fill_defaults, schema_faults
from advspectra_study.entries import DEVELOPING
from advspectra_study.plugins import defines, literal, plugin_path

FILES = ("checkpoints", "perturbations", "spectra", "predictor", "lines")
ALSO = ("claims", "images", "reference", "dataset", "band")


def inputs(kind: str, name: str, library: Path, *, sections: Iterable[str] = ()) -> dict[str, Any]:
    """The INPUTS of a figure or table, with what it leaves out.

    kind : "figures" or "tables". library : source root that holds the package advspectra. sections : those of the
    configuration. ValueError, naming the file and for each fault its place, what was found and what is allowed.
    """
    path, makes = plugin_path(kind, name, library), {"figures": "draw", "tables": "table"}[kind]
    if not name.isidentifier() or name == "with_note":
        raise ValueError(f"{path}: expected a name of letters, digits and _ that no rule has, as fig12.py")
    if not defines(path, makes):
        raise ValueError(f"{path}: expected a function {makes}, found none")
    faults = []
    written = plain(literal(path, "INPUTS"), ("INPUTS",), faults)
    schema = _schema(kind, develops=isinstance(written, dict) and "per" in written, sections=sections)
    if faults := faults or schema_faults(written, schema, ("INPUTS",)):
        raise ValueError("\n".join(f"{path}: {fault}" for fault in faults))
    return fill_defaults(written, schema, schema)


def _schema(kind: str, *, develops: bool, sections: Iterable[str]) -> dict[str, Any]:
    """The JSON Schema of INPUTS; develops : whether it is of a figure for each network and attack."""
    properties = {
        "files": _list_of({"enum": [*FILES, *(["transfers"] if develops else [])]}),
        "activations": _list_of({"type": "string"}, type=["array", "null"], default=None),
        "alphas": _list_of({"type": "number"}, type=["array", "null"], default=None),
    }
    if kind == "figures":
        pair = _list_of({"enum": [*DEVELOPING]}, minItems=2, maxItems=2)
        properties |= {"per": {"enum": ["attack", "lines"]}, "pairs": _list_of(pair)}
        properties |= {"also": _list_of({"enum": [*ALSO]}, default=[])}
    else:
        properties |= {name: {"type": "boolean", "default": False} for name in ("per_state", "noise")}
        properties |= {"config": _list_of({"enum": [*sections]}, default=[])}
    return {"type": "object", "properties": properties, "required": ["files"], "additionalProperties": False}


def _list_of(items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items} | more
