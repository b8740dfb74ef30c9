"""Stopping a study while it runs, and what is there afterwards."""

import random
import subprocess
import time

import psutil
from study import HEED_INTERRUPTS

SCRIPTS = ("images", "settings", "train", "predictor", "attack", "transfer", "spectra", "lines", "table", "figure")
# stage -> the scripts whose jobs are killed in it, and the time (s) within which: no longer than they take
STAGES = {
    "train": (["train"], 3),
    "attack": (["attack"], 3),
    "spectra": (["spectra", "transfer"], 1),
    "aggregate": (["table", "figure"], 1),
}


def results(study):
    """Return the bytes of each result by its path; no logs, benchmarks or hidden files."""
    (folder,) = (path for path in (study.folder / "results").iterdir() if path.is_dir())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in ("logs", "benchmarks")
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


def wait_for_progress(study, process, seconds=20):
    """Wait until a training has kept something, or none runs any more."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and "train" in scripts(process).values():
        if any((study.folder / "results").rglob("*.unfinished/*.h5")):
            return
        time.sleep(0.05)


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
    """Run a study and kill it when a job of each of `moments`, stages of STAGES, runs, until it is through.

    After each kill, whatever has its name must be whole, and what it is in the end. Return what ran at each kill.
    """
    drawn, killed = random.Random(seed), []
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
            killed.append(sorted(scripts(process).values()))
            kill(process)
        changed = [path for path, content in final(study).items() if content != expected[path]]
        assert changed == [], f"after the kill {len(killed)}"
        study.run("--unlock")
    study.run()
    return killed


def stages_of(killed):
    """Return the stages of which a job ran at one of the kills."""
    return {stage for stage, (names, _) in STAGES.items() if any(set(names) & set(running) for running in killed)}
