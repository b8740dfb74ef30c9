"""The config: what is refused and how it says so, what is filled in, and which runs come of it."""

import copy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from snakemake.utils import update_config
from study import CONFIG

from advspectra.networks.identity import number
from advspectra_study.config import checks
from advspectra_study.config.faults import resolve
from advspectra_study.config.files import repeated_keys, with_numbers
from advspectra_study.config.load import ConfigError, load_config
from advspectra_study.config.study import study_faults
from advspectra_study.numbers import fraction
from advspectra_study.plan.conventions import audited_attacks, largest_magnitudes
from advspectra_study.plan.data_identity import read_paths
from advspectra_study.plan.inputs import inputs
from advspectra_study.plugins import available, literal, options_schema, own_check, spec, takes_fractions
from advspectra_study.study import Study, steps_and_epochs

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "workflow" / "schemas" / "config.schema.yaml"
LIBRARY = ROOT / "workflow" / "lib"
STUDIES = [ROOT / "config.yaml", *sorted((ROOT / "workflow" / "presets").glob("*.yaml"))]
DELETE = object()

BASE = """
study: paper
seeds: [0]
dataset: {name: cifar10, source: cifar10}
networks:
  - {name: fully_connected, architecture: fully_connected, options: {hidden_units: 2700},
     activations: [linear, relu], depths: [1, 3], learning_rate: 0.01}
  - {name: bounded_width_32, architecture: bounded_width_convolution, options: {channels: 32, kernel_size: 3},
     activations: [linear], depths: [1], alphas: [0.1, 1, 10], learning_rate: 0.01}
  - {name: resnet18, architecture: resnet18, options: {width: 1}, activations: [relu], depths: [17],
     learning_rate: search}
training:
  epochs: 40
  batch_size: 128
  momentum: 0.9
  schedule: {factor: 0.3, every: 4, reset_at: 20}
attacks:
  - {name: pgd, family: foolbox, images: 2000,
     options: {attack: LinfPGD, epsilon: 8/255, parameters: {steps: 1000, rel_stepsize: 0.1}}}
summary: {attack: pgd}
"""


def base() -> dict:
    return yaml.safe_load(BASE)


def load(raw: dict) -> dict:
    return load_config(raw, schema_path=SCHEMA, library=LIBRARY)


def study_of(raw: dict) -> Study:
    return Study.of(load(raw), LIBRARY)


def changed(*changes: tuple[str, object]) -> dict:
    """The base config with values set (or removed) at key paths such as networks.0.options.width."""
    raw = base()
    for path, value in changes:
        *parents, last = [int(key) if key.isdigit() else key for key in path.split(".")]
        target = raw
        for key in parents:
            target = target.setdefault(key, {}) if isinstance(target, dict) else target[key]
        if value is DELETE:
            del target[last]
        elif isinstance(target, list) and last == len(target):
            target.append(value)
        else:
            target[last] = value
    return raw


def faults(raw: dict) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(raw)
    header, *lines = str(caught.value).splitlines()
    assert header.startswith(f"the config has {len(lines)} error")
    return [line.strip() for line in lines]


def text(yaml_text: str) -> object:
    """What YAML makes of a text: the surprises of the format itself are part of these tests."""
    return yaml.safe_load(yaml_text)


LINF = {"name": "pgd", "family": "linf_pgd", "images": 2000}
MINIMAL = LINF | {"family": "minimal_linf_pgd"}
START = {"attack": "BoundaryAttack", "epsilon": None}
BANDS = {
    "name": "bands",
    "source": "band_features",
    "options": CONFIG["dataset"]["options"] | {"channels": 2},
}
EARLY = base()["attacks"][0] | {"name": "early"}
TRANSFER = {"name": "transfer", "attack": "pgd"}
LINES = {"attack": "pgd", "images": 20, "exact_images": 20}

