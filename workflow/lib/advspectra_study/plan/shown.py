"""What the rules of tables and figures read, take and make.

Tables and figures "with a note" say of which attack they are: figures of each attack other than the summary's, and, of
studies in which networks lack the summary's attack, all those that it concerns.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from snakemake.io import report as in_snakemakes_report

from advspectra_study.plan.conventions import band_of, largest_magnitudes
from advspectra_study.plan.shown_by_snakemake import FIGURES, TABLES, network_and_attack, sortable_title, subject
from advspectra_study.plan.step import Job, Paths, Step, Wildcards, jobs_by
from advspectra_study.plan.views import Views

REFERENCE = "workflow/reference/paper.yaml"


class Shown(Views):
    """The steps from the results of networks to tables and figures."""

    @cached_property
    def tables(self) -> dict[str, Step]:
        """Files of the runs -> tables/<table>.{csv,md,json}: a rule for each table without a note."""
        return {
            table: self._table(
                f"table_{table}",
                table,
                self.shown("tables", table),
                self._table_params(table),
                self._labels(table),
                # a table without results is of settings, whatever the images are
                images=self.images_file if self.about("tables", table)["files"] else [],
            )
            for table in self.table_names
            if table not in self.noted["tables"]
        }

    @cached_property
    def table_with_note(self) -> Step:
        of = lambda name: lambda wildcards: self._table_params(wildcards.noted)[name]  # noqa: E731
        return self._table(
            "table_with_note",
            "{noted}",
            lambda wildcards: self.shown_with_note("tables", wildcards.noted),
            {
                **{name: of(name) for name in ("module", "config", "dataset", "convention", "noise")},
                "note": lambda wildcards: self.note("tables", wildcards.noted),
                "code": lambda wildcards: self._noted_code("table.py", "tables", wildcards.noted),
            },
            lambda wildcards: self._labels(wildcards.noted)(wildcards),
            images=self.images_file,
            jobs=jobs_by("noted", self.noted["tables"]),
        )

    def _table(
        self,
        name: str,
        stem: str,
        runs: Any,
        params: dict[str, Any],
        labels: Callable,
        *,
        images: Paths,
        jobs: tuple[Job, ...] = ({},),
    ) -> Step:
        path, caption = f"{self.results}/tables/{stem}", self._caption(stem)
        return self._step(
            name,
            inputs={"runs": runs, "images": images, "reference": self.own(REFERENCE)},
            outputs={
                "csv": in_snakemakes_report(f"{path}.csv", caption=caption, category=TABLES, labels=labels),
                "markdown": f"{path}.md",
                "provenance": f"{path}.json",
            },
            params=params,
            stem=f"tables/{stem}",
            jobs=jobs,
        )

    def _table_params(self, table: str) -> dict[str, Any]:
        dataset = self.study.dataset
        return {
            "module": f"advspectra.tables.{table}",
            "config": {key: self._section(key) for key in self.about("tables", table)["config"]},
            "dataset": {"name": dataset.name, "source": dataset.source},
            "convention": self.study.summary.convention,
            "noise": self._noise(table),
            "code": self.code("table.py", f"advspectra.tables.{table}"),
        }

    def _section(self, key: str) -> Any:
        """A section of the configuration; attacks also with the classes of Foolbox that they run."""
        section = self.study.config[key]
        if key != "attacks":
            return section
        pairs = zip(section, self.study.attacks, strict=True)
        return [entry | {"foolbox_class": attack.foolbox_class} for entry, attack in pairs]

    def _noise(self, table: str) -> dict[str, float | None] | None:
        """What the noise beside a table is made of; None for a table without."""
        if not self.about("tables", table)["noise"]:
            return None
        return {"epsilon": largest_magnitudes(self.study).get(self.study.summary.attack)}

    @cached_property
    def figures(self) -> dict[str, Step]:
        """Files of the runs -> figures/<figure>.{pdf,png,csv,md,json}, and of figures that show how an attack on a
        network develops, figures/<figure>/<network>-<activation>/depth=<d>/alpha=<a>/<attack>.{...}: a rule for each.
        """
        return {
            figure: self._figure_rule(figure) for figure in self.figure_names if figure not in self.noted["figures"]
        }

    def _figure_rule(self, figure: str) -> Step:
        developments = self.developments_of(figure)
        params = {
            "module": f"advspectra.figures.{figure}",
            "code": self.code("figure.py", f"advspectra.figures.{figure}"),
        }
        if also := self._also(figure):
            params["also"] = also
        if "pairs" in self.about("figures", figure):
            params["roles"] = self.roles_of(figure)
        if developments is None:
            return self._figure(f"figure_{figure}", figure, self.shown("figures", figure), params, self._labels(figure))
        return self._figure(
            f"figure_{figure}",
            f"{figure}/{{development}}",
            lambda wildcards: self.shown_of_development(figure, wildcards.development),
            params,
            self._labels(figure),
            jobs=jobs_by("development", developments),
        )

    @cached_property
    def figure_with_note(self) -> Step:
        return self._figure(
            "figure_with_note",
            "{noted}",
            lambda wildcards: self.shown_with_note("figures", wildcards.noted),
            {
                "module": lambda wildcards: f"advspectra.figures.{wildcards.noted.partition('/')[0]}",
                "note": lambda wildcards: self.note("figures", wildcards.noted),
                "also": lambda wildcards: self._also(wildcards.noted.partition("/")[0]),
                "code": lambda wildcards: self._noted_code("figure.py", "figures", wildcards.noted),
            },
            lambda wildcards: self._labels(*wildcards.noted.split("/"))(wildcards),
            jobs=jobs_by("noted", self.noted["figures"]),
        )

    def _also(self, figure: str) -> dict[str, Any]:
        """What a figure gets besides results of runs, by its name: a value, or None for a file."""
        dataset = self.study.dataset
        values = {"dataset": {"name": dataset.name, "source": dataset.source}, **band_of(self.study)}
        return {name: values.get(name) for name in self.about("figures", figure)["also"]}

    def _figure(
        self, name: str, stem: str, runs: Any, params: dict[str, Any], labels: Callable, jobs: tuple[Job, ...] = ({},)
    ) -> Step:
        path, figure = f"{self.results}/figures/{stem}", stem.partition("/")[0]
        caption = self._caption(figure)
        files = {"claims": f"{self.results}/claims.json", "images": self.images_file, "reference": self.own(REFERENCE)}
        if figure == "{noted}":
            of_noted = lambda file: lambda wildcards: files[file] if file in params["also"](wildcards) else []  # noqa: E731
            also = {file: of_noted(file) for file in files}
        else:
            also = {file: files[file] for file in self._also(figure) if file in files}
        return self._step(
            name,
            inputs={"runs": runs, "style": self.own("workflow/lib/advspectra/drawing/paper.mplstyle"), **also},
            outputs={
                "pdf": f"{path}.pdf",
                "png": in_snakemakes_report(f"{path}.png", caption=caption, category=FIGURES, labels=labels),
                "csv": f"{path}.csv",
                "caption": f"{path}.md",
                "provenance": f"{path}.json",
            },
            params={
                "figures": self.study.config["figures"],
                "convention": self.study.summary.convention,
                **params,
            },
            stem=f"figures/{stem}",
            jobs=jobs,
        )

    def _noted_code(self, script: str, kind: str, noted: str) -> dict[str, str]:
        """The digests of the code that makes a table or figure with a note: that of its usual script, too."""
        plugin = f"advspectra.{kind}.{noted.partition('/')[0]}"
        return {**self.code(script, plugin), **self.code("with_note.py", plugin)}

    def _caption(self, name: str) -> str | None:
        """The caption of a table or figure in Snakemake's report; one without a caption is shown bare."""
        name = name.strip("{}")  # of those with a note it is noted.rst
        return f"../report/{name}.rst" if (self.root / f"workflow/report/{name}.rst").exists() else None

    def _labels(self, name: str, attack: str = "all networks") -> Callable[[Wildcards], dict[str, str]]:
        """What Snakemake's report calls a table or figure: its title, what it shows, and whose development or which
        attack.
        """

        def of(wildcards: Wildcards) -> str:
            development = wildcards.get("development")
            return attack if development is None else network_and_attack(self.study, development)

        shows = subject(self.root, name)
        return lambda wildcards: {"name": sortable_title(name), "shows": shows, "of": of(wildcards)}
