# The validated study, its paths, the values that wildcards may take, and the parameters shared by several rules.
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.basedir)
LIBRARY = ROOT / "workflow/lib"
sys.path.insert(0, str(LIBRARY))

from advspectra_study.config import ConfigError, load_config
from advspectra_study.fingerprint import code_fingerprint
from advspectra_study.machine import gpus, share_library
from advspectra_study.plugins import available, literal
from advspectra_study.runs import enumerate_runs, fraction, network_entry, run_folder

share_library(LIBRARY)
try:
    STUDY = load_config(config, schema_path=ROOT / "workflow/schemas/config.schema.yaml", library=LIBRARY)
except ConfigError as error:
    raise WorkflowError(str(error))

RESULTS = f"results/{STUDY['study']}"
DATASET = f"{RESULTS}/{STUDY['dataset']['name']}"
RUNS = {run_folder(key): key for key in enumerate_runs(STUDY)}
ATTACKS = {attack["name"]: attack for attack in STUDY["attacks"]}
CHECKPOINTS = sorted({checkpoint for attack in STUDY["attacks"] for checkpoint in attack["checkpoints"]})
TABLES = available("tables", LIBRARY)
FIGURES = available("figures", LIBRARY)
ENVIRONMENT = "../../envs/environment.yaml"
# without a GPU the resource never holds a job back
GPUS = gpus(STUDY["compute"]["device"])
SUMMARY = STUDY["summary"]
FILES = {
    "checkpoints": "{run}/checkpoints.h5",
    "predictor": "{run}/predictor.h5",
    "perturbations": f"{{run}}/{SUMMARY['attack']}/{SUMMARY['checkpoint']}/perturbations.h5",
    "spectra": f"{{run}}/{SUMMARY['attack']}/{SUMMARY['checkpoint']}/spectra.h5",
}


def one_of(names):
    """A wildcard takes the values of the study and no other: any other target is an error that names it."""
    return "|".join(re.escape(name) for name in names)


wildcard_constraints:
    run=one_of(RUNS),
    attack=one_of(ATTACKS),
    checkpoint=one_of(CHECKPOINTS),


def code(script, *plugins):
    """Digests of the script and of all library code that it reaches; a change of one makes the rule stale."""
    return code_fingerprint(ROOT / "workflow/scripts" / script, package=LIBRARY / "advspectra", plugins=plugins)


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


def rate(wildcards):
    return network_entry(STUDY, RUNS[wildcards.run])["learning_rate"]


def priority_of(wildcards):
    """Longer jobs first, so that no core is left idle in the end: nonlinear networks, deep before shallow, then linear."""
    key = RUNS[wildcards.run]
    return key.depth + (100 if key.activation != "linear" else 0)


def attack_options(wildcards):
    options = ATTACKS[wildcards.attack]["options"]
    return {name: fraction(value) if name == "epsilon" and value is not None else value for name, value in options.items()}


def inputs_of(kind, name):
    return literal(LIBRARY / f"advspectra/{kind}/{name}.py", "INPUTS")


def run_files(kind, name):
    """The files that the module advspectra.<kind>.<name> reads, of the study's runs that it is about."""
    about = inputs_of(kind, name)
    runs = [
        folder
        for folder, key in RUNS.items()
        if key.activation in (about["activations"] or [key.activation]) and key.alpha in (about["alphas"] or [key.alpha])
    ]
    return [
        f"{DATASET}/{FILES[file].format(run=folder)}"
        for file in about["files"]
        for folder in runs
        if file != "predictor" or RUNS[folder].activation == "linear"
    ]


def caption(name):
    """The caption of a table or figure in Snakemake's report; one without a caption is shown bare."""
    return f"../report/{name}.rst" if (ROOT / f"workflow/report/{name}.rst").exists() else None
