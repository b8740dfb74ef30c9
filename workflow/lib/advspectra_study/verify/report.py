"""What `snakemake verify` says of the results of a study, and the files in its folder that are none."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from advspectra_study.run.disk import readable, size_on_disk
from advspectra_study.run.kept import second_name

NO_RESULTS = ("logs", "benchmarks", "power.csv", "power.md")  # of the study, and yet none of its results


@dataclass
class Report:
    """The files of a study by their condition; a dict has a line of text for each path.

    `damaged`: also what is missing though something made from it is there. `waiting`: made from what is damaged or
    outdated. `unread`: what cannot be read now, or was made from what cannot. `removable`: all foreign files and
    leftovers, where a folder holds nothing else the folder.
    """

    good: list[str] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)
    outdated: dict[str, str] = field(default_factory=dict)
    waiting: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    removable: list[str] = field(default_factory=list)

    @property
    def to_repair(self) -> list[str]:
        """The files that must be made again; Snakemake adds the results made from them."""
        return [*self.damaged, *self.outdated]

    @property
    def whole(self) -> bool:
        """Whether no file has a known or possible fault."""
        return not (self.damaged or self.outdated or self.waiting or self.unread)

    def lines(self, folder: str, repair: str, waiting: int | None = None) -> Iterator[str]:
        """Yield what a person should read.

        repair : the command that replaces what is damaged or out of date. waiting : name so many files, at most, of
        those that wait for others; None for all.
        """
        yield f"{folder}: {len(self.good)} files are complete and up to date"
        yield f"  {size_on_disk(folder)}"
        for title, found in (
            ("damaged, or missing although results made from them exist:", self.damaged),
            ("out of date:", self.outdated),
        ):
            if found:
                yield f"{len(found)} {title}"
                yield from (f"  {path}: {why}" for path, why in found.items())
        if self.waiting:
            yield f"{len(self.waiting)} made from such files; still valid if those come out the same:"
            shown = list(self.waiting)[:waiting]
            yield from (f"  {path}: {self.waiting[path]}" for path in shown)
            if len(shown) < len(self.waiting):
                yield f"  and {len(self.waiting) - len(shown)} more: {folder}/logs/verify.log names them"
        if self.to_repair:
            yield "to make them again, with the results made from them; each file stays until the new one is complete:"
            yield f"  {repair}"
        if self.unread:
            yield f"{len(self.unread)} cannot be read now; nothing is known to be wrong with them:"
            yield from (f"  {path}: {why}" for path, why in self.unread.items())
        if self.missing:
            yield f"{len(self.missing)} not made yet; snakemake makes them:"
            yield from (f"  {path}" for path in self.missing)
        for title, paths in (
            ("unfinished, or kept from before; snakemake resumes from them:", self.unfinished),
            ("not part of the study as configured:", self.foreign),
            ("left by killed jobs, or in use by jobs that run now:", self.leftovers),
        ):
            if paths:
                yield f"{len(paths)} {title}"
                yield from (f"  {path} ({_size(path)})" for path in paths)
        if self.removable:
            yield f"to remove those, {_size(*self.foreign, *self.leftovers)} in all, while no job runs:"
            yield f"  {shlex.join(['rm', '-r', '--', *self.removable])}"

    def add_others(self, folder: str, known: set[str]) -> None:
        """Add the files of the folder that are no results of the study."""
        to_come = [*self.missing, *self.damaged, *self.outdated, *self.waiting]
        resumable = {str(Path(path).with_suffix(".unfinished")) for path in to_come}
        kept = {second_name(path) for path in to_come}
        files = sorted(file for file in Path(folder).rglob("*") if not file.is_dir())
        for file in files:
            inside = file.relative_to(folder)
            if str(file) in known or inside.parts[0] in NO_RESULTS:
                continue
            if resumable & {str(parent) for parent in file.parents} or file in kept:
                self.unfinished.append(str(file))
            elif any(part.startswith(".") or part.endswith(".unfinished") for part in inside.parts):
                self.leftovers.append(str(file))
            else:
                self.foreign.append(str(file))
        removed = {*self.foreign, *self.leftovers}
        needed = {parent for file in files if str(file) not in removed for parent in file.parents} | {Path(folder)}
        for file in map(Path, sorted(removed)):
            whole = [parent for parent in file.parents if parent not in needed and Path(folder) in parent.parents]
            self.removable.append(str(whole[-1] if whole else file))
        self.removable = sorted(set(self.removable))


def _size(*paths: str) -> str:
    """How much disk the files take, for a person."""
    return readable(sum(Path(path).lstat().st_size for path in paths))
