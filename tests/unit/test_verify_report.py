"""What verify prints, the files that are no results, and the command that repairs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from advspectra_study.verify import repair
from advspectra_study.verify.repair import command, to_repair
from advspectra_study.verify.report import Report


def said(report, **options):
    return list(report.lines("results/s", "snakemake repair", **options))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("results/s").mkdir(parents=True)
    return Path("results/s")


def test_of_a_whole_study_verify_says_how_many_files_and_how_large(folder):
    (folder / "images.h5").write_bytes(bytes(1500))
    assert said(Report(good=["results/s/images.h5"])) == [
        "results/s: 1 files are complete and up to date",
        "  1.5 kB on disk: images 1.5 kB",
    ]


def test_each_list_has_its_title_and_the_command_follows_what_it_mends(folder):
    (folder / "f").write_bytes(bytes(1000))
    (folder / "l").write_bytes(bytes(1))
    report = Report(
        damaged={"a": "broken"},
        outdated={"b": "other code: x.py"},
        waiting={"c": "made from a, which is damaged"},
        unread={"d": "locked"},
        missing=["e"],
        unfinished=["results/s/l"],
        foreign=["results/s/f"],
        leftovers=["results/s/l"],
        removable=["results/s/f", "results/s/a b"],
    )
    assert said(report)[2:] == [
        "1 damaged, or missing although results made from them exist:",
        "  a: broken",
        "1 out of date:",
        "  b: other code: x.py",
        "1 made from such files; still valid if those come out the same:",
        "  c: made from a, which is damaged",
        "to make them again, with the results made from them; each file stays until the new one is complete:",
        "  snakemake repair",
        "1 cannot be read now; nothing is known to be wrong with them:",
        "  d: locked",
        "1 not made yet; snakemake makes them:",
        "  e",
        "1 unfinished, or kept from before; snakemake resumes from them:",
        "  results/s/l (1 B)",
        "1 not part of the study as configured:",
        "  results/s/f (1 kB)",
        "1 left by killed jobs, or in use by jobs that run now:",
        "  results/s/l (1 B)",
        "to remove those, 1 kB in all, while no job runs:",
        "  rm -r -- results/s/f 'results/s/a b'",
    ]
    assert report.to_repair == ["a", "b"]


def test_of_many_files_that_wait_the_first_are_named_and_the_log_has_all(folder):
    report = Report(damaged={"a": "broken"}, waiting=dict.fromkeys("bcdef", "made from a"))
    lines = said(report, waiting=3)
    assert lines[4:9] == [
        "5 made from such files; still valid if those come out the same:",
        "  b: made from a",
        "  c: made from a",
        "  d: made from a",
        "  and 2 more: results/s/logs/verify.log names them",
    ]
    assert not any("more" in line for line in said(report, waiting=5) + said(report))
    assert said(report) == said(report, waiting=5)


@pytest.mark.parametrize("kind", ["damaged", "outdated", "waiting", "unread"])
def test_one_file_of_which_something_is_wrong_or_unknown_makes_a_study_not_whole(kind):
    assert Report().whole and Report(missing=["a"], foreign=["b"]).whole
    assert not Report(**{kind: {"a": "why"}}).whole


@pytest.mark.parametrize("kind", ["waiting", "unread"])
def test_nothing_is_offered_to_repair_where_nothing_can_be(folder, kind):
    assert "snakemake repair" not in "\n".join(said(Report(**{kind: {"a": "why"}})))


def make(folder, *paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).touch()


def test_files_that_are_no_results_are_told_apart_and_removed_by_folders(folder):
    make(folder, "d/n/a.h5", "d/n/mine.txt", "d/n/.a.h5.x1y2", "d/old/b.h5", "d/old/more/.c", "logs/x", "benchmarks/y")
    make(folder, "d/n/a.unfinished/part.h5", "d/n/b.unfinished/part.h5", "d/n/.b.h5.kept", "d/n/.c.h5.kept", "e/logs/z")
    make(folder, "d/n/e.unfinished/part.h5", "d/n/f.unfinished/part.h5")  # what snakemake would begin with
    report = Report(missing=["results/s/d/n/b.h5"], damaged={"results/s/d/n/c.h5": "missing"})
    report.outdated, report.waiting = {"results/s/d/n/e.h5": "other settings"}, {"results/s/d/n/f.h5": "made from it"}
    report.add_others("results/s", {"results/s/d/n/a.h5"})
    inside = {name: [path.removeprefix("results/s/") for path in getattr(report, name)] for name in vars(report)}
    assert inside["unfinished"] == [
        *("d/n/.b.h5.kept", "d/n/.c.h5.kept"),
        *(f"d/n/{name}.unfinished/part.h5" for name in "bef"),
    ]
    assert inside["leftovers"] == ["d/n/.a.h5.x1y2", "d/n/a.unfinished/part.h5", "d/old/more/.c"]
    assert inside["foreign"] == ["d/n/mine.txt", "d/old/b.h5", "e/logs/z"]
    assert inside["removable"] == ["d/n/.a.h5.x1y2", "d/n/a.unfinished", "d/n/mine.txt", "d/old", "e"]


def test_the_folder_of_the_study_itself_is_not_removed(folder):
    make(folder, "a.txt")
    report = Report()
    report.add_others("results/s", set())
    assert report.removable == report.foreign == ["results/s/a.txt"]


def test_the_command_is_the_call_that_verified_with_all_that_it_was_given():
    assert command(["verify", "--configfile", "my study.yaml", "--config", "seeds=[0]"]) == (
        "snakemake repair --configfile 'my study.yaml' --config 'seeds=[0]'"
    )
    assert command(["--cores", "2", "advspectra_verify", "-s", "verify"]) == (
        "snakemake --cores 2 advspectra_repair -s verify"
    )
    assert command(["notverify", "verify.yaml"]) == command([]) == "snakemake repair"


def test_what_to_repair_is_found_by_a_process_of_its_own(folder, monkeypatch):
    expected = {"results/s/a.csv": {"inputs": []}, "results/s/b.h5": {"inputs": []}}
    (folder / "b.h5").write_bytes(b"no")
    assert to_repair("results/s", expected) == ["results/s/b.h5"]
    monkeypatch.setattr(sys, "executable", "false")
    with pytest.raises(RuntimeError, match="results/s: the search for damaged results failed: exit status 1"):
        to_repair("results/s", expected)


def test_that_process_has_python_s_own_path_and_is_found_where_its_path_has_spaces(folder, monkeypatch):
    calls = []

    def run(words, *, input, stdout, env):
        calls.append((words, env["PYTHONPATH"], set(os.environ) <= set(env) | {"PYTHONPATH"}))
        return SimpleNamespace(returncode=0, stdout=json.dumps(["x"]).encode())

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sys, "executable", "'/my drive/python'")
    monkeypatch.setattr(sys, "path", ["", "/lib one", "/two"])
    assert repair.to_repair("results/s", {}) == ["x"]
    assert calls == [(["/my drive/python", "-m", "advspectra_study.verify.repair"], "/lib one:/two", True)]
