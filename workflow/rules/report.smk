# claims.json, audit.json, tables, figures, the configuration -> report.html, report.md, report.json


# of a configuration what results depend on: not where a job runs, nor how figures look
RUN = {key: value for key, value in GIVEN.items() if key not in ("compute", "figures")}


rule report:
    input:
        claims=rules.claims.output.provenance,
        audit=rules.audit.output.provenance,
        tables=collect(f"{RESULTS}/tables/{{table}}.md", table=TABLES),
        figures=collect(f"{RESULTS}/figures/{{figure}}.png", figure=figure_paths()),
        captions=collect(f"{RESULTS}/figures/{{figure}}.md", figure=figure_paths()),
        made_by=[
            rules.claims.output.provenance,
            rules.audit.output.provenance,
            *collect(f"{RESULTS}/tables/{{table}}.json", table=TABLES),
            *collect(f"{RESULTS}/figures/{{figure}}.json", figure=figure_paths()),
        ],
        doubts=own("workflow/reference/doubts.yaml"),
        templates=sorted(own(str(path.relative_to(ROOT))) for path in LIBRARY.glob("advspectra/page/templates/*")),
    output:
        html=report(
            f"{RESULTS}/report.html",
            caption="../report/report.rst",
            category="Verdicts",
            labels={"verdicts": "all on one page"},
        ),
        markdown=f"{RESULTS}/report.md",
        provenance=f"{RESULTS}/report.json",
    params:
        config=RUN | {"precision": STUDY["compute"]["precision"]},
        figures=figure_paths(),
        tables=TABLES,
        code=code("report.py"),
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    conda:
        ENVIRONMENT
    localrule: True
    script:
        "../scripts/report.py"
