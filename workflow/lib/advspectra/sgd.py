"""Steps of SGD with momentum on a split of images; on CUDA each is one graph, which gives the same numbers.

A loop of PyTorch's launches a few hundred kernels for a step: on an H100 that takes twice as long as ResNet18 does in
tf32, and ten times as long as a shallow network does.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.sgd import sgd

from advspectra.machine import cuda_graph
from advspectra.split import Split


class Steps:
    """The steps of one training.

    network : whose parameters are trained; model : computes its logits, the network itself or a shorter way.
    velocities : of the parameters, in their order, None before the first step and without momentum; kept up to date.
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
    ):
        self._network, self._model, self._split, self._velocities = network, model, split, velocities
        self._parameters = list(network.parameters())
        # torch.optim.SGD as a function: the class imports PyTorch's compiler, 2 s in each job. Fused: weights are read
        # and written once, and a step with 8 million of them takes 0.8 of the time. The kernel supposes that gradients
        # lie in memory as their weights do: those of backward() do, those of torch.autograd.grad need not.
        options = {"dampening": 0, "nesterov": False, "maximize": False}
        self._update = partial(sgd, fused=True, momentum=momentum, weight_decay=weight_decay, **options)
        self._size, self._begun, self._rate = batch_size, False, None
        # a graph reads images where they lie, and draws no random numbers
        self._graphed = cuda_graph.possible(split.images.device) and not _draws(network)

    def make(self, index: Tensor, rate: float) -> tuple[Tensor, Tensor]:
        """Make a step on the images `index`, (B,), in training mode; return the sum of their losses and of the hits.

        Both stay on the device: a look at each would stall it.
        """
        if not (self._graphed and self._begun and len(index) == self._size):
            self._begun = True  # the first step makes the velocities
            return self._step(index, rate)
        if rate != self._rate:
            self._capture(index, rate)
        self._index.copy_(index)
        self._replay()
        return self._found[0].clone(), self._found[1].clone()

    def _step(self, index: Tensor, rate: float) -> tuple[Tensor, Tensor]:
        inputs, labels = self._split.batch(index)
        logits = self._model(inputs)
        loss = functional.cross_entropy(logits, labels)
        self._network.zero_grad()
        loss.backward()
        with torch.no_grad():
            self._update(
                self._parameters, [parameter.grad for parameter in self._parameters], self._velocities, lr=rate
            )
        return loss.detach() * len(index), (logits.detach().argmax(dim=1) == labels).sum()

    def _capture(self, index: Tensor, rate: float) -> None:
        changed = [*self._parameters, *self._network.buffers(), *(one for one in self._velocities if one is not None)]
        kept = [tensor.detach().clone() for tensor in changed]
        self._replay, self._found = None, None  # their memory is free for the new ones
        self._index, self._rate = index.clone(), rate

        def step():
            self._found = self._step(self._index, rate)

        self._replay = cuda_graph.captured(step)
        with torch.no_grad():  # the runs before the capture were none of the training
            for tensor, value in zip(changed, kept, strict=True):
                tensor.copy_(value)


def _draws(network: nn.Module) -> bool:
    """Return whether the network draws random numbers in training."""
    return any(isinstance(layer, nn.modules.dropout._DropoutNd) for layer in network.modules())
