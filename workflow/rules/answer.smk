# Verdicts and the report.
# Reads the results of all networks and the claims; makes claims.csv, audit.csv and report.html. Inputs and params:
# advspectra_study/plan/results.py. These rules run where snakemake runs, so they have no resources.
# `snakemake power` says which seeds or images would decide the open parts, and what they cost: power.csv and power.md.


rule claims:
    """Test each claim on the results: claims.csv, and claims.json with the evidence."""
    input: **PLAN.claims.inputs
    output: **PLAN.claims.outputs
    params: **PLAN.claims.params
    log: PLAN.claims.log
    benchmark: PLAN.claims.benchmark
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/claims.py"


rule audit:
    """Test the claims again under each convention that the paper leaves open; compare with other studies."""
    input: **PLAN.audit.inputs
    output: **PLAN.audit.outputs
    params: **PLAN.audit.params
    log: PLAN.audit.log
    benchmark: PLAN.audit.benchmark
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/audit.py"


rule report:
    """Put verdicts, tables and figures on one page: report.html, and report.md."""
    input: **PLAN.report.inputs
    output: **PLAN.report.outputs
    params: **PLAN.report.params
    log: PLAN.report.log
    benchmark: PLAN.report.benchmark
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/report.py"


rule power:
    """Say for each open part of the claims how many seeds or images would decide it, and what they would cost."""
    params: **PLAN.power.params
    log: PLAN.power.log
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/power.py"
