"""Attributes of HDF5 files that are no texts or numbers, and texts made to be obeyed where they are shown."""

import h5py
import numpy as np
import pytest
from damaged_files import changed
from hostile_files import MAKE, RESULTS, every_reader, make_spectra, write

from advspectra.files.spectra import read_spectra
from advspectra.results.runs import read_runs


def many_attributes(attributes):
    for number in range(101):
        attributes[f"more{number}"] = "x"


def list_of_texts(attributes):
    attributes["seed"] = np.array(["a", "b"], dtype=object)


def long_list(attributes):
    attributes["seed"] = np.zeros(8193, dtype="f8")


def reference(attributes):
    attributes["seed"] = h5py.Reference()


def opaque_attribute(attributes):
    attributes["seed"] = np.void(b"\x80\x04pickle")


def lists_in_attribute(attributes):
    attributes.create("seed", np.array([np.zeros(2), np.zeros(3)], dtype=object), dtype=h5py.vlen_dtype(float))


ATTRIBUTES = [many_attributes, list_of_texts, long_list, reference, opaque_attribute, lists_in_attribute]
every_attribute = pytest.mark.parametrize("change", ATTRIBUTES, ids=lambda change: change.__name__)


@every_reader
@every_attribute
@pytest.mark.parametrize("place", ["root", "group"])
def test_attributes_other_than_a_text_or_numbers_are_refused(tmp_path, reader, change, place, nothing_read):
    path, read, name = write(tmp_path, reader)
    with h5py.File(path, "r+", libver="latest") as file:
        change((file if place == "root" else file.create_group("more")).attrs)
    with pytest.raises(ValueError, match=f"{path.name}: refused, as .*attribute"):
        read(path)


@pytest.mark.parametrize("kind", RESULTS)
@every_attribute
def test_results_with_such_attributes_are_refused(tmp_path, kind, change):
    path = tmp_path / f"{kind}.h5"
    MAKE[kind](path)
    with h5py.File(path, "r+", libver="latest") as file:
        change(file.attrs)
    with pytest.raises(ValueError, match=f"{kind}.h5: refused, as .*attribute"):
        read_runs([path])


HTML = "<img src=x onerror=alert(1)>"
NAMES = [HTML, "$(touch PWNED)", "`touch PWNED`", "../../etc", "a\nb", "\x1b[2J", "x" * 81, "a|b", "$x^2$"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("attribute", ["dataset", "network", "activation", "attack", "checkpoint", "source_attack"])
def test_names_in_result_files_are_plain(tmp_path, attribute, name):
    path = tmp_path / "spectra.h5"
    make_spectra(path)
    with h5py.File(path, "r+") as file:
        file.attrs["found_on"] = "best"
        file.attrs[attribute] = name
    with pytest.raises(ValueError, match="spectra.h5: expected names of letters") as caught:
        read_runs([path])
    assert str(caught.value).isprintable()


def test_which_images_spectra_are_of_is_one_of_two_words(tmp_path):
    make_spectra(tmp_path / "spectra.h5")
    with changed(tmp_path / "spectra.h5") as file:
        file.attrs["images"] = HTML
    with pytest.raises(ValueError, match="spectra.h5: expected the attribute images to be"):
        read_spectra(tmp_path / "spectra.h5", "paper")


def test_a_foreign_format_is_named_without_its_control_characters(tmp_path):
    path, read, _ = write(tmp_path, "images")
    with h5py.File(path, "r+") as file:
        file.attrs["format"] = "\x1b[2J\n" + "x" * 1000
    with pytest.raises(ValueError, match="found .x1b") as caught:
        read(path)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400
