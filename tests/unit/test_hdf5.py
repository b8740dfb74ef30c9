"""Files appear whole or not at all, say what they are, and are the same bytes each time."""

import errno
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from advspectra.files.hdf5 import (
    DIGEST,
    add,
    add_scale,
    attributes_of,
    content_sha256,
    create,
    open_checked,
    recorded_sha256,
    replacing,
)


def write(path, values=(1.0, 2.0)):
    with create(path, kind="toy", version=2, attributes={"seed": 0}) as file:
        add(file, "values", np.array(values), units="m", long_name="lengths", compression=True)


def test_same_content_same_bytes(tmp_path):
    write(tmp_path / "a.h5")
    write(tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_a_failing_writer_leaves_what_was_there_and_nothing_else(tmp_path):
    write(tmp_path / "a.h5")
    before = (tmp_path / "a.h5").read_bytes()
    with pytest.raises(RuntimeError), create(tmp_path / "a.h5", kind="toy", version=2, attributes={}) as file:
        add(file, "values", np.zeros(3), units="m", long_name="lengths")
        raise RuntimeError
    assert (tmp_path / "a.h5").read_bytes() == before
    with pytest.raises(RuntimeError), replacing(tmp_path / "b.csv") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_number_that_is_not_finite_is_written_only_where_the_format_has_it(tmp_path, value):
    with pytest.raises(ValueError, match="lengths .values.: found 1 of 2 numbers that are not finite"):
        write(tmp_path / "a.h5", values=(1.0, value))
    assert not list(tmp_path.iterdir())
    with create(tmp_path / "a.h5", kind="toy", version=2, attributes={}) as file:
        add(file, "values", np.array([value]), units="m", long_name="lengths", finite=False)


def test_reading_gives_what_was_written(tmp_path):
    write(tmp_path / "a.h5", values=(3.0, 4.0))
    with open_checked(tmp_path / "a.h5", kind="toy", version=2) as file:
        assert file["values"][()].tolist() == [3.0, 4.0]
        assert attributes_of(file["values"])["units"] == "m"


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.99])
def test_a_truncated_file_is_one_clear_error(tmp_path, kept):
    path = tmp_path / "a.h5"
    write(path, values=np.random.default_rng(0).normal(size=5000))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole) if kept < 1 else kept)])
    with pytest.raises(ValueError, match="a.h5: expected an HDF5 file"), open_checked(path, kind="toy", version=2):
        pass


def test_a_damaged_block_is_one_clear_error(tmp_path):
    path = tmp_path / "a.h5"
    write(path, values=np.random.default_rng(0).normal(size=5000))
    whole = bytearray(path.read_bytes())
    middle = len(whole) // 2
    whole[middle : middle + 200] = bytes(200)
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="a.h5: damaged"), open_checked(path, kind="toy", version=2) as file:
        file["values"][()]


def test_a_file_of_another_kind_or_version_or_without_a_dataset_is_refused(tmp_path):
    write(tmp_path / "a.h5")
    for kind, version in (("images", 2), ("toy", 3)):
        with pytest.raises(ValueError, match="found advspectra.toy version 2"):
            with open_checked(tmp_path / "a.h5", kind=kind, version=version):
                pass
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["values"] = [1]
    with pytest.raises(ValueError, match="found None version None"):
        with open_checked(tmp_path / "b.h5", kind="toy", version=2):
            pass
    with pytest.raises(ValueError, match="a.h5: damaged or incomplete file"):
        with open_checked(tmp_path / "a.h5", kind="toy", version=2) as file:
            file["absent"]


