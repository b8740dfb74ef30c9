"""Training by SGD as the paper does it: the loop, the rate schedule with its reset, checkpoints and the best epoch.

Source: Ortega Caro et al. (2020), Section B.3 and Table 5; what it leaves open stands in the configuration.
Inputs are pixels / 255, in [0, 1], neither standardised nor augmented.
"""

from collections.abc import Callable, Collection, Mapping
from functools import partial

import torch
from torch.nn import functional
from torch.optim.sgd import sgd
from tqdm import tqdm

from advspectra.checkpoint_file import State, Training
from advspectra.predictors import through_map
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
    loss, correct = 0.0, 0
    for start in range(0, len(split), batch_size):
        inputs, labels = split.batch(slice(start, start + batch_size))
        logits = network(inputs)
        loss += functional.cross_entropy(logits, labels, reduction="sum").item()
        correct += (logits.argmax(dim=1) == labels).sum().item()
    return loss / len(split), correct / len(split)


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
    Raises TrainingFailed naming the step and the rate when a loss is not finite or that demand is not met.
    """
    generator = torch.Generator().manual_seed(seed)
    judge = test_split
    if selection["by"] == "held_out":
        fraction = selection["held_out_fraction"]
        train_split, judge = split_held_out(train_split, fraction=fraction, generator=generator)
    model = through_map(network, image_shape=train_split.images.shape[1:]) if simplified else network
    parameters = list(network.parameters())
    velocities: list[torch.Tensor | None] = [None] * len(parameters)
    # torch.optim.SGD as a function: the class imports PyTorch's compiler, 2 s in each job. Fused: weights are read and
    # written once, and a step with 8 million of them takes 0.8 of the time. The kernel supposes that gradients lie in
    # memory as their weights do: those of backward() do, those of torch.autograd.grad need not.
    update = partial(
        sgd,
        fused=True,
        momentum=momentum,
        weight_decay=weight_decay,
        dampening=0,
        nesterov=False,
        maximize=False,
    )
    result = Training(learning_rate=learning_rate)
    steps_per_epoch = -(-len(train_split) // batch_size)
    if late := [step for step in checkpoints["steps"] if step > epochs * steps_per_epoch]:
        raise ValueError(f"checkpoint steps {late} lie after the last step, {epochs * steps_per_epoch}")

    def keep(name: str, step: int, epoch: int, test_accuracy: float) -> None:
        tensors = {key: value.detach().cpu().clone() for key, value in network.state_dict().items()}
        result.states[name] = State(step, epoch, test_accuracy, tensors)

    if 0 in checkpoints["steps"]:
        keep("step=0", 0, 0, evaluate(model, test_split)[1])
    best = -1.0
    bar = tqdm(total=epochs * steps_per_epoch, desc=label, unit="step", disable=None)
    with bar:
        for epoch in range(1, epochs + 1):
            rate = scheduled_rate(epoch - 1, maximum=learning_rate, **schedule)
            model.train()
            order = torch.randperm(len(train_split), generator=generator).to(train_split.labels.device)
            losses, correct = [], torch.zeros((), dtype=torch.int64, device=train_split.labels.device)
            for number, index in enumerate(order.split(batch_size), start=1):
                step = (epoch - 1) * steps_per_epoch + number
                inputs, labels = train_split.batch(index)
                logits = model(inputs)
                loss = functional.cross_entropy(logits, labels)
                network.zero_grad()
                loss.backward()
                with torch.no_grad():
                    update(parameters, [parameter.grad for parameter in parameters], velocities, lr=rate)
                losses.append(loss.detach() * len(index))
                correct += (logits.detach().argmax(dim=1) == labels).sum()
                if number % LOOK_EVERY == 0 or number == steps_per_epoch:
                    _require_finite(losses, last_step=step, epoch=epoch, rate=rate, maximum=learning_rate)
                # the last step's state is kept below: its epoch is evaluated in any case
                if step in checkpoints["steps"] and number < steps_per_epoch:
                    keep(f"step={step}", step, epoch, evaluate(model, test_split)[1])
                    model.train()
                bar.update()
            test_loss, test_accuracy = evaluate(model, test_split)
            chosen_by = test_accuracy if judge is test_split else evaluate(model, judge)[1]
            row = {
                "epoch": epoch,
                "step": epoch * steps_per_epoch,
                "learning_rate": rate,
                "train_loss": torch.stack(losses).sum().item() / len(train_split),
                "train_accuracy": correct.item() / len(train_split),
                "selection_accuracy": chosen_by,
                "test_loss": test_loss,
                "test_accuracy": test_accuracy,
            }
            result.history.append(row)
            report(", ".join(f"{name} {value:.6g}" for name, value in row.items()))
            bar.set_postfix(test_accuracy=f"{test_accuracy:.3f}")
            if chosen_by > best:
                best, result.best_epoch = chosen_by, epoch
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
