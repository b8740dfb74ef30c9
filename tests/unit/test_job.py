"""What the scripts of all rules share: the commit that they state, and inputs from a clock that is ahead."""

import io
import os
import subprocess
import time
from types import SimpleNamespace

import pytest

from advspectra_study import job, machine


def test_uncommitted_files_are_named_as_they_are(tmp_path, monkeypatch):
    def git(*arguments):
        identity = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "workflow").mkdir()
    for name in ("moved.py", "kept.py"):
        (tmp_path / "workflow" / name).write_text(name)
    git("init")
    git("add", ".")
    git("commit", "-m", "start")
    git("mv", "workflow/moved.py", "workflow/now here.py")
    for name in ("my notes.txt", "größe α.py", 'a "quoted" -> name.txt', "kept.py"):
        (tmp_path / "workflow" / name).write_text("")
    monkeypatch.setattr(job, "ROOT", tmp_path)
    names = ["moved.py", "now here.py", "my notes.txt", "größe α.py", 'a "quoted" -> name.txt', "kept.py"]
    assert set(job._commit()["uncommitted"]) == {f"workflow/{name}" for name in names}


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
