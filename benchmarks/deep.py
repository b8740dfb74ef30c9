"""How fast does a CPU train and attack ResNet18, in float32 and in bfloat16? See --help.

    python -m benchmarks.deep --images images.h5

Our training beside a plain PyTorch loop, and our PGD beside Foolbox with frozen parameters, both in the same precision
and in float32; as the machine's peak the faster of a large matrix product and a large convolution, since PyTorch takes
them from two libraries. Contenders take turns in one process. The table goes to
benchmarks/results/<name>/deep-<width>.{csv,md}.
"""

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from pathlib import Path

import foolbox
import numpy as np
import torch
from torch.nn import functional

from advspectra.files.images import read_images
from advspectra.machine.devices import precision, prepare
from advspectra.networks.build import build_network
from advspectra.networks.simplified import simplified
from advspectra.perturb import build_attack
from advspectra.table import Column, Table
from benchmarks import networks, report, training
from benchmarks.attacks import EPSILON
from benchmarks.timing import ROOT

LABEL, PRECISIONS, BATCHES = "resnet18-relu", ("float32", "bfloat16"), (32, 64, 128)
OURS, USUAL = "ours", "ours, usual layout"
PEERS = {"training": "DataLoader", "PGD": "Foolbox, frozen"}
REL_STEPSIZE = 0.01  # so small that no image goes round: all steps are computed
SIDE = 2048  # of the matrices
LARGE = {"x": (8, 256, 32, 32), "kernel": (256, 256, 3, 3)}  # the convolution
PEAKS = {"matrix product": 2 * SIDE**3, "convolution": 2 * 8 * 32 * 32 * 256 * 256 * 9}  # operations
COLUMNS = (
    Column("work", "work"),
    Column("threads", "threads"),
    Column("batch", "batch"),
    Column("how", "how"),
    Column("precision", "precision"),
    Column("per_second", "images (PGD: image-steps) per second of processor time", 0),
    Column("of_float32", "times as fast as in float32", 2),
    Column("of_usual", "as in the usual layout", 2),
    Column("of_peer", "as the peer in the same precision", 2),
    Column("of_peer_float32", "as the peer in float32", 2),
    Column("of_peak", "share of the peak", 3),
    Column("share", "processor time / (time × threads)", 2),
)
NOTES = (
    "Medians over the rounds. Ratios and shares are within a round and by processor time, which other work disturbs "
    "less than time. The peers have batches of 128 and PyTorch's usual layout, and reuse freed memory as ours do.",
)


@dataclass(frozen=True)
class Way:
    """One contender, by the columns of the table; work "peak" is that of the machine."""

    work: str
    threads: int
    batch: int
    how: str
    precision: str


class Bench:
    """What contenders work on. width : of ResNet18. count, steps : images, and steps of PGD, of one turn."""

    def __init__(self, images: Path, *, width: float, count: int, steps: int):
        self.images, self.options, self.count, self.steps = images, {"width": width}, count, steps
        self.stored = read_images(images)
        self.shape = self.stored.test_images.shape[1:]
        self.amounts = {"training": count, "PGD": count * steps}

    def network(self) -> torch.nn.Module:
        """A network that is not trained: what a step takes does not depend on it."""
        form = networks.NETWORKS[LABEL].form(self.options) | networks.form_of(self.stored)
        return build_network(**form, alpha=1.0, alpha_scaling="plain", seed=0).eval().requires_grad_(False)

    def operations(self, work: str) -> float:
        """The operations for one image, or image-step."""
        return networks.operations(self.network(), self.shape, training=work == "training")

    def start(self, way: Way) -> Callable[[], None]:
        """The work of one turn."""
        return {"peak": self._peak, "training": self._training, "PGD": self._pgd}[way.work](way)

    def _peak(self, way: Way) -> Callable:
        kind = {"dtype": getattr(torch, way.precision)}
        if way.how == "matrix product":
            return partial(torch.mm, torch.randn(SIDE, SIDE, **kind), torch.randn(SIDE, SIDE, **kind))
        tensors = (torch.randn(shape, **kind).to(memory_format=torch.channels_last) for shape in LARGE.values())
        return partial(functional.conv2d, *tensors, padding=1)

    def _training(self, way: Way) -> Callable:
        about = (LABEL, self.options, self.images)
        where = {"count": self.count, "device": "cpu", "threads": way.threads}
        if way.how == PEERS["training"]:
            return training.start_plain(*about, spatial=False, **where)[0]
        return training.start_ours(*about, simplified=True, batch_size=way.batch, plain=way.how == USUAL, **where)[0]

    def _pgd(self, way: Way) -> Callable:
        network = self.network()
        inputs = torch.tensor(self.stored.test_images[: self.count]).float() / 255
        labels = torch.tensor(self.stored.test_labels[: self.count])
        parameters = {"steps": self.steps, "rel_stepsize": REL_STEPSIZE, "random_start": True}
        if way.how == PEERS["PGD"]:
            model = foolbox.PyTorchModel(network.to(memory_format=torch.contiguous_format), bounds=(0, 1), device="cpu")
            # not the attack itself: that judges its success too, which counts where the steps are few
            attack = partial(foolbox.attacks.LinfPGD(**parameters).run, model, epsilon=EPSILON)
        else:
            network = simplified(network, self.shape)
            if way.how == USUAL:
                network.to(memory_format=torch.contiguous_format)
            attack = partial(build_attack("linf_pgd", epsilon=EPSILON, parameters=parameters).run, network)

        def run():
            for x, y in zip(inputs.split(way.batch), labels.split(way.batch), strict=True):
                attack(x, y)

        return run


