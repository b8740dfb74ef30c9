"""Whatever stops a study, the next snakemake carries on: nothing is lost or wrong, and the bytes are the same."""

import copy
import os
import resource
import signal
import subprocess
import time

import psutil
import pytest
from interruption import (
    carry_on,
    final,
    kill,
    killed_again_and_again,
    stages_of,
    start,
    unfinished,
    wait_for,
    wait_for_progress,
    wait_until,
)
from study import CONFIG, Study, shared
from trap import TRAP, add_attack

pytestmark = pytest.mark.slow


def busy(**changes):
    """The study with a training and attacks that take seconds, and everything unfinished kept at once."""
    config = copy.deepcopy(CONFIG)
    config["compute"]["save_every"] = 0
    config["training"]["epochs"] = 800
    config["training"]["schedule"]["every"] = 200
    config["attacks"][0]["options"]["parameters"]["steps"] = 3000
    return config | changes


# a file of each kind; the whole study has many more tables and figures
TARGETS = (
    "results/tiny/tables/table2.csv",
    "results/tiny/figures/fig10.pdf",
    "results/tiny/bands/fully_connected-linear/depth=1/alpha=1/seed=0/pgd/best/spectra.h5",
    *(
        f"results/tiny/bands/bounded_width_3-relu/depth=1/alpha=1/seed=0/{file}"
        for file in ("minimal/best/spectra.h5", "minimal/best/lines.h5", "moved/step=0/spectra.h5")
    ),
)


def busy_study(folder, **changes):
    return Study(folder, busy(**changes), *TARGETS)


def brief_study(folder):
    return Study(folder, CONFIG, *TARGETS)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return shared(tmp_path_factory, "undisturbed", lambda folder: busy_study(folder).run(), *TARGETS)


@pytest.fixture(scope="module")
def undisturbed_brief(tmp_path_factory):
    return shared(tmp_path_factory, "undisturbed-brief", lambda folder: brief_study(folder).run(), *TARGETS)


# tests/long kills all, snakemake and jobs several times in each stage
def test_a_study_killed_again_and_again_ends_as_one_left_alone(undisturbed, tmp_path):
    study = busy_study(tmp_path)
    moments, whom, logs = (
        ["train", "train", "attack", "attack", "spectra", "aggregate"],
        ("all", "jobs", "snakemake"),
        [],
    )
    killed = killed_again_and_again(study, final(undisturbed), moments, seed=0, whom=whom, logs=logs)
    assert len(killed) >= 5 and {"train", "attack"} <= stages_of(killed), killed
    assert final(study) == final(undisturbed)
    assert any("resumes after step" in text for text in logs), killed


def test_ctrl_c_stops_everything_at_once_and_nothing_need_be_unlocked(undisturbed, tmp_path):
    study = busy_study(tmp_path)
    process = start(study)
    assert wait_for(process, ["train"])
    time.sleep(3)
    children = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    assert process.wait(30) != 0
    assert psutil.wait_procs(children, timeout=5)[1] == []
    study.run()
    assert final(study) == final(undisturbed)


def test_a_terminated_study_finishes_the_jobs_that_run_and_leaves_none(undisturbed, tmp_path):
    study = busy_study(tmp_path)
    process = start(study)
    assert wait_for(process, ["train"])
    children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    assert process.wait(120) != 0
    # the process that jobs are forked from ends once snakemake has
    assert psutil.wait_procs(children, timeout=5)[1] == []
    assert any(path.endswith("checkpoints.h5") for path in final(study))
    assert not any(path.endswith("perturbations.h5") for path in final(study))
    study.run()
    assert final(study) == final(undisturbed)


@pytest.fixture
def small_disk(tmp_path):
    """Give a study's results a file system of their own; its options can be changed."""
    if os.geteuid():
        pytest.skip("only root can mount a file system of its own")
    place = tmp_path / "results"
    place.mkdir()

    def mount(*options):
        subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", place], check=True)

    mount("size=100m")

    def remount(*options):
        subprocess.run(["mount", "-o", ",".join(["remount", *options]), place], check=True)

    yield remount
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(folder, leaving):
    """Fill the file system of a folder but for some bytes."""
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    with open(folder / "ballast", "wb") as file:
        file.write(bytes(free - leaving))