CHANGES = {
    "a value": lambda file: file["values"].write_direct(np.array([1.0, 2.5])),
    "a type": lambda file: replaced(file, np.array([1.0, 2.0], dtype=np.float32)),
    "a shape": lambda file: replaced(file, np.array([[1.0, 2.0]])),
    "a name": lambda file: file.move("values", "value"),
    "an attribute": lambda file: file.attrs.modify("seed", 1),
    "an attribute of an array that has the digest's name": lambda file: file["values"].attrs.__setitem__(DIGEST, "x"),
    "an attribute of an array": lambda file: file["values"].attrs.modify("units", "km"),
    "the name of an attribute": lambda file: file.attrs.__setitem__("sown", file.attrs.pop("seed")),
    "the name of an attribute of an array": lambda file: file["values"].attrs.__setitem__(
        "unit", file["values"].attrs.pop("units")
    ),
    "a name that keeps the order": lambda file: file.move("values", "values2"),
    "one array more": lambda file: file.create_dataset("more", data=0),
    "one group more": lambda file: file.create_group("more").attrs.update(x=1),
}


def replaced(file, values):
    attributes = dict(file["values"].attrs)
    del file["values"]
    file["values"] = values
    file["values"].attrs.update(attributes)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_digest_changes_with_whatever_the_file_holds(tmp_path, change):
    write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        assert content_sha256(file) == attributes_of(file)[DIGEST] == recorded_sha256(tmp_path / "a.h5")
        change(file)
        assert content_sha256(file) != attributes_of(file)[DIGEST]


def sha256_of(*parts):
    """The digest spelled out: of each part its name, type, shape and bytes."""
    return hashlib.sha256(b"".join(b"%s\0%s\0%s\0%s" % part for part in parts)).hexdigest()


def test_the_digest_is_that_of_files_already_written():
    """Names in the order of their characters; texts as bytes; numbers as the file has them, little end first."""
    with h5py.File("in memory", "w", driver="core", backing_store=False, track_order=True) as file:
        file.attrs.update({"seed": 3, "about": "\N{GREEK SMALL LETTER EPSILON}", "bounds": [0.5, 2.0], DIGEST: "none"})
        group = file.create_group("states")
        scale = add_scale(group, "angle", np.array([0, 90], dtype=np.uint8), units="degree", long_name="angle")
        add(group, "all", np.ones((1, 2), dtype=np.float32), units="1", long_name="power", scales=(None, scale))
        file["b"] = np.int16(-2)
        assert content_sha256(file) == sha256_of(
            (b"/@about", b"|S2", b"()", b"\xce\xb5"),
            (b"/@bounds", b"<f8", b"(2,)", np.array([0.5, 2.0], dtype="<f8").tobytes()),
            (b"/@seed", b"<i8", b"()", b"\3" + bytes(7)),
            (b"b", b"<i2", b"()", b"\xfe\xff"),
            (b"states/all@long_name", b"|S5", b"()", b"power"),
            (b"states/all@units", b"|S1", b"()", b"1"),
            (b"states/all", b"<f4", b"(1, 2)", 2 * b"\0\0\x80\x3f"),
            # what HDF5 says of a dimension scale
            (b"states/angle@CLASS", b"|S15", b"()", b"DIMENSION_SCALE"),
            (b"states/angle@NAME", b"|S5", b"()", b"angle"),
            (b"states/angle@long_name", b"|S5", b"()", b"angle"),
            (b"states/angle@units", b"|S6", b"()", b"degree"),
            (b"states/angle", b"|u1", b"(2,)", b"\x00\x5a"),
        )


@pytest.mark.parametrize(
    ("at_once", "rows"), [(1, [1, 1, 1]), (8, [1, 1, 1]), (17, [2, 1]), (23, [2, 1]), (24, [3]), (2**26, [3])]
)
def test_the_digest_of_a_large_array_is_of_as_many_rows_as_are_read_at_once(monkeypatch, at_once, rows):
    monkeypatch.setattr("advspectra.files.hdf5.SLAB", at_once)
    values = np.arange(12, dtype="<i2").reshape(3, 4)  # 8 bytes a row
    with h5py.File("in memory", "w", driver="core", backing_store=False) as file:
        file["values"] = values
        pieces = np.split(values, np.cumsum(rows)[:-1])
        assert content_sha256(file) == sha256_of(
            *((b"values", b"<i2", str(piece.shape).encode(), piece.tobytes()) for piece in pieces)
        )


