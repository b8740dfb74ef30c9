"""Training by SGD as the paper does it: the loop, the rate schedule with its reset, checkpoints and the best epoch.

Source: Ortega Caro et al. (2020), Section B.3 and Table 5; what it leaves open stands in the configuration.
Inputs are pixels / 255, in [0, 1], neither standardised nor augmented.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import torch
from torch.nn import functional

from advspectra.files.checkpoints import Checkpoint, Training
from advspectra.files.progress import NO_PROGRESS, Part, Progress
from advspectra.machine.countdown import Countdown
from advspectra.networks.end_to_end import through_map
from advspectra.sgd import Steps
from advspectra.split import Split

# how many steps' losses wait on the device before they are looked at: a look at each would stall a GPU
LOOK_EVERY = 50


class TrainingFailed(ValueError):
    """Training went wrong visibly: a loss that is not finite, or accuracy at chance."""


def scheduled_rate(epoch: int, *, maximum: float, factor: float, every: int, reset_at: int | None) -> float:
    """Return the learning rate in `epoch` (counted from 0).

    maximum * factor^(epochs since the start or the reset // every): a drop each `every` epochs, back to the maximum at
    epoch `reset_at`. Source: Section B.3; `every` = 4 from the authors' notebooks.
    """
    since = epoch - reset_at if reset_at is not None and epoch >= reset_at else epoch
    return maximum * factor ** (since // every)


def split_held_out(train: Split, *, fraction: float, generator: torch.Generator) -> tuple[Split, Split]:
    """Return the training set without, and only, a random `fraction` of its images."""
    order = torch.randperm(len(train), generator=generator).to(train.labels.device)
    count = round(len(train) * fraction)
    if not 0 < count < len(train):
        raise ValueError(f"holding out {fraction} of {len(train)} training images leaves one part empty")
    held, kept = order[:count].sort().values, order[count:].sort().values
    return train.subset(kept), train.subset(held)


@torch.no_grad()
def evaluate(network: torch.nn.Module, split: Split, *, batch_size: int = 500) -> tuple[float, float]:
    """Return the mean cross-entropy (nats) and the accuracy (fraction) of the network in inference mode."""
    network.eval()
    losses, correct = [], []
    for start in range(0, len(split), batch_size):
        inputs, labels = split.batch(slice(start, start + batch_size))
        logits = network(inputs)
        losses.append(functional.cross_entropy(logits, labels, reduction="sum"))
        correct.append((logits.argmax(dim=1) == labels).sum())
    # looked at in the end: a look at each batch would stall a GPU
    return sum(torch.stack(losses).tolist()) / len(split), sum(torch.stack(correct).tolist()) / len(split)


@dataclass
class Unfinished:
    """Where a training stands after `done` steps of `epoch`: all that the rest of it depends on.

    velocities : of the parameters, in their order; None without momentum and before the first step. order : state of
    the generator that draws the order of the images, before it drew that of this epoch. losses, correct : of the steps
    of this epoch. best : the highest accuracy so far.
    """

    network: torch.nn.Module
    result: Training
    velocities: list[torch.Tensor | None]
    epoch: int = 1
    done: int = 0
    best: float = -1.0
    order: torch.Tensor | None = None
    losses: list[torch.Tensor] = field(default_factory=list)
    correct: torch.Tensor = field(default_factory=lambda: torch.zeros((), dtype=torch.int64))

    def save(self, part: Part) -> None:
        """Keep it, with what the training has found so far."""
        states = self.result.checkpoints.items()
        tensors = {
            "order": self.order,
            "losses": torch.stack(self.losses),
            "correct": self.correct,
            **{f"network/{key}": tensor for key, tensor in self.network.state_dict().items()},
            **{f"velocities/{place}": one for place, one in enumerate(self.velocities) if one is not None},
            **{f"states/{name}/{key}": tensor for name, state in states for key, tensor in state.tensors.items()},
        }
        places = {name: (state.step, state.epoch, state.test_accuracy) for name, state in states}
        found = {"states": places, "history": self.result.history, "best_epoch": self.result.best_epoch}
        part.save(tensors, epoch=self.epoch, done=self.done, best=self.best, **found)

    def resume(self, part: Part) -> bool:
        """Put everything back as it was kept; return whether there was anything."""
        if (kept := part.load()) is None:
            return False
        tensors, facts = kept

        def below(folder: str) -> dict[str, torch.Tensor]:
            # in the network's order, in which they are written
            return {key: tensors[f"{folder}/{key}"] for key in self.network.state_dict()}

        self.epoch, self.done, self.best = facts["epoch"], facts["done"], facts["best"]
        device = next(self.network.parameters()).device
        self.order, self.correct = tensors["order"], tensors["correct"].to(device)
        self.losses = list(tensors["losses"].to(device))
        self.network.load_state_dict(below("network"))
        for place, parameter in enumerate(self.network.parameters()):
            if (kept_velocity := tensors.get(f"velocities/{place}")) is not None:
                # in memory as its parameter lies there, which the fused update supposes
                self.velocities[place] = torch.empty_like(parameter).copy_(kept_velocity)
        self.result.history[:], self.result.best_epoch = facts["history"], facts["best_epoch"]
        for name, place in facts["states"].items():
            self.result.checkpoints[name] = Checkpoint(*place, below(f"states/{name}"))
        return True


def train(
    network: torch.nn.Module,
    train_split: Split,
    test_split: Split,
    *,
    learning_rate: float,
    epochs: int,
    batch_size: int,
    momentum: float,
    weight_decay: float,
    schedule: Mapping,
    selection: Mapping,
    checkpoints: Mapping[str, Collection[int]],
    simplified: bool,
    seed: int,
    minimum_accuracy: float = 0.0,
    patience: int = 0,
    label: str = "",
    report: Callable[[str], None] = lambda line: None,
    progress: Progress = NO_PROGRESS,
) -> Training:
    """Train `network` in place and return its states, history and best epoch.

    schedule : factor, every, reset_at of `scheduled_rate`.
    selection : by "test" picks the best epoch by test accuracy (the paper's choice), by "held_out" by accuracy on
        `held_out_fraction` of the training set, which is then not trained on. The earliest of equals wins; the
        initialisation is no candidate.
    checkpoints : steps and epochs, the states kept as "step=<n>" (after n updates; 0 is the initialisation) and
        "epoch=<n>" (after n epochs), besides "best", each with its accuracy on the whole test set.
    simplified : train a linear network through its end-to-end map, which gives the weights that training layer by layer
        gives, up to rounding. Other networks are trained layer by layer in any case.
    seed : of the order of the images, drawn on the CPU so that it is the same on every device.
    minimum_accuracy, patience : the training accuracy that every epoch from `patience` on must exceed (0: none).
    progress : where an unfinished training is kept, after any step, and from where it goes on, to the same result.
    Raises TrainingFailed naming the step and the rate when a loss is not finite or that demand is not met.
    """
    generator = torch.Generator().manual_seed(seed)
    judge = test_split
    if selection["by"] == "held_out":
        fraction = selection["held_out_fraction"]
        train_split, judge = split_held_out(train_split, fraction=fraction, generator=generator)
    model = through_map(network, image_shape=train_split.images.shape[1:]) if simplified else network
    result = Training(learning_rate=learning_rate)
    so_far = Unfinished(network, result, velocities=[None for _ in network.parameters()])
    sizes = {"batch_size": batch_size, "momentum": momentum, "weight_decay": weight_decay}
    steps = Steps(network, model, train_split, so_far.velocities, **sizes)
    part = progress.part(f"learning_rate={learning_rate!r}")
    steps_per_epoch = -(-len(train_split) // batch_size)
    if late := [step for step in checkpoints["steps"] if step > epochs * steps_per_epoch]:
        raise ValueError(f"checkpoint steps {late} lie after the last step, {epochs * steps_per_epoch}")

    def keep(name: str, step: int, epoch: int, test_accuracy: float) -> None:
        tensors = {key: value.detach().cpu().clone() for key, value in network.state_dict().items()}
        result.checkpoints[name] = Checkpoint(step, epoch, test_accuracy, tensors)

    if so_far.resume(part):
        report(f"goes on after step {(so_far.epoch - 1) * steps_per_epoch + so_far.done}")
        generator.set_state(so_far.order)
    elif 0 in checkpoints["steps"]:
        keep("step=0", 0, 0, evaluate(model, test_split)[1])
    device = train_split.labels.device
    done = (so_far.epoch - 1) * steps_per_epoch + so_far.done
    with Countdown(epochs * steps_per_epoch, label=label, unit="step", done=done, report=report) as countdown:
        for epoch in range(so_far.epoch, epochs + 1):
            rate = scheduled_rate(epoch - 1, maximum=learning_rate, **schedule)
            model.train()
            so_far.epoch, so_far.order = epoch, generator.get_state()
            order = torch.randperm(len(train_split), generator=generator).to(device)
            for number, index in list(enumerate(order.split(batch_size), start=1))[so_far.done :]:
                step = (epoch - 1) * steps_per_epoch + number
                loss, correct = steps.make(index, rate)
                so_far.losses.append(loss)
                so_far.correct = so_far.correct + correct
                so_far.done = number
                if number % LOOK_EVERY == 0 or number == steps_per_epoch:
                    _require_finite(so_far.losses, last_step=step, epoch=epoch, rate=rate, maximum=learning_rate)
                # the last step's state is kept below: its epoch is evaluated in any case
                if step in checkpoints["steps"] and number < steps_per_epoch:
                    keep(f"step={step}", step, epoch, evaluate(model, test_split)[1])
                    model.train()
                if part.due():
                    so_far.save(part)
                countdown.add()
            test_loss, test_accuracy = evaluate(model, test_split)
            if not math.isfinite(test_loss):
                raise TrainingFailed(
                    f"training diverged in epoch {epoch}: the loss of the test images is not finite at learning rate "
                    f"{rate:g}; try {learning_rate / 10:g}"
                )
            chosen_by = test_accuracy if judge is test_split else evaluate(model, judge)[1]
            row = {
                "epoch": epoch,
                "step": epoch * steps_per_epoch,
                "learning_rate": rate,
                "train_loss": torch.stack(so_far.losses).sum().item() / len(train_split),
                "train_accuracy": so_far.correct.item() / len(train_split),
                "selection_accuracy": chosen_by,
                "test_loss": test_loss,
                "test_accuracy": test_accuracy,
            }
            result.history.append(row)
            report(", ".join(f"{name} {value:.6g}" for name, value in row.items()))
            countdown.bar.set_postfix(test_accuracy=f"{test_accuracy:.3f}")
            if chosen_by > so_far.best:
                so_far.best, result.best_epoch = chosen_by, epoch
                keep("best", row["step"], epoch, test_accuracy)
            if row["step"] in checkpoints["steps"]:
                keep(f"step={row['step']}", row["step"], epoch, test_accuracy)
            if epoch in checkpoints["epochs"]:
                keep(f"epoch={epoch}", row["step"], epoch, test_accuracy)
            if 0 < patience <= epoch and row["train_accuracy"] <= minimum_accuracy:
                raise TrainingFailed(
                    f"training is at chance after epoch {epoch}: training accuracy {row['train_accuracy']:.4f} at "
                    f"learning rate {learning_rate:g}; try {learning_rate / 10:g}"
                )
            so_far.done, so_far.losses, so_far.correct = 0, [], torch.zeros_like(so_far.correct)
    return result


def _require_finite(losses: list, *, last_step: int, epoch: int, rate: float, maximum: float) -> None:
    recent = torch.stack(losses[-LOOK_EVERY:])
    if not torch.isfinite(recent).all():
        first = last_step - len(recent) + 1 + int(torch.isfinite(recent).logical_not().nonzero()[0, 0])
        raise TrainingFailed(
            f"training diverged at step {first} (epoch {epoch}): the loss is not finite at learning rate {rate:g}; "
            f"try {maximum / 10:g}"
        )


def fit(
    build: Callable[[], torch.nn.Module],
    train_split: Split,
    test_split: Split,
    *,
    learning_rate: float | str,
    search: Mapping | None,
    **settings,
) -> Training:
    """Return the training of a new network at the rate given, or at the first that does not fail visibly.

    build : makes the network, with the same initial weights at each call, on the device of the images.
    learning_rate : a number, or "search" for the paper's procedure (Section B.3: "starting from a base learning rate of
        0.1, and then, if there were visible failures during training (most commonly, the model converging to chance
        performance), we adjusted the learning rate up/down by a factor of 10 or 50").
    search : None for a number, else base and divisors, the rates base/divisor being tried in their order;
        chance_margin and patience: a try is at chance when its training accuracy in epoch `patience` or later is within
        the margin (fraction) of 1/classes.
    settings : of `train`. Every try of a search, with its outcome, stands in the result's `tries`.
    Raises TrainingFailed, naming each rate and its failure.
    """
    if learning_rate != "search":
        return train(build(), train_split, test_split, learning_rate=learning_rate, **settings)
    chance = 1 / (int(test_split.labels.max()) + 1)
    demand = {"minimum_accuracy": chance + search["chance_margin"], "patience": search["patience"]}
    tries: list[dict[str, float | str]] = []
    for rate in (search["base"] / divisor for divisor in search["divisors"]):
        try:
            result = train(build(), train_split, test_split, learning_rate=rate, **demand, **settings)
        except TrainingFailed as failure:
            tries.append({"learning_rate": rate, "outcome": str(failure)})
            continue
        result.tries = [*tries, {"learning_rate": rate, "outcome": "trained"}]
        return result
    raise TrainingFailed("every learning rate failed: " + "; ".join(str(one["outcome"]) for one in tries))
