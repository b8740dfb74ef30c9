# Checks of results.
# `snakemake verify` reads all results and says which are damaged, out of date, missing or foreign, on the screen and in
# logs/verify.log, with the command that mends them. It changes no result.
# `snakemake repair` is `snakemake` that also replaces what verify calls damaged or out of date, whatever Snakemake
# itself remembers. The old results stay until the new ones are complete: kept.smk.
from advspectra_study.verify.repair import command, to_replace


rule verify:
    """Check all results of the study for damage and staleness."""
    params:
        folder=PLAN.results,
        expected=lambda wildcards: PLAN.expected(),
        repair=command(sys.argv[1:]),
        code=PLAN.code("verify.py"),
    log: f"{PLAN.results}/logs/verify.log"
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/verify.py"


rule repair:
    """Make the whole study; replace results that are damaged or out of date."""
    input:
        PLAN.targets,
        lambda wildcards: to_replace(workflow, PLAN.results, PLAN.expected()),
