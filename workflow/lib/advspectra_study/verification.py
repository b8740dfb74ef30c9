"""Checks the results of a study against themselves, against each other and against the configuration.

It needs nothing but the results and the configuration: not what Snakemake remembers in .snakemake/.
"""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tqdm import tqdm

from advspectra_study.job import recorded_file, recorded_name, sha256
from advspectra.hdf5 import content_sha256, open_file
from advspectra.memory import TooLarge
from advspectra.result_checks import check_result
from advspectra_study.disk import size_on_disk
from advspectra_study.kept import second_name

# of inputs that may be newer than what was made of them: a state of the network is known by its own digest
REPLACEABLE = ("checkpoints.h5", "checkpoints.kept")
# sizes that all files of a study share, by the letters that a kind of file has for them
FORM = {"images": "CHWK", "perturbations": "CHWK", "spectra": "HW", "predictor": "CHW"}


@dataclass
class Report:
    """What was found: paths by what there is to say of them; a dict has a line for each path.

    `unread`: what cannot be looked at now, or was made from what cannot. `removable`: all foreign files and leftovers,
    where a folder holds nothing else the folder.
    """

    good: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)
    outdated: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    removable: list[str] = field(default_factory=list)

    def lines(self, folder: str) -> Iterator[str]:
        """Yield what a person should read."""
        yield f"{folder}: {len(self.good)} files are whole, and as the configuration and the code say"
        yield f"  {size_on_disk(folder)}"
        for title, found in (
            ("damaged, or not what the study would make:", self.faults),
            ("made otherwise than the study would now; remove them, and snakemake makes them anew:", self.outdated),
            ("cannot be looked at now; nothing is known to be wrong with them:", self.unread),
        ):
            if found:
                yield f"{len(found)} {title}"
                yield from (f"  {path}: {why.removeprefix(f'{path}: ')}" for path, why in found.items())
        if self.missing:
            yield f"{len(self.missing)} not made yet:"
            yield from (f"  {path}" for path in self.missing)
        for title, paths in (
            ("unfinished, or kept from before; snakemake goes on from there:", self.unfinished),
            ("no part of the study as it is configured:", self.foreign),
            ("left by jobs that were killed; of no use any more:", self.leftovers),
        ):
            if paths:
                yield f"{len(paths)} {title}"
                yield from (f"  {path} ({_size(path)})" for path in paths)
        if self.removable:
            yield f"to remove those, {_size(*self.foreign, *self.leftovers)} in all:"
            yield f"  {shlex.join(['rm', '-r', '--', *self.removable])}"


def verify(folder: str, expected: Mapping[str, Mapping]) -> Report:
    """Return what is to be said of the results of a study.

    folder : results/<study>. expected : for each file of the study, in the order in which they are made, the
    `parameters`, the `code` and the `inputs` that make it; of a training.json `settings` for parameters.
    """
    report = Report()
    form: dict[str, int] = {}
    # as they stand in a file
    expected = json.loads(json.dumps(expected))
    for made in expected.values():
        made["inputs"] = [recorded_name(path) for path in made["inputs"]]
    for path in tqdm(expected, desc="verify", unit="file", disable=None):
        if not Path(path).exists():
            report.missing.append(path)
            continue
        try:
            made_by = _made_by(path, form)
            why = _difference(expected[path], made_by) or _other_input(made_by, {*report.faults, *report.outdated})
        except OSError as error:
            report.unread[path] = (error.strerror or str(error)).removeprefix(f"{path}: ")
            continue
        except (MemoryError, TooLarge) as error:
            report.unread[path] = str(error).removeprefix(f"{path}: ")
            continue
        except (ValueError, KeyError) as error:
            report.faults[path] = str(error) if isinstance(error, ValueError) else repr(error)
            continue
        if why:
            report.outdated[path] = why
        else:
            report.good.append(path)
    _look_for_others(report, folder, set(expected))
    return report


def _look_for_others(report: Report, folder: str, known: set[str]) -> None:
    """Add the files of the folder that are no results of the study to the report."""
    goes_on = {str(Path(path).with_suffix(".unfinished")) for path in report.missing}
    kept = {second_name(path) for path in report.missing}
    files = sorted(file for file in Path(folder).rglob("*") if not file.is_dir())
    for file in files:
        inside = file.relative_to(folder)
        if str(file) in known or inside.parts[0] in ("logs", "benchmarks"):
            continue
        if goes_on & {str(parent) for parent in file.parents} or file in kept:
            report.unfinished.append(str(file))
        elif any(part.startswith(".") or part.endswith(".unfinished") for part in inside.parts):
            report.leftovers.append(str(file))
        else:
            report.foreign.append(str(file))
    removed = {*report.foreign, *report.leftovers}
    needed = {parent for file in files if str(file) not in removed for parent in file.parents} | {Path(folder)}
    for file in map(Path, sorted(removed)):
        whole = [parent for parent in file.parents if parent not in needed and Path(folder) in parent.parents]
        report.removable.append(str(whole[-1] if whole else file))
    report.removable = sorted(set(report.removable))


