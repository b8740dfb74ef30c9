"""One file is read in a process of its own: whatever is wrong with it, verify gets one line and goes on."""

import json
import os
import signal
import time
from contextlib import chdir
from pathlib import Path

import h5py
import numpy as np
import pytest
from small_study import (
    CHECKPOINTS,
    CSV,
    DELTA,
    HISTORY,
    IMAGES,
    MARKDOWN,
    SETTINGS,
    TABLE,
    rewrite,
    rewrite_json,
    write_small_study,
)

from advspectra_study.job import reader, sha256
from advspectra.files.hdf5 import DIGEST, attributes_of
from advspectra_study.job.reader import Reader
from advspectra_study.job.sealed import NoDigestError, read_sealed, sealed
from advspectra_study.verify import one_file
from advspectra_study.verify.one_file import digest, look


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    with chdir(folder):
        write_small_study()
    return folder


@pytest.fixture
def here(made, monkeypatch):
    monkeypatch.chdir(made)


def test_a_result_says_what_made_it_and_what_it_is_known_by(here):
    status, found = look(DELTA)
    with h5py.File(DELTA) as file, h5py.File(CHECKPOINTS) as checkpoints:
        attributes = attributes_of(file)
        states = {name: attributes_of(group)[DIGEST] for name, group in checkpoints["states"].items()}
    assert status == "whole" and found == {
        "parameters": {"identity": {"dataset": "d", "network": "n", "seed": 0}, "options": {"steps": 3}},
        "code": {"a.py": "1", "b.py": "2"},
        "inputs_sha256": json.loads(attributes["inputs_sha256"]),
        "sha256": attributes[DIGEST],
        "sizes": {"N": 4, "C": 3, "H": 8, "W": 8, "K": 2},
        "history_sha256": None,
        "checkpoint": ("best", states["best"]),
    }
    found = look(CHECKPOINTS)[1]
    assert found["checkpoints"] == states and found["history_sha256"] == sha256(HISTORY) and not found["checkpoint"]
    assert found["parameters"] == {"identity": {"dataset": "d", "network": "n", "seed": 0}}
    assert look(HISTORY) == ("whole", {"sha256": sha256(HISTORY)})
    status, found = look(TABLE)
    assert status == "whole" and set(found) == {"code", "inputs_sha256", "parameters", "outputs_sha256", "sha256"}
    assert found["outputs_sha256"] == {CSV: sha256(CSV), MARKDOWN: sha256(MARKDOWN)}
    assert found["sha256"] == sha256(TABLE)
    assert look(SETTINGS)[1]["settings"] == {"learning_rate": 0.01, "search": None}


def test_a_file_of_another_run_or_without_what_made_it_is_damaged(here, tmp_path):
    path = tmp_path / "perturbations.h5"
    path.write_bytes(Path(DELTA).read_bytes())
    rewrite(path, seed=1)
    assert look(str(path)) == ("damaged", f"{path}: expected the attribute seed 0, found 1".removeprefix(f"{path}: "))
    rewrite(path, seed=0, code=None)
    status, why = look(str(path))
    assert status == "damaged" and why.startswith("expected ") and "code" in why and why.endswith(", found none")
    rewrite(path, code="[]")  # by another program, with the right digest
    assert look(str(path)) == ("damaged", "expected a mapping as code, found list")
    table = tmp_path / "table.json"
    table.write_bytes(Path(TABLE).read_bytes())
    rewrite_json(table, outputs_sha256=3)
    assert look(str(table)) == ("damaged", "expected a mapping as outputs_sha256, found int")


# what the libraries raise, without a line to say of it yet -> what is said
RAISED = {
    "a damaged one": (ValueError("PATH: of another kind"), ("damaged", "of another kind")),
    "a changed bit": (RuntimeError("Unable to get group info"), ("damaged", "Unable to get group info")),
    "nothing to say": (StopIteration(), ("damaged", "StopIteration")),
    "a missing entry": (KeyError("beta"), ("damaged", "expected 'beta', found none")),
    "HDF5's own": (OSError("Can't read data"), ("damaged", "cannot be read (Can't read data)")),
    "the system's": (OSError(5, "Input/output error"), ("unread", "Input/output error")),
    "a lock": (BlockingIOError(11, "PATH: cannot be read now"), ("unread", "cannot be read now")),
    "no words": (OSError(5, None), ("unread", "[Errno 5] None")),
    "memory": (MemoryError("8 GiB"), ("unread", "it needs more memory than there is now (8 GiB)")),
    "a folder": (IsADirectoryError(21, "Is a directory"), ("damaged", "expected a file, found a folder")),
    "an older version": (NoDigestError("PATH: states none"), ("outdated", "states none")),
}


@pytest.mark.parametrize("case", RAISED)
def test_whatever_a_library_raises_is_one_line_about_the_file(case, monkeypatch):
    error, said = RAISED[case]
    error.args = tuple(arg.replace("PATH", "x.h5") if isinstance(arg, str) else arg for arg in error.args)
    if isinstance(error, OSError) and error.strerror:
        error.strerror = error.strerror.replace("PATH", "x.h5")

    def refuse(_):
        raise error

    monkeypatch.setattr(one_file, "_of_hdf5", refuse)
    assert look("x.h5") == said


