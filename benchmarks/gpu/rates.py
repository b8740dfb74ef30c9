"""How many images a second, in which precision, batch size and memory layout, and what share of the device that is."""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import torch

from advspectra.machine.devices import prepare
from benchmarks.gpu.bench import Bench, matrix_product
from benchmarks.gpu.rows import seconds_left
from benchmarks.gpu.workloads import attack, stacked, training

STACKED = 8  # seeds


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
