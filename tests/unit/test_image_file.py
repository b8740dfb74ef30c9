"""The image set and its file: what is written comes back, and what does not fit together is refused."""

from dataclasses import replace

import h5py
import numpy as np
import pytest
from damaged_files import changed

from advspectra.files.hdf5 import create
from advspectra.files.images import ImageSet, read_images, write_images


@pytest.fixture
def images() -> ImageSet:
    generator = np.random.default_rng(0)
    return ImageSet(
        train_images=generator.integers(0, 256, (6, 3, 5, 4), dtype=np.uint8),
        train_labels=np.array([0, 1, 2, 2, 1, 0]),
        test_images=generator.integers(0, 256, (3, 3, 5, 4), dtype=np.uint8),
        test_labels=np.array([2, 1, 0]),
        class_names=("cat", "Äpfel", "ship"),
        source={"source": "made up", "archive_sha256": "ab12", "seed": 7, "clipped_fraction": 0.25},
    )


def test_a_written_set_is_read_back_exactly(images, tmp_path):
    write_images(tmp_path / "images.h5", images)
    found = read_images(tmp_path / "images.h5")
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        expected = getattr(images, name)
        assert getattr(found, name).dtype == expected.dtype
        np.testing.assert_array_equal(getattr(found, name), expected)
    assert found.class_names == images.class_names
    assert found.source == images.source
    assert [type(value) for value in found.source.values()] == [str, str, int, float]


def test_images_are_a_map_of_the_file_that_cannot_be_written_to(images, tmp_path):
    write_images(tmp_path / "images.h5", images)
    found = read_images(tmp_path / "images.h5")
    for part in (found.train_images, found.test_images):
        assert isinstance(part, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            part[0] = 0


def test_images_larger_than_the_memory_are_read(images, tmp_path, monkeypatch):
    monkeypatch.setattr("advspectra.files.hdf5._require_whole", lambda *_: None)  # a tebibyte takes an hour
    path, count = tmp_path / "images.h5", 2**40 // (3 * 5 * 4)  # a tebibyte, of which the disk holds nothing
    write_images(path, images)
    with h5py.File(path, "a") as file:
        del file["test/images"], file["train/images"], file["train/labels"]
        file["test/images"] = images.test_images
        file["train/labels"] = images.train_labels
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        space = h5py.h5s.create_simple((count, 3, 5, 4))
        h5py.h5d.create(file["train"].id, b"images", h5py.h5t.STD_U8LE, space, properties)
        assert file["train/images"].id.get_offset() is not None
    with pytest.raises(ValueError, match=rf"train_labels: expected shape \({count},\)"):  # the images were no obstacle
        read_images(path)


@pytest.mark.parametrize("layout", [{"chunks": True}, {"compression": "gzip"}])
def test_images_in_pieces_are_read_as_well(images, tmp_path, layout):
    path = tmp_path / "images.h5"
    write_images(path, images)
    with changed(path) as file:
        del file["train/images"]
        file["train"].create_dataset("images", data=images.train_images, **layout)
    np.testing.assert_array_equal(read_images(path).train_images, images.train_images)


def test_images_of_another_type_are_refused_by_name(images, tmp_path):
    path = tmp_path / "images.h5"
    write_images(path, images)
    with changed(path) as file:
        del file["train/images"]
        file["train/images"] = images.train_images.astype(np.int16)
    with pytest.raises(ValueError, match="images.h5: train_images: .*uint8.*int16"):
        read_images(path)


def test_the_file_is_laid_out_as_documented(images, tmp_path):
    write_images(tmp_path / "images.h5", images)
    with h5py.File(tmp_path / "images.h5") as file:
        assert file.attrs["format"] == b"advspectra.images" and file.attrs["format_version"] == 1
        assert file.attrs["archive_sha256"] == b"ab12"
        assert file["train/images"].shape == (6, 3, 5, 4) and file["train/images"].dtype == np.uint8
        assert file["test/labels"][...].tolist() == [2, 1, 0]
        assert [name.decode("utf-8") for name in file["class_names"][...]] == ["cat", "Äpfel", "ship"]
        assert all({"units", "long_name"} <= set(file[name].attrs) for name in ("train/images", "class_names"))


def test_the_same_set_gives_the_same_bytes(images, tmp_path):
    write_images(tmp_path / "a.h5", images)
    write_images(tmp_path / "b.h5", images)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_images": np.zeros((6, 3, 5, 4), dtype=np.float32)}, "train_images: .*uint8.*float32"),
        ({"train_images": np.zeros((6, 5, 4), dtype=np.uint8)}, r"train_images: .*\(6, 5, 4\)"),
        ({"test_images": np.zeros((3, 3, 5, 5), dtype=np.uint8)}, r"test_images: .*\(3, 5, 4\).*\(3, 5, 5\)"),
        ({"test_images": np.zeros((0, 3, 5, 4), dtype=np.uint8)}, "test_images: expected a filled"),
        ({"test_labels": np.array([2, 1])}, r"test_labels: expected shape \(3,\)"),
        ({"test_labels": np.array([2, 1, 0], dtype=np.int32)}, "test_labels: .*int64.*int32"),
        ({"test_labels": np.array([3, 1, 0])}, r"test_labels: expected values in 0\.\.2, found 0\.\.3"),
        ({"test_labels": np.array([-1, 1, 0])}, r"test_labels: expected values in 0\.\.2, found -1\.\.1"),
        ({"test_labels": np.array([2, 2, 0])}, "test_labels: .*found none of .*Äpfel"),
        ({"train_labels": np.array([0, 1, 1, 1, 1, 0])}, "train_labels: .*found none of .*ship"),
        ({"class_names": ("cat", "cat", "ship")}, "class_names: .*different"),
        ({"class_names": ("cat",)}, "class_names: expected 2 or more"),
        ({"source": {"format": "mine"}}, "source: .*format.* reserved"),
    ],
)
def test_parts_that_do_not_fit_are_refused(images, change, message):
    with pytest.raises(ValueError, match=message):
        replace(images, **change)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(images, tmp_path):
    path = tmp_path / "images.h5"
    write_images(path, images)
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_images(path, replace(images, source={"source": object()}))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.999])
def test_a_truncated_file_is_one_error_naming_it(images, tmp_path, kept):
    path = tmp_path / "images.h5"
    write_images(path, images)
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(ValueError, match="images.h5: expected an HDF5 file"):
        read_images(path)


