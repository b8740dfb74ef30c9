"""Files made to run code, to reach other files or to fill the memory: each is refused before that, naming the file.

The hostile configurations are in tests/workflow/test_hostile_config.py.
"""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import pickle
import struct
import subprocess
import tarfile
import tempfile
import zlib

import h5py
import numpy as np
import pytest
import torch
from damaged_files import changed
from PIL import Image

from advspectra.datasets import cifar10, image_folder
from advspectra.files import checkpoints as checkpoint_file
from advspectra.files import results as result_files
from advspectra.files.checkpoints import Checkpoint, Training, load_network, read_origin, write_checkpoints
from advspectra.files.checks import check_result
from advspectra.files.hdf5 import open_checked
from advspectra.files.images import ImageSet, read_images, write_images
from advspectra.files.lines import ABOUT, write_lines
from advspectra.files.perturbations import read_perturbations, write_perturbations
from advspectra.files.predictors import write_predictor
from advspectra.files.spectra import write_spectra
from advspectra.machine import memory
from advspectra.networks.build import build_network
from advspectra.perturb import Perturbations
from advspectra.results.runs import read_runs

FORM = {
    "architecture": "fully_connected",
    "options": {"hidden_units": 3},
    "activation": "linear",
    "depth": 1,
    "image_shape": (3, 8, 8),
    "classes": 4,
}
IDENTITY = {"dataset": "toy", "network": "toy", "activation": "linear", "depth": 1, "alpha": 1, "seed": 0}
STATE = IDENTITY | {"attack": "pgd", "checkpoint": "best", "step": 5, "epoch": 1}
RNG = np.random.default_rng(0)


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


# ---- one file of each kind, its readers, and one of its arrays


def perturbations() -> Perturbations:
    whole = {name: np.arange(6) % 4 for name in ("image", "label", "clean_prediction", "adversarial_prediction")}
    logits = {name: RNG.normal(size=(6, 4)).astype(np.float32) for name in ("clean_logits", "adversarial_logits")}
    norms = {name: RNG.random(6) for name in ("l1", "l2", "linf")}
    delta = RNG.normal(size=(6, 3, 8, 8)).astype(np.float32)
    return Perturbations(perturbation=delta, success=np.ones(6, dtype=bool), **whole, **logits, **norms)


def make_images(path):
    pixels, labels = RNG.integers(0, 256, (4, 3, 8, 8), dtype=np.uint8), np.array([0, 1, 0, 1])
    write_images(path, ImageSet(pixels, labels, pixels, labels, ("cat", "dog"), {"source": "made up"}))


def make_checkpoints(path):
    row = {"epoch": 1, "step": 5, "learning_rate": 0.1, "train_loss": 1.0, "train_accuracy": 0.5, "test_accuracy": 0.25}
    training = Training(history=[row], best_epoch=1, learning_rate=0.1)
    network = build_network(**FORM, alpha=1, alpha_scaling="plain", seed=7)
    training.checkpoints["best"] = Checkpoint(5, 1, 0.25, network.state_dict())
    write_checkpoints(path, training, architecture=FORM, attributes=IDENTITY)


def make_spectra(path):
    settings = {"conventions": ["paper"], "images": "all", "angular_bins": 12}
    arrays = {name: getattr(perturbations(), name) for name in ("perturbation", "success", "image")}
    write_spectra(path, **arrays, **settings, attributes=STATE)


def make_predictor(path):
    beta = RNG.normal(size=(4, 3, 8, 8))
    write_predictor(path, beta=beta, rescaled=beta, intercept=np.zeros(4), attributes=IDENTITY)


def make_lines(path):
    ends = dict.fromkeys(("adversarial", "random", "boundary"), dict.fromkeys(ABOUT, np.zeros(3)))
    images = dict.fromkeys(("image", "label", "correct", "success"), np.zeros(3))
    settings = {"exact_images": 3, "samples": 201, "stretch_limit": 2.0}
    write_lines(path, images=images, lines=ends, attributes=STATE | settings)


