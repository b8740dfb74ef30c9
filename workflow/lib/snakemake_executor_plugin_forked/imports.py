"""Imported in the process that jobs are forked from: imports there what their scripts import."""

import gc
import importlib
import os
import signal
from contextlib import suppress

# Ctrl-C is for the jobs; see child.run
signal.signal(signal.SIGINT, signal.SIG_IGN)

# as Snakemake sets them for a job of one thread; libraries read them when they are imported
for name in ("OMP", "GOTO", "OPENBLAS", "MKL", "VECLIB", "NUMEXPR"):
    os.environ[f"{name}_{'MAXIMUM' if name == 'VECLIB' else 'NUM'}_THREADS"] = "1"

import snakemake.cli  # noqa: E402, F401  (each process imports again what __main__ imports)

import advspectra_study.job  # noqa: E402, F401  (notes the code that is imported from here on)
from advspectra_study.imported import modules  # noqa: E402

for name in modules(os.environ["ADVSPECTRA_CODE"].split()):
    with suppress(Exception):  # the job that imports it says what is wrong
        importlib.import_module(name)

gc.freeze()  # a job's garbage collection would otherwise visit all that is imported, and so copy its memory
