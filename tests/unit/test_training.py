"""The training loop against plain PyTorch, its schedule against the paper's words, and its failures."""

import numpy as np
import pytest
import torch
from recipes import fit, train
from torch import nn
from torch.nn import functional

from advspectra.networks.build import build_network
from advspectra.split import Split, on_device
from advspectra.streams import stream
from advspectra.training.recipe import scheduled_rate
from advspectra.training.train import TrainingFailed, evaluate, split_held_out

SETTINGS = {
    "epochs": 3,
    "batch_size": 16,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "schedule": {"factor": 0.3, "every": 1, "reset_at": 2},
    "selection": {"by": "test", "held_out_fraction": 0},
    "checkpoints": {"steps": [0, 2], "epochs": [1, 3]},
    "simplified": True,
    "seed": 3,
}
SEARCH = {"base": 1000.0, "divisors": [1, 10, 1e3], "chance_margin": 0.02, "patience": 2}


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
    generator = torch.Generator().manual_seed(stream(3, "order of the images"))
    for rate in (0.1, 0.03, 0.1):  # a drop after one epoch, back to the maximum after two
        optimizer.param_groups[0]["lr"] = rate
        order = torch.randperm(50, generator=generator)
        for start in range(0, 50, 16):
            index = order[start : start + 16]
            optimizer.zero_grad()
            functional.cross_entropy(plain(data.images[index] / 255), data.labels[index]).backward()
            optimizer.step()
    torch.testing.assert_close(network.state_dict(), plain.state_dict(), rtol=0, atol=1e-7)  # some units in last place
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
    assert set(result.checkpoints) == {"step=0", "step=2", "epoch=1", "epoch=3", "best"}
    assert [(state.step, state.epoch) for name, state in sorted(result.checkpoints.items()) if name != "best"] == [
        (4, 1),
        (12, 3),
        (0, 0),
        (2, 1),
    ]
    best = result.checkpoints["best"]
    assert (best.step, best.epoch) == (4 * result.best_epoch, result.best_epoch)
    torch.testing.assert_close(result.checkpoints["step=0"].tensors, start, rtol=0, atol=0)
    torch.testing.assert_close(result.checkpoints["epoch=3"].tensors, dict(network.state_dict()), rtol=0, atol=0)