def in_a_table(kind, *arguments):
    """The reader of tables and figures."""

    def read(path):
        with open_checked(path, kind=kind, version=1) as file:
            return getattr(result_files, kind)(file, *arguments)

    return read


MAKE = {
    "images": make_images,
    "checkpoints": make_checkpoints,
    "perturbations": lambda path: write_perturbations(path, perturbations(), attributes=STATE),
    "spectra": make_spectra,
    "predictor": make_predictor,
    "lines": make_lines,
}
ARRAY = {
    "images": "train/labels",
    "checkpoints": "states/best/readout.weight",
    "perturbations": "perturbation",
    "spectra": "paper/radial_energy",
    "predictor": "beta",
    "lines": "adversarial/length",
}
READERS = {
    "images": ("images", read_images),
    "network": ("checkpoints", lambda path: load_network(path, name="best", expected={})),
    "place": ("checkpoints", lambda path: read_origin(path, name="best")),
    "checkpoints": ("checkpoints", in_a_table("checkpoints")),
    "perturbations": ("perturbations", read_perturbations),
    "perturbations-table": ("perturbations", in_a_table("perturbations")),
    "spectra": ("spectra", in_a_table("spectra", "paper")),
    "predictor": ("predictor", in_a_table("predictor")),
    "lines": ("lines", in_a_table("lines")),
}
RESULTS = [kind for kind in MAKE if kind != "images"]
every_reader = pytest.mark.parametrize("reader", READERS)


def write(tmp_path, reader):
    """Write a good file; return its path, its reader and the name of one of its arrays."""
    kind, read = READERS[reader]
    path = tmp_path / f"{kind}.h5"
    MAKE[kind](path)
    return path, read, ARRAY[kind]


@pytest.fixture
def nothing_read(monkeypatch):
    """Make reading any values of a file a failure; a writer may read what it has written, for its digest."""
    read = h5py.Dataset.__getitem__

    def only_a_writer(self, *arguments):
        return pytest.fail("values were read") if self.file.mode == "r" else read(self, *arguments)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", only_a_writer)


@every_reader
def test_good_files_are_read(tmp_path, reader):
    path, read, _ = write(tmp_path, reader)
    read(path)


# ---- pickles


@every_reader
@pytest.mark.parametrize("kind", ["torch zip", "torch legacy", "pickle"])
def test_a_pickle_in_place_of_a_result_is_no_hdf5_file_and_does_not_run(tmp_path, reader, kind):
    path, read, _ = write(tmp_path, reader)
    marker = tmp_path / "ran"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Evil(marker)))
    else:
        torch.save({"state": Evil(marker)}, path, _use_new_zipfile_serialization=kind == "torch zip")
    with pytest.raises(ValueError, match=f"{path.name}: expected an HDF5 file"):
        read(path)
    assert not marker.exists()


@pytest.mark.parametrize("kind", RESULTS)
def test_a_pickle_among_results_is_no_hdf5_file_and_does_not_run(tmp_path, kind):
    path, marker = tmp_path / f"{kind}.h5", tmp_path / "ran"
    path.write_bytes(pickle.dumps(Evil(marker)))
    with pytest.raises(ValueError, match=f"{kind}.h5: expected an HDF5 file"):
        read_runs([path])
    assert not marker.exists()


# ---- HDF5


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
        in_a_table("spectra", "paper")(tmp_path / "spectra.h5")


def test_a_foreign_format_is_named_without_its_control_characters(tmp_path):
    path, read, _ = write(tmp_path, "images")
    with h5py.File(path, "r+") as file:
        file.attrs["format"] = "\x1b[2J\n" + "x" * 1000
    with pytest.raises(ValueError, match="found .x1b") as caught:
        read(path)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400


