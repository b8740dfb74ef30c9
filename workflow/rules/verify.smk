# `snakemake verify` says what is damaged, out of date, missing or foreign, on the screen and in logs/verify.log, with the
# command that mends it. It makes nothing and asks for nothing to be made.
# `snakemake repair` is `snakemake`, but makes anew what verify calls damaged or out of date, whatever Snakemake itself
# remembers. Results from before stay until the new ones are whole: kept.smk.
from advspectra_study.verify.repair import command, make_anew


rule verify:
    """All results of the study -> a report of what is wrong with them."""
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
    """The whole study, with what is damaged or out of date made anew."""
    input:
        PLAN.targets,
        lambda wildcards: make_anew(workflow, PLAN.results, PLAN.expected()),
