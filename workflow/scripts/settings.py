"""Write down what determines the states of a run, whichever of them are kept."""

import json
from pathlib import Path

from advspectra_study.job import job, provenance

with job(snakemake):
    params = snakemake.params
    images = json.loads(provenance(snakemake)["inputs_sha256"])
    facts = {**params.settings, "code": params.training_code, "inputs_sha256": images}
    Path(snakemake.output.settings).write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