# (changes, the key path named, fragments of what was found, allowed or suggested)
BROKEN = [
    # values that are fine alone
    ([("networks.0.alphas", [0.3, 0.30000000000000004])], "networks[0].alphas[1]", ["differ in six digits"]),
    ([("claims.files", ["c{1}.yaml"])], "claims.files[0]", ['found "c{1}.yaml"', "a path without braces"]),
    # misspelt and missing keys
    ([("networks.0.options", {"hidden_unit": 5})], "networks[0].options.hidden_unit",
     ["did you mean 'hidden_units'"]),
    ([("networks.2.learning_rat", 1), ("networks.2.learning_rate", DELETE)], "networks[2].learning_rat",
     ["'learning_rate'"]),
    ([("trainning", 1)], "trainning", ["unknown key", "did you mean 'training'"]),
    ([("training.Epochs", 4)], "training.Epochs", ["did you mean 'epochs'"]),
    ([("training.schedule.reset-at", 4)], "training.schedule.reset-at", ["did you mean 'reset_at'"]),
    ([("qqq", 1)], "qqq", ["found 1", "allowed keys: study, seeds"]),
    ([("seeds", DELETE)], "seeds", ["missing", "a list of at least 1"]),
    ([("training.epochs", DELETE)], "training.epochs", ["missing", "an integer >= 1"]),
    ([("attacks.0.options.epsilon", DELETE)], "attacks[0].options.epsilon", ["missing", "a number > 0"]),
    ([("networks.1.options.kernel_size", DELETE)], "networks[1].options.kernel_size",
     ["missing", "an integer >= 1"]),
    ([("summary", DELETE)], "summary", ["missing", "attack, checkpoint, convention"]),
    # names
    ([("study", "My Study")], "study", ['found "My Study"', "lower-case letters"]),
    ([("networks.0.name", "fully-connected")], "networks[0].name",
     ["fully-connected", "such as bounded_width_32"]),
    ([("networks.0.architecture", "fully_conected")], "networks[0].architecture",
     ["vgg19", "mean 'fully_connected'"]),
    ([("networks.0.architecture", "../evil")], "networks[0].architecture", ['found "../evil"']),
    ([("dataset.source", "cifar")], "dataset.source", ["band_features", "did you mean 'cifar10'"]),
    ([("attacks.0.family", "fool")], "attacks[0].family",
     ['found "fool"', 'one of "foolbox"', "did you mean 'foolbox'"]),
    ([("networks.0.activations", ["linear", "rellu"])], "networks[0].activations[1]",
     ["linear, relu", "mean 'relu'"]),
    # numbers that YAML reads as something else
    ([("training.momentum", text("1e-3"))], "training.momentum", ['found "1e-3"', "write 1.0e-3"]),
    ([("networks.0.learning_rate", "0.01")], "networks[0].learning_rate", ["write 0.01 without quotes"]),
    ([("networks.0.learning_rate", "8/255")], "networks[0].learning_rate",
     ["write the fraction as a decimal"]),
    ([("training.epochs", True)], "training.epochs", ["found true", "an integer >= 1", "not numbers"]),
    ([("networks.1.alphas", [text("yes")])], "networks[1].alphas[0]", ["found true", "a number > 0"]),
    ([("training.weight_decay", text(".nan"))], "training.weight_decay", ["found nan", "finite"]),
    ([("networks.0.learning_rate", text(".inf"))], "networks[0].learning_rate", ["found inf", "finite"]),
    ([("attacks.0.options.parameters.abs_stepsize", text("2e-3"))],
     "attacks[0].options.parameters.abs_stepsize", ["2.0e-3"]),
    ([("attacks.0.options.parameters.steps", text(".inf"))], "attacks[0].options.parameters.steps",
     ["found inf"]),
    ([("attacks.0.options.parameters.rel_stepsize", "1/10")], "attacks[0].options.parameters.rel_stepsize",
     ["decimal"]),
    ([("attacks.0.options.epsilon", "8:255")], "attacks[0].options.epsilon",
     ['found "8:255"', "a number > 0, or text"]),
    ([("attacks.0.options.epsilon", "0/255")], "attacks[0].options.epsilon", ['found "0/255"']),
    ([("attacks.0.options.parameters.steps", text("1e1"))], "attacks[0].options.parameters.steps",
     ['found "1e1"', "write 10"]),
    # magnitudes of pixels in [0, 1]
    ([("attacks.0", LINF | {"options": {"epsilon": 8}})], "attacks[0].options.epsilon",
     ["found 8", "> 0 and <= 1", "did you mean 8/255?"]),
    ([("attacks.0", LINF | {"options": {"epsilon": "300/255"}})], "attacks[0].options.epsilon",
     ['found "300/255"', "> 0 and <= 1"]),
    ([("attacks.0.options.epsilon", 8)], "attacks[0].options.epsilon", ["found 8", "at most 1", "mean 8/255?"]),
    ([("attacks.0", MINIMAL | {"options": {"epsilon": "1/255", "tolerance": "2/255"}})],
     "attacks[0].options.tolerance", ["found 2/255", "less than epsilon, 1/255"]),
    *[([("attacks.0", MINIMAL | {"options": {"epsilon": "1/255", "tolerance": tolerance}})],
       "attacks[0].options.tolerance", [f"found {tolerance}; allowed: at least 1.2e-07 and less than epsilon, 1/255"])
      for tolerance in (5e-324, 1e-7)],
    ([("attacks.0.options.epsilon", f"1{'0' * 400}/255")], "attacks[0].options.epsilon",
     ['found "1000', "a number > 0, or text such as 8/255"]),
    ([("attacks.0.options.epsilon", 10**400)], "attacks[0].options.epsilon",
     ["found 1000", "a number that a float can hold"]),
    # classes of Foolbox and their arguments
    ([("attacks.0.options.attack", "L2Pgd")], "attacks[0].options.attack", ['found "L2Pgd"', "did you mean 'L2PGD'"]),
    ([("attacks.0.options.attack", "Nothing")], "attacks[0].options.attack", ["L2DeepFoolAttack"]),
    ([("attacks.0.options.epsilon", None)], "attacks[0].options.epsilon", ["found null", "LinfPGD does not look"]),
    ([("attacks.0.options.parameters", {"step": 3})], "attacks[0].options.parameters.step",
     ["LinfPGD has no such argument", "did you mean 'steps'"]),
    ([("attacks.0", LINF | {"options": {"epsilon": 0.1, "parameters": {"step": 3}}})],
     "attacks[0].options.parameters.step", ["LinfPGD has no such argument", "did you mean 'steps'"]),
    ([("attacks.0.options.parameters.steps", 0)], "attacks[0].options.parameters.steps", ["an integer >= 1"]),
    ([("attacks.0.options.parameters.steps", 1.5)], "attacks[0].options.parameters.steps", ["an integer >= 1"]),
    ([("attacks.0.options.parameters.steps", True)], "attacks[0].options.parameters.steps", ["an integer >= 1"]),
    ([("attacks.0.options.parameters.random_start", "no")], "attacks[0].options.parameters.random_start",
     ['found "no"', "true or false"]),
    ([("attacks.0.options.parameters.abs_stepsize", -0.1)], "attacks[0].options.parameters.abs_stepsize",
     ["a number > 0, or null"]),
    ([("attacks.0.options.parameters.abs_stepsize", 0.1)], "attacks[0].options.parameters.rel_stepsize",
     ["found 0.1 beside abs_stepsize, which LinfPGD then takes alone", "one of them"]),
    ([("attacks.0.options", START | {"parameters": {"tensorboard": "runs"}})],
     "attacks[0].options.parameters.tensorboard", ['found "runs", which needs the package tensorboardX', "false"]),
    ([("attacks.0.options", START | {"parameters": {"tensorboard": None}})],
     "attacks[0].options.parameters.tensorboard", ["found null", "allowed: false"]),
    ([("attacks.0.options", {"attack": "VirtualAdversarialAttack", "epsilon": 0.3})],
     "attacks[0].options.parameters.steps", ["missing", "VirtualAdversarialAttack requires an integer >= 1"]),
    ([("attacks.0.options", {"attack": "HopSkipJumpAttack", "epsilon": 2, "parameters": {"constraint": "linf"}})],
     "attacks[0].options.epsilon", ["at most 1"]),
    ([("attacks.0.options", {"attack": "HopSkipJumpAttack", "epsilon": 2, "parameters": {"constraint": "l1"}})],
     "attacks[0].options.parameters.constraint", ['one of "linf", "l2"']),
    ([("attacks.0.options", {"attack": "InversionAttack", "epsilon": None})],
     "attacks[0].options.parameters.distance", ["missing", "l0, l1, l2, linf"]),
    ([("attacks.0.options", {"attack": "InversionAttack", "epsilon": None, "parameters": {"distance": "L2"}})],
     "attacks[0].options.parameters.distance", ['found "L2"', '"l2"']),
    ([("attacks.0.options", {"attack": "L0FMNAttack", "epsilon": 3})], "attacks[0].options.epsilon",
     ["found 3", "allowed: null"]),
    ([("attacks.0.options", START | {"parameters": {"init_attack": "DDNAttack"}})],
     "attacks[0].options.parameters.init_attack", ["a mapping with the keys attack and parameters"]),
    ([("attacks.0.options", START | {"parameters": {"init_attack": {"attack": "FGSM"}}})],
     "attacks[0].options.parameters.init_attack.attack", ["an attack that looks for the smallest"]),
    ([("attacks.0.options", START | {"parameters": {"init_attack": {"attack": "DDNAttack", "parameters": {"x": 1}}}})],
     "attacks[0].options.parameters.init_attack.parameters.x", ["DDNAttack has no such argument"]),
    *[([("attacks.0.options", {"attack": name, "epsilon": None})], "attacks[0].options.attack",
       [f'found "{name}"', why])
      for name, why in [("GenAttack", "target"), ("SpatialAttack", "norm"), ("DatasetAttack", "feed"),
                        ("BinarizationRefinementAttack", "refines")]],
    # channels
    ([("dataset", BANDS)], "spectra.conventions[0]", ["found paper", "rgb, rgb_orthonormal"]),
    ([("dataset.options", {text("on"): 1})], "dataset.options.True", ["the key True", "quote it"]),
    # ranges, kinds, lists
    ([("networks.0.learning_rate", -1)], "networks[0].learning_rate",
     ["found -1", "a number > 0", '"search"']),
    ([("networks.0.learning_rate", "serach")], "networks[0].learning_rate", ["did you mean 'search'"]),
    ([("training.epochs", 2.5)], "training.epochs", ["found 2.5", "an integer >= 1"]),
    ([("training.momentum", 1)], "training.momentum", ["found 1;", ">= 0 and < 1"]),
    ([("training.schedule.factor", 0)], "training.schedule.factor", ["found 0", "> 0 and <= 1"]),
    ([("training.schedule", {"peak": 0})], "training.schedule.peak", ["found 0", ">= 1"]),
    ([("training.schedule", {"peek": 2})], "training.schedule.peek", ["found 2", "did you mean 'peak'"]),
    ([("training.schedule", 3)], "training.schedule",
     ["found 3", "keys factor, every, reset_at", "or a mapping with the keys peak"]),
    ([("training.augmentation.crop", -1)], "training.augmentation.crop", ["found -1", ">= 0"]),
    ([("training.augmentation.crops", 1)], "training.augmentation.crops", ["did you mean 'crop'"]),
    ([("networks.0.training.epoch", 1)], "networks[0].training.epoch", ["did you mean 'epochs'"]),
    ([("networks.0.training.simplified", False)], "networks[0].training.simplified",
     ["allowed keys: epochs, batch_size"]),
    ([("networks.0.precision", "float64")], "networks[0].precision", ["found \"float64\"", "bfloat16"]),
    ([("networks.1.alphas", [0])], "networks[1].alphas[0]", ["found 0", "a number > 0"]),
    ([("networks.0.depths", 1)], "networks[0].depths", ["found 1", "a list", "write [1]"]),
    ([("networks.0.depths", [])], "networks[0].depths", ["found []", "at least 1"]),
    ([("networks", [])], "networks", ["found []", "at least 1"]),
    ([("seeds", [0, 1, 0])], "seeds", ["0 is listed twice", "all different"]),
    ([("networks.1.alphas", [1, 1.0])], "networks[1].alphas", ["1 is listed twice"]),
    ([("attacks.0.images", 0)], "attacks[0].images", ["found 0", "an integer >= 1"]),
    ([("compute", {"device": "gpu"})], "compute.device", ['found "gpu"', "auto", "cuda"]),
    ([("compute.precision", "float16")], "compute.precision",
     ['found "float16"', 'one of "float32", "tf32", "bfloat16", or a mapping with the keys training, attack']),
    ([("compute.precision", {"training": "float16", "attack": "float32"})], "compute.precision.training",
     ['found "float16"', "bfloat16"]),
    ([("compute.precision", {"training": "bfloat16"})], "compute.precision.attack", ["missing", "float32"]),
    ([("compute.precision", {"train": "bfloat16", "attack": "float32"})], "compute.precision.train",
     ["did you mean 'training'"]),
    ([("compute", {"device": "cpu", "precision": "tf32"})], "compute.precision",
     ['found "tf32"; allowed: float32, bfloat16 (compute.device is cpu)']),
    ([("compute", {"device": "mps", "precision": {"training": "float32", "attack": "tf32"}})],
     "compute.precision.attack", ['found "tf32"', "compute.device is mps"]),
    ([("compute", {"device": "cpu"}), ("networks.1.precision", "tf32")], "networks[1].precision",
     ['found "tf32"; allowed: float32, bfloat16 (compute.device is cpu)']),
    ([("training", "fast")], "training", ['found "fast"', "a mapping with the keys epochs"]),
    ([("networks.1", None)], "networks[1]", ["found null", "a mapping with the keys name"]),
    ([("spectra", {"conventions": ["paper", "rbg"]})], "spectra.conventions[1]", ["did you mean 'rgb'"]),
    ([("networks.2.options.width", 0)], "networks[2].options.width", ["found 0", "a number > 0"]),
    ([("networks.2.depths", [18])], "networks[2].depths[0]", ["found 18", "one of 17", "resnet18"]),
    ([("networks.2.activations", ["linear"])], "networks[2].activations[0]", ["one of relu"]),
    ([("networks.2.alphas", [0.1])], "networks[2].alphas[0]", ["found 0.1", "allowed: 1 "]),
    # what one key demands of another
    ([("networks.3", base()["networks"][0])], "networks[3]",
     ["fully_connected-linear depth 1 alpha 1", "networks[0]"]),
    ([("networks.1.name", "fully_connected"), ("networks.1.depths", [2])], "networks[1].architecture",
     ["bounded_width_convolution", "'fully_connected', as in networks[0]"]),
    ([("training.schedule", {"peak": 41})], "training.schedule.peak", ["found 41", "at most training.epochs (40)"]),
    ([("networks.0.training.epochs", 20)], "networks[0].training.schedule.reset_at",
     ["found 20", "less than networks[0].training.epochs (20)"]),
    ([("networks.0.training", {"schedule": {"peak": 50}})], "networks[0].training.schedule.peak",
     ["found 50", "at most networks[0].training.epochs (40)"]),
    ([("training.schedule.reset_at", 40)], "training.schedule.reset_at",
     ["found 40", "less than training.epochs (40)"]),
    ([("training.checkpoints.epochs", [41])], "training.checkpoints.epochs[0]",
     ["found 41", "at most training.epochs"]),
    ([("training.search.patience", 41)], "training.search.patience",
     ["found 41", "at most training.epochs (40)"]),
    ([("training.search.divisors", [1, 50, 10])], "training.search.divisors", ["[1, 50, 10]", "increasing"]),
    ([("training.search.divisors", [0.5, 10])], "training.search.divisors[0]", ["found 0.5", ">= 1"]),
    ([("training.selection.by", "held_out")], "training.selection.held_out_fraction",
     ["found 0", "> 0 and < 1, as training.selection.by is held_out"]),
    ([("training.selection.held_out_fraction", 0.1)], "training.selection.held_out_fraction",
     ["found 0.1; allowed: 0, as training.selection.by is test"]),
    ([("attacks.0.checkpoints", ["best", "step=30"])], "attacks[0].checkpoints[1]",
     ["step=30", "best, step=0"]),
    ([("attacks.0.checkpoints", ["epoch=5"])], "attacks[0].checkpoints[0]", ["epoch=5", "best, step=0"]),
    ([("attacks.0.checkpoints", ["last"])], "attacks[0].checkpoints[0]", ['found "last"', "such as best"]),
    ([("attacks.1", base()["attacks"][0])], "attacks[1].name", ["found 'pgd'", "attacks[0]"]),
    ([("attacks.0.checkpoints", "best")], "attacks[0].checkpoints", ['found "best"', '"all", "kept", or a list']),
    ([("attacks.0.networks", ["resnet"])], "attacks[0].networks[0]",
     ['found "resnet"', "fully_connected, bounded_width_32, resnet18 (networks)", "mean 'resnet18'"]),
    ([("networks.2.checkpoints", {"epochs": [50]})], "networks[2].checkpoints.epochs[0]",
     ["found 50", "at most training.epochs (40)"]),
    ([("networks.2.checkpoints", {"epoch": [5]})], "networks[2].checkpoints.epoch", ["did you mean 'epochs'"]),
    # a state must be kept by every network that an entry is about
    ([("networks.2.checkpoints", {"epochs": [4]}), ("attacks.1", EARLY | {"checkpoints": ["best", "epoch=4"]})],
     "attacks[1].checkpoints[1]", ["epoch=4", "what training.checkpoints keeps: best, step=0"]),
    ([("networks.2.checkpoints", {"epochs": [4]}),
      ("attacks.1", EARLY | {"networks": ["resnet18"], "checkpoints": ["epoch=5"]})],
     "attacks[1].checkpoints[0]", ["epoch=5", "what networks[2].checkpoints keeps: best, step=0, epoch=4"]),
    ([("networks.2.checkpoints", {"steps": [10], "epochs": []}), ("attacks.0.checkpoints", ["step=0"]),
      ("summary.checkpoint", "step=0")],
     "attacks[0].checkpoints[0]", ["step=0", "what networks[2].checkpoints keeps: best, step=10"]),
    ([("networks.2.checkpoints", {"steps": []}),
      ("attacks.1", EARLY | {"networks": ["resnet18"], "checkpoints": "kept"})],
     "attacks[1].checkpoints", ['found "kept"', "its networks keep none besides the best"]),
    # an attack of the audit is on the checkpoint that is shown, unless it is the summary's on other checkpoints
    ([("attacks.1", EARLY | {"checkpoints": "kept", "images": 10}), ("claims.audit", ["early"])], "claims.audit[0]",
     ["found 'early'", "attacks[1].checkpoints lacks summary.checkpoint, best"]),
    # transfers
    ([("transfers", [TRANSFER | {"name": "pgd"}])], "transfers[0].name", ["found 'pgd'", "attacks[0]"]),
    ([("transfers", [TRANSFER | {"attack": "pdg"}])], "transfers[0].attack", ["pgd (attacks)", "mean 'pgd'"]),
    ([("transfers", [{"name": "t", "found_on": "best"}])], "transfers[0].attack", ["missing"]),
    ([("transfers", [TRANSFER | {"found_on": "step=0"}])], "transfers[0].found_on",
     ["step=0", "those of attacks[0] on fully_connected: best"]),
    ([("transfers", [TRANSFER | {"checkpoints": ["step=7"]}])], "transfers[0].checkpoints[0]",
     ["step=7", "what training.checkpoints keeps: best, step=0"]),
    ([("attacks.1", EARLY | {"networks": ["resnet18"]}),
      ("transfers", [TRANSFER | {"attack": "early", "networks": ["fully_connected"]}])],
     "transfers[0].networks[0]", ["fully_connected", "one of resnet18 (networks of attacks[1])"]),
    # lines
    ([("lines", [LINES | {"attack": "pgt"}])], "lines[0].attack", ["one of pgd (attacks and transfers)"]),
    ([("lines", [LINES | {"checkpoints": ["step=0"]}])], "lines[0].checkpoints[0]",
     ["step=0", "those of attacks[0] on fully_connected: best"]),
    ([("lines", [LINES | {"images": 2001}])], "lines[0].images", ["found 2001", "at most the 2000 images of 'pgd'"]),
    ([("transfers", [TRANSFER]), ("lines", [LINES | {"attack": "transfer", "images": 2001}])], "lines[0].images",
     ["at most the 2000 images of 'pgd'"]),
    ([("lines", [{"attack": "pgd", "images": 20}])], "lines[0].exact_images", ["missing", "an integer >= 0"]),
    ([("lines", [LINES | {"samples": 100}])], "lines[0].samples", ["found 100", "an odd number"]),
    ([("lines", [LINES | {"stretch_limit": 0.5}])], "lines[0].stretch_limit", ["found 0.5", ">= 1"]),
    ([("lines", [LINES, LINES | {"networks": ["resnet18"]}])], "lines[1].attack",
     ["found 'pgd' on resnet18, as in lines[0]"]),
    # what tables and figures show is there for every network that has the attack
    ([("attacks.1", EARLY | {"networks": ["resnet18"]}), ("summary.attack", "early"), ("summary.checkpoint", "step=1")],
     "summary.checkpoint", ['found "step=1"', "attacks[1].checkpoints"]),
    ([("attacks.0.checkpoints", "all"), ("summary.checkpoint", "epoch=2")], "summary.checkpoint",
     ["one of best, step=0"]),
    ([("summary.attack", "pgt")], "summary.attack", ['found "pgt"', "did you mean 'pgd'"]),
    ([("summary.checkpoint", "step=0")], "summary.checkpoint", ['found "step=0"', "one of best"]),
    ([("summary.convention", "rgb_orthonormal")], "summary.convention",
     ["spectra.conventions", "did you mean"]),
    # paths that a shell would expand, and images whose spectra have no rings
    ([("dataset.options", {"archive": "~/cifar.tar.gz"})], "dataset.options.archive",
     ['found "~/cifar.tar.gz"', f"~ is not expanded here, write the folder out: {Path.home()}/cifar.tar.gz"]),
    ([("dataset.options", {"cache": "~root/downloads"})], "dataset.options.cache", ["~ is not expanded here"]),
    ([("dataset", {"name": "own", "source": "image_folder", "options": {"path": "~"}})], "dataset.options.path",
     ["~ is not expanded here"]),
    ([("dataset", {"name": "own", "source": "image_folder", "options": {"path": "x", "image_size": [32, 48]}})],
     "dataset.options.image_size", ["found [32, 48]", "as many rows as columns, as [32, 32]"]),
    ([("dataset", {"name": "own", "source": "band_features",
                   "options": {"band": {"low": 2, "high": 4}, "image_size": [16, 12]}})],
     "dataset.options.image_size", ["found [16, 12]", "as [12, 12]"]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "path", "fragments"), BROKEN, ids=[path for _, path, _ in BROKEN])
