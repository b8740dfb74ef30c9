"""The images that a study reads are watched: other content is a reason to make them anew, and nothing else is."""

import os
import shutil
import tarfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from study import CONFIG, Study

pytestmark = pytest.mark.slow

IMAGES = "results/tiny/mine/images.h5"
SETTINGS = "results/tiny/mine/fully_connected-linear/depth=1/alpha=1/seed=0/training.json"
JOBS = ["images", "settings:fully_connected-linear/depth=1/alpha=1/seed=0"]


def write_data(folder: Path, kind: str, brightness: int) -> None:
    """Write train/<class>/<n>.png and test/<class>/<n>.png, in a folder `data` or packed to `data`."""
    place = folder / ("data" if kind == "folder" else "unpacked")
    for split in ("train", "test"):
        for label in ("cat", "dog"):
            for number in range(2):
                path = place / f"{split}/{label}/{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.full((8, 8, 3), brightness + number, dtype=np.uint8)).save(path)
    if kind == "archive":
        with tarfile.open(folder / "data", "w") as archive:
            archive.add(place, ".")


@pytest.fixture(params=["folder", "archive"])
def kind(request):
    return request.param


@pytest.fixture
def study(tmp_path, kind):
    """A study of the data, whose images and settings are made."""
    dataset = {"name": "mine", "source": "image_folder", "options": {"path": "data"}}
    attacks = [attack | {"images": 4} for attack in CONFIG["attacks"]]
    study = Study(tmp_path, CONFIG | {"dataset": dataset, "attacks": attacks}, IMAGES, SETTINGS)
    write_data(tmp_path, kind, brightness=10)
    study.run()
    assert study.planned() == []
    return study


def verify(study):
    """Run verify; return whether it found everything good, and what it printed."""
    alone = Study.__new__(Study)  # without the targets
    alone.folder = study.folder
    done = alone.snakemake("verify")
    return done.returncode == 0, done.stdout


def test_other_content_makes_the_images_anew_and_is_named(study, kind):
    data = study.folder / "data"
    for path in [data, *data.rglob("*")]:
        os.utime(path)
    assert study.planned() == [] and verify(study)[0]

    write_data(study.folder, kind, brightness=50)
    output = study.run("--dry-run").stdout
    assert study.planned() == JOBS
    assert "Params have changed since last execution: data\n" in output  # the folder or archive, by its path
    good, output = verify(study)
    assert not good and f"{IMAGES}: made from other data than there are now in data\n" in output
    assert f"{SETTINGS}: made from {IMAGES}, which is out of date\n" in output

    study.run()
    assert study.planned() == [] and verify(study)[0]
    with h5py.File(study.folder / IMAGES) as images:
        assert set(images["train/images"][...].flat) == {50, 51}
    # the same bytes as if they had never been other data
    again = Study(study.folder / "again", CONFIG, IMAGES)
    shutil.copy(study.folder / "study.yaml", again.folder)
    write_data(again.folder, "folder", brightness=50)
    if kind == "archive":
        shutil.rmtree(again.folder / "data")
        shutil.copy(data, again.folder)
    again.run()
    assert (again.folder / IMAGES).read_bytes() == (study.folder / IMAGES).read_bytes()


@pytest.mark.parametrize("kind", ["folder"], indirect=True)
def test_what_was_put_back_is_no_other_data(study, kind):
    write_data(study.folder, kind, brightness=50)
    assert study.planned() == JOBS
    write_data(study.folder, kind, brightness=10)
    assert study.planned() == []


@pytest.mark.parametrize("kind", ["archive"], indirect=True)
def test_a_study_whose_data_are_gone_goes_on(study):
    data = study.folder / "data"
    data.rename(study.folder / "elsewhere")
    said = f"data is not there or cannot be read: the study continues with {IMAGES}, as that was made"
    (study.folder / SETTINGS).unlink()
    with open(study.folder / "workflow/lib/advspectra/datasets/image_folder.py", "a") as module:
        module.write("\nADDED = 1\n")  # images.h5 cannot be made anew
    assert study.planned() == JOBS[1:]
    done = study.run()
    assert done.stderr.count(said) == 1
    assert study.planned() == [] and verify(study)[0]

    data.mkdir()  # as a file system looks that is not mounted
    assert study.planned() == []

    config = CONFIG | {
        "dataset": {"name": "mine", "source": "image_folder", "options": {"path": "data", "channels": 1}}
    }
    study.configure(config)
    before = (study.folder / IMAGES).read_bytes()
    done = study.snakemake()
    assert done.returncode != 0 and "put that back, or the options" in done.stderr + done.stdout
    assert (study.folder / IMAGES).read_bytes() == before


def test_data_that_were_never_there_are_named_by_the_job(tmp_path):
    options = {"path": "nowhere.tar"}
    study = Study(tmp_path, CONFIG | {"dataset": {"name": "mine", "source": "image_folder", "options": options}})
    done = study.snakemake(IMAGES)
    assert done.returncode != 0
    assert "image_folder: expected a folder or a tar archive at nowhere.tar, found neither" in done.stderr
