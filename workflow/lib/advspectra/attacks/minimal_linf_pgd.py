"""The smallest epsilon at which L-infinity PGD succeeds, for each image, by bisection between 0 and the largest.

One attempt is the PGD of `linf_pgd` (Madry et al., 2018, arXiv 1706.06083), with an epsilon for each image. It succeeds
and ends with the first misclassified iterate, which may be the start. It fails after the last step, or where an iterate
comes back exactly, as nothing new follows. Iterates are float32: each is judged on the numbers that will be stored.

The search runs in float32 whatever the study's precision, because its results lie next to the boundary, and in another
precision the boundary is elsewhere (in tf32 a sixth to a third of those of ResNet18 were on the wrong side). Bisection
assumes that PGD which succeeds at one epsilon also succeeds at every larger one. Where that does not hold, the result
is an epsilon of success with one of failure at most the tolerance below it, but perhaps not the smallest.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch.nn import functional

from advspectra.attacking.cycles import anchors, close_cycles
from advspectra.attacking.resuming import in_chunks
from advspectra.attacks.foolbox import instance_of
from advspectra.attacks.linf_pgd import CycleDetectingLinfPGD
from advspectra.files.progress import Part
from advspectra.perturb import Attack

FINEST = 2.0**-23  # smallest tolerance: float32 numbers below 1 that lie as far apart have others between them

SPEC = {
    "options": {
        "epsilon": {
            "$ref": "#/$defs/fraction",
            "maximum": 1,
            "examples": ["32/255"],
            "description": "largest epsilon that is tried, in units of the pixel range [0, 1]",
        },
        "tolerance": {
            "$ref": "#/$defs/fraction",
            "examples": ["1/2550"],
            "description": "largest distance between the epsilon found and one at which PGD fails, below epsilon, in "
            "units of the pixel range",
        },
        "loss": {
            "enum": ["cross_entropy", "logit_difference"],
            "description": "what PGD ascends. cross_entropy: as Foolbox's. logit_difference: z_t - z_y for the true "
            "class y and each other t in turn, of which the smallest epsilon counts; exact for linear networks, where "
            "the gradient of the cross-entropy mixes the classes",
            "default": "cross_entropy",
        },
        "parameters": {
            "type": "object",
            "description": "arguments of foolbox.attacks.LinfPGD for one attempt: steps, rel_stepsize (of the epsilon "
            "tried) or abs_stepsize, random_start",
            "default": {},
        },
    },
    "required": ["epsilon", "tolerance"],
    "foolbox_class": "LinfPGD",
    "bisects": ["epsilon", "tolerance"],
    "in_turn": {"loss": "logit_difference"},
}


def build(*, epsilon: float, tolerance: float, loss: str, parameters: dict) -> Attack:
    """The attack, ready to run; epsilon, the largest, is its bound.

    Its result is the adversarial image at the smallest epsilon of success. An image that is misclassified already stays
    as it is. One without success is what it is after the last step at the largest epsilon, and counts as a failure.
    Raises ValueError for a tolerance that is not below epsilon or too fine for float32, and for parameters that
    Foolbox's class refuses.
    """
    if not FINEST <= tolerance < epsilon:
        raise ValueError(
            f"expected a tolerance of at least {FINEST:.2g} and below epsilon, {epsilon:g}; got {tolerance:g}"
        )
    search = Bisection(instance_of(CycleDetectingLinfPGD, parameters, name="LinfPGD"), epsilon, tolerance, loss)

    def run(network: torch.nn.Module, inputs: torch.Tensor, labels: torch.Tensor, part: Part) -> torch.Tensor:
        return in_chunks(partial(search.smallest, network), inputs, labels, part)

    return Attack(run=run, norm=float("inf"), epsilon=epsilon, precision="float32", loss=loss)


@dataclass(frozen=True)
class Bisection:
    """The search; names as in SPEC. clean : (N, C, H, W) float32 in [0, 1]. labels, target, epsilon : (N,)."""

    pgd: CycleDetectingLinfPGD
    epsilon: float
    tolerance: float
    loss: str

    def smallest(self, network: torch.nn.Module, clean: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The adversarial images at the smallest epsilon of success, (N, C, H, W); others as `build` says."""
        with torch.no_grad():
            logits = network(clean)
        images = clean.clone()
        smallest = torch.full_like(clean[:, 0, 0, 0], torch.inf)  # epsilon of success so far
        smallest[logits.argmax(dim=1) != labels] = 0

        def attempt(index, target, epsilon) -> tuple[torch.Tensor, torch.Tensor]:
            success, reached = self._attempt(network, clean[index], labels[index], target[index], epsilon[index])
            better = index[success]
            images[better], smallest[better] = reached[success], epsilon[better]
            return success, reached

        for number, target in enumerate(self._targets(logits, labels)):
            # another class than the first counts only where it is better by more than the tolerance
            epsilon, low = (smallest - self.tolerance).clamp(max=self.epsilon), torch.zeros_like(smallest)
            index = (epsilon > 0).nonzero().flatten()
            if len(index):
                success, reached = attempt(index, target, epsilon)
                if number == 0:
                    images[index] = reached
                index = index[success]
            while len(index := index[smallest[index] - low[index] > self.tolerance]):
                epsilon = (low + smallest) / 2
                success, _ = attempt(index, target, epsilon)
                low[index[~success]] = epsilon[index[~success]]
        return images

    def _targets(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The classes whose logits are to rise above the true one, near ones first, (T, N); T = 1 if unused."""
        if self.loss == "cross_entropy":
            return labels[None]
        order = logits.argsort(dim=1, descending=True)
        return order[order != labels[:, None]].view(len(labels), -1).T

    def _attempt(
        self,
        network: torch.nn.Module,
        clean: torch.Tensor,
        labels: torch.Tensor,
        target: torch.Tensor,
        epsilon: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Whether PGD succeeds, (N,), and the first iterate that is misclassified, or the last one, (N, C, H, W)."""
        bound, steps, marks = epsilon.view(-1, 1, 1, 1), self.pgd.steps, set(anchors(self.pgd.steps))
        x = clean
        if self.pgd.random_start:
            x = (clean + bound * (2 * torch.rand_like(clean) - 1)).clamp_(0, 1)
        images, success = torch.empty_like(clean), torch.zeros_like(labels, dtype=torch.bool)
        index, x0, y, t = torch.arange(len(labels), device=labels.device), clean, labels, target
        # `end`: the step after which an image is what it will be after the last one; with `anchor` as in linf_pgd
        end, anchor, since = torch.full_like(labels, steps), x, 0
        for step in range(steps + 1):
            close_cycles(x, anchor, end, step=step, since=since, steps=steps)
            if step in marks:
                anchor, since = x, step
            wrong, following = self._step(network, x, x0, y, t, bound)
            finished = wrong | (end == step)
            if finished.any():
                images[index[finished]], success[index[finished]] = x[finished], wrong[finished]
                rest = ~finished
                parts = (index, x0, y, t, end, bound, anchor, following)
                index, x0, y, t, end, bound, anchor, following = (part[rest] for part in parts)
                if not len(index):
                    break
            x = following
        return success, images

    def _step(self, network, x, x0, labels, target, bound) -> tuple[torch.Tensor, torch.Tensor]:
        """Which iterates are misclassified, (N,), and the next iterates."""
        x = x.detach().requires_grad_()
        logits = network(x)
        if self.loss == "cross_entropy":
            loss = functional.cross_entropy(logits, labels, reduction="sum")
        else:
            loss = (logits.gather(1, target[:, None]) - logits.gather(1, labels[:, None])).sum()
        (gradient,) = torch.autograd.grad(loss, x)
        return logits.argmax(dim=1) != labels, self.pgd.moved(x.detach(), gradient, x0, bound, (0, 1))
