"""Answer the claims under each convention that the paper leaves open, and set studies with other settings beside."""

import json

import yaml

from advspectra_study.job import job, made_by, write_provenance
from advspectra.claims.audit import answers, audit_csv, beside, variants
from advspectra.claims.evaluate import evaluate
from advspectra.claims.null import with_noise
from advspectra.claims.sides import Conventions
from advspectra.files.atomic import write_whole
from advspectra.results.runs import read_runs
from advspectra_study.config.claims import read_claims

with job(snakemake):
    params = snakemake.params
    stated = read_claims(snakemake.input.claims, schema_path=snakemake.input.schema)
    with open(snakemake.input.reference, encoding="utf-8") as file:
        reference = yaml.safe_load(file)
    runs = read_runs(snakemake.input.runs)
    last = snakemake.input.get("last", [])
    runs_to_last = read_runs({*snakemake.input.runs, *last})
    studies = []
    for path in [snakemake.input.own, *snakemake.input.beside]:
        with open(path, encoding="utf-8") as file:
            studies.append(json.load(file))
    why, noise = (studies[0][key] for key in ("not_the_papers", "noise"))
    own = Conventions(**params.conventions)
    attack_of_last = params.get("last", own.attacks["final"]) if last else None
    conventions = []
    for variant in variants(own, params.spectra, params.attacks, last=attack_of_last):
        of = variant.conventions
        claims = evaluate(stated, reference, runs_to_last if of.last else runs, of, not_the_papers=why)
        claims, _ = with_noise(claims, of, noise and noise["of"], params.epsilons.get(of.attacks["final"]))
        conventions.append({"name": variant.name, "title": variant.title, **answers(claims)})
    conventions += [beside(studies[0], other) for other in studies[1:]]
    missing = sorted(set(params.beside) - set(snakemake.input.beside))
    write_whole(snakemake.output.csv, audit_csv(conventions))
    write_provenance(snakemake, {**made_by(snakemake), "conventions": conventions, "missing": missing})
