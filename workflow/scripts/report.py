"""Write the report of the study, as one HTML page and as Markdown, and what made it."""

import json
from pathlib import Path

import yaml

from advspectra_study.job import job, made_by, origins, write_provenance
from advspectra.files.atomic import write_whole
from advspectra.page.pictures import picture
from advspectra.page.report import Material, report


def text(path):
    return Path(path).read_text(encoding="utf-8")


with job(snakemake):
    given, facts = snakemake.input, made_by(snakemake)
    figures = zip(snakemake.params.figures, given.figures, given.captions, strict=True)
    material = Material(
        verdicts=json.loads(text(given.claims)),
        conventions=json.loads(text(given.audit)),
        tables={name: text(path) for name, path in zip(snakemake.params.tables, given.tables, strict=True)},
        pictures=[picture(name, Path(png), text(caption)) for name, png, caption in figures],
        doubts=yaml.safe_load(text(given.doubts)),
        config=snakemake.params.config,
        made_by=facts,
        origins=origins(given.made_by),
    )
    html, markdown = report(material)
    for path, content in ((snakemake.output.html, html), (snakemake.output.markdown, markdown)):
        write_whole(path, content)
    write_provenance(snakemake, facts)
