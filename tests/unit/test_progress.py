"""Killed work goes on from what it kept, to the bytes of work that was left alone."""

import dataclasses
import errno
import json
import os
import resource
import subprocess
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch
from damaged_files import changed
from recipes import fit, train
from test_training import SEARCH, SETTINGS, Normalised, StochasticDepth, through_its_map, toy_network, toy_split
from torch import nn

import advspectra.files.progress as progress_module
from advspectra_study.job import job, unfinished
from advspectra.attacking import resuming
from advspectra.files.hdf5 import attributes_of, open_checked
from advspectra.files.progress import NOTHING_KEPT, Part, Progress
from advspectra.lines.ends import measure_lines
from advspectra.networks.build import build_network
from advspectra.perturb import build_attack, perturb
from advspectra.split import Split
from advspectra.training.train import TrainingFailed

EPSILON = 8 / 255


class Killed(BaseException):
    pass


@pytest.fixture
def progress(tmp_path, monkeypatch):
    """Progress that is saved at every opportunity."""
    monkeypatch.setattr(progress_module, "PATIENCE", 0)
    return Progress(tmp_path / "partial", about="this work")


def killed_at_every_saving(work, monkeypatch):
    """Start `work` again and again, each time killed at its next saving; return its result and the times it was killed.

    Between two starts the generators are disturbed, as those of a new process are.
    """
    save = Part.save

    def save_and_die(self, *arguments, **facts):
        save(self, *arguments, **facts)
        raise Killed

    monkeypatch.setattr(Part, "save", save_and_die)
    for kills in range(1000):
        torch.manual_seed(1000 + kills)
        try:
            return work(), kills
        except Killed:
            continue
    raise AssertionError("no start came further than the one before")


def residual_network():
    """Batch normalisation and convolutions, whose weights lie in memory with the channels last."""
    form = {"image_shape": (1, 8, 8), "classes": 2, "activation": "relu", "depth": 17, "options": {"width": 0.03125}}
    return build_network("resnet18", **form, alpha=1, alpha_scaling="plain", seed=0)


def vgg19_with_dropout():
    form = {"image_shape": (1, 4, 4), "classes": 2, "activation": "relu", "depth": 16}
    options = {"width": 0.03125, "head": "dropout"}
    return build_network("vgg19", options=options, **form, alpha=1, alpha_scaling="plain", seed=0)


def assert_same(found, expected):
    assert found.history == expected.history and found.best_epoch == expected.best_epoch
    assert found.tries == expected.tries and list(found.checkpoints) == list(expected.checkpoints)
    for name, state in expected.checkpoints.items():
        assert dataclasses.replace(found.checkpoints[name], tensors={}) == dataclasses.replace(state, tensors={})
        assert list(found.checkpoints[name].tensors) == list(state.tensors)  # the order in which they are written
        for key, tensor in state.tensors.items():
            assert torch.equal(found.checkpoints[name].tensors[key], tensor), (name, key)


TRAININGS = {
    "one layer": (toy_network, {}),
    "batch normalisation and dropout": (Normalised, {}),
    "dropout of VGG19": (vgg19_with_dropout, {"epochs": 1, "checkpoints": {"steps": [0, 2], "epochs": [1]}}),
    "stochastic depth": (StochasticDepth, {"seed": 2}),
    "end-to-end map": (through_its_map, {"learning_rate": 0.01}),
    "without momentum": (toy_network, {"momentum": 0.0}),
    "held-out images": (toy_network, {"selection": {"by": "held_out", "held_out_fraction": 0.2}}),
}


@pytest.mark.parametrize(("build", "changes"), TRAININGS.values(), ids=TRAININGS)
def test_a_training_killed_after_each_step_ends_as_one_left_alone(progress, monkeypatch, build, changes):
    settings = {"learning_rate": 0.1, **SETTINGS, **changes}

    def work(**more):
        network = build()
        torch.seed()  # dropout has streams of its own: the global generator has no part in a training
        return train(network, toy_split(), toy_split(20, 1), **settings, **more)

    expected = work()
    found, kills = killed_at_every_saving(lambda: work(progress=progress), monkeypatch)
    assert kills == expected.history[-1]["step"]
    assert_same(found, expected)


