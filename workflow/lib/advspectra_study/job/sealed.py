"""JSON files that state the digest of their own content, as HDF5 results do, so that a changed file is found out."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

DIGEST = "content_sha256"


class NoDigestError(ValueError):
    """A file that states no digest of its own."""


def sealed(facts: Mapping) -> str:
    """The text of a JSON file: the facts, and as DIGEST the SHA-256 of what it would be without."""
    digest = hashlib.sha256(_text(facts).encode()).hexdigest()
    # as a file gives them back: keys are texts
    return _text({**json.loads(_text(facts)), DIGEST: digest})


def read_sealed(path: str | Path) -> dict:
    """The facts in a JSON file; ValueError, naming the file, unless it is to the letter what `sealed` made.

    NoDigestError if it states no digest. OSError if it cannot be read now.
    """
    try:
        text = Path(path).read_bytes().decode()
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: invalid JSON ({error})") from error
    if not isinstance(facts, dict):
        raise ValueError(f"{path}: expected a JSON object, found a {type(facts).__name__}")
    if facts.pop(DIGEST, None) is None:
        raise NoDigestError(f"{path}: states no digest of its own; an older version of the workflow has made it")
    if text != sealed(facts):
        raise ValueError(f"{path}: damaged or changed: its digest is not the one that it states")
    return facts


def _text(facts: Mapping) -> str:
    return json.dumps(facts, indent=1, sort_keys=True) + "\n"
