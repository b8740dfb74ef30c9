"""What an attack sees: which images, which class, which network; and images without a gradient."""

import h5py
import numpy as np
import pytest
import torch
from synthetic_results import identity
from torch import nn

from advspectra.attacking.seen import attacked_network, attacked_split, described, zero_gradient_warning
from advspectra.claims.comparison import perturbation_notes
from advspectra.drawing.captions import counts
from advspectra.files.images import ImageSet
from advspectra.files.perturbations import origin, read_attacked_images, read_perturbations, write_perturbations
from advspectra.files.spectra import read_spectra
from advspectra.networks.recalibrated import recalibrate
from advspectra.perturb import Attack, build_attack, perturb, transfer
from advspectra.results.replicates import by_network
from advspectra.results.runs import read_runs
from advspectra.spectra import write_spectra
from advspectra.split import Split, on_device
from advspectra.streams import stream

EPSILON = 8 / 255
CPU = torch.device("cpu")
SETTINGS = {"batch_size": 16, "simplify": False, "precision": "float32", "seed": 3}
PGD = {"steps": 20, "rel_stepsize": 0.1, "random_start": True}


def linear(classes=3, scale=1.0):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 6 * 6, classes))
    with torch.no_grad():
        network[1].weight *= scale
        network[1].bias *= scale
    return network


def split(count=40, labels=None):
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(50, 200, (count, 3, 6, 6), generator=generator, dtype=torch.uint8)
    return Split(images, torch.arange(count) % 3 if labels is None else labels)


def pgd(**parameters):
    return build_attack("linf_pgd", epsilon=EPSILON, parameters=PGD | parameters)


@pytest.fixture
def images():
    """Training and test images that differ; the order of the training classes is another one."""
    rng = np.random.default_rng(0)
    train, test = (rng.integers(0, 256, (size, 3, 6, 6), dtype=np.uint8) for size in (60, 20))
    labels = {"train_labels": np.arange(60) // 30, "test_labels": np.arange(20) % 2}
    return ImageSet(train_images=train, test_images=test, **labels, class_names=("a", "b"), source={"name": "noise"})


def test_by_default_an_attack_does_what_it_did_before_the_keys_were_there():
    network, data = linear().eval().requires_grad_(False), split()
    found = perturb(network, data, np.arange(40), pgd(), **SETTINGS, against="label", images_of="test")
    torch.manual_seed(stream(3, "start of the attack"))
    deltas, success = [], []
    for index in torch.arange(40).split(16):
        inputs, labels = data.batch(index)
        delta = pgd().run(network, inputs, labels) - inputs
        deltas.append(delta.numpy())
        before, after = (network(x).argmax(dim=1) for x in (inputs, inputs + delta))
        success.append(((before == labels) & (after != labels)).numpy())
    assert found.perturbation.tobytes() == np.concatenate(deltas).tobytes()
    np.testing.assert_array_equal(found.success, np.concatenate(success))
    unsaid = perturb(network, data, np.arange(40), pgd(), **SETTINGS)
    assert all(np.array_equal(vars(unsaid)[name], value) for name, value in vars(found).items())


def test_against_the_prediction_every_image_counts_and_labels_stay():
    network = linear()
    data = split()
    found = perturb(network, data, np.arange(40), pgd(), **SETTINGS, against="prediction")
    # the same attack, told that its labels are the predictions
    told = Split(data.images, network(data.batch(slice(None))[0]).argmax(dim=1))
    expected = perturb(network, told, np.arange(40), pgd(), **SETTINGS)
    assert found.perturbation.tobytes() == expected.perturbation.tobytes()
    np.testing.assert_array_equal(found.success, found.clean_prediction != found.adversarial_prediction)
    np.testing.assert_array_equal(found.label, data.labels)
    wrong = found.clean_prediction != found.label
    assert found.success[wrong].any() and (~found.success).any()


def test_against_the_prediction_success_still_needs_a_norm_within_epsilon():
    far = Attack(lambda network, inputs, labels, part: 1 - inputs, norm=float("inf"), epsilon=0.01)
    found = perturb(linear(), split(), np.arange(40), far, **SETTINGS, against="prediction")
    assert (found.clean_prediction != found.adversarial_prediction).any() and not found.success.any()


def test_an_attack_is_tuned_against_the_prediction_too():
    network, data, seen = linear(), split(), []

    def tune(network, inputs, labels):
        seen.append(labels)
        return pgd(), {}

    attack = Attack(run=None, norm=float("inf"), epsilon=EPSILON, tune=tune)
    found = perturb(network, data, np.array([5, 2, 30]), attack, **SETTINGS | {"batch_size": 2}, against="prediction")
    np.testing.assert_array_equal(seen[0], found.clean_prediction)


def test_a_transfer_against_the_prediction_is_judged_by_the_network_that_it_is_tried_on():
    network, other, data = linear(), linear(), split()
    with torch.no_grad():
        other[1].weight.add_(0.3 * torch.randn(3, 108, generator=torch.Generator().manual_seed(4)))
    found = perturb(network, data, np.arange(40), pgd(), **SETTINGS, against="prediction")
    bound = {"norm": float("inf"), "epsilon": EPSILON, "batch_size": 16}
    tried = transfer(other, data, found.image, found.perturbation, **bound, against="prediction")
    np.testing.assert_array_equal(tried.success, tried.clean_prediction != tried.adversarial_prediction)
    assert tried.success[tried.clean_prediction != tried.label].any()
    assert not tried.zero_gradient.any()


def test_the_images_attacked_are_those_of_the_set_that_is_named(images):
    for name, pixels, labels in (
        ("test", images.test_images, images.test_labels),
        ("training", images.train_images, images.train_labels),
    ):
        found = attacked_split(images, name, CPU)
        assert np.array_equal(found.images, pixels) and np.array_equal(found.labels, labels)


def normalised():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))


