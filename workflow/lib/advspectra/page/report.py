"""The report of a study as one HTML page and as Markdown, made from the verdicts, the audit, tables and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from advspectra.claims.claim import NOT_APPLICABLE, NOT_TESTED
from advspectra.claims.records import ClaimRecord
from advspectra.drawing.captions import SCALES
from advspectra.page import words
from advspectra.page.answer import answer
from advspectra.page.audit import compared
from advspectra.page.doubts import doubts
from advspectra.page.gaps import gaps
from advspectra.page.names import Names, spoken
from advspectra.page.pictures import Picture
from advspectra.page.prose import TEMPLATES, Markdown, html, html_inline, markdown, with_code
from advspectra.page.verdicts import summary
from advspectra.page.views import shelves, views
from advspectra.table import FURTHER

# a table of more rows or columns is folded
LONG, WIDE = 25, 12
# the first tables of a study on other images than the paper's: its own results come before the settings
RESULTS_FIRST = ("table4", "table1", "table2")


@dataclass(frozen=True)
class Material:
    """The sources of a report.

    verdicts, conventions : contents of claims.json and audit.json. tables : name -> Markdown. doubts : doubts.yaml.
    config : the settings of the study that results depend on. made_by : what makes the report, of
    advspectra_study.job.made_by; origins : what made the verdicts, tables, figures and all that they were made from, of
    advspectra_study.job.origins.
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
    def panels(self) -> list[tuple[str, Markdown]]:
        """Its tables, each with its title; "" for that of a table without panels."""
        blocks = self.rows.split("\n\n")
        if len(blocks) == 1:
            return [("", self.rows)]
        return [(title.strip("*"), Markdown(rows)) for title, rows in zip(blocks[::2], blocks[1::2], strict=True)]

    @property
    def long(self) -> bool:
        """Whether one of its tables has more rows or columns than fit on a screen."""
        return any(rows.count("\n") > LONG or rows.partition("\n")[0].count(" | ") >= WIDE for _, rows in self.panels)

    @property
    def empty(self) -> bool:
        """Whether it has no row below its head."""
        return self.rows.strip().count("\n") < 2


def report(material: Material) -> tuple[str, str]:
    """The report as HTML and as Markdown."""
    context = _context(material)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    environment.filters |= words.FILTERS | {
        "html": html,
        "html_inline": html_inline,
        "with_code": with_code,
        "named": context["names"],
        "spoken": spoken,
    }
    page = environment.get_template("report.html").render(context)
    return page.lstrip(), markdown("report.md", context)


def _context(material: Material) -> dict:
    """The values of the templates, the texts made of the same values among them."""
    claims = [ClaimRecord.from_data(claim) for claim in material.verdicts["claims"]]
    pictures = sorted(material.pictures, key=lambda picture: _papers_first(picture.path))
    own = bool(material.verdicts["not_the_papers"])
    tables = {name: _sheet(text) for name, text in material.tables.items()}
    order = (lambda name: _results_first(name, tables[name])) if own else _papers_first
    context = {
        "own": own,
        "tables": {name: tables[name] for name in sorted(tables, key=order)},
        "pictures": pictures,
        "further": FURTHER,
        "names": _names(material),
        **_of_study(material),
        **_of_claims(claims, material, pictures),
    }
    texts = ("study", "summary", "conventions", "methods", "statistics", "gaps", "provenance")
    return context | {f"{name}_text": markdown(f"{name}.md", context) for name in texts}


def _names(material: Material) -> Names:
    """What replaces the names of the study's configuration in texts."""
    conventions = [one["name"] for one in material.conventions["conventions"]]
    return Names(material.config, [*conventions, material.verdicts["dataset"]])


