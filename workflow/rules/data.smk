# data source -> results/<study>/<dataset>/images.h5
#
# What the source reads is no input: Snakemake compares inputs by their times first, knows no content of folders, and
# refuses to go on without them. Its digest is a parameter, so that other content, and nothing else, is a reason.
from advspectra_study.data_identity import images_params


def images_made_by():
    made = code("images.py", f"advspectra.datasets.{STUDY['dataset']['source']}")
    if not workflow.is_main_process:  # which alone plans this rule, and runs it
        return {"code": made}
    say = lambda line: print(line, file=sys.stderr)
    try:
        return images_params(
            STUDY["dataset"], made, images=Path(DATASET) / "images.h5", library=LIBRARY, say=say
        )
    except ValueError as error:
        raise WorkflowError(str(error))


rule images:
    output:
        images=f"{DATASET}/images.h5",
    params:
        **images_made_by(),
    log:
        f"{RESULTS}/logs/images.log",
    benchmark:
        f"{RESULTS}/benchmarks/images.tsv"
    conda:
        ENVIRONMENT
    localrule: True
    script:
        "../scripts/images.py"