def test_statistics_are_estimated_again_on_training_images_alone_and_the_same_each_time(images):
    about = {"seed": 5, "device": CPU}
    as_is = attacked_network(normalised(), images, batch_norm="as_is", **about)
    again = [attacked_network(normalised(), images, batch_norm={"batches": 3, "batch_size": 10}, **about) for _ in "ab"]
    expected = normalised()
    train = on_device(images.train_images, images.train_labels, CPU)
    recalibrate(expected, train, batches=3, batch_size=10, seed=5)
    for network in again:
        assert not network.training
        for name, tensor in network.state_dict().items():
            assert torch.equal(tensor, expected.state_dict()[name]), name
    assert all(torch.equal(tensor, normalised().state_dict()[name]) for name, tensor in as_is.state_dict().items())


def test_a_network_without_running_statistics_is_attacked_as_it_is(images):
    network = linear()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    kept = attacked_network(network, images, batch_norm={"batches": 99, "batch_size": 99}, seed=0, device=CPU)
    assert all(torch.equal(tensor, before[name]) for name, tensor in kept.state_dict().items())


def confident(scale):
    """Margins of up to 300 at scale 1e3, class 0 by a bias; class 1 always, however the image changes within 0.03."""
    network = linear(classes=2)
    with torch.no_grad():
        network[1].bias += torch.tensor([0.5, 0.0])
    network[1].weight.data *= scale
    network[1].bias.data *= scale
    return network


@pytest.mark.parametrize("family", ["linf_pgd", "foolbox"])
def test_images_with_margins_above_200_have_no_gradient_and_the_same_network_scaled_down_has_one(family):
    data = split()
    options = {"epsilon": EPSILON, "parameters": PGD} | ({"attack": "LinfPGD"} if family == "foolbox" else {})
    attack = build_attack(family, **options)
    for scale in (1, 1e4):
        network = confident(scale)
        labels = network(data.batch(slice(None))[0]).argmax(dim=1)
        found = perturb(network, Split(data.images, labels), np.arange(40), attack, **SETTINGS)
        margin = np.abs(np.diff(found.clean_logits, axis=1))[:, 0]
        if scale == 1:
            assert margin.max() < 50 and not found.zero_gradient.any()
            # attacked, every pixel lies at a wall of the ball
            np.testing.assert_allclose(np.abs(found.perturbation), EPSILON, rtol=1e-4)
        else:
            assert (margin > 200).sum() > 10
            assert found.zero_gradient[margin > 200].all() and not found.zero_gradient[margin < 80].any()
            # left at the random start, which is uniform in the ball
            start = found.perturbation[margin > 2000]
            assert len(start) > 10 and np.abs(start).mean() == pytest.approx(EPSILON / 2, rel=0.1)


