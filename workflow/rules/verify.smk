# All results of the study -> a report of what is damaged, out of date, missing or foreign, on the screen and in
# logs/verify.log, with the command that mends it. `snakemake verify` makes nothing and asks for nothing to be made.
from advspectra_study.repair import command as repair_command


rule verify:
    params:
        folder=RESULTS,
        expected=lambda wildcards: expected_results(),
        repair=repair_command(sys.argv[1:]),
        code=code("verify.py"),
    log:
        f"{RESULTS}/logs/verify.log",
    conda:
        ENVIRONMENT
    localrule: True
    script:
        "../scripts/verify.py"
