"""HDF5 files made to reach other files or to fill the memory: each is refused before that, naming the file."""

import os
import struct

import h5py
import numpy as np
import pytest
from damaged_files import changed
from hostile_files import MAKE, every_reader, write

from advspectra.checks import check_result
from advspectra.files.images import read_images
from advspectra.machine import memory
from advspectra.networks.stored import load_network


@every_reader
def test_good_files_are_read(tmp_path, reader):
    path, read, _ = write(tmp_path, reader)
    assert read(path) is not None


def another_file(file):
    path = os.path.join(os.path.dirname(file.filename), "secret.h5")
    with h5py.File(path, "w") as other:
        other["values"] = np.arange(6.0)
    return path


def replaced(file, name, **how):
    del file[name]
    return file.create_dataset(name, **how)


def unallocated(file, name):
    replaced(file, name, shape=(10**12,), dtype="f4")


def unallocated_chunks(file, name):
    replaced(file, name, shape=(10**12,), dtype="f4", chunks=(10**6,))


def unallocated_deflated(file, name):
    replaced(file, name, shape=(10**12,), dtype="f4", chunks=(10**6,), compression="gzip")


def one_chunk_of_many(file, name):
    replaced(file, name, shape=(10**12,), dtype="f4", chunks=(10**6,), compression="gzip")[:10] = 1


def one_wide_chunk(file, name):
    replaced(file, name, shape=(2,), maxshape=(None,), dtype="f4", chunks=(2**26,), compression="gzip")


def deflated_twice(file, name):
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((2**22,))
    for _ in range(2):
        properties.set_deflate(9)
    del file[name]
    space = h5py.h5s.create_simple((2**22,))
    dataset = h5py.h5d.create(file.id, name.encode(), h5py.h5t.IEEE_F32LE, space, properties)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, np.zeros(2**22, dtype="f4"))


def sparse(file, name, kind):
    """In the place of an array a terabyte, of which the disk holds nothing."""
    del file[name]
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    space = h5py.h5s.create_simple((2**40 // kind.get_size(),))
    h5py.h5d.create(file.id, name.encode(), kind, space, properties)


def another_filter(file, name):
    replaced(file, name, data=np.zeros(6), chunks=(6,), compression="lzf")


def external_values(file, name):
    replaced(file, name, shape=(6,), dtype="f8", external=[(another_file(file), 0, 48)])


def virtual_values(file, name):
    layout = h5py.VirtualLayout(shape=(6,), dtype="f8")
    layout[:] = h5py.VirtualSource(another_file(file), "values", shape=(6,))
    del file[name]
    file.create_virtual_dataset(name, layout)


def external_link(file, name):
    del file[name]
    file[name] = h5py.ExternalLink(another_file(file), "/values")


def external_link_beside(file, name):
    file["more"] = h5py.ExternalLink("/etc/passwd", "/values")


def soft_link(file, name):
    values = file[name][()]
    del file[name]
    file["elsewhere"] = values
    file[name] = h5py.SoftLink("/elsewhere")


def soft_link_to_itself(file, name):
    del file[name]
    file[name] = h5py.SoftLink(f"/{name}")


def array_twice(file, name):
    file["again"] = file[name]


def group_in_itself(file, name):
    group = file.create_group("loop")
    group["loop"] = group


def groups_in_groups(file, name):
    file.create_group("/".join(["deep"] * 2000))


def texts_of_any_length(file, name):
    replaced(file, name, data=["a", "b"], dtype=h5py.string_dtype())


def lists_of_any_length(file, name):
    replaced(file, name, shape=(2,), dtype=h5py.vlen_dtype(np.float64))


def references(file, name):
    replaced(file, name, shape=(2,), dtype=h5py.ref_dtype)


def opaque(file, name):
    replaced(file, name, data=np.array([b"\x80\x04pickle"], dtype="V8"))


def compound(file, name):
    replaced(file, name, data=np.zeros(6, dtype=[("a", "f8"), ("b", "f8")]))


def complex_numbers(file, name):
    replaced(file, name, data=np.zeros(6, dtype="c16"))


def no_values(file, name):
    replaced(file, name, data=h5py.Empty("f8"))


def a_type(file, name):
    del file[name]
    file[name] = np.dtype("f8")


LAYOUTS = [
    (unallocated, "declares 4000000000000 bytes, of which the file stores 0"),
    (unallocated_chunks, "declares 4000000000000 bytes, of which the file stores 0"),
    (unallocated_deflated, "declares 4000000000000 bytes, of which the file stores 0"),
    (one_chunk_of_many, "declares 4000000000000 bytes, of which the file stores [0-9]+"),
    (one_wide_chunk, "declares 268435456 bytes, of which the file stores 0"),
    (deflated_twice, "declares 16777216 bytes, of which the file stores [0-9]+"),
    (another_filter, "filter other than shuffle and deflate"),
    (external_values, "has its values in another file"),
    (virtual_values, "has its values in another file"),
    (external_link, "is a link"),
    (external_link_beside, "'/more' is a link"),
    (soft_link, "is a link"),
    (soft_link_to_itself, "is a link"),
    (array_twice, "is there twice"),
    (group_in_itself, "'/loop/loop' is there twice"),
    (groups_in_groups, "lies deeper than 3 groups"),
    (texts_of_any_length, "neither numbers nor text"),
    (lists_of_any_length, "neither numbers nor text"),
    (references, "neither numbers nor text"),
    (opaque, "neither numbers nor text"),
    (compound, "neither numbers nor text"),
    (complex_numbers, "neither numbers nor text"),
    (no_values, "neither numbers nor text"),
    (a_type, "neither a group nor a dataset"),
]


@every_reader
@pytest.mark.parametrize(("change", "message"), [pytest.param(*case, id=case[0].__name__) for case in LAYOUTS])
def test_values_that_the_file_does_not_store_itself_are_refused_unread(tmp_path, monkeypatch, reader, change, message):
    path, read, name = write(tmp_path, reader)
    with h5py.File(path, "r+") as file:
        change(file, name)
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda *_: pytest.fail("values were read"))
    with pytest.raises(ValueError, match=f"{path.name}: refused, as .*{message}"):
        read(path)


@every_reader
def test_a_deflate_bomb_larger_than_the_memory_is_refused_unread(tmp_path, monkeypatch, reader):
    path, read, name = write(tmp_path, reader)
    with h5py.File(path, "r+") as file:
        replaced(file, name, data=np.zeros(2**22), chunks=(2**16,), compression="gzip")
    assert path.stat().st_size < 2**22 * 8 / 100
    monkeypatch.setattr(memory, "budget", lambda: 2**24)
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda *_: pytest.fail("values were read"))
    with pytest.raises(
        ValueError, match=f"{path.name}: refused, as '/(states/best)?' has 3[0-9]* bytes when de.*, 16777216"
    ):
        read(path)


