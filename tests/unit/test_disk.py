"""The size of a study is that of its files, by their kinds."""

import errno
import os
import subprocess

import pytest

from advspectra_study.run.disk import full_disks, lacks_room, readable, size_on_disk


def test_the_size_is_that_of_all_files_and_small_kinds_are_not_named(tmp_path):
    for name, size in {
        "cifar/run/pgd/best/perturbations.h5": 3_000_000,
        "cifar/run/pgd/step=0/perturbations.h5": 1_000_000,
        "cifar/images.h5": 900_000,
        "figures/fig04/pgd.png": 100_000,
        "report.html": 60_000,
        "logs/report.log": 40,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(bytes(size))
    text = size_on_disk(tmp_path)
    assert text == "5.06 MB on disk: perturbations 4 MB, images 900 kB, figures 100 kB, others 60 kB"
    assert size_on_disk(tmp_path / "cifar/run/pgd/nothing") == "0 B on disk"


@pytest.mark.parametrize(
    ("size", "text"), [(999, "999 B"), (1000, "1 kB"), (999_600, "1 MB"), (41_234_567, "41.2 MB"), (5e15, "5e+03 TB")]
)
def test_a_number_of_bytes_has_three_digits(size, text):
    assert readable(size) == text


@pytest.fixture
def small(tmp_path):
    """A disk of 2 MB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    (tmp_path / "small").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m,nr_inodes=3", "tmpfs", str(tmp_path / "small")]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    yield tmp_path / "small"
    subprocess.run(["umount", "--lazy", str(tmp_path / "small")], check=True)


def test_the_disk_that_is_full_is_named_with_its_place_and_size(small, tmp_path):
    places = [tmp_path, small / "there/will be"]
    assert full_disks(places) == f"full, or at its quota, is a disk of {tmp_path}, {small}"
    (small / "ballast").write_bytes(bytes(2**21))
    assert full_disks(places) == f"the disk of {small} ({small}) is full: 0 B left of 2.1 MB"
    (small / "ballast").write_bytes(b"")
    (small / "one more").write_bytes(b"")
    assert full_disks(places) == f"the disk of {small} ({small}) is full: 2.1 MB left of 2.1 MB, no more files"


def test_an_error_of_a_full_disk_is_known_by_the_words_of_the_system():
    assert lacks_room(str(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))) and lacks_room("Disk quota exceeded")
    assert not lacks_room(str(OSError(errno.EIO, os.strerror(errno.EIO))))
