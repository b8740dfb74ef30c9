"""L-infinity PGD (Madry et al., 2018, arXiv 1706.06083) as Foolbox makes it, without iterates that are known already.

One step (sign of the gradient, projection, clipping) is a deterministic map on a finite set, the float32 images, so its
iterates end in a cycle: see advspectra.attacking.cycles. L2 PGD is left as it is: the length of its steps varies, and
no iterate comes back. On CUDA a step is one graph, and the processor looks at the images only where anchors move on.
"""

from collections.abc import Iterator
from functools import partial
from itertools import pairwise

import eagerpy
import foolbox
import torch
from foolbox.attacks.base import get_criterion, raise_if_kwargs, verify_input_bounds
from foolbox.criteria import Misclassification

from advspectra.attacking.cycles import anchors, close_cycles
from advspectra.attacking.pgd_graph import Graphs
from advspectra.attacking.resuming import Stage, chunk_count, resumed
from advspectra.attacks.foolbox import instance_of
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


def build(*, epsilon: float, parameters: dict) -> Attack:
    """The attack, ready to run.

    epsilon : largest magnitude of a perturbation, inputs in [0, 1]; parameters : arguments of Foolbox's class.
    Raises ValueError for arguments that it refuses.
    """
    pgd = instance_of(CycleDetectingLinfPGD, parameters, name="LinfPGD")

    def run(
        network: torch.nn.Module, inputs: torch.Tensor, labels: torch.Tensor, part: Part = NOTHING_KEPT
    ) -> torch.Tensor:
        model = foolbox.PyTorchModel(network, bounds=(0, 1), device=inputs.device)
        images = resumed(partial(pgd.stages, model, inputs, labels, epsilon), part, inputs.device)
        return pgd.distance.clip_perturbation(inputs, images, epsilon)  # as Foolbox does in the end

    return Attack(run=run, norm=float("inf"), epsilon=epsilon, loss="cross_entropy")


class CycleDetectingLinfPGD(foolbox.attacks.LinfProjectedGradientDescentAttack):
    """Foolbox's attack for PyTorch models: the same arguments and, up to rounding, the same images.

    A matrix product may round differently in a batch of another size, and batches shrink here as images are finished.
    """

    def run(self, model, inputs, criterion, *, epsilon, **kwargs):
        """The images after the last step, (N, C, H, W) like `inputs`; arguments as Foolbox's."""
        raise_if_kwargs(kwargs)
        criterion = get_criterion(criterion)
        if not isinstance(criterion, Misclassification):
            return super().run(model, inputs, criterion, epsilon=epsilon)
        x0, restore_type = eagerpy.astensor_(inputs)
        verify_input_bounds(x0, model)
        *_, (_, images) = self.iterates(model, x0, criterion.labels, epsilon)
        return restore_type(eagerpy.astensor(images))

    def iterates(
        self, model: foolbox.Model, inputs: eagerpy.Tensor, labels: eagerpy.Tensor, epsilon: float
    ) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield steps and the images after them, at growing distances; the last are the attack's result.

        An image in a cycle is yielded as it will be after the last step. The tensor is the same each time.
        """
        for stage in self.stages(model, inputs.raw, labels.raw, epsilon):
            if stage.facts["done"] == 0:
                yield stage.facts["first"], stage.images

    def stages(
        self,
        model: foolbox.Model,
        inputs: torch.Tensor,
        labels: torch.Tensor,
        epsilon: float,
        stage: Stage | None = None,
    ) -> Iterator[Stage]:
        """Yield the stages after the one given, or all.

        facts : all images have made the steps to the anchor `first`, or to their ends, and `done` chunks those to the
        next anchor; `size` is that of Graphs. end : (N,), the step after which an image is what it will be after the
        last step; moving : the indices of the images that are not there yet.
        """
        if stage:
            images, end, moving = stage.images, stage.tensors["end"], stage.tensors["moving"]
            begun, done = stage.facts["first"], stage.facts["done"]
            size = stage.facts.get("size", 0)
        else:
            images = self._start(model, inputs, epsilon)
            end = torch.full_like(labels, self.steps)
            moving = torch.arange(len(labels), device=labels.device)
            begun, done, size = 0, 0, 0
        graphs = Graphs(self, model, epsilon, size=size) if cuda_graph.possible(images.device) else None
        advance = graphs or partial(self._advance, model, epsilon)

        def now(first: int, done: int, share: float) -> Stage:
            facts = {"first": first, "done": done} | ({"size": graphs.size} if graphs else {})
            return Stage(images, {"end": end, "moving": moving}, facts, share)

        for first, last in pairwise(step for step in anchors(self.steps) if step >= begun):
            chunks = moving.tensor_split(chunk_count(len(moving), images.device)) if len(moving) else ()
            for number, index in list(enumerate(chunks, start=1))[done:]:
                advance(images, inputs, labels, end, index, range(first + 1, last + 1))
                if number < len(chunks):
                    share = (first + (last - first) * number / len(chunks)) / self.steps
                    yield now(first, number, share)
            moving, done = moving[end[moving] > last], 0
            yield now(last, 0, last / self.steps)

    def _start(self, model, inputs, epsilon) -> torch.Tensor:
        if not self.random_start:
            return inputs.clone()
        return eagerpy.clip(self.get_random_start(eagerpy.astensor(inputs), epsilon), *model.bounds).raw.clone()

    def _advance(self, model, epsilon, images, clean, labels, end, index, steps) -> None:
        """Take the images `index` through `steps`, the first of which starts at their anchors, or to their ends."""
        anchor, x0, y, stop = images[index], clean[index], labels[index], end[index]
        x = anchor
        for step in steps:
            x = self.step(model, x, x0, y, epsilon)
            close_cycles(x, anchor, stop, step=step, since=steps[0] - 1, steps=self.steps)
            finished = stop == step
            if finished.any():
                images[index[finished]] = x[finished]
                end[index] = stop
                rest = ~finished
                index, anchor, x, x0, y, stop = (part[rest] for part in (index, anchor, x, x0, y, stop))
                if not len(index):
                    return
        images[index], end[index] = x, stop

    def step(self, model, x, x0, labels, epsilon) -> torch.Tensor:
        """The next iterates, by the arithmetic of Foolbox's loop in fewer passes through the memory."""
        x = x.detach().requires_grad_()
        loss = self.get_loss_fn(model, eagerpy.astensor(labels))(eagerpy.astensor(x)).raw
        (gradient,) = torch.autograd.grad(loss, x)
        return self.moved(x.detach(), gradient, x0, epsilon, model.bounds)

    def moved(self, x, gradient, x0, epsilon, bounds) -> torch.Tensor:
        """The iterates `x` after a step along the gradient's sign, projected and clipped.

        gradient : overwritten. epsilon : a number, or (N, 1, 1, 1), one for each image.
        """
        stepsize = self.rel_stepsize * epsilon if self.abs_stepsize is None else self.abs_stepsize
        sign = gradient.sign_()
        x = torch.addcmul(x, sign, stepsize) if isinstance(stepsize, torch.Tensor) else x.add(sign, alpha=stepsize)
        return x.sub_(x0).clamp_(-epsilon, epsilon).add_(x0).clamp_(*bounds)
