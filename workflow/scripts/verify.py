"""Read all results of a study and say which are damaged, out of date, missing or foreign."""

import sys

from advspectra_study.job import job
from advspectra_study.printable import escaped
from advspectra_study.verify.verification import verify

with job(snakemake) as log:
    found = verify(snakemake.params.folder, snakemake.params.expected)
    for line in found.lines(snakemake.params.folder, snakemake.params.repair, waiting=3):
        print(escaped(line))
    for line in found.lines(snakemake.params.folder, snakemake.params.repair):
        log(line)
if not found.whole:
    sys.exit(1)
