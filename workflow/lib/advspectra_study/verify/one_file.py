"""What one result says of itself and of what made it, after a check that it is undamaged; job.reader calls it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from advspectra.checks import check_result
from advspectra.files.hdf5 import DIGEST, content_sha256, open_file
from advspectra.machine.memory import TooLarge
from advspectra_study.job.origin import recorded_file, sha256
from advspectra_study.job.reader import DAMAGED, UNREAD
from advspectra_study.job.sealed import NoDigestError, read_sealed

# the condition of a file
WHOLE, OUTDATED = "whole", "outdated"
# what a result states of its making
FACTS = ("parameters", "code", "inputs_sha256")


def look(path: str) -> tuple[str, dict | str]:
    """WHOLE and what the file says, or DAMAGED, OUTDATED (made by an older version) or UNREAD, and why.

    What it says: `sha256`, by which results made from it know it, and
    of an HDF5 file FACTS, `sizes` by the letters of its SHAPES, `history_sha256` (None if it states none),
    `checkpoint`, the name and digest of the checkpoint that it was made from (None if of none), and of a
    checkpoints.h5 `checkpoints`, its digests;
    of a JSON file FACTS, `settings` for `parameters` in a training.json, and `outputs_sha256`.
    """
    try:
        if path.endswith(".h5"):
            return WHOLE, _of_hdf5(path)
        if path.endswith(".json"):
            return WHOLE, _of_json(path)
        return WHOLE, {"sha256": sha256(path)}
    except NoDigestError as error:
        return OUTDATED, _without(path, str(error))
    except (MemoryError, TooLarge) as error:
        return UNREAD, f"it needs more memory than there is now ({_without(path, str(error))})"
    except IsADirectoryError:
        return DAMAGED, "expected a file, found a folder"
    except OSError as error:
        if error.errno is None:  # of the HDF5 library, in what it has read
            return DAMAGED, _without(path, f"cannot be read ({error})")
        return UNREAD, _without(path, error.strerror or str(error))
    except KeyError as error:
        return DAMAGED, f"expected {error}, found none"
    except Exception as error:  # whatever the libraries find in a damaged file: it is to be named, like any other
        return DAMAGED, _without(path, str(error) or type(error).__name__)


def digest(name: str) -> tuple[str, str]:
    """WHOLE and the digest of a file that results name as an input; or OUTDATED, UNREAD and why."""
    try:
        return WHOLE, sha256(recorded_file(name))
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return OUTDATED, "gone"
    except OSError as error:
        return UNREAD, _without(name, error.strerror or str(error))
    except Exception as error:
        return OUTDATED, _without(name, str(error))


def _of_hdf5(path: str) -> dict:
    kind = Path(path).stem
    attributes, sizes = check_result(path, kind=kind)
    facts = _mappings({name: json.loads(attributes[name]) for name in FACTS})
    for name, value in facts["parameters"].get("identity", {}).items():
        if attributes.get(name) != value:
            raise ValueError(f"{path}: expected the attribute {name} {value}, found {attributes.get(name)}")
    facts["parameters"].pop("checkpoints", None)  # checkpoints.kept says which checkpoints there are
    digest = attributes.get("state_sha256")
    facts |= {"checkpoints": _checkpoints(path)} if kind == "checkpoints" else {}
    return facts | {
        "sha256": str(attributes[DIGEST]),
        "sizes": {letter: int(size) for letter, size in sizes.items()},
        "history_sha256": attributes.get("history_sha256"),
        "checkpoint": None if digest is None else (str(attributes.get("checkpoint", "best")), str(digest)),
    }


def _checkpoints(path: str) -> dict[str, str]:
    with open_file(path) as file:
        return {name: content_sha256(group) for name, group in file["states"].items()}


def _of_json(path: str) -> dict:
    facts: Mapping = read_sealed(path)
    found = _mappings({name: facts[name] for name in ("code", "inputs_sha256")})
    if Path(path).name == "training.json":  # the settings stand beside the code and the inputs
        found["settings"] = {name: fact for name, fact in facts.items() if name not in found}
    else:
        found |= _mappings({name: facts[name] for name in ("parameters", "outputs_sha256")})
    return found | {"sha256": sha256(path)}


def _mappings(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts; ValueError for one that is no mapping, as somebody else may have written it."""
    for name, fact in facts.items():
        if not isinstance(fact, Mapping):
            raise ValueError(f"expected a mapping as {name}, found {type(fact).__name__}")
    return facts


def _without(path: str, message: str) -> str:
    return message.removeprefix(f"{path}: ")