def test_an_array_without_values_has_a_digest_that_says_no_more_than_its_name():
    for values in (np.zeros((0, 3)), np.zeros((3, 0))):
        with h5py.File("in memory", "w", driver="core", backing_store=False) as file:
            file["values"] = values
            pieces = [(b"values", b"<f8", b"(3, 0)", b"")] if len(values) else []
            assert content_sha256(file) == sha256_of(*pieces)


def test_arrays_and_attributes_under_each_other_s_names_have_another_digest(tmp_path):
    digests = set()
    for name, (first, second) in {"a": ("x", "y"), "b": ("y", "x")}.items():
        with create(tmp_path / f"{name}.h5", kind="toy", version=1, attributes={first: 1, second: 2}) as file:
            add(file, "lengths", np.zeros(2), units="m", long_name="lengths")
        digests.add(recorded_sha256(tmp_path / f"{name}.h5"))
    for name, (first, second) in {"c": (0.0, 1.0), "d": (1.0, 0.0)}.items():
        with create(tmp_path / f"{name}.h5", kind="toy", version=1, attributes={}) as file:
            for array, value in (("first", first), ("second", second)):
                add(file, array, np.full(2, value), units="m", long_name="lengths")
        digests.add(recorded_sha256(tmp_path / f"{name}.h5"))
    assert len(digests) == 4


def test_the_digest_does_not_depend_on_the_order_in_which_arrays_were_written(tmp_path):
    for name, arrays in {"a": ("x", "y"), "b": ("y", "x")}.items():
        with create(tmp_path / f"{name}.h5", kind="toy", version=1, attributes={}) as file:
            for array in arrays:
                add(file, array, np.arange(3), units="m", long_name="lengths")
    assert recorded_sha256(tmp_path / "a.h5") == recorded_sha256(tmp_path / "b.h5")


def test_arrays_say_what_they_are_and_have_their_scales(tmp_path):
    with create(tmp_path / "a.h5", kind="toy", version=1, attributes={}) as file:
        scale = add_scale(file, "angle", np.arange(4.0), units="degree", long_name="angle of the frequency")
        add(file, "energy", np.ones((3, 4)), units="1", long_name="power", scales=(None, scale), compression=True)
    with open_checked(tmp_path / "a.h5", kind="toy", version=1) as file:
        energy, angle = file["energy"], file["angle"]
        assert attributes_of(energy) == {"units": "1", "long_name": "power"}
        assert attributes_of(angle) == {
            "units": "degree",
            "long_name": "angle of the frequency",
            "CLASS": "DIMENSION_SCALE",
            "NAME": "angle",
        }
        assert (energy.compression, energy.compression_opts, energy.shuffle) == ("gzip", 6, True)
        assert angle.compression is None and angle.is_scale
        assert len(energy.dims[0]) == 0 and energy.dims[1]["angle"] == angle
        assert angle[()].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "shape, chunks",
    [((200, 3, 32, 32), (67, 3, 32, 32)), ((3, 3, 512, 512), (1, 3, 512, 512)), ((5, 2), (5, 2)), ((7,), (7,))],
)
def test_large_arrays_are_compressed_by_whole_rows_of_a_megabyte_at_most_unless_one_row_has_more(
    shape, chunks, tmp_path
):
    with create(tmp_path / "a.h5", kind="toy", version=1, attributes={}) as file:
        add(file, "values", np.ones(shape, np.float32), units="1", long_name="values", compression=True)
    with open_checked(tmp_path / "a.h5", kind="toy", version=1) as file:
        assert file["values"].chunks == chunks
        assert file["values"].shape == shape and (file["values"][()] == 1).all()


