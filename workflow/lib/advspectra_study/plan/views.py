"""Which result files each table and figure of a study reads, and which figures there are.

A table or figure is a module, which says in INPUTS what it reads:
  files        kinds of files; those of an attack are of summary.attack at summary.checkpoint, unless:
  per_state    (tables) true: of every attack, transfer and checkpoint
  per          (figures) "attack" or "lines": drawn for each network and attack (or lines of it) on several checkpoints,
               with the files of all of these; "transfers" are perturbations and spectra of its transfers
  pairs        (figures) pairs of roles in `claims` to compare: files of the attacks of each pair that the study names,
               on all checkpoints; `draw` gets the names by their roles as `roles`
  also         (figures) what `draw` gets besides, by these names: "claims", "images" and "reference", the paths of
               claims.json, images.h5 and paper.yaml; "dataset", its name and source; "band", where the classes of the
               images differ: a study without such a band does not have the figure
  activations, alphas   of the runs that it is about; None, or left out, for all
  config       (tables) sections of the configuration; each of its `attacks` also says the class of Foolbox that it
               runs, `foolbox_class`
  noise        (tables) true: its cells are the paper's, and stand beside those of noise (advspectra/claims/null.py)
"""

from collections.abc import Callable, Collection, Iterable
from functools import cache, cached_property, partial
from typing import Any

from advspectra_study.plan.conventions import band_of
from advspectra_study.plan.inputs import inputs
from advspectra_study.plan.networks import Networks
from advspectra_study.plugins import available


