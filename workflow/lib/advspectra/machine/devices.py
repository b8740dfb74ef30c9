"""Where the arithmetic runs, in which precision, and the settings that make it repeatable."""

import ctypes
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from advspectra.machine.gpu_slots import claim

# operations without a deterministic form that this process has used, as PyTorch's warnings name them
_nondeterministic: set[str] = set()


def prepare(device: str, *, threads: int) -> torch.device:
    """The device named, set up so that the same work gives the same bytes on it.

    device : "cpu", "cuda", "mps", or "auto" for the first of cuda, mps, cpu that is available. Of several GPUs the
        process gets one to itself, as long as there are enough of them: see gpu_slots.
    threads : CPU threads of this process. The order of sums depends on it, so it belongs to the run's identity.
    Raises ValueError for a device that this machine lacks.
    """
    if device in ("cuda", "auto"):
        claim()  # before CUDA looks for GPUs
    torch.set_num_threads(threads)
    _keep_freed_memory()
    # cuBLAS is deterministic only with a fixed workspace, set before its first call
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # "warn": an operation without a deterministic form on some device is named, not fatal. It sets what
    # torch.use_deterministic_algorithms does, without importing torch's compiler, which takes 2 s in every job.
    torch.set_deterministic_debug_mode("warn")
    _note_nondeterministic()
    # it also fills each new tensor with NaN, which nothing here reads: 3 to 8 % of a step of ResNet18
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = False
    _round_products("ieee")
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        device = next(name for name, there in present.items() if there)
    if not present.get(device, False):
        raise ValueError(
            f"device {device!r} is not available here; available: {[n for n, there in present.items() if there]}"
        )
    return torch.device(device)


def _keep_freed_memory() -> None:
    """Let the process reuse the memory of freed tensors, where its C library is glibc.

    glibc gives large blocks back to the system at once, and a step can spend a third of its time on getting them again.
    Without that, batches of 100 and more images are the fastest for every network.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return
    mallopt(-4, 0)  # M_MMAP_MAX: no block from the system alone, malloc.h
    mallopt(-1, 2**31 - 1)  # M_TRIM_THRESHOLD: nothing is given back


def with_float64(device: torch.device) -> torch.device:
    """The device that computes in float64 for a job on `device`: itself, or the CPU in place of MPS."""
    return torch.device("cpu") if device.type == "mps" else device


def precision(device: torch.device, name: str) -> AbstractContextManager:
    """A context in which matrix products and convolutions on `device` are computed in the precision `name`.

    "float32"; "tf32": factors rounded to 10 bits of mantissa, on NVIDIA GPUs; "bfloat16": factors and results rounded
    to 7 bits. Parameters and gradients stay float32. Call `prepare` first.
    ValueError for a precision that the device lacks.
    """
    if name == "float32":
        return nullcontext()
    if name == "bfloat16":
        # without the cache: its copies of the weights would outlive the optimizer's steps until the context ends
        return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)
    if name == "tf32" and device.type == "cuda":
        return _tf32()
    raise ValueError(f"precision {name!r} is not available on {device.type}")


@contextmanager
def _tf32() -> Iterator[None]:
    _round_products("tf32")
    try:
        yield
    finally:
        _round_products("ieee")


def _round_products(precision: str) -> None:
    """Round the factors of float32 products on NVIDIA GPUs: "tf32", or "ieee" for not at all."""
    # PyTorch's own default is tf32 for convolutions, ieee for matrix products
    torch.backends.cudnn.conv.fp32_precision = torch.backends.cuda.matmul.fp32_precision = precision


def _note_nondeterministic() -> None:
    show = warnings.showwarning

    def note(message, *arguments, **options):
        if named := re.match(r"(\S+) does not have a deterministic implementation", str(message)):
            _nondeterministic.add(named[1])
        show(message, *arguments, **options)

    warnings.showwarning = note


def place(device: torch.device) -> dict[str, str | int]:
    """Where a result was computed, and whether computing it again gives the same bytes, for its attributes.

    device : with the kind of its arithmetic, such as "cpu: AVX2" or "cuda: NVIDIA H100". threads : of the CPU, which
    order its sums. determinism : "same bytes", on that device with those threads and the same versions, or why not.
    """
    about = {"cuda": torch.cuda.get_device_name, "cpu": lambda _: torch.backends.cpu.get_cpu_capability()}
    name = f"{device.type}: {about[device.type](device)}" if device.type in about else device.type
    if device.type == "mps":
        determinism = "not promised by mps"
    elif _nondeterministic:
        determinism = f"not promised by {', '.join(sorted(_nondeterministic))}"
    else:
        determinism = "same bytes"
    return {"device": name, "threads": torch.get_num_threads(), "determinism": determinism}
