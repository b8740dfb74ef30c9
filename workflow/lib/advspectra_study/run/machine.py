"""What the workflow asks of the machine that it runs on."""

import os
import shlex
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError


def share_library(library: Path) -> None:
    """Let the scripts, which are started with this process's environment, import from `library`.

    And, whatever the environment is, draw to files (a notebook's MPLBACKEND names a backend that they may lack, and
    matplotlib then cannot be imported) and take names and texts for UTF-8.
    """
    os.environ |= {"MPLBACKEND": "Agg", "PYTHONUTF8": "1"}
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(library), os.environ.get("PYTHONPATH")]))


def quote_python() -> None:
    """Let Snakemake find Python in a path with spaces, too: it writes sys.executable as it is into commands (9.27)."""
    if not sys.executable.startswith("'"):
        sys.executable = shlex.quote(sys.executable)


def lift_rate_limit(workflow) -> None:
    """Let jobs start at any rate, if the user sets no limit; Snakemake's own is 100 a second. workflow : its.

    With a limit, Snakemake (9.27) looks at all jobs that are ready, and at their inputs, again a second after each
    look. Each job that ends adds one more such look a second, for as long as others are ready: after 90 jobs of a
    study of 937, Snakemake took a third of a processor. No cluster takes 100 jobs a second either.
    """
    limit = workflow.scheduler.job_rate_limiter
    if limit is not None and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


def gpus(device: str) -> int:
    """How many GPUs a job on `device` (auto, cuda, mps, cpu) takes: one, or none on the CPU."""
    nvidia = Path("/dev/nvidiactl").exists()  # without importing torch, which takes seconds
    return int(device in ("cuda", "mps") or (device == "auto" and nvidia))


def require_device(device: str, workflow) -> None:
    """Raise WorkflowError, before the first job, where jobs here would compute on a device that this machine lacks.

    On a cluster the first job says so: its head node need not have what its nodes have. Neither need a machine that has
    nothing to compute, so this is not a fault of the configuration. workflow : of Snakemake.
    """
    if workflow.local_exec and not workflow.remote_exec and lacks(device):
        asked = {job.rule.name: job.rule.resources.get("gpu") for job in workflow.dag.needrun_jobs()}
        waiting = [name for name, gpu in asked.items() if gpu and gpu.value]
        if waiting:
            raise WorkflowError(
                f"compute.device: found {device}, but this machine has no such device, which "
                f"{', '.join(sorted(waiting))} would compute on; allowed here: auto or cpu"
            )


def lacks(device: str) -> bool:
    """Whether this machine certainly lacks a device (auto, cuda, mps, cpu): its system has no driver of it."""
    # NVIDIA, AMD (which PyTorch calls cuda too), Windows' subsystem for Linux, Jetson
    drivers = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg", "/dev/nvmap")
    if device == "cuda":
        return sys.platform == "darwin" or (sys.platform == "linux" and not any(Path(one).exists() for one in drivers))
    return device == "mps" and sys.platform != "darwin"
