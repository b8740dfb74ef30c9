"""Code that is edited while a study runs makes no result that states other code than it was made by."""

import shutil
from functools import partial

import pytest
from study import CONFIG, made_with, shared

RUN = "results/tiny/bands/fully_connected-linear/depth=1/alpha=1/seed=0"
SPECTRA = f"{RUN}/pgd/best/spectra.h5"
# added to the attack: it edits a file, and gives it its time back
EDITING = """

import os as _os
import pathlib as _pathlib
if _pathlib.Path("edit").exists():
    _path, _old, _new = _pathlib.Path("edit").read_text().splitlines()
    _time, _text = _os.stat(_path).st_mtime_ns, _pathlib.Path(_path).read_text(encoding="utf-8")
    _pathlib.Path(_path).write_text(_text.replace(_old, _new), encoding="utf-8")
    _os.utime(_path, ns=(_time, _time))
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    make = partial(made_with, config=CONFIG, added=EDITING, targets=(SPECTRA,))
    return shared(tmp_path_factory, "edited", make, SPECTRA)


def edit_during_the_attack(study, path, old, new):
    """Let the attack, which comes before the spectra, edit a file; run both, and put the file back."""
    edited = study.folder / path
    source = edited.read_bytes()
    (study.folder / "edit").write_text("\n".join([path, old, new]))
    shutil.rmtree((study.folder / SPECTRA).parent)
    done = study.snakemake()
    assert edited.read_bytes() == source.replace(old.encode(), new.encode()) != source
    (study.folder / "edit").unlink()
    edited.write_bytes(source)
    return done


def test_a_job_that_imports_other_code_than_was_planned_fails_and_says_which(study):
    before = (study.folder / SPECTRA).read_bytes()
    path = "workflow/lib/advspectra/fourier.py"
    done = edit_during_the_attack(study, path, "transformed.imag**2", "transformed.imag**4")
    assert done.returncode != 0 and not (study.folder / SPECTRA).exists()
    assert f"rule spectra: ValueError: {path}: changed since snakemake planned this job" in done.stderr
    study.run()
    assert (study.folder / SPECTRA).read_bytes() == before


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        # of a script Snakemake runs a copy, which it makes when it plans
        ("workflow/scripts/spectra.py", '"image"', '"label"'),
        ("workflow/lib/advspectra/fourier.py", "import numpy as np", "import numpy as np  # as numpy"),
    ],
)
def test_an_edit_that_does_not_change_what_runs_ends_no_job(study, path, old, new):
    before = (study.folder / SPECTRA).read_bytes()
    done = edit_during_the_attack(study, path, old, new)
    assert done.returncode == 0, done.stderr
    assert (study.folder / SPECTRA).read_bytes() == before