def test_an_image_that_succeeds_from_a_random_start_had_a_gradient_there():
    """Grey images with a margin of 105: about half of the starts lie where it is below 104, and have a gradient."""
    network = linear(classes=2, scale=1000)
    data = Split(torch.full((40, 3, 6, 6), 128, dtype=torch.uint8), torch.zeros(40, dtype=torch.int64))
    with torch.no_grad():
        network[1].bias[:] = 0
        zero, one = network(data.batch(slice(None))[0])[0]
        network[1].bias[0] = one - zero + 105
    found = perturb(network, data, np.arange(40), pgd(), **SETTINGS)
    assert 5 < found.success.sum() < 35
    np.testing.assert_array_equal(found.zero_gradient, ~found.success)


def test_with_the_logit_difference_the_same_images_have_a_gradient():
    data, network = split(), confident(1e4)
    labels = network(data.batch(slice(None))[0]).argmax(dim=1)
    options = {"epsilon": 32 / 255, "tolerance": 1 / 255, "parameters": PGD}
    for loss in ("cross_entropy", "logit_difference"):
        attack = build_attack("minimal_linf_pgd", loss=loss, **options)
        found = perturb(network, Split(data.images, labels), np.arange(40), attack, **SETTINGS)
        assert found.zero_gradient.any() == (loss == "cross_entropy")


