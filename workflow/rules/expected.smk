# What `snakemake verify` holds the results against: see verify.smk.
from types import SimpleNamespace


def all_wildcards():
    """Each rule that makes results, by its name, and what its wildcards may be."""
    runs = [{"run": run} for run in RUNS]
    by_state = lambda states: [
        {"run": run, "attack": attack, "checkpoint": state}
        for run, attacks in states.items()
        for attack, kept in attacks.items()
        for state in kept
    ]
    yield "images", [{}]
    yield "settings", runs
    for kept, name in TRAINING_RULES.items():
        yield name, [{"run": run} for run, states in KEPT.items() if states == kept]
    yield "predictor", [{"run": run} for run, key in RUNS.items() if key.activation == "linear"]
    for name, states in (("attack", ATTACKED), ("transfer", TRANSFERRED), ("spectra", PERTURBED), ("lines", LINED)):
        yield name, by_state(states)
    yield "measures", [{}]
    yield "claims", [{}]
    yield "audit", [{}]
    for kind, name in (("tables", "table_with_note"), ("figures", "figure_with_note")):
        yield name, [{"noted": noted} for noted in NOTED[kind]]
    for table in TABLES:
        if table in NOTED["tables"]:
            continue
        yield f"table_{table}", [{}]
    for figure in FIGURES:
        if figure in NOTED["figures"]:
            continue
        drawn_for = developments_of(figure)
        yield f"figure_{figure}", [{}] if drawn_for is None else [{"development": path} for path in drawn_for]
    yield "report", [{}]


def of(value, wildcards):
    """An entry of a rule's inputs or params for the wildcards given."""
    return value(wildcards) if callable(value) else value


def expected_results():
    """For each file of the study, in the order in which they are made, the inputs, parameters and code that make it."""
    found = {}
    for name, places in all_wildcards():
        made = getattr(rules, name)
        for values in places:
            wildcards = SimpleNamespace(**values)
            # checkpoints.kept and not a parameter says which states there are
            about = {key: of(value, wildcards) for key, value in made.params.items() if key != "checkpoints"}
            made_by = {"parameters": about, "code": about.pop("code")}
            if name == "settings":
                made_by = {"settings": about["settings"], "code": about["training_code"]}
            files = [of(value, wildcards) for value in made.input]
            files = [file for some in files for file in ([some] if isinstance(some, str) else some)]
            made_by["inputs"] = [str(file).format(**values) for file in files]
            for output in made.output:
                found[str(output).format(**values)] = made_by
    return found
