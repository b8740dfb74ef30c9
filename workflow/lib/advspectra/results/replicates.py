"""The runs of one network, a run for each seed."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from operator import attrgetter

import numpy as np

from advspectra.files.checkpoints import Checkpoints
from advspectra.files.perturbations import AttackedImages
from advspectra.files.predictors import Predictor
from advspectra.files.spectra import Spectra
from advspectra.networks.identity import NetworkIdentity
from advspectra.results.runs import AttackedCheckpoint, Run, Source


@dataclass(frozen=True)
class Replicates:
    """The runs of a study that differ in nothing but the seed, in the order of their seeds."""

    runs: tuple[Run, ...]

    @property
    def first(self) -> Run:
        """The run with the lowest seed; its names and settings are those of all."""
        return self.runs[0]

    @property
    def identity(self) -> NetworkIdentity:
        """Their network."""
        return self.first.identity

    @property
    def predictors(self) -> list[Predictor]:
        """The predictors of all runs that have one."""
        return [predictor for run in self.runs if (predictor := run.predictor()) is not None]

    @property
    def checkpoints(self) -> list[Checkpoints]:
        """The trainings of all runs that have one."""
        return [training for run in self.runs if (training := run.checkpoints()) is not None]

    def spectra(self, convention: str) -> list[Spectra]:
        """The spectra of all runs that have a file of them, one for each seed."""
        return [spectra for run in self.runs if (spectra := run.spectra(convention)) is not None]

    @cached_property
    def attacks(self) -> dict[str, Source | None]:
        """The attacks, then the transfers, that the runs have files of: name -> what it transfers, or None."""
        sources = {name: source for run in self.runs for name, source in run.attacks.items()}
        return dict(sorted(sources.items(), key=lambda item: item[1] is not None))

    @property
    def attack(self) -> str | None:
        """The attack that the files are about: the one that is no transfer or, among transfers alone, the only one.

        None without any; ValueError where several qualify.
        """
        names = [name for name, source in self.attacks.items() if source is None] or list(self.attacks)
        if len(names) > 1:
            raise ValueError(f"expected the results of one attack and of its transfers, found {', '.join(names)}")
        return names[0] if names else None

    def attacked(self, attack: str) -> list[tuple[AttackedCheckpoint, ...]]:
        """The checkpoints that `attack` was tried on and that all seeds have, one a seed, ordered by their mean step.

        Those of one step belong together, and the best ones, though their steps may differ. Seeds without any file of
        that attack do not count.
        """
        by_name = [
            {checkpoint.step: checkpoint for checkpoint in checkpoints}
            | dict([("best", checkpoint) for checkpoint in checkpoints if checkpoint.best])
            for run in self.runs
            if (checkpoints := run.attacked(attack))
        ]
        common = set(by_name[0]).intersection(*by_name) if by_name else ()
        seeds = {tuple(seed[name].step for seed in by_name): tuple(seed[name] for seed in by_name) for name in common}
        return [seeds[steps] for steps in sorted(seeds, key=lambda steps: (np.mean(steps), steps))]


def as_one(seeds: Sequence[AttackedCheckpoint]) -> AttackedCheckpoint:
    """What stands for one checkpoint of all seeds in figures: the first seed's, at their mean step."""
    if len({checkpoint.step for checkpoint in seeds}) == 1:
        return seeds[0]
    step = round(np.mean([checkpoint.step for checkpoint in seeds]))
    return replace(seeds[0], step=step, epochs=tuple(checkpoint.epoch for checkpoint in seeds))


def by_network(runs: Iterable[Run]) -> list[Replicates]:
    """The runs grouped over seeds, in the order in which read_runs has them."""
    groups: dict[NetworkIdentity, list[Run]] = {}
    for run in sorted(runs, key=attrgetter("order")):
        groups.setdefault(run.identity, []).append(run)
    return [Replicates(tuple(group)) for group in groups.values()]


def only_network(runs: Iterable[Run]) -> Replicates | None:
    """The runs of one network, None without any; ValueError if they are of several networks."""
    groups = by_network(runs)
    if len(groups) > 1:
        raise ValueError(f"expected the runs of one network, found {', '.join(group.first.label for group in groups)}")
    return groups[0] if groups else None


def of_one_set(groups: Sequence[Replicates]) -> list[AttackedImages | None]:
    """The attacked images of each network's lowest seed; None without, and where most networks have images of the other
    set, test or training: image 3 of the one is not image 3 of the other.
    """
    found = [group.first.perturbations() for group in groups]
    sets = Counter(one.images_of for one in found if one is not None).most_common(1)
    return [one if one is not None and one.images_of == sets[0][0] else None for one in found]
