"""A try that fails destroys no result."""

import copy
import os
import signal
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from interruption import kill, start, wait_for
from study import CONFIG, copied, made_with, shared

pytestmark = pytest.mark.slow

RUN = "results/tiny/bands/fully_connected-linear/depth=1/alpha=1/seed=0"
FILES = [f"{RUN}/{name}" for name in ("checkpoints.h5", "pgd/best/perturbations.h5", "pgd/best/spectra.h5")]
# an attack whose settings are known to be bad, or take long, only when it runs
TOUCHY = """

import time as _time
_build = build


def build(**options):
    if options["parameters"]["steps"] == 13:
        raise ValueError("13 steps")
    if options["parameters"]["steps"] == 14:
        _time.sleep(600)
    return _build(**options)
"""


def with_steps(number, **changes):
    config = copy.deepcopy(CONFIG)
    config["attacks"][0]["options"]["parameters"]["steps"] = number
    return config | changes


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    make = partial(made_with, config=with_steps(3), added=TOUCHY, targets=FILES)
    return shared(tmp_path_factory, "kept", make, *FILES)


@pytest.fixture
def study(made, tmp_path):
    return copied(made, tmp_path)


def there(study):
    return {path: (study.folder / path).read_bytes() for path in FILES if (study.folder / path).exists()}


def kept_names(study):
    return [path for path in (study.folder / "results").rglob(".*.kept")]


def test_an_attack_that_fails_leaves_the_result_of_the_one_before(study):
    before = there(study)
    study.configure(with_steps(13))
    done = study.snakemake()
    assert done.returncode != 0 and "rule attack: ValueError: 13 steps" in done.stderr
    assert there(study) == before and kept_names(study) == []
    # it is not taken for what the new configuration asks for
    assert "attack" in {job.split(":")[0] for job in study.planned()}
    study.configure(with_steps(3))
    assert study.planned() == []
    study.configure(with_steps(4))
    study.run()
    assert there(study)[FILES[1]] != before[FILES[1]] and kept_names(study) == []


def test_a_training_that_fails_leaves_all_its_files(study):
    files = {path: path.read_bytes() for path in (study.folder / RUN).rglob("*") if path.is_file()}
    assert any(path.parent.name == "checkpoints.kept" for path in files)
    with open(study.folder / "workflow/lib/advspectra/training/train.py", "a") as file:
        file.write("\n\ndef fit(*_, **__):\n    raise MemoryError('of the device')\n")
    done = study.snakemake()
    assert done.returncode != 0 and "MemoryError: of the device" in done.stderr
    settings = study.folder / RUN / "training.json"  # was made anew
    after = {path: path.read_bytes() for path in files if path != settings}
    assert after == {path: content for path, content in files.items() if path != settings}
    assert kept_names(study) == []


@pytest.mark.parametrize("how", ["Ctrl-C", "kill -9"])
def test_after_an_attack_that_was_stopped_the_old_configuration_has_its_result_at_once(study, how):
    before = there(study)
    study.configure(with_steps(14))
    process = start(study)
    assert wait_for(process, ["attack"])
    time.sleep(1)
    if how == "Ctrl-C":
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) != 0
        assert there(study) == before
    else:
        kill(process)
        study.run("--unlock")
    study.configure(with_steps(3))
    if how == "Ctrl-C":
        assert study.planned() == []
    study.run()
    assert there(study) == before and kept_names(study) == []
    if how == "kill -9":
        assert (
            "it was kept from before"
            in (study.folder / "results/tiny/logs/pgd").glob("**/best.log").__next__().read_text()
        )


def test_a_result_is_kept_where_there_are_no_hard_links(tmp_path, monkeypatch):
    from advspectra_study.run import kept

    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "a.h5"
    path.write_text("old")
    kept.keep([path])
    path.unlink()
    kept.take_back([path])
    assert path.read_text() == "old" and [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_what_a_killed_job_has_replaced_does_not_take_the_place_of_what_is_kept(tmp_path, monkeypatch):
    """It had made history.csv anew and not yet checkpoints.h5: the next run keeps the old history."""
    from advspectra_study.run import kept

    monkeypatch.chdir(tmp_path)
    outputs = ["checkpoints.h5", "history.csv"]
    for name in outputs:
        Path(name).write_text("old")
    job = SimpleNamespace(output=outputs)
    persistence = SimpleNamespace(metadata=lambda output: None, started=lambda job: None)
    workflow = SimpleNamespace(dag=SimpleNamespace(needrun_jobs=lambda: [job]), persistence=persistence)
    kept.Kept().keep(workflow)
    Path("checkpoints.h5").unlink()  # as Snakemake does before a job
    Path("history.csv").unlink()
    Path("history.csv").write_text("new")
    again = kept.Kept()
    again.keep(workflow)
    Path("history.csv").unlink()
    again.give_back(workflow)
    assert [Path(name).read_text() for name in outputs] == ["old", "old"]


def test_what_a_failed_group_has_made_is_not_taken_for_what_was_there_before(tmp_path, monkeypatch):
    """It gets its name back, and Snakemake no memory of how the file before it was made."""
    from advspectra_study.run import kept

    monkeypatch.chdir(tmp_path)
    Path("spectra.h5").write_text("old")
    job, written, begun = SimpleNamespace(output=["spectra.h5"]), [], []
    persistence = SimpleNamespace(
        metadata=lambda output: {"params": "old"},
        started=begun.append,
        cleanup_metadata=lambda output: None,
        _write_record=lambda *record: written.append(record),
        _get_key=str,
    )
    workflow = SimpleNamespace(dag=SimpleNamespace(needrun_jobs=lambda: [job]), persistence=persistence)
    for content in ("old", "newer"):
        study = kept.Kept()
        study.keep(workflow)
        Path("spectra.h5").unlink()  # before the job
        if content == "newer":
            Path("spectra.h5").write_text(content)
            kept.keep(["spectra.h5"])  # as a job in a group does in the end
            Path("spectra.h5").unlink()  # as another job of the group has failed
        study.give_back(workflow)
        assert Path("spectra.h5").read_text() == content
    assert written == [("spectra.h5", {"params": "old"})] and begun == [job]
