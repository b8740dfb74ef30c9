# `snakemake verify` says what is damaged, out of date, missing or foreign, on the screen and in logs/verify.log. It makes
# nothing and asks for nothing to be made.


rule verify:
    """All results of the study -> a report of what is wrong with them."""
    params:
        folder=PLAN.results,
        expected=lambda wildcards: PLAN.expected(),
        code=PLAN.code("verify.py"),
    log: f"{PLAN.results}/logs/verify.log"
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/verify.py"
