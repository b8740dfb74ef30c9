"""Draw one figure of the study as PDF and PNG, with its numbers, its caption and what made it."""

import hashlib
import importlib
import json

import matplotlib
from matplotlib.backends import backend_agg, backend_pdf  # noqa: F401  (here, forked jobs share them)

from advspectra_study.job import job, made_by, write_provenance
from advspectra.drawing.drawn import table
from advspectra.files.atomic import replacing, write_whole
from advspectra.results.runs import read_runs

# the field of the file that says what made it; the creation date of a PDF would make each drawing differ
FORMATS = {"pdf": ("Subject", {"CreationDate": None}), "png": ("Description", {})}

with job(snakemake):
    matplotlib.use("Agg")
    matplotlib.rc_file(snakemake.input.style)
    module = importlib.import_module(snakemake.params.module)
    options = {"roles": roles} if (roles := snakemake.params.get("roles")) is not None else {}
    for name, value in snakemake.params.get("also", {}).items():
        options[name] = snakemake.input[name] if value is None else value
    drawing, caption = module.draw(read_runs(snakemake.input.runs), convention=snakemake.params.convention, **options)
    facts = made_by(snakemake)
    inputs = hashlib.sha256(json.dumps(facts["inputs_sha256"], sort_keys=True).encode()).hexdigest()
    about = json.dumps({**facts, "inputs_sha256": inputs}, sort_keys=True)
    for kind, (field, options) in FORMATS.items():
        with replacing(snakemake.output[kind]) as temporary:
            metadata = {field: about, **options}
            drawing.savefig(temporary, format=kind, dpi=snakemake.params.figures["dpi"], metadata=metadata)
        drawing.set_layout_engine("none")  # the second file has the first one's places
    write_whole(snakemake.output.csv, table(drawing))
    write_whole(snakemake.output.caption, caption + "\n")
    write_provenance(snakemake, facts)
