"""The timed work: steps of training and of PGD, by the library and by its peers, and of several seeds at once."""

import contextlib
import copy
from collections.abc import Iterator
from functools import partial

import foolbox
import torch
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional

from advspectra.files.progress import NOTHING_KEPT
from advspectra.machine import cuda_graph
from advspectra.machine.cuda_graph import captured
from advspectra.machine.devices import precision
from advspectra.networks.simplified import simplified
from advspectra.perturb import build_attack
from advspectra.training.train import train
from benchmarks.gpu.bench import SHAPE, Bench
from benchmarks.training import RATE, one_epoch

EPSILON, REL_STEPSIZE = 8 / 255, 0.01  # steps so small that no image goes round: all of them are computed


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
