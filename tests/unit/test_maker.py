"""A result takes its name only from the process that was the last to begin it."""

import subprocess
import sys

import pytest

from advspectra.files.hdf5 import create, replacing
from advspectra_study.job.maker import making
from advspectra_study.run.kept import second_name

OTHER = """
import os, pathlib, sys
from advspectra.files.hdf5 import replacing
from advspectra_study.job.maker import making
with making(sys.argv[2:]):
    if sys.argv[1] == "dies":
        os._exit(0)
    for path in sys.argv[2:]:
        with replacing(path) as temporary:
            temporary.write_text("new")
"""


def another_process(does, *paths):
    environment = {"PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", OTHER, does, *map(str, paths)], check=True, env=environment)


def write(path, text):
    with replacing(path) as temporary:
        temporary.write_text(text)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["claims.csv", "fig08.png", "claims.json", "report.html"])
def test_what_another_process_has_made_meanwhile_stays(tmp_path, name):
    path = tmp_path / name
    with making([path]):
        another_process("makes it", path)
        with pytest.raises(ValueError, match=f"{name}: another process has begun to make it, or has made it"):
            write(path, "old")
        # Snakemake removes the outputs of a job that fails: the next run takes it back
        path.unlink()
    assert second_name(path).read_text() == "new" and names(tmp_path) == [second_name(path).name]


def test_an_hdf5_file_is_an_output_as_any_other(tmp_path):
    path = tmp_path / "spectra.h5"
    with making([path]), pytest.raises(ValueError, match="spectra.h5: another process has begun"):
        with create(path, kind="spectra", version=1, attributes={}):
            path.write_text("of another process")
    assert path.read_text() == "of another process"


def test_what_another_process_has_begun_is_left_to_it(tmp_path):
    paths = [tmp_path / "a.csv", tmp_path / "a.json"]
    with making(paths):
        another_process("dies", *paths)
        for path in paths:
            with pytest.raises(ValueError, match="another process has begun"):
                write(path, "old")
    assert not any(path.exists() for path in paths)


def test_the_one_that_began_last_makes_it_whatever_is_there(tmp_path):
    path = tmp_path / "a.csv"
    another_process("dies", path)
    with making([path]):
        write(path, "mine")
        write(path, "mine again")
    assert path.read_text() == "mine again" and names(tmp_path) == ["a.csv"]


def test_the_same_bytes_are_no_conflict(tmp_path):
    path = tmp_path / "a.csv"
    with making([path]):
        another_process("makes it", path)
        before = path.stat()
        write(path, "new")
    assert path.stat().st_mtime_ns == before.st_mtime_ns and names(tmp_path) == ["a.csv"]


def test_a_file_that_somebody_put_there_meanwhile_stays(tmp_path):
    path = tmp_path / "a.csv"
    with making([path]):
        path.write_text("copied from elsewhere")
        with pytest.raises(ValueError, match="a.csv: another process"):
            write(path, "mine")
    assert path.read_text() == "copied from elsewhere"


def test_a_file_that_is_no_output_is_not_watched(tmp_path):
    with making([tmp_path / "a.csv"]):
        (tmp_path / "progress.h5").write_text("old")
        write(tmp_path / "progress.h5", "new")
    assert (tmp_path / "progress.h5").read_text() == "new"
    write(tmp_path / "a.csv", "after the block")


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_computed(tmp_path):
    (tmp_path / "folder").write_text("a file")
    with pytest.raises(OSError, match="folder/a.csv cannot be written"), making([tmp_path / "folder/a.csv"]):
        raise AssertionError("computed")
