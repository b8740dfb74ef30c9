"""Snakemake's executor `forked`: its own `local` one, but the scripts of a run are forked from one process.

That process imports, once, what the scripts of a run import; otherwise each job would import torch, for seconds. A job
is still a process of its own: what it changes, and its crash, end with it. Jobs of several threads, in containers or in
conda environments start as `local` starts them. So do all jobs off Linux, where forking after imports is not safe.
"""

import multiprocessing
import os
import shlex
import signal
import sys
from copy import copy
from functools import cached_property, partial
from multiprocessing.connection import wait
from pathlib import Path
from threading import Lock

from snakemake.benchmark import benchmarked
from snakemake.exceptions import SpawnedJobError, WorkflowError
from snakemake.executors.local import Executor as LocalExecutor
from snakemake.executors.local import common_settings
from snakemake.iocontainers import Snakemake
from snakemake.script import get_source
from snakemake.sourcecache import SourceCache

from snakemake_executor_plugin_forked.child import run

__all__ = ["Executor", "common_settings"]


class Executor(LocalExecutor):
    """Runs jobs on this machine; see the module."""

    def __post_init__(self):
        super().__post_init__()
        # multiprocessing collects ended processes whenever one starts: two threads must not collect the same one
        self._starting, self._cancelled = Lock(), False

    def cancel(self):
        """End what runs, after Ctrl-C, which the jobs have got, too; what has not begun never does."""
        with self._starting:
            self._cancelled = True
        super().cancel()

    def job_args_and_prepare(self, job):
        rule, *arguments = super().job_args_and_prepare(job)
        if self._can_fork(job):
            config = rule.run_func.__globals__["config"]  # of the module that the rule is of
            rule = copy(rule)
            rule.run_func = partial(self._run, rule.script, config)
        return rule, *arguments

    def _can_fork(self, job) -> bool:
        return (
            sys.platform == "linux"
            and str(job.rule.script or "").endswith(".py")
            and job.threads == 1
            and not job.is_shadow
            and not self.workflow.deployment_settings.deployment_method
        )

    def _run(self, script, config, inputs, output, params, wildcards, threads, resources, log, rule, *others):
        """Run a script as Snakemake's own function of a rule does; its arguments, of which _run takes the names."""
        record, iteration, (basedir, *caches) = others[5], others[8], others[-4:-1]
        file, source, *_ = get_source(script, SourceCache(*caches), basedir, wildcards, params)
        path = file.get_path_or_uri(secret_free=True)
        given = (inputs, output, params, wildcards, threads, resources, log, config, rule)
        job = Snakemake(*given, iteration, str(Path(path).parent))
        begins, begin = self._context.Pipe(duplex=False)
        process = self._context.Process(target=run, args=(path, source, job, begins))
        with begins, begin:
            with self._starting:
                if self._cancelled:
                    raise KeyboardInterrupt  # which Snakemake passes over in silence
                process.start()
            with benchmarked(process.pid, record):  # an error if the process has ended by now: it waits
                with self._starting:
                    process.kill() if self._cancelled else begin.send(None)
                wait([process.sentinel])
            with self._starting:
                process.join()
        if self._cancelled:
            raise KeyboardInterrupt
        if process.exitcode < 0:
            raise WorkflowError(f"rule {rule}: its process was ended by {signal.Signals(-process.exitcode).name}")
        if process.exitcode:
            raise SpawnedJobError  # the script has said why

    @cached_property
    def _context(self):
        """Where processes are forked; it starts with the first one."""
        context = multiprocessing.get_context("forkserver")
        context.set_executable(shlex.split(sys.executable)[0])  # quoted for Snakemake, by the Snakefile
        code = (job.params.get("code", ()) for job in self.workflow.dag.needrun_jobs() if not job.is_group())
        os.environ["ADVSPECTRA_CODE"] = " ".join(sorted({file for files in code for file in files}))
        context.set_forkserver_preload([f"{__name__}.imports"])
        return context
