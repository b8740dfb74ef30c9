"""The size of a study is that of its files, by their kinds."""

import pytest

from advspectra_study.disk import readable, size_on_disk


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