class Views(Networks):
    """What tables and figures show of the results of single networks."""

    @property
    def all_attacks(self) -> list[str]:
        """The names of all attacks and transfers."""
        return [*self.study.attack_named]

    @cached_property
    def table_names(self) -> list[str]:
        return available("tables", self.library)

    @cached_property
    def figure_names(self) -> list[str]:
        names = available("figures", self.library)
        return [name for name in names if band_of(self.study) or "band" not in self.about("figures", name)["also"]]

    @cached_property
    def noted(self) -> dict[str, list[str]]:
        """The tables and figures that say of which attack they are: figures below figures/, without their suffix."""
        return {
            "tables": [table for table in self.table_names if self._falls_back("tables", table)],
            "figures": [figure for figure in self.figure_names if self._falls_back("figures", figure)]
            + self._attack_figures,
        }

    @cached_property
    def figures_made(self) -> list[str]:
        """All figures of the study, below figures/, without their suffix."""
        of = {figure: self.developments_of(figure) for figure in self.figure_names}
        alone = [figure for figure in self.figure_names if of[figure] is None]
        return [
            *alone,
            *self._attack_figures,
            *(f"{name}/{development}" for name in of for development in of[name] or ()),
        ]

    @cached_property
    def _attack_figures(self) -> list[str]:
        """Figures of the whole study for each attack other than the summary's: <figure>/<attack>."""
        return [
            f"{figure}/{attack.name}"
            for figure in self.figure_names
            for attack in self.study.attacks
            if attack.name != self.study.summary.attack
            and (runs := self._runs_shown("figures", figure, attack.name))
            and self._compares_several(figure, runs)
        ]

    @cached_property
    def about(self) -> Callable[[str, str], dict[str, Any]]:
        """A function that returns the INPUTS of a table or figure, by its kind, "tables" or "figures", and its name."""
        return cache(partial(inputs, library=self.library, sections=self.study.config))

    def files(
        self, kind: str, runs: Iterable[str], attacks: Iterable[str] = (), checkpoints: Collection[str] | None = None
    ) -> list[str]:
        """The files of a kind that runs have: one each, or one for each attack and checkpoint (None: all)."""
        if kind in ("checkpoints", "predictor"):
            those = [run for run in runs if kind == "checkpoints" or self.study.runs[run].linear]
            return [f"{self.dataset}/{run}/{kind}.h5" for run in those]
        there = self.lined if kind == "lines" else self.perturbed
        return [
            f"{self.dataset}/{run}/{attack}/{checkpoint}/{kind}.h5"
            for run in runs
            for attack in attacks
            for checkpoint in there[run].get(attack, ())
            if checkpoints is None or checkpoint in checkpoints
        ]

    def shown(self, kind: str, name: str) -> list[str]:
        """The files that a table or figure of the whole study reads, of the runs that it is about."""
        about, summary = self.about(kind, name), self.study.summary
        attacks, checkpoints = ([summary.attack], [summary.checkpoint])
        if about.get("per_state"):
            attacks, checkpoints = self.all_attacks, None
        if "pairs" in about:
            attacks, checkpoints = dict.fromkeys(self.roles_of(name).values()), None
        runs = [run for run in self.study.runs if self._is_about(about, run)]
        return [file for part in about["files"] for file in self.files(part, runs, attacks, checkpoints)]

    def roles_of(self, figure: str) -> dict[str, str]:
        """The attacks that a figure compares by their roles in `claims`: of the pairs of which the study names both."""
        claims = self.study.config["claims"]
        named = [pair for pair in self.about("figures", figure).get("pairs", ()) if all(map(claims.get, pair))]
        return {role: claims[role] for pair in named for role in pair}

    def shown_of_claims(self, *attacks: str) -> list[str]:
        """The files that claims are answered from: of attacks at the summary's checkpoint, and of those of the
        claims at all.
        """
        summary, runs = self.study.summary, self.study.runs
        developing = self.study.claims.developing.values()
        files = [file for kind in ("checkpoints", "predictor") for file in self.files(kind, runs)]
        for kind in ("perturbations", "spectra"):
            files += self.files(kind, runs, [summary.attack, *attacks], [summary.checkpoint])
        for kind in ("perturbations", "spectra", "lines"):
            files += self.files(kind, runs, developing)
        return list(dict.fromkeys(files))

    def developments_of(self, figure: str) -> list[str] | None:
        """The developments that a figure is drawn for; None for a figure of the whole study."""
        about = self.about("figures", figure)
        if "per" not in about:
            return None
        every = self._developments[about["per"]].items()
        return [development for development, (runs, _) in every if self._is_about(about, runs[0])]

    @cached_property
    def _developments(self) -> dict[str, dict[str, tuple[list[str], str]]]:
        """What is drawn of one attack (or of its lines) on one network: where there are several checkpoints.

        By attack or lines, <network>-<activation>/depth=<d>/alpha=<a>/<attack> -> the runs, one for each seed, and the
        attack.
        """
        developments: dict[str, dict[str, tuple[list[str], str]]] = {"attack": {}, "lines": {}}
        for per, there in (("attack", self.attacked), ("lines", self.lined)):
            for run, attacks in there.items():
                for attack, checkpoints in attacks.items():
                    if len(checkpoints) > 1:
                        development = f"{run.rpartition('/')[0]}/{attack}"
                        developments[per].setdefault(development, ([], attack))[0].append(run)
        return developments

    def shown_of_development(self, figure: str, development: str) -> list[str]:
        """The files that a figure reads of a development; `transfers` are what those of its attack made."""
        about = self.about("figures", figure)
        runs, attack = self._developments[about["per"]][development]
        transfers = [transfer.name for transfer in self.study.transfers if transfer.attack == attack]
        files = []
        for kind in about["files"]:
            if kind == "transfers":
                for part in ("perturbations", "spectra"):
                    files += self.files(part, runs, transfers)
            elif kind == "lines" and about["per"] == "attack":
                files += self.files("lines", runs, [attack, *transfers])
            else:
                files += self.files(kind, runs, [attack])
        return files

    def shown_with_note(self, kind: str, noted: str) -> list[str]:
        """The files that a table or figure with a note reads."""
        name, _, attack = noted.partition("/")
        return [
            file
            for run, shown in self._runs_shown(kind, name, attack).items()
            for part in self.about(kind, name)["files"]
            for file in self.files(part, [run] if shown else [], [shown], [self.study.summary.checkpoint])
        ]

    def note(self, kind: str, noted: str) -> dict[str, Any]:
        """The arguments of attack_note.noted for a table or figure with a note."""
        name, _, attack = noted.partition("/")
        if attack:
            return {"attack": attack, "others": "none"}
        shown = self._runs_shown(kind, name)
        lacking = [self.study.runs[run].identity for run, attack in shown.items() if attack is None]
        networks = [{key: value for key, value in run.items() if key != "seed"} for run in lacking]
        others = [network for index, network in enumerate(networks) if network not in networks[:index]]
        return {"attack": self.study.summary.attack, "others": others}

    def _is_about(self, about: dict[str, Any], run: str) -> bool:
        activation, alpha = self.study.runs[run].activation, self.study.runs[run].alpha
        return activation in (about["activations"] or [activation]) and alpha in (about["alphas"] or [alpha])

    def _runs_shown(self, kind: str, name: str, attack: str = "") -> dict[str, str | None]:
        """The runs that a table or figure of one attack is about, and the attack that it shows of each, at the
        summary's checkpoint: `attack`, of runs that have it; without it the summary's or, where a run lacks that, its
        first, None without any. Empty for a table or figure of no attack, or of several.
        """
        about, summary = self.about(kind, name), self.study.summary
        if (
            {"per", "pairs"} & {*about}
            or about.get("per_state")
            or not {"perturbations", "spectra"} & {*about["files"]}
        ):
            return {}
        wanted = [attack] if attack else [summary.attack, *(other.name for other in self.study.attacks)]
        shown = {
            run: next((name for name in wanted if summary.checkpoint in self.attacked[run].get(name, ())), None)
            for run in self.study.runs
            if self._is_about(about, run)
        }
        return {run: name for run, name in shown.items() if name or not attack}

    def _falls_back(self, kind: str, name: str) -> bool:
        return any(shown != self.study.summary.attack for shown in self._runs_shown(kind, name).values())

    def _compares_several(self, figure: str, runs: Iterable[str]) -> bool:
        """Whether runs are of several alphas, if that is what the figure is about."""
        if self.about("figures", figure)["alphas"] is not None:
            return True
        alphas: dict[tuple, set] = {}
        for run in map(self.study.runs.get, runs):
            alphas.setdefault((run.entry.name, run.activation, run.depth), set()).add(run.alpha)
        return any(len(several) > 1 for several in alphas.values())
