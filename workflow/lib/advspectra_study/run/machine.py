"""What the workflow asks of the machine that it runs on."""

import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger

from advspectra_study.entries import Run


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


def require_device(runs: Mapping[str, Run], device: str, workflow, kinds: Mapping[str, str]) -> None:
    """Raise WorkflowError, before the first job, where jobs here would compute on a device that this machine lacks, or
    in an arithmetic that it lacks.

    On a cluster the first job says so: its head node need not have what its nodes have. Neither need a machine that has
    nothing to compute, so this is not a fault of the configuration. runs : of the study. workflow : of Snakemake.
    kinds : of Plan.kinds.
    """
    if not workflow.local_exec or workflow.remote_exec:
        return
    jobs = list(workflow.dag.needrun_jobs())
    if lacks(device):
        asked = {job.rule.name: job.rule.resources.get("gpu") for job in jobs}
        waiting = [name for name, gpu in asked.items() if gpu and gpu.value]
        if waiting:
            raise WorkflowError(
                f"compute.device: found {device}, but this machine has no such device, which "
                f"{', '.join(sorted(waiting))} would compute on; allowed here: auto or cpu"
            )
    if device == "auto" and lacks("cuda") and (found := computing_in("tf32", runs, jobs, kinds)):
        part, asking = found[0]
        raise WorkflowError(
            f"precision.{part}: found tf32 for {', '.join(asking)}, which needs an NVIDIA GPU; this machine has none; "
            "allowed here: float32 or bfloat16"
        )


def computing_in(
    precision: str, runs: Mapping[str, Run], jobs: Iterable, kinds: Mapping[str, str]
) -> list[tuple[str, list[str]]]:
    """The parts, training and attack, that some of the jobs compute in a precision, with the networks of these jobs."""
    found = []
    for part, kind in (("training", "train"), ("attack", "attack")):
        entries = [runs[job.wildcards.run].entry for job in jobs if kinds.get(job.rule.name) == kind]
        asking = sorted({entry.name for entry in entries if getattr(entry.precision, part) == precision})
        if asking:
            found.append((part, asking))
    return found


def lacks(device: str) -> bool:
    """Whether this machine certainly lacks a device (auto, cuda, mps, cpu): its system has no driver of it."""
    # NVIDIA, AMD (which PyTorch calls cuda too), Windows' subsystem for Linux, Jetson
    drivers = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg", "/dev/nvmap")
    if device == "cuda":
        return sys.platform == "darwin" or (sys.platform == "linux" and not any(Path(one).exists() for one in drivers))
    return device == "mps" and sys.platform != "darwin"


def warn_of_bfloat16(runs: Mapping[str, Run], device: str, workflow, kinds: Mapping[str, str]) -> None:
    """Warn, before the first job, where jobs here would compute in bfloat16 on a processor without its instructions.

    PyTorch then imitates them: training of ResNet18 took 11 times as long as in float32. On a cluster the head node's
    processor says nothing of its nodes'. runs : of the study. device : auto, cuda, mps or cpu. workflow : of Snakemake.
    kinds : of Plan.kinds.
    """
    if device not in ("auto", "cpu") or gpus(device) or workflow.remote_exec or not lacks_bfloat16():
        return
    for part, slow in computing_in("bfloat16", runs, list(workflow.dag.needrun_jobs()), kinds):
        logger.warning(
            f"precision.{part}: bfloat16 for {', '.join(slow)}, but this processor has no instructions for it and "
            "takes about ten times as long as in float32 (with which the results are others)"
        )


def lacks_bfloat16() -> bool:
    """Whether this machine's processor certainly has no instructions for bfloat16: an x86 that says so."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:  # not Linux
        return False
    # oneDNN also computes it with plain AVX-512, at about the speed of float32
    return "sse2" in flags and flags.isdisjoint({"avx512f", "amx_bf16", "avx_ne_convert"})
