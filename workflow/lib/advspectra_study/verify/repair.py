"""Which results `snakemake repair` replaces: those that verify calls damaged or out of date at that moment.

A process of its own looks for them and loads what Snakemake's process does without: `python -m
advspectra_study.verify.repair` reads the arguments of `verify` as a pickle and writes the files as JSON.
"""

import json
import os
import pickle
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence

from snakemake.exceptions import WorkflowError


def to_repair(folder: str, expected: Mapping[str, Mapping]) -> list[str]:
    """The files of a study to replace; Snakemake adds those made from them. RuntimeError if they cannot be found."""
    command = [*shlex.split(sys.executable), "-m", "advspectra_study.verify.repair"]
    # where Snakemake imports from, too
    paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        command, input=pickle.dumps((folder, dict(expected))), stdout=subprocess.PIPE, env=os.environ | paths
    )
    if done.returncode:
        raise RuntimeError(f"{folder}: the search for damaged results failed: exit status {done.returncode}")
    return json.loads(done.stdout)


def to_replace(workflow, folder: str, expected: Mapping[str, Mapping]) -> list[str]:
    """Have Snakemake replace the files of to_repair, and return them: they may be too many for `--forcerun`.

    workflow : of Snakemake. WorkflowError if they cannot be found.
    """
    try:
        found = to_repair(folder, expected)
    except RuntimeError as error:
        raise WorkflowError(str(error)) from error
    workflow.dag.forcefiles.update(found)
    return found


def command(arguments: Sequence[str]) -> str:
    """The call of Snakemake that repairs what one with these arguments verifies."""
    words = list(arguments)
    for index, word in enumerate(words):
        if re.fullmatch(r"(\w+_)?verify", word):
            words[index] = word.removesuffix("verify") + "repair"
            return shlex.join(["snakemake", *words])
    return "snakemake repair"


def main() -> None:
    """Answer to_repair."""
    from advspectra_study.verify.verification import verify

    report = verify(*pickle.load(sys.stdin.buffer))
    print(json.dumps(report.to_repair))


if __name__ == "__main__":
    main()