def test_a_training_that_goes_on_says_from_where_and_counts_from_there(progress, monkeypatch):
    monkeypatch.setattr("advspectra.machine.countdown.EVERY", 0)
    lines = []

    def work():
        lines.clear()
        about = {"progress": progress, "report": lines.append, "learning_rate": 0.1}
        return train(toy_network(), toy_split(), toy_split(20, 1), **about, **SETTINGS)

    save = Part.save

    def save_and_die_after_step_6(self, *arguments, **facts):
        save(self, *arguments, **facts)
        if (facts["epoch"], facts["done"]) == (2, 2):
            raise Killed

    monkeypatch.setattr(Part, "save", save_and_die_after_step_6)
    with pytest.raises(Killed):
        work()
    work()
    assert [line.split(", about")[0] for line in lines if not line.startswith("epoch ")] == [
        "resumes after step 6",
        *(f"{step} of 12 steps" for step in range(7, 13)),
    ]


def test_a_residual_network_goes_on_with_its_weights_as_they_lay_in_memory(progress, monkeypatch):
    def split(count, seed):
        rng = np.random.default_rng(seed)
        labels = torch.from_numpy(rng.integers(0, 2, count))
        return Split(torch.from_numpy(rng.integers(0, 256, (count, 1, 8, 8)).astype(np.uint8)), labels)

    settings = SETTINGS | {"epochs": 2, "learning_rate": 0.01}
    settings["checkpoints"] = {"steps": [2], "epochs": []}
    settings["schedule"] = {"factor": 0.3, "every": 1, "reset_at": None}
    expected = train(residual_network(), split(40, 0), split(20, 1), **settings)
    found, kills = killed_at_every_saving(
        lambda: train(residual_network(), split(40, 0), split(20, 1), **settings, progress=progress), monkeypatch
    )
    assert kills == 6
    assert_same(found, expected)


def test_a_search_for_the_rate_killed_after_each_step_finds_the_same(progress, monkeypatch):
    def work(**more):
        settings = {**SETTINGS, "learning_rate": "search", "search": SEARCH, **more}
        return fit(toy_network, toy_split(), toy_split(20, 1), **settings)

    expected = work()
    assert len(expected.tries) > 1  # a rate fails first
    found, kills = killed_at_every_saving(lambda: work(progress=progress), monkeypatch)
    assert kills > expected.history[-1]["step"]
    assert_same(found, expected)


def relu(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(108, 30), nn.ReLU(), nn.Linear(30, 5)).eval().requires_grad_(False)


def attacked(count=24):
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, 3, 6, 6), generator=generator, dtype=torch.uint8)
    return Split(pixels, relu()(pixels.float() / 255).argmax(dim=1))


PGD = {"steps": 60, "rel_stepsize": 0.1, "random_start": True}
ATTACKS = {
    "linf_pgd": {"epsilon": EPSILON, "parameters": PGD},
    "linf_pgd_until_converged": {
        "epsilon": EPSILON,
        "parameters": PGD,
        "tolerance": 0.05,
        "control_images": 6,
    },
    "minimal_linf_pgd": {
        "epsilon": 4 * EPSILON,
        "tolerance": 1 / 510,
        "loss": "cross_entropy",
        "parameters": PGD | {"steps": 10},
    },
    "foolbox": {"attack": "L2PGD", "epsilon": 0.5, "parameters": {"steps": 10}},
}


