"""Runs snakemake as `python -m snakemake` does, a second sooner: forked from a process that has imported it.

As a script, given the number of a socket: that process. Each message asks for one run; its answer is the exit status.
"""

import json
import os
import resource
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from subprocess import CompletedProcess

# read by Python as it starts, which a forked process does not
AT_START = ("PYTHON", "LC_", "LANG")
MESSAGE = 2**17  # bytes, no message is longer


def at_start(environment) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(AT_START)}


class Snakemake:
    """Runs snakemake; the process that it forks from starts with the first run and ends with this one."""

    def __init__(self):
        self._environment, self._socket = at_start(os.environ), None

    def run(self, arguments: list[str], folder: Path, limited: bool = False, **variables: str) -> CompletedProcess:
        """What subprocess.run would do with [sys.executable, "-m", "snakemake", *arguments], its output in texts.

        variables : added to those of the environment. limited : to 4 GiB of address space and a minute.
        """
        command, environment = [sys.executable, "-m", "snakemake", *arguments], os.environ | variables
        if at_start(environment) != self._environment and not limited:
            return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            request = json.dumps([arguments, str(folder), environment, limited]).encode()
            socket.send_fds(self._forking(), [request], [output.fileno(), errors.fileno()])
            status = int(self._socket.recv(MESSAGE))
            texts = [(file.seek(0), file.read())[1] for file in (output, errors)]
        return CompletedProcess(command, status, *texts)

    def _forking(self) -> socket.socket:
        if self._socket is None:
            self._socket, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
            with theirs:
                subprocess.Popen([sys.executable, __file__, str(theirs.fileno())], pass_fds=[theirs.fileno()])
        return self._socket


def main(number: int) -> None:
    import gc

    import docutils.core  # noqa: F401  (what Snakemake and the Snakefile import as they run)
    import jinja2  # noqa: F401
    import jsonschema  # noqa: F401
    import requests  # noqa: F401
    import snakemake.cli  # noqa: F401

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
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = folder
    sys.argv = ["snakemake", *arguments]
    runpy.run_module("snakemake", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
