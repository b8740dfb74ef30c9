# images.h5, <run>/checkpoints.h5 -> <run>/<attack>/<checkpoint>/perturbations.h5


rule attack:
    input:
        images=f"{DATASET}/images.h5",
        checkpoints=f"{DATASET}/{{run}}/checkpoints.h5",
    output:
        perturbations=f"{DATASET}/{{run}}/{{attack}}/{{checkpoint}}/perturbations.h5",
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
    resources:
        gpu=GPUS,
        device=STUDY["compute"]["device"],
    log:
        f"{RESULTS}/logs/{{attack}}/{{run}}/{{checkpoint}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/{{attack}}/{{run}}/{{checkpoint}}.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/attack.py"
