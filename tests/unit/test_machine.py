"""What the workflow says of the machine that it runs on."""

from types import SimpleNamespace

import pytest
from snakemake.exceptions import WorkflowError

from advspectra_study.entries import Precision
from advspectra_study.run import machine

BOTH, NONE = Precision("bfloat16", "bfloat16"), Precision("float32", "float32")
# of a workflow that imports this one and calls its rules own_...
KINDS = {"train": "train", "own_train": "train", "train_resnet18": "train", "own_attack": "attack", "attack": "attack"}
APART = Precision("bfloat16", "float32")


def processor(monkeypatch, *flags):
    monkeypatch.setattr("pathlib.Path.read_text", lambda path, encoding: f"flags : fpu {' '.join(flags)} x")


@pytest.mark.parametrize(
    "flags, lacks",
    [
        (["sse2", "avx2"], True),
        (["sse2", "avx2", "avx_ne_convert"], False),
        (["sse2", "avx2", "avx512f"], False),
        (["sse2", "amx_bf16"], False),
        (["asimd"], False),  # not an x86
    ],
)
def test_a_processor_lacks_bfloat16_only_where_it_says_so(monkeypatch, flags, lacks):
    processor(monkeypatch, *flags)
    assert machine.lacks_bfloat16() == lacks


def runs_of(precision):
    """One run with that precision, and another in float32."""
    named = {"vgg19": precision, "resnet18": NONE}
    return {name: SimpleNamespace(entry=SimpleNamespace(name=name, precision=of)) for name, of in named.items()}


def jobs_of(rules, runs=("vgg19", "resnet18")):
    of = [(SimpleNamespace(name=rule, resources={}), SimpleNamespace(run=run)) for rule in rules for run in runs]
    return [SimpleNamespace(rule=rule, wildcards=wildcards) for rule, wildcards in of]


def warnings(monkeypatch, precision, rules, device="cpu", remote=False, flags=("sse2", "avx2")):
    processor(monkeypatch, *flags)
    monkeypatch.setattr(machine, "gpus", lambda device: 0)
    said = []
    monkeypatch.setattr(machine.logger, "warning", said.append)
    dag = SimpleNamespace(needrun_jobs=lambda: jobs_of(rules))
    machine.warn_of_bfloat16(runs_of(precision), device, SimpleNamespace(remote_exec=remote, dag=dag), KINDS)
    return said


def test_bfloat16_is_warned_of_where_the_processor_lacks_it(monkeypatch):
    (said,) = warnings(monkeypatch, APART, ["train_resnet18", "attack"])
    assert said.startswith("precision.training: bfloat16 for vgg19, but this processor has no instructions for it")
    assert len(warnings(monkeypatch, BOTH, ["train", "attack"])) == 2
    assert len(warnings(monkeypatch, BOTH, ["own_train", "own_attack"])) == 2
    assert len(warnings(monkeypatch, BOTH, ["attack"], device="auto")) == 1


def required(precision, rules, runs=("vgg19", "resnet18"), **workflow):
    dag = SimpleNamespace(needrun_jobs=lambda: jobs_of(rules, runs))
    about = {"local_exec": True, "remote_exec": False, "dag": dag} | workflow
    machine.require_device(runs_of(precision), "auto", SimpleNamespace(**about), KINDS)


def test_tf32_is_refused_before_the_trainings_where_no_gpu_can_compute_it(monkeypatch):
    monkeypatch.setattr(machine, "lacks", lambda device: device == "cuda")
    attack_alone = Precision("float32", "tf32")
    with pytest.raises(WorkflowError, match="precision.attack: found tf32 for vgg19, which needs an NVIDIA GPU"):
        required(attack_alone, ["train", "attack"])
    required(attack_alone, ["train"])
    required(attack_alone, ["train", "attack"], runs=["resnet18"])  # the other is done, on a GPU
    required(attack_alone, ["train", "attack"], remote_exec=True)
    monkeypatch.setattr(machine, "lacks", lambda device: False)
    required(attack_alone, ["train", "attack"])


def test_bfloat16_is_not_warned_of_elsewhere(monkeypatch):
    assert warnings(monkeypatch, NONE, ["train", "attack"]) == []
    assert warnings(monkeypatch, BOTH, ["spectra"]) == []
    assert warnings(monkeypatch, BOTH, ["train"], device="cuda") == []
    assert warnings(monkeypatch, BOTH, ["train"], remote=True) == []
    assert warnings(monkeypatch, BOTH, ["train"], flags=("sse2", "avx512f")) == []
