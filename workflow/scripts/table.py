"""Write one table of the study as CSV and as Markdown, the paper's numbers beside ours, and what made it."""

import importlib

import yaml

from advspectra_study.job import job, made_by, write_provenance
from advspectra.claims.comparison import classes_of_images, not_the_papers, shape_of_images, without_measured
from advspectra.files.atomic import write_whole
from advspectra.results.runs import read_runs

with job(snakemake):
    module = importlib.import_module(snakemake.params.module)
    with open(snakemake.input.reference, encoding="utf-8") as file:
        reference = yaml.safe_load(file)
    params = snakemake.params
    images = snakemake.input.get("images")  # a table without results is of settings, and these stand beside the paper's
    if images and not_the_papers(reference, params.dataset, shape_of_images(images)):
        reference = without_measured(reference)
    elif images and params.noise:
        about = {"image_shape": shape_of_images(images), "classes": classes_of_images(images)}
        reference = reference | {"noise": about | params.noise}
    runs = read_runs(snakemake.input.runs)
    table = module.table(runs, reference=reference, config=params.config, convention=params.convention)
    for path, text in (
        (snakemake.output.csv, table.to_csv()),
        (snakemake.output.markdown, table.to_markdown()),
    ):
        write_whole(path, text)
    write_provenance(snakemake, made_by(snakemake))
