"""The example of docs/reading-results.md, taken from the page and run on a finished study."""

import csv
import os
import re
import subprocess
import sys

import h5py
import pytest
from study import ROOT

LIBRARY = ROOT / "workflow/lib"
RUN = "results/tiny/bands/bounded_width_3-relu/depth=1/alpha=1/seed=0"


def example() -> str:
    page = (ROOT / "docs/reading-results.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return code


def test_the_example_reads_a_study(finished_study):
    code = example()
    assert len([line for line in code.splitlines() if line]) <= 10
    code = code.replace("results/demo", "results/tiny")
    code += "\nprint(delta.shape, radial.shape, len(images), len(networks), len(measures))\n"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=finished_study.folder,
        env=os.environ | {"PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Fully Connected (linear) 0 [")
    with open(finished_study.folder / "results/tiny/measures.csv", encoding="utf-8") as file:
        rows = len(list(csv.reader(file))) - 1
    # 8 images of each of 6 pairs of attack and state
    assert lines[-1] == f"(8, 3, 12, 12) (8, 9) 48 2 {rows}"


def test_measures_are_those_of_the_results(finished_study):
    with open(finished_study.folder / "results/tiny/measures.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["network"] == "bounded_width_3"]
    found = {(row["attack"], row["checkpoint"], row["measure"], row["variant"]): row for row in rows}
    with h5py.File(finished_study.folder / RUN / "minimal/step=0/perturbations.h5") as file:
        success, linf = file["success"][...], file["linf"][...]
    rate, norm = (found["minimal", "step=0", name, ""] for name in ("success_rate", "perturbation_linf"))
    assert float(rate["mean"]) == success.mean() and (rate["seeds"], rate["images"]) == ("1", "8")
    assert float(norm["mean"]) == pytest.approx(linf[success].mean(), rel=1e-5)
    assert int(norm["values"]) == success.sum() > 0
    with h5py.File(finished_study.folder / RUN / "pgd/best/spectra.h5") as file:
        expected = file["paper/half_power_frequency"][...].mean()
    assert float(found["pgd", "best", "delta_frequency", "paper"]["mean"]) == pytest.approx(expected, rel=1e-5)
    moved = found["moved", "best", "delta_l1", "paper"]  # step: 128 images in batches of 32
    assert (moved["transfer_of"], moved["found_on"], moved["step"]) == ("minimal", "best", "4")