def test_broken_config_is_refused_with_one_line_that_names_the_key(changes, path, fragments):
    lines = faults(changed(*changes))
    named = [line for line in lines if line.startswith(f"{path}: ")]
    assert len(named) == 1, lines
    assert not [fragment for fragment in fragments if fragment not in named[0]], named[0]


def test_a_value_that_is_an_object_of_python_is_named_without_its_address():
    lines = faults(changed(("training.momentum", base)))
    assert lines and all(" at 0x" not in line for line in lines) and 'found "<function base>"' in lines[0]


def test_base_of_the_broken_configs_is_valid():
    assert load(base())["study"] == "paper"


def test_the_attack_of_the_summary_may_leave_networks_out():
    raw = changed(("attacks.1", EARLY | {"networks": ["resnet18"]}), ("summary.attack", "early"))
    assert load(raw)["summary"]["attack"] == "early"


def test_a_fault_of_an_attack_is_not_told_again_of_what_builds_on_it():
    broken = ("attacks.0.checkpoints", ["step=30"])
    assert len(faults(changed(broken, ("transfers", [TRANSFER]), ("lines", [LINES | {"attack": "transfer"}])))) == 1
    assert len(faults(changed(("attacks", 3), ("transfers", [TRANSFER]), ("lines", [LINES])))) == 1
    assert len(faults(changed(("transfers", 3), ("lines", [LINES | {"attack": "transfer"}])))) == 1
    meant = ("attacks.1", EARLY | {"networks": ["resnet18"]})
    assert len(faults(changed(("networks.2.name", 3), meant))) == 1
    assert len(faults(changed(("networks.2.checkpoints", 3), meant))) == 1
    assert len(faults(changed(("networks.2", 3), meant))) == 1
    assert len(faults(changed(("attacks.0", 3)))) == len(faults(changed(("attacks.0.name", 3)))) == 1
    assert len(faults(changed(("attacks", []), ("transfers", [TRANSFER])))) == 1


