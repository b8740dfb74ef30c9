"""Foolbox's L-infinity PGD, which computes no iterate that is already known.

One step (sign of the gradient, projection, clipping) is a deterministic map on a finite set, the float32 images. So an
iterate that comes back exactly closes a cycle, and the iterate after the last step is the one of its phase in that
cycle. Cycles of PGD: Doldo et al. (2025), arXiv 2503.19347; comparison with an anchor that moves on at growing
distances: Brent (1980), BIT 20:176. L2 PGD is left as it is: its steps have lengths of their own, nothing comes back.
On CUDA a step is one graph, and the processor looks at the images only where their anchors move on.
"""

from collections.abc import Iterator
from itertools import pairwise

import eagerpy
import foolbox
import torch
from foolbox.attacks.base import get_criterion, raise_if_kwargs, verify_input_bounds
from foolbox.criteria import Misclassification

from advspectra.attacks.foolbox import attack_of, instance_of
from advspectra.files.progress import NOTHING_KEPT, Part
from advspectra.machine import cuda_graph
from advspectra.perturb import Attack

SPEC = {
    "options": {
        "epsilon": {
            "$ref": "#/$defs/fraction",
            "maximum": 1,
            "description": "largest magnitude of a perturbation, in units of the pixel range [0, 1], such as 8/255 "
            "(Table 6)",
        },
        "parameters": {
            "type": "object",
            "description": "arguments of foolbox.attacks.LinfPGD: steps, rel_stepsize or abs_stepsize, random_start",
            "default": {},
        },
    },
    "required": ["epsilon"],
    "foolbox_class": "LinfPGD",
}

# Images stepped together, by device type; others all that there are. On a CPU 96 to 128 were the fastest or within 12 %
# of it for eight networks, from one matrix (400 at once: 1.5 times as long) to ResNet18. On a GPU 512 images need 10 GB
# with ResNet18 at full width.
CHUNK = {"cpu": 128, "cuda": 512}
# A graph is of one number of images; fewer are filled up to it while they are this share of it.
FILLED = 0.75


def build(*, epsilon: float, parameters: dict) -> Attack:
    """Return the attack, ready to run.

    epsilon : largest magnitude of a perturbation, inputs in [0, 1]; parameters : arguments of Foolbox's class.
    Raises ValueError for arguments that it refuses.
    """
    return attack_of(instance_of(CycleDetectingLinfPGD, parameters, name="LinfPGD"), epsilon, keeps=True)


