"""Write the explorer of the study, one HTML page that works offline, and what made it."""

from advspectra_study.job import job, made_by, write_provenance
from advspectra.explorer.content import content
from advspectra.explorer.page import page
from advspectra.files.atomic import write_whole
from advspectra.files.images import read_images
from advspectra.results.runs import read_runs

with job(snakemake):
    given, params = snakemake.input, snakemake.params
    found = content(params.study, read_runs(given.runs), read_images(given.images), convention=params.convention)
    write_whole(snakemake.output.html, page(found))
    write_provenance(snakemake, made_by(snakemake))