class Normalised(nn.Module):
    """Batch normalisation, whose inference mode differs from its training mode, and dropout, which draws numbers."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 2))

    def forward(self, inputs):
        return self.layers(inputs)


@pytest.mark.parametrize("build", [toy_network, Normalised])
def test_each_kept_state_has_its_accuracy_on_the_whole_test_set(build):
    # 4 steps an epoch: in the middle of one, at the end of one, and at the end of the last
    settings = SETTINGS | {"checkpoints": {"steps": [0, 1, 3, 4, 6, 12], "epochs": [2]}}
    test = toy_split(1300, 1)  # several batches of the evaluation
    result = train(build(), toy_split(), test, learning_rate=0.5, **settings)
    assert set(result.checkpoints) == {"best", "epoch=2", *(f"step={step}" for step in (0, 1, 3, 4, 6, 12))}
    places = {name: (state.step, state.epoch) for name, state in result.checkpoints.items() if name != "best"}
    of_steps = {f"step={step}": (step, epoch) for step, epoch in ((0, 0), (1, 1), (3, 1), (4, 1), (6, 2), (12, 3))}
    assert places == {"epoch=2": (8, 2), **of_steps}
    network = build()
    for name, state in result.checkpoints.items():
        network.load_state_dict(state.tensors)
        assert state.test_accuracy == evaluate(network, test)[1], name
    assert len({state.test_accuracy for state in result.checkpoints.values()}) > 2
    assert result.checkpoints["step=4"].test_accuracy == result.history[0]["test_accuracy"]


def through_its_map():
    return shallow_network("fully_connected", image_shape=(1, 4, 4), classes=2)


@pytest.mark.parametrize("build", [toy_network, Normalised, through_its_map])
def test_keeping_states_changes_nothing_of_the_training(build):
    found = []
    for steps in ([], [0, 1, 2, 3, 5, 7, 10, 12]):
        network = build()
        torch.manual_seed(5)
        settings = SETTINGS | {"checkpoints": {"steps": steps, "epochs": []}}
        found.append(train(network, toy_split(), toy_split(20, 1), learning_rate=0.01, **settings))
    first, second = found
    assert first.history == second.history
    torch.testing.assert_close(first.checkpoints["best"].tensors, second.checkpoints["best"].tensors, rtol=0, atol=0)


def test_dropout_draws_from_the_seed_and_leaves_the_global_generator_alone():
    def trained(seed):
        network = Normalised()
        torch.manual_seed(5)
        settings = SETTINGS | {"epochs": 1, "seed": seed, "checkpoints": {"steps": [], "epochs": []}}
        settings["batch_size"] = 50  # all images at once: their order has no part in it
        train(network, toy_split(), toy_split(20, 1), learning_rate=0.1, **settings)
        assert torch.equal(torch.rand(3), torch.rand(3, generator=torch.Generator().manual_seed(5)))
        return network.layers[1].weight

    one, again, other = trained(1), trained(1), trained(2)
    assert torch.equal(one, again)
    assert (one - other).abs().max() > 1e-3


def test_each_step_drops_other_units():
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(16, 2, bias=False))
    seen = []

    def note(layer, inputs):
        if layer.training:
            seen.append(inputs[0] == 0)

    network[2].register_forward_pre_hook(note)
    grey = on_device(np.full((50, 1, 4, 4), 100, dtype=np.uint8), np.arange(50) % 2, torch.device("cpu"))
    train(network, grey, grey, learning_rate=0.1, **SETTINGS | {"batch_size": 50})
    assert len(seen) == 3 and not torch.equal(seen[0], seen[1]) and not torch.equal(seen[1], seen[2])
    assert 0.4 < torch.stack(seen).float().mean() < 0.6


class Draws(nn.Module):
    """It draws numbers in training without a module that says so."""

    def __init__(self):
        super().__init__()
        self.readout = nn.Linear(16, 2)

    def forward(self, inputs):
        return self.readout(functional.dropout(inputs.flatten(1), 0.5, self.training))


def test_numbers_drawn_by_a_function_are_drawn_from_the_seed():
    settings = SETTINGS | {"batch_size": 50, "checkpoints": {"steps": [], "epochs": []}}  # all images at once

    def trained(seed, before):
        torch.manual_seed(0)
        network = Draws()
        torch.manual_seed(before)
        train(network, toy_split(), toy_split(20, 1), learning_rate=0.1, **settings | {"seed": seed})
        return network.readout.weight

    one, again, other = trained(1, before=5), trained(1, before=6), trained(2, before=5)
    assert torch.equal(one, again)
    assert (one - other).abs().max() > 1e-3


class Partly(nn.Module):
    """Fixed filters, a layer that is never used, and a readout."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.filters, self.unused, self.readout = nn.Linear(16, 16), nn.Linear(4, 4), nn.Linear(16, 2)
        self.filters.requires_grad_(False)

    def forward(self, inputs):
        return self.readout(self.filters(inputs.flatten(1)))


def test_parameters_without_a_gradient_stay_as_they_are():
    network, start = Partly(), Partly().state_dict()
    train(network, toy_split(), toy_split(20, 1), learning_rate=0.1, **SETTINGS | {"weight_decay": 0.01})
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, start[name])}
    assert changed == {"readout.weight", "readout.bias"}