def test_an_array_without_rows_can_be_compressed(tmp_path):
    with create(tmp_path / "a.h5", kind="toy", version=1, attributes={}) as file:
        add(file, "values", np.ones((0, 3)), units="1", long_name="values", compression=True)
    with open_checked(tmp_path / "a.h5", kind="toy", version=1) as file:
        assert file["values"].shape == (0, 3)


def test_the_digest_is_of_the_content_not_of_how_it_lies_in_the_file(tmp_path):
    for name, compression in (("a", True), ("b", False)):
        with create(tmp_path / f"{name}.h5", kind="toy", version=1, attributes={"about": "x"}) as file:
            add(file, "values", np.arange(1000.0), units="m", long_name="lengths", compression=compression)
    assert (tmp_path / "a.h5").read_bytes() != (tmp_path / "b.h5").read_bytes()
    assert recorded_sha256(tmp_path / "a.h5") == recorded_sha256(tmp_path / "b.h5")


def test_an_array_larger_than_what_is_read_at_once_has_its_digest_too(tmp_path, monkeypatch):
    monkeypatch.setattr("advspectra.files.hdf5.SLAB", 100)
    write(tmp_path / "a.h5", values=np.arange(99.0))
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        assert content_sha256(file) == attributes_of(file)[DIGEST]
        file["values"][-1] = -1
        assert content_sha256(file) != attributes_of(file)[DIGEST]


def test_a_file_without_a_digest_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["format"] = "advspectra.toy"
    with pytest.raises(ValueError, match="a.h5: expected the attribute content_sha256, found none"):
        recorded_sha256(tmp_path / "a.h5")
    (tmp_path / "b.h5").write_bytes(b"no HDF5")
    with pytest.raises(ValueError, match="b.h5: expected an HDF5 file"):
        recorded_sha256(tmp_path / "b.h5")


