"""What a long job says of how far it is: in its log, a line a minute at most, with the time that is left."""

import io
import sys

import numpy as np
import pytest
import torch
from recipes import train

from advspectra.lines.ends import measure_lines
from advspectra.machine import countdown
from advspectra.machine.countdown import Countdown, duration
from advspectra.perturb import build_attack, perturb
from advspectra.split import Split


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by a minute whenever it is read."""
    seconds = [0.0]

    def now():
        seconds[0] += 60
        return seconds[0]

    monkeypatch.setattr(countdown.time, "monotonic", now)
    return seconds


def test_a_line_a_minute_says_how_far_it_is_and_how_long_yet(monkeypatch):
    seconds, lines = [0.0], []
    monkeypatch.setattr(countdown.time, "monotonic", lambda: seconds[0])
    with Countdown(1000, label="a job", unit="step", report=lines.append) as counted:
        for _ in range(250):
            seconds[0] += 1
            counted.add()
    assert lines == [
        "60 of 1000 steps, about 16 min left",
        "120 of 1000 steps, about 15 min left",
        "180 of 1000 steps, about 14 min left",
        "240 of 1000 steps, about 13 min left",
    ]


def test_what_an_earlier_try_did_is_no_measure_of_the_speed(monkeypatch):
    seconds, lines = [0.0], []
    monkeypatch.setattr(countdown.time, "monotonic", lambda: seconds[0])
    with Countdown(1000, label="a job", unit="image", done=900, report=lines.append) as counted:
        seconds[0] = 100
        counted.reach(900)  # nothing new yet: nothing is known of the speed
        counted.reach(950)
    assert lines == ["950 of 1000 images, about 2 min left"]


def test_a_short_job_says_nothing():
    lines = []
    with Countdown(2, label="a job", unit="step", report=lines.append) as counted:
        counted.add()
        counted.add()
    assert lines == []


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_has_a_bar_and_other_places_have_not(monkeypatch):
    for place, bar in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", place)
        with Countdown(4, label="a job", unit="step", done=1, report=print) as counted:
            counted.reach_within(1, 2, 0.5)
            assert counted.done == 2
            counted.add(2)
        assert ("a job: 100%" in place.getvalue() and "4/4" in place.getvalue()) == bar


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (89, "89 s"), (91, "2 min"), (5300, "88 min"), (5400, "1.5 h"), (90000, "25.0 h")],
)
def test_times_are_in_words(seconds, words):
    assert duration(seconds) == words


def network():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))


def split(count=64):
    images = torch.randint(0, 256, (count, 3, 2, 2), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return Split(images, torch.arange(count) % 2)


TRAINING = {
    "learning_rate": 0.1,
    "epochs": 2,
    "batch_size": 8,
    "momentum": 0.0,
    "weight_decay": 0.0,
    "schedule": {"factor": 1, "every": 1, "reset_at": None},
    "selection": {"by": "test", "held_out_fraction": 0},
    "checkpoints": {"steps": [], "epochs": []},
    "simplified": False,
    "seed": 0,
}


def test_the_bar_of_a_training_has_its_name_its_steps_and_the_last_accuracy(monkeypatch):
    for about, name in (({"label": "a network"}, "a network: "), ({}, "")):
        place = Terminal()
        monkeypatch.setattr(sys, "stderr", place)
        result = train(network(), split(), split(), **TRAINING, **about)
        first, *_, last = place.getvalue().strip("\r\n").split("\r")
        assert first.startswith(f"{name}  0%|") and first.endswith(" 0/16 [00:00<?, ?step/s]")
        assert last.startswith(f"{name}100%|") and " 16/16 [" in last
        assert last.rstrip().endswith(f", test_accuracy={result.history[-1]['test_accuracy']:.3f}]")


def test_a_training_says_how_far_it_is(clock):
    lines = []
    train(network(), split(), split(), **TRAINING, report=lines.append)
    assert lines[0].startswith("1 of 16 steps, about ") and any(line.startswith("15 of 16 steps") for line in lines)


@pytest.mark.parametrize(
    ("family", "options"),
    [
        ("linf_pgd", {"epsilon": 0.1, "parameters": {"steps": 200}}),
        ("minimal_linf_pgd", {"epsilon": 0.1, "tolerance": 0.01, "loss": "cross_entropy", "parameters": {"steps": 5}}),
        ("foolbox", {"attack": "LinfPGD", "epsilon": 0.1, "parameters": {"steps": 2}}),
    ],
)
def test_an_attack_says_how_far_it_is_within_a_batch_if_it_knows(clock, family, options):
    lines = []
    about = {"simplify": False, "precision": "float32", "seed": 0, "report": lines.append}
    size = 16 if family == "foolbox" else 64
    perturb(network(), split(), np.arange(64), build_attack(family, **options), batch_size=size, **about)
    assert lines and all(" of 64 images, about " in line for line in lines)
    if family == "linf_pgd":
        assert not lines[0].startswith("64")


def test_lines_say_how_far_they_are(clock):
    lines, inputs = [], split(12).images.float() / 255
    measure_lines(
        network().eval(),
        inputs,
        split(12).labels,
        torch.full_like(inputs, 0.01),
        np.arange(12),
        exact_images=1,
        samples=11,
        stretch_limit=2,
        seed=0,
        report=lines.append,
    )
    assert lines[0].startswith("1 of 12 images, about ")
