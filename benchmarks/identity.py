"""Are our perturbations those of plain Foolbox? `python -m benchmarks.identity`, see --help.

For each network: our attack against Foolbox with the same seed and images, and Foolbox against itself in batches of
another size, from the same random start. Where the second pair differs, so may the first: a sum that is rounded
differently turns the sign of a gradient near zero, and a step goes the other way.
"""

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from advspectra.files.images import read_images
from advspectra.files.perturbations import read_perturbations
from advspectra.fourier import power_spectrum, radial_energy
from advspectra.machine.devices import prepare
from advspectra.networks.stored import load_network
from advspectra.perturb import Attack, balanced_subset, build_attack, perturb
from advspectra.split import on_device
from advspectra.table import Column, Table
from benchmarks import report
from benchmarks.attacks import EPSILON, REL_STEPSIZE
from benchmarks.networks import NETWORKS, STUDY, find
from benchmarks.timing import ROOT

ARRAYS = ("perturbation", "image", "success", "l1", "l2")
COLUMNS = (
    Column("network", "network"),
    Column("pair", "compared"),
    Column("images", "images"),
    Column("identical_images", "identical images", 4),
    Column("equal_pixels", "equal pixels", 6),
    Column("success_differs", "success differs (images)"),
    Column("success", "success", 4),
    Column("success_other", "success, the other", 4),
    *(
        column
        for name in ("l1", "l2")
        for column in (
            Column(f"{name}", f"mean {name.upper()}", 5),
            Column(f"{name}_error", "its standard error", 5),
            Column(f"{name}_difference", "difference of means", 7),
        )
    ),
    Column("radial_energy_difference", "radial energy: largest difference of means / standard error", 4),
    Column("radial_energy_bin", "in bin (cycles/image)"),
)
SHOWN = (  # in Markdown: a mean, its error and the difference in one cell
    *COLUMNS[:6],
    Column("l1_text", "mean L1 ± its standard error; difference"),
    Column("l2_text", "mean L2 ± its standard error; difference"),
    *COLUMNS[-2:],
)
NOTES = (
    "Identical images: fraction of images whose perturbations agree in every bit. Equal pixels: fraction of values.",
    "Means and standard errors, over images, are those of the first of the pair; differences are the other less the "
    "first. Radial energy: under convention `paper`, for each radial frequency.",
)


@dataclass(frozen=True)
class Job:
    """What all computed sets of perturbations of a network share."""

    checkpoint: Path
    images: Path
    image: np.ndarray
    steps: int
    seed: int
    device: torch.device

    def perturb(self, attack: Attack, *, batch_size: int, simplify: bool) -> dict[str, np.ndarray]:
        """Return ARRAYS of the perturbations by `attack`."""
        network, _ = load_network(self.checkpoint, name="best", expected={})
        stored = read_images(self.images)
        test = on_device(stored.test_images, stored.test_labels, self.device)
        settings = {"batch_size": batch_size, "simplify": simplify, "precision": "float32", "seed": self.seed}
        found = perturb(network.to(self.device), test, self.image, attack, **settings)
        return {name: getattr(found, name) for name in ARRAYS}

    def ours(self, *, batch_size: int, simplify: bool) -> dict[str, np.ndarray]:
        """Return the perturbations of our attack."""
        attack = build_attack("linf_pgd", epsilon=EPSILON, parameters=self._parameters())
        return self.perturb(attack, batch_size=batch_size, simplify=simplify)

    def foolbox(self, *, batch_size: int) -> dict[str, np.ndarray]:
        """Return the perturbations of Foolbox as one meets it: the layers as trained, asking for all gradients."""
        attack = build_attack("foolbox", attack="LinfPGD", epsilon=EPSILON, parameters=self._parameters())

        def run(network, inputs, labels):
            network.requires_grad_(True)
            try:
                return attack.run(network, inputs, labels)
            finally:
                network.requires_grad_(False)

        plain = Attack(run=run, norm=attack.norm, epsilon=attack.epsilon)
        return self.perturb(plain, batch_size=batch_size, simplify=False)

    def _parameters(self) -> dict:
        return {"steps": self.steps, "rel_stepsize": REL_STEPSIZE, "random_start": True}


def read(path: Path) -> dict[str, np.ndarray]:
    """Return ARRAYS of a perturbations.h5, or of an .npz file with the same names."""
    stored = np.load(path) if path.suffix == ".npz" else read_perturbations(path)[0]
    return {name: stored[name] for name in ARRAYS}


