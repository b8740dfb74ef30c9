"""What the scripts of all rules share: the commit that they state, and inputs from a clock that is ahead."""

import gc
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from advspectra_study.job import origin
from advspectra.files import hdf5
from advspectra.files.hdf5 import create
from advspectra_study import imported, job
from advspectra_study.run import machine

LIBRARY = Path(__file__).parents[2] / "workflow/lib"


def git(folder, *arguments):
    identity = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A folder of the workflow's, with two modules and a Snakefile, and all of it committed."""
    folder = tmp_path / "advspectra"
    (folder / "workflow").mkdir(parents=True)
    for name in ("Snakefile", "workflow/moved.py", "workflow/kept.py"):
        (folder / name).write_text(name)
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "start")
    monkeypatch.setattr(origin, "ROOT", folder)
    return folder


def test_uncommitted_files_are_named_as_they_are(repository):
    git(repository, "mv", "workflow/moved.py", "workflow/now here.py")
    for name in ("my notes.txt", 'my model.py"', "größe α.py", 'a "quoted" -> name.txt', "kept.py"):
        (repository / "workflow" / name).write_text("")
    names = [
        "moved.py",
        "now here.py",
        "my notes.txt",
        'my model.py"',
        "größe α.py",
        'a "quoted" -> name.txt',
        "kept.py",
    ]
    assert set(origin._commit()["uncommitted"]) == {f"workflow/{name}" for name in names}


def test_new_files_are_named_also_where_git_status_does_not_show_them(repository):
    git(repository, "config", "status.showUntrackedFiles", "no")
    (repository / "workflow/new.py").write_text("")
    assert origin._commit()["uncommitted"] == ["workflow/new.py"]


@pytest.mark.parametrize("tracked", [False, True])
def test_the_commit_of_a_repository_around_the_workflow_is_not_its_own(tmp_path, repository, tracked):
    assert len(origin._commit()["commit"]) == 40
    (repository / ".git").rename(tmp_path / "removed")
    git(tmp_path, "init")
    (tmp_path / "other").write_text("")
    git(tmp_path, "add", "advspectra" if tracked else "other")
    git(tmp_path, "commit", "-m", "outer")
    assert origin._commit() == {"commit": "unknown", "uncommitted": "unknown"}


def test_the_commit_of_a_repository_that_does_not_hold_the_workflow_is_not_its_own(tmp_path, repository):
    (repository / ".git").rename(tmp_path / "removed")
    git(repository, "init")
    git(repository, "commit", "--allow-empty", "-m", "notes")
    assert origin._commit() == {"commit": "unknown", "uncommitted": "unknown"}


