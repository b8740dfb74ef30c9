"""Memory is bounded by what is left to the job, whichever limit says so, and an error for want of it names the file."""

import errno
import os
import resource
import subprocess
import sys

import h5py
import numpy as np
import pytest

from advspectra.files.hdf5 import add, create, open_checked
from advspectra.files.images import ImageSet, write_images
from advspectra.machine import memory
from advspectra_study.verify.verification import verify

GB = 10**9
MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
STATUS = "Name:\tpython\nVmSize:\t  2000 kB\nVmRSS:\t  1000 kB\nVmData:\t  1500 kB\n"
NO_LIMIT_V1 = 9223372036854771712


def system(folder, group: str, files: dict[str, object]):
    """Make the part of a file system that says what this process is in and has."""
    for path, content in {"proc/self/status": STATUS, "proc/self/cgroup": group, **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"{content}\n")
    return folder


def v2(place, most, now, cached=0, shared=0):
    folder = f"sys/fs/cgroup/{place}".rstrip("/")
    stat = f"anon 5\nfile {cached}\nshmem {shared}"
    return {f"{folder}/memory.max": most, f"{folder}/memory.current": now, f"{folder}/memory.stat": stat}


def v1(place, most, now, cached=0, shared=0):
    folder = f"sys/fs/cgroup/memory/{place}".rstrip("/")
    stat = f"cache 7\ntotal_cache {cached}\ntotal_shmem {shared}"
    names = ("limit_in_bytes", "usage_in_bytes", "stat")
    return dict(zip((f"{folder}/memory.{name}" for name in names), (most, now, stat), strict=True))


