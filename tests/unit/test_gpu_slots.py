"""Each process has a GPU of its own while there are enough, whatever becomes of the others."""

import os
import signal
import subprocess
import sys

import pytest

from advspectra import gpu_slots

CLAIM = """
import os, sys
from advspectra.gpu_slots import VISIBLE, claim
claim()
print(os.environ.get(VISIBLE), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def processes(tmp_path):
    """Start processes that claim a GPU, say which, and live until their input ends."""
    started = []

    def start(visible):
        environment = {key: value for key, value in os.environ.items() if key != gpu_slots.VISIBLE}
        environment |= {"TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
        if visible is not None:
            environment[gpu_slots.VISIBLE] = visible
        command = [sys.executable, "-c", CLAIM]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
        process = subprocess.Popen(command, **pipes)
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def test_each_process_has_a_gpu_of_its_own_and_then_they_are_shared_evenly(processes):
    devices = [processes("0,1,5")[1] for _ in range(7)]
    assert sorted(devices[:3]) == ["0", "1", "5"] and sorted(devices[3:6]) == ["0", "1", "5"]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, None])
def test_the_gpu_of_a_process_that_ended_is_free_however_it_ended(processes, end):
    (first, device), (_, other) = processes("0,1"), processes("0,1")
    first.send_signal(end) if end else first.stdin.close()
    first.wait()
    assert {device, other} == {"0", "1"} and processes("0,1")[1] == device


def test_gpus_are_chosen_from_those_that_a_scheduler_shows(processes):
    assert processes("GPU-4a,GPU-7c")[1] == "GPU-4a" and processes("3")[1] == "3" and processes("3")[1] == "3"


def test_parts_of_a_gpu_are_claimed_by_their_names_which_have_slashes(processes):
    names = "MIG-GPU-8932f937-d72c/1/0, MIG-GPU-8932f937-d72c/2/0"
    assert [processes(names)[1] for _ in range(2)] == names.split(", ")


def test_without_a_folder_for_locks_a_process_sees_what_it_saw(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(gpu_slots, "gettempdir", lambda: str(tmp_path / "file"))
    monkeypatch.setenv(gpu_slots.VISIBLE, "2,3")
    gpu_slots.claim()
    assert os.environ[gpu_slots.VISIBLE] == "2,3"


def test_without_a_gpu_nothing_happens(processes, monkeypatch):
    monkeypatch.delenv(gpu_slots.VISIBLE, raising=False)
    if gpu_slots.visible():
        pytest.skip("this machine has a GPU")
    assert processes(None)[1] == "None" and processes("")[1] == ""


def test_a_job_on_cuda_claims_its_gpu_before_cuda_looks_for_any(tmp_path, monkeypatch):
    import torch

    from advspectra.devices import prepare

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(gpu_slots, "gettempdir", lambda: str(tmp_path))
    seen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: seen.append(os.environ[gpu_slots.VISIBLE]))
    for device, expected in (("auto", "6"), ("cpu", "6,7")):
        monkeypatch.setenv(gpu_slots.VISIBLE, "6,7")
        assert prepare(device, threads=1).type == "cpu"
        assert seen.pop() == expected
