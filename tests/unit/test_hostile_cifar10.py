"""CIFAR-10, whose official format is pickles: no other archive is unpacked, and nothing in it runs or leaves it."""

import hashlib
import pickle
import tempfile

import pytest
from hostile_files import Evil
from image_archives import OUTSIDE, SPECIAL, everything, member, tar

from advspectra.datasets import cifar10


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