@every_reader
def test_arrays_in_one_piece_that_fill_the_memory_only_together_are_refused_unread(
    tmp_path, monkeypatch, reader, nothing_read
):
    path, read, name = write(tmp_path, reader)
    with h5py.File(path, "r+") as file:
        file[name].parent["more"], file[name].parent["still more"] = np.zeros(2**20), np.zeros(2**23, dtype="u1")
    monkeypatch.setattr(memory, "budget", lambda: 2**24 - 1)
    with pytest.raises(memory.TooLarge, match=f"{path.name}: refused, as '/(states/best)?' has 167[0-9]* bytes"):
        read(path)


def test_of_checkpoints_each_state_must_fit_alone_and_of_images_none_of_the_pixels(tmp_path, monkeypatch):
    for kind in ("checkpoints", "images"):
        MAKE[kind](tmp_path / f"{kind}.h5")
    with changed(tmp_path / "checkpoints.h5") as file:
        for state in range(10):
            file[f"states/step={state}/weight"] = np.zeros(100)
    monkeypatch.setattr(memory, "budget", lambda: 3000)
    assert load_network(tmp_path / "checkpoints.h5", name="best", expected={})
    assert isinstance(read_images(tmp_path / "images.h5").train_images, np.memmap)
    monkeypatch.setattr(memory, "budget", lambda: 700)  # labels take 64 bytes, names 6, pixels 768 in each split
    read_images(tmp_path / "images.h5")
    with pytest.raises(memory.TooLarge):
        load_network(tmp_path / "checkpoints.h5", name="best", expected={})


@every_reader
@pytest.mark.parametrize("dtype", ["u1", "f4"])
def test_a_header_that_claims_ten_terabytes_is_refused_unread(tmp_path, reader, dtype, nothing_read):
    path, read, name = write(tmp_path, reader)
    with h5py.File(path, "r+") as file:
        replaced(file, name, data=np.zeros(24_681, dtype=dtype))
    content, size = path.read_bytes(), np.dtype(dtype).itemsize
    for number in (24_681, 24_681 * size):
        content = content.replace(struct.pack("<Q", number), struct.pack("<Q", number * 4 * 10**8))
    assert content != path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path.name}: (damaged or incomplete|refused)"):
        read(path)


@pytest.mark.parametrize("kind", [kind for kind in MAKE if kind != "images"])
def test_bytes_of_any_number_are_mapped_in_images_and_refused_elsewhere(tmp_path, kind):
    MAKE[kind](tmp_path / f"{kind}.h5")
    with h5py.File(tmp_path / f"{kind}.h5", "r+") as file:
        file["train/labels"] = file["/train/images"] = np.zeros(3)
        sparse(file, "train/images", h5py.h5t.STD_U8LE)
    with pytest.raises(memory.TooLarge, match=f"{kind}.h5: refused, as '/train/images' has 1099511627776 bytes"):
        check_result(tmp_path / f"{kind}.h5", kind=kind)


@every_reader
def test_an_array_larger_than_the_memory_is_refused_unread_though_the_file_has_it(tmp_path, monkeypatch, reader):
    path, read, name = write(tmp_path, reader)
    with h5py.File(path, "r+") as file:
        sparse(file, name, h5py.h5t.IEEE_F32LE)
    monkeypatch.setattr(h5py.Dataset, "__getitem__", lambda *_: pytest.fail("values were read"))
    with pytest.raises(ValueError, match=f"{path.name}: refused, as '/{name}' has 1099511627776 bytes"):
        read(path)
