"""Devices: the settings of a job, the same bytes each time, and the precision of its arithmetic."""

import pytest
import torch
from torch import nn
from torch.backends import cuda, cudnn
from torch.nn import functional
from torch.utils import deterministic

from advspectra.machine import devices
from advspectra.machine.devices import place, precision, prepare

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def settings():
    """Put back what `prepare` sets for the whole process."""
    threads, mode, fill = (
        torch.get_num_threads(),
        torch.get_deterministic_debug_mode(),
        deterministic.fill_uninitialized_memory,
    )
    kept = cudnn.benchmark, cudnn.conv.fp32_precision, cuda.matmul.fp32_precision
    yield
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode(mode)
    deterministic.fill_uninitialized_memory = fill
    cudnn.benchmark, cudnn.conv.fp32_precision, cuda.matmul.fp32_precision = kept


def toy_network():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3))


def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(16, 3, 8, 8, generator=generator), torch.randint(0, 3, (16,), generator=generator)


def training(steps=5):
    """A short training; return the losses and the final state."""
    network, (inputs, labels) = toy_network(), batch()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(steps):
        loss = functional.cross_entropy(network(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses), network.state_dict()


def same(first, second):
    return torch.equal(first[0], second[0]) and all(torch.equal(first[1][key], second[1][key]) for key in first[1])


def test_a_job_keeps_to_its_threads_and_to_repeatable_arithmetic():
    cudnn.conv.fp32_precision = cuda.matmul.fp32_precision = "tf32"
    assert prepare("cpu", threads=1) == CPU
    assert torch.get_num_threads() == 1 and torch.are_deterministic_algorithms_enabled()
    assert not cudnn.benchmark and (cudnn.conv.fp32_precision, cuda.matmul.fp32_precision) == ("ieee", "ieee")


def test_new_tensors_are_not_filled_and_repeated_work_gives_the_same_bytes():
    prepare("cpu", threads=1)
    assert not deterministic.fill_uninitialized_memory
    assert same(training(), training())


def test_auto_takes_the_first_device_that_is_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert prepare("auto", threads=1) == CPU
    with pytest.raises(ValueError, match=r"device 'cuda' is not available here; available: \['cpu'\]"):
        prepare("cuda", threads=1)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert prepare("auto", threads=1) == torch.device("mps")


def test_float32_is_the_arithmetic_without_a_context():
    expected = training()
    with precision(CPU, "float32"):
        assert same(training(), expected)


def test_bfloat16_rounds_products_to_8_bits_and_leaves_parameters_float32():
    network, (inputs, _) = toy_network().eval(), batch()
    expected = network(inputs)
    with precision(CPU, "bfloat16"):
        logits = network(inputs)
    assert logits.dtype == torch.bfloat16
    error = (logits.float() - expected).abs().max() / expected.abs().max()
    assert 2**-12 < error < 2**-6  # a few roundings of 2^-9 each
    logits.sum().backward()
    assert all(parameter.dtype == parameter.grad.dtype == torch.float32 for parameter in network.parameters())


def test_bfloat16_training_sees_the_weights_of_each_step():
    exact, _ = training()
    with precision(CPU, "bfloat16"):
        rounded, state = training()
    torch.testing.assert_close(rounded, exact, rtol=0.02, atol=0)
    assert exact[-1] < 0.9 * exact[0]  # so weights kept from the first step would show
    assert not torch.equal(rounded, exact) and all(value.dtype != torch.bfloat16 for value in state.values())


def test_tf32_is_allowed_inside_its_context_alone():
    def rounding():
        return cudnn.conv.fp32_precision, cuda.matmul.fp32_precision

    prepare("cpu", threads=1)
    with pytest.raises(KeyError), precision(torch.device("cuda"), "tf32"):
        assert rounding() == ("tf32", "tf32")
        raise KeyError
    assert rounding() == ("ieee", "ieee")


@pytest.mark.parametrize(("device", "name"), [("cpu", "tf32"), ("mps", "tf32"), ("cuda", "float16")])
def test_a_precision_that_the_device_lacks_is_refused(device, name):
    with pytest.raises(ValueError, match=f"precision '{name}' is not available on {device}"):
        precision(torch.device(device), name)


def test_a_result_says_where_it_was_made_and_whether_it_would_come_out_the_same(monkeypatch):
    monkeypatch.setattr(devices, "_nondeterministic", set())
    monkeypatch.setattr(devices.warnings, "showwarning", lambda *arguments, **options: shown.append(arguments))
    shown = []
    device = prepare("cpu", threads=1)
    about = place(device)
    assert about["device"].startswith("cpu: ") and about["threads"] == 1 and about["determinism"] == "same bytes"
    torch.ones(2).put_(torch.tensor([0, 0]), torch.tensor([1.0, 2.0]))  # which of two writes to one place stays?
    assert place(device)["determinism"].startswith("not promised by put_")
    assert len(shown) == 1  # the warning is shown as well


def test_mps_promises_nothing():
    assert place(torch.device("mps"))["determinism"] == "not promised by mps"
