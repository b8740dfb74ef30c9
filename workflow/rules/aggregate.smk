# files of the study's runs -> tables/<table>.{csv,md} and figures/<figure>.{pdf,png,md}
# Each table and figure is a module, which says in INPUTS what it reads (files of which runs, for tables also sections of
# the configuration), and a caption: a rule each.


for table in TABLES:

    rule:
        name:
            f"table_{table}"
        input:
            runs=run_files("tables", table),
            reference="workflow/reference/paper.yaml",
        output:
            csv=report(
                f"{RESULTS}/tables/{table}.csv",
                caption=caption(table),
                category="Tables",
                labels={"table": table},
            ),
            markdown=f"{RESULTS}/tables/{table}.md",
        params:
            module=f"advspectra.tables.{table}",
            config={key: STUDY[key] for key in inputs_of("tables", table)["config"]},
            convention=SUMMARY["convention"],
            code=code("table.py", f"advspectra.tables.{table}"),
        log:
            f"{RESULTS}/logs/tables/{table}.log",
        benchmark:
            f"{RESULTS}/benchmarks/tables/{table}.tsv"
        conda:
            ENVIRONMENT
        localrule: True
        script:
            "../scripts/table.py"


for figure in FIGURES:

    rule:
        name:
            f"figure_{figure}"
        input:
            runs=run_files("figures", figure),
            style="workflow/lib/advspectra/paper.mplstyle",
        output:
            pdf=f"{RESULTS}/figures/{figure}.pdf",
            png=report(
                f"{RESULTS}/figures/{figure}.png",
                caption=caption(figure),
                category="Figures",
                labels={"figure": figure},
            ),
            caption=f"{RESULTS}/figures/{figure}.md",
        params:
            module=f"advspectra.figures.{figure}",
            figures=STUDY["figures"],
            convention=SUMMARY["convention"],
            code=code("figure.py", f"advspectra.figures.{figure}"),
        log:
            f"{RESULTS}/logs/figures/{figure}.log",
        benchmark:
            f"{RESULTS}/benchmarks/figures/{figure}.tsv"
        conda:
            ENVIRONMENT
        localrule: True
        script:
            "../scripts/figure.py"
