"""Training by SGD as the paper does it: the loop, and the search for a rate.

Source: Ortega Caro et al. (2020), Section B.3 and Table 5; what the paper leaves open stands in the configuration.
Inputs are pixels / 255, in [0, 1], not standardised, and augmented only where a recipe says so.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch.nn import functional

from advspectra.files.checkpoints import Training
from advspectra.files.progress import NO_PROGRESS, Progress
from advspectra.machine.countdown import Countdown
from advspectra.networks.end_to_end import through_map
from advspectra.split import Split
from advspectra.streams import stream
from advspectra.training.recipe import Recipe
from advspectra.training.recorder import Recorder
from advspectra.training.sgd import Steps

# steps between two checks that the losses are finite: to read each one would stall a GPU
LOOK_EVERY = 50
# images evaluated at once, fewer of those that are larger than 3 x 32 x 32: no more values
EVALUATED, EVALUATED_VALUES = 500, 500 * 3 * 32 * 32


class TrainingFailed(ValueError):
    """Training went wrong visibly: a loss that is not finite, or accuracy at chance."""


def split_held_out(train: Split, *, fraction: float, generator: torch.Generator) -> tuple[Split, Split]:
    """Split off a random `fraction` of the images: the others, in their order, and these."""
    order = torch.randperm(len(train), generator=generator).to(train.labels.device)
    count = round(len(train) * fraction)
    if not 0 < count < len(train):
        raise ValueError(f"holding out {fraction} of {len(train)} training images leaves one part empty")
    held, kept = order[:count].sort().values, order[count:].sort().values
    return train.subset(kept), train.subset(held)


@torch.no_grad()
def evaluate(network: torch.nn.Module, split: Split) -> tuple[float, float]:
    """Mean cross-entropy (nats) and accuracy (fraction) of the network, which is put in inference mode."""
    network.eval()
    losses, correct = [], []
    batch_size = max(1, min(EVALUATED, EVALUATED_VALUES // split.images[0].numel()))
    for start in range(0, len(split), batch_size):
        inputs, labels = split.batch(slice(start, start + batch_size))
        logits = network(inputs)
        losses.append(functional.cross_entropy(logits, labels, reduction="sum"))
        correct.append((logits.argmax(dim=1) == labels).sum())
    # read at the end: to read each batch's would stall a GPU
    return sum(torch.stack(losses).tolist()) / len(split), sum(torch.stack(correct).tolist()) / len(split)


def train(
    network: torch.nn.Module,
    train_split: Split,
    test_split: Split,
    recipe: Recipe,
    *,
    learning_rate: float,
    seed: int,
    minimum_accuracy: float = 0.0,
    patience: int = 0,
    label: str = "",
    report: Callable[[str], None] = lambda line: None,
    progress: Progress = NO_PROGRESS,
) -> Training:
    """Train `network` in place.

    seed : of the order of the images and of augmentation, drawn on the CPU so that they are the same on every device,
        and of dropout.
    minimum_accuracy, patience : the training accuracy that every epoch from `patience` on must exceed (0: none).
    progress : where the unfinished training is saved, after any step; a killed training resumes to the same result.
    Raises TrainingFailed naming the step and the rate when a loss is not finite or an epoch is not accurate enough.
    """
    generator = torch.Generator().manual_seed(stream(seed, "order of the images"))
    train_split, judge = _trained_and_judging(train_split, test_split, recipe.selection, generator)
    model = through_map(network, image_shape=train_split.images.shape[1:]) if recipe.simplified else network
    steps_per_epoch = -(-len(train_split) // recipe.batch_size)
    total = recipe.epochs * steps_per_epoch
    if late := [step for step in recipe.checkpoints["steps"] if step > total]:
        raise ValueError(f"checkpoint steps {late} lie after the last step, {total}")
    part = progress.part(f"learning_rate={learning_rate!r}")
    recorder = Recorder(network, Training(learning_rate=learning_rate), recipe.checkpoints, steps_per_epoch, part)
    steps = Steps(network, model, train_split, recorder.velocities, seed=seed, **recipe.of_a_step)

    if recorder.resume():
        report(f"resumes after step {recorder.step}")
        generator.set_state(recorder.order)
    elif 0 in recipe.checkpoints["steps"]:
        recorder.keep("step=0", evaluate(model, test_split)[1])
    with Countdown(total, label=label, unit="step", done=recorder.step, report=report) as countdown:
        for epoch in range(max(1, recorder.epoch), recipe.epochs + 1):
            rate = recipe.rate(epoch - 1, learning_rate)
            recorder.begin(epoch, generator.get_state())
            order = torch.randperm(len(train_split), generator=generator).to(train_split.labels.device)
            model.train()
            for index in order.split(recipe.batch_size)[recorder.done :]:
                recorder.add(*steps.make(index, rate, step=recorder.step))
                if recorder.done % LOOK_EVERY == 0 or recorder.done == steps_per_epoch:
                    _require_finite(recorder, rate)
                if recorder.wants_step():
                    recorder.keep(f"step={recorder.step}", evaluate(model, test_split)[1])
                    model.train()
                recorder.save_if_due()
                countdown.add()
            row = _judged(recorder, model, test_split, judge, rate=rate, images=len(train_split))
            report(", ".join(f"{name} {value:.6g}" for name, value in row.items()))
            countdown.bar.set_postfix(test_accuracy=f"{row['test_accuracy']:.3f}")
            if 0 < patience <= epoch:
                _require_above(minimum_accuracy, row, learning_rate)
    return recorder.result


def _trained_and_judging(
    train_split: Split, test_split: Split, selection: Mapping, generator: torch.Generator
) -> tuple[Split, Split]:
    """The images to train on, and those whose accuracy chooses the best epoch."""
    if selection["by"] != "held_out":
        return train_split, test_split
    return split_held_out(train_split, fraction=selection["held_out_fraction"], generator=generator)


def _judged(
    recorder: Recorder, model: torch.nn.Module, test_split: Split, judge: Split, *, rate: float, images: int
) -> dict[str, float]:
    """Evaluate and record the epoch just made; its history row. judge : chooses the best epoch."""
    test_loss, test_accuracy = evaluate(model, test_split)
    if not math.isfinite(test_loss):
        raise TrainingFailed(
            f"training diverged in epoch {recorder.epoch}: the loss of the test images is not finite at learning rate "
            f"{rate:g}; try {recorder.result.learning_rate / 10:g}"
        )
    accuracy = test_accuracy if judge is test_split else evaluate(model, judge)[1]
    row = {
        "epoch": recorder.epoch,
        "step": recorder.step,
        "learning_rate": rate,
        "train_loss": torch.stack(recorder.losses).sum().item() / images,
        "train_accuracy": recorder.correct.item() / images,
        "selection_accuracy": accuracy,
        "test_loss": test_loss,
        "test_accuracy": test_accuracy,
    }
    recorder.end(row, accuracy=accuracy)
    return row


def _require_finite(recorder: Recorder, rate: float) -> None:
    recent = torch.stack(recorder.losses[-LOOK_EVERY:])
    if not torch.isfinite(recent).all():
        first = recorder.step - len(recent) + 1 + int(torch.isfinite(recent).logical_not().nonzero()[0, 0])
        raise TrainingFailed(
            f"training diverged at step {first} (epoch {recorder.epoch}): the loss is not finite at learning rate "
            f"{rate:g}; try {recorder.result.learning_rate / 10:g}"
        )


def _require_above(minimum_accuracy: float, row: Mapping[str, float], maximum: float) -> None:
    if row["train_accuracy"] <= minimum_accuracy:
        raise TrainingFailed(
            f"training is at chance after epoch {row['epoch']}: training accuracy {row['train_accuracy']:.4f} at "
            f"learning rate {maximum:g}; try {maximum / 10:g}"
        )


def fit(
    build: Callable[[], torch.nn.Module],
    train_split: Split,
    test_split: Split,
    recipe: Recipe,
    *,
    learning_rate: float | str,
    search: Mapping | None,
    seed: int,
    label: str = "",
    report: Callable[[str], None] = lambda line: None,
    progress: Progress = NO_PROGRESS,
) -> Training:
    """Train a new network at the rate given, or at the first rate that does not fail visibly.

    build : makes the network, with the same initial weights at each call, on the device of the images.
    learning_rate : a number, or "search" for the paper's procedure (Section B.3: "starting from a base learning rate of
        0.1, and then, if there were visible failures during training (most commonly, the model converging to chance
        performance), we adjusted the learning rate up/down by a factor of 10 or 50").
    search : None for a number, otherwise base and divisors: the rates base/divisor are tried in their order;
        chance_margin and patience: a try is at chance when its training accuracy in epoch `patience` or later is within
        the margin (fraction) of the share of the most frequent class.
    seed, label, report, progress : see `train`. The result's `tries` lists every try of a search with its outcome.
    Raises TrainingFailed, naming each rate and its failure.
    """
    about = {"seed": seed, "label": label, "report": report, "progress": progress}

    def attempt(rate: float, **demand) -> Training:
        return train(build(), train_split, test_split, recipe, learning_rate=rate, **demand, **about)

    if learning_rate != "search":
        return attempt(learning_rate)
    chance = train_split.labels.bincount().max().item() / len(train_split)
    margin = min(search["chance_margin"], (1 - chance) / 2)  # what is all but one class leaves less room
    demand = {"minimum_accuracy": chance + margin, "patience": search["patience"]}
    tries: list[dict[str, float | str]] = []
    for rate in (search["base"] / divisor for divisor in search["divisors"]):
        try:
            result = attempt(rate, **demand)
        except TrainingFailed as failure:
            tries.append({"learning_rate": rate, "outcome": str(failure)})
            continue
        result.tries = [*tries, {"learning_rate": rate, "outcome": "trained"}]
        return result
    raise TrainingFailed("every learning rate failed: " + "; ".join(str(one["outcome"]) for one in tries))
