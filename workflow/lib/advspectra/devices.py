"""Where the arithmetic runs, and the settings that make it repeatable."""

import os

import torch


def prepare(device: str, *, threads: int) -> torch.device:
    """Return the device named, set up so that the same work gives the same bytes on it.

    device : "cpu", "cuda", "mps", or "auto" for the first of cuda, mps, cpu that is there.
    threads : CPU threads of this process; sums are ordered by it, so it belongs to the run's identity.
    Raises ValueError for a device that this machine lacks.
    """
    torch.set_num_threads(threads)
    # cuBLAS is deterministic only with a fixed workspace, set before its first call
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # "warn": an operation without a deterministic form on some device is named, not fatal. It sets what
    # torch.use_deterministic_algorithms does, without importing torch's compiler, which takes 2 s in every job.
    torch.set_deterministic_debug_mode("warn")
    torch.backends.cudnn.benchmark = False
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        device = next(name for name, there in present.items() if there)
    if not present.get(device, False):
        raise ValueError(
            f"device {device!r} is not available here; available: {[n for n, there in present.items() if there]}"
        )
    return torch.device(device)


def describe(device: torch.device) -> str:
    """Return the device's name for a result's attributes, such as "cpu" or "cuda: NVIDIA H100"."""
    return f"cuda: {torch.cuda.get_device_name(device)}" if device.type == "cuda" else device.type
