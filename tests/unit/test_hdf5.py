"""Files appear whole or not at all, say what they are, and are the same bytes each time."""

import h5py
import numpy as np
import pytest

from advspectra.hdf5 import add, create, open_checked, replacing


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


def test_reading_gives_what_was_written(tmp_path):
    write(tmp_path / "a.h5", values=(3.0, 4.0))
    with open_checked(tmp_path / "a.h5", kind="toy", version=2) as file:
        assert file["values"][()].tolist() == [3.0, 4.0]
        assert file["values"].attrs["units"] == "m"


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
    with pytest.raises(ValueError, match="a.h5: damaged or incomplete toy file"):
        with open_checked(tmp_path / "a.h5", kind="toy", version=2) as file:
            file["absent"]
