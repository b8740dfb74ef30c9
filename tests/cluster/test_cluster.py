"""Studies on a real SLURM: they complete, whatever becomes of jobs, nodes and snakemake, as without a cluster."""

import signal

import pytest
from study_on_slurm import assert_same, minutes, wait_for
from trap import TRAP

# each run is a submission of its own, so that one can fail while another goes on
APART = ("--group-components", "light=1")


def test_the_demo_study_is_that_of_a_run_without_a_cluster(cluster, expected_of_demo, new_study):
    study = new_study({})
    before = cluster.submitted()
    study.start(configuration="workflow/presets/demo.yaml")
    study.finish(seconds=2400)
    assert_same(study.results(), expected_of_demo)
    # 23 light runs, ten to a submission
    assert cluster.submitted() - before == 3


def test_a_job_at_its_time_limit_runs_again_with_twice_the_time(cluster, study, expected):
    study.set_trap("sleep")
    study.start(*APART)
    job = study.trapped()
    first = cluster.job(job)["TimeLimit"]
    cluster.command("scontrol", "update", f"JobId={job}", "TimeLimit=1")
    wait_for(lambda: cluster.job(job)["JobState"] == "TIMEOUT", seconds=240)
    study.finish()
    assert_same(study.results(), expected)
    assert minutes(cluster.job(cluster.submitted())["TimeLimit"]) == 2 * minutes(first)


def test_a_cancelled_job_runs_again(cluster, study, expected):
    study.set_trap("sleep")
    study.start(*APART)
    job = study.trapped()
    cluster.command("scancel", job)
    study.finish()
    assert cluster.job(job)["JobState"] == "CANCELLED"
    assert_same(study.results(), expected)


def test_a_job_killed_for_its_memory_runs_again_with_twice_the_memory(cluster, study, expected):
    study.set_trap("allocate")
    study.start(*APART)
    job = study.trapped()
    first = cluster.job(job)["MinMemoryNode"]
    study.finish()
    (log,) = study.folder.glob(f"slurm_logs/**/{job}.log")
    assert "exceeded memory limit" in log.read_text()
    assert_same(study.results(), expected)
    assert int(cluster.job(cluster.submitted())["MinMemoryNode"][:-1]) == 2 * int(first[:-1])


def test_jobs_of_a_node_that_dies_run_again_elsewhere(cluster, study, expected):
    study.set_trap("sleep")
    study.start(*APART)
    node = cluster.job(study.trapped())["NodeList"]
    cluster.kill_node(node)
    study.finish()
    cluster.start_node(node)
    cluster.wait_for_nodes()
    assert_same(study.results(), expected)


@pytest.mark.parametrize("cancelled", [True, False], ids=["jobs-cancelled", "jobs-left"])
def test_a_study_whose_snakemake_was_killed_is_unlocked_and_goes_on(cluster, study, expected, cancelled):
    study.set_trap("sleep", 600 if cancelled else 30)
    study.start(*APART)
    orphan = study.trapped()
    study.kill()
    if cancelled:
        cluster.cancel_all()
    study.run("--unlock")
    study.start(*APART)
    study.finish()
    assert_same(study.results(), expected)
    # the orphan may have written beside its successor
    wait_for(lambda: orphan not in cluster.running(), seconds=120)
    assert_same(study.results(), expected)


def test_jobs_on_a_gpu_go_to_the_gpu_partition_and_an_interrupt_cancels_them(cluster, config, new_study):
    study = new_study(config | {"compute": config["compute"] | {"device": "cuda"}}, attack=TRAP)
    cluster.command("scontrol", "update", "PartitionName=gpu", "State=DOWN")  # there is no GPU to compute on
    try:
        variables = {"ADVSPECTRA_GPU_PARTITION": "gpu", "ADVSPECTRA_PARTITION": "cpu"}
        # without accounting there are no accounts
        study.start(**variables | ({"ADVSPECTRA_ACCOUNT": "project"} if cluster.accounting else {}))
        wait_for(lambda: "has been submitted" in study.output(), seconds=120)
        number = cluster.submitted()
        job = cluster.job(number)
        study.process.send_signal(signal.SIGINT)
        study.process.wait(60)
    finally:
        cluster.command("scontrol", "update", "PartitionName=gpu", "State=UP")
    assert (job["Partition"], job["TresPerJob"]) == ("gpu", "gres:gpu:1")
    assert job["Account"] == ("project" if cluster.accounting else "(null)")
    wait_for(lambda: cluster.job(number)["JobState"] == "CANCELLED", seconds=30)
