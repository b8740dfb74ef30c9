"""The tables of the file formats: the page, the writers, the readers and the checks all follow them."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from damaged_files import changed
from hostile_files import MAKE

from advspectra import checks
from advspectra.files import formats, perturbations
from advspectra.files.formats import FORMATS, page
from advspectra.files.hdf5 import attributes_of
from advspectra.files.layout import Array, Format

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "workflow/lib"
PAGE = (ROOT / "docs/results-format.md").read_text(encoding="utf-8")


def test_the_page_shows_the_tables_as_they_are():
    assert page(PAGE) == PAGE, "run python -m advspectra.files.formats docs/results-format.md"


def test_a_page_that_lacks_an_array_is_not_the_page_of_the_formats(monkeypatch):
    more = {**perturbations.FORMAT.arrays, "seconds": Array("N", "float64", "s", "time")}
    monkeypatch.setattr(perturbations, "FORMAT", replace(perturbations.FORMAT, arrays=more))
    assert set(page(PAGE).splitlines()) - set(PAGE.splitlines()) == {"| `seconds` | (N,) | float64 | s | time |"}


@pytest.mark.parametrize("module", sorted(path.stem for path in (LIBRARY / "advspectra/files").glob("*.py")))
def test_files_are_read_without_torch(module):
    program = f"import sys, advspectra.files.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(LIBRARY)}).returncode == 0


@pytest.mark.parametrize("kind", MAKE)
def test_every_array_of_a_file_is_as_its_table_says(tmp_path, kind):
    """Read by h5py alone."""
    MAKE[kind](tmp_path / f"{kind}.h5")
    found = {}
    with h5py.File(tmp_path / f"{kind}.h5") as file:
        file.visititems(lambda name, item: found.update({name: item}) if isinstance(item, h5py.Dataset) else None)
        sizes = {}
        for name, values in found.items():
            array = FORMATS[kind].array(name)
            about = attributes_of(values)
            assert about["units"] == array.units
            assert about["long_name"] == (array.text or name.split("/")[-1])
            assert array.dtype in (None, "text", values.dtype.name)
            assert (values.compression == "gzip") is array.compressed
            assert values.is_scale is array.is_scale
            letters = ["any"] * values.ndim if array.dims is None else array.dims.split()
            for letter, size in zip(letters, values.shape, strict=True):
                assert letter == "any" or sizes.setdefault(letter, size) == size
            scaled = [letter for axis, letter in enumerate(letters) if len(values.dims[axis])]
            assert scaled == array.scales.split()


# ---- a format with a second version: `old` went, `new` came


FIRST = Format("toy", 1, {"x": Array("N", "float64", "m", "lengths"), "old": Array("N", "int64", "1", "counts")})
SECOND = replace(
    FIRST,
    version=2,
    arrays={
        "x": FIRST.arrays["x"],
        "old": replace(FIRST.arrays["old"], until=1),
        "new": Array("N C", "float32", "1", "parts", since=2),
    },
)
VALUES = {"x": np.zeros(3), "old": np.arange(3), "new": np.ones((3, 2), dtype=np.float32)}


def written(path, form):
    form.write_file(path, VALUES, attributes={})
    return path


def test_files_of_the_version_before_stay_readable_and_are_checked_as_they_were(tmp_path):
    first, second = written(tmp_path / "1.h5", FIRST), written(tmp_path / "2.h5", SECOND)
    for path, names, sizes in ((first, {"x", "old"}, {"N": 3}), (second, {"x", "new"}, {"N": 3, "C": 2})):
        with SECOND.opened(path) as file:
            assert set(SECOND.read(file)) == names == set(file)
            assert SECOND.check(file) == sizes
    with pytest.raises(
        ValueError, match="2.h5: expected format advspectra.toy version 1, found advspectra.toy version 2"
    ):
        with FIRST.opened(second):
            pass
    with changed(second) as file:
        file.attrs["format_version"] = 3
    with pytest.raises(ValueError, match="version 1 or 2, found advspectra.toy version 3"), SECOND.opened(second):
        pass


def test_an_array_of_another_version_does_not_belong_into_a_file(tmp_path):
    path = written(tmp_path / "2.h5", SECOND)
    with changed(path) as file:
        file["old"] = np.arange(3)
    with pytest.raises(ValueError, match="2.h5: expected the arrays new, x, found old"), SECOND.opened(path) as file:
        SECOND.check(file)
    path = written(tmp_path / "1.h5", FIRST)
    with changed(path) as file:
        del file["old"]
    with pytest.raises(ValueError, match="1.h5: expected the array old, found none"), SECOND.opened(path) as file:
        SECOND.check(file)


def test_one_more_array_in_the_table_is_written_read_and_checked(tmp_path, monkeypatch):
    """As for a new version of perturbations.h5."""
    MAKE["perturbations"](tmp_path / "perturbations.h5")
    before = perturbations.FORMAT
    next_version = before.version + 1
    arrays = {**before.arrays, "seconds": Array("N", "float64", "s", "time of the attack", since=next_version)}
    after = replace(before, version=next_version, arrays=arrays)
    monkeypatch.setattr(perturbations, "FORMAT", after)
    monkeypatch.setitem(formats.FORMATS, "perturbations", after)
    old, attributes = perturbations.read_perturbations(tmp_path / "perturbations.h5")
    assert "seconds" not in old and attributes["format_version"] == before.version
    path = tmp_path / "new/perturbations.h5"
    after.write_file(path, {**old, "seconds": np.full(6, 0.5)}, attributes={})
    new, attributes = perturbations.read_perturbations(path)
    assert new["seconds"].tolist() == [0.5] * 6 and attributes["format_version"] == next_version
    for version in (tmp_path / "perturbations.h5", path):
        assert checks.check_result(version, kind="perturbations")[1]["N"] == 6
    with changed(path) as file:
        del file["seconds"]
    with pytest.raises(ValueError, match="expected the array seconds, found none"):
        checks.check_result(path, kind="perturbations")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros(3, dtype=np.float32)}, "toy.h5: x: expected the axes N and the type float64, .* float32"),
        ({"x": np.zeros((3, 1))}, r"toy.h5: x: expected the axes N .* found the shape \(3, 1\)"),
        ({"x": np.array([0, np.nan, 1])}, "1 of 3 numbers that are not finite"),
        ({"x": None}, "toy.h5: expected the array x, found old"),
    ],
)
def test_a_writer_refuses_what_the_table_does_not_say(tmp_path, change, message):
    values = {name: array for name, array in ({"old": np.arange(3)} | change).items() if array is not None}
    with pytest.raises(ValueError, match=message):
        FIRST.write_file(tmp_path / "toy.h5", values, attributes={})
    assert not list(tmp_path.iterdir())


def test_a_file_whose_numbers_are_of_another_type_is_refused(tmp_path):
    path = written(tmp_path / "toy.h5", FIRST)
    with changed(path) as file:
        del file["old"]
        file["old"] = np.arange(3.0)
    with pytest.raises(ValueError, match="toy.h5: old: expected the type int64, found float64"):
        with FIRST.opened(path) as file:
            FIRST.check(file)
