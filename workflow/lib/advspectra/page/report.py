"""The report of a study as one HTML page and as Markdown, made from the verdicts, the audit, tables and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from advspectra.drawing.captions import SCALES
from advspectra.page import words
from advspectra.page.audit import audit
from advspectra.page.doubts import doubts
from advspectra.page.forest import panels
from advspectra.page.gaps import gaps
from advspectra.page.pictures import Picture, cited
from advspectra.page.prose import TEMPLATES, Markdown, html, markdown
from advspectra.page.verdicts import (
    CLAIMS,
    NOT_APPLICABLE,
    NOT_TESTED,
    cells,
    finding,
    grouped,
    mark,
    part_mark,
    summary,
    tally,
)

# rows of a table that the page shows without being asked
LONG = 40
# of a study on other images than the paper's: its own results come first, then settings beside the paper's
RESULTS_FIRST = ("table4", "table1", "table2")


@dataclass(frozen=True)
class Material:
    """What a report is made from.

    verdicts, conventions : contents of claims.json and audit.json. tables : name -> Markdown. doubts : doubts.yaml.
    config : of the study, what results depend on. made_by : what makes the report, of advspectra_study.job.made_by;
    origins : what made the verdicts, tables, figures and all that they were made from, of advspectra_study.job.origins.
    """

    verdicts: Mapping
    conventions: Mapping
    tables: Mapping[str, str]
    pictures: Sequence[Picture]
    doubts: Mapping
    config: Mapping
    made_by: Mapping
    origins: Sequence[Mapping]


@dataclass(frozen=True)
class Sheet:
    """A table of the study: its title, and rows and notes as Markdown."""

    title: str
    rows: Markdown
    notes: Markdown

    @property
    def long(self) -> bool:
        """Whether it has more rows than fit on a screen."""
        return self.rows.count("\n") > LONG

    @property
    def empty(self) -> bool:
        """Whether it has no row below its head."""
        return self.rows.strip().count("\n") < 2


def report(material: Material) -> tuple[str, str]:
    """Return the report as HTML and as Markdown."""
    context = _context(material)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    environment.filters |= words.FILTERS | {"html": html}
    page = environment.get_template("report.html").render(context)
    return page.lstrip(), markdown("report.md", context)


def _context(material: Material) -> dict:
    verdicts = material.verdicts
    pictures = sorted(material.pictures, key=lambda one: _papers_first(one.path))
    claims = verdicts["claims"]
    of_claims = {claim["name"]: cited(claim, pictures, verdicts["conventions"]["attacks"]) for claim in claims}
    own = bool(verdicts["not_the_papers"])
    shown_at: dict[str, str] = {}
    for claim in () if own else claims:
        for picture in of_claims[claim["name"]] if claim["verdict"] != NOT_TESTED else ():
            shown_at.setdefault(picture.path, claim["name"])
    found = audit(material.conventions["conventions"], claims)
    tables = {name: _sheet(text) for name, text in material.tables.items()}
    order = (lambda name: _results_first(name, tables[name])) if own else _papers_first
    untested = [claim for claim in claims if claim["verdict"] == NOT_TESTED]
    context = {
        "own": own,
        "networks": _networks(material.config),
        "form": verdicts["images"],
        "untested": untested,
        "inapplicable": [claim for claim in claims if claim["verdict"] == NOT_APPLICABLE],
        "study": verdicts["study"],
        "dataset": verdicts["dataset"],
        "seeds": verdicts["seeds"],
        "warnings": _warnings(verdicts, material.config["claims"]["remarks"]),
        "summary": summary(claims),
        "groups": grouped([claim for claim in claims if claim["parts"] and claim not in untested]),
        "untested_groups": grouped(untested),
        "verdict_marks": CLAIMS.values(),
        "marks": {claim["name"]: mark(claim["verdict"]) for claim in claims},
        "part_marks": {claim["name"]: [part_mark(part) for part in claim["parts"]] for claim in claims},
        "tallies": {claim["name"]: tally(claim) for claim in claims},
        "findings": {claim["name"]: finding(claim) for claim in claims},
        "cells": {claim["name"]: cells(claim) for claim in claims},
        "panels": {claim["name"]: panels(claim["parts"]) for claim in claims},
        "titles": {claim["name"]: claim["title"] for claim in claims},
        "cited": of_claims,
        "shown_at": shown_at,
        "opened": {name: _opened(name, found, shown_at) for name, found in of_claims.items()},
        "tables": {name: tables[name] for name in sorted(tables, key=order)},
        "pictures": pictures,
        "audit": found,
        "conventions": verdicts["conventions"],
        "scale": SCALES.get(verdicts["conventions"]["spectra"]),
        "doubts": doubts(material.doubts, claims=claims, audit=found, tables=list(material.tables)),
        "config": material.config,
        "gaps": gaps(claims, verdicts["seeds"], material.conventions["missing"]),
        "configuration": yaml.safe_dump(dict(material.config), sort_keys=False, allow_unicode=True, width=100),
        "made_by": material.made_by,
        "commits": _commits(material.origins),
        "versions": _versions([material.made_by, *material.origins]),
    }
    texts = ("summary", "conventions", "methods", "statistics", "gaps", "provenance")
    return context | {f"{name}_text": markdown(f"{name}.md", context) for name in texts}


def _commits(origins: Sequence[Mapping]) -> dict[str, list[str]]:
    """Return the commits at which results were made, each with all files that differed from it for any of them."""
    found: dict[str, set[str]] = {}
    for one in origins:
        names = found.setdefault(one["commit"], set())
        names.update(() if one["uncommitted"] == "unknown" else one["uncommitted"])
    return {commit: sorted(names) for commit, names in sorted(found.items())}


def _versions(origins: Sequence[Mapping]) -> dict[str, list[str]]:
    """Return all versions of each package by which results were made."""
    names = dict.fromkeys(name for one in origins for name in one["versions"])
    return {name: sorted({one["versions"][name] for one in origins if name in one["versions"]}) for name in names}


def _opened(name: str, found: Sequence[Picture], shown_at: Mapping[str, str]) -> set[str]:
    """Return which pictures a claim shows unfolded: of each figure the one it is most about, unless shown before."""
    best = {picture.figure: picture.path for picture in reversed(found)}
    return {path for path in best.values() if shown_at.get(path) == name}


def _sheet(text: str) -> Sheet:
    """Return a table of table.Table.to_markdown in its parts."""
    title, _, rest = text.partition("\n\n")
    rows, found, notes = rest.partition("\n\n- ")
    return Sheet(title.strip("* "), Markdown(rows), Markdown(f"- {notes}" if found else ""))


def _papers_first(name: str) -> tuple[bool, str]:
    """Return what sorts the paper's tables and figures before the study's own."""
    return not name.startswith(("table", "fig")), name


def _results_first(name: str, sheet: Sheet) -> tuple:
    """Return what sorts tables of results before those of settings, and empty ones last."""
    place = RESULTS_FIRST.index(name) if name in RESULTS_FIRST else len(RESULTS_FIRST)
    return sheet.empty, place, name.startswith("table"), name


def _networks(config: Mapping) -> int:
    """Return how many networks are trained in each seed."""
    return len(
        {
            (network["name"], activation, depth, alpha)
            for network in config["networks"]
            for activation in network["activations"]
            for depth in network["depths"]
            for alpha in network["alphas"]
        }
    )


def _warnings(verdicts: Mapping, remarks: Sequence[str]) -> list[str]:
    found = [*verdicts["notes"], *remarks]
    if len(verdicts["seeds"]) == 1:
        found.append(
            "One seed only: the numbers say in which direction each claim points, and no verdict rests on them."
        )
    return found
