"""What is found before any job, or with images.h5 before any training; and what reaches SLURM as it was written."""

import copy
import re

import pytest
from study import CONFIG, SNAKEMAKE, Study

from advspectra_study.run.machine import lacks


@pytest.fixture
def study(tmp_path):
    config = copy.deepcopy(CONFIG) | {"transfers": [], "lines": [], "claims": {}}
    config["attacks"] = config["attacks"][:1]
    config["networks"] = config["networks"][:1]
    return Study(tmp_path, config)


def changed(study, **sections):
    study.configure({**copy.deepcopy(CONFIG), "transfers": [], "lines": [], "claims": {}, **sections})


def snakemake(study, *arguments, **variables):
    done = SNAKEMAKE.run(study.arguments(*arguments), study.folder, **variables)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.skipif(not lacks("cuda"), reason="this machine may have a GPU")
def test_a_device_that_this_machine_lacks_is_refused_before_the_first_job(study):
    changed(study, compute={"device": "cuda"}, attacks=CONFIG["attacks"][:1])
    code, output = snakemake(study)
    assert code == 1 and "compute.device: found cuda, but this machine has no such device" in output
    assert "Traceback" not in output and not (study.folder / "results").exists()
    # what needs no device, and a look at what there is to do, go on
    assert snakemake(study, "--dry-run")[0] == 0
    assert snakemake(study, "results/tiny/bands/images.h5")[0] == 0


@pytest.mark.parametrize("name", ["open", "123-456", "0123", "print"])
def test_names_of_accounts_and_partitions_reach_slurm_as_text(study, name):
    arguments = ("--dry-run", "--workflow-profile", "profiles/slurm")
    code, output = snakemake(study, *arguments, ADVSPECTRA_ACCOUNT=name, ADVSPECTRA_PARTITION=name)
    assert code == 0, output
    for key in ("account", "partition"):
        assert set(re.findall(rf"slurm_{key}=([^,\s]*)", output)) == {name}


def test_a_list_can_be_given_on_the_command_line(study):
    code, output = snakemake(study, "--dry-run", "--config", "seeds=[3, 4]", "figures={dpi: 60}")
    assert code == 0, output
    assert set(re.findall(r"seed=(\d+)", output)) == {"3", "4"}


def test_a_repeated_key_of_a_file_is_refused(study):
    with open(study.folder / "study.yaml", "a", encoding="utf-8") as file:
        file.write("\nseeds: [5]\n")
    code, output = snakemake(study, "--dry-run")
    assert code == 1 and re.search(r"  seeds: found twice in study.yaml, in lines \d+ and \d+; allowed: once", output)


def test_a_file_without_a_study_is_named(study):
    (study.folder / "study.yaml").write_text("{}\n")
    code, output = snakemake(study, "--dry-run")
    assert code == 1 and "study.yaml: found no keys; allowed: a whole study" in output


TOO_MANY = {"attacks": [CONFIG["attacks"][0] | {"images": 33}], "networks": CONFIG["networks"][:1], "seeds": [0]}


def test_images_that_are_too_few_end_the_study_before_the_first_training(study):
    changed(study, **TOO_MANY)
    code, output = snakemake(study)
    assert code == 1
    assert "attacks[0].images: found 33, which needs 17 test images of class" in output
    assert "rule train:" not in output and not list(study.folder.rglob("checkpoints.h5"))


def test_an_attack_on_too_many_images_added_to_a_trained_study_names_its_key(study):
    changed(study, **TOO_MANY | {"attacks": CONFIG["attacks"][:1]})
    assert snakemake(study, "--until", "train")[0] == 0
    changed(study, **TOO_MANY)
    code, output = snakemake(study)
    assert code == 1 and "rule train:" not in output
    assert "attacks[0].images: found 33, which needs 17 test images of class" in output
    assert not list(study.folder.rglob("perturbations.h5"))
