"""How long does it take to follow a network exactly along a line, and how close does sampling come? See --help.

    python -m benchmarks.lines --images images.h5 --checkpoints checkpoints.h5 --perturbations perturbations.h5

Each line, to an adversarial image or in a random direction as far, is followed exactly, then at 25, 49, 97, ... points
until their count is that of the exact breakpoints; a table of the shares found and the times goes to
benchmarks/results/<name>/lines.{csv,md}.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from advspectra.files.images import read_images
from advspectra.files.perturbations import read_perturbations
from advspectra.lines.ends import random_directions
from advspectra.lines.follow import PiecewiseLinear
from advspectra.machine.devices import prepare
from advspectra.networks.stored import load_network
from advspectra.perturb import balanced_subset
from advspectra.table import Column, Table
from benchmarks import report
from benchmarks.timing import ROOT

FEWEST = 25
COLUMNS = (
    Column("image", "image"),
    Column("line", "line"),
    Column("samples", "points"),
    Column("breakpoints", "breakpoints"),
    Column("share", "share of the exact number", 4),
    Column("converged", "says it converged"),
    Column("seconds", "s", 2),
    Column("ratio", "exact: times as long", 2),
)
NOTES = (
    "A line without points was followed exactly. The last row of a line has the exact number, or the most points that "
    "were tried.",
)


def follow(follower: PiecewiseLinear, ends: torch.Tensor, *, most: int) -> Iterator[dict]:
    """Yield the rows of one line, without its name: the exact course, then sampled ones of up to `most` points."""
    start = time.perf_counter()
    exact = follower.exact(*ends)
    taken = time.perf_counter() - start
    yield {"breakpoints": exact.breakpoints, "share": 1.0, "converged": "exact", "seconds": taken}
    samples, found = FEWEST, -1
    while found < exact.breakpoints and samples <= most:
        start = time.perf_counter()
        course = follower.sampled(*ends, samples=samples)
        seconds = time.perf_counter() - start
        found = course.breakpoints
        yield {
            "samples": samples,
            "breakpoints": found,
            "share": found / exact.breakpoints,
            "converged": "yes" if course.converged else "no",
            "seconds": seconds,
            "ratio": taken / seconds,
        }
        samples = 2 * samples - 1


def main() -> None:
    """Follow the lines; write the table again after each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.lines", description=__doc__)
    option = parser.add_argument
    option("--name", default="local", help="results go to benchmarks/results/<name>/")
    option("--images", type=Path, required=True, help="images.h5")
    option("--checkpoints", type=Path, required=True, help="checkpoints.h5 of a ReLU network")
    option("--perturbations", type=Path, required=True, help="perturbations.h5 of an attack on it")
    option("--state", default="best")
    option("--count", type=int, default=2, help="images")
    option("--most", type=int, default=6145, help="points")
    option("--threads", type=int, default=1)
    chosen = parser.parse_args()
    device = prepare("cpu", threads=chosen.threads)
    folder = ROOT / "benchmarks/results" / chosen.name
    folder.mkdir(parents=True, exist_ok=True)
    stored, (arrays, _) = read_images(chosen.images), read_perturbations(chosen.perturbations)
    network, _ = load_network(chosen.checkpoints, name=chosen.state, expected={})
    follower = PiecewiseLinear(network, image_shape=stored.test_images.shape[1:])
    about = report.machine(device, chosen.threads)
    rows: list[dict] = []
    for row in balanced_subset(arrays["label"], chosen.count):
        image = int(arrays["image"][row])
        x = torch.tensor(stored.test_images[image]).float() / 255
        delta = torch.tensor(arrays["perturbation"][row])
        direction = random_directions(np.array([image]), shape=x.shape, seed=0)[0]
        for line, displacement in (("adversarial", delta), ("random", direction * delta.norm())):
            for found in follow(follower, torch.stack([x, x + displacement]), most=chosen.most):
                rows.append({"image": image, "line": line, **found})
                table = Table(f"Lines, {chosen.state}: exact and sampled", COLUMNS, tuple(rows), NOTES)
                report.write_table(folder, "lines", table, about)
    print(folder / "lines.md")


if __name__ == "__main__":
    main()
