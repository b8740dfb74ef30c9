# all files of the study's runs -> measures.csv, every measure of every network, attack and state; measures.json


rule measures:
    input:
        runs=[
            file
            for kind in ("checkpoints", "predictor", "perturbations", "spectra", "lines")
            for file in result_files(kind, RUNS, [*ATTACKS, *TRANSFERS], None)
        ],
    output:
        csv=f"{RESULTS}/measures.csv",
        provenance=f"{RESULTS}/measures.json",
    params:
        convention=SUMMARY["convention"],
        code=code("measures.py"),
    log:
        f"{RESULTS}/logs/measures.log",
    benchmark:
        f"{RESULTS}/benchmarks/measures.tsv"
    conda:
        ENVIRONMENT
    localrule: True
    script:
        "../scripts/measures.py"
