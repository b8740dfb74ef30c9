"""Write the spectra of one attack's perturbations."""

from advspectra_study.job import job, provenance
from advspectra.files.hdf5 import attributes_of
from advspectra.files.perturbations import FORMAT, origin
from advspectra.spectra import write_spectra

with job(snakemake), FORMAT.opened(snakemake.input.perturbations) as file:
    write_spectra(
        snakemake.output.spectra,
        perturbation=file["perturbation"],
        **FORMAT.read(file, ("success", "image", "zero_gradient")),
        **snakemake.params.spectra,
        attributes={**snakemake.params.identity, **origin(attributes_of(file)), **provenance(snakemake)},
    )