def test_a_hook_of_another_repository_does_not_change_the_commit(tmp_path, repository, monkeypatch):
    own = origin._commit()
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init")
    git(other, "commit", "--allow-empty", "-m", "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert origin._commit() == own


def test_a_record_names_all_versions_and_changes_of_all_that_it_rests_on(tmp_path):
    def origin(torch, commit, uncommitted):
        return {"versions": {"torch": torch}, "commit": commit, "uncommitted": uncommitted}

    old, new, unknown = origin("2.14", "a", ["x"]), origin("2.15", "a", []), origin("2.15", "unknown", "unknown")
    for name, one in (("old.h5", old), ("new.h5", new), ("same.h5", new), ("unknown.h5", unknown)):
        texts = {key: fact if isinstance(fact, str) else json.dumps(fact) for key, fact in one.items()}
        with create(tmp_path / name, kind="spectra", version=1, attributes=texts):
            pass
    (tmp_path / "training.json").write_text('{"settings": {}}')
    (tmp_path / "claims.yaml").write_text("no result")
    inputs = [str(path) for path in tmp_path.iterdir()]

    class Output(list):
        provenance = str(tmp_path / "claims.json")

    job.write_provenance(SimpleNamespace(input=inputs, output=Output([Output.provenance])), origin("3.0", "b", []))
    stated = json.loads((tmp_path / "claims.json").read_text())
    found = stated["inputs_made_by"]
    assert len(found) == 3 and all(one in found for one in (old, new, unknown))
    assert len(job.origins([Output.provenance])) == 4


def test_each_input_is_opened_once_for_its_digest_and_its_origin(tmp_path, monkeypatch):
    inputs = [str(tmp_path / f"{name}.h5") for name in ("a", "b")]
    for path in inputs:
        with create(path, kind="spectra", version=1, attributes={"versions": "{}", "commit": "a", "uncommitted": "[]"}):
            pass
    opened = []
    original = hdf5.open_foreign
    monkeypatch.setattr(hdf5, "open_foreign", lambda path: opened.append(path) or original(path))

    class Output(list):
        provenance = str(tmp_path / "claims.json")

    snakemake = SimpleNamespace(input=inputs, output=Output([Output.provenance]), params={"code": {}})
    job.write_provenance(snakemake, job.made_by(snakemake))
    stated = json.loads((tmp_path / "claims.json").read_text())
    assert opened == inputs and set(stated["inputs_sha256"]) == set(inputs)
    assert stated["inputs_made_by"] == [{"versions": {}, "commit": "a", "uncommitted": []}]


def test_an_input_whose_time_is_yet_to_come_gets_that_of_now_and_others_keep_theirs(tmp_path):
    ahead, old, log = tmp_path / "ahead", tmp_path / "old", io.StringIO()
    for path, seconds in ((ahead, 3600), (old, -3600)):
        path.write_text("")
        os.utime(path, (time.time() + seconds,) * 2)
    before = old.stat().st_mtime
    job._not_from_the_future([str(ahead), str(old)], log)
    assert ahead.stat().st_mtime <= time.time() and old.stat().st_mtime == before
    assert str(ahead) in log.getvalue() and str(old) not in log.getvalue()


def test_an_input_from_the_future_whose_time_cannot_be_set_is_refused_before_anything_is_computed(
    tmp_path, monkeypatch
):
    path = tmp_path / "ahead"
    path.write_text("")
    os.utime(path, (time.time() + 3600,) * 2)

    def refuse(_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refuse)
    with pytest.raises(ValueError, match="ahead: its time is later than this machine's"):
        job._not_from_the_future([str(path)], io.StringIO())


def test_scripts_draw_to_files_and_read_utf_8_whatever_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "module://of_a_notebook")
    monkeypatch.setenv("PYTHONUTF8", "0")
    monkeypatch.setenv("PYTHONPATH", "before")
    machine.share_library(tmp_path)
    ask = "import matplotlib, sys; print(matplotlib.get_backend(), sys.flags.utf8_mode, sys.path[1:3])"
    done = subprocess.run([machine.sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.split()[:2] == ["Agg", "1"] or done.stdout.split()[:2] == ["agg", "1"]
    assert str(tmp_path) in done.stdout and "before" in done.stdout


def test_a_python_with_a_space_in_its_path_is_quoted_once(monkeypatch):
    monkeypatch.setattr(machine.sys, "executable", "/my drive/python")
    machine.quote_python()
    machine.quote_python()
    assert machine.sys.executable == "'/my drive/python'"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError("no such thing")])
def test_a_job_that_ends_early_says_so_in_one_line(tmp_path, capsys, error):
    files = {"log": [str(tmp_path / "log")], "input": [], "output": {}, "params": SimpleNamespace(code={})}
    with pytest.raises(SystemExit), job.job(SimpleNamespace(rule="attack", **files)):
        raise error
    (line,) = capsys.readouterr().err.splitlines()
    assert line in ("rule attack: stopped by Ctrl-C", "rule attack: ValueError: no such thing")
    assert (tmp_path / "log").read_text().splitlines() == [line]


@pytest.mark.parametrize("kind", [ValueError, RuntimeError])
def test_a_message_is_the_same_each_time_without_the_addresses_of_objects(tmp_path, capsys, kind):
    files = {"log": [str(tmp_path / "log")], "input": [], "output": {}, "params": SimpleNamespace(code={})}
    snakemake = SimpleNamespace(rule="toy", **files)
    thing = object()
    assert " at 0x" in repr(thing)
    with pytest.raises(SystemExit), job.job(snakemake):
        raise kind(f"cannot use {thing!r} of x at 0x7f")
    message = f"rule toy: {kind.__name__}: cannot use <object object> of x at 0x7f\n"
    assert capsys.readouterr().err == message
    assert (tmp_path / "log").read_text().endswith(message)


def test_a_job_looks_for_garbage_as_python_does_but_not_through_what_was_imported(tmp_path):
    files = {"log": [str(tmp_path / "log")], "input": [], "output": {}, "params": SimpleNamespace(code={})}
    before = gc.get_freeze_count()
    try:
        gc.set_threshold(50_000, 50, 100)
        with job.job(SimpleNamespace(rule="toy", **files)):
            assert gc.get_threshold() == imported.COLLECTION != (50_000, 50, 100)
            assert gc.get_freeze_count() > before
    finally:
        gc.unfreeze()


def test_a_job_starts_without_what_only_a_configuration_needs():
    """Every job pays for what this imports: jsonschema alone takes as long as h5py."""
    code = "import sys, advspectra_study.job; sys.exit(str({'jsonschema', 'yaml', 'torch', 'scipy'} & {*sys.modules}))"
    environment = os.environ | {"PYTHONPATH": str(LIBRARY)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stderr.strip() == "set()"
