"""Write down what determines the states of a run, whichever of them are kept."""

import json

from advspectra_study.job import job, provenance
from advspectra.files.atomic import write_whole
from advspectra_study.job.sealed import sealed

with job(snakemake):
    params = snakemake.params
    images = json.loads(provenance(snakemake)["inputs_sha256"])
    facts = {**params.settings, "code": params.training_code, "inputs_sha256": images}
    write_whole(snakemake.output.settings, sealed(facts))
