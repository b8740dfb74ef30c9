# The validated study, its paths, the values that wildcards may take, and the parameters shared by several rules.
import json
import os
import re
import sys
from functools import cache
from pathlib import Path

from snakemake.common.configfile import load_configfile
from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.utils import update_config

# not workflow.basedir, which is that of a workflow that imports this one
if not isinstance(workflow.current_basedir, os.PathLike):
    raise WorkflowError("advspectra runs from a folder of this machine: clone its repository and give its Snakefile's path")
ROOT = Path(workflow.current_basedir).resolve().parents[1]
LIBRARY = ROOT / "workflow/lib"
if {*"{}"} & {*str(ROOT)}:
    raise WorkflowError(f"{ROOT}: expected a path without braces, which Snakemake takes for wildcards; move the folder")
sys.path.insert(0, str(LIBRARY))

from advspectra.page.words import title
from advspectra_study.config import ConfigError, load_config
from advspectra_study.config_faults import escaped
from advspectra_study.config_files import options_of_source, with_numbers
from advspectra_study.costs import Costs
from advspectra_study.data_identity import images_params
from advspectra_study.fingerprint import code_fingerprint
from advspectra_study.machine import gpus, lacks, quote_python, share_library
from advspectra_study.plan_log import PlanLog
from advspectra_study.plugins import available, inputs
from advspectra_study.runs import enumerate_runs, fraction, network_entry, run_folder
from advspectra_study.states import kept_states, lines_entry, states_by_run, steps_and_epochs, training_rules

share_library(LIBRARY)
quote_python()
if not config:
    raise WorkflowError("no configuration: a workflow that imports advspectra as a module hands one on, `config: config`")
if workflow.modifier.modify_path("results") != "results":
    raise WorkflowError("module advspectra: expected neither `prefix` nor `replace_prefix`: results/<study> has its place")
ON_COMMAND_LINE = with_numbers(workflow.config_settings.config)
update_config(config, ON_COMMAND_LINE)


def with_options_of_its_source(merged):
    """The configuration, in whose `dataset.options` Snakemake has mixed those of two sources if a file names another one."""
    layers = [*map(load_configfile, workflow.configfiles), ON_COMMAND_LINE]
    given = {}
    for layer in layers:
        update_config(given, layer)
    dataset, options = merged.get("dataset"), options_of_source(layers)
    # they are not where the configuration comes from if another workflow has included this one
    if options is None or dataset != given.get("dataset") or "options" not in (dataset or {}):
        return merged
    return {**merged, "dataset": {**dataset, "options": options}}


config.update(with_options_of_its_source(config))
try:
    GIVEN = load_config(
        config,
        schema_path=ROOT / "workflow/schemas/config.schema.yaml",
        library=LIBRARY,
        files=workflow.configfiles,
    )
except ConfigError as error:
    raise WorkflowError(str(error))
# Snakemake compares params with their keys in order: here they stand in the same one, however the config is written.
STUDY = json.loads(json.dumps(GIVEN, sort_keys=True))

RESULTS = f"results/{STUDY['study']}"
DATASET = f"{RESULTS}/{STUDY['dataset']['name']}"
RUNS = {run_folder(key): key for key in enumerate_runs(STUDY)}
ATTACKS = {attack["name"]: attack for attack in STUDY["attacks"]}
TRANSFERS = {transfer["name"]: transfer for transfer in STUDY["transfers"]}
KEPT = {run: tuple(kept_states(STUDY, network_entry(STUDY, key))) for run, key in RUNS.items()}
TRAINING_RULES = training_rules(STUDY)  # list of states -> the rule that keeps them
# run -> attack, or transfer -> its states of that run; LINED are those from which lines are followed
ATTACKED = states_by_run(STUDY, "attacks")
TRANSFERRED = states_by_run(STUDY, "transfers")
LINED = states_by_run(STUDY, "lines")
PERTURBED = {run: ATTACKED[run] | TRANSFERRED[run] for run in RUNS}
TABLES = available("tables", LIBRARY)
FIGURES = available("figures", LIBRARY)
ENVIRONMENT = "../../envs/environment.yaml"


def own(path):
    """The path of a file of the workflow: relative, as results name it, if the study runs in the workflow's folder."""
    return path if Path.cwd() == ROOT else str(ROOT / path)


# of `--software-deployment-method apptainer`, made from the definition beside it
container: own("envs/advspectra.sif")


# without a GPU the resource never holds a job back
GPUS = gpus(STUDY["compute"]["device"])
SUMMARY = STUDY["summary"]
COSTS = Costs(STUDY, images=Path(DATASET) / "images.h5")
if workflow.is_main_process:
    estimate = cache(COSTS.of_job)
    logger.addFilter(
        PlanLog(
            logger,
            dag=lambda: workflow.dag,
            seconds=lambda job: estimate(job.rule.name, job.wildcards.get("run"), job.wildcards.get("attack")),
            plan=lambda: workflow.dryrun,
        )
    )
if workflow.remote_exec:
    # Snakemake does not pass this limit of profiles/slurm on to the processes that run the jobs of a group.
    workflow.register_resource("turn", 1)


# On a cluster the first job says so: its head node need not have what its nodes have. Neither need a machine that has
# nothing to compute, so this is not a fault of the configuration.
def refuse_missing_device():
    """End before the first job where jobs here would compute on a device that this machine lacks."""
    if workflow.local_exec and not workflow.remote_exec and lacks(STUDY["compute"]["device"]):
        asked = {job.rule.name: job.rule.resources.get("gpu") for job in workflow.dag.needrun_jobs()}
        waiting = [name for name, gpu in asked.items() if gpu and gpu.value]
        if waiting:
            raise WorkflowError(
                f"compute.device: found {STUDY['compute']['device']}, but this machine has no such device, which "
                f"{', '.join(sorted(waiting))} would compute on; allowed here: auto or cpu"
            )