@dataclass
class Times:
    """Seconds of each turn, and those of the processor."""

    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)


def take_turns(bench: Bench, these: Sequence[Way], *, repeats: int) -> dict[Way, Times]:
    """Let the contenders work one after the other, for a round that does not count and `repeats` that do."""
    device = prepare("cpu", threads=these[0].threads)
    runs, found = {way: bench.start(way) for way in these}, {way: Times() for way in these}
    prepare("cpu", threads=these[0].threads)  # the peers too reuse freed memory as we do
    for number in range(repeats + 1):
        for way, run in runs.items():
            start, processor = time.perf_counter(), time.process_time()
            with precision(device, way.precision):
                run()
            if number:
                found[way].seconds.append(time.perf_counter() - start)
                found[way].processor.append(time.process_time() - processor)
    return found


def ways(work: str, threads: int) -> list[Way]:
    """The contenders that take turns: peaks, ours in each batch size and layout, and the peer."""
    forms = [*product((OURS,), BATCHES), (USUAL, BATCHES[-1]), (PEERS[work], BATCHES[-1])]
    found = [Way(work, threads, batch, how, name) for how, batch in forms for name in PRECISIONS]
    return [Way("peak", threads, 0, how, name) for how in PEAKS for name in PRECISIONS] + found


def rows(found: Mapping[Way, Times], bench: Bench) -> Iterator[dict]:
    """Yield a row for each contender but the peaks."""
    amounts = bench.amounts | PEAKS
    speeds = {
        way: amounts[way.how if way.work == "peak" else way.work] / np.array(found[way].processor) for way in found
    }
    operations = {work: bench.operations(work) for work in {way.work for way in found} - {"peak"}}
    peaks = {name: np.max([speeds[way] for way in _peaks(found, name)], axis=0) for name in PRECISIONS}
    for way, times in found.items():
        if way.work == "peak":
            continue
        peer = replace(way, batch=BATCHES[-1], how=PEERS[way.work])
        against = {
            "of_float32": replace(way, precision="float32"),
            "of_usual": replace(way, how=USUAL) if way.how == OURS else way,
            "of_peer": peer,
            "of_peer_float32": replace(peer, precision="float32"),
        }
        ratios = {name: float(np.median(speeds[way] / speeds[one])) for name, one in against.items() if one in speeds}
        yield {
            **vars(way),
            "per_second": float(np.median(speeds[way])),
            **{name: ratio for name, ratio in ratios.items() if against[name] != way},
            "of_peak": float(np.median(speeds[way] * operations[way.work] / peaks[way.precision])),
            "share": float(np.median(np.divide(times.processor, times.seconds))) / way.threads,
        }


def _peaks(found: Iterable[Way], name: str) -> list[Way]:
    return [way for way in found if (way.work, way.precision) == ("peak", name)]


def main() -> None:
    """Measure; write the table again after each group of contenders."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deep", description=__doc__)
    option = partial(parser.add_argument, type=int)
    parser.add_argument("--name", default="local", help="results go to benchmarks/results/<name>/")
    parser.add_argument("--images", type=Path, required=True, help="images.h5")
    parser.add_argument("--width", type=float, default=0.25, help="of ResNet18; 0.25 is 16 channels in the first layer")
    option("--count", default=256, help="images of one turn")
    option("--steps", default=2, help="steps of PGD of one turn")
    option("--repeats", default=5, help="rounds")
    option("--threads", nargs="+", default=[1, 2])
    chosen = parser.parse_args()
    folder = ROOT / "benchmarks/results" / chosen.name
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(chosen.images.resolve(), width=chosen.width, count=chosen.count, steps=chosen.steps)
    table, peaks = [], []
    for threads, work in product(chosen.threads, PEERS):
        found = take_turns(bench, ways(work, threads), repeats=chosen.repeats)
        table += rows(found, bench)
        peaks += [
            f"{way.how} in {name}, {threads} threads: {PEAKS[way.how] / np.median(found[way].processor) / 1e9:.0f}"
            for name in PRECISIONS
            for way in _peaks(found, name)
        ]
        about = report.machine(torch.device("cpu"), threads) | {
            "network": f"ResNet18, width {chosen.width:g}",
            "work": f"turns of {chosen.count} images, PGD of {chosen.steps} steps; {chosen.repeats} rounds after one",
            "peaks, GFLOP per second of processor time": "; ".join(peaks),
        }
        shown = Table("ResNet18 on a CPU: training and PGD", COLUMNS, tuple(table), NOTES)
        report.write_table(folder, f"deep-{chosen.width:g}", shown, about)
    print(folder / f"deep-{chosen.width:g}.md")


if __name__ == "__main__":
    main()
