# files of the study's runs -> tables/<table>.{csv,md,json}, figures/<figure>.{pdf,png,md,json}, and of figures that show how an
# attack on a network develops in training, figures/<figure>/<network>-<activation>/depth=<d>/alpha=<a>/<attack>.{...}
# Those of another attack than the summary's, and where networks lack that, are made in noted.smk.
# Each table and figure is a module, which says in INPUTS what it reads, and a caption: a rule each.
#   files        kinds of files; those of an attack are of summary.attack at summary.checkpoint, unless:
#   per_state    (tables) true: of every attack, transfer and state
#   per          (figures) "attack" or "lines": drawn for each network and attack (or lines of it) on several states,
#                with the files of all of these; "transfers" are perturbations and spectra of its transfers
#   activations, alphas   of the runs that it is about; None, or left out, for all
#   config       (tables) sections of the configuration


for table in TABLES:
    if table in NOTED["tables"]:
        continue

    rule:
        name:
            f"table_{table}"
        input:
            runs=run_files("tables", table),
            # are they the paper's?
            images=f"{DATASET}/images.h5" if inputs_of("tables", table)["files"] else [],
            reference=own("workflow/reference/paper.yaml"),
        output:
            csv=report(
                f"{RESULTS}/tables/{table}.csv",
                caption=caption(table),
                category="Tables",
                labels=report_labels(table),
            ),
            markdown=f"{RESULTS}/tables/{table}.md",
            provenance=f"{RESULTS}/tables/{table}.json",
        params:
            module=f"advspectra.tables.{table}",
            config={key: STUDY[key] for key in inputs_of("tables", table)["config"]},
            dataset={key: STUDY["dataset"][key] for key in ("name", "source")},
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
    if figure in NOTED["figures"]:
        continue
    drawn_for = developments_of(figure)
    path = figure if drawn_for is None else f"{figure}/{{development}}"

    rule:
        name:
            f"figure_{figure}"
        input:
            runs=run_files("figures", figure),
            style=own("workflow/lib/advspectra/paper.mplstyle"),
        output:
            pdf=f"{RESULTS}/figures/{path}.pdf",
            png=report(
                f"{RESULTS}/figures/{path}.png",
                caption=caption(figure),
                category="Figures",
                labels=report_labels(figure),
            ),
            caption=f"{RESULTS}/figures/{path}.md",
            provenance=f"{RESULTS}/figures/{path}.json",
        wildcard_constraints:
            development=one_of(drawn_for or ()),
        params:
            module=f"advspectra.figures.{figure}",
            figures=STUDY["figures"],
            convention=SUMMARY["convention"],
            code=code("figure.py", f"advspectra.figures.{figure}"),
        log:
            f"{RESULTS}/logs/figures/{path}.log",
        benchmark:
            f"{RESULTS}/benchmarks/figures/{path}.tsv"
        conda:
            ENVIRONMENT
        localrule: True
        script:
            "../scripts/figure.py"