def test_all_errors_are_reported_at_once():
    raw = changed(
        ("study", "No"),
        ("networks.0.optoins", {}),
        ("networks.2.options.width", "wide"),
        ("networks.1.architecture", "unknown_thing"),
        ("attacks.0.options.parameters.steps", "1e3"),
        ("attacks.0.options.epsilon", -1),
    )
    paths = [line.split(":")[0] for line in faults(raw)]
    assert sorted(paths) == [
        "attacks[0].options.epsilon",
        "attacks[0].options.parameters.steps",
        "networks[0].optoins",
        "networks[1].architecture",
        "networks[2].options.width",
        "study",
    ]
    between = changed(("training.schedule.reset_at", 50), ("summary.attack", "none"), ("networks.2.depths", [18]))
    paths = [line.split(":")[0] for line in faults(between)]
    assert sorted(paths) == ["networks[2].depths[0]", "summary.attack", "training.schedule.reset_at"]


def test_any_value_replaced_by_another_kind_is_accepted_or_refused_but_never_crashes():
    def places(value, keys=()):
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, item in items:
            yield (*keys, key)
            yield from places(item, (*keys, key))

    junk = [None, {"a": 1}, [[None]], "1e3", -1]
    refused = 0
    raw = load(dynamics())
    for index, keys in enumerate(list(places(raw))):
        parent = raw
        for key in keys[:-1]:
            parent = parent[key]
        kept, parent[keys[-1]] = parent[keys[-1]], junk[index % len(junk)]
        try:
            load(raw)
        except ConfigError as error:
            refused += bool(error.faults)
        parent[keys[-1]] = kept
    assert refused > 0.8 * index


def test_a_misspelt_key_is_one_error_and_not_two():
    misspelt = base()
    misspelt["networks"][0]["optoins"] = misspelt["networks"][0].pop("options")
    assert len(faults(misspelt)) == 1
    assert len(faults(changed(("training.epoch", 4), ("training.epochs", DELETE)))) == 1


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_every_shipped_study_is_valid_by_itself(study):
    config = load(yaml.safe_load(study.read_text(encoding="utf-8")))
    assert config["study"] == {"config": "paper"}.get(study.stem, study.stem)


@pytest.mark.parametrize(
    "change", sorted((ROOT / "workflow/presets/beside").glob("*.yaml")), ids=lambda path: path.name
)
def test_every_study_that_is_shown_beside_workstation_is_valid_with_it(change):
    raw, changed = (
        yaml.safe_load(path.read_text(encoding="utf-8"))
        for path in (ROOT / "workflow/presets/workstation.yaml", change)
    )
    assert changed["study"] in load(raw)["claims"]["beside"]
    update_config(raw, changed)  # as --configfile with both
    load(raw)


def test_the_workstation_attacks_the_last_epoch_of_the_networks_that_keep_it_and_no_other_checkpoint():
    study = study_of(yaml.safe_load((ROOT / "workflow/presets/workstation.yaml").read_text(encoding="utf-8")))
    jobs = study.jobs_of(study.attacks).items()
    tried = {run: there["pgd_last_epoch"] for run, there in jobs if "pgd_last_epoch" in there}
    runs = (run for name, run in study.runs.items() if name in tried)
    networks = {(run.entry.name, run.activation, run.depth, run.alpha) for run in runs}
    assert set(tried.values()) == {("epoch=16",)} and len(tried) == 25
    names = ("fully_connected", "locally_connected", "full_width", "bounded_width_3", "bounded_width_32")
    assert networks == {(name, "linear", 1, 1) for name in names}
    assert study.attack_of_last_epoch == "pgd_last_epoch"
    assert "pgd_last_epoch" not in audited_attacks(study) and "pgd_minimal" in audited_attacks(study)


def test_without_such_an_attack_the_summarys_own_last_epoch_is_compared():
    assert study_of(base()).attack_of_last_epoch == "pgd"
    other = EARLY | {"checkpoints": "all", "images": 10}
    study = study_of(changed(("attacks.1", other), ("claims.audit", ["early"])))
    assert study.attack_of_last_epoch == "pgd" and list(audited_attacks(study)) == ["early"]


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_every_shipped_study_holds_the_networks_of_its_sections(study):
    whole = study_of(yaml.safe_load(study.read_text(encoding="utf-8"))).runs.values()
    runs = {(run.entry.name, run.activation, run.depth, run.alpha) for run in whole}
    table_1 = {
        (name, "linear", depth, 1) for name in ("fully_connected", "full_width", "bounded_width_32") for depth in (1, 3)
    }
    table_2 = {
        (name, "relu", 1, 1) for name in ("fully_connected", "locally_connected", "full_width", "bounded_width_32")
    }
    resnet_depth = 3 if study.stem == "demo" else 2  # as run, its block has one convolution
    deep = {("shallow_resnet", "relu", resnet_depth, 1), ("vgg19", "relu", 16, 1), ("resnet18", "relu", 17, 1)}
    if study.stem == "demo":  # its images are too few for VGG19
        deep.remove(("vgg19", "relu", 16, 1))
    if study.stem == "workstation":  # dynamics.yaml has its deep networks
        deep = {("shallow_resnet", "relu", resnet_depth, 1)}
    if study.stem == "dynamics":
        assert deep <= runs
        return
    figure_5_9 = {("locally_connected", "linear", 1, 1), ("bounded_width_3", "linear", 1, 1)}
    figure_11 = {
        (name, activation, 1, alpha)
        for name in ("locally_connected", "bounded_width_32")
        for activation in ("linear", "relu")
        for alpha in (0.1, 1, 10)
    }
    assert table_1 | table_2 | deep | figure_5_9 | figure_11 <= runs


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.name)
def test_every_shipped_study_leaves_no_key_to_a_default(study):
    raw = yaml.safe_load(study.read_text(encoding="utf-8"))
    filled = load(raw)
    for config in (raw, filled):
        config["dataset"].pop("options", None)  # a source may grow an option without touching the studies
    assert filled == raw


