# images.h5, <run>/checkpoints.h5 -> <run>/<attack>/<checkpoint>/perturbations.h5; and, with the perturbations that an
# attack found on one state, -> <run>/<transfer>/<checkpoint>/perturbations.h5. On the inputs of a state: train.smk.


rule attack:
    input:
        images=f"{DATASET}/images.h5",
        settings=f"{DATASET}/{{run}}/training.json",
        checkpoints=ancient(f"{DATASET}/{{run}}/checkpoints.h5"),
        kept=ancient(f"{DATASET}/{{run}}/checkpoints.kept/{{checkpoint}}"),
    output:
        perturbations=f"{DATASET}/{{run}}/{{attack}}/{{checkpoint}}/perturbations.h5",
    wildcard_constraints:
        run=run_with(ATTACKED),
    params:
        identity=identity,
        architecture=architecture,
        family=lambda wildcards: ATTACKS[wildcards.attack]["family"],
        options=attack_options,
        images=lambda wildcards: ATTACKS[wildcards.attack]["images"],
        batch_size=lambda wildcards: ATTACKS[wildcards.attack]["batch_size"],
        simplified=lambda wildcards: ATTACKS[wildcards.attack]["simplified"],
        precision=STUDY["compute"]["precision"],
        code=lambda wildcards: code(
            "attack.py",
            architecture_module(wildcards),
            f"advspectra.attacks.{ATTACKS[wildcards.attack]['family']}",
        ),
    threads: STUDY["compute"]["threads"]
    priority: priority_of
    group:
        submitted_with("attack", gpus=GPUS)
    resources:
        **needs("attack", gpus=GPUS),
    log:
        f"{RESULTS}/logs/{{attack}}/{{run}}/{{checkpoint}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{attack}}/{{run}}/{{checkpoint}}.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/attack.py"


rule transfer:
    input:
        images=f"{DATASET}/images.h5",
        settings=f"{DATASET}/{{run}}/training.json",
        checkpoints=ancient(f"{DATASET}/{{run}}/checkpoints.h5"),
        kept=ancient(f"{DATASET}/{{run}}/checkpoints.kept/{{checkpoint}}"),
        perturbations=found_perturbations,
    output:
        perturbations=f"{DATASET}/{{run}}/{{attack}}/{{checkpoint}}/perturbations.h5",
    wildcard_constraints:
        run=run_with(TRANSFERRED),
    params:
        identity=identity,
        architecture=architecture,
        batch_size=lambda wildcards: ATTACKS[TRANSFERS[wildcards.attack]["attack"]]["batch_size"],
        code=lambda wildcards: code("transfer.py", architecture_module(wildcards)),
    threads: STUDY["compute"]["threads"]
    priority: priority_of
    group:
        submitted_with("transfer", gpus=GPUS)
    resources:
        **needs("transfer", gpus=GPUS),
    log:
        f"{RESULTS}/logs/{{attack}}/{{run}}/{{checkpoint}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{attack}}/{{run}}/{{checkpoint}}.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/transfer.py"