def test_where_one_class_alone_is_ever_predicted_no_label_matters_and_dead_units_have_no_gradient():
    """One class only: images of another class have a gradient of the cross-entropy, those of that class have none."""
    network = linear(classes=2)
    with torch.no_grad():
        network[1].bias += torch.tensor([300.0, 0.0])
    data = split(labels=torch.arange(40) % 2)
    found = perturb(network, data, np.arange(40), pgd(), **SETTINGS)
    assert (found.clean_prediction == 0).all() and not found.success.any()
    np.testing.assert_array_equal(found.zero_gradient, data.labels.numpy() == 0)
    dead = nn.Sequential(nn.Flatten(), nn.Linear(108, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        dead[1].bias.fill_(-100)
    for loss in ("cross_entropy", "logit_difference"):
        attack = build_attack("minimal_linf_pgd", epsilon=EPSILON, tolerance=1 / 2550, loss=loss, parameters=PGD)
        assert perturb(dead, data, np.arange(40), attack, **SETTINGS).zero_gradient.all()


@pytest.mark.parametrize("name", ["L2DeepFoolAttack", "L2CarliniWagnerAttack"])
def test_attacks_that_follow_no_cross_entropy_lack_no_gradient(name):
    assert build_attack("foolbox", attack=name, epsilon=1.0, parameters={"steps": 2}).loss is None


@pytest.mark.parametrize("images", ["all", "successful"])
def test_no_spectrum_is_taken_of_an_image_without_a_gradient(tmp_path, images):
    arrays = {
        "perturbation": np.random.default_rng(0).normal(size=(5, 3, 8, 8)).astype(np.float32),
        "success": np.array([True, True, True, False, False]),
        "image": np.arange(5) * 2,
        "zero_gradient": np.array([False, True, False, True, False]),
    }
    about = {"conventions": ["paper"], "images": images, "angular_bins": 12, "attributes": identity()}
    write_spectra(tmp_path / "spectra.h5", **arrays, **about)
    with h5py.File(tmp_path / "spectra.h5") as file:
        assert file["image"][()].tolist() == ([0, 4, 8] if images == "all" else [0, 4])
        assert (file.attrs["attacked"], file.attrs["zero_gradients"]) == (5, 2)
    said = {
        "all": ("n = 3 attacked test images of 5, 2 without", "all attacked images with a gradient;"),
        "successful": ("n = 2 successfully attacked test images of 5, 2 without", "images with a gradient whose"),
    }
    caption, note = said[images]
    groups = by_network(read_runs([tmp_path / "spectra.h5"]))
    assert f"{caption} a gradient left out, 1 seed" in counts(groups, convention="paper")
    assert note in perturbation_notes(groups, convention="paper")[0]


def test_where_every_image_has_a_gradient_none_is_said_to_be_left_out(tmp_path):
    arrays = {"perturbation": np.ones((3, 3, 8, 8), np.float32), "success": np.ones(3, bool), "image": np.arange(3)}
    arrays |= {"zero_gradient": np.zeros(3, bool)}
    about = {"conventions": ["paper"], "images": "all", "angular_bins": 12, "attributes": identity()}
    write_spectra(tmp_path / "spectra.h5", **arrays, **about)
    groups = by_network(read_runs([tmp_path / "spectra.h5"]))
    assert counts(groups, convention="paper").startswith("n = 3 attacked test images, 1 seed")
    assert "over all attacked images;" in perturbation_notes(groups, convention="paper")[0]


def test_the_file_says_what_the_attack_saw_and_how_many_images_have_no_gradient(tmp_path):
    data, network = split(labels=torch.zeros(40, dtype=torch.int64)), confident(1e4)
    found = perturb(network, data, np.arange(40), pgd(), **SETTINGS)
    seen = described(images_of="training", against="prediction", batch_norm={"batches": 16, "batch_size": 128})
    write_perturbations(tmp_path / "perturbations.h5", found, attributes={"attack": "pgd"} | seen)
    arrays, attributes = read_perturbations(tmp_path / "perturbations.h5")
    assert attributes["zero_gradients"] == found.zero_gradient.sum() > 0
    np.testing.assert_array_equal(arrays["zero_gradient"], found.zero_gradient)
    assert origin(attributes) == {
        "attack": "pgd",
        "images_of": "training",
        "against": "prediction",
        "batch_norm": "16 batches of 128",
    }
    read = read_attacked_images(tmp_path / "perturbations.h5")
    assert (read.images_of, read.against, read.batch_norm) == ("training", "prediction", "16 batches of 128")
    with pytest.raises(ValueError, match="expected training image 77 once"):
        read.perturbation(77)


def test_a_transfer_keeps_what_the_attack_said_of_gradients():
    data, network = split(labels=torch.zeros(40, dtype=torch.int64)), confident(1e4)
    found = perturb(network, data, np.arange(40), pgd(), **SETTINGS)
    about = {"norm": float("inf"), "epsilon": EPSILON, "batch_size": 16, "zero_gradient": found.zero_gradient}
    tried = transfer(linear(classes=2), data, found.image, found.perturbation, **about)
    assert found.zero_gradient.any()
    np.testing.assert_array_equal(tried.zero_gradient, found.zero_gradient)


def test_readers_of_spectra_say_which_images_they_are_of(tmp_path):
    arrays = {"perturbation": np.ones((2, 3, 8, 8), dtype=np.float32), "success": np.ones(2, dtype=bool)}
    about = {"image": np.arange(2), "conventions": ["paper"], "images": "all", "angular_bins": 12}
    for kind, attributes in (("test", {}), ("training", {"images_of": "training"})):
        write_spectra(tmp_path / "spectra.h5", **arrays, **about, attributes=attributes)
        assert read_spectra(tmp_path / "spectra.h5", "paper").images_of == kind


def test_the_warning_says_how_many_why_and_what_to_do():
    text = zero_gradient_warning(3, of=40)
    assert all(part in text for part in ("3 of 40 images", "margins are above about 100", "logit_difference"))
