"""The demo study, killed at twenty moments."""

import yaml
from interruption import STAGES, final, killed_again_and_again, stages_of
from study import ROOT, Study


def test_the_demo_killed_at_twenty_moments_ends_as_one_left_alone(tmp_path):
    config = yaml.safe_load((ROOT / "workflow/presets/demo.yaml").read_text())
    config["compute"]["save_every"] = 0
    studies = [Study(tmp_path / name, config) for name in ("alone", "killed")]
    studies[0].run()
    moments = [stage for stage in STAGES for _ in range(5)]
    whom = ("all", "snakemake", "jobs")
    killed = killed_again_and_again(studies[1], final(studies[0]), moments, seed=0, whom=whom)
    print("killed while these ran:", *killed, sep="\n")
    assert len(killed) == 20 and stages_of(killed) == set(STAGES)
    assert final(studies[1]) == final(studies[0])