def test_a_network_may_have_seeds_of_its_own():
    raw = base()
    raw["networks"][0]["seeds"] = [3, 1]
    runs = study_of(raw).runs.values()
    assert {run.seed for run in runs if run.entry.name == "fully_connected"} == {1, 3}
    assert {run.seed for run in runs if run.entry.name != "fully_connected"} == {0}
    raw["networks"][0]["seeds"] = []
    assert "networks[0].seeds: found []; allowed: a list of at least 1" in str(faults(raw)[0])


def test_defaults_are_filled_in_at_every_level_and_the_input_stays_as_it_was():
    raw = base()
    before = copy.deepcopy(raw)
    config = load(raw)
    assert raw == before
    assert config["compute"] == {"device": "auto", "threads": 1, "precision": "float32", "save_every": 60}
    assert config["training"]["weight_decay"] == 0
    assert config["training"]["checkpoints"] == {"steps": [0], "epochs": []}
    assert config["networks"][0]["alphas"] == [1]
    assert config["dataset"]["options"]["archive"] is None
    assert (config["attacks"][0]["networks"], config["attacks"][0]["checkpoints"]) == ("all", ["best"])
    assert config["transfers"] == config["lines"] == [] and "checkpoints" not in config["networks"][0]
    config = load(changed(("transfers", [TRANSFER]), ("lines", [LINES]), ("networks.2.checkpoints", {"epochs": [4]})))
    assert config["transfers"] == [TRANSFER | {"found_on": "best", "networks": "all", "checkpoints": "all"}]
    followed = {"samples": 201, "stretch_limit": 16}
    assert config["lines"] == [LINES | {"networks": "all", "checkpoints": "all"} | followed]
    assert config["networks"][2]["checkpoints"] == {"steps": [0], "epochs": [4]}
    assert config["summary"] == {"attack": "pgd", "checkpoint": "best", "convention": "paper"}
    config["training"]["checkpoints"]["steps"].append(7)
    assert load(base())["training"]["checkpoints"]["steps"] == [0]


def test_a_network_may_be_trained_in_its_own_way_and_the_others_are_as_the_study_says():
    own = {"epochs": 30, "schedule": {"peak": 3}, "augmentation": {"flip": True}}
    study = study_of(changed(("networks.1.training", own), ("networks.1.precision", "bfloat16")))
    usual = study.networks[0].training
    assert {key: usual[key] for key in ("epochs", "weight_decay", "augmentation")} == {
        "epochs": 40, "weight_decay": 0, "augmentation": {"flip": False, "crop": 0},
    }  # fmt: skip
    assert usual["schedule"] == {"factor": 0.3, "every": 4, "reset_at": 20}
    assert study.networks[1].training == usual | own | {"augmentation": {"flip": True, "crop": 0}}
    assert [str(network.precision) for network in study.networks] == ["float32", "bfloat16", "float32"]
    # the alternative that is written is completed, and no other
    assert study_of(changed(("training.schedule", {"factor": 1, "every": 1}))).networks[0].training["schedule"] == {
        "factor": 1, "every": 1, "reset_at": None,
    }  # fmt: skip


def test_the_precision_may_be_one_word_or_one_for_training_and_one_for_attacks():
    def precision(written):
        return study_of(changed(("compute.precision", written))).compute.precision

    assert precision("bfloat16") == precision({"attack": "bfloat16", "training": "bfloat16"})
    assert str(precision("bfloat16")) == "bfloat16"
    apart = precision({"attack": "float32", "training": "bfloat16"})
    assert (apart.training, apart.attack) == ("bfloat16", "float32")
    assert str(apart) == "bfloat16 in training, float32 in attacks"


def test_a_loaded_config_loads_to_itself():
    config = load(base())
    assert load(config) == config


def test_numbers_written_as_1_or_1_0_give_the_same_config():
    config = load(changed(("networks.1.alphas", [0.1, 1.0, 10.0]), ("training.epochs", 40.0)))
    assert config == load(base())
    assert [type(alpha) for alpha in config["networks"][1]["alphas"]] == [float, int, int]


def test_numbers_given_to_an_attack_class_keep_their_type():
    config = load(changed(("attacks.0.options.parameters.rel_stepsize", 1.0)))
    assert isinstance(config["attacks"][0]["options"]["parameters"]["rel_stepsize"], float)


def test_every_key_of_the_schema_is_described_and_every_mapping_is_closed():
    root = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))

    def check(schema: dict, path: str) -> None:
        schema = resolve(schema, root)
        assert "type" in schema or "enum" in schema or "anyOf" in schema, path
        if schema.get("type") == "object" and not path.endswith(".options"):
            assert schema.get("additionalProperties") is False, path
        assert schema.get("description", "").endswith((".", ".)")), path
        for branch in [schema, *schema.get("anyOf", [])]:
            for key, sub in branch.get("properties", {}).items():
                check(sub, f"{path}.{key}")
        if "items" in schema:
            check(schema["items"], f"{path}[]")

    check(root, "config")


def dynamics() -> dict:
    """The base config with early states of ResNet18 and of one other, an attack on them, its transfer and lines."""
    return changed(
        ("networks.2.checkpoints", {"steps": [0, 10], "epochs": [2]}),
        ("attacks.1", EARLY | {"networks": ["resnet18", "fully_connected"], "checkpoints": "all"}),
        ("transfers", [{"name": "transfer", "attack": "early", "networks": ["resnet18"]}]),
        ("lines", [LINES | {"attack": "early"}, LINES | {"attack": "transfer", "checkpoints": ["epoch=2"]}]),
    )


def test_the_checkpoints_of_a_study_follow_from_networks_attacks_transfers_and_lines():
    study = study_of(dynamics())
    resnet, relu, linear, other = (
        "resnet18-relu/depth=17/alpha=1/seed=0",
        "fully_connected-relu/depth=1/alpha=1/seed=0",
        "fully_connected-linear/depth=1/alpha=1/seed=0",
        "bounded_width_32-linear/depth=1/alpha=10/seed=0",
    )
    kept = ("best", "step=0", "step=10", "epoch=2")
    attacked = study.jobs_of(study.attacks)
    assert list(attacked) == list(study.runs)
    assert attacked[resnet] == {"pgd": ("best",), "early": kept}
    assert attacked[relu] == attacked[linear] == {"pgd": ("best",), "early": ("best", "step=0")}
    assert attacked[other] == {"pgd": ("best",)}
    transferred = study.jobs_of(study.transfers)
    assert {run: there for run, there in transferred.items() if there} == {resnet: {"transfer": kept}}
    lines = study.jobs_of(study.lines)
    assert lines[resnet] == {"early": kept, "transfer": ("epoch=2",)}
    assert lines[relu] == {"early": ("best", "step=0")} and lines[linear] == lines[other] == {}
    both = study.jobs_of([*study.attacks, *study.transfers])
    assert both[resnet] == {"pgd": ("best",), "early": kept, "transfer": kept}


def test_checkpoints_and_the_lists_of_the_config_are_one_another_s_inverse():
    study = study_of(dynamics())
    for network, entry in zip(study.networks, study.config["networks"], strict=True):
        expected = entry.get("checkpoints", study.config["training"]["checkpoints"])
        assert steps_and_epochs(network.checkpoints) == expected


