"""Damaged files: one line with the file's name, soon, and no changed value. tests/long has two thousand of them."""

import subprocess
import sys
from collections import Counter

import damaged_files
import h5py
import numpy as np
import pytest
from damaged_files import BAD, GOOD, Reader, judged, outcomes
from damaged_results import KINDS
from hostile_files import MAKE, READERS

from advspectra.checks import check_result
from advspectra.files.guard import ADDRESSES, COLLECTION, TEXT_BYTES
from advspectra.files.hdf5 import (
    DIGEST,
    add,
    add_scale,
    attributes_of,
    content_sha256,
    create,
    open_checked,
    recorded_sha256,
    set_attributes,
)
from advspectra.results.runs import read_runs


def test_sixty_damaged_files_are_one_line_each_or_have_the_same_values(tmp_path):
    count = 60
    found = outcomes("damaged_results:KINDS", count, seed=7, folder=tmp_path)
    assert not found.faults, found.faults
    counts = Counter()
    for (_, outcome), times in found.counts.items():
        counts[outcome] += times
    assert counts.total() == count and counts["one line that names it"] >= count // 2
    assert found.slowest < damaged_files.SECONDS and found.memory < damaged_files.BYTES


def test_a_reader_that_spins_fills_the_memory_or_does_not_name_the_file_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(damaged_files, "SECONDS", 1)
    reader = Reader("damaged_files:BAD")
    path = tmp_path / "a.h5"
    try:
        answers = {name: reader.read(name, path)[:2] for name in BAD}
    finally:
        reader.stop()
    assert answers["spins"][0] == "over 1 s" not in GOOD
    for name, kind in (("fills the memory", "MemoryError"), ("speaks unclearly", "RuntimeError")):
        assert answers[name][1][0] == kind == judged(*answers[name], path=path, value=b"", same=False)
    for said, outcome in (
        (("ValueError", "a.h5"), "unclear words"),
        (("ValueError", f"{path}: damaged\nhere"), "unclear words"),
        (("ValueError", f"{path}: damaged"), "one line that names it"),
    ):
        assert judged("error", said, path=path, value=b"", same=False) == outcome
    assert judged("value", b"b", path=path, value=b"a", same=False) == "changed values accepted"


# ---- texts


def test_texts_are_of_fixed_length_and_no_file_without_scales_has_a_heap(tmp_path):
    for kind, make in MAKE.items():
        make(path := tmp_path / f"{kind}.h5")
        lengths = {}

        def take(name, item, lengths=lengths):
            for key in set(item.attrs) - set(ADDRESSES):
                if found := h5py.check_string_dtype(item.attrs.get_id(key).dtype):
                    lengths[name, key] = found.length

        with h5py.File(path) as file:
            take("", file)
            file.visititems(take)
            scales = []
            file.visititems(lambda _, item, scales=scales: scales.extend(set(item.attrs) & set(ADDRESSES)))
        assert ("", DIGEST) in lengths and None not in lengths.values()
        assert (COLLECTION in path.read_bytes()) == bool(scales) == (kind in ("spectra", "predictor"))


TEXTS = {"plain": "abc", "empty": "", "umlaut": "Äpfel", "a space": " ", "long": "x" * 70_000, "lines": "a\nb\t"}


def test_texts_come_back_as_they_were_and_have_the_digest_that_they_had_in_a_heap(tmp_path):
    with create(tmp_path / "a.h5", kind="toy", version=1, attributes=TEXTS | {"number": 1}):
        pass
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        assert attributes_of(file).items() > TEXTS.items()
        digest = content_sha256(file)
        for name, value in attributes_of(file).items():
            if isinstance(value, str):
                file.attrs[name] = value  # of any length, as h5py writes a str
        assert h5py.check_string_dtype(file.attrs.get_id("plain").dtype).length is None
        assert attributes_of(file).items() > TEXTS.items()
        assert content_sha256(file) == digest == attributes_of(file)[DIGEST]
    with open_checked(tmp_path / "a.h5", kind="toy", version=1) as file:
        assert attributes_of(file)["umlaut"] == "Äpfel"


@pytest.mark.parametrize("value", ["a\0", "\0", "x" * (TEXT_BYTES + 1)], ids=["zero at the end", "zero", "too long"])
def test_a_text_that_would_not_come_back_is_not_written(tmp_path, value):
    with pytest.raises(ValueError, match=f"about: expected a text of at most {TEXT_BYTES} bytes, none of them 0"):
        with create(tmp_path / "a.h5", kind="toy", version=1, attributes={"about": value}):
            pass
    assert not list(tmp_path.iterdir())


# ---- heaps


def heap_of(content):
    """Where the first collection of a heap lies."""
    return content.index(COLLECTION)


def as_once(tmp_path):
    return KINDS["lines, as once"].write(tmp_path)


def zeroed(content, start, length=512):
    return content[:start] + bytes(length) + content[start + length :]


