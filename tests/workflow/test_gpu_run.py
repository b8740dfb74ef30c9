"""The prepared run for a GPU, here without one: every part at toy size, and what a part that goes wrong leaves."""

import csv
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from study import ROOT

from advspectra.results.runs import read_runs
from benchmarks.gpu import __main__ as run
from benchmarks.gpu import pack
from benchmarks.gpu.__main__ import Part

pytestmark = pytest.mark.slow

FILES = {"right.csv", "rates.csv", "study.csv", "demo.csv", "table.md", "log.txt", "study.tar.xz.1"}


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """What the command of docs/gpu.md leaves, without a GPU."""
    folder = tmp_path_factory.mktemp("gpu") / "out"
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "PYTHON": sys.executable}
    command = ["bash", str(ROOT / "benchmarks/gpu/run.sh"), str(folder), "600"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "table.md").read_text() in done.stdout
    return folder


def test_every_part_leaves_its_files_and_a_table(out):
    assert {path.name for path in out.iterdir()} == FILES
    table = (out / "table.md").read_text()
    assert table.count("It ended after") == 4
    assert all(part.title in table for part in run.PARTS.values())
    assert sum(path.stat().st_size for path in out.iterdir()) < 2 * 2**20


def test_the_tests_ran_and_a_training_is_the_same_twice(out):
    found = {row["what"]: row for row in rows(out / "right.csv")}
    assert "failed" not in found["tests on cpu"]["outcome"] and float(found["tests on cpu"]["number"]) > 20
    assert found["full_width-linear, trained twice"]["outcome"] == "same bytes"


def test_rates_are_of_ours_and_of_foolbox(out):
    found = {(row["case"], row["precision"], row["how"]): row for row in rows(out / "rates.csv")}
    for how in ("library", "Foolbox", "Foolbox, frozen"):
        assert float(found["PGD resnet18-relu", "float32", how]["per_second"]) > 0
    assert 0 < float(found["training resnet18-relu", "float32", "library"]["of_peak"]) < 1.5


def test_the_study_ends_and_comes_back_without_its_weights(out, tmp_path):
    archive = b"".join(path.read_bytes() for path in sorted(out.glob("study.tar.xz.*")))
    (tmp_path / "study.tar.xz").write_bytes(archive)
    with tarfile.open(tmp_path / "study.tar.xz") as file:
        names = file.getnames()
        file.extractall(tmp_path, filter="data")
    assert names[0] == "study/claims.csv" and names[-1].endswith("perturbations.h5")
    assert not [name for name in names if name.endswith(("checkpoints.h5", "images.h5", ".pdf"))]
    runs = read_runs((tmp_path / "study").rglob("*.h5"))
    assert [(run.network, run.seed) for run in runs] == [("bounded_width_32", 0), ("resnet18", 0)]
    assert set(runs[1].attacks) == {"pgd", "pgd_snapshots", "final_pgd"}
    assert [attacked.step for attacked in runs[1].attacked("final_pgd")] == [0, 3]
    first, *kinds = rows(out / "study.csv")
    assert first["note"] == "exit code 0"
    assert {"train", "pgd", "spectra", "lines"} <= {row["kind"] for row in kinds if int(row["jobs"])}


def test_the_demo_has_the_tables_of_a_cpu(out):
    found = {row["what"]: row for row in rows(out / "demo.csv")}
    for table in ("table1.csv", "table4.csv"):
        assert found[table]["cells"] == found[table]["equal"] != "0"


def test_a_part_that_fails_or_runs_over_leaves_the_others(tmp_path, monkeypatch, capsys):
    """`nothing` is no module; `slow` would take a minute and has a second."""
    package = tmp_path / "benchmarks/gpu"
    package.mkdir(parents=True)
    (package / "slow.py").write_text("import time; time.sleep(60)")
    (package / "quick.py").write_text(
        "import sys; open(sys.argv[1] + '/quick.csv', 'w').write('what,number\\nright,1\\n')"
    )
    parts = {"nothing": Part("Fails", 1, 1), "slow": Part("Runs over", 1, 1), "quick": Part("Ends", 8, 8)}
    monkeypatch.setattr(run, "PARTS", parts)
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["run.sh", str(tmp_path / "out"), str(run.PACKING + 10), "--device", "cpu"])
    with pytest.raises(SystemExit) as ended:
        run.main()
    assert ended.value.code == 1
    table = (tmp_path / "out" / "table.md").read_text()
    assert "It failed (exit code 1, see log.txt)" in table and "It was stopped at its deadline" in table
    assert "It ended after" in table and "| right | 1 |" in table
    assert "No module named" in (tmp_path / "out/log.txt").read_text()


def test_an_archive_that_is_too_large_loses_its_end_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pack, "PIECE", 40_000)
    monkeypatch.setattr(pack, "PIECES", 2)
    for name in ("first", "second"):
        (tmp_path / name).write_bytes(os.urandom(60_000))
    (tmp_path / "order.txt").write_text("".join(f"{tmp_path / name}\t{name}\n" for name in ("first", "second")))
    pack.pack(tmp_path / "order.txt", tmp_path)
    pieces = sorted(tmp_path.glob("study.tar.xz.*"))
    assert [path.stat().st_size for path in pieces] == [40_000, 40_000]
    whole = tmp_path / "cut.tar.xz"
    whole.write_bytes(b"".join(path.read_bytes() for path in pieces))
    with tarfile.open(whole) as file:
        assert file.extractfile(file.next()).read() == (tmp_path / "first").read_bytes()
    assert "had no room" in capsys.readouterr().out


def test_the_folder_that_travels_is_ignored_by_git():
    assert "/.gpu/" in (Path(ROOT) / ".gitignore").read_text().splitlines()
