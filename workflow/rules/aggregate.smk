# files of the study's runs -> tables/<table>.{csv,md} and figures/<figure>.{pdf,png,md}
# Each table and figure module says in INPUTS which files of which runs it reads.


rule table:
    input:
        runs=lambda wildcards: run_files("tables", wildcards.table),
        reference="workflow/reference/paper.yaml",
    output:
        csv=report(
            f"{RESULTS}/tables/{{table}}.csv",
            caption="../report/{table}.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
        markdown=f"{RESULTS}/tables/{{table}}.md",
    params:
        study={key: STUDY[key] for key in ("dataset", "networks", "training", "attacks", "summary")},
        code=lambda wildcards: code("table.py", f"advspectra.tables.{wildcards.table}"),
    log:
        f"{RESULTS}/logs/table/{{table}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/table/{{table}}.tsv"
    conda:
        ENVIRONMENT
    localrule: True
    script:
        "../scripts/table.py"


rule figure:
    input:
        runs=lambda wildcards: run_files("figures", wildcards.figure),
        style="workflow/lib/advspectra/paper.mplstyle",
    output:
        pdf=f"{RESULTS}/figures/{{figure}}.pdf",
        png=report(
            f"{RESULTS}/figures/{{figure}}.png",
            caption="../report/{figure}.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        caption=f"{RESULTS}/figures/{{figure}}.md",
    params:
        figures=STUDY["figures"],
        convention=SUMMARY["convention"],
        code=lambda wildcards: code("figure.py", f"advspectra.figures.{wildcards.figure}"),
    log:
        f"{RESULTS}/logs/figure/{{figure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure/{{figure}}.tsv"
    conda:
        ENVIRONMENT
    localrule: True
    script:
        "../scripts/figure.py"
