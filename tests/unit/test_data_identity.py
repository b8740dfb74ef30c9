"""The identity of data: their names and content, whatever their times, read once."""

import hashlib
import io
import json
import os
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from locales import ASCII, latin_1
from PIL import Image

from advspectra.datasets import image_folder
from advspectra_study.plan import data_identity
from advspectra_study.plan.data_identity import digest_of, images_params


@pytest.fixture
def folder(tmp_path):
    """A folder of images, the last of which is 10 s old."""
    for index, name in enumerate(("train/cat/1", "train/dog/10", "train/dog/2", "test/cat/1", "test/dog/1")):
        path = tmp_path / f"data/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4, 3), index, dtype=np.uint8)).save(path)
    return tmp_path / "data"


@pytest.fixture
def later(monkeypatch):
    """Let a file that was changed now have been changed some time ago."""
    monkeypatch.setattr(data_identity, "SAME_TIME", -1)


def digest(path, kept):
    return digest_of(str(path), say=pytest.fail, kept=kept)


def image(value):
    buffer = io.BytesIO()
    Image.fromarray(np.full((4, 4, 3), value, dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_it_is_the_checksum_that_the_images_state(folder, tmp_path):
    images = image_folder.load(path=str(folder), image_size=None, resize="none", channels=3)
    assert digest(folder, tmp_path / "kept") == images.source["folder_sha256"]
    (tmp_path / "file").write_bytes(b"content")
    assert digest(tmp_path / "file", tmp_path / "kept") == hashlib.sha256(b"content").hexdigest()


def test_it_changes_with_content_and_names_and_not_with_times_and_what_a_desktop_leaves(folder, tmp_path, later):
    kept = tmp_path / "kept"
    first = digest(folder, kept)
    for path in folder.rglob("*"):
        os.utime(path, (1, 1))
    (folder / "train/.DS_Store").write_bytes(b"x")
    assert digest(folder, kept) == first

    found = {first}
    (folder / "train/cat/1.png").write_bytes(image(9))
    found.add(digest(folder, kept))
    (folder / "train/cat/1.png").rename(folder / "train/cat/3.png")
    found.add(digest(folder, kept))
    (folder / "train/cat/3.png").rename(folder / "train/dog/3.png")
    found.add(digest(folder, kept))
    (folder / "train/dog/3.png").unlink()
    found.add(digest(folder, kept))
    assert len(found) == 5


def test_other_content_of_the_same_size_and_time_is_seen(folder, tmp_path, later):
    path = folder / "train/cat/1.png"
    before = path.stat()
    first = digest(folder, tmp_path / "kept")
    time.sleep(0.02)  # more than the clock of a file system needs
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size and path.stat().st_mtime_ns == before.st_mtime_ns
    assert digest(folder, tmp_path / "kept") != first


def test_nothing_is_read_twice(folder, tmp_path, later, monkeypatch):
    first = digest(folder, tmp_path / "kept")
    monkeypatch.setattr(data_identity, "_content", lambda entries: pytest.fail("read again"))
    assert digest(folder, tmp_path / "kept") == first


def test_what_changed_just_now_is_read_again_as_it_may_change_within_the_same_time(folder, tmp_path):
    digest(folder, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"PATH": 1}', '{"PATH": []}', "\udcff"])
def test_what_is_kept_may_be_damaged(folder, tmp_path, content, later):
    first = digest(folder, tmp_path / "new")
    text = content.replace("PATH", str(folder))
    (tmp_path / "kept").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert digest(folder, tmp_path / "kept") == first
    assert json.loads((tmp_path / "kept").read_text())[str(folder)][1] == first


def test_links_are_followed_but_not_in_circles_and_what_is_no_file_is_not_read(folder, tmp_path):
    first = digest(folder, tmp_path / "kept")
    (folder / "train/dog/nothing.png").symlink_to("nowhere")
    (folder / "train/dog/up").symlink_to(folder)
    os.mkfifo(folder / "train/dog/fifo")
    assert digest(folder, tmp_path / "kept") == first
    (tmp_path / "link").symlink_to(folder)
    assert digest(tmp_path / "link", tmp_path / "kept") == first


def test_nothing_and_an_empty_folder_have_none(tmp_path):
    (tmp_path / "empty/train").mkdir(parents=True)
    assert digest(tmp_path / "empty", tmp_path / "kept") is None
    assert digest(tmp_path / "nowhere", tmp_path / "kept") is None


def test_the_reading_of_much_is_announced(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(data_identity, "ANNOUNCED", 10)
    said = []
    digest_of(str(folder), say=said.append, kept=tmp_path / "kept")
    assert len(said) == 1 and said[0].startswith(f"reading {folder} (0.0 GB) once")


PLUGIN = "SPEC = {'options': {'path': {'type': 'string'}}, 'required': ['path']%s}\n"


@pytest.fixture
def library(tmp_path):
    datasets = tmp_path / "lib/advspectra/datasets"
    datasets.mkdir(parents=True)
    (datasets / "reading.py").write_text(PLUGIN % ", 'reads': ['path']")
    (datasets / "silent.py").write_text(PLUGIN % "")
    return tmp_path / "lib"


def params(dataset, library, images, *, code=None, say=pytest.fail):
    return images_params(dataset, code or {"a.py": "1"}, images=images, library=library, say=say)


def made(path, parameters, code):
    with h5py.File(path, "w") as file:
        file.attrs.update({"parameters": json.dumps(parameters), "code": json.dumps(code)})


def test_a_source_says_what_it_reads_and_one_that_says_nothing_works_as_ever(folder, library, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = {"path": str(folder)}
    silent = params({"source": "silent", "options": options}, library, tmp_path / "images.h5")
    assert silent == {"source": "silent", "options": options, "code": {"a.py": "1"}}
    reading = params({"source": "reading", "options": options}, library, tmp_path / "images.h5")
    assert reading["data"] == {str(folder): digest(folder, tmp_path / "kept")}


def test_where_the_data_are_gone_the_study_goes_on_and_it_is_said(library, tmp_path):
    dataset = {"source": "reading", "options": {"path": str(tmp_path / "gone")}}
    first = {"source": "reading", "options": dataset["options"], "data": {str(tmp_path / "gone"): "12"}}
    made(tmp_path / "images.h5", first, {"a.py": "0"})
    said = []
    assert params(dataset, library, tmp_path / "images.h5", say=said.append) == {**first, "code": {"a.py": "0"}}
    (line,) = said
    continues = f"the study continues with {tmp_path}/images.h5, as that was made"
    assert line == f"{tmp_path}/gone is not there or cannot be read: {continues}"
    # images.h5 of other options, which cannot be made again, is not removed for a try
    with pytest.raises(ValueError, match="was made with another source or other options, and .*gone, .*put that back"):
        params({**dataset, "options": {**dataset["options"], "channels": 1}}, library, tmp_path / "images.h5")
    # without images.h5 the job says what is missing
    assert "data" not in params(dataset, library, tmp_path / "none.h5")


@pytest.mark.parametrize("locale", ["ASCII", "Latin-1"])
def test_it_is_the_same_in_each_locale(folder, tmp_path, locale):
    (folder / "train/cat").rename(folder / "train/Größe α")
    folder = folder.rename(tmp_path / "Daten für α")
    ask = (
        "from pathlib import Path; from advspectra_study.plan.data_identity import digest_of; "
        "print(ascii(digest_of('Daten f\\u00fcr \\u03b1', say=print, kept=Path('kept.json'))))"
    )
    places = {"PYTHONPATH": os.pathsep.join(sys.path), **(ASCII if locale == "ASCII" else latin_1(tmp_path))}
    command = [sys.executable, "-c", ask]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | places, capture_output=True, text=True)
    assert done.stdout.strip() == repr(digest(folder, tmp_path / "own.json")), done.stderr
