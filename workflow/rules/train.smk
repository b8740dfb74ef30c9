# Training, and the maps of linear networks. What these rules take and make: advspectra_study/plan/networks.py


rule settings:
    """images.h5 -> training.json: what determines the checkpoints of a run."""
    input: **PLAN.settings.inputs
    output: **PLAN.settings.outputs
    params: **PLAN.settings.params
    log: PLAN.settings.log
    benchmark: PLAN.settings.benchmark
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/settings.py"


for step in PLAN.trainings:

    rule:
        """images.h5 -> checkpoints.h5, history.csv: one rule for each list of checkpoints that is kept."""
        name: step.name
        input: **step.inputs
        output: **step.outputs
        wildcard_constraints: **step.constraints
        params: **step.params
        threads: PLAN.threads
        priority: PLAN.priority
        group: step.group
        resources: **step.resources
        log: step.log
        benchmark: step.benchmark
        conda: ENVIRONMENT
        script: "../scripts/train.py"


rule predictor:
    """checkpoints.h5 -> predictor.h5: the end-to-end map of a linear network."""
    input: **PLAN.predictor.inputs
    output: **PLAN.predictor.outputs
    wildcard_constraints: **PLAN.predictor.constraints
    params: **PLAN.predictor.params
    group: PLAN.predictor.group
    resources: **PLAN.predictor.resources
    log: PLAN.predictor.log
    benchmark: PLAN.predictor.benchmark
    conda: ENVIRONMENT
    script: "../scripts/predictor.py"
