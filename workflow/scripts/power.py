"""Say for each open part of the claims how many seeds or images would decide it, and what they would cost."""

import json
from pathlib import Path

from advspectra_study.job import job
from advspectra.claims.power import Price, power
from advspectra.claims.records import ClaimRecord
from advspectra.files.atomic import write_whole
from advspectra_study.printable import escaped

with job(snakemake):
    folder, params = Path(snakemake.params.folder), snakemake.params
    path = folder / "claims.json"
    if not path.exists():
        raise ValueError(f"{path}: expected the verdicts of the study, found no file; run snakemake {path} first")
    answered = json.loads(path.read_text(encoding="utf-8"))
    claims = [ClaimRecord.from_data(claim) for claim in answered["claims"]]
    prices = [Price.of(price) for price in params.prices]
    table = power(claims, prices, answered["conventions"]["attacks"])
    for name, text in (("power.csv", table.to_csv()), ("power.md", table.to_markdown())):
        write_whole(folder / name, text)
    for line in table.to_markdown().splitlines():
        print(escaped(line))
    print(f"also in {folder / 'power.csv'} and {folder / 'power.md'}")
