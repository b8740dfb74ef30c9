"""Imported in the process that jobs are forked from: imports there what their scripts import."""

import gc
import importlib
import os
import signal
from contextlib import suppress
from pathlib import Path

# the scripts whose jobs may ask for them
GRADIENTS = {"scripts/attack.py", "scripts/lines.py", "scripts/predictor.py"}

# Ctrl-C is for the jobs; see child.run
signal.signal(signal.SIGINT, signal.SIG_IGN)

# as Snakemake sets them for a job of one thread; libraries read them when they are imported
for name in ("OMP", "GOTO", "OPENBLAS", "MKL", "VECLIB", "NUMEXPR"):
    os.environ[f"{name}_{'MAXIMUM' if name == 'VECLIB' else 'NUM'}_THREADS"] = "1"

import snakemake.cli  # noqa: E402, F401  (each process imports again what __main__ imports)

import advspectra_study.job  # noqa: E402, F401  (notes the code that is imported from here on)
from advspectra_study.imported import digest_all, modules  # noqa: E402
from advspectra_study.fingerprint import imports_of  # noqa: E402

code = os.environ["ADVSPECTRA_CODE"].split()
scripts = [Path(__file__).parents[2] / file for file in code if file.startswith("scripts/")]
names = [*modules(code), *(name for script in scripts if script.is_file() for name in imports_of(script))]
for name in dict.fromkeys(names):
    with suppress(Exception):  # the job that imports it says what is wrong; and some names are of no module
        importlib.import_module(name)
# what PyTorch imports, and SymPy with it, for half a second, when it is first asked for gradients of several logits
if not GRADIENTS.isdisjoint(code):
    import torch.fx.experimental.symbolic_shapes  # noqa: F401

digest_all()
gc.freeze()  # a job's garbage collection would otherwise visit all that is imported, and so copy its memory
