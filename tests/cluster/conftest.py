"""Fixtures of the cluster tests: clusters with and without accounting, and the results of runs without a cluster."""

import copy
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import slurm
from study import CONFIG, ROOT
from study_on_slurm import StudyOnSlurm
from trap import TRAP


@pytest.fixture(scope="session")
def installed():
    if reason := slurm.unavailable():
        pytest.skip(reason)
    slurm.install()


@pytest.fixture(scope="module")
def short_folder():
    """A folder with a short path: SLURM makes sockets in it, whose paths may have 108 letters at most."""
    with TemporaryDirectory(prefix="slurm") as folder:
        yield Path(folder)


@pytest.fixture(scope="module", params=[False, True], ids=["no-accounting", "accounting"])
def cluster(request, installed, short_folder):
    with slurm.Cluster(short_folder / f"cluster{int(request.param)}", accounting=request.param) as started:
        yield started


@pytest.fixture(scope="session")
def config():
    """The tiny study, made smaller still: one attack, of the family `trial`, on one state of two networks."""
    changed = copy.deepcopy(CONFIG) | {"transfers": [], "lines": [], "claims": {}}
    changed["training"]["checkpoints"] = {"steps": [], "epochs": []}
    changed["attacks"] = [changed["attacks"][0] | {"family": "trial"}]
    changed["compute"]["save_every"] = 0
    return changed


@pytest.fixture(scope="session")
def expected(installed, config, tmp_path_factory):
    """The results of the tiny study without a cluster."""
    study = StudyOnSlurm(tmp_path_factory.mktemp("local") / "study", config, attack=TRAP)
    study.run()
    return study.results()


@pytest.fixture(scope="session")
def expected_of_demo(installed, tmp_path_factory):
    """Those of the demo study."""
    study = StudyOnSlurm(tmp_path_factory.mktemp("local") / "demo", {})
    (study.folder / "study.yaml").write_text((ROOT / "workflow/presets/demo.yaml").read_text())
    study.run()
    return study.results()


@pytest.fixture
def new_study(tmp_path):
    """A function that makes a study in a new folder; its snakemake ends with the test."""
    made = []

    def new(config, **options):
        made.append(StudyOnSlurm(tmp_path / f"study{len(made)}", config, **options))
        return made[-1]

    yield new
    for study in made:
        if study.process is not None:
            study.kill()


@pytest.fixture
def study(config, new_study):
    return new_study(config, attack=TRAP)