class StochasticDepth(nn.Module):
    """A residual layer that half of the steps leave out, drawn from PyTorch's generator."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.residual, self.readout = nn.Linear(16, 16), nn.Linear(16, 2)
        self.used = []

    def forward(self, inputs):
        inputs = inputs.flatten(1)
        if self.training:
            self.used.append(bool(torch.rand(()) < 0.5))
        return self.readout(inputs + self.residual(inputs) if not self.training or self.used[-1] else inputs)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_parameter_whose_first_gradient_is_late_is_trained_as_by_plain_sgd(momentum):
    settings = SETTINGS | {"seed": 2, "momentum": momentum, "weight_decay": 0.1, "schedule": FLAT}
    settings |= {"epochs": 1, "batch_size": 5, "checkpoints": {"steps": [], "epochs": []}}
    data, network, plain = toy_split(), StochasticDepth(), StochasticDepth()
    train(network, data, toy_split(20, 1), learning_rate=0.1, **settings)
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=momentum, weight_decay=0.1, foreach=False)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(stream(2, "order of the images")))
    for step, index in enumerate(order.split(5)):
        torch.manual_seed(stream(2, f"dropout of step {step}"))
        optimizer.zero_grad()
        functional.cross_entropy(plain(data.images[index] / 255), data.labels[index]).backward()
        optimizer.step()
    assert not network.used[0] and any(network.used) and network.used == plain.used
    torch.testing.assert_close(network.state_dict(), plain.state_dict(), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "sizes"),
    [((1, 4, 4), [500, 7]), ((3, 32, 32), [500, 7]), ((3, 64, 64), [125, 2]), ((3, 800, 800), [1, 1])],
)
def test_fewer_images_are_evaluated_at_once_if_they_are_large(shape, sizes):
    class Notes(nn.Module):
        def forward(self, inputs):
            seen.append(len(inputs))
            return torch.zeros(len(inputs), 2)

    seen, count = [], sum(sizes)
    images = torch.zeros(1, *shape, dtype=torch.uint8).expand(count, *shape)
    loss, accuracy = evaluate(Notes(), Split(images, torch.arange(count) % 2))
    assert loss == pytest.approx(np.log(2)) and accuracy == -(-count // 2) / count
    assert seen == sizes


def test_no_epoch_is_evaluated_twice(monkeypatch):
    sizes = []
    monkeypatch.setattr("advspectra.training.train.evaluate", lambda *arguments: sizes.append(0) or (0.5, 0.5))
    settings = SETTINGS | {"checkpoints": {"steps": [0, 2, 4, 12], "epochs": [1, 2, 3]}}
    train(toy_network(), toy_split(), toy_split(20, 1), learning_rate=0.1, **settings)
    assert len(sizes) == 3 + 2  # each epoch, the initialisation and step 2


def test_the_best_epoch_is_the_earliest_with_the_highest_accuracy_and_its_state_is_kept():
    result = train(toy_network(), toy_split(), toy_split(20, 1), learning_rate=0.1, **SETTINGS)
    accuracies = [row["test_accuracy"] for row in result.history]
    assert result.best_epoch == 1 + accuracies.index(max(accuracies))
    network = toy_network()
    network.load_state_dict(result.checkpoints["best"].tensors)
    assert evaluate(network, toy_split(20, 1))[1] == max(accuracies)


def test_of_equal_epochs_the_first_is_the_best(monkeypatch):
    monkeypatch.setattr("advspectra.training.train.evaluate", lambda *arguments: (0.5, 0.5))
    result = train(toy_network(), toy_split(), toy_split(20, 1), learning_rate=0.1, **SETTINGS)
    assert (result.best_epoch, result.checkpoints["best"].epoch) == (1, 1)


def test_weight_decay_is_that_of_plain_sgd():
    data, network = toy_split(), toy_network()
    settings = SETTINGS | {"weight_decay": 0.1, "epochs": 1}
    settings["schedule"] = {"factor": 1, "every": 1, "reset_at": None}
    settings["checkpoints"] = {"steps": [], "epochs": []}
    train(network, data, toy_split(20, 1), learning_rate=0.1, **settings)
    plain = toy_network()
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    order = torch.randperm(50, generator=torch.Generator().manual_seed(stream(3, "order of the images")))
    for index in order.split(16):
        optimizer.zero_grad()
        functional.cross_entropy(plain(data.images[index] / 255), data.labels[index]).backward()
        optimizer.step()
    torch.testing.assert_close(network.state_dict(), plain.state_dict(), rtol=0, atol=1e-7)


def test_a_held_out_part_is_never_trained_on_and_selects():
    data = toy_split(50)
    generator = torch.Generator().manual_seed(stream(3, "order of the images"))
    kept, held = split_held_out(data, fraction=0.2, generator=generator)
    assert len(kept) == 40 and len(held) == 10
    rows = {tuple(image.flatten().tolist()) for image in kept.images} | {
        tuple(image.flatten().tolist()) for image in held.images
    }
    assert rows == {tuple(image.flatten().tolist()) for image in data.images}
    settings = SETTINGS | {"selection": {"by": "held_out", "held_out_fraction": 0.2}}
    result = train(toy_network(), data, toy_split(20, 1), learning_rate=0.1, **settings)
    assert result.history[0]["step"] == 3  # 40 images in batches of 16
    network = toy_network()
    network.load_state_dict(result.checkpoints["epoch=3"].tensors)
    assert evaluate(network, held)[1] == result.history[2]["selection_accuracy"]


@pytest.mark.parametrize(("fraction", "held_out"), [(0.02, 1), (0.98, 49)])
def test_one_image_is_enough_of_a_part(fraction, held_out):
    kept, held = split_held_out(toy_split(50), fraction=fraction, generator=torch.Generator())
    assert (len(kept), len(held)) == (50 - held_out, held_out)


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


def test_losses_are_looked_at_after_every_few_steps_and_at_the_end_of_an_epoch(monkeypatch):
    monkeypatch.setattr("advspectra.training.train.LOOK_EVERY", 3)
    for step, looked_at in ((1, 3), (3, 3), (4, 4), (5, 7)):  # 4 steps an epoch
        network = Exploding(step)
        with pytest.raises(TrainingFailed, match=rf"diverged at step {step} \("):
            train(network, toy_split(), toy_split(20, 1), learning_rate=0.1, **SETTINGS | {"schedule": FLAT})
        assert step - network.left == looked_at


def indifferent_network():
    """Logits that are 0: a loss of ln 2, and class 0 for each image."""
    network = toy_network()
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    return network


def constant_network(answer):
    network = indifferent_network()
    nn.init.constant_(network[1].bias[answer], 1)
    return network


def labelled(*counts):
    """Return images of which so many are of class 0, of class 1."""
    labels = torch.arange(2).repeat_interleave(torch.tensor(counts))
    return Split(torch.zeros(len(labels), 1, 4, 4, dtype=torch.uint8), labels)


def test_an_epoch_s_row_and_its_line_of_the_log_say_what_it_found():
    lines = []
    settings = SETTINGS | {"epochs": 1, "momentum": 0.0}
    settings["checkpoints"] = {"steps": [], "epochs": []}
    result = train(
        indifferent_network(), labelled(30, 20), labelled(15, 5), learning_rate=0.0, report=lines.append, **settings
    )
    loss = pytest.approx(np.log(2))
    about = {"epoch": 1, "step": 4, "learning_rate": 0, "train_loss": loss, "train_accuracy": 0.6}
    about |= {"selection_accuracy": 0.75, "test_loss": loss, "test_accuracy": 0.75}
    assert result.history == [about]
    assert lines == [
        "epoch 1, step 4, learning_rate 0, train_loss 0.693147, train_accuracy 0.6, selection_accuracy 0.75, "
        "test_loss 0.693147, test_accuracy 0.75"
    ]


# a rate that moves no weight
STILL = SETTINGS | {"learning_rate": 0.0, "momentum": 0.0}


def test_without_a_demand_no_accuracy_is_too_low():
    none_right = train(indifferent_network(), labelled(0, 50), labelled(0, 20), **STILL)
    assert [row["train_accuracy"] for row in none_right.history] == [0, 0, 0]
    train(indifferent_network(), labelled(1, 49), labelled(0, 20), **STILL, patience=1)


def test_an_accuracy_must_exceed_what_is_demanded_from_the_epoch_of_patience_on():
    def trained(minimum):
        # of 50 images 30 are right
        demand = {"minimum_accuracy": minimum, "patience": 2}
        return train(indifferent_network(), labelled(30, 20), labelled(15, 5), **STILL, **demand)

    assert len(trained(0.59).history) == 3
    with pytest.raises(TrainingFailed) as failure:
        trained(0.6)
    expected = "training is at chance after epoch 2: training accuracy 0.6000 at learning rate 0; try 0"
    assert str(failure.value) == expected


def test_the_search_takes_the_first_rate_that_trains_and_records_every_try():
    labels_of_noise = toy_split()
    result = fit(toy_network, labels_of_noise, toy_split(20, 1), learning_rate="search", search=SEARCH, **SETTINGS)
    outcomes = [one["outcome"] for one in result.tries]
    assert [one["learning_rate"] for one in result.tries] == [1000.0, 100.0, 1.0]
    assert outcomes[-1] == "trained" and result.learning_rate == result.tries[-1]["learning_rate"]
    fixed = fit(
        toy_network, labels_of_noise, toy_split(20, 1), learning_rate=result.learning_rate, search=SEARCH, **SETTINGS
    )
    assert fixed.history == result.history  # the tries before left no trace


@pytest.mark.parametrize("counts", [(32, 8), (8, 32)])
def test_chance_is_the_share_of_the_most_frequent_class(counts):
    """A constant answer is as good, however unequal the classes are."""
    uneven = labelled(*counts)
    search = {"base": 1e-12, "divisors": [1], "chance_margin": 0.02, "patience": 1}
    settings = SETTINGS | {"momentum": 0.0, "learning_rate": "search", "search": search}
    with pytest.raises(TrainingFailed, match="at chance after epoch 1: training accuracy 0.8000"):
        fit(lambda: constant_network(np.argmax(counts)), uneven, labelled(10, 10), **settings)


def test_a_network_that_is_always_right_is_above_chance_however_rare_a_class_is():
    labels = np.arange(100) == 0
    images = np.where(labels[:, None, None, None], 0, 200) * np.ones((1, 1, 4, 4))
    uneven = on_device(images.astype(np.uint8), (~labels).astype(np.int64), torch.device("cpu"))

    def right():
        network = toy_network()
        network.load_state_dict(
            {"1.weight": torch.tensor([[0.0] * 16, [1.0] * 16]), "1.bias": torch.tensor([6.0, 0.0])}
        )
        return network

    search = {"base": 1e-12, "divisors": [1], "chance_margin": 0.02, "patience": 1}
    result = fit(right, uneven, uneven, **SETTINGS | {"momentum": 0.0, "learning_rate": "search", "search": search})
    assert result.history[0]["train_accuracy"] == 1


def test_a_search_without_success_names_every_failure():
    half = labelled(20, 20)
    search = {"base": 1e-12, "divisors": [1, 10], "chance_margin": 0.5, "patience": 1}
    with pytest.raises(TrainingFailed) as failure:
        fit(toy_network, half, half, learning_rate="search", search=search, **SETTINGS)
    at_chance = "training is at chance after epoch 1: training accuracy 0.5000 at learning rate "
    assert str(failure.value) == f"every learning rate failed: {at_chance}1e-12; try 1e-13; {at_chance}1e-13; try 1e-14"


def test_a_checkpoint_after_the_end_is_refused_before_training():
    with pytest.raises(ValueError, match=r"\[13\] lie after the last step, 12"):
        train(
            toy_network(),
            toy_split(),
            toy_split(20, 1),
            learning_rate=0.1,
            **SETTINGS | {"checkpoints": {"steps": [13], "epochs": []}},
        )


SHALLOW = {
    "fully_connected": {"hidden_units": 40},
    "full_width_convolution": {"channels": 3},
    "bounded_width_convolution": {"channels": 4, "kernel_size": 3},
    "locally_connected": {"channels": 4, "kernel_size": 3},
}
HUNDRED_STEPS = SETTINGS | {
    "epochs": 25,
    "schedule": {"factor": 0.3, "every": 10, "reset_at": None},
    "checkpoints": {"steps": [0], "epochs": [25]},
}


class DoubleSplit(Split):
    """Inputs in float64."""

    def batch(self, index):
        inputs, labels = super().batch(index)
        return inputs.double(), labels


def shallow_network(architecture, *, activation="linear", depth=1, alpha=1.0, image_shape=(3, 9, 8), classes=4):
    return build_network(
        architecture,
        options=SHALLOW[architecture],
        image_shape=image_shape,
        classes=classes,
        activation=activation,
        depth=depth,
        alpha=alpha,
        alpha_scaling="function_preserving",
        seed=0,
    )


def noise_split(count, *, image_shape=(3, 9, 8), kind=Split):
    rng = np.random.default_rng(count)
    images = rng.integers(0, 256, (count, *image_shape), dtype=np.uint8)
    return kind(torch.from_numpy(images), torch.arange(count) % 4)


@pytest.mark.parametrize("architecture", SHALLOW)
@pytest.mark.parametrize(
    "depth, alpha, rate, image_shape",
    [(1, 0.1, 1e-4, (3, 9, 8)), (2, 1, 0.01, (1, 7, 7)), (3, 1, 0.001, (3, 9, 8)), (1, 10, 1e-4, (2, 7, 9))],
)
def test_weights_after_100_steps_through_the_map_are_those_of_the_layers(architecture, depth, alpha, rate, image_shape):
    data, test = (noise_split(count, image_shape=image_shape, kind=DoubleSplit) for count in (60, 20))
    found = []
    for simplified in (True, False):
        network = shallow_network(architecture, depth=depth, alpha=alpha, image_shape=image_shape).double()
        result = train(network, data, test, learning_rate=rate, **HUNDRED_STEPS | {"simplified": simplified})
        assert result.history[-1]["step"] == 100
        found.append(result)
    mapped, layered = (result.checkpoints["epoch=25"].tensors for result in found)
    start = found[0].checkpoints["step=0"].tensors
    assert list(mapped) == list(layered) == list(start)
    for name, expected in layered.items():
        assert (mapped[name] - expected).norm() <= 1e-9 * expected.norm()
    assert max((layered[name] - start[name]).norm() / start[name].norm() for name in start) > 1e-3  # it did learn
    for one, other in zip(*(result.history for result in found), strict=True):
        assert one == pytest.approx(other, rel=1e-9)


@pytest.mark.parametrize("simplified, rows", [(True, 4), (False, 20)])
@pytest.mark.parametrize("architecture", SHALLOW)
def test_no_hidden_layer_sees_more_than_the_classes_rows(architecture, simplified, rows):
    network, seen = shallow_network(architecture, depth=2), [0]
    for layer in network.hidden:
        layer.register_forward_hook(lambda layer, inputs, outputs: seen.append(len(outputs)))
    settings = SETTINGS | {"simplified": simplified}
    train(network, noise_split(60), noise_split(20), learning_rate=0.001, **settings)
    assert (max(seen) <= rows) if simplified else (max(seen) == rows)


@pytest.mark.parametrize("architecture", SHALLOW)
def test_relu_networks_train_layer_by_layer_in_any_case(architecture):
    found = []
    for simplified in (True, False):
        network = shallow_network(architecture, activation="relu", depth=2)
        result = train(
            network, noise_split(60), noise_split(20), learning_rate=0.01, **SETTINGS | {"simplified": simplified}
        )
        found.append((network.state_dict(), result.history))
    torch.testing.assert_close(found[0][0], found[1][0], rtol=0, atol=0)
    assert found[0][1] == found[1][1]


def test_a_last_step_that_diverges_is_a_failure():
    """No loss of a training image sees the weights that the last step made; that of the test images does."""
    data = toy_split()
    once = SETTINGS | {"epochs": 1, "batch_size": 50, "momentum": 0, "checkpoints": {"steps": [], "epochs": []}}
    with pytest.raises(TrainingFailed, match="diverged in epoch 1: .* test images is not finite .* 1e.39; try 1e.38"):
        train(toy_network(), data, toy_split(20, 1), learning_rate=1e39, **once)