# what still fits of 430 kB, in bytes: the images do not; not all that attacks make; not all figures
@pytest.mark.parametrize("leaving", [30_000, 200_000, 400_000])
def test_a_full_disk_is_one_clear_error_and_with_room_again_the_study_completes(
    undisturbed_brief, tmp_path, small_disk, leaving
):
    study = brief_study(tmp_path)
    fill(tmp_path / "results", leaving)
    done = study.snakemake()
    output = done.stdout + done.stderr
    assert done.returncode != 0 and "No space left on device" in output, output
    assert final_is_part_of(study, undisturbed_brief)
    (tmp_path / "results/ballast").unlink()
    study.run()
    assert final(study) == final(undisturbed_brief)


def final_is_part_of(study, undisturbed):
    expected = final(undisturbed)
    return all(content == expected[path] for path, content in final(study).items())


def test_a_limit_on_the_size_of_files_is_one_clear_error(tmp_path):
    study = brief_study(tmp_path)
    limit = 40_000  # bytes; the images take more

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    done = subprocess.run(study.command(), cwd=tmp_path, capture_output=True, text=True, preexec_fn=limited)
    assert done.returncode != 0 and "rule images: OSError" in done.stderr and "File too large" in done.stderr
    assert "images.h5" in done.stderr.split("rule images: OSError")[1].splitlines()[0]
    assert final(study) == {}
    study.run("--until", "images")


def test_a_read_only_results_folder_is_one_clear_error(undisturbed_brief, tmp_path, small_disk):
    study = brief_study(tmp_path)
    study.targets = ("results/tiny/bands/images.h5",)
    study.run()
    study.targets = TARGETS
    small_disk("ro")
    done = study.snakemake()
    output = done.stdout + done.stderr
    assert done.returncode != 0 and "Read-only file system" in output and "results/tiny" in output, output
    small_disk("rw")
    study.run()
    assert final(study) == final(undisturbed_brief)


def test_a_config_changed_half_way_makes_what_the_new_one_says(tmp_path):
    """Each kill comes when the job that the change is about has kept something, from which it must not go on."""
    first = busy()
    first["attacks"][0] = copy.deepcopy(CONFIG["attacks"][0]) | {"family": "trial"}
    second = copy.deepcopy(first)
    second["training"]["weight_decay"] = 0.1
    third = copy.deepcopy(second)
    third["attacks"][0]["options"]["epsilon"] = "16/255"

    study = Study(tmp_path / "changed", first, *TARGETS)
    add_attack(study, TRAP)
    process = start(study)
    assert wait_for(process, ["train"])
    wait_for_progress(study, process)
    kill(process)
    assert unfinished(study, "checkpoints")

    study.configure(second)
    study.run("--unlock")
    (study.folder / "trap").write_text("sleep 600")
    process = start(study)
    assert wait_until((study.folder / "sprung").exists, process)
    kill(process)
    assert unfinished(study, "perturbations")

    study.configure(third)
    carry_on(study)
    straight = Study(tmp_path / "straight", third, *TARGETS)
    add_attack(straight, TRAP)
    straight.run()
    assert final(study) == final(straight)
    assert study.planned() == []


def test_a_second_snakemake_on_a_study_is_refused_and_disturbs_nothing(undisturbed, tmp_path):
    study = busy_study(tmp_path)
    first = start(study)
    assert wait_for(first, ["train"])
    second = study.snakemake()
    assert second.returncode != 0 and "Directory cannot be locked" in second.stdout + second.stderr
    assert first.wait(300) == 0, (tmp_path / "output.txt").read_text()
    assert final(study) == final(undisturbed)


def test_two_snakemakes_that_ignore_the_lock_leave_whole_files(undisturbed_brief, tmp_path):
    study = brief_study(tmp_path)
    processes = [start(study, "--nolock"), start(study, "--nolock")]
    for process in processes:
        process.wait(400)
    study.run()
    assert final(study) == final(undisturbed_brief)
