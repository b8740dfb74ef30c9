"""Reads files in a process of its own, so that a file on which a library crashes, or never ends, costs one line.

A damaged HDF5 file can send the HDF5 library into a loop in which it heeds nothing, or end its process.
"""

import faulthandler
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection

# the condition of a file that a library cannot read, and of one that the system cannot read now
DAMAGED, UNREAD = "damaged", "unread"
# of a processor, which may be used for one file: a digest takes a hundredth of that
SECONDS = 8
BYTES_PER_SECOND = 4e6
# times as long may pass: another program has the processor, or a disk is slow
PATIENCE = 60


class Reader:
    """Calls functions of a path, which return the condition of the file and facts about it, in a child process.

    A context manager. The child is started with the first call, and again after one that it did not survive.
    """

    def __init__(self, *, seconds: float = SECONDS, patience: float = PATIENCE):
        self._seconds, self._patience = seconds, patience
        self._child: multiprocessing.Process | None = None
        self._pipe: Connection

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_) -> None:
        self._stop()

    def __call__(self, function: Callable[[str], tuple], path: str) -> tuple:
        """The value of function(path); DAMAGED or UNREAD, and why, if that does not come to an end."""
        if self._child is None:
            self._start()
        size = os.stat(path).st_size if os.path.exists(path) else 0
        seconds = self._seconds + size / BYTES_PER_SECOND
        try:
            self._pipe.send((function, path, seconds))
            if self._pipe.poll(seconds * self._patience):
                return self._pipe.recv()
            self._stop()
            return UNREAD, f"the disk gave no answer in {seconds * self._patience:.0f} s"
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._child.join()
            code = self._child.exitcode
            self._stop()
            return _reason(code, seconds)

    def _start(self) -> None:
        # a fork: it has the libraries loaded, and does not run the script of a job a second time
        context = multiprocessing.get_context("fork")
        self._pipe, its_end = context.Pipe()
        child = context.Process(target=_serve, args=(its_end, self._pipe), daemon=True)
        child.start()
        its_end.close()
        self._child = child

    def _stop(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.join(1)
            self._pipe.close()
            self._child = None


def _reason(code: int, seconds: float) -> tuple[str, str]:
    if code == -signal.SIGKILL:
        return UNREAD, "the process that read it was killed: is there enough memory?"
    if code == -signal.SIGPROF:
        return DAMAGED, f"cannot be read: reading does not end (in {seconds:.0f} s of a processor)"
    return DAMAGED, f"cannot be read: it ends the process that reads it ({_name(code)})"


def _name(code: int) -> str:
    return signal.Signals(-code).name if -code in set(signal.Signals) else f"exit status {code}"


def _serve(pipe: Connection, other_end: Connection) -> None:
    """Answer calls until the other end is closed, which this process must not hold open itself."""
    other_end.close()
    faulthandler.disable()
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)  # the threads of the other process are not in this one
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    try:
        while True:
            function, path, seconds = pipe.recv()
            # of a processor's time: at its end the system ends this process, whatever it does
            signal.setitimer(signal.ITIMER_PROF, seconds)
            answer = function(path)
            signal.setitimer(signal.ITIMER_PROF, 0)
            pipe.send(answer)
    except (EOFError, BrokenPipeError):
        pass
