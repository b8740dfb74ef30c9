"""How many images a second, in which precision, batch size and memory layout, and what share of the device that is.

The floor of a rate: the operations of its matrix products and convolutions, over what a large matrix product of the
same precision makes in a second on this device.
"""

import contextlib
import copy
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import foolbox
import numpy as np
import torch
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from advspectra.files.progress import NOTHING_KEPT
from advspectra.layers import CircularConv2d, ShallowNetwork
from advspectra.machine import cuda_graph
from advspectra.machine.cuda_graph import captured
from advspectra.machine.devices import precision, prepare
from advspectra.networks.build import build_network
from advspectra.networks.simplified import simplified
from advspectra.perturb import build_attack
from advspectra.split import on_device
from advspectra.table import Column
from advspectra.training import train
from benchmarks.gpu.rows import Rows, seconds_left
from benchmarks.networks import NETWORKS
from benchmarks.training import RATE, one_epoch

SHAPE, CLASSES = (3, 32, 32), 10
EPSILON, REL_STEPSIZE = 8 / 255, 0.01  # steps so small that no image goes round: all of them are computed
COLUMNS = (
    Column("case", "case"),
    Column("precision", "precision"),
    Column("batch", "batch size"),
    Column("how", "how"),
    Column("per_second", "images (of attacks: image-steps) per second"),
    Column("tflops", "TFLOP/s"),
    Column("of_peak", "share of the matrix product"),
    Column("memory_gib", "peak memory, GiB"),
    Column("note", "note"),
)
SHALLOW = ("fully_connected-linear", "fully_connected-relu", "full_width-relu", "bounded_width_32-relu")
SHALLOW += ("locally_connected-relu",)
STACKED = 8  # seeds


@dataclass(frozen=True)
class Size:
    """How much is measured: widths of the deep networks, batch sizes, steps, side of the matrix."""

    width: float
    matrix: int
    training_batches: tuple[int, ...]
    attack_batches: tuple[int, ...]
    steps: int
    precisions: tuple[str, ...]
    shallow: tuple[str, ...]


SIZES = {
    "full": Size(1, 8192, (128, 512), (200, 512), 20, ("float32", "tf32", "bfloat16"), SHALLOW),
    "toy": Size(1 / 16, 512, (32,), (20,), 2, ("float32", "bfloat16"), SHALLOW[1:4:2]),
}


class Bench:
    """The device, how much is measured on it, and where the rows go."""

    def __init__(self, out: Path, device: torch.device, size: str):
        self.device, self.size, self.rows = device, SIZES[size], Rows(out, "rates", COLUMNS)
        self.peak: dict[str, float] = {}
        generator = np.random.default_rng(0)
        count = 3 * self.size.steps * max(*self.size.training_batches, 640)
        images, labels = generator.integers(0, 256, (count, *SHAPE), dtype=np.uint8), np.arange(count) % CLASSES
        self.split = on_device(images, labels, device)

    def seconds_for(self, steps: int, work: Callable[[int], object]) -> float:
        """Return the time that twice `steps` steps take, of three times less of once: without what starts them."""
        work(3)
        once, thrice = (self.seconds(partial(work, times * steps), warm_up=False) for times in (1, 3))
        return max(thrice - once, 1e-9)

    def seconds(self, work: Callable[[], object], *, warm_up: bool = True) -> float:
        """Return the time that `work` takes, after it has been done once."""
        if warm_up:
            work()
        self._wait()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        start = time.perf_counter()
        work()
        self._wait()
        return time.perf_counter() - start

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def add(self, case: str, name: str, seconds: float, *, images: float, flops: float = 0.0, **more) -> None:
        """Add a row; images : of the work timed; flops : of one of them, 0 if they do not count."""
        per_second = images / seconds
        row = {"case": case, "precision": name, "per_second": round(per_second, 1), **more}
        if flops:
            rate = per_second * flops / 1e12
            row |= {
                "tflops": round(rate, 2),
                "of_peak": round(rate / self.peak[name], 3) if name in self.peak else None,
            }
        if self.device.type == "cuda":
            row["memory_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
        self.rows.add(**row)

    def network(self, label: str, *, seed: int = 0) -> torch.nn.Module:
        """Return a new network of the benchmarks, deep ones at full width (on a CPU at a sixteenth)."""
        entry = NETWORKS[label]
        options = entry.options | ({"width": self.size.width} if "width" in entry.options else {})
        form = {"options": options, "image_shape": SHAPE, "classes": CLASSES, "activation": entry.activation}
        network = build_network(
            entry.architecture, **form, depth=entry.depth, alpha=1, alpha_scaling="plain", seed=seed
        )
        return network.to(self.device)

    def flops(self, network: torch.nn.Module, *, training: bool) -> float:
        """Return the operations for one image: forward and backward, to the weights or to the image.

        0 for networks whose operations do not count: an FFT, or an end-to-end map in place of the layers.
        """
        if isinstance(network, ShallowNetwork) and (
            isinstance(network.activation, torch.nn.Identity) or isinstance(network.hidden[0], CircularConv2d)
        ):
            return 0.0
        network = copy.deepcopy(network).eval().requires_grad_(training)
        inputs = torch.rand(2, *SHAPE, device=self.device, requires_grad=not training)
        with FlopCounterMode(display=False) as counter:
            network(inputs).sum().backward()
        return counter.get_total_flops() / 2


def matrix_product(bench: Bench) -> None:
    """Measure the peak of each precision, and of a copy within the memory."""
    side = bench.size.matrix
    one, other = (torch.randn(side, side, device=bench.device) for _ in range(2))
    for name in bench.size.precisions:
        with precision(bench.device, name), torch.no_grad():
            factors = [factor.bfloat16() if name == "bfloat16" else factor for factor in (one, other)]
            seconds = bench.seconds(lambda factors=factors: [torch.mm(*factors) for _ in range(10)]) / 10
        bench.peak[name] = 2 * side**3 / seconds / 1e12
        note = f"{side} x {side}"
        bench.rows.add(case="matrix product", precision=name, tflops=round(bench.peak[name], 2), note=note)
    seconds = bench.seconds(lambda: [other.copy_(one) for _ in range(10)]) / 10
    bench.rows.add(
        case="copy in memory", per_second=None, note=f"{2 * one.nbytes / seconds / 1e9:.0f} GB/s, read and written"
    )


def _train(bench: Bench, network: torch.nn.Module, *, batch: int, steps: int) -> None:
    """The library's loop over `steps` batches; the rate is small, as the timed steps go on from each other."""
    train(
        network,
        bench.split.subset(torch.arange(batch * steps, device=bench.device)),
        bench.split.subset(torch.arange(10, device=bench.device)),
        one_epoch(batch),
        learning_rate=RATE,
        seed=0,
    )


@contextlib.contextmanager
def _no_graphs() -> Iterator[None]:
    graphed, cuda_graph.GRAPHED = cuda_graph.GRAPHED, set()
    try:
        yield
    finally:
        cuda_graph.GRAPHED = graphed


@contextlib.contextmanager
def _fastest_algorithms() -> Iterator[None]:
    """cuDNN tries its algorithms, and may take such as give other bytes each time."""
    mode = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("default")
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)
        torch.backends.cudnn.benchmark = False


