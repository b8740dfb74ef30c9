# Verdicts and the report. What these rules take and make: advspectra_study/plan/results.py


rule claims:
    """Files of the runs, the claims -> claims.csv: what the results say of each claim."""
    input: **PLAN.claims.inputs
    output: **PLAN.claims.outputs
    params: **PLAN.claims.params
    log: PLAN.claims.log
    benchmark: PLAN.claims.benchmark
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/claims.py"


rule audit:
    """The same under each convention that the paper leaves open -> audit.csv."""
    input: **PLAN.audit.inputs
    output: **PLAN.audit.outputs
    params: **PLAN.audit.params
    log: PLAN.audit.log
    benchmark: PLAN.audit.benchmark
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/audit.py"


rule report:
    """Verdicts, tables, figures -> report.html."""
    input: **PLAN.report.inputs
    output: **PLAN.report.outputs
    params: **PLAN.report.params
    log: PLAN.report.log
    benchmark: PLAN.report.benchmark
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/report.py"
