# Tables and figures. What these rules take and make: advspectra_study/plan/results.py


for step in PLAN.tables.values():

    rule:
        """Files of the runs -> tables/<table>.csv."""
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
        """Files of the runs -> figures/<figure>.pdf; of a development below figures/<figure>/."""
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
    """The same, of a study in which networks lack the attack of the summary: the table says so."""
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
    """A figure that says of which attack it is: another than that of the summary."""
    input: **PLAN.figure_with_note.inputs
    output: **PLAN.figure_with_note.outputs
    wildcard_constraints: **PLAN.figure_with_note.constraints
    params: **PLAN.figure_with_note.params
    log: PLAN.figure_with_note.log
    benchmark: PLAN.figure_with_note.benchmark
    conda: ENVIRONMENT
    localrule: True
    script: "../scripts/with_note.py"
