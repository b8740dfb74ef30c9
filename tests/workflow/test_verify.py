"""`snakemake verify` names what is damaged, foreign or out of date, and needs nothing but results and configuration."""

import json
import re
import shutil
import subprocess

import h5py
import numpy as np
import pytest
from matplotlib.image import imread
from PIL import Image
from study import CONFIG, Study, copied

RELU = "results/tiny/bands/bounded_width_3-relu/depth=1/alpha=1/seed=0"
LINEAR = "results/tiny/bands/fully_connected-linear/depth=1/alpha=1/seed=0"
FILES = {
    "images": "results/tiny/bands/images.h5",
    "settings": f"{RELU}/training.json",
    "checkpoints": f"{RELU}/checkpoints.h5",
    "history": f"{LINEAR}/history.csv",
    "predictor": f"{LINEAR}/predictor.h5",
    "perturbations": f"{RELU}/pgd/best/perturbations.h5",
    "spectra": f"{RELU}/minimal/best/spectra.h5",
    "lines": f"{RELU}/minimal/best/lines.h5",
    "table": "results/tiny/tables/table1.csv",
    "table in Markdown": "results/tiny/tables/table2.md",
    "figure": "results/tiny/figures/fig08.pdf",
    "figure as PNG": "results/tiny/figures/fig10.png",
    "caption": "results/tiny/figures/fig11.md",
    "provenance": "results/tiny/tables/table3.json",
}
# files that others vouch for are named with those
VOUCHED = {
    "history": f"{LINEAR}/checkpoints.h5",
    "table": "results/tiny/tables/table1.json",
    "table in Markdown": "results/tiny/tables/table2.json",
    "figure": "results/tiny/figures/fig08.json",
    "figure as PNG": "results/tiny/figures/fig10.json",
    "caption": "results/tiny/figures/fig11.json",
}


def verified(study):
    """Return the exit status and the lines that verify prints, those of each list under its title."""
    done = study.snakemake("verify")
    assert "Traceback" not in done.stderr, done.stderr
    assert "Finished" in done.stderr or "Error in rule verify" in done.stderr, done.stderr
    lists, title = {}, ""
    for line in done.stdout.splitlines():
        if line.startswith("  "):
            lists[title].append(re.sub(r" \([\d.]+ \w+\)$", "", line.strip()))  # without the size of the file
        else:
            title = re.sub(r"^\d+ ", "", line).split(":")[0].split(";")[0]
            lists[title] = []
    return done.returncode, lists, done.stdout


DAMAGED, OUTDATED = "damaged, or not what the study would make", "made otherwise than the study would now"
MISSING, FOREIGN, LEFT = "not made yet", "no part of the study as it is configured", "left by jobs that were killed"
UNREAD, UNFINISHED = "cannot be looked at now", "unfinished, or kept from before"


def flip(path):
    """Change one bit in the middle of an array of a result, or of another file."""
    content = bytearray(path.read_bytes())
    place = len(content) // 2
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            arrays = []
            file.visititems(lambda name, item: arrays.append(item) if isinstance(item, h5py.Dataset) else None)
            offsets = {array.id.get_offset(): array.nbytes for array in arrays if array.id.get_offset()}
        start, size = max(offsets.items(), key=lambda pair: pair[1])
        place = start + size // 2
    content[place] ^= 1
    path.write_bytes(content)


def test_a_finished_study_is_good_and_every_file_of_it_is_looked_at(finished_study, tmp_path):
    study = copied(finished_study, tmp_path)
    status, lists, output = verified(study)
    results = study.folder / "results/tiny"
    there = [
        path
        for path in results.rglob("*")
        if path.is_file() and path.relative_to(results).parts[0] not in ("logs", "benchmarks")
    ]
    assert status == 0 and f"results/tiny: {len(there)} files are whole" in output
    ((size,),) = lists.values()
    assert re.match(r"\d\.\d+ MB on disk: .*perturbations \d+ kB", size), size
    assert (results / "logs/verify.log").read_text().startswith("results/tiny: ")


