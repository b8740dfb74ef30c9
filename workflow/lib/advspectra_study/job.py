"""What the scripts of all rules share: the job's log, its one clear error, and where its results come from."""

import gc
import hashlib
import importlib
import json
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("numpy", "h5py", "torch", "torchvision", "foolbox", "matplotlib", "snakemake")

# seconds that this process, which is one job, has spent on what its results are made from, not on making them
_not_computing = 0.0


@contextmanager
def job(snakemake) -> Iterator[Callable[[str], None]]:
    """Yield a function that adds a line to the job's log; end the script with one clear line when it fails.

    A ValueError or OSError is a fault of what the job was given: its message is the whole story, on stderr and in the
    log. Of any other error the log holds the traceback too. The last line of the log says how long the job computed:
    the time inside the block, without what modules found by name take to import and files to be hashed.
    """
    # what scripts import stays until their end: looking through it then takes half a second if torch is in it
    gc.freeze()
    with open(snakemake.log[0], "w", buffering=1) as log:
        try:
            _import_all(snakemake.params.code)
            start = time.perf_counter()
            yield lambda line: print(line, file=log)
            print(f"computed for {time.perf_counter() - start - _not_computing:.3f} s", file=log)
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
    global _not_computing
    start = time.perf_counter()
    parameters = dict(snakemake.params.items())
    code = parameters.pop("code")
    inputs = {Path(path).name: _sha256(path) for path in snakemake.input}
    facts = {
        "parameters": parameters,
        "code": code,
        "versions": {name: version(name) for name in PACKAGES},
        "inputs_sha256": inputs,
    }
    _not_computing += time.perf_counter() - start
    return {name: json.dumps(value, sort_keys=True) for name, value in facts.items()}


def _import_all(files: Iterable[str]) -> None:
    """Import the modules of advspectra among the files of a code fingerprint."""
    for file in files:
        if not file.startswith("scripts/"):
            importlib.import_module(f"advspectra.{file.removesuffix('.py').replace('/', '.')}")


def _sha256(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
