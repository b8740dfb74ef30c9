# What is measured on perturbations. What these rules take and make: advspectra_study/plan/networks.py


rule spectra:
    """perturbations.h5 -> spectra.h5."""
    input: **PLAN.spectra.inputs
    output: **PLAN.spectra.outputs
    wildcard_constraints: **PLAN.spectra.constraints
    params: **PLAN.spectra.params
    group: PLAN.spectra.group
    resources: **PLAN.spectra.resources
    log: PLAN.spectra.log
    benchmark: PLAN.spectra.benchmark
    conda: ENVIRONMENT
    script: "../scripts/spectra.py"


rule lines:
    """images.h5, checkpoints.h5, perturbations.h5 -> lines.h5, of nonlinear networks."""
    input: **PLAN.lines.inputs
    output: **PLAN.lines.outputs
    wildcard_constraints: **PLAN.lines.constraints
    params: **PLAN.lines.params
    threads: PLAN.threads
    priority: PLAN.priority
    group: PLAN.lines.group
    resources: **PLAN.lines.resources
    log: PLAN.lines.log
    benchmark: PLAN.lines.benchmark
    conda: ENVIRONMENT
    script: "../scripts/lines.py"


rule measures:
    """All files of the runs -> measures.csv: every measure of every network, attack and checkpoint."""
    input: **PLAN.measures.inputs
    output: **PLAN.measures.outputs
    params: **PLAN.measures.params
    log: PLAN.measures.log
    benchmark: PLAN.measures.benchmark
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/measures.py"
