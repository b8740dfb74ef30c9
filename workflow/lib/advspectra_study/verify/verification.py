"""Checks all results of a study for damage and staleness.

It needs only the results and the configuration, not what Snakemake remembers in .snakemake/. After a file is checked,
what the next ones need stays in memory: its digest, and of a checkpoints.h5 those of its checkpoints.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from tqdm import tqdm

from advspectra_study.job.origin import recorded_name
from advspectra_study.job.reader import DAMAGED, UNREAD, Reader
from advspectra_study.verify.one_file import OUTDATED, WHOLE, digest, look
from advspectra_study.verify.report import Report

# conditions besides those of one_file
WAITING, MISSING = "waiting", "missing"
# of inputs that may be newer than what was made of them: each checkpoint has a digest of its own
REPLACEABLE = ("checkpoints.h5", "checkpoints.kept")
# sizes that all files of a study share, by the letters that a kind of file has for them
FORM = {"images": "CHWK", "perturbations": "CHWK", "spectra": "HW", "predictor": "CHW"}
# the condition of a file by that of its input, the worst first; and that of the input in words
GRAVITY = (OUTDATED, UNREAD, WAITING, WHOLE)
IN_WORDS = {
    DAMAGED: "is damaged",
    OUTDATED: "is out of date",
    MISSING: "is missing",
    UNREAD: "cannot be read now",
}
EMPTY = hashlib.sha256().hexdigest()  # of the files in checkpoints.kept


def verify(folder: str, expected: Mapping[str, Mapping]) -> Report:
    """A report on the results of a study.

    folder : results/<study>. expected : for each file of the study, in the order in which they are made, the
    `parameters`, the `code` and the `inputs` that make it; of a training.json `settings` for parameters.
    """
    report = Report()
    with Reader() as read:
        study = _Study(expected, read)
        for path in tqdm(expected, desc="verify", unit="file", disable=None):
            status, why = study.judge(path)
            if status == WHOLE:
                report.good.append(path)
            elif status != MISSING:
                getattr(report, status)[path] = why
    for path in expected:
        if path in study.needed:
            report.damaged[path] = f"missing, though {study.needed[path]} is there"
        elif study.statuses.get(path) == MISSING:
            report.missing.append(path)
    report.add_others(folder, set(expected))
    return report


class _Study:
    """The files of a study, which are judged one after the other, each after those that it was made from."""

    def __init__(self, expected: Mapping[str, Mapping], read: Reader):
        self._expected, self._read = expected, read
        self.statuses: dict[str, str] = {}  # of files that are not whole
        self.needed: dict[str, str] = {}  # a missing file -> what was made from it, or with it
        self._roots: dict[str, str] = {}  # a file -> the one to blame for what is said of it, if that is another one
        self._digests: dict[str, str] = {}
        self._trainings: dict[str, dict] = {}  # a checkpoints.h5 -> its checkpoints and history_sha256
        self._form: dict[str, int] = {}
        self._last: tuple[str, tuple] = ("", ())  # the last JSON file that was looked at, and what was found

    def judge(self, path: str) -> tuple[str, str]:
        """WHOLE, or another status and why."""
        status, why = self._judge(path)
        if status != WHOLE:
            self.statuses[path] = status
        if status not in (WAITING, UNREAD):
            self._roots.pop(path, None)
        return status, why

    def _judge(self, path: str) -> tuple[str, str]:
        made_with = _made_with(path)
        if not Path(path).exists():
            if made_with in self._trainings and self._stated(made_with, path):
                self.needed[path] = made_with
            return MISSING, ""
        status, found = self._look(path)
        if status != WHOLE:
            return status, found
        if made_with:
            return self._as_stated(path, found["sha256"], made_with)
        if why := self._other_form(path, found.get("sizes", {})):
            return DAMAGED, why
        if "checkpoints" in found:
            self._trainings[path] = {name: found[name] for name in ("checkpoints", "history_sha256")}
        self._digests[path] = found["sha256"]
        for other in (*found["inputs_sha256"], *found.get("outputs_sha256", ())):
            if self.statuses.get(other) == MISSING:
                self.needed.setdefault(other, path)
        if why := _difference(self._expected[path], found):
            return OUTDATED, why
        return min(self._inputs(path, found["inputs_sha256"]), self._checkpoint(path, found), key=_gravity)

    def _look(self, path: str) -> tuple:
        if not path.endswith(".json"):
            return self._read(look, path)
        if self._last[0] != path:
            self._last = path, self._read(look, path)
        return self._last[1]

    def _as_stated(self, path: str, found: str, made_with: str) -> tuple[str, str]:
        """Judge a file without a digest of its own by what the file that was made with it states."""
        if not Path(made_with).exists():
            self.needed.setdefault(made_with, path)
            status, facts = MISSING, {}
        elif made_with.endswith(".json"):
            status, facts = self._look(made_with)
        else:
            facts = self._trainings.get(made_with)
            status = WHOLE if facts else self.statuses[made_with]
        if status != WHOLE:
            return self._blame(path, made_with, "vouched for by", status)
        stated = self._stated(made_with, path, facts)
        if stated is None:
            return DAMAGED, f"{made_with} does not know it"
        if stated != found:
            return DAMAGED, f"changed since it was made with {made_with}, which states another digest"
        self._digests[path] = found
        return WHOLE, ""

    def _stated(self, made_with: str, path: str, facts: Mapping | None = None) -> str | None:
        """The digest that a file states of another; None if it knows none."""
        facts = facts or self._trainings[made_with]
        if made_with.endswith(".json"):
            return facts["outputs_sha256"].get(path)
        if Path(path).name == "history.csv":
            return facts["history_sha256"]
        return EMPTY if Path(path).name in facts["checkpoints"] else None

    def _other_form(self, path: str, sizes: Mapping[str, int]) -> str:
        for letter in FORM.get(Path(path).stem, "") if path.endswith(".h5") else "":
            if self._form.setdefault(letter, sizes[letter]) != sizes[letter]:
                return f"expected images with {letter} = {self._form[letter]}, found {sizes[letter]}"
        return ""

    def _blame(self, path: str, other: str, how: str, status: str) -> tuple[str, str]:
        """Judge a file by another one, of which there is something to be said."""
        self.statuses.setdefault(other, status)  # it may not have been judged yet, or be no part of the study
        root = self._roots.get(other, other)
        self._roots.setdefault(path, root)
        why = f"{how} {root}, which {IN_WORDS[self.statuses[root]]}"
        return UNREAD if status == UNREAD else WAITING, why

    def _inputs(self, made: str, recorded: Mapping[str, str]) -> tuple[str, str]:
        """Judge a file by its inputs: are they what it was made from?"""
        worst = WHOLE, ""
        for path, made_from in recorded.items():
            if any(part in REPLACEABLE for part in Path(path).parts):
                continue
            if status := self.statuses.get(path):
                found = self._blame(made, path, "made from", status)
            elif self._digest(path) != made_from:
                found = OUTDATED, f"made from {path}, which is gone or has changed since"
            else:
                continue
            worst = min(worst, found, key=_gravity)
        return worst

    def _digest(self, name: str) -> str | None:
        if name not in self._digests:
            status, found = self._read(digest, name)
            self._digests[name] = found if status == WHOLE else status
        return self._digests[name]

    def _checkpoint(self, path: str, found: Mapping) -> tuple[str, str]:
        """Judge a file by the checkpoint that it was made from: is it the present one?"""
        if found.get("checkpoint") is None:
            return WHOLE, ""
        checkpoint, made_from = found["checkpoint"]
        names = [f"{parent}/checkpoints.h5" for parent in Path(path).parents]
        checkpoints = next((name for name in names if name in self._expected), "a checkpoints.h5")
        if checkpoints in self._trainings:
            if self._trainings[checkpoints]["checkpoints"].get(checkpoint) == made_from:
                return WHOLE, ""
            return OUTDATED, f"made from another checkpoint {checkpoint!r} than the one in {checkpoints}"
        status = self.statuses.get(checkpoints, MISSING)
        return self._blame(path, checkpoints, "made from a checkpoint in", status)


def _gravity(judgement: tuple[str, str]) -> int:
    return GRAVITY.index(judgement[0])


def _made_with(path: str) -> str:
    """The file, of the same job, that states the digest of this one; "" of a file that states its own."""
    file = Path(path)
    if file.suffix in (".h5", ".json"):
        return ""
    if file.parent.name == "checkpoints.kept":
        return str(file.parent.with_name("checkpoints.h5"))
    return str(file.with_name("checkpoints.h5") if file.name == "history.csv" else file.with_suffix(".json"))


def _difference(expected: Mapping, made_by: Mapping) -> str:
    """In what a file differs from what the study would make; "" if in nothing."""
    expected = json.loads(json.dumps(expected))  # as it stands in a file
    inputs = {recorded_name(path) for path in expected["inputs"]}
    if changed := sorted(inputs ^ set(made_by["inputs_sha256"])):
        return f"other inputs: {changed[0]}{' ...' if len(changed) > 1 else ''}"
    for name in ("parameters", "settings", "code"):
        wanted, found = expected.get(name, {}), made_by.get(name, {})
        if keys := sorted(key for key in wanted.keys() | found.keys() if _differ(wanted, found, key)):
            if keys == ["data"] and keys[0] in wanted and keys[0] in found:
                return f"made from other data than there are now in {', '.join(wanted['data'])}"
            return f"other {name}: {', '.join(keys)}"
    return ""


def _differ(one: Mapping, other: Mapping, key: str) -> bool:
    """Whether a key is in one of the two alone, or has another value there: null is not the same as nothing."""
    return (key in one) != (key in other) or one.get(key) != other.get(key)