def test_the_digest_of_an_input_that_is_gone_or_no_file_is_unknown(here, tmp_path, monkeypatch):
    assert digest(CSV) == ("whole", sha256(CSV))
    assert digest("workflow/reference/paper.yaml")[0] == "whole"
    assert digest(str(tmp_path / "nothing")) == digest(str(tmp_path)) == digest(f"{CSV}/x") == ("outdated", "gone")
    damaged = tmp_path / "a.h5"
    damaged.write_bytes(Path(DELTA).read_bytes()[:1000])
    status, why = digest(str(damaged))
    assert status == "outdated" and why.startswith("expected an HDF5 file")

    def fail(_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(one_file, "sha256", fail)
    assert digest(CSV) == ("unread", "Input/output error")


def test_a_json_file_is_known_by_the_digest_in_it(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(sealed({"b": [1, 2.5, None], "a": {1: "ä"}}))
    assert read_sealed(path) == {"b": [1, 2.5, None], "a": {"1": "ä"}}
    assert (
        path.read_text().startswith('{\n "a": {\n  "1": "\\u00e4"\n },\n "b": [\n') and path.read_text()[-2:] == "}\n"
    )
    # by hand: of the file without its digest
    import hashlib

    rest = json.loads(path.read_text())
    stated = rest.pop("content_sha256")
    assert stated == hashlib.sha256((json.dumps(rest, indent=1, sort_keys=True) + "\n").encode()).hexdigest()


@pytest.mark.parametrize("change", [("2.5", "2.50"), ("2.5", "2.6"), ("null", "0"), ("\n}", "\n} "), ('"a"', '"c"')])
def test_a_json_file_with_another_letter_is_refused(tmp_path, change):
    path = tmp_path / "a.json"
    path.write_text(sealed({"b": [1, 2.5, None], "a": {}}).replace(*change))
    with pytest.raises(ValueError, match="a.json: damaged or changed: its digest is not the one that it states"):
        read_sealed(path)


def test_what_is_no_json_object_or_states_no_digest_is_refused(tmp_path):
    path = tmp_path / "a.json"
    for content, message in (
        (b"", "invalid JSON"),
        (b"\xff", "invalid JSON"),
        (b"[" * 100_000, "invalid JSON"),
        (b"[1]", "expected a JSON object, found a list"),
        (b'{"a": 1}', "states no digest of its own; an older version of the workflow has made it"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message) as caught:
            read_sealed(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert isinstance(caught.value, NoDigestError) == (content == b'{"a": 1}')


# what a damaged file can make of the process that reads it


def spin(_):
    while True:
        pass


def crash(_):
    os.kill(os.getpid(), signal.SIGSEGV)


def leave(_):
    os._exit(3)


def killed(_):
    os.kill(os.getpid(), signal.SIGKILL)


def sleep(_):
    time.sleep(60)


def process(_):
    return os.getpid(), signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_a_file_at_which_reading_never_ends_or_crashes_is_one_line_and_the_next_is_read(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bytes(400_000))  # a tenth of a second more
    with Reader(seconds=0.2, patience=20) as read:
        first = read(process, str(path))
        assert first[0] != os.getpid() and first[1] and read(process, "no such file") == first
        assert read(spin, str(path)) == (
            "damaged",
            "cannot be read: reading does not end (in 0 s of a processor)",
        )
        assert read(process, str(path)) != first
        assert read(crash, str(path)) == ("damaged", "cannot be read: it ends the process that reads it (SIGSEGV)")
        assert read(leave, str(path)) == (
            "damaged",
            "cannot be read: it ends the process that reads it (exit status 3)",
        )
        status, why = read(killed, str(path))
        assert (status, why) == ("unread", "the process that read it was killed: is there enough memory?")
        last = read(process, str(path))
    with pytest.raises(ProcessLookupError):  # it ends with the block
        os.kill(last[0], 0)


def test_a_disk_that_gives_no_answer_is_no_fault_of_the_file():
    start = time.monotonic()
    with Reader(seconds=0.1, patience=10) as read:
        assert read(sleep, "x") == ("unread", "the disk gave no answer in 1 s")
        assert read(process, "x")[1]
    assert time.monotonic() - start < 30


def test_the_time_for_a_file_grows_with_its_size(tmp_path, monkeypatch):
    sent = []

    class Pipe:
        def send(self, call):
            sent.append(call)

        def poll(self, seconds):
            sent.append(seconds)
            return True

        def recv(self):
            return ("whole", {})

    path = tmp_path / "x"
    path.write_bytes(bytes(8_000_000))
    read = Reader()
    read._child, read._pipe = object(), Pipe()
    assert read(look, str(path)) == ("whole", {})
    assert sent == [(look, str(path), 10.0), 600.0]


def test_the_clock_stops_between_files(tmp_path):
    with Reader(seconds=0.3) as read:
        first = read(process, "x")
        for _ in range(4):
            assert read(compute, "x") == "done"  # more than the limit in all
        assert read(process, "x") == first


def compute(_):
    start = time.process_time()
    while time.process_time() - start < 0.12:
        pass
    return "done"


def test_a_process_ended_by_a_signal_without_a_name_is_said_by_its_number():
    assert reader._name(-250) == "exit status -250"


def test_a_zeroed_sector_costs_seconds_and_not_the_night(here, tmp_path):
    """Text attributes lie in HDF5's global heap, in which the library looks for ever for the end of what is zero."""
    path = tmp_path / "images.h5"
    content = Path(IMAGES).read_bytes()
    heap = content.find(b"GCOL")
    if heap < 0:
        pytest.skip("these files have no heap any more")
    path.write_bytes(content[: heap + 32] + bytes(512) + content[heap + 544 :])
    start = time.process_time()
    with Reader(seconds=1) as read:
        status, why = read(look, str(path))
        assert status == "damaged", why
        assert read(look, IMAGES)[0] == "whole"
    assert time.process_time() - start < 5 and np.isfinite(start)