# ---- networks that a checkpoint says it has


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"architecture": "os"}, "architecture 'os': expected one of"),
        ({"architecture": "../../x"}, "architecture '../../x': expected one of"),
        ({"architecture": "fully_connected.x"}, "architecture .*: expected one of"),
        ({"architecture": "__init__"}, "architecture .*: expected one of"),
        ({"options": '{"hidden_units": 1000000000000}'}, "hidden.0.weight.*expected shape"),
        ({"options": '{"hidden_units": 1e300}'}, "checkpoints.h5: no network can be built"),
        ({"options": '{"hidden_units": "x"}'}, "checkpoints.h5: no network can be built"),
        ({"options": json.dumps({"hidden_units": 10**30})}, "checkpoints.h5: no network can be built"),
        ({"options": '{"hidden_units": 3, "__class__": 1}'}, "expected the options"),
        ({"image_shape": (3, 10**6, 10**6)}, "hidden.0.weight.*expected shape"),
        ({"image_shape": (2**40, 2**40, 2**40)}, "checkpoints.h5: no network can be built"),
        ({"classes": 10**12}, "readout.bias.*expected shape"),
        ({"classes": -1}, "checkpoints.h5: no network can be built"),
        ({"depth": 10**9}, "depth 1000000000: expected at most the 3 entries"),
        ({"depth": -1}, "depth -1"),
    ],
    ids=str,
)
def test_a_network_of_any_size_is_refused_before_it_is_built(tmp_path, attributes, message, nothing_read, monkeypatch):
    make_checkpoints(tmp_path / "checkpoints.h5")
    monkeypatch.setattr(
        "advspectra.files.hdf5._require_whole", lambda *_: None
    )  # who forges a file puts its digest right
    with h5py.File(tmp_path / "checkpoints.h5", "r+") as file:
        file.attrs.update(attributes)
    devices = []

    def watched(**form):
        devices.append(torch.empty(0).device.type)
        return build_network(**form)

    monkeypatch.setattr(checkpoint_file, "build_network", watched)
    with pytest.raises(ValueError, match=message):
        load_network(tmp_path / "checkpoints.h5", name="best", expected={})
    assert set(devices) <= {"meta"}  # where tensors have a shape and no memory


def test_json_in_a_checkpoint_that_nests_without_end_is_an_error(tmp_path):
    make_checkpoints(tmp_path / "checkpoints.h5")
    with changed(tmp_path / "checkpoints.h5") as file:
        file.attrs["options"] = "[" * 10**6
    with pytest.raises(ValueError, match="checkpoints.h5: options: expected JSON"):
        load_network(tmp_path / "checkpoints.h5", name="best", expected={})


# ---- archives of images


def pixels(height=4, width=4, mode="RGB"):
    return Image.fromarray(RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode)


def encode(image, kind="PNG", **how):
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def good_files():
    return {f"{split}/{name}/1.png": encode(pixels()) for split in ("train", "test") for name in ("cat", "dog")}


def member(name, data=b"", **about):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in about.items():
        setattr(info, key, value)
    return info, data


