"""Write every measure of every network, attack and state of the study as CSV, and what made it."""

from advspectra_study.job import job, made_by, write_provenance
from advspectra.claims.study_measures import measures_table
from advspectra.files.hdf5 import replacing
from advspectra.results.runs import read_runs

with job(snakemake):
    params = snakemake.params
    table = measures_table(read_runs(snakemake.input.runs), convention=params.convention, band=params.get("band"))
    with replacing(snakemake.output.csv) as temporary:
        temporary.write_text(table.to_csv(), encoding="utf-8")
    write_provenance(snakemake, made_by(snakemake))