@pytest.mark.parametrize("family", ATTACKS)
def test_an_attack_killed_at_each_saving_finds_the_same(progress, monkeypatch, family):
    monkeypatch.setitem(resuming.CHUNK, "cpu", 5)

    def work(**more):
        attack = build_attack(family, **ATTACKS[family])
        settings = {"batch_size": 12, "simplify": False, "precision": "float32", "seed": 3}
        return perturb(relu(), attacked(), np.arange(24), attack, **settings, **more)

    expected = work()
    found, kills = killed_at_every_saving(lambda: work(progress=progress), monkeypatch)
    # each of the two batches once, and what the families that know of parts keep of one
    assert kills == 2 if family == "foolbox" else kills > 4
    for name, array in vars(expected).items():
        np.testing.assert_equal(getattr(found, name), array, err_msg=name)


def test_lines_killed_after_each_image_are_the_same(progress, monkeypatch):
    inputs = attacked(6)
    pixels = inputs.images.float() / 255
    settings = {"exact_images": 2, "samples": 21, "stretch_limit": 4.0, "seed": 3}

    def work(part):
        delta = 0.1 * torch.ones_like(pixels)
        return measure_lines(relu(), pixels, inputs.labels, delta, np.arange(6), **settings, part=part)

    expected = work(NOTHING_KEPT)
    found, kills = killed_at_every_saving(lambda: work(progress.part("lines")), monkeypatch)
    assert kills == 6
    for end, arrays in expected.items():
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[end][name], array, err_msg=f"{end} {name}")
            assert found[end][name].dtype == array.dtype


def test_other_work_does_not_go_on_from_it(progress):
    progress.part("a").save({"x": torch.ones(3)}, n=1)
    tensors, facts = progress.part("a").load()
    assert torch.equal(tensors["x"], torch.ones(3)) and facts == {"n": 1}
    assert progress.part("b").load() is None
    assert Progress(progress.folder, about="other work").part("a").load() is None


def test_a_job_goes_on_from_its_own_work_and_from_no_other(tmp_path):
    """Its attributes tell: other parameters, code, inputs or device are other work, another commit is not."""
    snakemake = SimpleNamespace(resources=SimpleNamespace(save_every=0))
    about = {"parameters": '{"rate": 0.1}', "device": "cpu: AVX2", "threads": 1, "commit": "a", "uncommitted": "[]"}

    def kept(**changes):
        with unfinished(snakemake, str(tmp_path / "checkpoints.h5"), about=about | changes) as progress:
            found = progress.part("a").load()
            progress.part("a").save({}, n=1)
            progress.remove = lambda: None  # as if killed
        return found is not None

    assert not kept()
    assert kept() and kept(commit="b", uncommitted='["x.py"]')
    for changes in ({"parameters": '{"rate": 0.2}'}, {"device": "cpu: AVX512"}, {"threads": 2}):
        assert not kept(**changes)
        assert kept(**changes)


@pytest.mark.parametrize("damage", ["truncated", "a changed byte", "no HDF5"])
def test_a_damaged_file_is_as_none_at_all(progress, damage):
    part = progress.part("a")
    part.save({"x": torch.arange(1000.0)}, n=1)
    path = progress.folder / "a.h5"
    whole = bytearray(path.read_bytes())
    if damage == "a changed byte":
        place = whole.index(np.arange(1000, dtype=np.float32).tobytes()) + 2002
        whole[place] ^= 1
    path.write_bytes({"truncated": whole[:1500], "no HDF5": b"\x80\x04."}.get(damage, bytes(whole)))
    assert part.load() is None


def facts(text):
    def change(file):
        del file["facts"]
        file["facts"] = np.frombuffer(text, np.uint8)

    return change


def generator(name, state):
    def change(file):
        file.pop(f"generators/{name}", None)
        file[f"generators/{name}"] = state

    return change