def tar(*members, mode="w", good=True, format=tarfile.PAX_FORMAT):
    """The bytes of an archive of good images, if `good`, and of the members (info, data)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=format) as archive:
        for info, data in [member(*item) for item in good_files().items() if good] + list(members):
            archive.addfile(info, io.BytesIO(data) if data else None)
    return buffer.getvalue()


def load(path, **options):
    return image_folder.load(**{"path": str(path), "image_size": None, "resize": "none", "channels": 3} | options)


def loaded(tmp_path, data, **options):
    (tmp_path / "images.tar").write_bytes(data)
    return load(tmp_path / "images.tar", **options)


def everything(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_good_archives_are_read(tmp_path):
    for mode in ("w", "w:xz", "w:gz", "w:bz2"):
        assert len(loaded(tmp_path, tar(mode=mode)).train_images) == 2


SPECIAL = {
    "symlink": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "character device": tarfile.CHRTYPE,
    "block device": tarfile.BLKTYPE,
    "fifo": tarfile.FIFOTYPE,
    "contiguous": tarfile.CONTTYPE,
    "unknown": b"Z",
}
OUTSIDE = ["/{}/train/cat/9.png", "../train/cat/9.png", "train/../../train/cat/9.png", "//x/train/cat/9.png"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_outside_the_archive_are_refused_and_nothing_is_written(tmp_path, name):
    inside = tmp_path / "inside"
    inside.mkdir()
    name = name.format(tmp_path)
    with pytest.raises(ValueError, match="images.tar: .*points outside the archive"):
        loaded(inside, tar(member(name, encode(pixels()))))
    assert everything(tmp_path) == ["inside", "inside/images.tar"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret.png", "train/cat/1.png"])
@pytest.mark.parametrize("kind", [kind for kind in SPECIAL if kind != "contiguous"])
def test_links_and_special_files_are_refused_and_nothing_is_read_or_written(tmp_path, kind, target):
    (tmp_path / "secret.png").write_bytes(encode(pixels()))
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    info = member("train/cat/9.png", type=SPECIAL[kind], linkname=target)
    with pytest.raises(ValueError, match="image_folder: .*9.png"):
        loaded(inside, tar(info))
    assert everything(tmp_path) == ["a", "a/b", "a/b/images.tar", "secret.png"]


CONTROL = ["a\nb", "\x1b[2J", "\x1b]0;title\x07", "\x9b2J", "a\rb", "a\0b", "\udc80"]


@pytest.mark.parametrize("place", ["class", "file"])
@pytest.mark.parametrize("name", [name for name in CONTROL if "\0" not in name], ids=ascii)
@pytest.mark.parametrize("kind", ["archive", "folder"])
def test_names_that_a_terminal_would_obey_are_refused_in_words_that_it_does_not(tmp_path, kind, name, place):
    names = [f"{split}/{name}/1.png" if place == "class" else f"{split}/cat/{name}.png" for split in ("train", "test")]
    if kind == "archive":
        path = tmp_path / "images.tar"
        path.write_bytes(tar(*(member(each, encode(pixels())) for each in names)))
    else:
        path = tmp_path / "images"
        for each, data in (good_files() | dict.fromkeys(names, encode(pixels()))).items():
            (path / each).parent.mkdir(parents=True, exist_ok=True)
            (path / each).write_bytes(data)
    with pytest.raises(ValueError, match="expected a name without control characters") as caught:
        load(path)
    assert str(caught.value).isprintable()


SHOWN = [
    "<img src=x onerror=alert(1)>",
    "$(touch PWNED)",
    "`touch PWNED`",
    "x; touch PWNED",
    "{wildcards.run}",
    "Äpfel",
]


@pytest.mark.parametrize("name", SHOWN)
def test_other_names_are_kept_as_they_are(tmp_path, name):
    extra = [member(f"{split}/{name}/{name}.png", encode(pixels())) for split in ("train", "test")]
    images = loaded(tmp_path, tar(*extra))
    assert name in images.class_names
    write_images(tmp_path / "images.h5", images)
    assert read_images(tmp_path / "images.h5").class_names == images.class_names


def header(kind, size):
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def gnu_sparse_map():
    """A file with holes whose map, kept with the data, has no end."""
    info = tarfile.TarInfo("train/cat/9.png")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x"}
    info.size = 2**20
    return info.tobuf(tarfile.PAX_FORMAT) + b"9" * 100 + b"\n" + b"1" * 2**20


def gnu_sparse():
    buffer = bytearray(header(tarfile.GNUTYPE_SPARSE, 0))
    buffer[386:398], buffer[398:410] = b"00000000000\0", b"00000000001\0"
    buffer[482], buffer[483:495] = 1, b"77777777777\0"
    buffer[148:156] = b" " * 8
    buffer[148:156] = b"%06o\0 " % sum(buffer)
    return bytes(buffer) + bytes(512)


def pax(**values):
    info = tarfile.TarInfo("train/cat/9.png")
    info.pax_headers = values
    return info.tobuf(tarfile.PAX_FORMAT)


HEADERS = {
    "long name": (header(tarfile.GNUTYPE_LONGNAME, 2**33), "a header of 8589934592 bytes"),
    "long link": (header(tarfile.GNUTYPE_LONGLINK, 2**33), "a header of 8589934592 bytes"),
    "pax": (header(tarfile.XHDTYPE, 2**33), "a header of 8589934592 bytes"),
    "global pax": (header(tarfile.XGLTYPE, 2**33), "a header of 8589934592 bytes"),
    "solaris pax": (header(tarfile.SOLARIS_XHDTYPE, 2**33), "a header of 8589934592 bytes"),
    "headers of headers": (header(tarfile.GNUTYPE_LONGNAME, 0) * 10_000, "truncated or damaged: maximum recursion"),
    "sparse": (gnu_sparse(), "a file with holes"),
    "sparse map in the data": (gnu_sparse_map(), "a file with holes"),
    "sparse map in a header": (pax(**{"GNU.sparse.map": "0,1"}), "a file with holes"),
    "sparse size in a header": (pax(**{"GNU.sparse.size": "1"}), "a file with holes"),
    "huge member": (
        member("train/cat/9.png", size=2**40)[0].tobuf(),
        "1099511627776 bytes, at m",
    ),
    "huge member by pax": (pax(size=str(2**50)), "1125899906842624 bytes, at most"),
    "negative member by pax": (pax(size="-1"), "-1 bytes, at most"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_headers_that_promise_more_than_an_image_are_refused_unread(tmp_path, case, monkeypatch):
    data, message = HEADERS[case]
    reads = []

    class Watched(io.BytesIO):
        def read(self, size=-1):
            reads.append(size)
            return super().read(size)

    monkeypatch.setattr(image_folder, "_decompressed", lambda path: Watched(path.read_bytes()))
    with pytest.raises(ValueError, match=f"images.tar.*{message}"):
        loaded(tmp_path, data + bytes(2**20))
    assert max(reads) <= 2**20


@pytest.mark.parametrize("mode", ["w:xz", "w:gz", "w:bz2", "w"])
def test_an_archive_that_goes_on_after_its_end_is_not_read_to_the_end(tmp_path, mode, monkeypatch):
    monkeypatch.setattr(image_folder, "END_LIMIT", 2**21)
    packed = {"w": bytes, "w:xz": lzma.compress, "w:gz": gzip.compress, "w:bz2": bz2.compress}[mode]
    with pytest.raises(ValueError, match="images.tar: more than 2097152 bytes after the last image"):
        loaded(tmp_path, packed(tar() + bytes(2**22)))
    assert len(loaded(tmp_path, packed(tar() + bytes(2**20))).train_images) == 2


def test_members_that_are_no_images_are_not_kept(tmp_path, monkeypatch):
    archives, held = [], []
    opened, parts = tarfile.open, image_folder._parts
    monkeypatch.setattr(image_folder.tarfile, "open", lambda **how: archives.append(opened(**how)) or archives[-1])

    def watched(*arguments, **how):
        held.append(len(archives[-1].members))
        return parts(*arguments, **how)

    monkeypatch.setattr(image_folder, "_parts", watched)
    folder, _ = member("train/cat", type=tarfile.DIRTYPE)
    images = tar()
    (tmp_path / "images.tar").write_bytes(folder.tobuf() * 1000 + images)
    load(tmp_path / "images.tar")
    assert len(held) == 1004 and max(held) <= 1


def xz_with_dictionary(data, code):
    """xz data whose header asks for the dictionary that `code` stands for (40: 4 GiB)."""
    packed = bytearray(lzma.compress(data, preset=0))
    length = (packed[12] + 1) * 4  # of the block's header, after that of the stream
    head = packed[12 : 12 + length]
    head[head.index(b"\x21\x01") + 2] = code
    head[-4:] = struct.pack("<I", zlib.crc32(bytes(head[:-4])))
    return bytes(packed[:12] + head + packed[12 + length :])


def test_an_xz_file_that_asks_for_gigabytes_of_memory_is_refused(tmp_path):
    assert len(loaded(tmp_path, xz_with_dictionary(tar(), 28)).train_images) == 2  # 64 MiB, as `xz -9` makes
    with pytest.raises(ValueError, match="images.tar .*Memory usage limit"):
        loaded(tmp_path, xz_with_dictionary(tar(), 40))


def test_xz_files_are_read_as_the_format_allows(tmp_path):
    data = tar()
    for packed in (
        lzma.compress(data[:1000]) + lzma.compress(data[1000:]),
        lzma.compress(data[:1000]) + bytes(8) + lzma.compress(data[1000:]) + bytes(4),
    ):
        assert len(loaded(tmp_path, packed).train_images) == 2
    for packed in (lzma.compress(data) + b"more", lzma.compress(data)[:-1]):
        with pytest.raises(ValueError, match="images.tar .*damaged"):
            loaded(tmp_path, packed)


@pytest.mark.parametrize("kind", ["archive", "folder"])
def test_images_that_fill_the_memory_only_together_are_refused(tmp_path, kind, monkeypatch):
    black = encode(Image.new("RGB", (450, 450)))
    files = {f"{split}/{name}/{n}.png": black for split in ("train", "test") for name in "ab" for n in range(5)}
    assert len(black) * 100 < 450 * 450 * 3
    path = tmp_path / "images"
    if kind == "archive":
        path.write_bytes(tar(*(member(*item) for item in files.items()), good=False))
    else:
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    monkeypatch.setattr(memory, "budget", lambda: 2 * 11_000_000)
    with pytest.raises(ValueError, match="images: the images take more than 11000000 bytes"):
        load(path)
    monkeypatch.setattr(memory, "budget", lambda: 2 * 13_000_000)
    assert len(load(path).train_images) == 10


# ---- images


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, *chunks, rows=b""):
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", head), *chunks, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


ROWS = bytes(4 * 13)
EMPTY = zlib.compress(bytes(2**27))  # 128 MiB


def gif(frames):
    buffer = io.BytesIO()
    images = [Image.new("L", (4, 4), shade % 256) for shade in range(frames)]
    images[0].save(buffer, "GIF", save_all=True, append_images=images[1:])
    return buffer.getvalue()


def bmp_header(width, height):
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, *[0] * 6)


BOMBS = {
    "png of 2.5e9 pixels": (png(50_000, 50_000), "decompression bomb|2500000000 pixels"),
    "png of 7e7 pixels": (png(10_000, 7_000), "70000000 pixels, at most"),
    "png of 2^31 - 1 squared": (png(2**31 - 1, 2**31 - 1), "decompression bomb|pixels"),
    "png larger than it says": (png(400, 400, rows=ROWS), "truncated"),
    "png without pixels": (png(0, 0), ""),
    "png with a long text": (png(4, 4, chunk(b"zTXt", b"a\0\0" + EMPTY), rows=ROWS), "Decompressed data too large"),
    "png with a long itxt": (
        png(4, 4, chunk(b"iTXt", b"a\0\1\0\0\0" + EMPTY), rows=ROWS),
        "Decompressed data too large",
    ),
    "png with a long profile": (png(4, 4, chunk(b"iCCP", b"a\0\0" + EMPTY), rows=ROWS), "Decompressed data too large"),
    "png with a chunk that lies": (png(4, 4)[:33] + b"\xff\xff\xff\xffIDAT", ""),
    "gif of many frames": (gif(200), "several frames"),
    "bmp of 1e9 pixels": (bmp_header(31_623, 31_623), "decompression bomb|pixels"),
    "ppm of 1e10 pixels": (b"P6 100000 100000 255 ", "decompression bomb|pixels"),
    "tiff of 1e8 pixels": (
        b"II*\0\x08\0\0\0\x03\0"
        + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((256, 10_000), (257, 10_000), (259, 1)))
        + bytes(4),
        "",
    ),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\nshowpage\n%%EOF\n", "none of BMP, GIF"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "none of BMP, GIF"),
    "pdf": (b"%PDF-1.7\n", "none of BMP, GIF"),
    "psd": (b"8BPS" + bytes(60), "none of BMP, GIF"),
    "wmf": (b"\xd7\xcd\xc6\x9a\0\0" + bytes(60), "none of BMP, GIF"),
    "fli": (bytes(4) + b"\x12\xaf" + bytes(200), "none of BMP, GIF"),
    "pickle": (pickle.dumps({"a": 1}), "none of BMP, GIF"),
}


@pytest.mark.parametrize("case", BOMBS)
def test_images_made_to_fill_the_memory_or_run_programs_are_refused(tmp_path, case, monkeypatch):
    data, message = BOMBS[case]
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a program was started"))
    with pytest.raises(ValueError, match=f"bomb.png cannot be used as an image: .*({message})"):
        loaded(tmp_path, tar(member("train/cat/bomb.png", data)))


@pytest.mark.parametrize("kind", ["EPS", "PDF", "ICO", "TGA", "PCX", "SGI", "IM", "MSP"])
def test_formats_that_are_not_listed_are_not_decoded(tmp_path, kind):
    with pytest.raises(ValueError, match="bomb.png cannot be used as an image: none of BMP, GIF, JPEG, PNG"):
        loaded(
            tmp_path, tar(member("train/cat/bomb.png", encode(pixels(16, 16, "1" if kind == "MSP" else "RGB"), kind)))
        )


@pytest.mark.parametrize("kind", image_folder.FORMATS)
def test_formats_that_are_listed_are_decoded(tmp_path, kind):
    more = encode(pixels(), kind)
    assert len(loaded(tmp_path, tar(member(f"train/cat/more.{kind}", more))).train_images) == 3


# ---- CIFAR-10, whose official format is pickles


@pytest.fixture
def official(monkeypatch):
    """Make torchvision's class take any archive for the official one, by its own checksum."""
    from torchvision.datasets import CIFAR10

    def take(data):
        monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(data).hexdigest())
        return data

    return take


