"""What rates are measured with: the device, sizes, data, networks, clock and rows; and the matrix product as the floor.

The floor of a rate: the operations of its matrix products and convolutions, over what a large matrix product of the
same precision makes in a second on this device.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from advspectra.layers import CircularConv2d, ShallowNetwork
from advspectra.machine.devices import precision
from advspectra.networks.build import build_network
from advspectra.split import on_device
from advspectra.table import Column
from benchmarks.gpu.rows import Rows
from benchmarks.networks import NETWORKS, operations

SHAPE, CLASSES = (3, 32, 32), 10
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
        """The time of twice `steps` steps: that of three times, less that of once, so without what starts them."""
        work(3)
        once, thrice = (self.seconds(partial(work, times * steps), warm_up=False) for times in (1, 3))
        return max(thrice - once, 1e-9)

    def seconds(self, work: Callable[[], object], *, warm_up: bool = True) -> float:
        """The time that `work` takes, after it has been done once."""
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
        """A new network of the benchmarks, deep ones at full width (on a CPU at a sixteenth)."""
        entry = NETWORKS[label]
        options = entry.options | ({"width": self.size.width} if "width" in entry.options else {})
        form = {"options": options, "image_shape": SHAPE, "classes": CLASSES, "activation": entry.activation}
        network = build_network(
            entry.architecture, **form, depth=entry.depth, alpha=1, alpha_scaling="plain", seed=seed
        )
        return network.to(self.device)

    def flops(self, network: torch.nn.Module, *, training: bool) -> float:
        """The operations for one image: forward and backward, to the weights or to the image.

        0 for networks whose operations do not count: an FFT, or an end-to-end map in place of the layers.
        """
        if isinstance(network, ShallowNetwork) and (
            isinstance(network.activation, torch.nn.Identity) or isinstance(network.hidden[0], CircularConv2d)
        ):
            return 0.0
        return operations(network, SHAPE, training=training)


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