def test_a_digest_is_not_read_from_attributes_that_no_result_has(tmp_path):
    write(tmp_path / "a.h5")
    digest = recorded_sha256(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        assert attributes_of(file)[DIGEST] == digest
        for number in range(101):
            file.attrs[f"a{number}"] = number
    with pytest.raises(ValueError, match="a.h5: refused, as '/' has [0-9]+ attributes"):
        recorded_sha256(tmp_path / "a.h5")


def test_arrays_that_share_their_bytes_are_refused(tmp_path):
    """Three arrays that were never written are made to lie where a fourth does: a file of 100 KB with 400 KB."""
    path, size = tmp_path / "a.h5", 100_000
    with h5py.File(path, "w") as file:
        file.attrs.update({"format": "advspectra.toy", "format_version": 2})
        file["a"] = np.ones(size, dtype=np.uint8)
        offset = file["a"].id.get_offset()
        for name in "bcd":
            file.create_dataset(name, (size,), np.uint8)
    content, nowhere = path.read_bytes(), b"\xff" * 8 + size.to_bytes(8, "little")
    assert content.count(nowhere) == 3
    path.write_bytes(content.replace(nowhere, offset.to_bytes(8, "little") + nowhere[8:]))
    with h5py.File(path) as file:
        assert all((file[name][()] == 1).all() for name in "abcd")
    with pytest.raises(ValueError, match="arrays that share their bytes"), open_checked(path, kind="toy", version=2):
        pass


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_a_result_is_as_readable_as_any_file_of_the_user(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        write(tmp_path / "a.h5")
    finally:
        os.umask(before)
    assert (tmp_path / "a.h5").stat().st_mode & 0o777 == mode


def test_two_writers_of_one_file_leave_the_whole_one_of_either(tmp_path):
    path = tmp_path / "a.h5"
    with create(path, kind="toy", version=1, attributes={}) as first:
        with create(path, kind="toy", version=1, attributes={}) as second:
            add(first, "values", np.zeros(5000), units="m", long_name="lengths")
            add(second, "values", np.ones(5000), units="m", long_name="lengths")
        with open_checked(path, kind="toy", version=1) as file:
            assert (file["values"][()] == 1).all()
    with open_checked(path, kind="toy", version=1) as file:
        assert (file["values"][()] == 0).all()
    assert [found.name for found in tmp_path.iterdir()] == ["a.h5"]


def test_a_file_is_on_the_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    events = []
    flush, rename = os.fsync, Path.replace
    monkeypatch.setattr(
        os, "fsync", lambda handle: (events.append(os.readlink(f"/proc/self/fd/{handle}")), flush(handle))
    )
    monkeypatch.setattr(Path, "replace", lambda self, target: (events.append("renamed"), rename(self, target))[1])
    with replacing(tmp_path / "a.csv") as temporary:
        temporary.write_text("whole")
    assert events == [str(temporary), "renamed", str(tmp_path)]


def test_what_cannot_be_written_is_one_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file/a.h5 cannot be written: File exists|Not a directory"):
        write(tmp_path / "file/a.h5")
    for path in (Path("/dev/full/a.h5"), Path("/proc/a.h5")):
        with pytest.raises(OSError, match=f"{path} cannot be written"):
            write(path)


@pytest.mark.parametrize("refused", [errno.EPERM, errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_refuses_modes_and_flushing_holds_whole_files(tmp_path, monkeypatch, refused):
    def refuse(*_, **__):
        raise OSError(refused, os.strerror(refused))

    monkeypatch.setattr(os, "chmod", refuse)
    monkeypatch.setattr(os, "fsync", refuse)
    write(tmp_path / "a.h5")
    with open_checked(tmp_path / "a.h5", kind="toy", version=2) as file:
        assert file["values"][()].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("fault", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_what_does_not_get_to_the_disk_does_not_take_the_name(tmp_path, monkeypatch, fault):
    def fail(_):
        raise OSError(fault, os.strerror(fault))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=re.escape(f"a.h5 cannot be written: {os.strerror(fault)}")):
        write(tmp_path / "a.h5")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_another_program_has_open_for_writing_is_not_called_damaged(tmp_path):
    write(tmp_path / "a.h5")
    hold = "import h5py, sys; file = h5py.File(sys.argv[1], 'r+'); print(flush=True); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    holder = subprocess.Popen([sys.executable, "-c", hold, tmp_path / "a.h5"], **pipes)
    holder.stdout.readline()
    try:
        with pytest.raises(BlockingIOError) as refused:
            recorded_sha256(tmp_path / "a.h5")
        assert refused.value.errno == errno.EAGAIN
        assert refused.value.strerror == (
            f"{tmp_path}/a.h5: cannot be read now, as another program has it open for writing; close it there"
        )
        with pytest.raises(BlockingIOError), open_checked(tmp_path / "a.h5", kind="toy", version=2):
            pass
    finally:
        holder.communicate()
    assert recorded_sha256(tmp_path / "a.h5")


@pytest.mark.parametrize("answer", [errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP])
def test_a_file_system_without_locks_is_read_without_one(tmp_path, monkeypatch, answer):
    write(tmp_path / "a.h5")
    open_hdf5 = h5py.File

    def without_locks(path, mode, locking=None):
        if locking is not False:
            raise OSError(answer, f"unable to lock file, errno = {answer}")
        return open_hdf5(path, mode, locking=locking)

    monkeypatch.setattr(h5py, "File", without_locks)
    assert recorded_sha256(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        (errno.EIO, OSError, "Input/output error"),
        (errno.EACCES, PermissionError, "Permission denied"),
        (errno.ENOENT, FileNotFoundError, "No such file or directory"),
    ],
)
def test_what_the_system_cannot_read_is_not_called_damaged(tmp_path, monkeypatch, fault, kind, says):
    def broken(*_, **__):
        raise OSError(fault, "file read failed")

    monkeypatch.setattr(h5py, "File", broken)
    with pytest.raises(OSError) as failed:
        recorded_sha256(tmp_path / "a.h5")
    assert type(failed.value) is kind and failed.value.errno == fault
    assert failed.value.strerror == f"{tmp_path}/a.h5: cannot be read: {says}"