def test_runs_come_in_the_order_of_the_config():
    runs = list(study_of(changed(("seeds", [3, 1]))).runs.values())
    first = {"network": "fully_connected", "activation": "linear", "depth": 1, "alpha": 1}
    assert [run.identity for run in runs[:3]] == [
        first | {"seed": 3},
        first | {"seed": 1},
        first | {"depth": 3, "seed": 3},
    ]
    folders = [run.folder for run in runs]
    assert folders[8:10] == [
        "bounded_width_32-linear/depth=1/alpha=0.1/seed=3",
        "bounded_width_32-linear/depth=1/alpha=0.1/seed=1",
    ]
    assert len(set(folders)) == len(folders) == 2 * (4 + 3 + 1)


def test_entries_of_one_name_give_each_run_its_own_learning_rate():
    deep = {**base()["networks"][0], "depths": [2], "learning_rate": 0.5}
    runs = study_of(changed(("networks.3", deep))).runs
    assert runs["fully_connected-relu/depth=2/alpha=1/seed=0"].entry.learning_rate == 0.5
    assert runs["fully_connected-relu/depth=3/alpha=1/seed=0"].entry.learning_rate == 0.01


def test_a_fraction_is_a_number_in_the_study_and_stays_as_it_was_written_in_the_config():
    study = study_of(base())
    assert study.attacks[0].options["epsilon"] == 8 / 255
    assert study.config["attacks"][0]["options"]["epsilon"] == "8/255"
    whole = study_of(changed(("attacks.0", LINF | {"options": {"epsilon": 1}}))).attacks[0].options
    assert whole["epsilon"] == 1 and isinstance(whole["epsilon"], float)


def test_no_part_of_a_study_can_be_changed():
    study = study_of(dynamics())
    for part in (study, study.dataset, study.networks[0], study.attacks[0], study.transfers[0], study.lines[0]):
        with pytest.raises(AttributeError):
            part.name = "other"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, "1"), (1.0, "1"), (0.1, "0.1"), (0.0004, "0.0004"), (1e-7, "0.0000001"), (10, "10"), (100.0, "100"),
     (1e22, "10000000000000000000000"), (0, "0"), (-0.0, "0"), (0.30000000000000004, "0.30000000000000004")],
)  # fmt: skip
def test_numbers_in_paths_have_no_exponent_and_no_trailing_zeros(value, expected):
    assert number(value) == expected
    assert float(number(value)) == value


@pytest.mark.parametrize("value", [True, "1", None, float("nan"), float("inf")])
def test_what_is_not_a_finite_number_has_no_path(value):
    with pytest.raises(ValueError, match="expected a finite number"):
        number(value)


def test_fractions_become_the_float_they_stand_for():
    assert fraction("8/255") == 8 / 255
    assert fraction(0.5) == 0.5
    for value in ("8/0", "eight", "1/2/3", True, None, float("nan")):
        with pytest.raises(ValueError, match="fraction"):
            fraction(value)


@pytest.mark.parametrize("kind", ["datasets", "models", "attacks"])
def test_every_plugin_has_a_readable_spec_whose_options_are_described(kind):
    assert available(kind, LIBRARY)
    for name in available(kind, LIBRARY):
        for option, schema in spec(kind, name, LIBRARY)["options"].items():
            assert schema.get("description"), (name, option)


@pytest.mark.parametrize(
    ("epsilon", "tolerance", "expected"), [("8/255", "1/255", 4), ("8/255", 1 / 300, 5), (1, 0.3, 3)]
)
def test_an_attack_that_bisects_tries_each_image_until_the_distance_is_reached(epsilon, tolerance, expected):
    options = {"epsilon": epsilon, "tolerance": tolerance}
    study = study_of(changed(("attacks.0", MINIMAL | {"options": options}), ("attacks.1", EARLY)))
    assert [attack.attempts for attack in study.attacks] == [expected, 1]


@pytest.mark.parametrize("classes", [2, 10])
def test_an_attack_that_tries_each_class_in_turn_runs_once_more_for_each_class_after_the_first(classes):
    options = {"epsilon": "8/255", "tolerance": "1/255", "loss": "logit_difference"}
    data = BANDS | {"options": BANDS["options"] | {"classes": classes, "channels": 3}}
    study = study_of(changed(("dataset", data), ("attacks.0", MINIMAL | {"options": options}), ("attacks.1", EARLY)))
    assert [attack.attempts for attack in study.attacks] == [4 + classes - 2, 1]


@pytest.mark.parametrize("family", ["linf_pgd", "linf_pgd_until_converged", "minimal_linf_pgd", "foolbox"])
def test_epsilon_is_a_fraction_in_every_family_of_attacks(family):
    schema = options_schema(spec("attacks", family, LIBRARY))["properties"]["epsilon"]
    assert takes_fractions(schema) and "$ref" not in str(schema)


def plugin(library: Path, name: str, source: str, *, kind: str = "models") -> None:
    folder = library / "advspectra" / kind
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(source, encoding="utf-8")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("SPEC = dict()", r"SPEC \(lines 1 to 1\) must be a literal, without calls or names$"),
        ("x = 1", "constant SPEC, found none"),
        ("SPEC = {", "not valid Python"),
        ("SPEC = {'options': {}}", "expected SPEC with the keys"),
        (
            "SPEC = {'options': {'a': {}}, 'required': [], 'activations': [], 'depths': None, 'alpha': True}",
            "'a'",
        ),
        (
            "SPEC = {'options': {}, 'required': ['b'], 'activations': [], 'depths': None, 'alpha': True}",
            "requires b",
        ),
        *(
            (
                f"SPEC = {{'options': {options}, 'required': [], 'activations': [], 'depths': None, 'alpha': True}}",
                message,
            )
            for options, message in (
                ("['w']", r"expected `options` of SPEC as a mapping, found \['w'\]"),
                ("{'w': 'number'}", "option 'w' of SPEC: expected a JSON Schema, found 'number'"),
                ("{'w': {'type': 'int', 'default': 1}}", "option 'w' of SPEC: 'int' is not valid"),
                ("{'w': {'minimum': '0', 'default': 1}}", "option 'w' of SPEC: '0' is not of type 'number'"),
                ("{'w': {'$ref': '#/$defs/count', 'default': 1}}", "as \\$ref, found '#/\\$defs/count'"),
            )
        ),
    ],
)
def test_a_plugin_without_a_proper_spec_is_named(tmp_path, source, message):
    plugin(tmp_path, "toy", source)
    with pytest.raises(ValueError, match=message) as caught:
        spec("models", "toy", tmp_path)
    assert "toy.py" in str(caught.value)


def test_a_data_set_may_say_which_of_its_options_it_reads(tmp_path):
    folder = tmp_path / "advspectra/datasets"
    folder.mkdir(parents=True)
    text = "SPEC = {'options': {'a': {'default': 1}}, 'required': [], 'reads': ['%s']}"
    many = {"source": "toy", "options": {"a": ["one.tar", "two.tar"]}}
    (folder / "toy.py").write_text(text % "a", encoding="utf-8")
    assert spec("datasets", "toy", tmp_path)["reads"] == ["a"]
    assert read_paths(many, tmp_path) == ["one.tar", "two.tar"]
    (folder / "toy.py").write_text(text % "b", encoding="utf-8")
    with pytest.raises(ValueError, match="SPEC reads b, which its options do not define"):
        spec("datasets", "toy", tmp_path)
    (folder / "toy.py").write_text((text % "a").replace("reads", "read"), encoding="utf-8")
    with pytest.raises(ValueError, match="expected SPEC with the keys options, required, found"):
        spec("datasets", "toy", tmp_path)


