"""What the scripts and rules hand to the library: numbers of a study, computed again from its images alone.

The networks, their training, the attacks and all that is measured are written out here in plain PyTorch and numpy, and
nothing of the library computes. No setting is what a script might take by mistake: the seed is not 0 and not the first
one, alpha is not 1, each attack, state and split has numbers of its own.
"""

import copy
import csv
import hashlib

import h5py
import numpy as np
import pytest
import torch
from study import CONFIG, Study, copied
from torch import nn
from torch.nn import functional

from advspectra.datasets import band_features
from advspectra.files.hdf5 import attributes_of

SEED = 34  # the best epoch of both networks is neither the first nor the last
LINEAR = f"results/tiny/bands/fully_connected-linear/depth=2/alpha=0.5/seed={SEED}"
RELU = f"results/tiny/bands/bounded_width_3-relu/depth=1/alpha=2/seed={SEED}"
STATES = {"step=0", "epoch=1", "epoch=3", "best"}
# other runs of these networks are no target: only a rule that takes the wrong one asks for them
CHANGES = {
    "seeds": [2, SEED],
    "initialization": {"alpha_scaling": "plain"},
    "attacks": [
        {
            "name": "other",
            "family": "linf_pgd",
            "options": {"epsilon": "4/255", "parameters": {"steps": 1, "rel_stepsize": 0.9}},
            "images": 6,
            "batch_size": 6,
            "checkpoints": "all",
        },
        {
            "name": "pgd",
            "family": "linf_pgd",
            "options": {"epsilon": "2/255", "parameters": {"steps": 3, "rel_stepsize": 0.4}},
            "images": 16,
            "batch_size": 5,
            "checkpoints": ["step=0", "epoch=1", "best"],
        },
        {
            "name": "l2",
            "family": "foolbox",
            "options": {"attack": "L2FastGradientAttack", "epsilon": 0.7},
            "images": 10,
            "batch_size": 10,
            "checkpoints": ["epoch=1"],
        },
    ],
    "transfers": [{"name": "moved", "attack": "pgd", "found_on": "epoch=1"}],
    "lines": [
        {"attack": "pgd", "images": 8, "exact_images": 4, "samples": 401},
        {"attack": "other", "images": 4, "exact_images": 4},
    ],
    "spectra": {"conventions": ["paper", "orthonormal", "rgb"], "images": "successful", "angular_bins": 10},
    "claims": {},
}
TARGETS = (
    f"{LINEAR}/predictor.h5",
    f"{LINEAR}/pgd/best/perturbations.h5",
    f"{RELU}/pgd/step=0/perturbations.h5",
    f"{RELU}/pgd/best/spectra.h5",
    f"{RELU}/pgd/epoch=1/lines.h5",
    f"{RELU}/l2/epoch=1/perturbations.h5",
    f"{RELU}/moved/epoch=3/spectra.h5",
)


def configuration():
    config = copy.deepcopy(CONFIG) | copy.deepcopy(CHANGES)
    config["dataset"]["options"] |= {"seed": 12, "test_per_class": 20}
    config["training"] |= {"epochs": 3, "batch_size": 24, "weight_decay": 0.01}
    config["training"]["schedule"] = {"factor": 0.3, "every": 1, "reset_at": None}
    config["training"]["checkpoints"] = {"steps": [0], "epochs": [1, 3]}
    linear, relu = config["networks"]
    linear |= {"depths": [1, 2], "alphas": [1, 0.5], "learning_rate": 0.02}
    relu |= {"alphas": [1, 2], "learning_rate": 0.004}
    return config


class Permuted(nn.Module):
    """(N, C, H, W) -> (N, H, W, C), the order in which the readout of a convolution sees its units."""

    def forward(self, inputs):
        return inputs.permute(0, 2, 3, 1)


