"""The training loop against plain PyTorch, its schedule against the paper's words, and its failures."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from advspectra.split import Split, on_device
from advspectra.training import TrainingFailed, evaluate, fit, scheduled_rate, split_held_out, train

SETTINGS = {
    "epochs": 3,
    "batch_size": 16,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "schedule": {"factor": 0.3, "every": 1, "reset_at": 2},
    "selection": {"by": "test", "held_out_fraction": 0},
    "checkpoints": {"steps": [0, 2], "epochs": [1, 3]},
    "seed": 3,
}
SEARCH = {"base": 1000.0, "divisors": [1, 10, 1e5], "chance_margin": 0.02, "patience": 1}


def toy_split(count=50, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    images = rng.integers(0, 100, (count, 1, 4, 4)) + 100 * labels[:, None, None, None]
    return on_device(images.astype(np.uint8), labels, torch.device("cpu"))


def toy_network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 2))


def test_the_loop_is_plain_sgd_on_pixels_over_255():
    data, network = toy_split(), toy_network()
    result = train(network, data, toy_split(20, 1), learning_rate=0.1, **SETTINGS)

    plain = toy_network()
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9)
    generator = torch.Generator().manual_seed(3)
    for rate in (0.1, 0.03, 0.1):  # a drop after one epoch, back to the maximum after two
        optimizer.param_groups[0]["lr"] = rate
        order = torch.randperm(50, generator=generator)
        for start in range(0, 50, 16):
            index = order[start : start + 16]
            optimizer.zero_grad()
            functional.cross_entropy(plain(data.images[index] / 255), data.labels[index]).backward()
            optimizer.step()
    torch.testing.assert_close(network.state_dict(), plain.state_dict(), rtol=0, atol=0)
    assert [row["learning_rate"] for row in result.history] == pytest.approx([0.1, 0.03, 0.1])


def test_the_rate_drops_every_fourth_epoch_and_returns_to_the_maximum_at_epoch_20():
    rates = [scheduled_rate(epoch, maximum=0.01, factor=0.3, every=4, reset_at=20) for epoch in range(40)]
    expected = [0.01 * 0.3 ** (epoch % 20 // 4) for epoch in range(40)]
    assert rates == pytest.approx(expected)
    assert scheduled_rate(20, maximum=0.01, factor=0.3, every=4, reset_at=None) == pytest.approx(0.01 * 0.3**5)


def test_states_are_kept_where_they_were_asked_for():
    network = toy_network()
    start = {key: value.clone() for key, value in network.state_dict().items()}
    result = train(network, toy_split(), toy_split(20, 1), learning_rate=0.1, **SETTINGS)
    assert set(result.states) == {"step=0", "step=2", "epoch=1", "epoch=3", "best"}
    assert [(state.step, state.epoch) for name, state in sorted(result.states.items()) if name != "best"] == [
        (4, 1),
        (12, 3),
        (0, 0),
        (2, 1),
    ]
    torch.testing.assert_close(result.states["step=0"].tensors, start, rtol=0, atol=0)
    torch.testing.assert_close(result.states["epoch=3"].tensors, dict(network.state_dict()), rtol=0, atol=0)


def test_the_best_epoch_is_the_earliest_with_the_highest_accuracy_and_its_state_is_kept():
    result = train(toy_network(), toy_split(), toy_split(20, 1), learning_rate=0.1, **SETTINGS)
    accuracies = [row["test_accuracy"] for row in result.history]
    assert result.best_epoch == 1 + accuracies.index(max(accuracies))
    network = toy_network()
    network.load_state_dict(result.states["best"].tensors)
    assert evaluate(network, toy_split(20, 1))[1] == max(accuracies)


def test_a_held_out_part_is_never_trained_on_and_selects():
    data = toy_split(50)
    kept, held = split_held_out(data, fraction=0.2, generator=torch.Generator().manual_seed(3))
    assert len(kept) == 40 and len(held) == 10
    rows = {tuple(image.flatten().tolist()) for image in kept.images} | {
        tuple(image.flatten().tolist()) for image in held.images
    }
    assert rows == {tuple(image.flatten().tolist()) for image in data.images}
    settings = SETTINGS | {"selection": {"by": "held_out", "held_out_fraction": 0.2}}
    result = train(toy_network(), data, toy_split(20, 1), learning_rate=0.1, **settings)
    assert result.history[0]["step"] == 3  # 40 images in batches of 16
    network = toy_network()
    network.load_state_dict(result.states["epoch=3"].tensors)
    assert evaluate(network, held)[1] == result.history[2]["selection_accuracy"]


@pytest.mark.parametrize("fraction", [0.001, 1.0])
def test_holding_out_nothing_or_everything_is_refused(fraction):
    with pytest.raises(ValueError, match="leaves one part empty"):
        split_held_out(toy_split(50), fraction=fraction, generator=torch.Generator())


class Exploding(nn.Linear):
    """Logits that stop being finite at the forward pass number `at` in training mode."""

    def __init__(self, at):
        super().__init__(16, 2)
        self.left = at

    def forward(self, inputs):
        self.left -= self.training
        return super().forward(inputs.flatten(1)) * (float("inf") if self.left <= 0 else 1.0)


@pytest.mark.parametrize("step", [1, 6, 12])
def test_a_diverged_run_says_at_which_step_and_what_rate_to_try(step):
    with pytest.raises(TrainingFailed, match=rf"at step {step} \(epoch {(step + 3) // 4}\).*rate 0.1.*try 0.01"):
        train(Exploding(step), toy_split(), toy_split(20, 1), learning_rate=0.1, **SETTINGS | {"schedule": FLAT})


FLAT = {"factor": 1.0, "every": 1, "reset_at": None}


def test_the_search_takes_the_first_rate_that_trains_and_records_every_try():
    labels_of_noise = toy_split()
    result = fit(toy_network, labels_of_noise, toy_split(20, 1), learning_rate="search", search=SEARCH, **SETTINGS)
    outcomes = [one["outcome"] for one in result.tries]
    assert [one["learning_rate"] for one in result.tries] == [1000.0, 100.0, 0.01][: len(outcomes)]
    assert outcomes[-1] == "trained" and result.learning_rate == result.tries[-1]["learning_rate"]
    fixed = fit(
        toy_network, labels_of_noise, toy_split(20, 1), learning_rate=result.learning_rate, search=SEARCH, **SETTINGS
    )
    assert fixed.history == result.history  # the tries before left no trace


def test_a_search_without_success_names_every_failure():
    constant = Split(torch.zeros(40, 1, 4, 4, dtype=torch.uint8), torch.arange(40) % 2)
    with pytest.raises(TrainingFailed, match="every learning rate failed.*rate 1000;.*rate 100;.*rate 0.01;"):
        fit(toy_network, constant, constant, learning_rate="search", search=SEARCH | {"chance_margin": 0.2}, **SETTINGS)


def test_a_checkpoint_after_the_end_is_refused_before_training():
    with pytest.raises(ValueError, match=r"\[13\] lie after the last step, 12"):
        train(
            toy_network(),
            toy_split(),
            toy_split(20, 1),
            learning_rate=0.1,
            **SETTINGS | {"checkpoints": {"steps": [13], "epochs": []}},
        )
