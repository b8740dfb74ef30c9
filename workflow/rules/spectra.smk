# <run>/<attack>/<checkpoint>/perturbations.h5 -> spectra.h5 beside it


rule spectra:
    input:
        perturbations=f"{DATASET}/{{run}}/{{attack}}/{{checkpoint}}/perturbations.h5",
    output:
        spectra=f"{DATASET}/{{run}}/{{attack}}/{{checkpoint}}/spectra.h5",
    wildcard_constraints:
        run=run_with(PERTURBED),
    params:
        identity=identity,
        spectra=STUDY["spectra"],
        code=code("spectra.py"),
    group:
        submitted_with("spectra")
    resources:
        **needs("spectra"),
    log:
        f"{RESULTS}/logs/spectra/{{run}}/{{attack}}/{{checkpoint}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/spectra/{{run}}/{{attack}}/{{checkpoint}}.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/spectra.py"