def _of_study(material: Material) -> dict:
    """The values that say what the study is and what made it."""
    verdicts, config = material.verdicts, material.config
    return {
        "study": verdicts["study"],
        "dataset": verdicts["dataset"],
        "form": verdicts["images"],
        "seeds": verdicts["seeds"],
        "networks": _networks(config),
        "warnings": _warnings(verdicts),
        "remarks": config["claims"]["remarks"],
        "conventions": verdicts["conventions"],
        "scale": SCALES.get(verdicts["conventions"]["spectra"]),
        "config": config,
        "configuration": yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100),
        "made_by": material.made_by,
        "commits": _commits(material.origins),
        "versions": _versions([material.made_by, *material.origins]),
    }


def _of_claims(claims: Sequence[ClaimRecord], material: Material, pictures: Sequence[Picture]) -> dict:
    """The values that say what was found of the claims."""
    attacks = material.verdicts["conventions"]["attacks"]
    shown = views(claims, pictures, attacks)
    untested = [view for view in shown if view.claim.verdict == NOT_TESTED]
    conventions = compared(material.conventions["conventions"], claims)
    return {
        "answer": answer(claims, own=bool(material.verdicts["not_the_papers"])),
        "shelves": shelves([view for view in shown if view.claim.parts and view not in untested]),
        "untested": untested,
        "inapplicable": [view for view in shown if view.claim.verdict == NOT_APPLICABLE],
        "titles": {claim.name: claim.title for claim in claims},
        "summary": summary(claims),
        "noise": any(view.noise for view in shown),
        "audit": conventions,
        "doubts": doubts(material.doubts, claims=claims, audit=conventions, tables=list(material.tables)),
        "gaps": gaps(claims, material.verdicts["seeds"], material.conventions["missing"]),
    }


def _commits(origins: Sequence[Mapping]) -> dict[str, list[str]]:
    """The commits at which results were made, each with all files that differed from it for any of them."""
    changes: dict[str, set[str]] = {}
    for origin in origins:
        names = changes.setdefault(origin["commit"], set())
        names.update(() if origin["uncommitted"] == "unknown" else origin["uncommitted"])
    return {commit: sorted(names) for commit, names in sorted(changes.items())}


def _versions(origins: Sequence[Mapping]) -> dict[str, list[str]]:
    """All versions of each package by which results were made."""
    versions = [origin["versions"] for origin in origins]
    names = dict.fromkeys(name for of_origin in versions for name in of_origin)
    return {name: sorted({of_origin[name] for of_origin in versions if name in of_origin}) for name in names}


def _sheet(text: str) -> Sheet:
    """A table of table.Table.to_markdown in its parts."""
    title, _, rest = text.partition("\n\n")
    rows, first, notes = rest.partition("\n\n- ")
    return Sheet(title.strip("* "), Markdown(rows), Markdown(f"- {notes}" if first else ""))


def _papers_first(name: str) -> tuple[bool, str]:
    """The key that sorts the paper's tables and figures before the study's own."""
    return not name.startswith(("table", "fig")), name


def _results_first(name: str, sheet: Sheet) -> tuple:
    """The key that sorts tables of results before those of settings, and empty ones last."""
    place = RESULTS_FIRST.index(name) if name in RESULTS_FIRST else len(RESULTS_FIRST)
    return sheet.empty, place, name.startswith("table"), name


def _networks(config: Mapping) -> int:
    """How many networks are trained in each seed."""
    return len(
        {
            (network["name"], activation, depth, alpha)
            for network in config["networks"]
            for activation in network["activations"]
            for depth in network["depths"]
            for alpha in network["alphas"]
        }
    )


def _warnings(verdicts: Mapping) -> list[str]:
    warnings = list(verdicts["notes"])
    if verdicts["not_the_papers"]:
        about = f"{verdicts['not_the_papers']} What is found here holds for these images."
        if band := verdicts["conventions"].get("band"):
            about += (
                f" Their classes differ in one band of frequencies, {band['low']:g} to {band['high']:g} cycles/image, "
                "so that it is known where perturbations should have their energy; of natural images this says nothing."
            )
        warnings.append(about)
    if len(verdicts["seeds"]) == 1:
        warnings.append(
            "One seed only: the numbers say in which direction each claim points, and no verdict rests on them."
        )
    return warnings
