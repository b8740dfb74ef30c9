"""How far a long job is and how long it will still take: a bar on a terminal, and a line a minute in the job's log."""

import time
from collections.abc import Callable

from tqdm import tqdm

EVERY = 60.0  # seconds between two lines of the log, and until the first


class Countdown:
    """Counts what a job has done of `total` units. Use it in a `with` statement, which closes the bar.

    label : the bar's name. unit : a noun, in the singular. done : units that an earlier try of the job has done.
    report : takes the lines of the log. The time left is estimated from the speed so far.
    """

    def __init__(self, total: int, *, label: str, unit: str, report: Callable[[str], None], done: float = 0):
        self.bar = tqdm(total=total, desc=label, unit=unit, disable=None)  # no bar without a terminal
        self.total, self.unit, self.report = total, unit, report
        self.bar.update(int(done))
        self.done = self._at_first = done
        self._began = time.monotonic()
        self._due_at = self._began + EVERY

    def __enter__(self) -> "Countdown":
        return self

    def __exit__(self, *_) -> None:
        self.bar.close()

    def add(self, count: float = 1) -> None:
        """Count so many more units."""
        self.reach(self.done + count)

    def reach(self, done: float) -> None:
        """Count so many units in all."""
        self.bar.update(int(done) - int(self.done))
        self.done = done
        if done > self._at_first and time.monotonic() >= self._due_at:
            now = time.monotonic()
            self._due_at = now + EVERY
            left = (self.total - done) * (now - self._began) / (done - self._at_first)
            self.report(f"{int(done)} of {self.total} {self.unit}s, about {duration(left)} left")

    def reach_within(self, done: float, count: float, share: float) -> None:
        """Count that share, 0 to 1, of `count` units after the first `done`."""
        self.reach(done + share * count)


def duration(seconds: float) -> str:
    """A time in words: "50 s", "12 min" or "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"