def one_of(names):
    """A wildcard takes the values of the study and no other: any other target is an error that names it."""
    return "|".join(re.escape(name) for name in names) or "(?!)"


def run_with(states):
    """The run of a path that goes on with an attack, or transfer, and a state that `states` has for it."""
    runs = {}
    for run, attacks in states.items():
        ends = "|".join(f"{re.escape(attack)}/(?:{one_of(kept)})" for attack, kept in attacks.items())
        runs.setdefault(ends or "(?!)", []).append(run)
    return "|".join(f"(?:{one_of(members)})(?=/(?:{ends})/)" for ends, members in runs.items())


wildcard_constraints:
    run=one_of(RUNS),
    attack=one_of([*ATTACKS, *TRANSFERS]),
    checkpoint=one_of(sorted({state for states in TRAINING_RULES for state in states})),


@cache
def code(script, *plugins):
    """Digests of the script and of all library code that it reaches; a change of one makes the rule stale."""
    return code_fingerprint(ROOT / "workflow/scripts" / script, package=LIBRARY / "advspectra", plugins=plugins)


def images_made_by():
    """The params of what makes images.h5: the source, its options and code, and digests of what it reads."""
    made = code("images.py", f"advspectra.datasets.{STUDY['dataset']['source']}")
    if not workflow.is_main_process:  # which alone plans and makes it
        return {"code": made}
    say = lambda line: print(escaped(line), file=sys.stderr)
    try:
        return images_params(STUDY["dataset"], made, images=Path(DATASET) / "images.h5", library=LIBRARY, say=say)
    except ValueError as error:
        raise WorkflowError(escaped(str(error)))


def identity(wildcards):
    """What tells a run from the others of its study: the attributes of each of its files."""
    key = RUNS[wildcards.run]
    return {"dataset": STUDY["dataset"]["name"], **vars(key)}


def architecture(wildcards):
    """The arguments of networks.build_network, but for those that the data set gives."""
    key = RUNS[wildcards.run]
    entry = network_entry(STUDY, key)
    return {
        "architecture": entry["architecture"],
        "options": entry["options"],
        "activation": key.activation,
        "depth": key.depth,
    }


def architecture_module(wildcards):
    return f"advspectra.models.{network_entry(STUDY, RUNS[wildcards.run])['architecture']}"


def training_settings(wildcards):
    """What determines the states of a run, apart from the images and the code, whichever of them are kept."""
    rate = network_entry(STUDY, RUNS[wildcards.run])["learning_rate"]
    return {
        "architecture": architecture(wildcards),
        "learning_rate": rate,
        "search": STUDY["training"]["search"] if rate == "search" else None,
        "alpha_scaling": STUDY["initialization"]["alpha_scaling"],
        "precision": STUDY["compute"]["precision"],
        "training": {key: value for key, value in STUDY["training"].items() if key not in ("search", "checkpoints")},
    }


def priority_of(wildcards):
    """Longer jobs first, so that no core is left idle in the end: nonlinear networks, deep before shallow, then linear."""
    key = RUNS[wildcards.run]
    return key.depth + (100 if key.activation != "linear" else 0)


def needs(job, *, gpus=0):
    """The resources of a rule. A cluster places jobs by them and ends those that take more; the first three count here.

    job : what it does: the rule's name, or "train". `turn`: jobs of a group take turns. Snakemake wants one device in
    all of them: so spectra and predictors, which compute on the CPU, have it too.
    """
    return {
        "device": STUDY["compute"]["device"],
        "gpu": gpus,
        "save_every": STUDY["compute"]["save_every"],
        "mem_mb": lambda wildcards, attempt: COSTS.megabytes(job, attempt=attempt),
        "runtime": lambda wildcards, threads, attempt: COSTS.minutes(
            job, wildcards.run, wildcards.get("attack"), threads=threads, gpus=gpus, attempt=attempt
        ),
        "turn": 1,
        # here and not in profiles/slurm, whose text Snakemake evaluates as Python
        "slurm_partition": os.environ.get("ADVSPECTRA_GPU_PARTITION" if gpus else "ADVSPECTRA_PARTITION"),
        "slurm_account": os.environ.get("ADVSPECTRA_ACCOUNT"),
    }


def submitted_with(job, *, gpus=0):
    """The group of a job on a cluster: all jobs of a light run are one submission, but those on a GPU go by themselves.

    Of other runs only jobs of seconds have a group, since a group must not wait for a job that waits for the group.
    """

    def group(wildcards):
        if workflow.local_exec:
            return None
        light = COSTS.is_light(wildcards.run)
        if light and gpus == GPUS:
            return "light"
        return "small" if light or job in ("predictor", "spectra") else None

    return group


def attack_options(wildcards):
    options = ATTACKS[wildcards.attack]["options"]
    sizes = {name: fraction(options[name]) for name in ("epsilon", "tolerance") if options.get(name) is not None}
    return options | sizes


def found_perturbations(wildcards):
    """The perturbations that a transfer tries."""
    transfer = TRANSFERS[wildcards.attack]
    return f"{DATASET}/{wildcards.run}/{transfer['attack']}/{transfer['found_on']}/perturbations.h5"


def lines_settings(wildcards):
    """The entry of `lines` about the attack, or transfer, of a run: how they are followed."""
    entry = lines_entry(STUDY, wildcards.attack, network_entry(STUDY, RUNS[wildcards.run]))
    return {key: value for key, value in entry.items() if key not in ("attack", "networks", "checkpoints")}