def test_a_changed_bit_in_a_file_of_each_kind_is_named_and_what_is_removed_is_made_again(finished_study, tmp_path):
    study = copied(finished_study, tmp_path)
    for path in FILES.values():
        flip(study.folder / path)
    status, lists, output = verified(study)
    assert status == 1
    # JSON with another letter may say another thing
    named = {line.split(":")[0] for line in lists[DAMAGED] + lists[OUTDATED]}
    for kind, path in FILES.items():
        assert VOUCHED.get(kind, path) in named, f"{kind}\n{output}"
    # what the user does: removes what is named. The rerun makes it anew, to the same bytes.
    for path in {*FILES.values(), *named}:
        (study.folder / path).unlink()
    study.run()
    assert verified(study)[0] == 0
    for path in {*FILES.values(), *named}:
        assert (study.folder / path).read_bytes() == (finished_study.folder / path).read_bytes(), path


def test_files_of_other_runs_states_and_images_are_named(finished_study, tmp_path):
    study = copied(finished_study, tmp_path)
    swaps = {
        f"{RELU}/pgd/best/perturbations.h5": f"{LINEAR}/pgd/best/perturbations.h5",  # of another network
        f"{RELU}/minimal/best/lines.h5": f"{RELU}/minimal/step=0/lines.h5",  # of another state
        f"{LINEAR}/predictor.h5": f"{LINEAR}/checkpoints.h5",  # of another kind
    }
    for place, source in swaps.items():
        shutil.copy(finished_study.folder / source, study.folder / place)
    status, lists, output = verified(study)
    text = "\n".join(lists[DAMAGED] + lists.get(OUTDATED, []))
    assert status == 1
    for place in swaps:
        assert place in text, output


def test_numbers_that_no_computation_gives_and_shapes_that_do_not_fit_are_named(finished_study, tmp_path):
    from advspectra.hdf5 import DIGEST, content_sha256

    study = copied(finished_study, tmp_path)

    def change(path, function):
        with h5py.File(study.folder / path, "r+") as file:
            function(file)
            file.attrs[DIGEST] = content_sha256(file)  # a forger would put the digest right

    def drop_a_row(file):
        kept = file["linf"][:-1]
        del file["linf"]
        file["linf"] = kept

    change(f"{RELU}/pgd/best/perturbations.h5", drop_a_row)
    change(f"{RELU}/pgd/best/spectra.h5", lambda file: file["paper/norm_l1"].write_direct(np.full(8, np.nan)))
    change(f"{RELU}/minimal/best/lines.h5", lambda file: file.create_dataset("extra", data=[1]))
    change(f"{RELU}/moved/best/spectra.h5", lambda file: file.attrs.modify("seed", 1))
    change(f"{LINEAR}/pgd/best/spectra.h5", lambda file: file.__delitem__("rgb/flatness"))
    _, lists, output = verified(study)
    text = "\n".join(lists[DAMAGED])
    for expected in (
        r"pgd/best/perturbations.h5: linf: expected the shape \(8\), found \(7,\)",
        r"pgd/best/spectra.h5: paper/norm_l1: expected finite values, found 8 that are not",
        r"minimal/best/lines.h5: expected the arrays .*, found extra",
        r"moved/best/spectra.h5: expected the attribute seed 0, found 1",
        r"pgd/best/spectra.h5: expected the array rgb/flatness, found none",
    ):
        assert re.search(expected, text), output


def rewritten(path, change):
    """Change a result, and put its digests right, as one that was made from something else has them."""
    from advspectra.hdf5 import DIGEST, content_sha256

    with h5py.File(path, "r+") as file:
        change(file)
        for group in file.get("states", {}).values():
            group.attrs[DIGEST] = content_sha256(group)
        file.attrs[DIGEST] = content_sha256(file)


def test_what_was_made_of_another_state_is_named(finished_study, tmp_path):
    study = copied(finished_study, tmp_path)

    def train_on(file):
        for weights in file["states/best"].values():
            weights[...] = weights[()] * 2

    rewritten(study.folder / f"{RELU}/checkpoints.h5", train_on)
    status, lists, output = verified(study)
    named = "\n".join(lists[DAMAGED])
    assert status == 1 and f"{RELU}/checkpoints.h5:" not in named, output
    for path in (f"{RELU}/pgd/best/perturbations.h5", f"{RELU}/minimal/best/lines.h5"):
        assert f"{path}: made of another state 'best'" in named, output
    assert "minimal/step=0" not in named


