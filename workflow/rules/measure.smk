# Measurements.
# Reads perturbations.h5; makes spectra.h5, lines.h5 and measures.csv. Inputs, params and costs:
# advspectra_study/plan/networks.py and, of measures, advspectra_study/plan/results.py


rule spectra:
    """Compute the Fourier spectra of one file of perturbations: spectra.h5."""
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
    """Follow a nonlinear network on the lines from images to adversarial images and controls: lines.h5."""
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
    """Collect every measure of every network, attack and checkpoint in one table: measures.csv."""
    input: **PLAN.measures.inputs
    output: **PLAN.measures.outputs
    params: **PLAN.measures.params
    log: PLAN.measures.log
    benchmark: PLAN.measures.benchmark
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/measures.py"
