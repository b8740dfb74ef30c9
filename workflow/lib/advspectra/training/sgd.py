"""Steps of SGD with momentum on a split of images. On CUDA a step is one graph, which gives the same numbers.

Without a graph, PyTorch launches a few hundred kernels for each step. On an H100 the launches take twice as long as the
arithmetic of ResNet18 in tf32, and ten times as long as that of a shallow network.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.sgd import sgd

from advspectra.machine import cuda_graph
from advspectra.split import Split
from advspectra.streams import stream
from advspectra.training.augmentation import Augmentation, changed

NONE = Augmentation()


class Steps:
    """The steps of one training.

    network : its `trained_parameters` are trained. model : computes its logits; the network itself, or a shorter way to
    them. velocities : of these parameters, in their order, None before its first gradient and without momentum; kept up
    to date. seed : of the augmentation, and of what the network draws in training (dropout), as the first step shows.
    Each step has a stream of its own, so a resumed training needs no state of a generator. What the network draws
    depends on the kind of device.
    """

    def __init__(
        self,
        network: nn.Module,
        model: nn.Module,
        split: Split,
        velocities: list[Tensor | None],
        *,
        batch_size: int,
        momentum: float,
        weight_decay: float,
        seed: int,
        augmentation: Augmentation = NONE,
    ):
        self._network, self._model, self._split, self._velocities = network, model, split, velocities
        self._parameters = trained_parameters(network)
        # torch.optim.SGD as a function: importing the class imports PyTorch's compiler, 2 s in each job. Fused: weights
        # are read and written once, and a step with 8 million of them takes 0.8 of the time. The kernel requires each
        # gradient in the memory layout of its weights: backward() keeps it, torch.autograd.grad need not.
        options = {"dampening": 0, "nesterov": False, "maximize": False}
        self._update = partial(sgd, fused=True, momentum=momentum, weight_decay=weight_decay, **options)
        self._size, self._begun, self._rate = batch_size, False, None
        self._draws, self._seed, self._augmentation = False, seed, augmentation
        self._graphed = cuda_graph.possible(split.images.device)  # a graph reads the images from the device

    def make(self, index: Tensor, rate: float, *, step: int) -> tuple[Tensor, Tensor]:
        """Make a step on the images `index`, (B,), in training mode: the sum of their losses, and how many were right.

        Both stay on the device: to read them after each step would stall it. step : the number of steps before it.
        """
        changes = None
        if self._augmentation:
            changes = self._augmentation.drawn(len(index), seed=self._seed, step=step).to(index.device)
        if self._draws or not self._begun:  # the first step creates the velocities
            with _drawing(self._split.labels.device, seed=stream(self._seed, f"dropout of step {step}")) as drew:
                outcome = self._step(index, changes, rate)
                self._draws, self._begun = self._draws or drew(), True
            return outcome
        if not (self._graphed and len(index) == self._size):
            return self._step(index, changes, rate)
        if rate != self._rate:
            self._capture(index, changes, rate)
        self._index.copy_(index)
        if changes is not None:
            self._changes.copy_(changes)
        self._replay()
        return self._outcome[0].clone(), self._outcome[1].clone()

    def _step(self, index: Tensor, changes: Tensor | None, rate: float) -> tuple[Tensor, Tensor]:
        inputs, labels = self._split.batch(index)
        if changes is not None:
            inputs = changed(inputs, changes)
        logits = self._model(inputs)
        loss = functional.cross_entropy(logits, labels)
        self._network.zero_grad()
        loss.backward()
        # without a gradient, as of a layer that is not used, a parameter stays as it is
        given = [place for place, one in enumerate(self._parameters) if one.grad is not None]
        with torch.no_grad():
            for begun in (True, False):  # apart, as PyTorch updates only parameters with a velocity, or only others
                places = [place for place in given if (self._velocities[place] is not None) == begun]
                parameters, velocities = ([of[one] for one in places] for of in (self._parameters, self._velocities))
                self._update(parameters, [one.grad for one in parameters], velocities, lr=rate)
                for place, velocity in zip(places, velocities, strict=True):
                    self._velocities[place] = velocity
        return loss.detach() * len(index), (logits.detach().argmax(dim=1) == labels).sum()

    def _capture(self, index: Tensor, changes: Tensor | None, rate: float) -> None:
        trained = [
            *self._parameters,
            *self._network.buffers(),
            *(velocity for velocity in self._velocities if velocity is not None),
        ]
        kept = [tensor.detach().clone() for tensor in trained]
        self._replay, self._outcome = None, None  # frees their memory for the new ones
        self._index, self._rate = index.clone(), rate
        self._changes = None if changes is None else changes.clone()

        def step():
            self._outcome = self._step(self._index, self._changes, rate)

        self._replay = cuda_graph.captured(step)
        with torch.no_grad():  # the runs before the capture are not part of the training
            for tensor, value in zip(trained, kept, strict=True):
                tensor.copy_(value)


def trained_parameters(network: nn.Module) -> list[nn.Parameter]:
    """The parameters of a network that are trained: all but those that require no gradient."""
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


@contextmanager
def _drawing(device: torch.device, *, seed: int) -> Iterator[Callable[[], bool]]:
    """PyTorch's generators draw from `seed`; afterwards those of the CPU and of `device` go on where they were.

    Yields a function that says whether they have drawn.
    """
    devices = [] if device.type == "cpu" else [device.index or 0]
    with torch.random.fork_rng(devices, device_type="cuda" if device.type == "cpu" else device.type):
        torch.manual_seed(seed)
        before = _state(device)
        yield lambda: not torch.equal(_state(device), before)


def _state(device: torch.device) -> Tensor:
    """The states of PyTorch's generators of the CPU and of `device`, bytes."""
    states = [torch.get_rng_state()]
    if device.type != "cpu":
        states.append(torch.get_device_module(device).get_rng_state())
    return torch.cat(states)
