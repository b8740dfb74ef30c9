# Tables and figures that say of which attack they are: figures/<figure>/<attack>.{pdf,png,md,json} of each attack other than
# the summary's, and tables/<table>.{csv,md,json}, figures/<figure>.{...} of studies in which networks lack the summary's.


rule table_with_note:
    input:
        runs=lambda wildcards: noted_files("tables", wildcards.noted),
        images=f"{DATASET}/images.h5",
        reference=own("workflow/reference/paper.yaml"),
    output:
        csv=report(
            f"{RESULTS}/tables/{{noted}}.csv",
            caption="../report/noted.rst",
            category="Tables",
            labels=lambda wildcards: report_labels(wildcards.noted)(wildcards),
        ),
        markdown=f"{RESULTS}/tables/{{noted}}.md",
        provenance=f"{RESULTS}/tables/{{noted}}.json",
    wildcard_constraints:
        noted=one_of(NOTED["tables"]),
    params:
        module=lambda wildcards: f"advspectra.tables.{wildcards.noted}",
        config=lambda wildcards: {key: STUDY[key] for key in inputs_of("tables", wildcards.noted)["config"]},
        dataset={key: STUDY["dataset"][key] for key in ("name", "source")},
        convention=SUMMARY["convention"],
        note=lambda wildcards: attack_note("tables", wildcards.noted),
        code=lambda wildcards: noted_code("table.py", "tables", wildcards.noted),
    log:
        f"{RESULTS}/logs/tables/{{noted}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tables/{{noted}}.tsv"
    conda:
        ENVIRONMENT
    localrule: True
    script:
        "../scripts/with_note.py"


rule figure_with_note:
    input:
        runs=lambda wildcards: noted_files("figures", wildcards.noted),
        style=own("workflow/lib/advspectra/paper.mplstyle"),
    output:
        pdf=f"{RESULTS}/figures/{{noted}}.pdf",
        png=report(
            f"{RESULTS}/figures/{{noted}}.png",
            caption="../report/noted.rst",
            category="Figures",
            labels=lambda wildcards: report_labels(*wildcards.noted.split("/"))(wildcards),
        ),
        caption=f"{RESULTS}/figures/{{noted}}.md",
        provenance=f"{RESULTS}/figures/{{noted}}.json",
    wildcard_constraints:
        noted=one_of(NOTED["figures"]),
    params:
        module=lambda wildcards: f"advspectra.figures.{wildcards.noted.partition('/')[0]}",
        figures=STUDY["figures"],
        convention=SUMMARY["convention"],
        note=lambda wildcards: attack_note("figures", wildcards.noted),
        code=lambda wildcards: noted_code("figure.py", "figures", wildcards.noted),
    log:
        f"{RESULTS}/logs/figures/{{noted}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures/{{noted}}.tsv"
    conda:
        ENVIRONMENT
    localrule: True
    script:
        "../scripts/with_note.py"
