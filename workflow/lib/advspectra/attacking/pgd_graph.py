"""A step of L-infinity PGD as one CUDA graph."""

import foolbox
import torch

from advspectra.attacking.cycles import equal_images
from advspectra.machine import cuda_graph

# A graph is of one number of images; fewer are filled up to it while they are this share of it.
FILLED = 0.75


class Graphs:
    """Called as the method `_advance` of a CycleDetectingLinfPGD, with each step one graph that also finds cycles.

    Images whose end is known stay in the batch, going round, until the anchors move on: no step waits for the CPU.
    size : of its last batches; given to the Graphs of a resumed attack, it goes on in batches of the same size.
    """

    def __init__(self, attack, model: foolbox.Model, epsilon: float, *, size: int = 0):
        self._attack, self._model, self._epsilon, self.size = attack, model, epsilon, size
        self._replay = None

    def __call__(self, images, clean, labels, end, index, steps) -> None:
        count, fits = len(index), FILLED * self.size <= len(index) <= self.size
        self.size = self.size if fits else count
        batch = index[torch.arange(self.size, device=index.device) % count]  # filled up with the first ones
        if not (fits and self._replay):
            self._capture(clean[batch], labels[batch])
        for held, given in ((self._x, images), (self._x0, clean), (self._labels, labels), (self._end, end)):
            held.copy_(given[batch])
        self._anchor.copy_(self._x)
        self._step.fill_(steps[0] - 1)
        self._since.copy_(self._step)
        for _ in steps:
            self._replay()
        # moving images are what they are now, the others what they were at their end
        going = (self._end > steps[-1])[:, None, None, None]
        images[index] = torch.where(going, self._x, self._finished)[:count]
        end[index] = self._end[:count]

    def _capture(self, clean: torch.Tensor, labels: torch.Tensor) -> None:
        self._replay = None  # frees its memory for the new one
        self._x0, self._labels = clean.clone(), labels.clone()
        self._x, self._anchor, self._finished = clean.clone(), clean.clone(), clean.clone()
        self._end = torch.full_like(labels, self._attack.steps)
        self._step, self._since = labels.new_zeros(()), labels.new_zeros(())
        self._replay = cuda_graph.captured(self._one_step)

    def _one_step(self) -> None:
        """As the body of CycleDetectingLinfPGD._advance, but no image leaves the batch."""
        attack, step = self._attack, self._step
        self._x.copy_(attack.step(self._model, self._x, self._x0, self._labels, self._epsilon))
        step.add_(1)
        period = step - self._since
        returned = equal_images(self._x, self._anchor) & (self._end == attack.steps) & (period % 2 == 0)
        self._end.copy_(torch.where(returned, step + (attack.steps - step) % period, self._end))
        self._finished.copy_(torch.where((self._end == step)[:, None, None, None], self._x, self._finished))
