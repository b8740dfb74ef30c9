"""The progress of a job that is not finished, and results kept from before a run that was killed."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from advspectra_study.job.origin import sha256
from advspectra_study.job.reader import Reader
from advspectra_study.run.kept import second_name


class AlreadyMade(Exception):
    """The result that a job would make is there, kept from before a run that was killed."""


@contextmanager
def saved_progress(output: str, *, about: Mapping, every: float, say: Callable[[str], None]) -> Iterator:
    """Yield the progress.Progress of the job that makes `output`; remove it when the block, which writes that, ends.

    about : the attributes of the output, which tell whose progress it is. The commit does not count.
    every : seconds between two times that progress is saved. say : adds a line to the log of the job.
    AlreadyMade if just this output is kept from before a run that was killed.
    """
    from advspectra.files.progress import Progress  # here, as it imports torch, which half of the jobs do without

    kept = {name: value for name, value in about.items() if name not in ("commit", "uncommitted")}
    if _is_kept(Path(output), kept):
        raise AlreadyMade
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()
    progress = Progress(Path(output).with_suffix(".unfinished"), about=digest, every=every, say=say)
    yield progress
    progress.remove()


def _is_kept(output: Path, about: Mapping) -> bool:
    """Whether an HDF5 output with these attributes is kept, undamaged, and the history that it states is too."""
    path = second_name(output)
    with Reader() as read:
        return path.exists() and read(partial(_holds, kind=output.stem, about=about), str(path)) == (True, "")


def _holds(path: str, *, kind: str, about: Mapping) -> tuple[bool, str]:
    import numpy as np

    from advspectra.checks import check_result

    try:
        attributes, _ = check_result(path, kind=kind)
        history = attributes.get("history_sha256")
        same = all(np.array_equal(attributes.get(name), value) for name, value in about.items())
        return same and (history is None or history == sha256(second_name(Path(path).with_name("history.csv")))), ""
    except Exception as error:  # the kept file is damaged: the job makes the result again
        return False, str(error)
