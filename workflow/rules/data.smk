# The images. What these rules take and make: advspectra_study/plan/networks.py


rule images:
    """The source of the data set -> images.h5."""
    input: **PLAN.images.inputs
    output: **PLAN.images.outputs
    params: **PLAN.images.params
    log: PLAN.images.log
    benchmark: PLAN.images.benchmark
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/images.py"
