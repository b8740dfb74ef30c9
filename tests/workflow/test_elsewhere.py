"""Studies that do not run in the workflow's own folder: `snakemake -s <Snakefile> -d <folder>`, and as a module."""

import shutil

import pytest
import yaml
from study import CONFIG, SNAKEMAKE, copied
from test_verify import MISSING, OUTDATED

pytestmark = pytest.mark.slow

TARGETS = [
    "results/tiny/tables/table1.csv",
    "results/tiny/figures/fig08.png",
    "results/tiny/claims.csv",
    "results/tiny/audit.csv",
    "results/tiny/explorer.html",
    "results/tiny/report.html",
]
MODULE = """
module advspectra:
    snakefile: "{snakefile}"
    config: config{section}

use rule * from advspectra{name}

rule own:
    default_target: True
    input: "results/tiny/claims.csv"
    output: "own.csv"
    shell: "cp {{input}} {{output}}"
"""


class Elsewhere:
    """A folder, beside the one with the workflow, in which snakemake runs; it has the configuration as study.yaml."""

    def __init__(self, folder, workflow, config=CONFIG):
        self.folder, self.workflow = folder, workflow
        folder.mkdir(exist_ok=True)
        (folder / "study.yaml").write_text(yaml.safe_dump(config, sort_keys=False))

    def snakemake(self, *arguments, directory=None):
        """Run snakemake: with `directory` from above it, as `-s <Snakefile> -d <directory>`; else in the folder."""
        if directory:
            where = ["--snakefile", str(self.workflow / "Snakefile"), "--directory", str(directory)]
        else:
            where = ["--workflow-profile", str(self.workflow / "profiles/default")]
        return SNAKEMAKE.run([*arguments, *where], self.folder, NO_COLOR="1")

    def import_as_module(self, section="", name=""):
        text = MODULE.format(snakefile=self.workflow / "Snakefile", section=section, name=name)
        (self.folder / "Snakefile").write_text(text)


def results_without(targets, study, folder):
    """Put a copy of the study's results into the folder, without these and what the same jobs make beside them."""
    shutil.copytree(study.folder / "results", folder / "results")
    for target in targets:
        for path in (folder / target).parent.glob(f"{(folder / target).stem}.*"):
            path.unlink()
    assert not any((folder / target).exists() for target in targets)


def assert_the_same_files(study, folder):
    for path in (study.folder / "results").rglob("*"):
        if path.is_file() and not {"logs", "benchmarks"} & set(path.parts):
            copy = folder / path.relative_to(study.folder)
            assert copy.read_bytes() == path.read_bytes(), path


def succeeded(done):
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_study_in_another_folder_has_the_same_results_and_they_are_whole(finished_study, tmp_path):
    elsewhere = Elsewhere(tmp_path, finished_study.folder)
    results_without(TARGETS, finished_study, tmp_path / "here")
    given = ["--configfile", "study.yaml"]
    succeeded(elsewhere.snakemake(*TARGETS, *given, directory="here"))
    assert_the_same_files(finished_study, tmp_path / "here")
    assert "Nothing to be done" in succeeded(elsewhere.snakemake(*given, directory="here"))
    told = succeeded(elsewhere.snakemake("verify", *given, directory="here"))
    assert "files are complete" in told and OUTDATED not in told and MISSING not in told


def test_a_file_of_the_workflow_that_changed_is_known_in_another_folder(finished_study, tmp_path):
    copy = copied(finished_study, tmp_path / "workflow").folder
    (tmp_path / "here").mkdir()
    (copy / "results").rename(tmp_path / "here/results")
    with open(copy / "workflow/reference/paper.yaml", "a") as file:
        file.write("\n# changed\n")
    done = Elsewhere(tmp_path, copy).snakemake("verify", "--configfile", "study.yaml", directory="here")
    assert "table1.json: made from workflow/reference/paper.yaml, which is gone or has changed since" in done.stdout


