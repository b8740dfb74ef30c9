"""What Snakemake says of a study: short enough to read, why each job runs, and how much work is left."""

import copy
import logging
import os
import re
import subprocess
from types import SimpleNamespace

import pytest
from snakemake.persistence import ParamsChange
from snakemake_interface_logger_plugins.common import LogEvent
from study import CONFIG, ROOT, Study

from advspectra_study.run.plan_log import PlanLog, params_in_words, reason_in_words, shortened, work


def test_long_lists_of_files_are_shortened():
    assert shortened(["a", "b", "c"]) == ["a", "b", "c"]
    assert shortened(["a", "b", "c", "d"]) == ["a", "(2 more)", "d"]


def texts(*values) -> set[str]:
    return {repr(value) for value in values}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (texts({"epochs": 3, "momentum": 0.9}), texts({"epochs": 4, "momentum": 0.9}), ["epochs 3 -> 4"]),
        (texts({"training": {"epochs": 3}}), texts({"training": {"epochs": 4}}), ["epochs 3 -> 4"]),
        (texts({"a.py": "1", "b.py": "2"}), texts({"a.py": "9", "b.py": "2", "c.py": "3"}), ["a.py", "c.py"]),
        (texts({"a.py": "1", "b.py": "2"}), texts({"b.py": "2"}), ["a.py"]),
        (texts({"networks": [{"n": 1}, {"n": 2}]}), texts({"networks": [{"n": 1}, {"n": 3}]}), ["n 2 -> 3"]),
        (
            texts({"networks": [{"name": "a", "rate": 0.1}, {"name": "b", "rate": 0.1}]}),
            texts({"networks": [{"name": "a", "rate": 0.2}, {"name": "b", "rate": 0.3}]}),
            ["a: rate 0.1 -> 0.2", "b: rate 0.1 -> 0.3"],
        ),
        (texts({"networks": [{"n": "long" * 20}]}), texts({"networks": []}), ["networks"]),
        (texts("float32"), texts("tf32"), ["'float32' -> 'tf32'"]),
        (texts(1), set(), ["1 is gone"]),
        (set(), texts({"x": 1}), ["{'x': 1} is new"]),
        (texts({"list": ["long"] * 20}), texts({"list": []}), ["list"]),
        # two mappings: each is compared with its own
        (
            texts({"a.py": "1", "b.py": "2"}, {"epsilon": 1, "steps": 2}),
            texts({"a.py": "3", "b.py": "2"}, {"epsilon": 1, "steps": 5}),
            ["steps 2 -> 5", "a.py"],
        ),
        ({"no python"}, texts("x"), ["'no python' -> 'x'"]),
    ],
)
def test_params_that_changed_are_called_by_their_names(old, new, words):
    assert sorted(params_in_words(old, new)) == sorted(words)


def test_a_reason_names_what_changed_and_few_files():
    change = ParamsChange(only_old=texts({"epochs": 3}), only_new=texts({"epochs": 4}), files={"a"})
    reason = f"Updated input files: a, b, c, d, e; Params have changed since last execution: {change}"
    said = "Updated input files: a, (3 more), e; Params have changed since last execution: epochs 3 -> 4"
    assert reason_in_words(reason, change, ["out"]) == said
    reason = "Missing output files: o2, o1; Input files updated by another job: a, b, c, d"
    assert reason_in_words(reason, None, ["o1", "o2"]) == "Missing output files; Input files updated by another job"
    said = "Missing output files: o1; Input files updated by another job: a, (2 more), d"
    assert reason_in_words(reason.replace("o2, ", ""), None, ["o1", "o2"]) == said
    assert reason_in_words("Forced execution", None, ["o1"]) == "Forced execution"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (50, "50 core-seconds"),
        (600, "10 core-minutes"),
        (3600, "60 core-minutes"),
        (11520, "3.2 core-hours"),
        (432000, "120 core-hours"),
    ],
)
def test_work_is_in_words(seconds, words):
    assert work(seconds) == words


class Jobs:
    """Two trainings and an attack, as Snakemake has the jobs of a workflow."""

    def __init__(self, folder):
        self.all = [self.job(folder, number, rule) for number, rule in enumerate(("train", "train_vgg19", "attack"))]

    def job(self, folder, number, rule):
        return SimpleNamespace(
            number=number, rule=SimpleNamespace(name=rule), threads=2, benchmark=folder / str(number)
        )

    def needrun_jobs(self, exclude_finished=True):
        return iter(self.all)

    def jobid(self, job):
        return job.number


