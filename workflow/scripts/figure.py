"""Draw one figure of the study as PDF and PNG, with its caption."""

import importlib

import matplotlib

from advspectra.hdf5 import replacing
from advspectra.results import read_runs
from advspectra_study.job import job

# the creation date would make each drawing differ
FORMATS = {"pdf": {"metadata": {"CreationDate": None}}, "png": {}}

with job(snakemake):
    matplotlib.use("Agg")
    matplotlib.rc_file(snakemake.input.style)
    module = importlib.import_module(snakemake.params.module)
    drawing, caption = module.draw(read_runs(snakemake.input.runs), convention=snakemake.params.convention)
    for kind, options in FORMATS.items():
        with replacing(snakemake.output[kind]) as temporary:
            drawing.savefig(temporary, format=kind, dpi=snakemake.params.figures["dpi"], **options)
    with replacing(snakemake.output.caption) as temporary:
        temporary.write_text(caption + "\n", encoding="utf-8")
