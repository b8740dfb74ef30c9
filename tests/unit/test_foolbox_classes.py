"""What is read of Foolbox's sources is what Foolbox itself has, and each of its attacks runs or is refused."""

import inspect
import math

import foolbox
import numpy as np
import pytest
import torch
from study import ROOT
from torch import nn

from advspectra.attacking import foolbox_classes
from advspectra.attacking.foolbox_classes import REQUIRED
from advspectra.perturb import build_attack, perturb
from advspectra.split import Split
from advspectra_study.config.attacks import UNUSABLE, class_faults

NAMES = sorted(foolbox_classes.class_names())
# of each class one name, an alias where there is one
CLASSES = sorted({foolbox_classes.attack_class(name).name: name for name in NAMES}.values())
ORDER = {"l0": 0, "l1": 1, "l2": 2, "linf": math.inf}


def test_all_attacks_of_foolbox_are_known():
    attack = foolbox.attacks.Attack
    there = [name for name, one in vars(foolbox.attacks).items() if isinstance(one, type) and issubclass(one, attack)]
    assert sorted(there) == sorted([*NAMES, "Attack"]) and len(CLASSES) == 58


@pytest.mark.parametrize("name", NAMES)
def test_a_class_is_read_as_it_is(name):
    read, there = foolbox_classes.attack_class(name), getattr(foolbox.attacks, name)
    signature = list(inspect.signature(there.__init__).parameters.values())[1:]
    named = [one for one in signature if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    expected = {one.name: REQUIRED if one.default is one.empty else one.default for one in named}
    assert {key: argument.default for key, argument in read.arguments.items()} == expected
    assert read.name == there.__name__ and read.bases <= {base.__name__ for base in there.__mro__}


def options_of(name):
    """Options with which a few steps of the attack run, if it runs at all."""
    about = foolbox_classes.attack_class(name)
    steps = {"steps": 5} if "steps" in about.arguments else {}
    distance = {"distance": "l1"} if "FlexibleDistanceMinimizationAttack" in about.bases else {}
    epsilon = 0.3 if "FixedEpsilonAttack" in about.bases else None
    return {"attack": name, "epsilon": epsilon, "parameters": steps | distance}


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.filterwarnings("ignore")
def test_an_attack_runs_or_is_refused_before_any_job(name):
    options = options_of(name)
    refused = list(class_faults(options))
    if foolbox_classes.attack_class(name).name in UNUSABLE or "BrendelBethge" in name:
        assert [keys for keys, _ in refused] == [("attack",)]
        return
    assert not refused
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 3))
    images = torch.randint(50, 200, (3, 3, 8, 8), dtype=torch.uint8)
    data = Split(images, network(images / 255).argmax(dim=1))
    attack = build_attack("foolbox", **options)
    if name != "HopSkipJumpAttack":  # which has its distance from an argument
        assert (
            attack.norm == ORDER[options["parameters"].get("distance") or foolbox_classes.attack_class(name).distance]
        )
    try:
        found = perturb(network, data, np.arange(3), attack, batch_size=2, simplify=False, precision="float32", seed=0)
    except ValueError as error:  # it divides by the norm of a gradient that may be zero
        assert name == "VirtualAdversarialAttack" and "not finite" in str(error)
    else:
        assert found.perturbation.shape == (3, 3, 8, 8)


def test_the_documentation_names_every_class_that_cannot_be_used():
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    section = page.partition("## Attacks of Foolbox")[2]
    assert all(f"`{name}` | {'it ' + reason.split()[0]}" in section for name, reason in UNUSABLE.items())