def drawn_from(purpose):
    """The seed of a purpose's own random numbers: the first 63 bits of a digest of the purpose and the run's seed."""
    return int(hashlib.sha256(f"{purpose}/{SEED}".encode()).hexdigest()[:16], 16) // 2


def initial(run):
    """The network of a run with its initial weights: those of PyTorch from their seed, the hidden ones times alpha."""
    torch.manual_seed(drawn_from("initial weights"))
    if run == LINEAR:
        hidden = [nn.Linear(3 * 12 * 12, 8, bias=False), nn.Linear(8, 8, bias=False)]
        network = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(8, 2))
    else:
        hidden = [nn.Conv2d(3, 3, 3, bias=False)]
        network = nn.Sequential(*hidden, nn.ReLU(), Permuted(), nn.Flatten(), nn.Linear(3 * 10 * 10, 2))
    with torch.no_grad():
        for layer in hidden:
            layer.weight *= 0.5 if run == LINEAR else 2
    return network


def accuracy(network, images, labels):
    with torch.no_grad():
        return (network(images).argmax(dim=1) == labels).double().mean().item()


def trained(run, train, test):
    """The states of a training, networks by their names, and the history of its accuracy on the test images."""
    network, rate = initial(run), 0.02 if run == LINEAR else 0.004
    states, history = {"step=0": copy.deepcopy(network)}, [accuracy(network, *test)]
    optimizer = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9, weight_decay=0.01)
    order = torch.Generator().manual_seed(drawn_from("order of the images"))
    for epoch in range(3):
        optimizer.param_groups[0]["lr"] = rate * 0.3**epoch
        for rows in torch.randperm(128, generator=order).split(24):
            optimizer.zero_grad()
            functional.cross_entropy(network(train[0][rows]), train[1][rows]).backward()
            optimizer.step()
        history.append(accuracy(network, *test))
        if epoch == 0 or history[-1] > max(history[1:-1]):
            states["best"] = copy.deepcopy(network)
        states[f"epoch={epoch + 1}"] = copy.deepcopy(network)
    return states, history


def gradient(network, inputs, labels):
    x = inputs.clone().requires_grad_()
    return torch.autograd.grad(functional.cross_entropy(network(x), labels, reduction="sum"), x)[0]


def pgd(network, images, labels):
    """The adversarial images of the attack `pgd`: a random start, then steps along the sign of the gradient."""
    torch.manual_seed(drawn_from("start of the attack"))
    epsilon, found = 2 / 255, []
    for x0, y in zip(images.split(5), labels.split(5), strict=True):
        x = (x0 + epsilon * (2 * torch.rand(x0.shape) - 1)).clamp(0, 1)
        for _ in range(3):
            x = x + 0.4 * epsilon * gradient(network, x, y).sign()
            x = (x0 + (x - x0).clamp(-epsilon, epsilon)).clamp(0, 1)
        found.append(x)
    return torch.cat(found)


def l2(network, images, labels):
    """Those of the attack `l2`: one step along the gradient."""
    step = functional.normalize(gradient(network, images, labels).flatten(1))
    return (images + 0.7 * step.view_as(images)).clamp(0, 1)