# contents with the right digest that no saving makes, or none of this machine
UNUSABLE = {
    "no facts": lambda file: file.pop("facts"),
    "facts that are no JSON": facts(b"{"),
    "facts that nest without end": facts(b"[" * 10**5),
    "facts that are a list of numbers": facts(b"[1]"),
    "facts that are a number": lambda file: (file.pop("facts"), file.create_dataset("facts", data=1.5)),
    "no generators": lambda file: file.pop("generators"),
    "a generator too short": generator("cpu", np.zeros(3, np.uint8)),
    "a generator of another type": generator("cpu", np.zeros(5056)),
    "a state of no generator": generator("cpu", np.full(5056, 255, np.uint8)),
    "the generators of GPUs that are not here": generator("cuda 99", np.zeros(16, np.uint8)),
    "tensors of text": lambda file: file.create_dataset("tensors/y", data=np.bytes_("x")),
    "no group of tensors": lambda file: (file.pop("tensors"), file.create_dataset("tensors", data=1.5)),
    "more than one link to a tensor": lambda file: file.__setitem__("tensors/y", file["tensors/x"]),
}


@pytest.mark.parametrize("change", UNUSABLE.values(), ids=UNUSABLE)
def test_what_cannot_be_used_starts_anew_with_the_generators_as_they_are(progress, change):
    part = progress.part("a")
    part.save({"x": torch.arange(10.0)}, n=1)
    with changed(progress.folder / "a.h5") as file:
        change(file)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    assert part.load() is None
    assert torch.equal(torch.get_rng_state(), before)
    part.save({"x": torch.arange(3.0)}, n=2)  # and goes on from there
    assert part.load()[1] == {"n": 2}


