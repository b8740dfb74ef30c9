# data source -> results/<study>/<dataset>/images.h5
#
# What the source reads is no input: Snakemake compares inputs by their times first, knows no content of folders, and
# refuses to go on without them. Its digest is a parameter, so that other content, and nothing else, is a reason.


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
