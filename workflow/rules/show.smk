# Tables, figures and the explorer.
# Reads the results of all networks; makes tables/, figures/ and explorer.html. Each module in advspectra/tables and
# advspectra/figures has its own rule, which reads what the module's INPUTS name. Figures of how one attack develops on
# one network lie in figures/<figure>/. Inputs and params: advspectra_study/plan/shown.py and views.py;
# of the explorer, advspectra_study/plan/results.py


for step in PLAN.tables.values():

    rule:
        """Write one table as CSV and as Markdown, the paper's numbers beside ours: tables/<table>.csv and .md."""
        name: step.name
        input: **step.inputs
        output: **step.outputs
        wildcard_constraints: **step.constraints
        params: **step.params
        log: step.log
        benchmark: step.benchmark
        conda: ENVIRONMENT
        localrule: True
        script: "../scripts/table.py"


for step in PLAN.figures.values():

    rule:
        """Draw one figure as PDF and PNG, with its numbers as CSV and its caption."""
        name: step.name
        input: **step.inputs
        output: **step.outputs
        wildcard_constraints: **step.constraints
        params: **step.params
        log: step.log
        benchmark: step.benchmark
        conda: ENVIRONMENT
        localrule: True
        script: "../scripts/figure.py"


rule table_with_note:
    """Write a table that says which attack it shows: some network of this study lacks the attack of the summary."""
    input: **PLAN.table_with_note.inputs
    output: **PLAN.table_with_note.outputs
    wildcard_constraints: **PLAN.table_with_note.constraints
    params: **PLAN.table_with_note.params
    log: PLAN.table_with_note.log
    benchmark: PLAN.table_with_note.benchmark
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/with_note.py"


rule figure_with_note:
    """Draw a figure that says which attack it shows: another one than that of the summary."""
    input: **PLAN.figure_with_note.inputs
    output: **PLAN.figure_with_note.outputs
    wildcard_constraints: **PLAN.figure_with_note.constraints
    params: **PLAN.figure_with_note.params
    log: PLAN.figure_with_note.log
    benchmark: PLAN.figure_with_note.benchmark
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/with_note.py"


rule explorer:
    """Put spectra, radial curves and examples of all checkpoints on one page with choices and a slider."""
    input: **PLAN.explorer.inputs
    output: **PLAN.explorer.outputs
    params: **PLAN.explorer.params
    log: PLAN.explorer.log
    benchmark: PLAN.explorer.benchmark
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/explorer.py"