def test_what_was_made_from_other_images_is_named(finished_study, tmp_path):
    study = copied(finished_study, tmp_path)

    def brighten(file):
        file["test/images"][0] = 255 - file["test/images"][0]

    rewritten(study.folder / FILES["images"], brighten)
    status, lists, output = verified(study)
    named = "\n".join(lists[OUTDATED])
    assert status == 1 and DAMAGED not in lists, output
    for path in (FILES["settings"], f"{RELU}/checkpoints.h5"):
        assert f"{path}: made from {FILES['images']}" in named, output
    assert f"{LINEAR}/pgd/best/perturbations.h5: made from {LINEAR}/training.json" in named  # itself named here


def test_other_settings_of_the_training_are_named(finished_study, tmp_path, tiny_config):
    study = copied(finished_study, tmp_path)
    tiny_config["training"]["momentum"] = 0.8
    study.configure(tiny_config)
    status, lists, output = verified(study)
    assert status == 1, output
    assert any(line.startswith(f"{FILES['settings']}: other settings: training") for line in lists[OUTDATED]), output


def test_without_snakemakes_memory_what_the_configuration_would_make_otherwise_is_named(
    finished_study, tmp_path, tiny_config
):
    study = copied(finished_study, tmp_path)
    shutil.rmtree(study.folder / ".snakemake")
    assert verified(study)[0] == 0
    tiny_config["attacks"][0]["options"]["parameters"]["steps"] = 4
    tiny_config["seeds"] = [1, 0]
    study.configure(tiny_config)
    status, lists, output = verified(study)
    attacked = {f"{run}/pgd/best/perturbations.h5: other parameters: options" for run in (RELU, LINEAR)}
    assert status == 1 and attacked <= set(lists[OUTDATED]), output
    assert any("seed=1/checkpoints.h5" in path for path in lists[MISSING]) and DAMAGED not in lists
    # named, so that it can be removed: then the study is made as it is configured
    for line in lists[OUTDATED]:
        (study.folder / line.split(":")[0]).unlink()
    study.run()
    status, _, output = verified(study)
    assert status == 0, output


def test_what_is_no_part_of_the_study_is_listed_apart(finished_study, tmp_path, tiny_config):
    study = copied(finished_study, tmp_path)
    (study.folder / f"{RELU}/.checkpoints.h5.x1y2").write_bytes(b"half")
    (study.folder / f"{RELU}/checkpoints.unfinished").mkdir()
    (study.folder / f"{RELU}/checkpoints.unfinished/learning_rate=0.01.h5").write_bytes(b"half")
    (study.folder / "results/tiny/notes.txt").write_text("mine")
    tiny_config["transfers"], tiny_config["lines"], tiny_config["claims"] = [], [], {}
    study.configure(tiny_config)
    _, lists, output = verified(study)
    assert len(lists[LEFT]) == 2 and "results/tiny/notes.txt" in lists[FOREIGN], output
    assert f"{RELU}/moved/best/perturbations.h5" in lists[FOREIGN]
    assert DAMAGED not in lists  # what read them is made otherwise now, nothing is broken
    # each with its size, and one command that removes them and nothing else, a folder in one
    assert "results/tiny/notes.txt (4 bytes)" in output
    (command,) = lists[next(title for title in lists if title.startswith("to remove those"))]
    assert f"{RELU}/moved " in command and f"{RELU}/moved/" not in command, command
    before = {path for path in study.folder.rglob("*") if path.is_file()}
    subprocess.run(command, shell=True, check=True, cwd=study.folder)
    gone = before - {path for path in study.folder.rglob("*") if path.is_file()}
    assert {str(path.relative_to(study.folder)) for path in gone} == {*lists[LEFT], *lists[FOREIGN]}