@pytest.mark.parametrize(
    ("options", "name", "message"),
    [
        ("'parameters'", "LinfPGB", "expected a class of foolbox.attacks or an option, found 'LinfPGB'"),
        ("'epsilon'", "LinfPGD", "'LinfPGD' of SPEC needs the options parameters as well"),
        ("'attack', 'parameters'", "attack", "'attack' of SPEC needs the options epsilon as well"),
    ],
)
def test_the_class_of_an_attack_is_one_of_foolboxs_and_has_its_options(tmp_path, options, name, message):
    schemas = ", ".join(f"{option}: {{'default': 1}}" for option in options.split(", "))
    source = f"SPEC = {{'options': {{{schemas}}}, 'required': [], 'foolbox_class': '{name}'}}"
    plugin(tmp_path, "toy", source, kind="attacks")
    with pytest.raises(ValueError, match=message) as caught:
        spec("attacks", "toy", tmp_path)
    assert "toy.py" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "key", "value", "message"),
    [
        ("models", "required", "'w'", r'required: found "w"; allowed: a list, each text; write \[w\]$'),
        ("models", "activations", "['relu', 1]", r"activations\[1\]: found 1; allowed: text$"),
        ("models", "depths", "17", "depths: found 17; allowed: a list, each an integer >= 1, or null; write \\[17\\]$"),
        ("models", "depths", "[0]", r"depths\[0\]: found 0; allowed: an integer >= 1$"),
        ("models", "alpha", "1", "alpha: found 1; allowed: true or false$"),
        ("datasets", "reads", "'w'", r'reads: found "w"; allowed: a list, each text; write \[w\]$'),
        ("attacks", "foolbox_class", "['LinfPGD']", r'foolbox_class: found \["LinfPGD"\]; allowed: text$'),
        ("attacks", "bisects", "['w']", r'bisects: found \["w"\]; allowed: a list of exactly 2, each text$'),
        ("attacks", "in_turn", "['w']", r'in_turn: found \["w"\]; allowed: a mapping$'),
    ],
)
def test_each_key_of_a_spec_has_its_kind(tmp_path, kind, key, value, message):
    good = {"options": "{'w': {'default': 1}}", "required": "[]"}
    if kind == "models":
        good |= {"activations": "['relu']", "depths": "None", "alpha": "True"}
    text = ", ".join(f"{name!r}: {literal}" for name, literal in (good | {key: value}).items())
    plugin(tmp_path, "toy", f"SPEC = {{{text}}}", kind=kind)
    with pytest.raises(ValueError, match=f"toy.py: SPEC: {message}"):
        spec(kind, "toy", tmp_path)


def test_a_plugin_is_read_and_not_run(tmp_path):
    plugin(
        tmp_path,
        "toy",
        "import nothing_that_exists\nINPUTS: dict = {'files': ['spectra']}\nraise SystemExit\n",
    )
    assert available("models", tmp_path) == ["toy"]
    assert literal(tmp_path / "advspectra" / "models" / "toy.py", "INPUTS") == {"files": ["spectra"]}


def test_loading_a_config_imports_neither_torch_nor_numpy():
    code = (
        "import sys, yaml; from pathlib import Path; from advspectra_study.config.load import load_config\n"
        f"load_config(yaml.safe_load(open({str(STUDIES[0])!r}, encoding='utf-8')),"
        f" schema_path=Path({str(SCHEMA)!r}), library=Path({str(LIBRARY)!r}))\n"
        "print(sorted({'torch', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(LIBRARY)},
    )
    assert done.stdout.strip() == "[]"


def test_spaces_in_a_fraction_and_integral_floats_change_nothing():
    spaced = load(changed(("attacks.0.options.epsilon", "8 / 255"), ("attacks.0.options.parameters.steps", 1000.0)))
    assert spaced == load(base()) and type(spaced["attacks"][0]["options"]["parameters"]["steps"]) is int


def test_all_faults_of_attacks_are_told_at_once():
    raw = changed(
        ("attacks.0", LINF | {"options": {"epsilon": 0.1, "parameters": {"step": 3}}}),
        ("attacks.1", EARLY | {"options": {"attack": "L2Pgd", "epsilon": 0.5}}),
        ("attacks.2", EARLY | {"name": "c", "options": {"attack": "LinfPGD", "epsilon": None}}),
        ("attacks.3", MINIMAL | {"name": "d", "options": {"epsilon": "1/255", "tolerance": "2/255"}}),
    )
    keys = ["[0].options.parameters.step", "[1].options.attack", "[2].options.epsilon", "[3].options.tolerance"]
    assert [line.partition(": ")[0] for line in faults(raw)] == [f"attacks{key}" for key in keys]


@pytest.mark.parametrize(
    "options",
    [
        {"attack": "InversionAttack", "epsilon": None, "parameters": {"distance": "linf"}},
        {"attack": "PointwiseAttack", "epsilon": 3, "parameters": {"distance": "l1"}},
        START
        | {"parameters": {"init_attack": {"attack": "DDNAttack", "parameters": {"steps": 5}}, "tensorboard": False}},
        {"attack": "GaussianBlurAttack", "epsilon": None, "parameters": {"distance": "l2", "channel_axis": -3}},
        {"attack": "EADAttack", "epsilon": None, "parameters": {"decision_rule": "L1", "confidence": 0}},
        {"attack": "L2PGD", "epsilon": 8, "parameters": {"abs_stepsize": None, "random_start": False}},
    ],
)
def test_what_foolbox_takes_is_accepted(options):
    assert load(changed(("attacks.0.options", options)))["attacks"][0]["options"] == options


def test_a_plugin_checks_its_options_without_being_imported(tmp_path):
    plugin(
        tmp_path,
        "toy",
        "import nothing_that_exists\nSPEC = {}\n"
        "def check(options: nothing_that_exists.Options) -> nothing_that_exists.Faults:\n"
        "    import math\n"
        "    if options['a'] > math.pi:\n        yield ('a',), 'too large'\n",
    )
    check = own_check("models", "toy", tmp_path)
    assert list(check({"a": 4})) == [(("a",), "too large")] and not list(check({"a": 3}))


def test_a_check_changes_no_option_and_may_name_a_key_without_a_comma(tmp_path, monkeypatch):
    def check(options):
        options["steps"] = 5
        yield ("steps"), "too many"

    attack = load(base())["attacks"][0]
    monkeypatch.setattr(checks, "own_check", lambda kind, name, library: check if kind == "attacks" else None)
    config = {"dataset": {"source": "cifar10", "options": {}}, "networks": [], "attacks": [copy.deepcopy(attack)]}
    assert [str(fault) for fault in checks.option_faults(config, LIBRARY)] == ["attacks[0].options.steps: too many"]
    assert config["attacks"] == [attack]


def test_a_plugin_need_not_have_a_check_of_its_own(tmp_path):
    plugin(tmp_path, "toy", "SPEC = {}\n")
    assert own_check("models", "toy", tmp_path) is None


def figure(folder, source, name="toy"):
    path = folder / "advspectra" / "figures" / f"{name}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source + "def draw(): ...\n")


def test_a_figure_that_could_not_be_drawn_is_refused_before_any_job(tmp_path):
    for name in ("my.fig", "fig 1", "with_note"):
        figure(tmp_path, "INPUTS = {'files': ['spectra']}\n", name)
        with pytest.raises(ValueError, match=rf"{name}.py: expected a name of letters, digits and _ that no rule has"):
            inputs("figures", name, tmp_path)
    path = tmp_path / "advspectra/figures/empty.py"
    path.write_text("INPUTS = {'files': ['spectra']}\n")
    with pytest.raises(ValueError, match="empty.py: expected a function draw, found none"):
        inputs("figures", "empty", tmp_path)
    path.write_text("from advspectra.figures.fig05 import draw\nINPUTS = {'files': ['spectra']}\n")
    assert inputs("figures", "empty", tmp_path)["files"] == ["spectra"]


def test_a_figure_need_not_say_that_it_is_about_all_runs(tmp_path):
    figure(tmp_path, "INPUTS = {'files': ['spectra']}\n")
    assert inputs("figures", "toy", tmp_path) == {"files": ["spectra"], "activations": None, "alphas": None, "also": []}


