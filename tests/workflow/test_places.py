"""Studies run in the places where people keep them."""

import os
import random
import shutil
import subprocess
import sys
import time

import pytest
from locales import ASCII, latin_1
from study import CONFIG, Study, copied

pytestmark = pytest.mark.slow

IMAGES = "results/tiny/bands/images.h5"


def run_in(folder, python):
    study = Study(folder, CONFIG, IMAGES)
    command = [str(python), *study.command(cores=1)[1:]]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ | {"NO_COLOR": "1"})


@pytest.mark.parametrize("name", ["my drive", 'it\'s $HOME & [x] "q"; é'])
def test_a_path_with_a_space_and_other_signs_of_the_shell_is_a_path(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    (folder / ".venv").symlink_to(sys.prefix)
    done = run_in(folder / "study", folder / ".venv/bin/python")
    assert done.returncode == 0 and (folder / "study" / IMAGES).exists(), done.stdout + done.stderr


def test_a_path_with_braces_is_refused_before_any_job(tmp_path):
    done = run_in(tmp_path / "{mine}", sys.executable)
    assert done.returncode != 0 and "{mine}: expected a path without braces" in done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "{mine}/results").exists()


@pytest.mark.parametrize("locale", ["ASCII", "Latin-1"])
def test_in_a_locale_without_utf_8_nothing_is_out_of_date(tmp_path, monkeypatch, locale):
    for name, value in (ASCII if locale == "ASCII" else latin_1(tmp_path)).items():
        monkeypatch.setenv(name, value)
    study = Study(tmp_path / "study", CONFIG, IMAGES)
    study.run()
    before = (study.folder / IMAGES).read_bytes()
    for name, value in {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}.items():
        monkeypatch.setenv(name, value)
    assert study.planned() == []
    study.run("--forceall")
    assert (study.folder / IMAGES).read_bytes() == before


def test_a_copy_without_times_and_without_snakemakes_memory_is_put_in_order_by_one_command(tmp_path):
    settings = "results/tiny/bands/bounded_width_3-relu/depth=1/alpha=1/seed=0/training.json"
    study = Study(tmp_path, CONFIG, settings)
    study.run()
    before = {path: (tmp_path / path).read_bytes() for path in (IMAGES, settings)}
    # as if the copy had been written in another order
    for path, age in ((settings, 200), (IMAGES, 100)):
        os.utime(tmp_path / path, (time.time() - age,) * 2)
    assert study.planned() == []
    shutil.rmtree(tmp_path / ".snakemake")
    assert study.planned() != []
    study.run("--touch", "--forceall")
    assert study.planned() == []
    assert {path: (tmp_path / path).read_bytes() for path in before} == before
    assert not [path for path in (tmp_path / "results").rglob(".*")]


@pytest.mark.parametrize("lost", [("times",), ("memory",), ("times", "memory")], ids=" and ".join)
def test_a_copy_of_a_whole_study_is_up_to_date_or_one_command_makes_it_so(finished_study, tmp_path, lost):
    study = copied(finished_study, tmp_path)
    files = sorted(path for path in (tmp_path / "results").rglob("*") if path.is_file())
    before = {path: path.read_bytes() for path in files}
    if "times" in lost:  # as of a copy in any order; in this one `--touch` alone leaves results out of date
        for age, path in enumerate(random.Random(3).sample(files, len(files))):
            os.utime(path, (time.time() - 10 * age,) * 2)
    if "memory" in lost:
        shutil.rmtree(tmp_path / ".snakemake")
    if len(lost) == 2:
        assert study.planned() != []
        assert "files are complete" in study.run("verify").stdout
        study.run("--touch", "--forceall")
    assert study.planned() == []
    logs = tmp_path / "results/tiny/logs"
    assert {path: path.read_bytes() for path in files if logs not in path.parents} == {
        path: content for path, content in before.items() if logs not in path.parents
    }
    assert not [path for path in (tmp_path / "results").rglob(".*")]


def test_what_is_made_of_a_file_from_a_clock_that_is_ahead_stays(tmp_path):
    study = Study(tmp_path, CONFIG, IMAGES)
    study.run()
    os.utime(tmp_path / IMAGES, (time.time() + 3600,) * 2)
    study.targets = ("results/tiny/bands/bounded_width_3-relu/depth=1/alpha=1/seed=0/training.json",)
    study.run()
    assert study.planned() == []
