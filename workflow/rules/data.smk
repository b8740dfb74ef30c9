# Images.
# Makes <dataset>/images.h5 from the source of the data set. Inputs, params and costs: advspectra_study/plan/training.py


rule images:
    """Write the images of the data set, for training and for tests: images.h5."""
    input: **PLAN.images.inputs
    output: **PLAN.images.outputs
    params: **PLAN.images.params
    log: PLAN.images.log
    benchmark: PLAN.images.benchmark
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/images.py"
