"""A job that outlives its snakemake does not put its result in place of a newer one."""

import copy
import time
from functools import partial

import psutil
import pytest
from interruption import scripts, start, wait_for
from study import CONFIG, copied, made_with, shared

pytestmark = pytest.mark.slow

RESULT = "results/tiny/bands/fully_connected-linear/depth=1/alpha=1/seed=0/pgd/best/perturbations.h5"
# attacks of 13 and 14 steps wait for a file
WAITING = """

import pathlib as _pathlib
import time as _time
_build = build


def build(**options):
    steps = options["parameters"]["steps"]
    while steps in (13, 14) and not _pathlib.Path(f"go{steps}").exists():
        _time.sleep(0.05)
    return _build(**options)
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    make = partial(made_with, config=with_steps(3), added=WAITING, targets=(RESULT,))
    return shared(tmp_path_factory, "orphans", make, RESULT)


@pytest.fixture
def study(made, tmp_path):
    study = copied(made, tmp_path)
    yield study
    for steps in (13, 14):  # where a test has failed its attacks wait still
        (tmp_path / f"go{steps}").touch()


def with_steps(number):
    config = copy.deepcopy(CONFIG)
    config["attacks"][0]["options"]["parameters"]["steps"] = number
    return config


def begin(study, steps):
    """Start snakemake with an attack that waits; return it and the process that attacks."""
    study.configure(with_steps(steps))
    process = start(study)
    assert wait_for(process, ["attack"])
    (attack,) = [job for job, name in scripts(process).items() if name == "attack"]
    # it has begun when it has its log
    log = next((study.folder / "results/tiny/logs/pgd").glob("**/best.log"), None)
    while log is None or not any(file.path == str(log.resolve()) for file in attack.open_files()):
        time.sleep(0.05)
        log = next((study.folder / "results/tiny/logs/pgd").glob("**/best.log"), None)
    time.sleep(3)
    return process, attack


def orphaned(study, steps):
    """Return an attack whose snakemake has been killed."""
    process, attack = begin(study, steps)
    process.kill()
    process.wait(10)
    assert attack.is_running()
    return attack


def let_go(study, steps, attack):
    (study.folder / f"go{steps}").touch()
    psutil.wait_procs([attack], timeout=60)
    assert not attack.is_running()
    return (study.folder / "output.txt").read_text()


def test_an_orphan_leaves_the_result_that_was_made_since_it_began(study):
    before = (study.folder / RESULT).read_bytes()
    orphan = orphaned(study, 13)
    study.configure(with_steps(3))
    study.run("--unlock")
    study.run()
    assert (study.folder / RESULT).read_bytes() == before
    said = let_go(study, 13, orphan)
    assert f"rule attack: ValueError: {RESULT}: another process has begun to make it, or has made it" in said
    assert (study.folder / RESULT).read_bytes() == before
    assert study.planned() == []


def test_an_orphan_leaves_the_result_to_the_job_that_makes_it_now(study):
    orphan = orphaned(study, 13)
    study.run("--unlock")
    process, attack = begin(study, 14)
    said = let_go(study, 13, orphan)
    assert f"rule attack: ValueError: {RESULT}: another process has begun to make it" in said
    assert not (study.folder / RESULT).exists()
    let_go(study, 14, attack)
    assert process.wait(60) == 0
    made = (study.folder / RESULT).read_bytes()
    study.run("--forcerun", "attack")
    assert (study.folder / RESULT).read_bytes() == made
    assert [path.name for path in (study.folder / "results").rglob(".*")] == []