def _size(*paths: str) -> str:
    """Return how much disk the files take, for a person."""
    size = sum(Path(path).lstat().st_size for path in paths)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def _made_by(path: str, form: dict[str, int]) -> dict:
    """Return what a file says made it, once it is known to be whole; {} of one that others vouch for."""
    kind = Path(path).stem
    if path.endswith(".h5"):
        attributes, sizes = check_result(path, kind=kind)
        for letter in FORM.get(kind, ""):
            if form.setdefault(letter, sizes[letter]) != sizes[letter]:
                raise ValueError(f"{path}: expected images with {letter} = {form[letter]}, found {sizes[letter]}")
        _check_identity(path, attributes)
        _check_state(path, attributes)
        if (history := attributes.get("history_sha256")) and _digest(
            str(Path(path).with_name("history.csv"))
        ) != history:
            raise ValueError(f"{path}: history.csv beside it is not the one of this training")
        facts = {name: json.loads(attributes[name]) for name in ("parameters", "code", "inputs_sha256")}
        facts["parameters"].pop("checkpoints", None)  # checkpoints.kept says which states there are
        return facts
    if Path(path).parent.name == "checkpoints.kept":
        _state_digest(str(Path(path).parents[1] / "checkpoints.h5"), Path(path).name)
    if path.endswith(".json"):
        facts = json.loads(Path(path).read_text(encoding="utf-8"))
        for other, digest in facts.get("outputs_sha256", {}).items():
            if not Path(other).exists() or _digest(other) != digest:
                raise ValueError(f"{path}: {other} is missing or changed since it was made")
        if Path(path).name == "training.json":  # the settings stand beside the code and the inputs
            facts["settings"] = {name: fact for name, fact in facts.items() if name not in ("code", "inputs_sha256")}
        return facts
    return {}


def _check_identity(path: str, attributes: Mapping) -> None:
    for name, value in json.loads(attributes["parameters"]).get("identity", {}).items():
        if attributes.get(name) != value:
            raise ValueError(f"{path}: expected the attribute {name} {value}, found {attributes.get(name)}")


def _check_state(path: str, attributes: Mapping) -> None:
    """Refuse what was made of a state that is not the one in checkpoints.h5 now."""
    if (digest := attributes.get("state_sha256")) is None:
        return
    state = attributes.get("checkpoint", "best")
    folder = next(parent for parent in Path(path).parents if (parent / "checkpoints.h5").exists())
    if _state_digest(str(folder / "checkpoints.h5"), state) != digest:
        raise ValueError(f"{path}: made of another state {state!r} than the one in {folder}/checkpoints.h5")


def _difference(expected: Mapping, made_by: Mapping) -> str:
    """Return in what a file differs from what the study would make; "" if in nothing."""
    if "inputs_sha256" in made_by and set(expected["inputs"]) != set(made_by["inputs_sha256"]):
        changed = sorted(set(expected["inputs"]) ^ set(made_by["inputs_sha256"]))
        return f"other inputs: {changed[0]}{' ...' if len(changed) > 1 else ''}"
    for name in ("parameters", "settings", "code"):
        wanted = expected.get(name, {})
        found = made_by.get(name, wanted)
        if keys := sorted(key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key)):
            if keys == ["data"] and keys[0] in wanted and keys[0] in found:
                return f"made from other data than there are now in {', '.join(wanted['data'])}"
            return f"other {name}: {', '.join(keys)}"
    return ""


def _other_input(made_by: Mapping, bad: set[str]) -> str:
    """Return which input is not, or not any more, what the file was made from; "" if none."""
    for path, digest in made_by.get("inputs_sha256", {}).items():
        if any(part in REPLACEABLE for part in Path(path).parts):
            continue
        file = recorded_file(path)
        try:
            same = path not in bad and file.exists() and _digest(str(file)) == digest
        except ValueError:  # no such file any more
            same = False
        if not same:
            return f"made from {path}, which is gone, changed or named here itself"
    return ""


@cache
def _digest(path: str) -> str:
    return sha256(path)


@cache
def _state_digest(path: str, state: str) -> str:
    with open_file(path) as file:
        return content_sha256(file[f"states/{state}"])
