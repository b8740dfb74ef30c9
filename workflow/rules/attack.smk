# Perturbations. What these rules take and make: advspectra_study/plan/networks.py


rule attack:
    """images.h5, checkpoints.h5 -> perturbations.h5: an attack on one checkpoint."""
    input: **PLAN.attack.inputs
    output: **PLAN.attack.outputs
    wildcard_constraints: **PLAN.attack.constraints
    params: **PLAN.attack.params
    threads: PLAN.threads
    priority: PLAN.priority
    group: PLAN.attack.group
    resources: **PLAN.attack.resources
    log: PLAN.attack.log
    benchmark: PLAN.attack.benchmark
    conda: ENVIRONMENT
    script: "../scripts/attack.py"


rule transfer:
    """Perturbations of one checkpoint -> perturbations.h5 of another: do they fool it, too?"""
    input: **PLAN.transfer.inputs
    output: **PLAN.transfer.outputs
    wildcard_constraints: **PLAN.transfer.constraints
    params: **PLAN.transfer.params
    threads: PLAN.threads
    priority: PLAN.priority
    group: PLAN.transfer.group
    resources: **PLAN.transfer.resources
    log: PLAN.transfer.log
    benchmark: PLAN.transfer.benchmark
    conda: ENVIRONMENT
    script: "../scripts/transfer.py"
