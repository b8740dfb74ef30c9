# Attacks.
# Reads images.h5 and checkpoints.h5; makes perturbations.h5. Inputs and params:
# advspectra_study/plan/networks.py


rule attack:
    """Attack one checkpoint of a network on the chosen images; write perturbations.h5."""
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
    """Try perturbations that an attack found on one checkpoint on another of the same network."""
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