class CycleDetectingLinfPGD(foolbox.attacks.LinfProjectedGradientDescentAttack):
    """Foolbox's attack for PyTorch models: the same arguments and, up to rounding, the same images.

    A matrix product may round differently in a batch of another size, and batches shrink here as images are finished.
    """

    def run(self, model, inputs, criterion, *, epsilon, part=NOTHING_KEPT, **kwargs):
        """Return the images after the last step, (N, C, H, W) like `inputs`; arguments as Foolbox's, but for `part`,
        where unfinished work is kept.
        """
        raise_if_kwargs(kwargs)
        criterion = get_criterion(criterion)
        if not isinstance(criterion, Misclassification):
            return super().run(model, inputs, criterion, epsilon=epsilon)
        x0, restore_type = eagerpy.astensor_(inputs)
        verify_input_bounds(x0, model)
        *_, (_, images) = self.iterates(model, x0, criterion.labels, epsilon, part)
        return restore_type(eagerpy.astensor(images))

    def iterates(
        self,
        model: foolbox.Model,
        inputs: eagerpy.Tensor,
        labels: eagerpy.Tensor,
        epsilon: float,
        part: Part = NOTHING_KEPT,
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield steps and the images after them, at growing distances; the last are the attack's result.

        An image in a cycle is yielded as it will be after the last step. The tensor is the same each time. Where `part`
        has kept an unfinished attack, the steps that it has made are not yielded again.
        """
        x = eagerpy.clip(self.get_random_start(inputs, epsilon), *model.bounds) if self.random_start else inputs
        images, clean, y = x.raw.clone(), inputs.raw, labels.raw
        size = CHUNK.get(images.device.type, len(images))
        graphs = _Graphs(self, model, epsilon) if cuda_graph.possible(images.device) else None
        # the step after which an image is what it will be after the last step
        end = torch.full_like(y, self.steps)
        moving, start, done = torch.arange(len(y), device=y.device), 0, 0
        if kept := part.load():
            images, end, moving = (kept[0][name].to(y.device) for name in ("images", "end", "moving"))
            start, done = kept[1]["first"], kept[1]["done"]
        for first, last in pairwise(anchors(self.steps)):
            if first < start:
                continue
            chunks = moving.tensor_split(-(-len(moving) // size)) if len(moving) else ()
            for number, index in list(enumerate(chunks, start=1))[done:]:
                steps = range(first + 1, last + 1)
                if graphs:
                    graphs.advance(images, clean, y, end, index, steps)
                else:
                    self._advance(model, images, clean, y, end, index, steps, epsilon)
                if part.due():
                    part.save({"images": images, "end": end, "moving": moving}, first=first, done=number)
                part.tell((first + (last - first) * number / len(chunks)) / self.steps)
            moving, done = moving[end[moving] > last], 0
            yield last, images

    def _advance(self, model, images, clean, labels, end, index, steps, epsilon) -> None:
        """Take the images `index` through `steps`, the first of which starts at their anchors, or to their ends."""
        anchor, x0, y, stop = images[index], clean[index], labels[index], end[index]
        x = anchor
        for step in steps:
            x = self._step(model, x, x0, y, epsilon)
            self.close_cycles(x, anchor, stop, step=step, since=steps[0] - 1)
            finished = stop == step
            if finished.any():
                images[index[finished]] = x[finished]
                end[index] = stop
                rest = ~finished
                index, anchor, x, x0, y, stop = (part[rest] for part in (index, anchor, x, x0, y, stop))
                if not len(index):
                    return
        images[index], end[index] = x, stop

    def close_cycles(self, x, anchor, end, *, step: int, since: int) -> None:
        """Set `end`, (N,), of the iterates that are back at `anchor`: the step after which they are the last ones.

        x : iterates after `step`; anchor : those after the step `since`.
        """
        period = step - since
        # every second step: a cycle of odd length is also one of twice that
        if period > 0 and period % 2 == 0:
            returned = equal_images(x, anchor) & (end == self.steps)
            end[returned] = step + (self.steps - step) % period

    def _step(self, model, x, x0, labels, epsilon) -> torch.Tensor:
        """Return the next iterates; the arithmetic of Foolbox's loop, in fewer passes through the memory."""
        x = x.detach().requires_grad_()
        loss = self.get_loss_fn(model, eagerpy.astensor(labels))(eagerpy.astensor(x)).raw
        (gradient,) = torch.autograd.grad(loss, x)
        return self.moved(x.detach(), gradient, x0, epsilon, model.bounds)

    def moved(self, x, gradient, x0, epsilon, bounds) -> torch.Tensor:
        """Return the iterates `x` after a step along the gradient's sign, projected and clipped.

        gradient : overwritten. epsilon : a number, or (N, 1, 1, 1), one for each image.
        """
        stepsize = self.rel_stepsize * epsilon if self.abs_stepsize is None else self.abs_stepsize
        sign = gradient.sign_()
        x = torch.addcmul(x, sign, stepsize) if isinstance(stepsize, torch.Tensor) else x.add(sign, alpha=stepsize)
        return x.sub_(x0).clamp_(-epsilon, epsilon).add_(x0).clamp_(*bounds)


class _Graphs:
    """The steps of an attack on CUDA, each of them one graph, which also finds cycles and keeps what is finished.

    Images that are finished stay in the batch, going round, until the anchors move on: no step waits for the processor.
    """

    def __init__(self, attack: CycleDetectingLinfPGD, model: foolbox.Model, epsilon: float):
        self._attack, self._model, self._epsilon = attack, model, epsilon
        self._size = 0

    def advance(self, images, clean, labels, end, index, steps) -> None:
        """As CycleDetectingLinfPGD._advance."""
        if not FILLED * self._size <= len(index) <= self._size:
            self._capture(clean[index], labels[index])
        count = len(index)
        batch = index[torch.arange(self._size, device=index.device) % count]  # the first ones again, to fill it up
        for held, given in ((self._x, images), (self._x0, clean), (self._labels, labels), (self._end, end)):
            held.copy_(given[batch])
        self._anchor.copy_(self._x)
        self._step.fill_(steps[0] - 1)
        self._since.copy_(self._step)
        for _ in steps:
            self._replay()
        # those that go on are what they are now, the others what they were at their end
        going = (self._end > steps[-1])[:, None, None, None]
        images[index] = torch.where(going, self._x, self._finished)[:count]
        end[index] = self._end[:count]

    def _capture(self, clean: torch.Tensor, labels: torch.Tensor) -> None:
        self._replay = None  # its memory is free for the new one
        self._size = len(labels)
        self._x0, self._labels = clean.clone(), labels.clone()
        self._x, self._anchor, self._finished = clean.clone(), clean.clone(), clean.clone()
        self._end = torch.full_like(labels, self._attack.steps)
        self._step, self._since = labels.new_zeros(()), labels.new_zeros(())
        self._replay = cuda_graph.captured(self._one_step)

    def _one_step(self) -> None:
        """As the body of CycleDetectingLinfPGD._advance, but for the images that leave the batch."""
        attack, step = self._attack, self._step
        self._x.copy_(attack._step(self._model, self._x, self._x0, self._labels, self._epsilon))
        step.add_(1)
        period = step - self._since
        returned = equal_images(self._x, self._anchor) & (self._end == attack.steps) & (period % 2 == 0)
        self._end.copy_(torch.where(returned, step + (attack.steps - step) % period, self._end))
        self._finished.copy_(torch.where((self._end == step)[:, None, None, None], self._x, self._finished))


def equal_images(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return which images, (N, C, H, W), are equal in every value, (N,) bool."""
    # the largest difference, 0 for equal floats alone, is several times faster than (one == other).all(dim=1)
    return (one - other).flatten(1).abs_().amax(dim=1) == 0


def anchors(steps: int) -> list[int]:
    """Return the steps whose iterates are compared with those that follow, from 0 to `steps`.

    A cycle is found if it is no longer than the distance between two of them, which grows with the step, so that every
    length is met in time. By an eighth and not by Brent's doubling: a 3x3 network with ReLU then computes 0.106 of its
    1000 steps, where 0.099 lie before the first return and doubling takes 0.135 (fully connected: 0.473, 0.460, 0.544).
    """
    found = [0]
    while found[-1] < steps:
        found.append(min(steps, found[-1] + max(8, found[-1] // 8)))
    return found