def test_a_foreign_hdf5_file_is_refused(tmp_path):
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["train/images"] = np.zeros(3)
    with pytest.raises(ValueError, match="foreign.h5: expected format advspectra.images"):
        read_images(tmp_path / "foreign.h5")


def test_another_kind_or_version_is_refused(images, tmp_path):
    with create(tmp_path / "spectra.h5", kind="spectra", version=1, attributes={}):
        pass
    with create(tmp_path / "later.h5", kind="images", version=2, attributes={}):
        pass
    for name, found in (
        ("spectra.h5", "advspectra.spectra version 1"),
        ("later.h5", "advspectra.images version 2"),
    ):
        with pytest.raises(ValueError, match=f"{name}: .*found {found}"):
            read_images(tmp_path / name)


def test_a_file_without_a_part_is_refused(images, tmp_path):
    path = tmp_path / "images.h5"
    write_images(path, images)
    with changed(path) as file:
        del file["test/labels"]
    with pytest.raises(ValueError, match="images.h5: .*labels"):
        read_images(path)


def test_a_file_with_a_wrong_shape_is_refused_by_name(images, tmp_path):
    path = tmp_path / "images.h5"
    write_images(path, images)
    with changed(path) as file:
        del file["train/labels"]
        file["train/labels"] = np.array([0, 1, 2])
    with pytest.raises(ValueError, match=r"images.h5: train_labels: expected shape \(6,\)"):
        read_images(path)
