"""The workflow as its users meet it: presets, targets, faults before and during a run, further states."""

import copy
import csv
import os
import re
import shutil
import subprocess
import sys

import h5py
import pytest
from study import CONFIG, ROOT, SNAKEMAKE, Study, copied

from benchmarks.overhead import finished_jobs


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "workflow/presets").glob("*.yaml")))
def test_each_preset_plans_a_study_of_its_own_with_every_table_and_figure(name):
    done = SNAKEMAKE.run(["--dry-run", "--forceall", "--configfile", f"workflow/presets/{name}.yaml"], ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = re.findall(r"^    output: (.*)$", done.stdout, flags=re.MULTILINE)
    paths = [path for line in outputs for path in line.split(", ")]
    assert all(path.startswith(f"results/{name}/") for path in paths)
    for wanted in (
        "figures/fig04",
        "figures/fig05",
        "figures/fig08",
        "figures/fig09",
        "figures/fig10",
        "figures/fig11",
    ):
        assert {f"results/{name}/{wanted}.pdf", f"results/{name}/{wanted}.png"} <= set(paths)
    assert {f"results/{name}/tables/table{number}.csv" for number in range(1, 7)} <= set(paths)


def test_the_default_study_is_the_paper_and_needs_no_flags():
    done = SNAKEMAKE.run(["--dry-run", "--forceall"], ROOT)
    assert done.returncode == 0 and "results/paper" in done.stdout


def test_a_preset_carries_nothing_over_from_the_default_study(tmp_path):
    study = Study(tmp_path, {key: value for key, value in CONFIG.items() if key != "attacks"})
    done = study.snakemake("--dry-run")
    assert done.returncode != 0 and "attacks: missing" in done.stdout + done.stderr


def test_a_faulty_configuration_stops_everything_with_all_its_faults(tmp_path, tiny_config):
    tiny_config["training"]["epoch"] = tiny_config["training"].pop("epochs")
    tiny_config["attacks"][0]["images"] = 0
    study = Study(tmp_path, tiny_config)
    done = study.snakemake()
    output = done.stdout + done.stderr
    assert (
        done.returncode != 0 and "training.epoch" in output and "'epochs'" in output and "attacks[0].images" in output
    )
    assert "Traceback" not in output and not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    "target",
    [
        "results/tiny/figures/fig99.pdf",
        "results/tiny/bands/fully_connected-linear/depth=1/alpha=1.0/seed=0/checkpoints.h5",
        "results/tiny/bands/bounded_width_3-relu/depth=1/alpha=1/seed=0/predictor.h5",
        # an attack that leaves this network out, a state that no network keeps, lines of another attack
        "results/tiny/bands/fully_connected-linear/depth=1/alpha=1/seed=0/minimal/best/perturbations.h5",
        "results/tiny/bands/bounded_width_3-relu/depth=1/alpha=1/seed=0/minimal/epoch=1/perturbations.h5",
        "results/tiny/bands/bounded_width_3-relu/depth=1/alpha=1/seed=0/pgd/step=0/spectra.h5",
        "results/tiny/bands/bounded_width_3-relu/depth=1/alpha=1/seed=0/pgd/best/lines.h5",
        "results/tiny/figures/fig02.pdf",
        "results/tiny/figures/fig02/bounded_width_3-relu/depth=1/alpha=1/pgd.pdf",
        # of an attack that is on no linear network, and of the summary's, which has no folder of its own
        "results/tiny/figures/fig09/minimal.pdf",
        "results/tiny/figures/fig10/pgd.pdf",
        "results/paper/tables/table1.csv",
    ],
)
def test_a_target_that_the_study_lacks_is_an_error_that_names_it(finished_study, target):
    done = finished_study.snakemake(target)
    assert done.returncode != 0 and f"No rule to produce {target}" in done.stdout + done.stderr