BATCH = "cifar-10-batches-py/data_batch_1"


@pytest.mark.parametrize("kind", ["archive", "batch of the right archive", "meta of the right archive"])
def test_a_pickle_in_cifar10_does_not_run(tmp_path, kind, official):
    marker = tmp_path / "ran"
    name = "cifar-10-batches-py/batches.meta" if "meta" in kind else BATCH
    data = tar(member(name, pickle.dumps(Evil(marker))), mode="w:gz", good=False)
    if kind != "archive":
        official(data)
    (tmp_path / "copy.tar.gz").write_bytes(data)
    why = "is not the official archive" if kind == "archive" else "cannot be read"
    with pytest.raises(ValueError, match=f"cifar10: .*copy.tar.gz {why}"):
        cifar10.load(archive=str(tmp_path / "copy.tar.gz"), cache=str(tmp_path))
    assert everything(tmp_path) == ["copy.tar.gz"]


@pytest.mark.parametrize(
    "about",
    [{"name": name} for name in OUTSIDE[:3]]
    + [{"name": BATCH, "type": kind, "linkname": "/etc/passwd"} for kind in list(SPECIAL.values())[:2]]
    + [{"name": BATCH, "type": kind, "linkname": "../../x"} for kind in list(SPECIAL.values())[:2]]
    + [{"name": BATCH, "type": kind} for kind in list(SPECIAL.values())[2:5]],
    ids=lambda about: f"{about['name']}-{about.get('type', b'').decode()}-{about.get('linkname')}",
)
def test_what_leaves_the_archive_is_not_unpacked_even_if_it_were_official(tmp_path, about, official, monkeypatch):
    unpacked = tmp_path / "unpacked" / "here"
    unpacked.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(unpacked))
    about = dict(about)
    name = about.pop("name").format(tmp_path)
    (tmp_path / "copy.tar.gz").write_bytes(official(tar(member(name, **about), mode="w:gz", good=False)))
    # of an absolute name the leading slash is dropped
    why = "" if name.startswith("/") else ".*(outside the destination|absolute path|special file)"
    with pytest.raises(ValueError, match=f"cifar10: .*copy.tar.gz cannot be read{why}"):
        cifar10.load(archive=str(tmp_path / "copy.tar.gz"), cache=str(tmp_path))
    assert everything(tmp_path) == ["copy.tar.gz", "unpacked", "unpacked/here"]
