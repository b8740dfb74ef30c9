"""Which process makes a job's outputs: the one that began last.

If snakemake alone is killed, its jobs live on. The next snakemake, perhaps under another configuration, starts the same
jobs again. So a job writes a mark beside its first output, `.<name>.maker`, in place of that of an earlier process. An
output takes its name only while the mark is the job's own, and if no other file has come to stand under that name.
"""

import filecmp
import os
import platform
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from advspectra.files import atomic
from advspectra_study.run.kept import keep, version


class Maker:
    """This process, as the one that makes these outputs."""

    def __init__(self, outputs: Sequence[str]):
        first = Path(outputs[0])
        self._mark = first.with_name(f".{first.name}.maker")
        self._text = f"process {os.getpid()} on {platform.node()}, {secrets.token_hex(8)}\n"
        try:
            self._mark.parent.mkdir(parents=True, exist_ok=True)
            self._mark.write_text(self._text, encoding="utf-8")
        except OSError as error:
            raise OSError(error.errno, f"{first} cannot be written: {error.strerror}") from error
        self._standing = {path: version(path) for path in map(Path, outputs)}

    def may_name(self, temporary: Path, path: Path) -> bool:
        """Whether a new file should take the name `path`: not if a file of the same bytes has it.

        ValueError if another process has begun to make it since this one did, or has made it.
        """
        if path not in self._standing:  # no output: unfinished work
            return True
        if self._is_current() and version(path) == self._standing[path]:
            self._standing[path] = version(temporary)
            return True
        if path.exists() and filecmp.cmp(temporary, path, shallow=False):
            return False
        # on a cluster this job's own snakemake lives, and removes the outputs of a job that fails
        keep(self._standing)
        raise ValueError(
            f"{path}: another process has begun to make it, or has made it, since this job started; its file stays and "
            "this job's is dropped (has a snakemake that was killed left this job?)"
        )

    def end(self) -> None:
        """Remove the mark, if it is still that of this process."""
        if self._is_current():
            with suppress(OSError):
                self._mark.unlink()

    def _is_current(self) -> bool:
        try:
            return self._mark.read_text(encoding="utf-8") == self._text
        except (OSError, UnicodeDecodeError):
            return False


@contextmanager
def making(outputs) -> Iterator[None]:
    """Let no output take its name within the block once another process has begun to make it."""
    if not (outputs := [str(output) for output in outputs]):
        yield
        return
    maker = Maker(outputs)
    atomic.permissions.append(maker.may_name)
    try:
        yield
    finally:
        atomic.permissions.remove(maker.may_name)
        maker.end()
