"""Write the spectra of one attack's perturbations."""

from advspectra.perturbation_file import read_perturbations
from advspectra.spectrum_file import write_spectra
from advspectra_study.job import job, provenance

with job(snakemake):
    arrays, _ = read_perturbations(snakemake.input.perturbations)
    names = {"attack": snakemake.wildcards.attack, "checkpoint": snakemake.wildcards.checkpoint}
    write_spectra(
        snakemake.output.spectra,
        perturbation=arrays["perturbation"],
        success=arrays["success"],
        image=arrays["image"],
        **snakemake.params.spectra,
        attributes={**snakemake.params.identity, **names, **provenance(snakemake)},
    )
