"""Answer the claims under each convention that the paper leaves open, and set studies with other settings beside."""

import json

import yaml

from advspectra_study.job import job, made_by, write_provenance
from advspectra.claims.audit import answers, audit_csv, beside, variants
from advspectra.claims.evaluate import evaluate
from advspectra.claims.readers import Conventions
from advspectra.files.atomic import write_text
from advspectra.results.runs import read_runs
from advspectra_study.config.claims import read_claims

with job(snakemake):
    params = snakemake.params
    stated = read_claims(snakemake.input.claims, schema_path=snakemake.input.schema)
    with open(snakemake.input.reference, encoding="utf-8") as file:
        reference = yaml.safe_load(file)
    runs = read_runs(snakemake.input.runs)
    studies = []
    for path in [snakemake.input.own, *snakemake.input.beside]:
        with open(path, encoding="utf-8") as file:
            studies.append(json.load(file))
    why = studies[0]["not_the_papers"]
    conventions = [
        {"name": variant.name, "title": variant.title}
        | answers(evaluate(stated, reference, runs, variant.conventions, not_the_papers=why))
        for variant in variants(Conventions(**params.conventions), params.spectra, params.attacks)
    ]
    conventions += [beside(studies[0], other) for other in studies[1:]]
    missing = sorted(set(params.beside) - set(snakemake.input.beside))
    write_text(snakemake.output.csv, audit_csv(conventions))
    write_provenance(snakemake, {**made_by(snakemake), "conventions": conventions, "missing": missing})
