"""The executor `forked`: each job is a process of its own, and its results are those of Snakemake's own executor."""

import copy
import os
import re
import subprocess
from types import SimpleNamespace

import pytest
from interruption import final
from study import CONFIG, Study, shared

from advspectra_study.run.machine import lift_rate_limit

pytestmark = pytest.mark.slow

SPECTRA = "results/tiny/bands/{}/depth=1/alpha=1/seed=0/pgd/best/spectra.h5"
LINEAR, RELU = (SPECTRA.format(name) for name in ("fully_connected-linear", "bounded_width_3-relu"))
# an attack of 13 steps dies as a fault in compiled code lets it die
DEADLY = """

import os as _os
_build = build


def build(**options):
    if options["parameters"]["steps"] == 13:
        _os.abort()
    return _build(**options)
"""


@pytest.fixture(scope="module")
def forked(tmp_path_factory):
    return shared(tmp_path_factory, "forked", lambda folder: Study(folder, CONFIG, LINEAR, RELU).run(), LINEAR, RELU)


def test_forked_jobs_give_the_same_bytes_as_jobs_of_their_own(forked, tmp_path):
    alone = Study(tmp_path, CONFIG, LINEAR, RELU)
    alone.run("--executor", "local")
    assert len(final(alone)) > 10
    assert final(forked) == final(alone)


def test_a_job_that_crashes_takes_no_other_with_it(tmp_path):
    config = copy.deepcopy(CONFIG)
    config["attacks"].append(copy.deepcopy(config["attacks"][0]) | {"name": "deadly"})
    config["attacks"][-1]["options"]["parameters"]["steps"] = 13
    study = Study(tmp_path, config, LINEAR, RELU, LINEAR.replace("/pgd/", "/deadly/"))
    with open(study.folder / "workflow/lib/advspectra/attacks/linf_pgd.py", "a") as file:
        file.write(DEADLY)
    done = study.snakemake("--keep-going")
    assert done.returncode == 1
    assert "rule attack: its process was ended by SIGABRT" in done.stdout + done.stderr
    assert (study.folder / LINEAR).exists() and (study.folder / RELU).exists()


def test_a_job_that_ends_before_snakemake_watches_it_succeeds(tmp_path):
    study = Study(tmp_path, CONFIG, "results/tiny/bands/fully_connected-linear/depth=1/alpha=1/seed=0/training.json")
    library = study.folder / "workflow/lib"
    plugin = library / "snakemake_executor_plugin_forked/__init__.py"
    text, watched = plugin.read_text(), "with benchmarked("
    assert watched in text
    plugin.write_text(text.replace(watched, "with __import__('time').sleep(3) or benchmarked("))
    done = subprocess.run(
        study.command(), cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(library)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_snakemake_looks_for_jobs_to_start_only_when_one_has_ended(tmp_path):
    """With a limit on how many start a second it looks every second, once more a second for each that has ended."""
    study = Study(tmp_path, CONFIG, *(f"results/tiny/tables/table{number}.csv" for number in (1, 2, 4, 5, 6)))
    output = study.snakemake("--verbose", cores=1).stderr
    jobs = int(re.search(r"^total +(\d+)$", output, re.MULTILINE)[1])
    assert 0 < output.count("Ready jobs: ") <= jobs + 1


@pytest.mark.parametrize(("jobs", "seconds", "stays"), [(100, 1, False), (99, 1, True), (100, 2, True)])
def test_a_limit_of_the_user_stays(jobs, seconds, stays):
    limit = SimpleNamespace(max_jobs=jobs, timespan=seconds)
    workflow = SimpleNamespace(scheduler=SimpleNamespace(job_rate_limiter=limit))
    lift_rate_limit(workflow)
    assert (workflow.scheduler.job_rate_limiter is limit) == stays


def test_jobs_of_several_threads_start_as_snakemake_starts_them(tmp_path):
    """Libraries read the number of threads when they are imported: one, in the process that jobs are forked from."""
    config = copy.deepcopy(CONFIG)
    config["compute"]["threads"] = 2
    study = Study(tmp_path, config, LINEAR)
    with open(study.folder / "workflow/lib/advspectra/attacks/linf_pgd.py", "a") as file:
        file.write('\n\nimport os\n\nassert os.environ["OMP_NUM_THREADS"] == "2"\n')
    study.run()