def test_work_from_which_a_job_goes_on_is_not_called_a_leftover(finished_study, tmp_path):
    study = copied(finished_study, tmp_path)
    (study.folder / f"{RELU}/pgd/best/perturbations.h5").unlink()
    (study.folder / f"{RELU}/pgd/best/perturbations.unfinished").mkdir()
    (study.folder / f"{RELU}/pgd/best/perturbations.unfinished/batch.h5").write_bytes(b"half")
    _, lists, output = verified(study)
    assert lists[UNFINISHED] == [f"{RELU}/pgd/best/perturbations.unfinished/batch.h5"], output
    assert LEFT not in lists and not any(title.startswith("to remove") for title in lists)


def test_a_file_that_another_program_has_open_is_not_called_damaged_nor_what_is_made_of_it(finished_study, tmp_path):
    study = copied(finished_study, tmp_path)
    path = f"{RELU}/pgd/best/perturbations.h5"
    with h5py.File(study.folder / path, "r+"):  # a notebook that forgot to close it
        status, lists, output = verified(study)
    assert status == 1 and f"{path}: cannot be read now, as another program has it open for writing" in output
    assert {path, f"{RELU}/pgd/best/spectra.h5"} <= {line.split(":")[0] for line in lists[UNREAD]}, output
    assert all(path in line for line in lists[UNREAD]), output  # or made of it
    assert DAMAGED not in lists and OUTDATED not in lists
    assert verified(study)[0] == 0


def test_a_code_change_is_named_with_its_module(finished_study, tmp_path):
    study = copied(finished_study, tmp_path)
    with open(study.folder / "workflow/lib/advspectra/fourier.py", "a") as file:
        file.write("\nADDED = 1\n")
    _, lists, output = verified(study)
    assert f"{RELU}/pgd/best/spectra.h5: other code: fourier.py" in lists[OUTDATED], output
    assert not any("perturbations.h5" in line for line in lists[OUTDATED])


def test_every_table_and_figure_says_what_made_it(finished_study):
    results = finished_study.folder / "results/tiny"
    for path in [*results.glob("tables/*.csv"), *results.rglob("figures/**/*.png")]:
        facts = json.loads(path.with_suffix(".json").read_text())
        assert set(facts) == {
            *("parameters", "code", "versions", "inputs_sha256", "commit", "uncommitted"),
            *("inputs_made_by", "outputs_sha256"),
        }
        outputs = {str((results.parents[1] / output).relative_to(results)) for output in facts["outputs_sha256"]}
        assert str(path.relative_to(results)) in outputs
        assert all((results.parents[1] / input).exists() for input in facts["inputs_sha256"])
    about = json.loads(Image.open(results / "figures/fig08.png").text["Description"])
    assert about["code"] == json.loads((results / "figures/fig08.json").read_text())["code"]
    assert len(about["inputs_sha256"]) == 64 and imread(results / "figures/fig08.png").ndim == 3
    assert b"/Subject" in (results / "figures/fig08.pdf").read_bytes()


@pytest.fixture
def repository(tmp_path):
    """A study whose workflow is under version control."""
    study = Study(tmp_path, CONFIG)
    (tmp_path / ".gitignore").write_text("results/\n.snakemake/\n__pycache__/\n")
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "All"]):
        identity = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)
    return study


def test_a_result_states_its_commit_and_what_was_not_committed(repository):
    def stated():
        repository.run("results/tiny/bands/images.h5", "--forceall")
        with h5py.File(repository.folder / "results/tiny/bands/images.h5") as file:
            return file.attrs["commit"].decode(), json.loads(file.attrs["uncommitted"])

    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repository.folder, capture_output=True, text=True)
    assert stated() == (head.stdout.strip(), [])
    (repository.folder / "study.yaml").write_text((repository.folder / "study.yaml").read_text() + "\n")
    assert stated() == (head.stdout.strip(), [])  # what of the configuration counts stands in the parameters
    with open(repository.folder / "workflow/lib/advspectra/fourier.py", "a") as file:
        file.write("\n# a remark\n")
    (repository.folder / "workflow/lib/advspectra/models/mine.py").write_text("")
    changed = ["workflow/lib/advspectra/fourier.py", "workflow/lib/advspectra/models/mine.py"]
    assert stated() == (head.stdout.strip(), changed)
