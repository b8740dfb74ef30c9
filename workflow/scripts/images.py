"""Make images.h5 from the study's data source."""

import importlib
from dataclasses import replace

from advspectra_study.job import job, provenance
from advspectra.files.images import write_images

with job(snakemake):
    module = importlib.import_module(f"advspectra.datasets.{snakemake.params.source}")
    images = module.load(**snakemake.params.options)
    source = {**images.source, **provenance(snakemake)}
    write_images(snakemake.output.images, replace(images, source=source))