@pytest.mark.parametrize(
    ("section", "name", "verify"),
    [("", "", "verify"), ('["advspectra"]', " as of_advspectra_*", "of_advspectra_verify")],
)
def test_as_a_module_of_another_workflow_it_has_the_same_results(finished_study, tmp_path, section, name, verify):
    elsewhere = Elsewhere(tmp_path, finished_study.folder, {"advspectra": CONFIG} if section else CONFIG)
    elsewhere.import_as_module(section, name)
    targets = ["results/tiny/tables/table1.csv", "results/tiny/claims.csv"]
    results_without(targets, finished_study, tmp_path)
    given = ["--configfile", "study.yaml"]
    succeeded(elsewhere.snakemake(*targets, *given))
    assert_the_same_files(finished_study, tmp_path)
    assert "files are complete" in succeeded(elsewhere.snakemake(verify, *given))
    succeeded(elsewhere.snakemake(*given))
    assert (tmp_path / "own.csv").read_bytes() == (finished_study.folder / "results/tiny/claims.csv").read_bytes()


def test_rules_of_other_names_are_known_for_what_they_do(finished_study, tmp_path):
    said = set()
    for name in ("", " as of_advspectra_*"):
        elsewhere = Elsewhere(tmp_path, finished_study.folder)
        elsewhere.import_as_module(name=name)
        planned = succeeded(elsewhere.snakemake("--dry-run", "--configfile", "study.yaml"))
        said.add(tuple(line for line in planned.splitlines() if line.startswith("at most about")))
    assert len(said) == 1 and len(set(said.pop())) == 2  # work, and bytes on disk; a dry run says both twice


def test_a_module_whose_job_fails_leaves_the_good_results(finished_study, tmp_path):
    workflow = copied(finished_study, tmp_path / "workflow").folder
    elsewhere = Elsewhere(tmp_path / "own", workflow)
    elsewhere.import_as_module(name=" as of_advspectra_*")
    for remembered in ("results", ".snakemake"):
        shutil.copytree(workflow / remembered, tmp_path / "own" / remembered)
    with open(workflow / "workflow/lib/advspectra/tables/table1.py", "a") as file:
        file.write('\n\ndef table(runs, **options):\n    raise RuntimeError("a mistake of next month")\n')
    done = elsewhere.snakemake("results/tiny/tables/table1.csv", "--configfile", "study.yaml")
    assert done.returncode == 1 and "a mistake of next month" in done.stdout + done.stderr
    assert_the_same_files(finished_study, tmp_path / "own")
    planned = succeeded(
        elsewhere.snakemake("results/tiny/tables/table1.csv", "--configfile", "study.yaml", "--dry-run")
    )
    assert "Code has changed" in planned or "Params have changed" in planned


def test_a_config_in_the_other_folder_takes_the_place_of_the_workflows_own(finished_study, tmp_path):
    elsewhere = Elsewhere(tmp_path, finished_study.folder)
    (tmp_path / "here").mkdir()
    planned = ["--dry-run", "results/paper/cifar10/images.h5"]
    succeeded(elsewhere.snakemake(*planned, directory="here"))
    (tmp_path / "study.yaml").rename(tmp_path / "here/config.yaml")
    assert elsewhere.snakemake(*planned, directory="here").returncode != 0
    succeeded(elsewhere.snakemake("--dry-run", "results/tiny/bands/images.h5", directory="here"))


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ("    config: config\n", "", "hands one on, `config: config`"),
        ("    config: config\n", '    config: config\n    prefix: "sub"\n', "neither `prefix` nor `replace_prefix`"),
    ],
)
def test_a_module_that_could_not_work_is_one_error_that_says_what_to_write(
    finished_study, tmp_path, line, instead, message
):
    elsewhere = Elsewhere(tmp_path, finished_study.folder)
    elsewhere.import_as_module()
    text = (tmp_path / "Snakefile").read_text()
    assert line in text
    (tmp_path / "Snakefile").write_text(text.replace(line, instead))
    done = elsewhere.snakemake("--dry-run", "--configfile", "study.yaml")
    assert done.returncode != 0 and message in done.stdout + done.stderr