@pytest.mark.parametrize(
    ("written", "place", "fragments"),
    [
        ([], "INPUTS", ["found []", "a mapping with the keys files, activations, alphas, per"]),
        ({"activations": None}, "INPUTS.files", ["missing"]),
        ({"files": [], "alpha": 1}, "INPUTS.alpha", ["unknown key", "did you mean 'alphas'?"]),
        ({"files": ["predictors"]}, "INPUTS.files[0]", ['found "predictors"', "did you mean 'predictor'?"]),
        ({"files": ["transfers"]}, "INPUTS.files[0]", ['found "transfers"', '"predictor", "lines"']),
        ({"files": "spectra"}, "INPUTS.files", ["write [spectra]"]),
        ({"files": [], "per": "attacks"}, "INPUTS.per", ['found "attacks"', 'one of "attack", "lines"']),
        ({"files": [], "alphas": 1}, "INPUTS.alphas", ["found 1", "a list, each a number, or null"]),
        ({"files": [], "activations": [1]}, "INPUTS.activations[0]", ["found 1", "text"]),
        ({"files": [], "also": ["claim"]}, "INPUTS.also[0]", ['found "claim"', "did you mean 'claims'?"]),
        ({"files": [], "pairs": [["snapshot", "minimal"]]}, "INPUTS.pairs[0][0]", ["did you mean 'snapshots'?"]),
        ({"files": [], "pairs": [["minimal"]]}, "INPUTS.pairs[0]", ['found ["minimal"]', "a list of exactly 2"]),
        ({"files": {"spectra"}}, "INPUTS.files", ["allowed: text, a number"]),
    ],
)
def test_inputs_of_another_form_are_refused_with_the_file(tmp_path, written, place, fragments):
    figure(tmp_path, f"INPUTS = {written!r}\n")
    with pytest.raises(ValueError) as caught:
        inputs("figures", "toy", tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/advspectra/figures/toy.py: {place}: ")
    assert all(fragment in str(caught.value) for fragment in fragments) and "\n" not in str(caught.value)


def test_inputs_of_a_table_name_sections_of_the_configuration(tmp_path):
    (tmp_path / "advspectra/tables").mkdir(parents=True)
    (tmp_path / "advspectra/tables/toy.py").write_text(
        "INPUTS = {'files': [], 'config': ['network'], 'noise': 1}\ndef table(): ...\n"
    )
    with pytest.raises(ValueError) as caught:
        inputs("tables", "toy", tmp_path, sections=["networks", "training"])
    config, noise = sorted(str(caught.value).splitlines())
    assert 'INPUTS.config[0]: found "network"; allowed: one of "networks", "training"' in config
    assert "INPUTS.noise: found 1; allowed: true or false" in noise


@pytest.mark.parametrize("kind", ["figures", "tables"])
def test_inputs_of_every_figure_and_table_are_of_this_form(kind):
    sections = load(base())
    for name in available(kind, LIBRARY):
        assert (
            literal(LIBRARY / f"advspectra/{kind}/{name}.py", "INPUTS").items()
            <= {**inputs(kind, name, LIBRARY, sections=sections)}.items()
        )


def repeated(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(yaml.safe_load(text), schema_path=SCHEMA, library=LIBRARY, files=[path])
    return [str(fault) for fault in caught.value.faults]


def test_a_key_that_stands_twice_is_refused_with_its_lines(tmp_path):
    assert repeated(tmp_path, BASE + "attacks: []\nsummary: {attack: pgd}\n")[-2:] == [
        "attacks: found twice in mine.yaml, in lines 17 and 21; allowed: once",
        "summary: found twice in mine.yaml, in lines 20 and 22; allowed: once",
    ]


@pytest.mark.parametrize("name", ["logs", "figures", "tables", "benchmarks"])
def test_a_data_set_has_not_the_name_of_another_folder_of_a_study(name):
    raw = base()
    raw["dataset"] = raw["dataset"] | {"name": name}
    (fault,) = faults(raw)
    assert fault.startswith(f'dataset.name: found "{name}"; allowed: another name than benchmarks, figures')


def test_a_name_of_another_form_is_told_the_form():
    (fault,) = faults(base() | {"study": "my study"})
    assert "lower-case letters, digits and _, a letter first" in fault and "^[" not in fault


def test_a_key_that_stands_twice_inside_a_list_is_refused(tmp_path):
    found = repeated(tmp_path, BASE.replace("depths: [17],", "depths: [17], depths: [17],"))
    assert found == ["networks[2].depths: found twice in mine.yaml, in lines 10 and 10; allowed: once"]


def test_aliases_merges_and_templates_repeat_no_key(tmp_path):
    path = tmp_path / "mine.yaml"
    for text in (
        "a: &a {b: 1}\nc: *a\nd: {<<: *a, <<: *a}\n",
        "__use_yte__: true\n?if True:\n  a: 1\n?if False:\n  a: 2\n",
    ):
        path.write_text(text)
        assert not repeated_keys(path)


def test_lists_and_mappings_of_the_command_line_are_read_as_yaml():
    given = {
        "seeds": ["0", "1"],
        "compute": {"threads": "2", "device": "cpu"},
        "figures": [{"a": ["true", "~", "1.5"]}],
    }
    expected = {"seeds": [0, 1], "compute": {"threads": 2, "device": "cpu"}, "figures": [{"a": [True, None, 1.5]}]}
    assert with_numbers({**given, "study": "0"}) == {**expected, "study": "0"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"snapshots": "pdg"}, 'claims.snapshots: found "pdg"; allowed: one of pgd (attacks)'),
        ({"transfer": "pgd"}, 'claims.transfer: found "pgd"; allowed: one of none (transfers)'),
        (
            {"recalibrated_minimal": "pgd"},
            'claims.recalibrated_minimal: found "pgd"; allowed: one whose attack has batch_norm: {batches: <number>, '
            "batch_size: <images>}",
        ),
        ({"recalibrated_transfer": "pgd"}, 'recalibrated_transfer: found "pgd"; allowed: one of none (transfers)'),
        ({"audit": ["pgd", "other"]}, 'claims.audit[1]: found "other"'),
        ({"beside": ["paper"]}, "claims.beside[0]: found 'paper'; allowed: another study than this one"),
        ({"minimum": "pgd"}, "did you mean 'minimal'?"),
    ],
)
def test_claims_name_attacks_transfers_and_other_studies(change, message):
    raw = base() | {"claims": change}
    with pytest.raises(ConfigError) as error:
        load(raw)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("batch_norm", "refused"),
    [("as_is", "recalibrated_snapshots"), ({"batches": 16, "batch_size": 128}, "snapshots")],
)
def test_each_part_of_the_claims_takes_attacks_on_networks_as_it_says(batch_norm, refused):
    study = study_of(base())
    study.config["attacks"][0]["batch_norm"] = batch_norm
    for part in ("snapshots", "recalibrated_snapshots"):
        named = replace(study, claims=replace(study.claims, **{part: "pgd"}))
        found = [fault.keys for fault in study_faults(named, LIBRARY)]
        assert found == ([("claims", part)] if part == refused else [])


def attacking_with(family, **options):
    return changed(("attacks.1", EARLY | {"family": family, "options": options}))


@pytest.mark.parametrize("part", ["minimal", "recalibrated_minimal"])
@pytest.mark.parametrize(
    ("family", "options", "refused"),
    [
        ("linf_pgd", {"epsilon": "8/255"}, "LinfProjectedGradientDescentAttack"),
        ("linf_pgd_until_converged", {"epsilon": "8/255"}, "LinfProjectedGradientDescentAttack"),
        ("foolbox", {"attack": "L2PGD", "epsilon": 0.5}, "L2ProjectedGradientDescentAttack"),
        ("foolbox", {"attack": "L2DeepFoolAttack", "epsilon": None}, None),
        ("minimal_linf_pgd", {"epsilon": "8/255", "tolerance": "1/255"}, None),
    ],
)
def test_claims_about_the_smallest_epsilon_have_an_attack_that_looks_for_it(part, family, options, refused):
    raw = attacking_with(family, **options) | {"claims": {part: "early"}}
    if part.startswith("recalibrated"):
        raw["attacks"][1]["batch_norm"] = {"batches": 1, "batch_size": 2}
    if refused:
        allowed = f"one that looks for the smallest epsilon, as {refused} does not"
        assert faults(raw) == [f'claims.{part}: found "early"; allowed: {allowed}']
    else:
        load(raw)


def test_claims_about_the_smallest_epsilon_take_an_own_attack_of_which_nothing_is_known(tmp_path):
    study, folder = study_of(base()), tmp_path / "advspectra/attacks"
    folder.mkdir(parents=True)
    (folder / "own.py").write_text("SPEC = {'options': {}, 'required': []}\n")
    (folder.parent / "models").symlink_to(LIBRARY / "advspectra/models")
    own = replace(study.attacks[0], family="own", options={}, foolbox_class=None)
    named = replace(study, attacks=(own,), claims=replace(study.claims, minimal="pgd"))
    assert not list(study_faults(named, tmp_path))


@pytest.mark.parametrize(
    ("family", "options", "epsilon"),
    [
        ("foolbox", {"attack": "LinfPGD", "epsilon": "51/255"}, 0.2),
        ("foolbox", {"attack": "PGD", "epsilon": 0.2}, 0.2),
        ("linf_pgd", {"epsilon": 0.2}, 0.2),
        ("foolbox", {"attack": "L2PGD", "epsilon": 0.2}, None),
        ("foolbox", {"attack": "LinfDeepFoolAttack", "epsilon": 0.2}, None),  # stops at the boundary, not at epsilon
        ("minimal_linf_pgd", {"epsilon": 0.2, "tolerance": 0.1}, None),
    ],
)
def test_an_attack_within_a_largest_magnitude_has_noise_beside_it_whatever_its_family(family, options, epsilon):
    assert largest_magnitudes(study_of(attacking_with(family, **options))).get("early") == epsilon