def test_a_single_target_runs_nothing_else(finished_study, tmp_path):
    study = copied(finished_study, tmp_path)
    (study.folder / "results/tiny/figures/fig08.pdf").unlink()
    assert study.planned("results/tiny/figures/fig08.pdf") == ["figure_fig08"]
    study.run("results/tiny/figures/fig08.pdf")
    assert study.planned() == []


def test_each_other_attack_has_its_spectra_figures(finished_study):
    folder = finished_study.folder / "results/tiny/figures"
    made = {path.relative_to(folder).as_posix() for path in folder.rglob("minimal.pdf")}
    assert {"fig04/minimal.pdf", "fig05/minimal.pdf", "fig10/minimal.pdf"} <= made
    for name in ("fig04", "fig05", "fig10"):
        own, caption = ((folder / f"{path}.md").read_text(encoding="utf-8") for path in (name, f"{name}/minimal"))
        assert "Attack: minimal. Networks that it was not tried on are not shown." in caption
        assert "Not in this study" not in caption and "Attack:" not in own
        assert (folder / name / "minimal.png").read_bytes() != (folder / f"{name}.png").read_bytes()
    assert not {path for path in made if path.startswith(("fig08", "fig09", "fig11"))}  # a single network, ReLU, one α


def test_where_a_network_lacks_the_summarys_attack_another_of_its_attacks_is_shown_and_named(finished_study, tmp_path):
    study = copied(finished_study, tmp_path)
    config = copy.deepcopy(CONFIG)
    config["attacks"][0]["networks"] = ["fully_connected"]
    study.configure(config)
    planned = {job.split(":")[-1] for job in study.planned() if job.startswith(("figure_", "table_with_note"))}
    # those of linear networks alone stay as they are
    of_attack = {"fig04", "fig05", "fig10", "fig11", "alpha_response", "band", "examples", "table2"}
    assert planned == of_attack | {"figure_paper_against_ours"}  # which shows the verdicts
    targets = [f"results/tiny/{name}.md" for name in ("figures/fig05", "figures/fig10", "tables/table2")]
    study.run(*targets)
    said = "Bounded Width Convolution, 3 channels (ReLU): minimal, as pgd was not tried on it."
    for target in targets:
        text = (tmp_path / target).read_text(encoding="utf-8")
        assert "Attack: pgd." in text and said in text and "Not in this study" not in text
    with h5py.File(tmp_path / f"results/tiny/bands/{RUN}/minimal/best/spectra.h5") as spectra:
        norm = spectra["paper/norm_l2"][...].mean()
    with open(tmp_path / "results/tiny/tables/table2.csv", newline="", encoding="utf-8") as file:
        (row,) = [row for row in csv.DictReader(file) if "3 channels" in row["model"]]
    assert float(row["delta_l2_mean"]) == pytest.approx(norm, rel=1e-5)
    assert study.planned(*targets) == []


@pytest.mark.slow
def test_the_same_study_twice_gives_the_same_bytes(finished_study, tmp_path):
    again = Study(tmp_path, CONFIG)
    # in processes of their own, whose sets have orders of their own
    subprocess.run(again.command(), cwd=again.folder, capture_output=True, check=True)
    made = {path.relative_to(tmp_path): path for path in (tmp_path / "results").rglob("*") if path.is_file()}
    kinds = (".h5", ".csv", ".md", ".png", ".pdf", ".json", ".html")
    results = {name: path for name, path in made.items() if path.suffix in kinds}
    # 20 HDF5 files and histories, 2 of settings, 27 of tables, 120 of figures, 11 of measures, claims, audit, explorer
    # and report
    assert len(results) == 180
    different = [
        name.as_posix()
        for name, path in results.items()
        if path.read_bytes() != (finished_study.folder / name).read_bytes()
    ]
    assert different == []


