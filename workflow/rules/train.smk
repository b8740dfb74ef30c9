# Training.
# Reads images.h5; makes the checkpoints of each network and, of linear ones, their map. A checkpoint that is added to a
# study retrains its network (same weights), and other results stay: advspectra_study/plan/training.py says how.


rule settings:
    """Write training.json: architecture, settings, code and images, which determine a network's weights."""
    input: **PLAN.settings.inputs
    output: **PLAN.settings.outputs
    params: **PLAN.settings.params
    log: PLAN.settings.log
    benchmark: PLAN.settings.benchmark
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/settings.py"


# one rule for each list of checkpoints that some network keeps
for step in PLAN.trainings:

    rule:
        """Train one network on images.h5; write its checkpoints and its learning curve (history.csv)."""
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
    """Compute the end-to-end map of a linear network, and its spectrum: predictor.h5."""
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
