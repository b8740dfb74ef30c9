"""A job, in the process that is forked for it."""

import os
import signal
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path


def run(script: str, source: str, snakemake, begins: Connection) -> None:
    """Run a script with its object `snakemake`, as a process of its own would, once `begins` has something to receive.

    source : of the script.
    """
    from advspectra_study.imported import run_script  # here, as it watches all imports of its process

    begins.recv()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if folder := snakemake.resources.get("tmpdir"):
        os.environ |= dict.fromkeys(("TMPDIR", "TMP", "TEMPDIR", "TEMP"), folder)
        tempfile.tempdir = None
    Path("/proc/self/comm").write_text(Path(script).name, encoding="utf-8")  # its name in ps and top
    run_script(Path(script), source.encode(), snakemake=snakemake)