def test_a_folder_in_place_of_what_is_kept_or_a_disk_that_fails_starts_anew(progress, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    part = progress.part("a")
    (progress.folder / "a.h5").mkdir(parents=True)
    assert part.load() is None
    part = progress.part("b")
    part.save({})
    monkeypatch.setattr(h5py, "File", fail)
    assert part.load() is None


def test_saving_takes_at_most_a_twentieth_of_the_time(tmp_path, monkeypatch):
    clock = iter([0.0, 9.9, 10.0, 10.0, 13.0, 50.0, 72.9, 73.0])  # a saving lasts from 10 to 13
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: next(clock))
    part = Progress(tmp_path, about="", every=10.0).part("a")
    assert [part.due(), part.due()] == [False, True]
    part.save({})
    assert [part.due(), part.due(), part.due()] == [False, False, True]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_disk_that_takes_nothing_ends_no_work_and_says_so_once(tmp_path, monkeypatch, number):
    said = []
    part = Progress(tmp_path / "partial", about="", say=said.append).part("a")
    part.save({"x": torch.ones(2)}, n=1)
    write = Path.write_bytes

    def refuse(self, data):
        write(self, bytes(data)[: len(data) // 2])
        raise OSError(number, os.strerror(number))

    for round in (1, 2):
        monkeypatch.setattr(Path, "write_bytes", refuse)
        part.save({"x": torch.ones(3)}, n=2)
        part.save({"x": torch.ones(3)}, n=3)
        path = tmp_path / "partial/a.h5"
        refused = f"[Errno {number}] {path} cannot be written: {os.strerror(number)}"
        assert (
            said == [f"{refused}; the job continues; if it is stopped, it resumes from what was saved before"] * round
        )
        assert part.load()[1] == {"n": 1} and [file.name for file in path.parent.iterdir()] == ["a.h5"]
        monkeypatch.setattr(Path, "write_bytes", write)
        part.save({"x": torch.ones(2)}, n=1)


@pytest.mark.parametrize("limit", ["size of files", "disk"])
def test_a_training_on_a_full_disk_ends_with_the_same_weights(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(progress_module, "PATIENCE", 0)
    said, settings = [], {"learning_rate": 0.1, **SETTINGS}
    expected = train(toy_network(), toy_split(), toy_split(20, 1), **settings)
    progress = Progress(tmp_path / "partial", say=said.append)
    if limit == "disk":
        if os.geteuid() != 0:
            pytest.skip("only root can mount a small disk")
        mount = ["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(tmp_path)]
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("no disk can be mounted here")
    else:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        found = train(toy_network(), toy_split(), toy_split(20, 1), **settings, progress=progress)
    finally:
        if limit == "disk":
            subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert_same(found, expected)
    assert len(said) == 1 and ".h5 cannot be written: " in said[0] and "the job continues" in said[0]


@pytest.mark.parametrize("room", [True, False], ids=["room for the log", "none for the log"])
def test_a_job_on_a_full_disk_says_so_in_its_log_and_ends_well(tmp_path, monkeypatch, capsys, room):
    log, output = tmp_path / "train.log" if room else Path("/dev/full"), tmp_path / "checkpoints.h5"
    resources = SimpleNamespace(save_every=0)
    about = SimpleNamespace(input=[], output={}, log=[str(log)], rule="train", resources=resources)
    about.params = SimpleNamespace(code={})
    monkeypatch.setattr(Path, "write_bytes", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with job(about) as tell, unfinished(about, str(output), about={}) as progress:
        progress.part("a").save({}, n=1)
        tell("half of it")
    said = log.read_text() if room else capsys.readouterr().err
    assert f"{tmp_path}/checkpoints.unfinished/a.h5 cannot be written: full; the job continues" in said
    assert "half of it\ncomputed for " in said


def test_nothing_is_kept_without_a_folder_and_nothing_stays_at_the_end(progress):
    assert not Progress().part("a").due() and Progress().part("a").load() is None
    progress.part("a").save({})
    progress.remove()
    assert not progress.folder.exists()
    progress.remove()


def test_numbers_that_are_not_finite_are_kept(progress):
    values = torch.tensor([1.0, np.nan, np.inf, -np.inf])  # a perturbation that no attack has found yet
    progress.part("a").save({"x": values})
    np.testing.assert_array_equal(progress.part("a").load()[0]["x"], values)


def test_what_is_kept_says_what_it_is(progress):
    progress.part("a").save({"weight": torch.ones(2)}, n=1)
    with open_checked(progress.folder / "a.h5", kind="progress", version=1) as file:
        assert attributes_of(file)["about"] == "this work"
        assert file["facts"][()].tobytes() == b'{"n": 1}'
        said = {name: attributes_of(file[name]) for name in ("facts", "tensors/weight", "generators/cpu")}
    assert said == {
        "facts": {"units": "1", "long_name": "facts (JSON)"},
        "tensors/weight": {"units": "1", "long_name": "weight"},
        "generators/cpu": {"units": "1", "long_name": "cpu"},
    }


def test_a_part_tells_how_much_of_it_is_done(progress):
    told = []
    for part in (progress.part("a", tell=told.append), Progress().part("a", tell=told.append), progress.part("a")):
        part.tell(0.5)
    assert told == [0.5, 0.5]


@pytest.mark.parametrize("in_use", [True, False])
def test_the_generators_of_gpus_in_use_are_put_back_and_no_gpu_is_taken_for_them(progress, monkeypatch, in_use):
    states = [torch.arange(16, dtype=torch.uint8) + gpu for gpu in range(2)]
    read, put_back = [], []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: in_use)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: read.append("read") or states)
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", put_back.append)
    progress.part("a").save({})
    assert progress.part("a").load() == ({}, {})
    assert len(read) == in_use and len(put_back) == in_use
    for found in put_back:
        torch.testing.assert_close(found, states, rtol=0, atol=0)


def test_facts_of_any_size_are_kept(progress):
    rows = [{"value": number / 7} for number in range(20_000)]  # far above what an HDF5 attribute holds
    progress.part("a").save({}, rows=rows)
    assert json.dumps(progress.part("a").load()[1]["rows"]) == json.dumps(rows)


def test_a_failed_training_fails_again(progress, monkeypatch):
    settings = {**SETTINGS, "learning_rate": 0.1, "minimum_accuracy": 1.0, "patience": 2}
    with pytest.raises(TrainingFailed) as first:
        train(toy_network(), toy_split(), toy_split(20, 1), **settings)
    with pytest.raises(TrainingFailed) as again:
        killed_at_every_saving(
            lambda: train(toy_network(), toy_split(), toy_split(20, 1), **settings, progress=progress), monkeypatch
        )
    assert str(again.value) == str(first.value)
