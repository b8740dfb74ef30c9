"""Runs snakemake as `python -m snakemake` does, seconds sooner: forked from a process that has imported it.

For a run with jobs, that process has also imported the packages of others that jobs need, and forks another one beside
snakemake: the one that the executor `forked` would start to fork jobs from. So no run imports PyTorch.

As a script, given "plans" or "jobs" and the number of a socket: that process. Each message asks for one run; its answer
is the exit status.
"""

import fcntl
import gc
import importlib
import json
import multiprocessing.util
import os
import resource
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from subprocess import CompletedProcess
from types import ModuleType

# read by Python as it starts, which a forked process does not
AT_START = ("PYTHON", "LC_", "LANG")
MESSAGE = 2**17  # bytes, no message is longer
# what Snakemake and the Snakefile import as they run
PLANNING = "docutils.core jinja2 jsonschema requests snakemake.cli".split()
# what jobs import
JOBS = """
    foolbox h5py matplotlib.backends.backend_agg matplotlib.backends.backend_pdf matplotlib.pyplot scipy.optimize
    scipy.stats torch.fx.experimental.symbolic_shapes
""".split()


def at_start(environment) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(AT_START)}


class Snakemake:
    """Runs snakemake; the processes that it forks from start with the first run and end with this one."""

    def __init__(self):
        self._environment, self._sockets = at_start(os.environ), {}

    def run(self, arguments: list[str], folder: Path, limited: bool = False, **variables: str) -> CompletedProcess:
        """What subprocess.run would do with [sys.executable, "-m", "snakemake", *arguments], its output in texts.

        variables : added to those of the environment. limited : to 4 GiB of address space and a minute.
        """
        command, environment = [sys.executable, "-m", "snakemake", *arguments], os.environ | variables
        if at_start(environment) != self._environment and not limited:
            return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            request = json.dumps([arguments, str(folder), environment, limited]).encode()
            forking = self._forking("plans" if limited or "--dry-run" in arguments else "jobs")
            socket.send_fds(forking, [request], [output.fileno(), errors.fileno()])
            status = int(forking.recv(MESSAGE))
            texts = [(file.seek(0), file.read())[1] for file in (output, errors)]
        return CompletedProcess(command, status, *texts)

    def _forking(self, kind: str) -> socket.socket:
        if kind not in self._sockets:
            self._sockets[kind], theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
            with theirs:
                command = [sys.executable, __file__, kind, str(theirs.fileno())]
                subprocess.Popen(command, pass_fds=[theirs.fileno()])
        return self._sockets[kind]


def main(kind: str, number: int) -> None:
    # as in the process that jobs are forked from; a thread would not live on in what is forked
    os.environ["MPLBACKEND"] = "Agg"
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    for name in PLANNING + JOBS if kind == "jobs" else PLANNING:
        importlib.import_module(name)
    gc.freeze()
    with socket.socket(fileno=number) as asked:
        while True:
            message, files, *_ = socket.recv_fds(asked, MESSAGE, 2)
            if not message:
                return
            if (child := os.fork()) == 0:
                break
            for file in files:
                os.close(file)
            asked.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())
    arguments, folder, environment, limited = json.loads(message)
    for place, file in enumerate(files, start=1):
        os.dup2(file, place)
        os.close(file)
    if limited:
        resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
        signal.alarm(60)
    if kind == "jobs" and not fork_for_jobs():
        return
    become(environment, folder)
    sys.path[0] = folder
    sys.argv = ["snakemake", *arguments]
    runpy.run_module("snakemake", run_name="__main__", alter_sys=True)


def become(environment: dict[str, str], folder: str) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)


def fork_for_jobs() -> bool:
    """Fork the process that jobs will be forked from: it waits until multiprocessing starts one; False at its end."""
    ours, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
    if child := os.fork():
        theirs.close()
        multiprocessing.util.spawnv_passfds = partial(take, child, ours, multiprocessing.util.spawnv_passfds)
        return True
    ours.close()
    message, files, *_ = socket.recv_fds(theirs, MESSAGE, 8)
    theirs.close()
    if message:
        code, numbers, environment, folder = json.loads(message)
        # out of the way of each other's numbers
        above = [fcntl.fcntl(file, fcntl.F_DUPFD, max(*numbers, *files) + 1) for file in files]
        for file, number in zip(above, numbers, strict=True):
            os.dup2(file, number)
        become(environment, folder)
        sys.path[0:1] = ["", *environment.get("PYTHONPATH", "").split(os.pathsep)]
        sys.argv = ["-c"]
        # Snakemake has found the executor of this checkout; the study has its own
        for name in [name for name in sys.modules if name.startswith("snakemake_executor_plugin_forked")]:
            del sys.modules[name]
        sys.modules["__main__"] = ModuleType("__main__")
        exec(code, vars(sys.modules["__main__"]))
    return False


def take(child: int, waiting: socket.socket, spawn, path, arguments: list[str], files) -> int:
    """multiprocessing.util.spawnv_passfds, of which the child that waits takes the place once."""
    code = arguments[-1]
    if "multiprocessing.forkserver" not in code:
        return spawn(path, arguments, files)
    multiprocessing.util.spawnv_passfds = spawn
    request = json.dumps([code, list(files), dict(os.environ), os.getcwd()]).encode()
    socket.send_fds(waiting, [request], files)
    return child


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
