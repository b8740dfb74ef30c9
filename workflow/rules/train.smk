# images.h5 -> <run>/checkpoints.h5, <run>/history.csv; for linear networks <run>/predictor.h5


rule train:
    input:
        images=f"{DATASET}/images.h5",
    output:
        checkpoints=f"{DATASET}/{{run}}/checkpoints.h5",
        history=f"{DATASET}/{{run}}/history.csv",
    params:
        identity=identity,
        architecture=architecture,
        learning_rate=rate,
        training={key: value for key, value in STUDY["training"].items() if key != "search"},
        search=lambda wildcards: STUDY["training"]["search"] if rate(wildcards) == "search" else None,
        alpha_scaling=STUDY["initialization"]["alpha_scaling"],
        precision=STUDY["compute"]["precision"],
        code=lambda wildcards: code("train.py", architecture_module(wildcards)),
    threads: STUDY["compute"]["threads"]
    priority: priority_of
    resources:
        gpu=GPUS,
        device=STUDY["compute"]["device"],
    log:
        f"{RESULTS}/logs/train/{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/train/{{run}}.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/train.py"


rule predictor:
    input:
        checkpoints=f"{DATASET}/{{run}}/checkpoints.h5",
    output:
        predictor=f"{DATASET}/{{run}}/predictor.h5",
    wildcard_constraints:
        run=one_of(run for run, key in RUNS.items() if key.activation == "linear"),
    params:
        identity=identity,
        architecture=architecture,
        code=lambda wildcards: code("predictor.py", architecture_module(wildcards)),
    log:
        f"{RESULTS}/logs/predictor/{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/predictor/{{run}}.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/predictor.py"
