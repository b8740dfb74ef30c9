"""One rule of the workflow as data: what its jobs read, take and make, and which jobs there are."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

# the values of a job's wildcards, as attributes
Wildcards = Any
Paths = str | list[str]
Job = dict[str, str]


@dataclass(frozen=True)
class Step:
    """One rule of the workflow. A rule file hands its parts to Snakemake.

    inputs, outputs : paths by name, with wildcards in braces; of inputs also functions of the wildcards.
    params : by name values, or functions of the wildcards; `code` are digests of the code that the script runs.
    jobs : the wildcards of each job of the study.
    stem : path, without a suffix, of the log below logs/ and of the benchmark below benchmarks/.
    """

    name: str
    inputs: Mapping[str, Paths | Callable[[Wildcards], Paths]]
    outputs: Mapping[str, Paths]
    params: Mapping[str, Any]
    results: str
    stem: str
    jobs: tuple[Job, ...] = ({},)
    resources: Mapping[str, Any] = field(default_factory=dict)
    group: Callable[[Wildcards], str | None] | None = None

    @property
    def kind(self) -> str:
        """What the rule does, the first word of its name: rules train_<...> train."""
        return self.name.partition("_")[0]

    @property
    def log(self) -> str:
        return f"{self.results}/logs/{self.stem}.log"

    @property
    def benchmark(self) -> str:
        return f"{self.results}/benchmarks/{self.stem}.tsv"

    @property
    def constraints(self) -> dict[str, str]:
        """Patterns by wildcard: each takes the values of the jobs and no other, so any other target is an error.

        `run` stands before an attack and a checkpoint in a path; its pattern takes the runs that have these.
        """
        wildcards = dict.fromkeys(re.findall(r"{(\w+)}", " ".join(self.output_paths())))
        patterns = {name: one_of(dict.fromkeys(job[name] for job in self.jobs)) for name in wildcards}
        return patterns | ({"run": _runs_before(self.jobs)} if "attack" in patterns else {})

    def output_paths(self) -> list[str]:
        """Its outputs, with wildcards in braces."""
        return [path for item in self.outputs.values() for path in _paths(item)]

    def files(self) -> Iterator[tuple[list[str], list[str], dict[str, Any]]]:
        """Yield for each job its outputs, its inputs and its params."""
        for job in self.jobs:
            wildcards = SimpleNamespace(**job)
            inputs = [path for item in self.inputs.values() for path in _paths(_value(item, wildcards))]
            params = {name: _value(value, wildcards) for name, value in self.params.items() if name != "checkpoints"}
            yield [path.format(**job) for path in self.output_paths()], [path.format(**job) for path in inputs], params


def jobs_by(wildcard: str, values: Iterable[str]) -> tuple[Job, ...]:
    """A job for each value of the one wildcard that a rule has."""
    return tuple({wildcard: value} for value in values)


def one_of(names: Iterable[str]) -> str:
    """A pattern that matches the names, paths perhaps, and nothing else.

    Folders that hold the same stand together. Snakemake reads the whole pattern again for each file that it plans, so
    that time would grow with the square of the number of runs if each stood in it by itself.
    """
    return _alternatives([tuple(name.split("/")) for name in names]) or "(?!)"


def _alternatives(paths: Iterable[tuple[str, ...]]) -> str:
    """A pattern of paths, each given by its parts."""
    inside: dict[tuple[str, bool], list[tuple[str, ...]]] = {}
    for first, *rest in paths:
        inside.setdefault((first, bool(rest)), []).append(tuple(rest))
    firsts: dict[str, list[str]] = {}
    for (first, is_folder), rests in inside.items():
        after = f"/(?:{_alternatives(rests)})" if is_folder else ""
        firsts.setdefault(after, []).append(re.escape(first))
    return "|".join(f"(?:{'|'.join(dict.fromkeys(some))}){after}" for after, some in firsts.items())


def _runs_before(jobs: Iterable[Job]) -> str:
    ends: dict[str, dict[str, list[str]]] = {}
    for job in jobs:
        ends.setdefault(job["run"], {}).setdefault(job["attack"], []).append(job["checkpoint"])
    runs: dict[str, list[str]] = {}
    for run, attacks in ends.items():
        end = "|".join(f"{re.escape(attack)}/(?:{one_of(kept)})" for attack, kept in attacks.items())
        runs.setdefault(end, []).append(run)
    return "|".join(f"(?:{one_of(members)})(?=/(?:{end})/)" for end, members in runs.items()) or "(?!)"


def _value(value: Any, wildcards: Wildcards) -> Any:
    return value(wildcards) if callable(value) else value


def _paths(item: Paths) -> list[str]:
    return [str(item)] if isinstance(item, str) else [str(path) for path in item]