HEAPS = {
    "zeroed": lambda content, at: zeroed(content, at + 512),
    "an object of no bytes": lambda content, at: zeroed(content, at + 16, 16),
    "an object that ends before it starts": lambda content, at: (
        content[: at + 24] + b"\xf0" + b"\xff" * 7 + content[at + 32 :]
    ),
    "larger than the file": lambda content, at: content[: at + 8] + b"\xff" * 6 + content[at + 14 :],
    "smaller than its head": lambda content, at: content[: at + 8] + bytes(8) + content[at + 16 :],
}


@pytest.mark.parametrize("damage", HEAPS.values(), ids=HEAPS)
def test_a_damaged_heap_is_refused_before_hdf5_reads_it(tmp_path, damage):
    path = as_once(tmp_path)
    content = path.read_bytes()
    path.write_bytes(damage(content, heap_of(content)))
    for read in (recorded_sha256, READERS["lines"][1], lambda path: read_runs([path])):
        with pytest.raises(ValueError, match="lines.h5: refused, as '/' has a damaged heap"):
            read(path)


def test_hdf5_itself_reads_such_a_heap_for_ever(tmp_path):
    path = as_once(tmp_path)
    content = path.read_bytes()
    path.write_bytes(HEAPS["an object of no bytes"](content, heap_of(content)))
    read = "import h5py, sys; print(dict(h5py.File(sys.argv[1]).attrs))"
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", read, path], timeout=5, capture_output=True)


@pytest.mark.parametrize("kind", ["spectra", "predictor"])
def test_the_heap_of_scales_is_looked_at_too(tmp_path, kind):
    path = KINDS[kind].write(tmp_path)
    content = path.read_bytes()
    path.write_bytes(zeroed(content, heap_of(content) + 16))
    with pytest.raises(ValueError, match=f"{kind}.h5: refused, as '/' has a damaged heap"):
        check_result(path, kind=kind)


def test_the_first_bytes_of_a_heap_in_an_array_are_no_heap(tmp_path):
    with create(tmp_path / "a.h5", kind="toy", version=1, attributes={}) as file:
        add(file, "values", np.frombuffer(COLLECTION + bytes(8), np.uint8), units="1", long_name="values")
    with open_checked(tmp_path / "a.h5", kind="toy", version=1) as file:
        assert file["values"][()].tobytes() == COLLECTION + bytes(8)


def test_a_scale_of_another_length_is_named(tmp_path):
    path = KINDS["predictor"].write(tmp_path)
    with damaged_files.changed(path) as file:
        wrong = add_scale(file.create_group("raw2"), "wrong", np.arange(3.0), units="1", long_name="wrong")
        file["raw/mean_power"].dims[0].attach_scale(wrong)
        del file["raw2"]["wrong"], file["raw2"]
    with pytest.raises(ValueError, match="predictor.h5: "):
        check_result(path, kind="predictor")


# ---- digests


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_refuses_a_value_that_is_not_the_one_written(tmp_path, reader):
    kind, read = READERS[reader]
    path = KINDS[kind].write(tmp_path)
    with h5py.File(path, "r+") as file:
        set_attributes(file, {"dataset": "other"})
    with pytest.raises(
        ValueError, match=f"{kind}.h5: damaged or changed: expected the digest [0-9a-f]+, found [0-9a-f]+"
    ):
        read(path)


def test_a_changed_value_is_one_line_with_both_digests(tmp_path):
    path = tmp_path / "a.h5"
    with create(path, kind="toy", version=1, attributes={}) as file:
        add(file, "values", np.arange(3), units="1", long_name="numbers")
    for stated, shown in ((content_of(path), content_of(path)), ("x\x1b" * 60, "x\\x1b" * 40)):
        with h5py.File(path, "r+") as file:
            file["values"][0] += 1
            set_attributes(file, {DIGEST: stated})
            found = content_sha256(file)
        with pytest.raises(ValueError) as caught, open_checked(path, kind="toy", version=1):
            pass
        assert str(caught.value) == f"{path}: damaged or changed: expected the digest {shown}, found {found}"


def content_of(path):
    with h5py.File(path) as file:
        return content_sha256(file)


def test_a_file_is_read_for_its_digest_once_while_it_stays_the_same(tmp_path, monkeypatch):
    path, digests = KINDS["lines"].write(tmp_path), []
    monkeypatch.setattr(
        "advspectra.files.hdf5.content_sha256", lambda file: digests.append(file) or content_sha256(file)
    )
    for _ in range(3):
        READERS["lines"][1](path)
    assert len(digests) == 1
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    READERS["lines"][1](path)
    assert len(digests) == 2


def test_a_large_file_is_opened_without_its_digest_where_little_of_it_is_needed(tmp_path, monkeypatch):
    path = KINDS["images"].write(tmp_path)
    monkeypatch.setattr("advspectra.files.hdf5.content_sha256", lambda _: pytest.fail("the whole file was read"))
    with open_checked(path, kind="images", version=1, digest=False) as file:
        assert file["train/images"].shape == (4, 3, 8, 8)
