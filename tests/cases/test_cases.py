"""Inputs that once went wrong, as users would give them: the folder ADVSPECTRA_CASES has one folder for each.

Each case runs in a copy of the repository, as its README.txt says. Unit tests elsewhere cover the kinds of faults;
these tests go the whole way of a user. Without the folder all of them are skipped.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES = Path(os.environ["ADVSPECTRA_CASES"]) if "ADVSPECTRA_CASES" in os.environ else None
PARTS = ("Snakefile", "config.yaml", "workflow", "profiles", "envs")
RUN = "fully_connected-relu/depth=1/alpha=1/seed=0"

pytestmark = pytest.mark.skipif(CASES is None, reason="ADVSPECTRA_CASES names no folder with the cases")


class Case:
    """A copy of the repository with the files of one case in it."""

    def __init__(self, name: str, folder: Path):
        self.name, self.folder, self.file = name, folder, name.replace("-", "_")
        self.results = f"results/{self.file}/d"
        self.attacked = f"{self.results}/{RUN}/pgd/best/perturbations.h5"
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, folder / part)
        for path in (CASES / name).iterdir():
            if path.name != "README.txt":
                (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)

    def start(self, *arguments: str, config: str | None = None, **environment: str) -> subprocess.Popen:
        command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", config or f"{self.file}.yaml"]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "cwd": self.folder}
        return subprocess.Popen(command, env=os.environ | {"NO_COLOR": "1"} | environment, **options)

    def snakemake(self, *arguments: str, config: str | None = None, **environment: str) -> tuple[int, str]:
        """Return the exit status and all that it printed."""
        process = self.start(*arguments, config=config, **environment)
        output, _ = process.communicate(timeout=600)
        assert "Traceback" not in output, output
        return process.returncode, output

    def make(self, *targets: str, config: str | None = None, **environment: str) -> tuple[int, str]:
        return self.snakemake("--cores", "1", *targets, config=config, **environment)

    def python(self, code: str) -> str:
        command = [sys.executable, "-c", f"import h5py, numpy as np; {code}"]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def case(request, tmp_path):
    return Case(request.param, tmp_path)


def of(name: str):
    return pytest.mark.parametrize("case", [name], indirect=True, ids=[name])


def refused(output: str, *patterns: str) -> None:
    """Each pattern stands in what was printed, and no job ran."""
    for pattern in patterns:
        assert re.search(pattern, output), f"{pattern}\n{output}"
    assert "Finished jobid" not in output, output


@of("attack-faults-late")
def test_faults_of_attacks_are_found_before_any_job(case):
    status, output = case.snakemake("-n")
    assert status == 1
    refused(output, r"step\b.*LinfPGD", "L2Pgd", "epsilon", "tolerance")
    assert "4 errors" in output, output


@of("batch-norm-one-image")
def test_a_last_batch_of_one_image_is_named(case):
    target = f"{case.results}/resnet18-relu/depth=17/alpha=1/seed=0/checkpoints.h5"
    status, output = case.make(target)
    assert status == 1 and re.search(r"last batch of 9 training images has 1\b", output), output


@of("chmod-not-permitted")
def test_a_file_system_that_refuses_chmod_holds_results(case):
    site = str(case.folder / "chmod_not_permitted_site")
    status, output = case.make(f"{case.results}/images.h5", PYTHONPATH=site)
    assert status == 0 and (case.folder / case.results / "images.h5").exists(), output


@of("config-on-command-line")
def test_a_list_on_the_command_line_is_a_list(case):
    status, output = case.snakemake("-n", "--config", "seeds=[0,1]")
    planned = {seed for seed in "01" if f"seed={seed}" in output}
    assert status == 0 and planned == {"0", "1"}, output


@of("cuda-visible-mig")
def test_the_name_of_a_part_of_a_gpu_is_no_path(case):
    device = "MIG-GPU-8932f937-d72c-4106-c12f-20bd9faed9f6/1/0"
    status, output = case.make(f"{case.results}/{RUN}/checkpoints.h5", CUDA_VISIBLE_DEVICES=device)
    assert status == 0, output


@of("data-changed-in-place")
def test_images_that_were_changed_in_place_are_seen(case):
    archive = case.folder / "data_changed_in_place.tar"
    shutil.copy(case.folder / "data_changed_in_place_first.tar", archive)
    target = f"{case.results}/images.h5"
    assert case.make(target)[0] == 0
    archive.touch()
    _, output = case.snakemake("-n", target)
    assert "Nothing to be done" in output, output
    shutil.copy(case.folder / "data_changed_in_place_second.tar", archive)
    _, output = case.snakemake("-n", target)
    assert "rule images" in output, output
    status, output = case.snakemake("verify")
    assert status == 1 and "images.h5" in output, output


@of("epsilon-8")
def test_an_epsilon_of_8_is_refused(case):
    status, output = case.snakemake("-n")
    assert status == 1
    refused(output, r"attacks\[0\]\.options\.epsilon", "found 8")


FOOLBOX = ("BoundaryAttack", "HopSkipJumpAttack", "SpatialAttack", "PointwiseAttack", "GaussianBlurAttack")
FOOLBOX += ("InversionAttack", "GenAttack", "L2BrendelBethgeAttack")
RUNS = ("BoundaryAttack", "HopSkipJumpAttack")


@of("foolbox-attacks")
@pytest.mark.parametrize("attack", FOOLBOX)
def test_an_attack_of_foolbox_runs_or_is_refused_before_the_training(case, attack):
    config = case.folder / f"{case.file}_{attack}.yaml"
    config.write_text((case.folder / f"{case.file}.yaml").read_text().replace("ATTACK", attack))
    status, output = case.make(case.attacked, config=config.name)
    assert (status == 0) == (case.folder / case.attacked).exists() == (attack in RUNS), output
    if attack not in RUNS:
        assert attack in output and "rule train:" not in output, output


@of("input-from-the-future")
def test_an_input_from_a_machine_whose_clock_is_ahead(case):
    run = f"{case.results}/{RUN}"
    assert case.make(f"{run}/checkpoints.h5", f"{run}/training.json")[0] == 0
    later = time.time() + 3600
    os.utime(case.folder / case.results / "images.h5", (later, later))
    status, output = case.make(case.attacked)
    assert status == 0 and (case.folder / case.attacked).exists(), output


@of("more-images-than-a-class-has")
def test_too_few_images_of_a_class_are_found_before_the_training(case):
    status, output = case.make(case.attacked)
    assert status == 1 and "cat" in output and "rule train:" not in output, output


@of("nan-perturbations")
def test_nan_reaches_no_result(case):
    status, output = case.make(case.attacked)
    assert status == 1 and re.search("NaN|not finite", output), output
    assert not (case.folder / case.attacked).exists()


@of("notebook-mplbackend")
def test_a_figure_is_drawn_where_a_notebook_names_its_backend(case):
    target = "results/notebook_mplbackend/figures/fig05.png"
    status, output = case.make(target, MPLBACKEND="module://matplotlib_inline.backend_inline")
    assert status == 0 and (case.folder / target).exists(), output


@of("object-address-in-message")
def test_a_file_that_is_no_image_is_named_the_same_each_time(case):
    status, output = case.make(f"{case.results}/images.h5")
    assert status == 1 and "train/cat/9.jpg" in output and "0x" not in output, output


@of("pgd-steps-0")
def test_no_steps_are_refused(case):
    status, output = case.make(case.attacked)
    assert status == 1
    refused(output, r"attacks\[0\]\.options\.parameters\.steps")


@of("phone-jpeg-mpo")
def test_a_jpeg_with_further_pictures(case):
    status, output = case.make(f"{case.results}/images.h5")
    assert status == 0, output


@of("png-16-bit-rgb")
def test_sixteen_bits_a_channel_are_refused(case):
    status, output = case.make(f"{case.results}/images.h5")
    assert status == 1 and re.search(r"train/cat/9\.png.*16", output), output


@of("python-path-with-space")
def test_a_path_with_a_space(case, tmp_path_factory):
    folder = tmp_path_factory.mktemp("a") / "my drive" / "p"
    shutil.copytree(case.folder, folder)
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    command = [str(folder / ".venv/bin/python"), "-m", "snakemake", "--cores", "1", f"{case.results}/images.h5"]
    command += ["--configfile", f"{case.file}.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0 and (folder / case.results / "images.h5").exists(), done.stdout + done.stderr


@of("slurm-account-open")
def test_an_account_that_is_a_word_of_python(case):
    arguments = ("-n", "--workflow-profile", "profiles/slurm")
    status, output = case.snakemake(*arguments, ADVSPECTRA_ACCOUNT="open")
    assert status == 0 and re.search("slurm_account=.?open", output), output


@of("snakemake-directory")
def test_another_working_directory(case, tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    for path in case.folder.glob("snakemake_directory*"):
        shutil.copy(path, folder)
    status, output = case.snakemake("-n", "--directory", str(folder))
    assert status == 0, output


@of("steps-as-advised")
def test_the_advice_on_steps_works(case):
    _, output = case.snakemake("-n")
    assert re.search(r"write 10\b", output), output
    path = case.folder / f"{case.file}.yaml"
    path.write_text(path.read_text().replace("1e1", "10"))
    status, output = case.make(case.attacked)
    assert status == 0 and (case.folder / case.attacked).exists(), output


@of("tar-concatenated")
def test_an_archive_that_goes_on_after_its_end(case):
    status, output = case.make(f"{case.results}/images.h5")
    assert status == 1 and "after its end" in output, output


@of("tilde-in-path")
def test_a_path_from_the_home_folder(case):
    home = case.folder / "home"
    home.mkdir()
    shutil.copy(case.folder / "tilde_in_path.tar", home)
    status, output = case.make(f"{case.results}/images.h5", HOME=str(home))
    assert status == 1 and re.search("~.*not expanded", output), output


@of("uncommitted-names")
def test_the_names_of_uncommitted_files(case):
    for command in (["init", "-q"], ["add", "Snakefile", "workflow", "envs"], ["commit", "-qm", "all"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *command], cwd=case.folder, check=True)
    (case.folder / "workflow/my notes.txt").touch()
    assert case.make(f"{case.results}/images.h5")[0] == 0
    code = f"print(h5py.File('{case.results}/images.h5').attrs['uncommitted'].decode())"
    assert case.python(code) == '["workflow/my notes.txt"]'


@of("verify-locked-file")
def test_a_file_that_is_open_elsewhere_is_not_called_damaged(case):
    assert case.make(case.attacked.replace("perturbations", "spectra"))[0] == 0
    holder = subprocess.Popen(
        [sys.executable, "verify_locked_file_hold.py", case.attacked], cwd=case.folder, stdout=subprocess.DEVNULL
    )
    time.sleep(3)
    try:
        _, output = case.snakemake("verify")
    finally:
        holder.wait(timeout=120)
    assert "damaged" not in output.replace("0 damaged", "") and "remove them" not in output, output


@of("yaml-duplicate-key")
def test_a_key_that_stands_twice_is_refused(case):
    status, output = case.snakemake("-n")
    assert status == 1
    refused(output, "attacks.*twice|twice.*attacks")
