"""What the scripts of all rules share: the log of a job, its one clear error, the progress of unfinished work, and the
provenance of results. Scripts import it first, as it notes the code that they import.
"""

import gc
import importlib
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial

from advspectra_study.imported import COLLECTION, changed, modules
from advspectra_study.job.maker import making
from advspectra_study.job.origin import made_by, origins, provenance, seconds_spent, sha256, write_provenance
from advspectra_study.job.saved import AlreadyMade, saved_progress
from advspectra_study.printable import ADDRESS, escaped
from advspectra_study.run.kept import IN_GROUP, forget, keep, take_back

__all__ = ["job", "made_by", "origins", "provenance", "sha256", "unfinished", "write_provenance"]

# adds a line to the log of this process's job, once there is one
_say = partial(print, file=sys.stderr)


class _Log:
    """The log of a job, to print to. Lines that a full disk refuses go to stderr, and the job continues."""

    def __init__(self, path: str):
        self._file = open(path, "wb", buffering=0)
        self.close = self._file.close

    def write(self, text: str) -> None:
        try:
            self._file.write(text.encode(errors="backslashreplace"))
        except OSError:
            sys.stderr.write(text)


@contextmanager
def job(snakemake) -> Iterator[Callable[[str], None]]:
    """Yield a function that adds a line to the job's log; end the script with one clear line when it fails.

    A ValueError or OSError is a fault of what the job was given: its message is the whole story, on stderr and in the
    log. For any other error the log holds the traceback too. The last line of the log says how long the job computed:
    the time inside the block, without importing plug-ins and hashing files.
    """
    global _say
    with closing(_Log(snakemake.log[0])) as log:
        _say = lambda line: print(escaped(line), file=log)  # noqa: E731
        try:
            _prepare(snakemake, log)
            # what scripts import stays until their end: looking through it then takes half a second if torch is in it
            gc.freeze()
            gc.set_threshold(*COLLECTION)
            start = time.perf_counter()
            with making(snakemake.output):
                try:
                    yield _say
                except AlreadyMade:
                    forget(snakemake.output.get("kept", ()))  # Snakemake makes the marks, empty files, itself
                    take_back(snakemake.output)
                    print("not computed: it was kept from before", file=log)
            if images := snakemake.output.get("images"):
                _hold_against_images(snakemake, images)
            # When a job of a group fails, Snakemake (9.27) removes the results of all: the next try takes these back.
            after = keep if os.environ.get(IN_GROUP) else forget
            after(snakemake.output)
            print(f"computed for {time.perf_counter() - start - seconds_spent():.3f} s", file=log)
        except KeyboardInterrupt:
            for stream in (log, sys.stderr):
                print(f"rule {snakemake.rule}: stopped by Ctrl-C", file=stream)
            sys.exit(130)
        except Exception as error:
            message = ADDRESS.sub("", f"rule {snakemake.rule}: {type(error).__name__}: {error}")
            message = "\n".join(map(escaped, message.split("\n")))
            if not isinstance(error, ValueError | OSError):
                traceback.print_exc(file=log)
            print(message, file=log)
            print(message, file=sys.stderr)
            sys.exit(1)


def unfinished(snakemake, output: str, *, about: Mapping) -> AbstractContextManager:
    """The saved progress of the job that makes `output`, as a context: see saved.saved_progress."""
    return saved_progress(output, about=about, every=snakemake.resources.save_every, say=lambda line: _say(line))


def _prepare(snakemake, log: _Log) -> None:
    """Check inputs, code and, before a training or an attack, the images; ValueError for what the job cannot use."""
    _not_from_the_future(snakemake.input, log)
    for name in modules(snakemake.params.code):
        importlib.import_module(name)
    _as_planned(snakemake.params.code)
    if snakemake.output.get("checkpoints"):
        _hold_against_images(snakemake, snakemake.input.images, snakemake.params.identity)
    elif getattr(snakemake.params, "images", 0):  # of an attack, whose network has been trained
        _hold_against_images(snakemake, snakemake.input.images, networks=False)


def _as_planned(code: Mapping[str, str]) -> None:
    """ValueError if this process runs other code than that of the digests given, which its results will state."""
    if names := changed(code):
        files = [
            f"workflow/{name}" if name.startswith("scripts/") else f"workflow/lib/advspectra/{name}" for name in names
        ]
        raise ValueError(
            f"{', '.join(files)}: changed since snakemake planned this job with the code as it was; run snakemake again"
        )


def _hold_against_images(snakemake, images: str, run: Mapping | None = None, *, networks: bool = True) -> None:
    """ValueError for what the study asks of its images that they cannot give: before the work.

    run, networks : which networks are tried, as require_fit takes it.
    """
    from advspectra_study.config.images import require_fit  # here, as it imports torch

    require_fit(snakemake.config, images, run, networks=networks)


def _not_from_the_future(paths: Iterable[str], log: _Log) -> None:
    """Give files from the future the present time; ValueError if that is refused.

    They come from a machine whose clock is ahead. Snakemake would remove results made from them,
    as older than their input.
    """
    for path in map(str, paths):
        if os.stat(path).st_mtime > time.time():
            try:
                os.utime(path)
            except OSError as error:
                raise ValueError(
                    f"{path}: its time is later than this machine's, and cannot be set ({error.strerror}); "
                    "set the clock, or the time of the file with touch"
                ) from error
            print(f"{path}: its time was later than this machine's, and is now set to that", file=log)
