"""Make a figure or table as its own script does, with a note that says of which attack it is."""

import importlib
from pathlib import Path

from advspectra_study.imported import run_script
from advspectra.drawing.attack_note import noted

module = importlib.import_module(snakemake.params.module)
script, function = ("figure.py", "draw") if hasattr(module, "draw") else ("table.py", "table")
setattr(module, function, noted(getattr(module, function), **snakemake.params.note))
run_script(Path(__file__).with_name(script), snakemake=snakemake)
