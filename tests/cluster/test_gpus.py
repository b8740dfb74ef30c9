"""Pretended GPUs: each job has its own, and waits where there is none left."""

import pytest
from slurm import Cluster
from study_on_slurm import WITNESS


@pytest.fixture
def one_node(installed, short_folder):
    """Processors enough for four jobs, and two GPUs."""
    with Cluster(short_folder / "cluster", accounting=False, nodes=1, cpus=4, memory=32000) as cluster:
        yield cluster


def test_jobs_at_one_time_have_gpus_of_their_own_and_wait_for_them(one_node, config, new_study):
    study = new_study(config | {"seeds": [0, 1, 2], "networks": config["networks"][:1]}, attack=WITNESS)
    # each run is a submission of its own; what follows the attacks is not wanted
    study.start("--group-components", "light=1", "--set-resources", "attack:gpu=1", "--until", "attack")
    study.finish()
    lines = [path.read_text().split() for path in (study.folder / "gpus").iterdir()]
    held = [(gpu, float(start), float(end)) for gpu, start, end in lines]
    assert len(held) == 3 and {gpu for gpu, _, _ in held} == {"0", "1"}
    # when each of them began
    at_once = [[gpu for gpu, start, end in held if start <= moment < end] for _, moment, _ in held]
    assert max(map(len, at_once)) == 2 and all(len(set(gpus)) == len(gpus) for gpus in at_once)
