# All results of the study -> a report of what is damaged, out of date, missing or foreign, on the screen and in
# logs/verify.log. `snakemake verify` makes nothing and asks for nothing to be made.


rule verify:
    params:
        folder=RESULTS,
        expected=lambda wildcards: expected_results(),
        code=code("verify.py"),
    log:
        f"{RESULTS}/logs/verify.log",
    conda:
        ENVIRONMENT
    localrule: True
    script:
        "../scripts/verify.py"