@pytest.mark.parametrize(
    ("group", "files", "left", "limit"),
    [
        # systemd, SLURM with v2: the group of the process, and those that it lies in
        ("0::/job/step", v2("job/step", 2 * GB, GB // 2), 3 * GB // 2, "job/step/memory.max"),
        ("0::/job/step", v2("job", GB, 1000) | v2("job/step", "max", 500), GB - 1000, "/job/memory.max"),
        ("0::/job/step", v2("job", GB, 900) | v2("job/step", 2 * GB, 500), GB - 900, "/job/memory.max"),
        # what the system keeps of files it gives back; not so what lies in /dev/shm
        ("0::/a", v2("a", GB, GB - 1, GB // 2, GB // 4), GB // 4 + 1, "/a/memory.max"),
        # a container sees its own group as the outermost, by a name of the inside or of the outside
        ("0::/", v2("", GB, 1000), GB - 1000, "cgroup/memory.max"),
        ("0::/docker/1234", v2("", GB, 1000), GB - 1000, "cgroup/memory.max"),
        ("0::/", v2("unified", GB, 1000), GB - 1000, "unified/memory.max"),
        # v1, beside other controllers
        (
            "5:cpu,cpuacct:/x\n4:memory:/slurm/job_7\n0::/",
            v1("slurm/job_7", GB, 600),
            GB - 600,
            "job_7/memory.limit_in",
        ),
        ("4:memory:/a", v1("a", NO_LIMIT_V1, 600) | v1("", GB, 800, 300, 100), GB - 600, "memory/memory.limit_in"),
        # full
        ("0::/a", v2("a", GB, GB + 5), 0, "/a/memory.max"),
        # no limit
        ("0::/a", v2("a", "max", 5), MACHINE, "the memory of this machine"),
        ("4:memory:/a", v1("a", NO_LIMIT_V1, 600), MACHINE, "the memory of this machine"),
        ("5:cpu:/a", v2("a", GB, 5), MACHINE, "the memory of this machine"),
        ("0::/../b", v2("", "max", 5), MACHINE, "the memory of this machine"),
    ],
)
def test_the_limit_of_a_control_group_counts_and_what_it_has_already(tmp_path, group, files, left, limit):
    found = memory.left(root=system(tmp_path, group, files), environment={})
    assert found[0] == left and limit in found[1]


@pytest.mark.parametrize(
    ("variables", "left", "limit"),
    [
        ({"SLURM_MEM_PER_NODE": "1000"}, 1000 * 2**20 - 1000 * 1024, "SLURM_MEM_PER_NODE"),
        ({"SLURM_MEM_PER_CPU": "500"}, 500 * 2**20 - 1000 * 1024, "SLURM_MEM_PER_CPU"),
        ({"SLURM_MEM_PER_CPU": "50", "SLURM_CPUS_ON_NODE": "4"}, 200 * 2**20 - 1000 * 1024, "SLURM_MEM_PER_CPU"),
        ({"SLURM_MEM_PER_CPU": "50", "SLURM_CPUS_PER_TASK": "2"}, 100 * 2**20 - 1000 * 1024, "SLURM_MEM_PER_CPU"),
        ({"SLURM_MEM_PER_NODE": "0"}, MACHINE, "the memory of this machine"),
        ({"SLURM_MEM_PER_NODE": "all"}, MACHINE, "the memory of this machine"),
    ],
)
def test_what_slurm_was_asked_for_counts(tmp_path, variables, left, limit):
    assert memory.left(root=system(tmp_path, "0::/", {}), environment=variables) == (left, limit)


@pytest.mark.parametrize(
    ("number", "name", "used"), [("RLIMIT_AS", "ulimit -v", 2000), ("RLIMIT_DATA", "ulimit -d", 1500)]
)
def test_a_limit_of_the_shell_counts(tmp_path, monkeypatch, number, name, used):
    limits = {getattr(resource, number): (GB, resource.RLIM_INFINITY)}
    monkeypatch.setattr(resource, "getrlimit", lambda one: limits.get(one, (resource.RLIM_INFINITY,) * 2))
    assert memory.left(root=system(tmp_path, "0::/", {}), environment={}) == (GB - used * 1024, name)


def test_without_proc_the_machine_counts_and_half_of_it_is_the_budget(tmp_path, monkeypatch):
    assert memory.left(root=tmp_path, environment={}) == (MACHINE, "the memory of this machine")
    monkeypatch.setattr(memory, "left", lambda: (GB, "a limit"))
    assert memory.budget() == GB // 2 and memory.why() == f"as a limit leaves {GB} bytes"


READ = """
import resource, sys
from advspectra.files.hdf5 import open_checked, create, add
import numpy as np
size = int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1])
resource.setrlimit(resource.RLIMIT_AS, ((size << 10) + int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    if sys.argv[3] == "write":
        with create(sys.argv[1], kind="test", version=1, attributes={}) as file:
            for number in range(20):
                add(file, f"a{number}", np.ones(2**20), units="1", long_name="a")
    with open_checked(sys.argv[1], kind="test", version=1) as file:
        read = [file[name][()] for name in file for _ in range(int(sys.argv[4]))]
except Exception as error:
    print(f"{type(error).__name__}: {error}")
else:
    print("read")
"""


def limited(path, size, doing="read", times=1):
    """Read or write a file in a process with `size` more bytes of address space; return what it says."""
    command = [sys.executable, "-c", READ, str(path), str(size), doing, str(times)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    return done.stdout + done.stderr


@pytest.mark.parametrize("compression", [False, True])
def test_under_a_limit_of_the_shell_a_file_is_refused_or_named_and_never_called_damaged(tmp_path, compression):
    path = tmp_path / "values.h5"
    with create(path, kind="test", version=1, attributes={}) as file:
        add(file, "a", np.zeros(2**23), units="1", long_name="a", compression=compression)  # 64 MiB
    assert limited(path, 2**30) == "read\n"
    said = limited(path, 2**26)
    assert said.startswith(f"TooLarge: {path}: refused, as ") and " at most are read, as ulimit -v leaves " in said
    said = limited(path, 2**28, times=5)  # it fits, and not what is made of it
    assert said.startswith(f"MemoryError: {path}: cannot be read for want of memory, as ulimit -v leaves "), said
    path = tmp_path / "new.h5"
    said = limited(path, 2**27, doing="write")
    assert said.startswith(f"MemoryError: {path}: cannot be written for want of memory, as ulimit -v leaves "), said
    assert not path.exists()


class Scarce:
    """What each library says when memory is short."""

    numpy = np._core._exceptions._ArrayMemoryError((2**40,), np.dtype("f8"))
    system = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    torch = RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried to")
    hdf5 = OSError("Can't synchronously read data (memory allocation failed for chunk)")


@pytest.mark.parametrize("error", [Scarce.numpy, Scarce.system, Scarce.torch, Scarce.hdf5, MemoryError()], ids=repr)
def test_an_error_for_want_of_memory_names_the_file_and_the_limit(error):
    with pytest.raises(MemoryError, match="^a.h5: cannot be read for want of memory, as .* leaves [0-9]+ bytes"):
        with memory.naming("a.h5", "read"):
            raise error


def test_other_errors_stay_and_those_of_hdf5_unless_there_is_no_memory(monkeypatch):
    unclear = OSError("Can't synchronously read data (filter returned failure during read)")
    for error in (KeyError("a"), OSError(errno.EIO, "Input/output error"), RuntimeError("a"), unclear):
        with pytest.raises(type(error)) as found, memory.naming("a.h5", "read"):
            raise error
        assert found.value is error
    monkeypatch.setattr(memory, "left", lambda: (2**20, "a limit"))
    with pytest.raises(MemoryError, match="a.h5"), memory.naming("a.h5", "read"):
        raise unclear


def test_a_file_that_fails_for_want_of_memory_is_not_called_damaged(tmp_path, monkeypatch):
    path = tmp_path / "values.h5"
    with create(path, kind="test", version=1, attributes={}) as file:
        add(file, "a", np.zeros(3), units="1", long_name="a")

    def fail(self, *_):
        raise Scarce.hdf5

    monkeypatch.setattr(h5py.Dataset, "__getitem__", fail)
    with (
        pytest.raises(MemoryError, match=f"{path}: cannot be read"),
        open_checked(path, kind="test", version=1) as file,
    ):
        file["a"][()]


def test_a_file_too_large_for_this_process_cannot_be_looked_at_now_and_is_not_called_damaged(tmp_path, monkeypatch):
    path = str(tmp_path / "images.h5")
    pixels, labels = np.zeros((2, 1, 4, 4), dtype=np.uint8), np.array([0, 1])
    write_images(path, ImageSet(pixels, labels, pixels, labels, ("a", "b"), {"parameters": "{}"}))
    expected = {path: {"parameters": {}, "code": {}, "inputs": []}}
    monkeypatch.setattr(memory, "budget", lambda: 10)
    found = verify(str(tmp_path), expected)
    assert found.damaged == {} and "has 16 bytes, 10 at most are read, as " in found.unread[path]
