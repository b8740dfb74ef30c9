"""Answer the claims from the results of the study."""

import yaml

from advspectra_study.job import job, made_by, write_provenance
from advspectra.claims.comparison import classes_of_images, not_the_papers, shape_in_words, shape_of_images
from advspectra.claims.evaluate import copies, evaluate
from advspectra.claims.evidence import record
from advspectra.claims.null import with_noise
from advspectra.claims.records import claims_csv
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
    shape = shape_of_images(snakemake.input.images)
    why = not_the_papers(reference, params.config["dataset"], shape)
    conventions = Conventions(**params.conventions)
    found = evaluate(stated, reference, runs, conventions, not_the_papers=why)
    images = {"image_shape": shape, "classes": classes_of_images(snakemake.input.images)}
    found, noise = with_noise(found, conventions, None if why else images, params.epsilon)
    claims = [record(claim) for claim in found]
    write_whole(snakemake.output.csv, claims_csv(claims))
    answered = {
        "study": params.study,
        "dataset": params.config["dataset"]["name"],
        "images": shape_in_words(shape),
        "not_the_papers": why,
        "seeds": sorted({run.seed for run in runs}),
        "notes": copies(runs),
        "conventions": params.conventions,
        "noise": noise,
        "claims": [claim.as_data() for claim in claims],
    }
    write_provenance(snakemake, {**made_by(snakemake), **answered})
