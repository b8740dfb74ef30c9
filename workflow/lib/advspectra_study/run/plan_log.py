"""What Snakemake says of the jobs of a study, made short enough to read, and the work that is left.

Snakemake writes all files that a job reads, and where params changed all that there is to them: of the paper's study
that is 1.6 MB. Its messages are records of Python's logging, which a filter may change.
"""

import ast
import csv
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from tempfile import gettempdir
from typing import Any

from snakemake_interface_logger_plugins.common import LogEvent

from advspectra_study.printable import escaped
from advspectra_study.run.disk import full_disks, lacks_room, readable

LONGEST_LIST = 3  # files that are named; of a longer list the first and the last
LONGEST_VALUE = 40  # characters of a value that is shown as it is


class PlanLog(logging.Filter):
    """Shortens the records of jobs; adds the work of all jobs to their statistics, and what is left to the progress.

    dag : returns the jobs of the workflow, once they are known. seconds : estimates a job on one core. The rest is
    estimated again from the jobs that are done: the jobs of a kind took some multiple of their estimates.
    """

    def __init__(
        self,
        logger: logging.Logger,
        dag: Callable[[], Any],
        seconds: Callable[[Any], float],
        *,
        kind: Callable[[Any], str | None],
        plan: Callable[[], bool],
        size: Callable[[Any], float] = lambda job: 0,
    ):
        """plan : returns whether jobs are listed and not run (-n): then not where each will have its log either.
        kind : says what the rule of a job does. size : estimates the bytes of what a job makes; 0 is not said.
        """
        super().__init__()
        self.logger, self.dag, self.seconds, self.plan, self.size = logger, dag, seconds, plan, size
        self.kind = kind
        self.begin: Callable[[], None] = lambda: None  # is called before the first job
        self._known: dict[int, Any] = {}
        self._finished: set[int] = set()
        self._took: Counter[str | None] = Counter()  # seconds of one core, by kind
        self._estimated: Counter[str | None] = Counter()  # of the same jobs

    def filter(self, record: logging.LogRecord) -> bool:
        event = getattr(record, "event", None)
        if (record.levelno or 0) >= logging.ERROR and lacks_room(str(record.msg)):
            # Snakemake, which writes to .snakemake, names no file
            record.msg = f"{str(record.msg).rstrip()}\n{full_disks(['.snakemake', 'results', gettempdir()])}"
        if event == LogEvent.JOB_INFO:
            job = self._jobs().get(record.jobid)
            change = job and self.dag().reason(job).params_changed
            record.reason = escaped(reason_in_words(record.reason, change, record.output))
            record.input = [escaped(path) for path in shortened(record.input)]
            if self.plan():
                record.log, record.benchmark = [], None
        elif event == LogEvent.SHELLCMD:
            return record.shellcmd is not None
        elif event == LogEvent.RUN_INFO and (jobs := self._jobs()):
            record.msg = f"{record.msg}\nat most about {work(sum(map(self.seconds, jobs.values())))} of work\n"
            if size := sum(map(self.size, jobs.values())):
                record.msg += f"at most about {readable(size)} on disk, checkpoints apart\n"
            if not self.plan():
                self.begin()
        elif event == LogEvent.JOB_FINISHED and record.job_id in self._jobs():
            self._finished.add(record.job_id)
            self._measure(self._jobs()[record.job_id])
        elif event == LogEvent.PROGRESS and (left := self._left()):
            self.logger.info(f"{work(left)} of about {work(left + self._took.total())} left")
        return True

    def _jobs(self) -> dict[int, Any]:
        """The jobs that run, or have run, by their numbers."""
        if not self._known and (dag := self.dag()) is not None:  # Snakemake speaks of jobs once it knows them all
            self._known = {dag.jobid(job): job for job in dag.needrun_jobs(exclude_finished=False)}
        return self._known

    def _measure(self, job: Any) -> None:
        try:
            with open(job.benchmark, encoding="utf-8") as file:
                took = float(next(csv.DictReader(file, delimiter="\t"))["s"]) * job.threads
        except (TypeError, OSError, StopIteration, KeyError, ValueError):
            return  # it has none, or it is not there yet
        self._took[self.kind(job)] += took
        self._estimated[self.kind(job)] += self.seconds(job)

    def _left(self) -> float:
        left: Counter[str | None] = Counter()
        for number, job in self._jobs().items():
            if number not in self._finished:
                left[self.kind(job)] += self.seconds(job)
        return sum(
            seconds * (self._took[kind] / self._estimated[kind] if self._estimated[kind] else 1)
            for kind, seconds in left.items()
        )


def shortened(files: Collection[str]) -> list[str]:
    """A list of files; of a long one the first, how many there are more, and the last."""
    files = list(files)
    return files if len(files) <= LONGEST_LIST else [files[0], f"({len(files) - 2} more)", files[-1]]


def reason_in_words(reason: str, change: Any, output: Collection[str]) -> str:
    """Why a job runs, with short lists of files and, of params, the names of what changed.

    reason : of Snakemake. change : its ParamsChange, which stands in the reason; None or false without one. output :
    what the job makes: if all of it is missing, neither it nor what is made before it is named again.
    """
    if change:
        reason = reason.replace(str(change), ", ".join(params_in_words(change.only_old, change.only_new)))
    parts = []
    for part in reason.split("; "):
        said, colon, rest = part.partition(": ")
        files = rest.split(", ")
        if set(files) == set(output) or (parts == ["Missing output files"] and said.endswith("job")):
            parts.append(said)
        elif said.endswith(("files", "job")):
            parts.append(f"{said}{colon}{', '.join(shortened(sorted(files)))}")
        else:
            parts.append(part)
    return "; ".join(parts)


def params_in_words(old: Collection[str], new: Collection[str]) -> list[str]:
    """What differs between values of params, as Snakemake keeps them: text that Python can read.

    A mapping is compared with the one that has most of its keys, and what differs goes by its innermost key, after the
    name of the network or attack that it is of.
    """
    before, after = ([_value(text) for text in sorted(texts)] for texts in (old, new))
    found: list[str] = []
    for one in [value for value in after if isinstance(value, Mapping)]:
        others = [value for value in before if isinstance(value, Mapping) and value.keys() & one.keys()]
        if others:
            other = max(others, key=lambda value: len(value.keys() & one.keys()))
            before.remove(other)
            after.remove(one)
            found += _differences(other, one)
    if len(before) == len(after) == 1:
        return [*found, f"{_shown(before[0])} -> {_shown(after[0])}"]
    return found + [f"{_shown(value)} is new" for value in after] + [f"{_shown(value)} is gone" for value in before]


def _differences(before: Mapping, after: Mapping) -> Iterator[str]:
    for key in [*after, *(key for key in before if key not in after)]:
        old, new = before.get(key), after.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differences(old, new)
        elif _entries(old) and _entries(new) and len(old) == len(new):
            for one, other in zip(old, new, strict=True):
                of = f"{other['name']}: " if "name" in other else ""
                yield from (of + difference for difference in _differences(one, other))
        elif old != new:
            # of code there are digests
            short = not key.endswith(".py") and all(len(repr(value)) <= LONGEST_VALUE for value in (old, new))
            yield f"{key} {old!r} -> {new!r}" if short else str(key)


def _entries(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) for one in value)


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def work(seconds: float) -> str:
    """Seconds of one core in words: "50 core-seconds", "40 core-minutes", "3.2 or 120 core-hours"."""
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            number = seconds / size
            return f"{number:.{1 if number < 10 else 0}f} core-{unit}"
    return f"{seconds:.0f} core-seconds"
