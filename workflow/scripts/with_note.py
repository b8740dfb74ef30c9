"""Make a figure or table as its own script does, with a note that says of which attack it is."""

import importlib
import runpy
from pathlib import Path

from advspectra.attack_note import noted

module = importlib.import_module(snakemake.params.module)
script, function = ("figure.py", "draw") if hasattr(module, "draw") else ("table.py", "table")
setattr(module, function, noted(getattr(module, function), **snakemake.params.note))
runpy.run_path(str(Path(__file__).with_name(script)), init_globals={"snakemake": snakemake})
