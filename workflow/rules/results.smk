# Which result files each table and figure reads, and which figures a study has; see aggregate.smk.


@cache
def inputs_of(kind, name):
    try:
        return inputs(kind, name, LIBRARY)
    except ValueError as error:
        raise WorkflowError(str(error))


def is_about(about, run):
    activation, alpha = RUNS[run].activation, RUNS[run].alpha
    return activation in (about["activations"] or [activation]) and alpha in (about["alphas"] or [alpha])


def result_files(kind, runs, attacks, states):
    """The files of a kind that the runs have: one each, or one for each attack and state; states None for all."""
    if kind == "checkpoints":
        return [f"{DATASET}/{run}/checkpoints.h5" for run in runs]
    if kind == "predictor":
        return [f"{DATASET}/{run}/predictor.h5" for run in runs if RUNS[run].activation == "linear"]
    there = LINED if kind == "lines" else PERTURBED
    return [
        f"{DATASET}/{run}/{attack}/{state}/{kind}.h5"
        for run in runs
        for attack in attacks
        for state in there[run].get(attack, ())
        if states is None or state in states
    ]


def developments(per):
    """What figures of one attack (or of its lines) on one network are drawn of: where there are several states.

    <network>-<activation>/depth=<d>/alpha=<a>/<attack> -> the runs, one for each seed, and the attack.
    """
    found = {}
    for run, attacks in (ATTACKED if per == "attack" else LINED).items():
        for attack, states in attacks.items():
            if len(states) > 1:
                network = run.rpartition("/")[0]
                found.setdefault(f"{network}/{attack}", ([], attack))[0].append(run)
    return found


DEVELOPMENTS = {per: developments(per) for per in ("attack", "lines")}


def developments_of(figure):
    """The developments that a figure is drawn for; None for a figure of the whole study."""
    about = inputs_of("figures", figure)
    if "per" not in about:
        return None
    return [path for path, (runs, _) in DEVELOPMENTS[about["per"]].items() if is_about(about, runs[0])]


def runs_shown(kind, name, attack=None):
    """The runs that a table or figure of one attack is about, and the attack that it shows of each, at the summary's
    state: `attack`, of runs that have it; without it the summary's or, where a run lacks that, its first, None without
    any. Empty for a table or figure of no attack, or of several.
    """
    about = inputs_of(kind, name)
    if "per" in about or about.get("per_state") or not {"perturbations", "spectra"} & {*about["files"]}:
        return {}
    wanted = [attack] if attack else [SUMMARY["attack"], *ATTACKS]
    has = lambda run, attack: SUMMARY["checkpoint"] in ATTACKED[run].get(attack, ())
    shown = {run: next((one for one in wanted if has(run, one)), None) for run in RUNS if is_about(about, run)}
    return {run: found for run, found in shown.items() if found or not attack}


def falls_back(kind, name):
    return any(found != SUMMARY["attack"] for found in runs_shown(kind, name).values())


def compares_several(figure, runs):
    """Whether runs are of several alphas, if that is what the figure is about."""
    found = {(key.network, key.activation, key.depth, key.alpha) for key in map(RUNS.get, runs)}
    return inputs_of("figures", figure)["alphas"] is not None or len(found) > len({one[:3] for one in found})


def attack_figures():
    """Figures of the whole study for each attack other than the summary's: <figure>/<attack>."""
    return [
        f"{figure}/{attack}"
        for figure in FIGURES
        for attack in ATTACKS
        if attack != SUMMARY["attack"]
        and (runs := runs_shown("figures", figure, attack))
        and compares_several(figure, runs)
    ]


# tables and figures that say of which attack they are; figures below figures/, without their suffix
NOTED = {
    "tables": [table for table in TABLES if falls_back("tables", table)],
    "figures": [figure for figure in FIGURES if falls_back("figures", figure)] + attack_figures(),
}


def noted_files(kind, name):
    """The files that a table or figure of NOTED reads."""
    name, _, attack = name.partition("/")
    return [
        file
        for run, found in runs_shown(kind, name, attack).items()
        for part in inputs_of(kind, name)["files"]
        for file in result_files(part, [run] if found else [], [found], [SUMMARY["checkpoint"]])
    ]


def attack_note(kind, name):
    """The arguments of attack_note.noted for a table or figure of NOTED."""
    name, _, attack = name.partition("/")
    if attack:
        return {"attack": attack, "others": "none"}
    lacking = [vars(RUNS[run]) for run, found in runs_shown(kind, name).items() if found is None]
    networks = [{key: value for key, value in run.items() if key != "seed"} for run in lacking]
    return {"attack": SUMMARY["attack"], "others": [one for n, one in enumerate(networks) if one not in networks[:n]]}


def noted_code(script, kind, name):
    """Digests of the code that makes a table or figure of NOTED: that of its usual script, too."""
    plugin = f"advspectra.{kind}.{name.partition('/')[0]}"
    return {**code(script, plugin), **code("with_note.py", plugin)}


def figure_paths():
    """The figures of the study, below figures/, without their suffix."""
    of = {figure: developments_of(figure) for figure in FIGURES}
    alone = [figure for figure in FIGURES if of[figure] is None]
    return [*alone, *attack_figures(), *(f"{name}/{path}" for name in FIGURES for path in of[name] or ())]


def development_files(about, development):
    """The files that a figure reads of a development; `transfers` are what those of its attack made."""
    runs, attack = DEVELOPMENTS[about["per"]][development]
    transfers = [name for name, transfer in TRANSFERS.items() if transfer["attack"] == attack]
    found = []
    for kind in about["files"]:
        if kind == "transfers":
            for part in ("perturbations", "spectra"):
                found += result_files(part, runs, transfers, None)
        elif kind == "lines" and about["per"] == "attack":
            found += result_files("lines", runs, [attack, *transfers], None)
        else:
            found += result_files(kind, runs, [attack], None)
    return found


def run_files(kind, name):
    """The files that the module advspectra.<kind>.<name> reads, of the study's runs that it is about."""
    about = inputs_of(kind, name)
    if "per" in about:
        return lambda wildcards: development_files(about, wildcards.development)
    runs = [run for run in RUNS if is_about(about, run)]
    attacks, states = [SUMMARY["attack"]], [SUMMARY["checkpoint"]]
    if about.get("per_state"):
        attacks, states = [*ATTACKS, *TRANSFERS], None
    return [file for part in about["files"] for file in result_files(part, runs, attacks, states)]


def caption(name):
    """The caption of a table or figure in Snakemake's report; one without a caption is shown bare."""
    return f"../report/{name}.rst" if (ROOT / f"workflow/report/{name}.rst").exists() else None


def report_labels(name, attack="all networks"):
    """What Snakemake's report calls a table or figure: its title, and whose development or which attack it shows."""
    return lambda wildcards: {
        "name": title(name),
        "of": wildcards.get("development", attack),
        "file": name,
    }


def claim_files(*attacks):
    """The files that claims are answered from: of attacks at the summary's state, of those of the claims at all."""
    developing = [STUDY["claims"][key] for key in ("snapshots", "transfer", "minimal") if STUDY["claims"][key]]
    found = [file for kind in ("checkpoints", "predictor") for file in result_files(kind, RUNS, [], None)]
    for kind in ("perturbations", "spectra"):
        found += result_files(kind, RUNS, [SUMMARY["attack"], *attacks], [SUMMARY["checkpoint"]])
    for kind in ("perturbations", "spectra", "lines"):
        found += result_files(kind, RUNS, developing, None)
    return list(dict.fromkeys(found))