# what is changed of the library's own way
CONTEXTS = {"step by step": _no_graphs, "cudnn.benchmark": _fastest_algorithms}


def _steps(bench: Bench, label: str) -> int:
    return bench.size.steps * (5 if label in bench.size.shallow else 1)


def training(bench: Bench, label: str, name: str, batch: int, *, how: str = "library") -> None:
    """Time the library's training loop."""
    network, steps = bench.network(label), _steps(bench, label)
    if how == "contiguous":
        network.to(memory_format=torch.contiguous_format)
    with precision(bench.device, name), CONTEXTS.get(how, contextlib.nullcontext)():
        seconds = bench.seconds_for(steps, lambda steps: _train(bench, network, batch=batch, steps=steps))
    flops = bench.flops(network, training=True)
    bench.add(f"training {label}", name, seconds, images=2 * batch * steps, flops=flops, batch=batch, how=how)


def _data(bench: Bench, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    return bench.split.batch(slice(0, count))


def attack(bench: Bench, label: str, name: str, batch: int, *, how: str = "library") -> None:
    """Time PGD: ours, as a graph or step by step, or another library's on the network as it would see it."""
    network = bench.network(label).eval().requires_grad_(False)
    inputs, labels = _data(bench, batch)
    steps = _steps(bench, label)
    if how in ("Foolbox", "Foolbox, frozen", "Torchattacks"):
        network.to(memory_format=torch.contiguous_format).requires_grad_(how == "Foolbox")
        work = partial(_peer_attack, how, network, inputs, labels)
    else:
        network = simplified(network, SHAPE)
        if how == "contiguous":
            network = network.to(memory_format=torch.contiguous_format)
        work = partial(_our_attack, network, inputs, labels)
    with precision(bench.device, name), CONTEXTS.get(how, contextlib.nullcontext)():
        seconds = bench.seconds_for(steps, work)
    flops = bench.flops(network, training=False)
    bench.add(f"PGD {label}", name, seconds, images=2 * batch * steps, flops=flops, batch=batch, how=how)


def _parameters(steps: int) -> dict:
    return {"steps": steps, "rel_stepsize": REL_STEPSIZE, "random_start": True}


def _our_attack(network: torch.nn.Module, inputs: torch.Tensor, labels: torch.Tensor, steps: int) -> None:
    build_attack("linf_pgd", epsilon=EPSILON, parameters=_parameters(steps)).run(network, inputs, labels, NOTHING_KEPT)


def _peer_attack(peer: str, network: torch.nn.Module, inputs: torch.Tensor, labels: torch.Tensor, steps: int) -> None:
    if peer == "Torchattacks":
        import torchattacks

        torchattacks.PGD(network, eps=EPSILON, alpha=REL_STEPSIZE * EPSILON, steps=steps)(inputs, labels)
        return
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device=inputs.device)
    foolbox.attacks.LinfPGD(**_parameters(steps))(model, inputs, labels, epsilons=EPSILON)


