"""CIFAR-10 from a tiny stand-in of the official archive, whose checksums torchvision's class is given."""

import hashlib
import io
import pickle
import tarfile
import urllib.error

import numpy as np
import pytest

from advspectra.datasets import cifar10

torchvision_datasets = pytest.importorskip("torchvision.datasets")
CIFAR10 = torchvision_datasets.CIFAR10
NAMES = ["airplane", "automobile", "bird"]


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def batch(seed: int) -> dict:
    generator = np.random.default_rng(seed)
    # a row of the official file is the red plane, then the green, then the blue
    return {"data": generator.integers(0, 256, (3, 3072), dtype=np.uint8), "labels": [2, 0, 1]}


def pack(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"{CIFAR10.base_folder}/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def files() -> dict[str, bytes]:
    batches = {f"data_batch_{number}": batch(number) for number in range(1, 6)} | {"test_batch": batch(6)}
    return {
        name: pickle.dumps(content) for name, content in (batches | {"batches.meta": {"label_names": NAMES}}).items()
    }


@pytest.fixture
def official(files, monkeypatch) -> bytes:
    """The stand-in archive, which torchvision's class now takes for the official one."""
    data = pack(files)
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(data))
    monkeypatch.setattr(
        CIFAR10, "train_list", [[f"data_batch_{i}", md5(files[f"data_batch_{i}"])] for i in range(1, 6)]
    )
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", md5(files["test_batch"])]])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": md5(files["batches.meta"])})
    return data


@pytest.fixture
def no_pickle(monkeypatch):
    """Make any unpickling a failure."""

    def refuse(*_, **__):
        pytest.fail("a pickle was read")

    monkeypatch.setattr(pickle, "load", refuse)
    monkeypatch.setattr(pickle, "loads", refuse)


@pytest.fixture
def waits(monkeypatch) -> list[float]:
    seconds = []
    monkeypatch.setattr(cifar10.time, "sleep", seconds.append)
    return seconds


def expect(images) -> None:
    rows = np.concatenate([batch(number)["data"] for number in range(1, 6)])
    np.testing.assert_array_equal(images.train_images, rows.reshape(15, 3, 32, 32))
    np.testing.assert_array_equal(images.test_images, batch(6)["data"].reshape(3, 3, 32, 32))
    assert images.train_labels.tolist() == [2, 0, 1] * 5 and images.test_labels.tolist() == [2, 0, 1]
    assert images.class_names == tuple(NAMES)
    assert images.source["archive_md5"] == CIFAR10.tgz_md5


def test_a_local_archive_gives_the_images_and_labels_in_official_order(official, tmp_path):
    path = tmp_path / "copy.tar.gz"
    path.write_bytes(official)
    expect(cifar10.load(archive=str(path), cache=str(tmp_path / "cache")))
    assert [entry.name for entry in tmp_path.iterdir()] == ["copy.tar.gz"]


def test_the_official_checksum_is_the_published_one():
    # https://www.cs.toronto.edu/~kriz/cifar.html
    assert CIFAR10.tgz_md5 == "c58f30108f718f92721af3b95e74349a"


def test_a_missing_archive_is_named(tmp_path):
    with pytest.raises(ValueError, match="cifar-10-python.tar.gz at .*nowhere.tar.gz, found no file"):
        cifar10.load(archive=str(tmp_path / "nowhere.tar.gz"), cache=str(tmp_path))


@pytest.mark.parametrize("damage", ["truncated", "altered", "empty", "another archive"])
def test_a_damaged_archive_is_refused_before_it_is_unpacked(official, files, damage, tmp_path, no_pickle, monkeypatch):
    data = {
        "truncated": official[: len(official) // 2],
        "altered": official[:1000] + bytes([official[1000] ^ 1]) + official[1001:],
        "empty": b"",
        "another archive": pack(files | {"batches.meta": pickle.dumps({"label_names": ["x", "y", "z"]})}),
    }[damage]
    path = tmp_path / "copy.tar.gz"
    path.write_bytes(data)
    monkeypatch.setattr(tarfile, "open", lambda *_, **__: pytest.fail("the archive was opened"))
    with pytest.raises(ValueError, match=f"copy.tar.gz .*expected md5 {CIFAR10.tgz_md5}, found {md5(data)}"):
        cifar10.load(archive=str(path), cache=str(tmp_path))


def test_a_batch_with_a_wrong_checksum_is_never_unpickled(official, tmp_path, monkeypatch, no_pickle):
    path = tmp_path / "copy.tar.gz"
    path.write_bytes(official)
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", "0" * 32]])
    with pytest.raises(ValueError, match="copy.tar.gz cannot be read"):
        cifar10.load(archive=str(path), cache=str(tmp_path))


def serve(monkeypatch, answers: list[bytes | Exception]) -> None:
    """Let each download in turn write the bytes, or raise the error, that stands next in `answers`."""

    def retrieve(_url, filename, *_, **__):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        with open(filename, "wb") as file:
            file.write(answer)

    utils = torchvision_datasets.utils
    monkeypatch.setattr(utils, "_get_redirect_url", lambda url, **_: url.replace("https:", "http:"))
    monkeypatch.setattr(utils, "_urlretrieve", retrieve)


def test_a_download_is_tried_again_after_errors_of_the_network(official, tmp_path, monkeypatch, waits):
    answers = [urllib.error.URLError("no route to host"), official[:500], TimeoutError("timed out"), official]
    serve(monkeypatch, answers)
    expect(cifar10.load(archive=None, cache=str(tmp_path / "cache")))
    assert answers == [] and waits == list(cifar10.WAITS)


def test_a_kept_download_is_not_fetched_again(official, tmp_path, monkeypatch, waits):
    serve(monkeypatch, [official])
    expect(cifar10.load(archive=None, cache=str(tmp_path / "cache")))
    expect(cifar10.load(archive=None, cache=str(tmp_path / "cache")))
    assert waits == []


def test_a_download_that_never_works_is_one_error(official, tmp_path, monkeypatch, waits):
    serve(monkeypatch, [urllib.error.URLError("no route to host")] * 4)
    with pytest.raises(ValueError, match="could not be downloaded in 4 tries .*no route to host.*option `archive`"):
        cifar10.load(archive=None, cache=str(tmp_path / "cache"))


def test_a_download_with_a_wrong_checksum_is_refused(official, tmp_path, monkeypatch, waits, no_pickle):
    serve(monkeypatch, [official + b"x"] * 4)
    with pytest.raises(ValueError, match="could not be downloaded in 4 tries .*corrupted"):
        cifar10.load(archive=None, cache=str(tmp_path / "cache"))
