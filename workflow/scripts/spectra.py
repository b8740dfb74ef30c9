"""Write the spectra of one attack's perturbations."""

from advspectra_study.job import job, provenance
from advspectra.files.perturbations import origin, read_perturbations
from advspectra.spectra import write_spectra

with job(snakemake):
    arrays, attributes = read_perturbations(snakemake.input.perturbations)
    write_spectra(
        snakemake.output.spectra,
        perturbation=arrays["perturbation"],
        success=arrays["success"],
        image=arrays["image"],
        zero_gradient=arrays.get("zero_gradient"),
        **snakemake.params.spectra,
        attributes={**snakemake.params.identity, **origin(attributes), **provenance(snakemake)},
    )