def test_the_overhead_table_accounts_for_every_job_and_core_second(finished_study):
    # 100 s stands for its wall time: 200 core seconds on 2 cores
    command = [sys.executable, "-m", "benchmarks.overhead", "--cores", "2", "--seconds", "100"]
    done = subprocess.run(
        [*command, finished_study.folder / "results/tiny"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[2:]]
    *parts, whole = [(name, int(jobs or 0), *map(float, seconds[:3])) for name, jobs, *seconds in rows]
    assert whole[:3] == ("all", len(list((finished_study.folder / "results/tiny/logs").rglob("*.log"))), 200)
    for column in (1, 2, 3, 4):
        assert sum(row[column] for row in parts) == pytest.approx(whole[column], abs=0.5)  # each is rounded to 0.1
    assert all(0 <= computing <= seconds for _, jobs, seconds, computing, _ in parts if jobs) and whole[3] > 0
    # what rounding hides
    jobs = finished_jobs(finished_study.folder / "results/tiny", threads=1)
    assert all(0 <= job.computing < job.seconds for job in jobs)


@pytest.mark.slow
def test_snakemake_does_the_same_forked_as_these_tests_start_it_and_in_a_process_of_its_own(tmp_path):
    study = Study(tmp_path, CONFIG)
    for arguments in (["--summary"], ["--list-rules"], ["--no-such-option"]):
        alone = subprocess.run(study.command(*arguments), cwd=study.folder, capture_output=True, text=True)
        forked = study.snakemake(*arguments)
        assert (forked.returncode, forked.stdout) == (alone.returncode, alone.stdout), arguments


def test_nonlinear_networks_are_trained_and_attacked_before_linear_ones(finished_study):
    plan = finished_study.run("--dry-run", "--forceall").stdout
    found = re.findall(
        r"^rule (train|attack):\n(?:    .*\n)*?    wildcards: run=\S*-(\w+)/.*\n    priority: (\d+)$", plan, re.M
    )
    priorities = {(rule, activation): int(priority) for rule, activation, priority in found}
    assert len(priorities) == 4
    for rule in ("train", "attack"):
        assert priorities[rule, "relu"] > priorities[rule, "linear"]


CHECKPOINTS = "results/tiny/bands/{run}/depth=1/alpha=1/seed=0/checkpoints.h5"


def another_architecture(folder):
    linear, relu = (CHECKPOINTS.format(run=run) for run in ("fully_connected-linear", "bounded_width_3-relu"))
    shutil.copy(folder / linear, folder / relu)
    return relu.replace("checkpoints.h5", "pgd/best/perturbations.h5"), "expected a network with architecture"


def truncated(name, target, message):
    def damage(folder):
        path = folder / f"results/tiny/bands/{name}"
        path.write_bytes(path.read_bytes()[:2000])
        return f"results/tiny/{target}", message

    return damage


RUN = "bounded_width_3-relu/depth=1/alpha=1/seed=0"
DAMAGES = {
    "checkpoint of another architecture": another_architecture,
    "truncated images": truncated("images.h5", f"bands/{RUN}/checkpoints.h5", "images.h5: expected an HDF5 file"),
    "truncated checkpoints": truncated(
        f"{RUN}/checkpoints.h5", f"bands/{RUN}/pgd/best/perturbations.h5", "checkpoints.h5: expected an HDF5 file"
    ),
    "truncated perturbations": truncated(
        f"{RUN}/pgd/best/perturbations.h5",
        f"bands/{RUN}/pgd/best/spectra.h5",
        "perturbations.h5: expected an HDF5 file",
    ),
    "truncated spectra": truncated(f"{RUN}/pgd/best/spectra.h5", "figures/fig10.pdf", "spectra.h5: expected an HDF5"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_result_is_one_clear_error_and_leaves_what_was_made_before(finished_study, tmp_path, damage):
    study = copied(finished_study, tmp_path)
    target, message = damage(tmp_path)
    before = (tmp_path / target).read_bytes()
    done = study.snakemake(target, "--force", "--allowed-rules", "attack", "train", "spectra", "figure_fig10")
    lines = [line for line in done.stderr.splitlines() if line.startswith("rule ") and message in line]
    assert done.returncode != 0 and lines, done.stdout + done.stderr
    folder = (tmp_path / target).parent
    assert (tmp_path / target).read_bytes() == before
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []  # nor a temporary file


def test_a_broken_archive_is_one_clear_error_and_leaves_no_images(tmp_path, tiny_config):
    tiny_config["dataset"] = {"name": "folder", "source": "image_folder", "options": {"path": "images.tar.xz"}}
    study = Study(tmp_path, tiny_config)
    (tmp_path / "images.tar.xz").write_bytes(b"not an archive")
    done = study.snakemake("results/tiny/folder/images.h5")
    assert (
        done.returncode != 0
        and "rule images: ValueError: image_folder: images.tar.xz is not a tar archive" in done.stderr
    )
    assert not list((tmp_path / "results/tiny").rglob("*.h5*"))


def test_a_diverged_training_says_at_which_step_and_what_rate_to_try(tmp_path, tiny_config):
    tiny_config["networks"][0]["learning_rate"] = 1e30
    study = Study(tmp_path, tiny_config)
    target = CHECKPOINTS.format(run="fully_connected-linear")
    done = study.snakemake(target)
    assert done.returncode != 0
    assert re.search(r"rule train: TrainingFailed: training diverged at step \d+ .*try 1e\+29", done.stderr)
    assert not (tmp_path / target).exists()


KINDS = (("minimal", "lines"), ("minimal", "spectra"), ("moved", "spectra"))


@pytest.mark.slow
def test_a_further_state_leaves_the_files_of_the_others_as_they_are(finished_study, tmp_path, tiny_config):
    study = copied(finished_study, tmp_path)
    run = tmp_path / f"results/tiny/bands/{RUN}"
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in run.glob("*/*/*.h5")}
    assert len(before) == 12

    keeping = copy.deepcopy(tiny_config)
    keeping["networks"][1]["checkpoints"] = {"steps": [0, 3], "epochs": [1]}
    study.configure(keeping)
    states = {"best", "step=0", "step=3", "epoch=1"}
    kinds = ("pgd/best/spectra", *(f"{kind}/{state}/{name}" for state in states for kind, name in KINDS))
    targets = [f"results/tiny/bands/{RUN}/{kind}.h5" for kind in kinds]
    study.run(*targets)
    assert study.planned(*targets) == []
    for path, (written, content) in before.items():
        assert path.stat().st_mtime_ns == written and path.read_bytes() == content
    for made in ("minimal/*/lines.h5", "moved/*/spectra.h5"):
        assert {path.parent.name for path in run.glob(made)} == states
    with h5py.File(run / "checkpoints.h5") as kept, h5py.File(run / "minimal/step=3/perturbations.h5") as attacked:
        assert set(kept["states"]) == states == {*os.listdir(run / "checkpoints.kept")}
        assert (attacked.attrs["step"], attacked.attrs["epoch"]) == (3, 1)
    with h5py.File(run / "moved/step=3/spectra.h5") as tried:
        assert (tried.attrs["source_attack"], tried.attrs["found_on"], tried.attrs["step"]) == (b"minimal", b"best", 3)

    # left out, trained otherwise, and put back: what the first training kept is not taken for the second's
    target = f"results/tiny/bands/{RUN}/checkpoints.h5"
    other = copy.deepcopy(tiny_config)
    other["training"]["momentum"] = 0.5
    study.configure(other)
    study.run(target)
    assert {*os.listdir(run / "checkpoints.kept")} == {"best", "step=0"}
    other["networks"][1]["checkpoints"] = keeping["networks"][1]["checkpoints"]
    study.configure(other)
    assert {f"train_bounded_width_3:{RUN}", f"attack:{RUN}:minimal:step=3", f"attack:{RUN}:minimal:best"} <= set(
        study.planned()
    )


def test_lint_finds_nothing():
    done = SNAKEMAKE.run(["--lint"], ROOT)
    assert done.returncode == 0 and "Congratulations" in done.stdout + done.stderr
