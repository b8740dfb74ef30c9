"""Stopping a study while it runs, and what is there afterwards."""

import os
import random
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil
from study import HEED_INTERRUPTS

SCRIPTS = ("images", "settings", "train", "predictor", "attack", "transfer", "spectra", "lines", "table", "figure")
# stage -> the scripts whose jobs are killed in it, and the time (s) within which: no longer than they take
STAGES = {
    "train": (["train"], 1),
    "attack": (["attack"], 0.3),
    "spectra": (["spectra", "transfer"], 0.3),
    "aggregate": (["table", "figure"], 0.3),
}


def final(study):
    """Return the bytes of each result by its path; no logs, benchmarks, hidden files or what is unfinished."""
    (folder,) = (path for path in (study.folder / "results").iterdir() if path.is_dir())
    # os.walk and not rglob: jobs that live on may remove a folder meanwhile
    files = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    named = {str(path.relative_to(folder)): path for path in files}
    left_out = ("logs/", "benchmarks/")
    return {
        name: path.read_bytes()
        for name, path in named.items()
        if not name.startswith(left_out) and "unfinished" not in name and "/." not in name
    }


def start(study, *arguments):
    """Start snakemake in a session of its own; what it says is added to output.txt."""
    with open(study.folder / "output.txt", "a") as output:
        options = {"stdout": output, "stderr": output, "start_new_session": True, **HEED_INTERRUPTS}
        return subprocess.Popen(study.command(*arguments), cwd=study.folder, **options)


def scripts(process):
    """Return the script jobs that a snakemake runs now, with their names."""
    try:
        children = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return {}
    found = {}
    for child in children:
        with suppress(psutil.Error):  # some live for an instant: what a job asks Git
            name = child.name().removesuffix(".py")  # a forked job has the name of its script
            if name in SCRIPTS:
                found[child] = name
    return found


def wait_until(condition, process):
    """Wait until the condition, a function, holds, or snakemake ends; return whether it holds."""
    while process.poll() is None:
        if condition():
            return True
        time.sleep(0.02)
    return False


def wait_for(process, names):
    """Wait until a job of one of the scripts runs, or snakemake ends; return whether one runs."""
    return wait_until(lambda: set(scripts(process).values()) & set(names), process)


def unfinished(study, result):
    """Return the files that unfinished jobs have kept, of a result by its name without suffix."""
    return list((study.folder / "results").rglob(f"{result}.unfinished/*.h5"))


def wait_for_progress(study, process, seconds=120):
    """Wait until a training has kept something, or none runs any more."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and "train" in scripts(process).values():
        if unfinished(study, "checkpoints"):
            return
        time.sleep(0.05)


def kill(process, whom="all"):
    """Kill snakemake and all its children at once, or snakemake alone, or the script jobs that it runs alone.

    Return the jobs that live on. A snakemake whose jobs die ends by itself, with an error.
    """
    jobs = scripts(process)
    running = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    killed = {"all": running, "snakemake": running[:1], "jobs": jobs}[whom]
    for one in killed:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait(300)
    if whom == "snakemake":
        return list(jobs)
    psutil.wait_procs(killed)
    return []


def carry_on(study, *arguments):
    """What the user does after a kill -9."""
    study.run("--unlock")
    study.run(*arguments)


def training_logs(study):
    """Return the texts of the logs of the trainings; the next job of a training writes its log again."""
    return [path.read_text() for path in (study.folder / "results").rglob("logs/train/**/*.log")]


def killed_again_and_again(study, expected, moments, seed, whom=("all",), logs=None):
    """Run a study and kill it when a job of each of `moments`, stages of STAGES, runs, until it is through.

    whom : see `kill`, in turn; jobs that live on do so beside the next snakemake. logs : a list that gets those of the
    trainings after each kill and in the end. After each kill, what has its name must be whole, and what it is in the
    end. Return what ran at each kill.
    """
    drawn, killed, orphans = random.Random(seed), [], []
    logs = [] if logs is None else logs
    for stage in moments:
        names, seconds = STAGES[stage]
        process = start(study)
        if not wait_for(process, names):
            assert process.returncode == 0, (study.folder / "output.txt").read_text()
            break
        time.sleep(drawn.uniform(0, seconds))
        if stage == "train":  # from its start to the first saving a job may take longer than that
            wait_for_progress(study, process)
        if process.poll() is None:
            victim = whom[len(killed) % len(whom)]
            killed.append(sorted(scripts(process).values()))
            orphans += kill(process, victim)
        logs += training_logs(study)
        changed = [path for path, content in final(study).items() if content != expected[path]]
        assert changed == [], f"after the kill {len(killed)}"
        study.run("--unlock")
    study.run()
    logs += training_logs(study)
    assert psutil.wait_procs(orphans, timeout=120)[1] == []
    return killed


def stages_of(killed):
    """Return the stages of which a job ran at one of the kills."""
    return {stage for stage, (names, _) in STAGES.items() if any(set(names) & set(running) for running in killed)}
