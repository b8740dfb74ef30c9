"""What the scripts of all rules share: the job's log, its one clear error, and where its results come from."""

import hashlib
import json
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("numpy", "h5py", "torch", "torchvision", "foolbox", "matplotlib", "snakemake")


@contextmanager
def job(snakemake) -> Iterator[Callable[[str], None]]:
    """Yield a function that adds a line to the job's log; end the script with one clear line when it fails.

    A ValueError or OSError is a fault of what the job was given: its message is the whole story, on stderr and in the
    log. Of any other error the log holds the traceback too.
    """
    with open(snakemake.log[0], "w", buffering=1) as log:
        try:
            yield lambda line: print(line, file=log)
        except Exception as error:
            message = f"rule {snakemake.rule}: {type(error).__name__}: {error}"
            if not isinstance(error, ValueError | OSError):
                traceback.print_exc(file=log)
            print(message, file=log)
            print(message, file=sys.stderr)
            sys.exit(1)


def provenance(snakemake) -> dict[str, str]:
    """Return what made a job's results, as attributes: JSON of parameters, code digests, versions and input SHA-256.

    Free of time, place and host: the same run has the same provenance.
    """
    parameters = dict(snakemake.params.items())
    code = parameters.pop("code")
    inputs = {Path(path).name: _sha256(path) for path in snakemake.input}
    facts = {
        "parameters": parameters,
        "code": code,
        "versions": {name: version(name) for name in PACKAGES},
        "inputs_sha256": inputs,
    }
    return {name: json.dumps(value, sort_keys=True) for name, value in facts.items()}


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
