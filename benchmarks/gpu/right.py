"""Is the library right on this device? Its tests there, and whether a training gives the same bytes twice."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from advspectra.machine import devices
from advspectra.networks.build import build_network
from advspectra.split import on_device
from advspectra.table import Column
from advspectra.training.train import train
from benchmarks.gpu.rows import Rows
from benchmarks.networks import NETWORKS
from benchmarks.timing import ROOT
from benchmarks.training import one_epoch

COLUMNS = tuple(Column(name, name) for name in ("what", "outcome", "number", "note"))
TESTS = ("test_on_device.py", "test_split.py", "test_devices.py")
QUICK = "bit_by_bit or closed_form or auto or streamed"  # what runs in seconds on a CPU
OUTCOME = re.compile(r"(PASSED|FAILED|ERROR|SKIPPED)")
SAME_TWICE = ("full_width-linear", "fully_connected-relu", "locally_connected-relu", "bounded_width_32-relu")
DEEP = ("shallow_resnet-relu", "vgg19-relu", "resnet18-relu")


def main() -> None:
    """Run the tests, then train each network twice."""
    out, device_type, toy = Path(sys.argv[1]), sys.argv[3], sys.argv[4] == "toy"
    rows = Rows(out, "right", COLUMNS)
    _run_tests(rows, device_type, toy=toy)
    device = devices.prepare(device_type, threads=1)
    for label in SAME_TWICE if toy else (*SAME_TWICE, *DEEP):
        _train_twice(rows, label, device)
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info()
        rows.add(
            what="memory of the device", outcome="", number=total / 2**30, note=f"GiB; free now {free / 2**30:.1f}"
        )


def _run_tests(rows: Rows, device_type: str, *, toy: bool) -> None:
    files = [f"tests/unit/{name}" for name in TESTS]
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--tb=short", "--color=no", *files]
    command += ["-k", QUICK] if toy else ["-n", "6"]
    environment = os.environ | {"ADVSPECTRA_DEVICE": device_type, "PYTHONPATH": _path()}
    counts: dict[str, int] = {}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            if (
                "::" not in line
                or line.startswith(("FAILED", "ERROR", "SKIPPED"))
                or not (found := OUTCOME.search(line))
            ):
                continue
            counts[found[1]] = counts.get(found[1], 0) + 1
            if found[1] in ("FAILED", "ERROR"):
                name = re.search(r"\S+::\S+", line)[0].removeprefix("tests/unit/")
                rows.add(what=name, outcome=found[1].lower())
    about = ", ".join(f"{count} {outcome.lower()}" for outcome, count in sorted(counts.items())) or "no test ran"
    rows.add(what=f"tests on {device_type}", outcome=about, number=sum(counts.values()), note=" ".join(TESTS))


def _path() -> str:
    return os.pathsep.join(filter(None, [str(ROOT / "workflow/lib"), os.environ.get("PYTHONPATH")]))


def _train_twice(rows: Rows, label: str, device: torch.device) -> None:
    """Ten steps of SGD at batches of 128, twice."""
    entry = NETWORKS[label]
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (1280, 3, 32, 32), dtype=np.uint8)
    split = on_device(images, np.arange(1280) % 10, device)
    form = {"options": entry.options, "image_shape": (3, 32, 32), "classes": 10}
    form |= {"activation": entry.activation, "depth": entry.depth, "alpha": 1, "alpha_scaling": "plain", "seed": 0}
    devices._nondeterministic.clear()
    states = []
    for _ in range(2):
        network = build_network(entry.architecture, **form).to(device)
        train(
            network,
            split,
            split.subset(torch.arange(10, device=device)),
            one_epoch(128),
            learning_rate=1e-3,
            seed=0,
        )
        states.append(network.state_dict())
    same = all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    outcome = "same bytes" if same else "other bytes"
    rows.add(what=f"{label}, trained twice", outcome=outcome, note=f"attribute: {devices.place(device)['determinism']}")


if __name__ == "__main__":
    main()