def first_of_each_class(labels, count):
    return torch.cat([(labels == label).nonzero().flatten()[: count // 2] for label in (0, 1)]).sort().values


def trained_again(study):
    """The images of the study, train and test, the states of its networks, trained again, and their histories."""
    with h5py.File(study.folder / "results/tiny/bands/images.h5") as file:
        train, test = (
            (torch.from_numpy(file[part]["images"][()]) / 255, torch.from_numpy(file[part]["labels"][()]))
            for part in ("train", "test")
        )
    states, histories = {}, {}
    for run in (LINEAR, RELU):
        states[run], histories[run] = trained(run, train, test)
    return train, test, states, histories


def read(study, path):
    """The arrays of a result by their names, and its attributes, which are those of its place."""
    arrays = {}
    with h5py.File(study.folder / path) as file:
        file.visititems(lambda name, item: arrays.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
        attributes = attributes_of(file)
    places = path.split("/")[3:]
    if len(places) > 1:
        of = ("fully_connected", "linear", 2, 0.5) if path.startswith(LINEAR) else ("bounded_width_3", "relu", 1, 2)
        names = ("network", "activation", "depth", "alpha", "seed")
        assert [attributes[name] for name in names] == [*of, SEED], path
    if len(places) > 5:
        assert [attributes["attack"], attributes["checkpoint"]] == places[4:6], path
        step = {"step=0": 0, "epoch=1": 6, "epoch=3": 18}.get(places[5], attributes["step"])
        assert attributes["step"] == step, path
    return arrays, attributes


def close(found, expected, tolerance=1e-3):
    """Whether arrays are equal but for rounding, which a training and an attack make larger."""
    expected = np.asarray(expected, dtype=np.float64)
    return found.shape == expected.shape and np.abs(found - expected).max() <= tolerance * np.abs(expected).max()


def check_images(study):
    expected = band_features.load(**configuration()["dataset"]["options"])
    found, _ = read(study, "results/tiny/bands/images.h5")
    for part in ("train", "test"):
        assert np.array_equal(found[f"{part}/images"], getattr(expected, f"{part}_images"))
        assert np.array_equal(found[f"{part}/labels"], getattr(expected, f"{part}_labels"))


def check_training(study, again, run):
    _, _, states, histories = again
    found, attributes = read(study, f"{run}/checkpoints.h5")
    assert {name.split("/")[1] for name in found if name.startswith("states/")} == STATES
    for state in STATES:
        names = [*(f"hidden.{n}.weight" for n in range(2 if run == LINEAR else 1)), "readout.weight", "readout.bias"]
        for name, expected in zip(names, states[run][state].parameters(), strict=True):
            assert close(found[f"states/{state}/{name}"], expected.detach()), (state, name)
    assert found["history/test_accuracy"].tolist() == pytest.approx(histories[run][1:], abs=1e-6)
    assert attributes["best_epoch"] == histories[run].index(max(histories[run][1:]), 1)
    assert not close(found["states/best/readout.weight"], states[run]["epoch=1"][-1].weight.detach())


def attacked(network, images, adversarial, labels):
    """What a file of perturbations says of adversarial images."""
    with torch.no_grad():
        before, after = network(images), network(adversarial)
    wrong = (before.argmax(dim=1) == labels) & (after.argmax(dim=1) != labels)
    return {"clean_logits": before, "adversarial_logits": after, "label": labels, "success": wrong}


def check_attack(study, again, run, attack, state, count):
    _, (images, labels), states, _ = again
    rows = first_of_each_class(labels, count)
    network, x, y = states[run][state], images[rows], labels[rows]
    adversarial = attack(network, x, y)
    found, attributes = read(study, f"{run}/{attack.__name__}/{state}/perturbations.h5")
    assert found["image"].tolist() == rows.tolist() != list(range(count))
    # a gradient near zero may have another sign: one pixel
    same = np.isclose(found["perturbation"], adversarial - x, atol=1e-4)
    assert same.mean() > 0.99
    for name, expected in attacked(network, x, adversarial, y).items():
        assert close(found[name], expected, tolerance=0.01), name
    bound = {pgd: (np.inf, 2 / 255), l2: (2, 0.7)}[attack]
    assert (attributes["norm"], attributes["epsilon"]) == pytest.approx(bound)


def check_transfer(study, again):
    _, (images, labels), states, _ = again
    rows = first_of_each_class(labels, 16)
    x, y = images[rows], labels[rows]
    adversarial = pgd(states[RELU]["epoch=1"], x, y)
    found, attributes = read(study, f"{RELU}/moved/epoch=3/perturbations.h5")
    assert np.isclose(found["perturbation"], adversarial - x, atol=1e-4).mean() > 0.99
    for name, expected in attacked(states[RELU]["epoch=3"], x, adversarial, y).items():
        assert close(found[name], expected, tolerance=0.01), name
    assert (attributes["source_attack"], attributes["found_on"]) == ("pgd", "epoch=1")
    of_source = attacked(states[RELU]["epoch=1"], x, adversarial, y)["adversarial_logits"].argmax(dim=1)
    assert np.array_equal(found["source_prediction"], of_source)
    assert (attributes["norm"], attributes["epsilon"]) == pytest.approx((np.inf, 2 / 255))


def check_predictor(study, again):
    _, hidden, last, readout = again[2][LINEAR]["best"]
    beta = (readout.weight @ last.weight @ hidden.weight).detach().double().view(2, 3, 12, 12)
    found, _ = read(study, f"{LINEAR}/predictor.h5")
    assert close(found["beta"], beta) and close(found["intercept"], readout.bias.detach())
    gray = np.einsum("c,kchw->khw", [0.299, 0.587, 0.114], beta)
    assert close(found["raw/norm_l1"], np.abs(np.fft.fft2(gray)).sum(axis=(1, 2)))
    low, high = beta.amin(dim=(1, 2, 3)), beta.amax(dim=(1, 2, 3))
    mean = (gray.mean(axis=(1, 2)) - low.numpy()) / (high - low).numpy()  # the weights of the channels add up to 1
    assert close(found["rescaled/mean_power"][6, 6], ((144 * mean) ** 2).mean())


def check_spectra(study, path):
    made_from, _ = read(study, f"{path}/perturbations.h5")
    found, _ = read(study, f"{path}/spectra.h5")
    success = made_from["success"]
    assert 0 < success.sum() < len(success)
    assert found["image"].tolist() == made_from["image"][success].tolist()
    delta = made_from["perturbation"][success].astype(np.float64)
    gray = np.einsum("c,nchw->nhw", [0.299, 0.587, 0.114], delta)[:, None]
    frequency = np.fft.fftfreq(12, 1 / 12)
    ring = np.rint(np.hypot(frequency[:, None], frequency[None, :]))
    for convention, values, scale in (("paper", gray, 1), ("orthonormal", gray, 1 / 12), ("rgb", delta, 1)):
        magnitude = scale * np.abs(np.fft.fft2(values))
        assert close(found[f"{convention}/norm_l1"], magnitude.sum(axis=(1, 2, 3)), tolerance=1e-9)
        energy = [(magnitude**2).sum(axis=1)[:, ring == k].sum(axis=1) for k in range(9)]
        assert close(found[f"{convention}/radial_energy"], np.transpose(energy), tolerance=1e-9)
        assert found[f"{convention}/angular_energy"].shape == (success.sum(), 10)


def chord(network, start, end, label):
    """The change of a logit along a line, and its mean distance from its chord, at 2,001 points."""
    at = torch.linspace(0, 1, 2_001, dtype=torch.float64)
    with torch.no_grad():
        values = torch.cat([network(torch.lerp(start, end, part[:, None, None, None])) for part in at.split(500)])
    values = values[:, label].numpy()
    straight = values[0] + at.numpy() * (values[-1] - values[0])
    return abs(values[-1] - values[0]), np.trapezoid(np.abs(values - straight), at.numpy())


def check_lines(study, again):
    _, (images, labels), states, _ = again
    network = copy.deepcopy(states[RELU]["epoch=1"]).double()
    made_from, _ = read(study, f"{RELU}/pgd/epoch=1/perturbations.h5")
    found, attributes = read(study, f"{RELU}/pgd/epoch=1/lines.h5")
    assert found["image"].tolist() == first_of_each_class(labels, 8).tolist() != list(range(8))
    assert attributes["samples"] == 401 and attributes["exact_images"] == 4
    rows = np.isin(made_from["image"], found["image"])
    assert 0 < found["success"].sum() < found["correct"].sum() < 8
    assert np.array_equal(found["success"], made_from["success"][rows])
    assert np.array_equal(found["correct"], made_from["clean_prediction"][rows] == found["label"])
    for row, image in enumerate(found["image"]):
        delta = torch.from_numpy(made_from["perturbation"][made_from["image"] == image][0])
        generator = np.random.default_rng([drawn_from("random directions"), image])
        random = torch.from_numpy(generator.standard_normal((3, 12, 12)))
        random = (random / random.norm() * delta.norm()).float()
        for end, displacement in (("adversarial", delta), ("random", random)):
            start, stop = images[image].double(), (images[image] + displacement).double()
            with torch.no_grad():
                active = network[0](torch.stack([start, stop])).flatten(1) > 0
            changes = (active[0] != active[1]).sum().item()
            change, deviation = chord(network, start, stop, labels[image])
            line = {name.removeprefix(f"{end}/"): values[row] for name, values in found.items() if end in name}
            # one hidden layer: what enters its ReLUs is straight along the line, and each bends once or not at all
            assert abs(line["breakpoints"] - changes) <= 1 and abs(line["relu_changes"] * 300 - changes) <= 1
            assert line["length"] == pytest.approx(displacement.norm().item(), rel=1e-4)
            assert line["true_change"] == pytest.approx(change, rel=0.01, abs=1e-4)
            assert line["true_deviation"] == pytest.approx(deviation, rel=0.02, abs=1e-4)
            assert line["pool_switches"] == (0 if row % 2 == 0 else -1)  # every second image is followed exactly


def test_numbers_of_a_study_are_those_of_a_plain_computation_from_its_images(tmp_path):
    study = Study(tmp_path, configuration(), *TARGETS)
    study.run()
    check_images(study)
    with torch.random.fork_rng():
        again = trained_again(study)
        for run in (LINEAR, RELU):
            check_training(study, again, run)
        for run, attack, state, count in (
            (RELU, pgd, "step=0", 16),
            (RELU, pgd, "best", 16),
            (LINEAR, pgd, "best", 16),
            (RELU, l2, "epoch=1", 10),
        ):
            check_attack(study, again, run, attack, state, count)
        check_transfer(study, again)
    check_predictor(study, again)
    for path in (f"{RELU}/pgd/best", f"{RELU}/moved/epoch=3"):
        check_spectra(study, path)
    check_lines(study, again)


def test_tables_and_measures_are_of_the_summarys_convention(finished_study, tmp_path):
    study = copied(finished_study, tmp_path)
    study.configure(CONFIG | {"summary": CONFIG["summary"] | {"convention": "rgb"}})
    study.targets = ("results/tiny/tables/table2.csv", "results/tiny/measures.csv")
    study.run()
    place = study.folder / "results/tiny/bands/bounded_width_3-relu/depth=1/alpha=1/seed=0/pgd/best"
    with h5py.File(place / "perturbations.h5") as file:
        delta = file["perturbation"][()].astype(np.float64)  # of all images, as the configuration says
    expected = pytest.approx(np.abs(np.fft.fft2(delta)).sum(axis=(1, 2, 3)).mean(), rel=1e-4)
    with open(study.folder / "results/tiny/tables/table2.csv", encoding="utf-8", newline="") as file:
        (row,) = (row for row in csv.DictReader(file) if row["model"].startswith("Bounded Width"))
    assert float(row["delta_l1_mean"]) == expected
    with open(study.folder / "results/tiny/measures.csv", encoding="utf-8", newline="") as file:
        wanted = {"network": "bounded_width_3", "attack": "pgd", "checkpoint": "best", "measure": "delta_l1"}
        (row,) = (row for row in csv.DictReader(file) if wanted.items() <= row.items())
    assert row["variant"] == "rgb" and float(row["mean"]) == expected
