"""Whatever stops a study, the next snakemake carries on: nothing is lost or wrong, and the bytes are the same."""

import copy
import os
import random
import resource
import signal
import subprocess
import sys
import time

import psutil
import pytest
import yaml
from study import CONFIG, ROOT, Study

SCRIPTS = ("images", "settings", "train", "predictor", "attack", "transfer", "spectra", "lines", "table", "figure")


def busy(**changes):
    """The study with a training and attacks that take seconds, and everything unfinished kept at once."""
    config = copy.deepcopy(CONFIG)
    config["compute"]["save_every"] = 0
    config["training"]["epochs"] = 800
    config["training"]["schedule"]["every"] = 200
    config["attacks"][0]["options"]["parameters"]["steps"] = 3000
    return config | changes


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    study = Study(tmp_path_factory.mktemp("undisturbed"), busy())
    study.run()
    return study


def results(study):
    """Return the bytes of each result by its path; no logs, benchmarks or hidden files."""
    folder = study.folder / "results/tiny"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in ("logs", "benchmarks")
    }


def start(study, *arguments):
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "study.yaml", *arguments]
    with open(study.folder / "output.txt", "a") as output:
        return subprocess.Popen(command, cwd=study.folder, stdout=output, stderr=output, start_new_session=True)


def scripts(process):
    """Return the script jobs that a snakemake runs now, with their names."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
        lines = {child: child.cmdline() for child in children}
    except psutil.Error:
        return {}
    return {
        child: name
        for child, words in lines.items()
        for name in SCRIPTS
        if any(word.endswith(f".{name}.py") for word in words)
    }


def wait_for(process, names):
    """Wait until a job of one of the scripts runs, or snakemake ends; return whether one runs."""
    while process.poll() is None:
        if set(scripts(process).values()) & set(names):
            return True
        time.sleep(0.02)
    return False


def kill(process):
    """Kill snakemake and all its children at once."""
    running = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in running:
        one.kill()
    psutil.wait_procs(running)
    process.wait()


def carry_on(study, *arguments):
    """What the user does after a kill -9."""
    study.run("--unlock")
    study.run(*arguments)


def final(study):
    """The results that have their names; not what is unfinished."""
    return {path: content for path, content in results(study).items() if "unfinished" not in path and "/." not in path}


def killed_again_and_again(study, expected, moments, seed):
    """Run a study and kill it when a job of each of `moments` runs, after up to 3 seconds more, until it is through.

    After each kill, whatever has its name must be whole, and what it is in the end. Return what ran at each kill.
    """
    drawn, killed = random.Random(seed), []
    for names in moments:
        process = start(study)
        if not wait_for(process, names):
            assert process.returncode == 0, (study.folder / "output.txt").read_text()
            break
        time.sleep(drawn.uniform(0, 3))
        if process.poll() is None:
            killed.append(sorted(scripts(process).values()))
            kill(process)
        changed = [path for path, content in final(study).items() if content != expected[path]]
        assert changed == [], f"after the kill {len(killed)}"
        study.run("--unlock")
    study.run()
    return killed


STAGES = {
    "train": ["train"],
    "attack": ["attack"],
    "spectra": ["spectra", "transfer"],
    "aggregate": ["table", "figure"],
}


def test_a_study_killed_again_and_again_ends_as_one_left_alone(undisturbed, tmp_path):
    study = Study(tmp_path, busy())
    moments = [names for names in STAGES.values() for _ in range(2)]
    killed = killed_again_and_again(study, final(undisturbed), moments, seed=0)
    assert len(killed) >= 6 and {"train", "attack"} <= {name for names in killed for name in names}, killed
    assert final(study) == final(undisturbed)
    # trainings went on from what they had
    logs = [path.read_text() for path in (study.folder / "results/tiny/logs/train").rglob("*.log")]
    assert any("goes on after step" in text for text in logs), killed


@pytest.mark.long
def test_the_demo_killed_at_twenty_moments_ends_as_one_left_alone(tmp_path):
    config = yaml.safe_load((ROOT / "workflow/presets/demo.yaml").read_text())
    config["compute"]["save_every"] = 0
    studies = [Study(tmp_path / name, config) for name in ("alone", "killed")]
    studies[0].run()
    moments = [names for names in STAGES.values() for _ in range(5)]
    killed = killed_again_and_again(studies[1], final(studies[0]), moments, seed=0)
    print("killed while these ran:", *killed, sep="\n")
    assert len(killed) == 20
    assert final(studies[1]) == final(studies[0])


def test_ctrl_c_stops_everything_at_once_and_nothing_need_be_unlocked(undisturbed, tmp_path):
    study = Study(tmp_path, busy())
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
    study = Study(tmp_path, busy())
    process = start(study)
    assert wait_for(process, ["train"])
    children = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    assert process.wait(120) != 0
    assert not any(child.is_running() for child in children)
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


# what still fits, in bytes: the images do not, a training's, an attack's, a figure's output does not
@pytest.mark.parametrize("leaving", [30_000, 200_000, 400_000, 800_000])
def test_a_full_disk_is_one_clear_error_and_with_room_again_the_study_completes(
    undisturbed, tmp_path, small_disk, leaving
):
    study = Study(tmp_path, busy())
    fill(tmp_path / "results", leaving)
    done = study.snakemake()
    output = done.stdout + done.stderr
    assert done.returncode != 0 and "No space left on device" in output, output
    assert final_is_part_of(study, undisturbed)
    (tmp_path / "results/ballast").unlink()
    study.run()
    assert final(study) == final(undisturbed)


def final_is_part_of(study, undisturbed):
    expected = final(undisturbed)
    return all(content == expected[path] for path, content in final(study).items())


def test_a_limit_on_the_size_of_files_is_one_clear_error(tmp_path):
    study = Study(tmp_path, CONFIG)
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "study.yaml"]
    limit = 40_000  # bytes; the images take more

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, preexec_fn=limited)
    assert done.returncode != 0 and "rule images: OSError" in done.stderr and "File too large" in done.stderr
    assert "images.h5" in done.stderr.split("rule images: OSError")[1].splitlines()[0]
    assert final(study) == {}
    study.run()


def test_a_read_only_results_folder_is_one_clear_error(undisturbed, tmp_path, small_disk):
    study = Study(tmp_path, busy())
    study.run("results/tiny/bands/images.h5")
    small_disk("ro")
    done = study.snakemake()
    output = done.stdout + done.stderr
    assert done.returncode != 0 and "Read-only file system" in output and "results/tiny" in output, output
    small_disk("rw")
    study.run()
    assert final(study) == final(undisturbed)


def test_a_config_changed_half_way_makes_what_the_new_one_says(undisturbed, tmp_path):
    study = Study(tmp_path / "changed", busy())
    process = start(study)
    assert wait_for(process, ["attack"])
    time.sleep(2)
    kill(process)
    changed = busy(seeds=[0, 1])
    changed["attacks"][0]["options"]["parameters"]["steps"] = 50
    study.configure(changed)
    carry_on(study)
    straight = Study(tmp_path / "straight", changed)
    straight.run()
    assert final(study) == final(straight)
    assert study.planned() == []


def test_a_second_snakemake_on_a_study_is_refused_and_disturbs_nothing(undisturbed, tmp_path):
    study = Study(tmp_path, busy())
    first = start(study)
    assert wait_for(first, ["train"])
    second = study.snakemake()
    assert second.returncode != 0 and "Directory cannot be locked" in second.stdout + second.stderr
    assert first.wait(300) == 0, (tmp_path / "output.txt").read_text()
    assert final(study) == final(undisturbed)


def test_two_snakemakes_that_ignore_the_lock_leave_whole_files(undisturbed, tmp_path):
    study = Study(tmp_path, busy())
    processes = [start(study, "--nolock"), start(study, "--nolock")]
    for process in processes:
        process.wait(400)
    study.run()
    assert final(study) == final(undisturbed)
