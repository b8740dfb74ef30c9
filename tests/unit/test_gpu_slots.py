"""Each process has a GPU of its own while there are enough, whatever becomes of the others."""

import os
import signal
import subprocess
import sys

import pytest

from advspectra.machine import gpu_slots

CLAIM = """
import os, sys
from advspectra.machine.gpu_slots import VISIBLE, claim
claim()
print(os.environ.get(VISIBLE), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def processes(tmp_path):
    """Start processes that claim a GPU, say which, and live until their input ends."""
    started = []

    def start(visible):
        ours = (gpu_slots.VISIBLE, "XDG_RUNTIME_DIR")
        environment = {key: value for key, value in os.environ.items() if key not in ours}
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


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return where the folder of the locks will be, among the temporary files."""
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(gpu_slots, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(gpu_slots, "_claimed", [])
    monkeypatch.setenv(gpu_slots.VISIBLE, "2,3")
    yield tmp_path / f"advspectra-gpus-{os.geteuid()}"
    for file in gpu_slots._claimed:
        os.close(file)


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


def test_without_a_folder_for_locks_a_process_sees_what_it_saw(folder, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(gpu_slots, "gettempdir", lambda: str(tmp_path / "file"))
    gpu_slots.claim()
    assert os.environ[gpu_slots.VISIBLE] == "2,3"


def test_a_folder_that_another_user_made_is_refused_and_the_files_that_it_leads_to_stay(folder, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    folder.mkdir()
    for device in "23":
        (folder / f"{device}.0").symlink_to(tmp_path / "thesis.tex")
    folder.chmod(0o777)  # an owner other than this user is tried where the tests may make one
    owner = os.geteuid()
    if owner == 0:
        os.chown(folder, owner := 65534, 65534)
    expected = f"{folder}: expected a folder of user {os.geteuid()} with mode 700, found a folder of user {owner} with "
    with pytest.raises(ValueError, match=f"^{expected}mode 777; remove it, or set TMPDIR"):
        gpu_slots.claim()
    assert (tmp_path / "thesis.tex").read_text() == "years of work" and os.environ[gpu_slots.VISIBLE] == "2,3"


@pytest.mark.parametrize("found", ["folder of another user", "folder that others see", "link", "file"])
def test_only_a_folder_of_this_user_alone_holds_the_locks(folder, tmp_path, found):
    if found == "folder of another user":
        if os.geteuid() != 0:
            pytest.skip("only root can make a folder of another user")
        folder.mkdir(mode=0o700)
        os.chown(folder, 65534, 65534)
    elif found == "folder that others see":
        folder.mkdir()
        folder.chmod(0o755)
    elif found == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.write_text("")
    with pytest.raises(ValueError, match=f"{folder}: expected a folder of user .* found a {found.split()[0]} of user"):
        gpu_slots.claim()
    assert not list((tmp_path / "elsewhere").glob("*"))


def test_a_link_among_the_locks_is_not_followed_and_no_file_is_emptied(folder, tmp_path):
    folder.mkdir(mode=0o700)
    (tmp_path / "thesis.tex").write_text("years of work")
    (folder / "2.0").write_text("what stood there")
    gpu_slots.claim()
    assert os.environ[gpu_slots.VISIBLE] == "2" and (folder / "2.0").read_text() == "what stood there"
    os.environ[gpu_slots.VISIBLE] = "3"
    (folder / "3.0").symlink_to(tmp_path / "thesis.tex")
    gpu_slots.claim()
    assert len(gpu_slots._claimed) == 1 and (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_locks_lie_in_the_runtime_folder_of_the_user_where_it_is_his_alone(folder, tmp_path, monkeypatch, mode):
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime").chmod(mode)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    gpu_slots.claim()
    assert os.environ[gpu_slots.VISIBLE] == "2"
    assert (tmp_path / "runtime/advspectra-gpus/2.0").exists() == (mode == 0o700) != folder.exists()


def test_a_runtime_folder_that_is_gone_or_relative_is_not_used(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runtime").mkdir(mode=0o700)
    for place in ("/run/user/none", "runtime", ""):
        monkeypatch.setenv("XDG_RUNTIME_DIR", place)
        monkeypatch.setenv(gpu_slots.VISIBLE, "2,3")
        gpu_slots.claim()
    assert len(list(folder.iterdir())) == 3 and not list((tmp_path / "runtime").iterdir())


def test_without_a_gpu_nothing_happens(processes, monkeypatch):
    monkeypatch.delenv(gpu_slots.VISIBLE, raising=False)
    if gpu_slots.visible():
        pytest.skip("this machine has a GPU")
    assert processes(None)[1] == "None" and processes("")[1] == ""


def test_a_job_on_cuda_claims_its_gpu_before_cuda_looks_for_any(folder, monkeypatch):
    import torch

    from advspectra.machine.devices import prepare

    seen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: seen.append(os.environ[gpu_slots.VISIBLE]))
    for device, expected in (("auto", "6"), ("cpu", "6,7")):
        monkeypatch.setenv(gpu_slots.VISIBLE, "6,7")
        assert prepare(device, threads=1).type == "cpu"
        assert seen.pop() == expected
