"""What the rules about the whole study read, take and make: measures, verdicts and the report."""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any

from snakemake.io import report as in_snakemakes_report

from advspectra_study.config.claims import read_claims
from advspectra_study.plan.conventions import audited_attacks, band_of, conventions_of, largest_magnitudes
from advspectra_study.plan.prices import prices
from advspectra_study.plan.shown import REFERENCE, Shown
from advspectra_study.plan.shown_by_snakemake import VERDICTS
from advspectra_study.plan.step import Step

CLAIMS_SCHEMA = "workflow/schemas/claims.schema.yaml"


class WholeStudy(Shown):
    """The steps from the results of networks to the report."""

    @cached_property
    def measures(self) -> Step:
        """All files of the runs -> measures.csv, every measure of every network, attack and checkpoint."""
        kinds = ("checkpoints", "predictor", "perturbations", "spectra", "lines")
        return self._step(
            "measures",
            inputs={"runs": [file for kind in kinds for file in self.files(kind, self.study.runs, self.all_attacks)]},
            outputs={"csv": f"{self.results}/measures.csv", "provenance": f"{self.results}/measures.json"},
            params={
                "convention": self.study.summary.convention,
                **band_of(self.study),
                "code": self.code("measures.py"),
            },
            stem="measures",
        )

    @cached_property
    def claim_files(self) -> list[str]:
        """The files that state the claims."""
        own = self.study.claims.files
        return self.own_files("workflow/reference/claims", "*.yaml") if own is None else [*own]

    @cached_property
    def _claims_as_read(self) -> str:
        """A digest of the claims as they are read from their files; ValueError for a fault in one.

        The code that reads them is in no fingerprint, as it is not of the package that computes.
        """
        claims = read_claims(self.claim_files, schema_path=self.root / CLAIMS_SCHEMA)
        return hashlib.sha256(json.dumps(claims, sort_keys=True).encode()).hexdigest()[:12]

    @cached_property
    def _stated(self) -> dict[str, Any]:
        return {"claims": self.claim_files, "schema": self.own(CLAIMS_SCHEMA), "reference": self.own(REFERENCE)}

    @cached_property
    def claims(self) -> Step:
        """Files of the runs, the claims -> claims.csv, claims.json: what the results say of each."""
        sections = ("dataset", "networks", "initialization", "training", "spectra")
        return self._step(
            "claims",
            inputs={"runs": self.shown_of_claims(), "images": self.images_file, **self._stated},
            outputs=self._verdicts("claims", "Claims", "A row for each part: number, interval, verdict"),
            params={
                "study": self.study.name,
                "config": {section: self.study.config[section] for section in sections}
                | {"attack": self._summary_attack},
                "conventions": conventions_of(self.study),
                "epsilon": largest_magnitudes(self.study).get(self.study.summary.attack),
                "claims_as_read": self._claims_as_read,
                "code": self.code("claims.py"),
            },
            stem="claims",
        )

    @property
    def _summary_attack(self) -> dict[str, Any]:
        """The settings of summary.attack: what a claim about perturbations depends on."""
        entries = {entry["name"]: entry for entry in self.study.config["attacks"]}
        left_out = ("name", "networks", "checkpoints")
        return {key: value for key, value in entries[self.study.summary.attack].items() if key not in left_out}

    @cached_property
    def audit(self) -> Step:
        """Files of the runs, the claims -> audit.csv, audit.json: verdicts under each convention that the paper leaves
        open.
        """
        beside = [f"results/{study}/claims.json" for study in self.study.claims.beside]
        last = self.study.attack_of_last_epoch
        return self._step(
            "audit",
            inputs={
                "runs": self.shown_of_claims(*self.study.claims.audit),
                "last": self._last_epochs,
                "own": self.claims.outputs["provenance"],
                "beside": [path for path in beside if Path(path).exists()],  # of studies that have been made
                **self._stated,
            },
            outputs=self._verdicts("audit", "Conventions", "The verdicts under each that the paper leaves open"),
            params={
                "conventions": conventions_of(self.study),
                "spectra": self.study.config["spectra"]["conventions"],
                "attacks": audited_attacks(self.study),
                **({} if last == self.study.summary.attack else {"last": last}),
                "epsilons": largest_magnitudes(self.study),
                "beside": beside,
                "claims_as_read": self._claims_as_read,
                "code": self.code("audit.py"),
            },
            stem="audit",
        )

    @cached_property
    def _last_epochs(self) -> list[str]:
        """The files of attack_of_last_epoch on the last epoch of each run that it was tried on, if claims are about the
        best epoch and do not read these files already.
        """
        attack, files = self.study.attack_of_last_epoch, []
        for run in self.study.runs if self.study.summary.checkpoint == "best" else ():
            tried = [name for name in self.attacked[run].get(attack, ()) if name.startswith("epoch=")]
            last = sorted(tried, key=lambda name: int(name.partition("=")[2]))[-1:]
            for kind in ("perturbations", "spectra"):
                files += self.files(kind, [run], [attack], last)
        return files

    @cached_property
    def power(self) -> Step:
        """claims.json -> power.csv, power.md: what would decide the open parts, and its price.

        It has no inputs, since it plans: it must not start what it says the price of. And no outputs, since what jobs
        took changes with each run. So it belongs to no study's results: `Plan.steps` does not have it.
        """
        of_runs = (*self.trainings, self.predictor, self.attack, self.transfer, self.spectra, self.lines)
        return self._step(
            "power",
            inputs={},
            outputs={},
            params={
                "folder": self.results,
                "prices": lambda wildcards: prices(self.study, of_runs, self.costs),
                "code": self.code("power.py"),
            },
            stem="power",
        )

    def _verdicts(self, name: str, title: str, shows: str) -> dict[str, str]:
        labels = {"name": title, "shows": shows}
        caption, csv = self._caption(name), f"{self.results}/{name}.csv"
        return {
            "csv": in_snakemakes_report(csv, caption=caption, category=VERDICTS, labels=labels),
            "provenance": f"{self.results}/{name}.json",
        }

    @cached_property
    def report(self) -> Step:
        """Verdicts, tables, figures, the configuration -> report.html, report.md, report.json."""
        verdicts = [self.claims.outputs["provenance"], self.audit.outputs["provenance"]]

        def shown(folder: str, names: list[str], suffix: str) -> list[str]:
            return [f"{self.results}/{folder}/{name}.{suffix}" for name in names]

        # of a configuration what results depend on: not where a job runs, nor how figures look
        config = {key: value for key, value in self.study.written.items() if key not in ("compute", "figures")}
        html = f"{self.results}/report.html"
        labels = {"name": "All on one page", "shows": "Verdicts, numbers, tables, figures, methods"}
        return self._step(
            "report",
            inputs={
                "claims": verdicts[0],
                "audit": verdicts[1],
                "tables": shown("tables", self.table_names, "md"),
                "figures": shown("figures", self.figures_made, "png"),
                "captions": shown("figures", self.figures_made, "md"),
                "made_by": [
                    *verdicts,
                    *shown("tables", self.table_names, "json"),
                    *shown("figures", self.figures_made, "json"),
                ],
                "doubts": self.own("workflow/reference/doubts.yaml"),
                "templates": self.own_files("workflow/lib", "advspectra/page/templates/*"),
            },
            outputs={
                "html": in_snakemakes_report(html, caption="../report/report.rst", category=VERDICTS, labels=labels),
                "markdown": f"{self.results}/report.md",
                "provenance": f"{self.results}/report.json",
            },
            params={
                "config": config | {"precision": str(self.study.compute.precision)},
                "figures": self.figures_made,
                "tables": self.table_names,
                "code": self.code("report.py"),
            },
            stem="report",
        )

    @cached_property
    def explorer(self) -> Step:
        """Images, spectra and perturbations of all networks -> explorer.html, explorer.json."""
        kinds, html = ("checkpoints", "perturbations", "spectra"), f"{self.results}/explorer.html"
        labels = {"name": "Explorer", "shows": "Spectra and examples over training, with choices and a slider"}
        return self._step(
            "explorer",
            inputs={
                "runs": [file for kind in kinds for file in self.files(kind, self.study.runs, self.all_attacks)],
                "images": self.images_file,
                "templates": self.own_files("workflow/lib", "advspectra/explorer/templates/*"),
            },
            outputs={
                "html": in_snakemakes_report(html, caption=self._caption("explorer"), category=VERDICTS, labels=labels),
                "provenance": f"{self.results}/explorer.json",
            },
            params={
                "study": self.study.name,
                "convention": self.study.summary.convention,
                "code": self.code("explorer.py"),
            },
            stem="explorer",
        )
