"""Make images.h5 from the study's data source."""

import importlib

from advspectra.image_file import write_images
from advspectra_study.job import job

with job(snakemake):
    source = importlib.import_module(f"advspectra.datasets.{snakemake.params.source}")
    write_images(snakemake.output.images, source.load(**snakemake.params.options))
