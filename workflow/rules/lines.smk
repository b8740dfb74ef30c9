# images.h5, <run>/checkpoints.h5, <run>/<attack>/<checkpoint>/perturbations.h5 -> lines.h5 beside the last, of ReLU
# networks. On the inputs of a state: train.smk.


rule lines:
    input:
        images=f"{DATASET}/images.h5",
        settings=f"{DATASET}/{{run}}/training.json",
        checkpoints=ancient(f"{DATASET}/{{run}}/checkpoints.h5"),
        kept=ancient(f"{DATASET}/{{run}}/checkpoints.kept/{{checkpoint}}"),
        perturbations=f"{DATASET}/{{run}}/{{attack}}/{{checkpoint}}/perturbations.h5",
    output:
        lines=f"{DATASET}/{{run}}/{{attack}}/{{checkpoint}}/lines.h5",
    wildcard_constraints:
        run=run_with(LINED),
    params:
        identity=identity,
        architecture=architecture,
        lines=lines_settings,
        code=lambda wildcards: code("lines.py", architecture_module(wildcards)),
    threads: STUDY["compute"]["threads"]
    priority: priority_of
    group:
        submitted_with("lines", gpus=GPUS)
    resources:
        **needs("lines", gpus=GPUS),
    log:
        f"{RESULTS}/logs/lines/{{run}}/{{attack}}/{{checkpoint}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/lines/{{run}}/{{attack}}/{{checkpoint}}.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/lines.py"