def test_what_is_left_is_estimated_anew_from_the_jobs_that_are_done(tmp_path):
    lines, dag = [], Jobs(tmp_path)
    logger = SimpleNamespace(info=lines.append)
    kinds = {"train": "train", "train_vgg19": "train", "attack": "attack"}
    log = PlanLog(logger, lambda: dag, lambda job: 3600 * 10, kind=lambda job: kinds[job.rule.name], plan=lambda: False)

    def say(event, **about):
        record = logging.makeLogRecord({"event": event, "msg": "said", **about})
        return log.filter(record), record

    assert say(LogEvent.RUN_INFO)[1].msg == "said\nat most about 30 core-hours of work\n"
    say(LogEvent.PROGRESS)
    dag.all[0].benchmark.write_text("s\th:m:s\n9000.0\t2:30:00\n")  # on two cores: half of the estimate
    say(LogEvent.JOB_FINISHED, job_id=0)
    say(LogEvent.PROGRESS)
    say(LogEvent.JOB_FINISHED, job_id=2)  # its benchmark is not there: nothing is known of its time
    say(LogEvent.PROGRESS)
    say(LogEvent.JOB_FINISHED, job_id=1)
    say(LogEvent.PROGRESS)
    assert lines == [
        "30 core-hours of about 30 core-hours left",
        "15 core-hours of about 20 core-hours left",
        "5.0 core-hours of about 10 core-hours left",
    ]


def test_names_that_turn_the_direction_of_writing_are_shown_escaped(tmp_path):
    log = PlanLog(SimpleNamespace(), lambda: None, lambda job: 0, kind=lambda job: None, plan=lambda: False)
    about = {"jobid": 1, "reason": "Missing output files: a\u202eb", "input": ["c\x1bd"], "output": ["a\u202eb", "e"]}
    record = logging.makeLogRecord({"event": LogEvent.JOB_INFO, **about})
    assert log.filter(record)
    assert record.reason == r"Missing output files: a\u202eb" and record.input == [r"c\x1bd"]


def test_of_a_full_disk_the_place_is_added_to_what_snakemake_says(tmp_path, monkeypatch):
    monkeypatch.setattr("advspectra_study.run.plan_log.full_disks", lambda places: f"full: {places[0]}")
    log = PlanLog(SimpleNamespace(), lambda: None, lambda job: 0, kind=lambda job: None, plan=lambda: False)
    for level, text, said in (
        (logging.ERROR, "OSError: [Errno 28] No space left on device\n", "on device\nfull: .snakemake"),
        (logging.ERROR, "OSError: [Errno 5] Input/output error", "Input/output error"),
        (logging.INFO, "No space left on device", "No space left on device"),
    ):
        record = logging.makeLogRecord({"levelno": level, "msg": text})
        assert log.filter(record) and record.msg.endswith(said) and record.msg.count("full") == said.count("full")


def test_a_full_disk_below_snakemake_is_named(tmp_path, tiny_config):
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    study = Study(tmp_path, tiny_config, "results/tiny/bands/images.h5")
    hidden = tmp_path / ".snakemake"
    hidden.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(hidden)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        free = os.statvfs(hidden).f_bavail * os.statvfs(hidden).f_frsize
        (hidden / "ballast").write_bytes(bytes(free))
        done = study.snakemake()
    finally:
        subprocess.run(["umount", "--lazy", str(hidden)], check=True)
    output = done.stdout + done.stderr
    assert done.returncode != 0 and "No space left on device" in output
    assert f"the disk of {hidden} ({hidden}) is full: 0 B left of " in output, output


def test_a_plan_of_the_paper_is_short_enough_to_read(tmp_path):
    study = Study(tmp_path, CONFIG)
    (tmp_path / "study.yaml").write_text((ROOT / "config.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    plan = study.run("--dry-run").stdout
    reasons = re.findall(r"^    reason: (.*)$", plan, re.MULTILINE)
    assert len(reasons) > 700 and max(map(len, reasons)) < 400
    assert len(plan) < 600_000  # it was 1.6 MB
    assert "Shell command: None" not in plan
    assert re.search(r"^at most about \d+ core-hours of work$", plan, re.MULTILINE)


def test_a_study_says_how_much_work_is_left(tmp_path, tiny_config):
    study = Study(tmp_path, tiny_config, "results/tiny/bands/images.h5", "results/tiny/tables/table3.md")
    said = study.run().stderr
    assert re.search(r"^at most about \d+ core-seconds of work$", said, re.MULTILINE)
    assert re.search(r"^\d+ core-seconds of about \d+ core-seconds left\n1 of 2 steps", said, re.MULTILINE)
    config = copy.deepcopy(tiny_config)
    config["networks"][0]["depths"] = [2]
    study.configure(config)
    changed = f"{config['networks'][0]['name']}: depths [1] -> [2]"
    assert f"reason: Params have changed since last execution: {changed}" in study.run("--dry-run").stdout
