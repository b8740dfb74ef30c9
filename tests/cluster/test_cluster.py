"""Studies on a real SLURM: they complete, whatever becomes of jobs, nodes and snakemake, as without a cluster."""

import signal

import pytest
from slurm import Cluster
from study_on_slurm import WITNESS, StudyOnSlurm, assert_same, minutes, wait_for

# each run is a submission of its own, so that one can fail while another goes on
APART = ("--group-components", "light=1")


def test_the_demo_study_is_that_of_a_run_without_a_cluster(cluster, expected_of_demo, tmp_path):
    study = StudyOnSlurm(tmp_path / "demo", {})
    before = cluster.submitted()
    study.finish(study.start(configuration="workflow/presets/demo.yaml"), seconds=1800)
    assert_same(study.results(), expected_of_demo)
    # 23 light runs, ten to a submission
    assert cluster.submitted() - before == 3


def test_a_job_at_its_time_limit_runs_again_with_twice_the_time(cluster, study, expected):
    study.set_trap("sleep")
    process = study.start(*APART)
    job = study.trapped()
    first = cluster.job(job)["TimeLimit"]
    cluster.command("scontrol", "update", f"JobId={job}", "TimeLimit=1")
    wait_for(lambda: cluster.job(job)["JobState"] == "TIMEOUT", seconds=240)
    study.finish(process)
    assert_same(study.results(), expected)
    assert minutes(cluster.job(cluster.submitted())["TimeLimit"]) == 2 * minutes(first)


def test_a_cancelled_job_runs_again(cluster, study, expected):
    study.set_trap("sleep")
    process = study.start(*APART)
    job = study.trapped()
    cluster.command("scancel", job)
    study.finish(process)
    assert cluster.job(job)["JobState"] == "CANCELLED"
    assert_same(study.results(), expected)


def test_a_job_killed_for_its_memory_runs_again_with_twice_the_memory(cluster, study, expected):
    study.set_trap("allocate")
    process = study.start(*APART)
    job = study.trapped()
    first = cluster.job(job)["MinMemoryNode"]
    study.finish(process)
    assert cluster.job(job)["JobState"] == "OUT_OF_MEMORY"
    assert_same(study.results(), expected)
    assert int(cluster.job(cluster.submitted())["MinMemoryNode"][:-1]) == 2 * int(first[:-1])


def test_jobs_of_a_node_that_dies_run_again_elsewhere(cluster, study, expected):
    study.set_trap("sleep")
    process = study.start(*APART)
    node = cluster.job(study.trapped())["NodeList"]
    cluster.kill_node(node)
    study.finish(process)
    cluster.start_node(node)
    cluster.wait_for_nodes()
    assert_same(study.results(), expected)


@pytest.mark.parametrize("cancelled", [True, False], ids=["jobs-cancelled", "jobs-left"])
def test_a_study_whose_snakemake_was_killed_is_unlocked_and_goes_on(cluster, study, expected, cancelled):
    study.set_trap("sleep", 600 if cancelled else 30)
    process = study.start(*APART)
    orphan = study.trapped()
    process.kill()
    process.wait()
    if cancelled:
        cluster.cancel_all()
    study.run("--unlock")
    study.finish(study.start(*APART))
    assert_same(study.results(), expected)
    # the orphan may have written beside its successor
    wait_for(lambda: orphan not in cluster.running(), seconds=120)
    assert_same(study.results(), expected)


def test_an_interrupt_cancels_the_jobs_on_a_gpu_of_the_gpu_partition(cluster, config, tmp_path):
    study = StudyOnSlurm(tmp_path / "study", config | {"compute": config["compute"] | {"device": "cuda"}})
    cluster.command("scontrol", "update", "PartitionName=gpu", "State=DOWN")  # there is no GPU to compute on
    try:
        process = study.start(ADVSPECTRA_GPU_PARTITION="gpu", ADVSPECTRA_PARTITION="cpu")
        wait_for(lambda: "has been submitted" in study.output(), seconds=120)
        listed = cluster.command("squeue", "--noheader", "--format=%P %b").split("\n")[:-1]
        process.send_signal(signal.SIGINT)
        process.wait(60)
    finally:
        cluster.command("scontrol", "update", "PartitionName=gpu", "State=UP")
    assert listed == ["gpu gres:gpu:1"]
    wait_for(lambda: cluster.command("squeue", "--noheader") == "", seconds=30)


def test_jobs_at_one_time_have_gpus_of_their_own_and_wait_for_them(installed, config, tmp_path):
    changed = config | {"seeds": [0, 1, 2], "networks": config["networks"][:1]}
    study = StudyOnSlurm(tmp_path / "study", changed, attack=WITNESS)
    # processors enough for all three jobs, and two GPUs
    with Cluster(tmp_path / "cluster", accounting=False, nodes=1, cpus=4, memory=32000):
        study.finish(study.start(*APART, "--set-resources", "attack:gpu=1"))
    held = [path.read_text().split() for path in (study.folder / "gpus").iterdir()]
    assert len(held) == 3 and {gpus for gpus, *_ in held} == {"0", "1"}
    at_once = [
        {gpus for gpus, start, end in held if float(start) <= float(moment) < float(end)} for _, moment, _ in held
    ]
    jobs = [sum(float(start) <= float(moment) < float(end) for _, start, end in held) for _, moment, _ in held]
    assert max(jobs) == 2 and [len(gpus) for gpus in at_once] == jobs
