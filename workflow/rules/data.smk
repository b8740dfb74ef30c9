# data source -> results/<study>/<dataset>/images.h5


rule images:
    output:
        images=f"{DATASET}/images.h5",
    params:
        source=STUDY["dataset"]["source"],
        options=STUDY["dataset"]["options"],
        code=code("images.py", f"advspectra.datasets.{STUDY['dataset']['source']}"),
    log:
        f"{RESULTS}/logs/images.log",
    benchmark:
        f"{RESULTS}/benchmarks/images.tsv"
    conda:
        ENVIRONMENT
    localrule: True
    script:
        "../scripts/images.py"
