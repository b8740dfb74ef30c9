"""What a training leaves (checkpoints, history, best epoch), and its saved progress, from which it resumes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import torch

from advspectra.files.checkpoints import Checkpoint, Training
from advspectra.files.progress import Part
from advspectra.training.sgd import trained_parameters


def checkpoint(network: torch.nn.Module, *, step: int, epoch: int, test_accuracy: float) -> Checkpoint:
    """Copy the network's weights and buffers to the CPU."""
    tensors = {key: value.detach().cpu().clone() for key, value in network.state_dict().items()}
    return Checkpoint(step, epoch, test_accuracy, tensors)


@dataclass
class Recorder:
    """The record of one training, which has made `done` steps of `epoch`; epoch 0 is the initialisation.

    network : only `resume` writes to it. result : what the training leaves. kept : `checkpoints` of
    the recipe. part : where the progress is saved. order : state of the generator that draws the order of the images,
    before it drew that of this epoch. losses, correct : sums over the images of each step, and of all steps, of this
    epoch. best : the highest accuracy so far. velocities : of the parameters that are trained, in their order; None
    without momentum and before its first gradient.
    """

    network: torch.nn.Module
    result: Training
    kept: Mapping[str, Collection[int]]
    steps_per_epoch: int
    part: Part
    epoch: int = 0
    done: int = 0
    best: float = -1.0
    order: torch.Tensor | None = None
    losses: list[torch.Tensor] = field(default_factory=list)
    correct: torch.Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.int64))
    velocities: list[torch.Tensor | None] = field(init=False)

    def __post_init__(self):
        self.velocities = [None for _ in trained_parameters(self.network)]

    @property
    def step(self) -> int:
        """The number of steps made since the initialisation."""
        return max(0, self.epoch - 1) * self.steps_per_epoch + self.done

    def begin(self, epoch: int, order: torch.Tensor) -> None:
        """Begin an epoch, or resume the one that is unfinished."""
        if epoch != self.epoch:
            self.epoch, self.done, self.losses, self.correct = epoch, 0, [], torch.zeros_like(self.correct)
        self.order = order

    def add(self, loss: torch.Tensor, correct: torch.Tensor) -> None:
        """Record a step: the sum of its images' losses, and how many it classified correctly."""
        self.losses.append(loss)
        self.correct = self.correct + correct
        self.done += 1

    def wants_step(self) -> bool:
        """Whether to keep a checkpoint now, inside an epoch; `end` keeps that of an epoch's last step."""
        return self.step in self.kept["steps"] and self.done < self.steps_per_epoch

    def keep(self, name: str, test_accuracy: float) -> None:
        self.result.checkpoints[name] = checkpoint(
            self.network, step=self.step, epoch=self.epoch, test_accuracy=test_accuracy
        )

    def end(self, row: dict[str, float], *, accuracy: float) -> None:
        """Record the history row of the epoch just made; accuracy : chooses the best epoch, the earliest of equals."""
        self.result.history.append(row)
        if accuracy > self.best:
            self.best, self.result.best_epoch = accuracy, self.epoch
            self.keep("best", row["test_accuracy"])
        for unit, count in (("step", self.step), ("epoch", self.epoch)):
            if count in self.kept[f"{unit}s"]:
                self.keep(f"{unit}={count}", row["test_accuracy"])

    def save_if_due(self) -> None:
        """Save everything that the rest of the training depends on, if it is time to."""
        if not self.part.due():
            return
        checkpoints = self.result.checkpoints.items()
        velocities = enumerate(self.velocities)
        tensors = {
            "order": self.order,
            "losses": torch.stack(self.losses),
            "correct": self.correct,
            **{f"network/{key}": tensor for key, tensor in self.network.state_dict().items()},
            **{f"velocities/{index}": velocity for index, velocity in velocities if velocity is not None},
            **{f"states/{name}/{key}": tensor for name, kept in checkpoints for key, tensor in kept.tensors.items()},
        }
        states = {name: (kept.step, kept.epoch, kept.test_accuracy) for name, kept in checkpoints}
        record = {"states": states, "history": self.result.history, "best_epoch": self.result.best_epoch}
        self.part.save(tensors, epoch=self.epoch, done=self.done, best=self.best, **record)

    def resume(self) -> bool:
        """Restore what was saved; False if there was nothing."""
        if (saved := self.part.load()) is None:
            return False
        tensors, facts = saved

        def below(group: str) -> dict[str, torch.Tensor]:
            # in the network's order, in which they are written
            return {key: tensors[f"{group}/{key}"] for key in self.network.state_dict()}

        self.epoch, self.done, self.best = facts["epoch"], facts["done"], facts["best"]
        device = next(self.network.parameters()).device
        self.order, self.correct = tensors["order"], tensors["correct"].to(device)
        self.losses = list(tensors["losses"].to(device))
        self.network.load_state_dict(below("network"))
        for index, parameter in enumerate(trained_parameters(self.network)):
            if (velocity := tensors.get(f"velocities/{index}")) is not None:
                # in the parameter's memory layout, which the fused update requires
                self.velocities[index] = torch.empty_like(parameter).copy_(velocity)
        self.result.history[:], self.result.best_epoch = facts["history"], facts["best_epoch"]
        for name, facts_of_it in facts["states"].items():
            self.result.checkpoints[name] = Checkpoint(*facts_of_it, below(f"states/{name}"))
        return True