def compare(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> dict:
    """Return a row of COLUMNS: what two sets of perturbations of the same images have in common.

    Raises ValueError for sets of different images.
    """
    if not np.array_equal(one["image"], other["image"]):
        raise ValueError("expected perturbations of the same images")
    count = len(one["image"])
    # as bits: 0.0 and -0.0 differ, as they do in a file
    equal = one["perturbation"].view(np.uint32) == other["perturbation"].view(np.uint32)
    row = {
        "images": count,
        "identical_images": float(equal.reshape(count, -1).all(axis=1).mean()),
        "equal_pixels": float(equal.mean()),
        "success_differs": int((one["success"] != other["success"]).sum()),
        "success": float(one["success"].mean()),
        "success_other": float(other["success"].mean()),
    }
    for name in ("l1", "l2"):
        mean, error = _mean(one[name])
        difference = float(other[name].astype(np.float64).mean() - mean)
        row |= {name: float(mean), f"{name}_error": float(error), f"{name}_difference": difference}
    energies = [radial_energy(power_spectrum(each["perturbation"], convention="paper")) for each in (one, other)]
    mean, error = _mean(energies[0])
    ratio = np.abs(energies[1].mean(axis=0) - mean) / error
    return row | {"radial_energy_difference": float(ratio.max()), "radial_energy_bin": int(ratio.argmax())}


def _mean(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over images and its standard error."""
    values = values.astype(np.float64)
    return values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))


def _markdown(rows: list[dict], about: dict[str, str]) -> str:
    keys = {column.key for column in SHOWN}
    shown = []
    for row in rows:
        texts = {
            f"{name}_text": f"{row[name]:.5g} ± {row[f'{name}_error']:.2g}; {row[f'{name}_difference']:.2g}"
            for name in ("l1", "l2")
        }
        shown.append({key: value for key, value in (row | texts).items() if key in keys})
    table = Table("Perturbations of PGD, ours and Foolbox's", SHOWN, tuple(shown), NOTES)
    return report.with_conditions(table, about)


def same_start(device: torch.device, shape: tuple[int, ...], sizes: tuple[int, int]) -> bool:
    """Return whether random numbers drawn in batches of two sizes are the same; they are on a CPU."""
    drawn = []
    for size in sizes:
        torch.manual_seed(0)
        drawn.append(torch.cat([torch.rand(size, *shape, device=device) for _ in range(2 * max(sizes) // size)]))
    shorter = min(len(part) for part in drawn)
    return torch.equal(drawn[0][:shorter], drawn[1][:shorter])


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.identity", description=__doc__)
    option = parser.add_argument
    option("--name", default="local", help="results go to benchmarks/results/<name>/")
    option("--only", nargs="*", choices=[*NETWORKS], default=[name for name, one in NETWORKS.items() if one.peers])
    option("--images", type=Path, default=STUDY / "images.h5", help="images.h5")
    option("--networks", type=Path, help="folder of trained runs; default: that of images.h5")
    option("--checkpoint", nargs="+", default=[], metavar="NETWORK=FILE", help="checkpoints.h5 of single networks")
    option("--reference", nargs="+", default=[], metavar="NETWORK=FILE", help="Foolbox's perturbations, not computed")
    option("--compare", nargs=2, action="append", default=[], type=Path, metavar="FILE", help="two sets as they are")
    option("--count", type=int, default=1000, help="images; those of the reference where one is given")
    option("--steps", type=int, default=1000)
    option("--batch-size", type=int, default=100)
    option("--other-batch-size", type=int, default=25, help="of Foolbox against itself; 0: leave that out")
    option("--other-count", type=int, default=200, help="images of that, the first ones")
    option("--layers", action="store_true", help="also compare our attack on the layers as trained, not simplified")
    option("--seed", type=int, default=0, help="of the random start")
    option("--threads", type=int, default=1)
    option("--device", default="cpu", choices=["cpu", "cuda"], help="cuda is not yet tested")
    chosen = parser.parse_args()
    for name in ("checkpoint", "reference"):
        pairs = [pair.split("=", 1) for pair in getattr(chosen, name)]
        setattr(chosen, name, {network: Path(file) for network, file in pairs})
    return chosen


def main() -> None:
    """Compare, network by network; the table is written anew after each comparison."""
    chosen = arguments()
    device = prepare(chosen.device, threads=chosen.threads)
    folder = ROOT / "benchmarks/results" / chosen.name
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict] = []

    def add(network: str, pair: str, one: dict, other: dict) -> None:
        rows.append({"network": network, "pair": pair, **compare(one, other)})
        (folder / "identity.csv").write_text(Table("", COLUMNS, tuple(rows)).to_csv())
        (folder / "identity.md").write_text(_markdown(rows, report.machine(device, chosen.threads)))
        print(f"{time.perf_counter() - began:.0f} s: {network}: {pair}", file=sys.stderr, flush=True)

    began = time.perf_counter()
    for one, other in chosen.compare:
        add(one.stem, f"{one.name} and {other.name}", read(one), read(other))
    for network in () if chosen.compare else chosen.only:
        checkpoint = find(network, folder=chosen.networks or chosen.images.parent, given=chosen.checkpoint)
        if checkpoint is None:
            raise ValueError(f"{network}: no trained network in {chosen.networks or chosen.images.parent}")
        reference = read(chosen.reference[network]) if network in chosen.reference else None
        stored = read_images(chosen.images)
        image = balanced_subset(stored.test_labels, chosen.count) if reference is None else reference["image"]
        job = Job(checkpoint, chosen.images, image, chosen.steps, chosen.seed, device)
        size, other_size = chosen.batch_size, chosen.other_batch_size
        if reference is None:
            reference = job.foolbox(batch_size=size)
        add(network, "ours and Foolbox", job.ours(batch_size=size, simplify=True), reference)
        if chosen.layers:
            layered = job.ours(batch_size=size, simplify=False)
            add(network, "ours on the layers as trained, and Foolbox", layered, reference)
        if other_size and same_start(device, stored.test_images.shape[1:], (size, other_size)):
            part = slice(chosen.other_count)
            again = replace(job, image=image[part]).foolbox(batch_size=other_size)
            first = {name: values[part] for name, values in reference.items()}
            add(network, f"Foolbox in batches of {other_size}, and of {size}", again, first)
    print(folder / "identity.md")


if __name__ == "__main__":
    main()
