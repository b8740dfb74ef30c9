"""Write down what determines the states of a run, whichever of them are kept."""

import json

from advspectra_study.job import job, provenance
from advspectra.hdf5 import replacing

with job(snakemake):
    params = snakemake.params
    images = json.loads(provenance(snakemake)["inputs_sha256"])
    facts = {**params.settings, "code": params.training_code, "inputs_sha256": images}
    with replacing(snakemake.output.settings) as temporary:
        temporary.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
