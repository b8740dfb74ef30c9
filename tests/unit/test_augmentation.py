"""Augmented images against torchvision's own flip, padding and crop, and what training does with them."""

import pytest
import torch
from recipes import train
from test_training import SETTINGS, toy_network, toy_split
from torchvision.transforms.v2 import functional as torchvision

from advspectra.training.augmentation import Augmentation, changed
from advspectra.training.recipe import one_cycle_rate

BOTH = {"flip": True, "crop": 2}


def test_a_changed_image_is_torchvisions_flip_then_a_crop_of_the_mirrored_border():
    images, augmentation = torch.rand(64, 3, 7, 5), Augmentation(**BOTH)
    changes = augmentation.drawn(64, seed=0, step=3)
    assert set(changes[:2].flatten().tolist()) == {-2, -1, 0, 1, 2} and set(changes[2].tolist()) == {0, 1}
    for image, found, (down, right, mirrored) in zip(images, changed(images, changes), changes.T.tolist(), strict=True):
        flipped = torchvision.horizontal_flip(image) if mirrored else image
        padded = torchvision.pad(flipped, [2, 2, 2, 2], padding_mode="reflect")
        assert torch.equal(found, torchvision.crop(padded, 2 + down, 2 + right, 7, 5))


def test_each_part_alone_leaves_the_other_as_it_is():
    images = torch.rand(32, 1, 6, 6)
    flipped = changed(images, Augmentation(flip=True).drawn(32, seed=0, step=0))
    same, mirrored = ((flipped == other).flatten(1).all(dim=1) for other in (images, images.flip(3)))
    assert (same ^ mirrored).all() and same.any() and mirrored.any()
    assert Augmentation(crop=1).drawn(32, seed=0, step=0)[2].sum() == 0


def test_changes_are_drawn_anew_in_each_step_and_with_each_seed():
    drawn = [Augmentation(**BOTH).drawn(50, seed=seed, step=step) for seed, step in [(0, 0), (0, 0), (0, 1), (1, 0)]]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2]) and not torch.equal(drawn[0], drawn[3])


@pytest.mark.parametrize("augmentation", [{}, {"flip": False, "crop": 0}])
def test_training_without_augmentation_is_training_on_the_images_themselves(augmentation):
    results = []
    for settings in (SETTINGS, SETTINGS | {"augmentation": augmentation}):
        network = toy_network()
        history = train(network, toy_split(), toy_split(20, 1), learning_rate=0.1, **settings).history
        results.append((network[1].weight, history))
    assert torch.equal(results[0][0], results[1][0]) and results[0][1] == results[1][1]


def test_training_sees_the_changed_images(monkeypatch):
    def weights(augmentation):
        network = toy_network()
        train(network, toy_split(), toy_split(20, 1), learning_rate=0.1, **SETTINGS, augmentation=augmentation)
        return network[1].weight

    plain = weights({})
    assert not torch.equal(weights({"crop": 1}), plain)
    monkeypatch.setattr("advspectra.training.sgd.changed", lambda images, changes: images)
    assert torch.equal(weights({"crop": 1}), plain)


def test_the_rate_of_one_cycle_rises_to_its_peak_and_falls_towards_0():
    rates = [one_cycle_rate(epoch, maximum=0.3, peak=3, epochs=6) for epoch in range(6)]
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.225, 0.15, 0.075])
    assert one_cycle_rate(0, maximum=0.3, peak=1, epochs=1) == pytest.approx(0.3)
    history = train(
        toy_network(), toy_split(), toy_split(20, 1), learning_rate=0.1, **SETTINGS | {"schedule": {"peak": 2}}
    ).history
    assert [row["learning_rate"] for row in history] == pytest.approx([0.05, 0.1, 0.05])
