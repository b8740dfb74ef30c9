"""A split: the same batches from a tensor, from a file, and from whichever memory holds the images."""

from functools import partial

import numpy as np
import pytest
import torch
from torch.nn import functional

from advspectra import split
from advspectra.files.images import ImageSet, read_images, write_images
from advspectra.split import on_device

CPU = torch.device("cpu")
META = torch.device("meta")  # a device of its own, without memory: it shows where tensors would lie
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (40, 3, 5, 4), dtype=np.uint8)


@pytest.fixture
def labels():
    return np.arange(40) % 3


def free(monkeypatch, count):
    monkeypatch.setattr(split, "_free_memory", lambda device: count)


def training(data):
    """A short training on a split; return its weights."""
    weights = torch.zeros(60, 3, device=data.labels.device, requires_grad=True)
    for index in torch.randperm(len(data), generator=torch.Generator().manual_seed(0)).split(8):
        inputs, labels = data.batch(index.to(data.labels.device))
        functional.cross_entropy(inputs.flatten(1) @ weights, labels).backward()
        with torch.no_grad():
            weights -= 0.1 * weights.grad
        weights.grad = None
    return weights.detach().cpu()


@pytest.mark.parametrize("index", [torch.tensor([7, 0, 39, 7]), slice(35, 45)])
def test_a_batch_is_the_chosen_images_over_255(images, labels, index):
    chosen = index.numpy() if isinstance(index, torch.Tensor) else index
    inputs, found = on_device(images, labels, CPU).batch(index)
    assert inputs.dtype == torch.float32 and found.dtype == torch.int64
    np.testing.assert_array_equal(inputs.numpy(), images[chosen].astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(found.numpy(), labels[chosen])


@pytest.mark.parametrize("index", [torch.tensor([2, 0]), slice(1, 3)])
def test_a_subset_of_a_subset_is_the_images_with_those_indices(images, labels, index):
    whole = on_device(images, labels, CPU)
    part = whole.subset(torch.arange(30, 40)).subset(torch.tensor([9, 1, 5]))
    assert len(part) == 3 and part.images is whole.images
    for found, expected in zip(part.batch(index), whole.batch(torch.tensor([39, 31, 35])[index]), strict=True):
        assert torch.equal(found, expected)


def test_images_on_the_cpu_are_not_copied(images, labels):
    assert on_device(images, labels, CPU).images.data_ptr() == images.ctypes.data


@pytest.mark.parametrize(("spare", "place"), [(0, "meta"), (-1, "cpu")])
def test_images_go_to_the_device_if_they_fit_in_half_of_its_free_memory(monkeypatch, images, labels, spare, place):
    free(monkeypatch, 2 * images.nbytes + spare)
    data = on_device(images, labels, META)
    assert (data.images.device.type, data.labels.device.type) == (place, "meta")


def test_images_left_on_the_host_are_copied_to_the_device_batch_by_batch(monkeypatch, images, labels):
    free(monkeypatch, 0)
    data = on_device(images, labels, META)
    for index in (torch.tensor([3, 1]), slice(4, 6)):
        inputs, found = data.batch(index)
        assert inputs.shape == (2, 3, 5, 4) and (inputs.device.type, found.device.type) == ("meta", "meta")


@pytest.mark.filterwarnings("error")
def test_training_from_the_file_gives_the_bytes_of_training_from_memory(images, labels, tmp_path):
    names = ("a", "b", "c")
    write_images(tmp_path / "images.h5", ImageSet(images, labels, images[:9], labels[:9], names, {}))
    stored = read_images(tmp_path / "images.h5")
    data = on_device(stored.train_images, stored.train_labels, CPU)
    assert data.images.data_ptr() == stored.train_images.ctypes.data
    found = training(data)
    assert torch.equal(found, training(on_device(images, labels, CPU))) and found.abs().min() > 0


@needs_cuda
def test_training_from_the_host_gives_the_bytes_of_training_from_the_device(monkeypatch, images, labels):
    make = partial(on_device, images, labels, torch.device("cuda"))
    resident = make()
    free(monkeypatch, 0)
    streamed = make()
    assert (resident.images.device.type, streamed.images.device.type) == ("cuda", "cpu")
    assert torch.equal(training(streamed), training(resident))
    parts = [part.subset(torch.tensor([5, 30], device="cuda")).batch(slice(0, 2))[0] for part in (resident, streamed)]
    assert torch.equal(*parts)