def stacked(bench: Bench, label: str, seeds: int) -> None:
    """Time training steps of several seeds at once (torch.func), on the same images; on a GPU as one graph."""
    networks = [bench.network(label, seed=seed) for seed in range(seeds)]
    weights, buffers = stack_module_state(networks)
    weights = {key: value.detach() for key, value in weights.items()}
    velocities = {key: torch.zeros_like(value) for key, value in weights.items()}
    base = copy.deepcopy(networks[0])
    batch, steps = bench.size.training_batches[0], _steps(bench, label)
    inputs, labels = _data(bench, batch)

    def loss(weights, buffers):
        return functional.cross_entropy(functional_call(base, (weights, buffers), (inputs,)), labels)

    def step():
        gradients = vmap(grad(loss))(weights, buffers)
        for key, velocity in velocities.items():
            velocity.mul_(0.9).add_(gradients[key])
            weights[key].sub_(velocity, alpha=1e-5)

    replay = captured(step) if cuda_graph.possible(bench.device) else step
    seconds = bench.seconds(lambda: [replay() for _ in range(steps)])
    note = f"images of all {seeds} seeds"
    how = f"{seeds} seeds stacked" + (", one CUDA graph" if bench.device.type == "cuda" else "")
    flops = bench.flops(base, training=True)
    bench.add(
        f"training {label}",
        "float32",
        seconds,
        images=seeds * batch * steps,
        flops=flops,
        batch=batch,
        how=how,
        note=note,
    )


def cases(bench: Bench) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield what is measured, what matters most first: a name and the work."""
    size, cuda = bench.size, bench.device.type == "cuda"
    first_batch, first_attack = size.training_batches[0], size.attack_batches[0]
    yield "matrix product", partial(matrix_product, bench)
    for name in size.precisions:
        yield "training", partial(training, bench, "resnet18-relu", name, first_batch)
        yield "attack", partial(attack, bench, "resnet18-relu", name, first_attack)
    if cuda:
        for name in size.precisions:
            yield (
                "attack, step by step",
                partial(attack, bench, "resnet18-relu", name, first_attack, how="step by step"),
            )
    for how in ("Foolbox", "Foolbox, frozen", "Torchattacks"):
        yield how, partial(attack, bench, "resnet18-relu", "float32", first_attack, how=how)
    if cuda:
        for name in size.precisions:
            yield "training", partial(training, bench, "resnet18-relu", name, first_batch, how="step by step")
    for name in size.precisions[: 3 if cuda else 1]:
        yield "vgg19", partial(training, bench, "vgg19-relu", name, first_batch)
        yield "vgg19 attack", partial(attack, bench, "vgg19-relu", name, first_attack)
    for label in size.shallow:
        yield label, partial(training, bench, label, "float32", first_batch)
        if cuda:
            yield label, partial(training, bench, label, "float32", first_batch, how="step by step")
        yield label, partial(stacked, bench, label, STACKED)
        yield label, partial(attack, bench, label, "float32", first_attack)
        if cuda:
            yield label, partial(attack, bench, label, "float32", first_attack, how="step by step")
            yield label, partial(attack, bench, label, "float32", first_attack, how="Foolbox, frozen")
    for name in size.precisions if cuda else ():
        yield "layout", partial(training, bench, "resnet18-relu", name, first_batch, how="contiguous")
        yield "layout", partial(attack, bench, "resnet18-relu", name, first_attack, how="contiguous")
        yield "algorithms", partial(training, bench, "resnet18-relu", name, first_batch, how="cudnn.benchmark")
        for batch in size.training_batches[1:]:
            yield "batch", partial(training, bench, "resnet18-relu", name, batch)
        for batch in size.attack_batches[1:]:
            yield "batch", partial(attack, bench, "resnet18-relu", name, batch)


def main() -> None:
    """Measure case after case until the time is up; a case that fails is named."""
    bench = Bench(Path(sys.argv[1]), prepare(sys.argv[3], threads=1), sys.argv[4])
    for name, work in cases(bench):
        if seconds_left() < 3:
            bench.rows.add(case="no time was left for the cases from here on", note=name)
            break
        try:
            work()
        except Exception as error:  # whatever it is, the others are still to be measured
            bench.rows.add(
                case=name, note=f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"
            )
            if bench.device.type == "cuda":
                torch.cuda.empty_cache()


if __name__ == "__main__":
    main()
