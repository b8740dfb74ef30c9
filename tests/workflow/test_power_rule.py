"""`snakemake power` says what would decide the open parts of a study that is there, and starts nothing of it."""

import copy

import pytest
from study import CONFIG, Study

CLAIM = """
MINE-1:
  title: a claim that one seed leaves open
  section: mine
  sentence: the network is right
  parts:
    - {measure: test_accuracy, left: fully_connected-linear/depth=1, is: at_least, threshold: 0.5}
"""


@pytest.mark.slow
def test_power_plans_from_the_verdicts_and_is_no_result(tmp_path):
    config = copy.deepcopy(CONFIG) | {"networks": CONFIG["networks"][:1], "attacks": CONFIG["attacks"][:1]}
    config |= {"transfers": [], "lines": [], "claims": {"files": ["mine.yaml"]}}
    study = Study(tmp_path / "study", config)
    (study.folder / "mine.yaml").write_text(CLAIM)
    none = study.snakemake("power")
    claims = "results/tiny/claims.json"
    assert none.returncode and f"{claims}: expected the verdicts of the study, found no file" in none.stderr
    assert not (study.folder / "results/tiny/bands").exists()

    study.run(claims)
    told = study.run("power").stdout
    (study.folder / "study.yaml").write_text(
        (study.folder / "study.yaml").read_text().replace("epochs: 1", "epochs: 2")
    )
    again = study.run("power").stdout  # other settings start no job either
    for text in (told, again):
        assert "**Open parts of claims: 1 of 1**" in text and "| MINE-1 | 1 | " in text
    table = (study.folder / "results/tiny/power.md").read_text()
    assert table.strip() in again and "as measured for 4 of 4 jobs" in table
    assert (study.folder / "results/tiny/power.csv").read_text().startswith("claim,part,statement,value,")
    assert "power." not in study.snakemake("verify").stdout
