# images.h5 -> <run>/training.json, what determines its states; <run>/checkpoints.h5, its states, <run>/history.csv;
# for linear networks <run>/predictor.h5
#
# A state that is added to a finished run trains it again, and what was made of its other states stays: the same seed
# gives the same states, on one kind of machine to the bit. So whatever is made of a state reads
#   training.json: if what determines the states changes, it is made anew;
#   checkpoints.h5 and checkpoints.kept/<state> as `ancient`: if they alone are new, it is not.
# The files checkpoints.kept/<state> are empty. They make a further state that is asked for a missing file, a reason to
# train. A list in params would be a reason too, but hide others: Snakemake (9.27) does not look at the jobs after one
# whose params changed, as it takes for granted that they run, which behind an `ancient` they do not.


rule settings:
    input:
        images=f"{DATASET}/images.h5",
    output:
        settings=f"{DATASET}/{{run}}/training.json",
    params:
        settings=training_settings,
        training_code=lambda wildcards: code("train.py", architecture_module(wildcards)),
        code=code("settings.py"),
    log:
        f"{RESULTS}/logs/settings/{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/settings/{{run}}.tsv"
    conda:
        ENVIRONMENT
    localrule: True
    script:
        "../scripts/settings.py"


# one rule for each list of states: what a rule makes must be known from its wildcards. `train`, and of networks with
# checkpoints of their own train_<networks>.
for kept, train_rule in TRAINING_RULES.items():

    rule:
        name:
            train_rule
        input:
            images=f"{DATASET}/images.h5",
        output:
            checkpoints=f"{DATASET}/{{run}}/checkpoints.h5",
            history=f"{DATASET}/{{run}}/history.csv",
            kept=[touch(f"{DATASET}/{{run}}/checkpoints.kept/{state}") for state in kept],
        wildcard_constraints:
            run=one_of(run for run, states in KEPT.items() if states == kept),
        params:
            identity=identity,
            settings=training_settings,
            # of its output, so that it is no reason to train again
            checkpoints=lambda wildcards, output: steps_and_epochs(Path(path).name for path in output.kept),
            code=lambda wildcards: code("train.py", architecture_module(wildcards)),
        threads: STUDY["compute"]["threads"]
        priority: priority_of
        group:
            submitted_with("train", gpus=GPUS)
        resources:
            **needs("train", gpus=GPUS),
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
        settings=f"{DATASET}/{{run}}/training.json",
        checkpoints=ancient(f"{DATASET}/{{run}}/checkpoints.h5"),
        kept=ancient(f"{DATASET}/{{run}}/checkpoints.kept/best"),
    output:
        predictor=f"{DATASET}/{{run}}/predictor.h5",
    wildcard_constraints:
        run=one_of(run for run, key in RUNS.items() if key.activation == "linear"),
    params:
        identity=identity,
        architecture=architecture,
        code=lambda wildcards: code("predictor.py", architecture_module(wildcards)),
    group:
        submitted_with("predictor")
    resources:
        **needs("predictor"),
    log:
        f"{RESULTS}/logs/predictor/{{run}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/predictor/{{run}}.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/predictor.py"
