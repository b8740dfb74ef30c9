"""Does bfloat16 change what PGD finds, and after how many steps does PGD find the same? See --help.

    python -m benchmarks.precision --images images.h5

Trains ResNet18 in some seeds, with the same images, and attacks each with the same test images: in float32, in float32
from another random start, and in bfloat16. Both differences stand beside the spread over seeds: precision.{csv,md}. A
longer attack in float32 is looked at along its steps: steps.{csv,md}. Both in benchmarks/results/<name>/.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import eagerpy
import foolbox
import numpy as np
import torch

from advspectra.attacks.linf_pgd import CycleDetectingLinfPGD
from advspectra.attacks.linf_pgd_until_converged import _errors, _statistics
from advspectra.files.images import ImageSet, read_images
from advspectra.fourier import half_power_frequency, power_spectrum, radial_energy
from advspectra.machine.devices import precision, prepare
from advspectra.networks.simplified import simplified
from advspectra.networks.stored import load_network
from advspectra.perturb import AttackResult, balanced_subset, build_attack, perturb
from advspectra.split import Split, on_device
from advspectra.table import Column, Table
from benchmarks import networks, report
from benchmarks.attacks import EPSILON, REL_STEPSIZE
from benchmarks.timing import ROOT

LABEL = "resnet18-relu"
ENOUGH = 0.1  # of the spread over seeds: below that, a difference does not count
TOLERANCE = 0.01  # the default of linf_pgd_until_converged
STATISTICS = {"l1": "L1 norm", "l2": "L2 norm", "radial_energy": "radial energy", "wrong": "classified wrongly"}
NOTE = "Spread: the standard deviation over the seeds."


def trained(chosen: argparse.Namespace, images: ImageSet, folder: Path) -> Iterator[torch.nn.Module]:
    """Yield the trained network of each seed; they stay in `folder`, and are trained once."""
    entry, device = networks.NETWORKS[LABEL], torch.device("cpu")
    form = entry.form({"width": chosen.width}) | networks.form_of(images)
    some = balanced_subset(images.train_labels, chosen.train, images_of="training")
    fewer = replace(images, train_images=images.train_images[some], train_labels=images.train_labels[some])
    how = f"{chosen.width:g}-{chosen.train}-{chosen.epochs}-{chosen.training}"
    for seed in range(chosen.seeds):
        path = folder / f"{LABEL}-{how}-{seed}.h5"
        if not path.exists():
            about = {"rate": entry.learning_rate, "images": fewer, "device": device}
            with precision(device, chosen.training):
                networks.train(path, form, epochs=chosen.epochs, seed=seed, **about)
        yield load_network(path, name="best", expected=form)[0]


def measures(found: AttackResult) -> dict[str, float]:
    """What a study shows of an attack: its success, and norms and f_0.5 of the successful perturbations."""
    delta = found.perturbation[found.success]
    energy = radial_energy(power_spectrum(delta, convention="paper"))
    return {
        "l2": found.l2[found.success].mean(),
        "frequency": half_power_frequency(energy).mean(),
        "success": found.success.mean(),
    }


MEASURES = {"l2": "L2 norm of δ", "frequency": "f₀.₅ of δ̂, cycles/image", "success": "success rate"}


def compared(found: Sequence[dict[str, dict[str, float]]]) -> Iterator[dict]:
    """Yield a row for each measure.

    found : of each seed its measures in "float32", from another "start", and in "bfloat16".
    """
    for name, title in MEASURES.items():
        plain, start, rounded = (
            np.array([seed[how][name] for seed in found], dtype=float) for how in ("float32", "start", "bfloat16")
        )
        spread = plain.std(ddof=1)
        other, error = np.abs(start - plain).mean(), np.abs(rounded - plain).mean()
        row = {"measure": title, "mean": plain.mean(), "spread": spread, "error": error}
        row |= {"of_spread": _over(error, spread), "shift": (rounded - plain).mean()}
        yield row | {"start": other, "start_of_spread": _over(other, spread)}


def _over(difference: float, spread: float) -> float:
    """The difference in spreads; infinite where the seeds do not differ but this does."""
    return float(difference / spread) if spread else float("inf") if difference else 0.0


COMPARED = (
    Column("measure", "measure"),
    Column("mean", "float32", 4),
    Column("spread", "spread over seeds", 4),
    Column("error", "mean of abs(bfloat16 - float32)", 5),
    Column("of_spread", "of the spread", 3),
    Column("shift", "mean of (bfloat16 - float32)", 5),
    Column("start", "another random start in float32: mean of abs(difference)", 5),
    Column("start_of_spread", "of the spread", 3),
)


def along(network: torch.nn.Module, split: Split, *, steps: int, seed: int) -> dict[int, dict]:
    """The statistics of linf_pgd_until_converged after some numbers of steps of one attack."""
    inputs, labels = split.batch(slice(None))
    attacked = simplified(network, tuple(inputs.shape[1:]))
    model = foolbox.PyTorchModel(attacked, bounds=(0, 1), device=inputs.device)
    torch.manual_seed(seed)
    pgd = CycleDetectingLinfPGD(steps=steps, rel_stepsize=REL_STEPSIZE, random_start=True)
    seen = pgd.iterates(model, *map(eagerpy.astensor, (inputs, labels)), EPSILON)
    return {step: _statistics(attacked, inputs, labels, images) for step, images in seen}


def spreads(last: Sequence[dict]) -> dict[str, float]:
    """Of each statistic its spread over seeds, in the units of its error; last : of each seed.

    Of radial energy the root of the mean square of the distances from the mean, each a sum of magnitudes as its error.
    """
    mean = {name: np.mean([one[name] for one in last], axis=0) for name in STATISTICS}
    distances = [_errors(one, mean) for one in last]
    return {name: float(np.sqrt(sum(one[name] ** 2 for one in distances) / (len(last) - 1))) for name in STATISTICS}


def settling(seen: Sequence[dict[int, dict]]) -> tuple[list[dict], list[str]]:
    """A row for each number of steps, with the mean distance from the last step over the spread, and notes."""
    last = max(seen[0])
    spread = spreads([one[last] for one in seen])
    errors = {step: [_errors(one[step], one[last]) for one in seen] for step in seen[0]}
    rows = []
    for step, found in errors.items():
        moved = {name: _over(np.mean([one[name] for one in found]), spread[name]) for name in STATISTICS}
        rows.append({"steps": step, **moved, "most": max(moved.values())})
    enough = {name: _first(rows, lambda row, name=name: row[name] < ENOUGH)["steps"] for name in STATISTICS}
    own = [
        _first([{"steps": step, "most": max(errors[step][seed].values())} for step in errors], _within)["steps"]
        for seed in range(len(seen))
    ]
    at_last = ", ".join(f"{title} {spread[name]:.3g}" for name, title in STATISTICS.items())
    return rows, [
        f"{NOTE} After {last} steps: {at_last}; of norms relative, of radial energy a sum of magnitudes of shares.",
        f"Less than {ENOUGH:g} from where it is after {last} steps: "
        + ", ".join(f"{title} from step {enough[name]} on" for name, title in STATISTICS.items())
        + ".",
        f"By its own tolerance of {TOLERANCE:g}, linf_pgd_until_converged would make {', '.join(map(str, own))} steps.",
    ]


def _within(row: dict) -> bool:
    return row["most"] <= TOLERANCE


def _first(rows: Sequence[dict], holds) -> dict:
    """The first row from which on it holds of all."""
    broken = [number for number, row in enumerate(rows) if not holds(row)]
    return rows[broken[-1] + 1 if broken else 0]


def main() -> None:
    """Train, attack, and write both tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=__doc__)
    option = partial(parser.add_argument, type=int)
    parser.add_argument("--name", default="local", help="results go to benchmarks/results/<name>/")
    parser.add_argument("--images", type=Path, required=True, help="images.h5")
    parser.add_argument("--width", type=float, default=0.25, help="of ResNet18; 0.25 is 16 channels in the first layer")
    parser.add_argument("--training", default="bfloat16", help="precision of the training")
    option("--seeds", default=3, help="networks")
    option("--train", default=5000, help="training images")
    option("--epochs", default=6)
    option("--count", default=100, help="attacked images")
    option("--steps", default=100, help="of PGD, for the comparison of precisions")
    option("--most", default=1000, help="steps of the attack that is looked at along its steps; 0: none")
    option("--threads", default=1)
    chosen = parser.parse_args()
    device = prepare("cpu", threads=chosen.threads)
    folder = ROOT / "benchmarks/results" / chosen.name
    (folder / "networks").mkdir(parents=True, exist_ok=True)
    stored = read_images(chosen.images)
    image = balanced_subset(stored.test_labels, chosen.count)
    test = on_device(stored.test_images, stored.test_labels, device)
    parameters = {"steps": chosen.steps, "rel_stepsize": REL_STEPSIZE, "random_start": True}
    attack = build_attack("linf_pgd", epsilon=EPSILON, parameters=parameters)
    found, seen, accuracies = [], [], []
    for seed, network in enumerate(trained(chosen, stored, folder / "networks")):
        accuracies.append(networks.evaluate(network, test)[1])
        run = partial(perturb, network, test, image, attack, batch_size=chosen.count, simplify=True)
        ways = {"float32": ("float32", seed), "start": ("float32", seed + 1000), "bfloat16": ("bfloat16", seed)}
        found.append({how: measures(run(precision=name, seed=start)) for how, (name, start) in ways.items()})
        print(seed, accuracies[-1], found[-1], flush=True)
        if chosen.most:
            seen.append(along(network, test.subset(torch.from_numpy(image)), steps=chosen.most, seed=seed))
    about = report.machine(device, chosen.threads) | {
        "networks": f"ResNet18, width {chosen.width:g}, {chosen.seeds} seeds; {chosen.epochs} epochs of {chosen.train} "
        f"images of {chosen.images.parent.name} in {chosen.training}; test accuracy "
        + ", ".join(f"{accuracy:.3f}" for accuracy in accuracies),
        "attack": f"L∞ PGD, ε = 8/255, steps of ε/10, {chosen.count} test images",
    }
    title = f"PGD with {chosen.steps} steps in bfloat16 and in float32"
    tables = {"precision": Table(title, COMPARED, tuple(compared(found)), (NOTE,))}
    if seen:
        columns = (
            Column("steps", "steps"),
            *(Column(name, title, 3) for name, title in STATISTICS.items()),
            Column("most", "the largest", 3),
        )
        rows, notes = settling(seen)
        title = f"PGD along its steps: distance from where it is after {chosen.most}, in spreads over seeds"
        tables["steps"] = Table(title, columns, tuple(rows), tuple(notes))
    for name, table in tables.items():
        report.write_table(folder, name, table, about)
        print(folder / f"{name}.md")


if __name__ == "__main__":
    main()
