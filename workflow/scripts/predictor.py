"""Write the end-to-end map of a linear network and its spectrum."""

from advspectra_study.job import job, provenance
from advspectra.files.checkpoints import read_origin
from advspectra.fourier import rescaled
from advspectra.networks.end_to_end import end_to_end_map
from advspectra.networks.stored import load_network
from advspectra.spectra import write_predictor

with job(snakemake):
    network, form = load_network(snakemake.input.checkpoints, name="best", expected=snakemake.params.architecture)
    beta, intercept = end_to_end_map(network, image_shape=form["image_shape"], classes=form["classes"])
    write_predictor(
        snakemake.output.predictor,
        beta=beta,
        rescaled=rescaled,
        intercept=intercept,
        attributes={
            **snakemake.params.identity,
            **read_origin(snakemake.input.checkpoints, name="best"),
            **provenance(snakemake),
        },
    )
