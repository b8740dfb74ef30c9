"""`snakemake verify` names what is damaged, foreign or out of date, and needs nothing but results and configuration."""

import copy
import json
import os
import pickle
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
from matplotlib.image import imread
from PIL import Image
from study import CONFIG, SNAKEMAKE, Study, copied, shared

from advspectra_study.job.reader import Reader
from advspectra_study.verify import verification
from advspectra_study.verify.verification import IN_WORDS, verify

pytestmark = pytest.mark.slow

RELU = "results/tiny/bands/bounded_width_3-relu/depth=1/alpha=1/seed=0"
LINEAR = "results/tiny/bands/fully_connected-linear/depth=1/alpha=1/seed=0"
FILES = {
    "images": "results/tiny/bands/images.h5",
    "settings": f"{RELU}/training.json",
    "checkpoints": f"{RELU}/checkpoints.h5",
    "history": f"{LINEAR}/history.csv",
    "mark": f"{LINEAR}/checkpoints.kept/best",
    "predictor": f"{LINEAR}/predictor.h5",
    "perturbations": f"{RELU}/pgd/best/perturbations.h5",
    "spectra": f"{RELU}/minimal/best/spectra.h5",
    "lines": f"{RELU}/minimal/best/lines.h5",
    "table": "results/tiny/tables/table1.csv",
    "table in Markdown": "results/tiny/tables/table2.md",
    "figure": "results/tiny/figures/fig08.pdf",
    "figure as PNG": "results/tiny/figures/fig10.png",
    "numbers of a figure": "results/tiny/figures/fig05.csv",
    "caption": "results/tiny/figures/fig11.md",
    "provenance": "results/tiny/tables/table3.json",
    "measures": "results/tiny/measures.csv",
    "claims": "results/tiny/claims.json",
    "audit": "results/tiny/audit.csv",
    "explorer": "results/tiny/explorer.html",
    "report": "results/tiny/report.html",
}


def verified(study):
    """Return the exit status of `snakemake verify` and what it prints, listed and as it is."""
    done = study.snakemake("verify")
    assert "Traceback" not in done.stderr, done.stderr
    assert "Finished" in done.stderr or "Error in rule verify" in done.stderr, done.stderr
    return done.returncode, listed(done.stdout), done.stdout


def listed(output):
    """The lines that verify prints, those of each list under its title."""
    lists, title = {}, ""
    for line in output.splitlines():
        if line.startswith("  "):
            lists[title].append(re.sub(r" \([\d.]+ \w+\)$", "", line.strip()))  # without the size of the file
        else:
            title = re.sub(r"^\d+ ", "", line).split(":")[0].split(";")[0]
            lists[title] = []
    return lists


DAMAGED = "damaged, or missing although results made from them exist"
OUTDATED, WAITING = "out of date", "made from such files"
MISSING, FOREIGN = "not made yet", "not part of the study as configured"
LEFT = "left by killed jobs, or in use by jobs that run now"
REPAIR = "to make them again, with the results made from them"
UNREAD, UNFINISHED = "cannot be read now", "unfinished, or kept from before"


def flip(path):
    """Change one bit in the middle of an array of a result, or of another file; put one into an empty file."""
    content = bytearray(path.read_bytes() or b"\0")
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
    assert status == 0 and f"results/tiny: {len(there)} files are complete" in output
    ((size,),) = lists.values()
    assert re.match(r"\d\.\d+ MB on disk: .*perturbations \d+ kB", size), size
    assert (results / "logs/verify.log").read_text().startswith("results/tiny: ")


def repaired(study, lists):
    """Follow the command that verify printed, and demand success."""
    (command,) = lists[REPAIR]
    program, *arguments = shlex.split(command)
    assert program == "snakemake"
    done = SNAKEMAKE.run(arguments, study.folder, NO_COLOR="1")
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def bytes_of(study):
    """Return the content of all results, by path."""
    results = study.folder / "results/tiny"
    files = [path for path in results.rglob("*") if path.is_file()]
    return {
        str(path.relative_to(study.folder)): path.read_bytes()
        for path in files
        if path.relative_to(results).parts[0] not in ("logs", "benchmarks")
    }


def paths(lines):
    return {line.split(": ")[0] for line in lines}


def test_a_changed_bit_in_a_file_of_each_kind_is_named_and_the_printed_command_makes_it_anew(finished_study, tmp_path):
    study = copied(finished_study, tmp_path)
    for path in FILES.values():
        flip(study.folder / path)
    status, lists, output = verified(study)
    assert status == 1
    # those that were damaged and no other, but for files that a damaged one vouches for
    assert paths(lists[DAMAGED]) == set(FILES.values()), output
    assert OUTDATED not in lists and "and " in lists[WAITING][-1]
    assert lists[REPAIR] == ["snakemake repair --cores 2 --configfile study.yaml"]
    shutil.rmtree(study.folder / ".snakemake")  # what Snakemake remembers is not needed
    repaired(study, lists)
    assert verified(study)[0] == 0
    assert bytes_of(study) == bytes_of(finished_study)
    assert "Nothing to be done" in study.run("--dry-run").stdout


# a study with a third of the figures, for repairs
SMALL = CONFIG | {"attacks": CONFIG["attacks"][:1], "transfers": [], "lines": [], "claims": {}}


@pytest.fixture(scope="module")
def small_study(tmp_path_factory):
    return shared(tmp_path_factory, "small", lambda folder: Study(folder, SMALL).run())


@pytest.fixture(scope="module")
def expected(finished_study, tmp_path_factory):
    """What `verify` gets from the configuration of the finished study."""
    study = copied(finished_study, tmp_path_factory.mktemp("expected"))
    with open(study.folder / "Snakefile", "a") as file:
        file.write("\nimport pickle\nwith open('expected', 'wb') as file:\n    pickle.dump(PLAN.expected(), file)\n")
    study.run("--dry-run")
    return pickle.loads((study.folder / "expected").read_bytes())


REPAIR_COMMAND = "snakemake repair --cores 2 --configfile study.yaml"


@pytest.fixture
def judged(expected, monkeypatch):
    """`verified` for a study configured as the finished one, in this process: seconds sooner."""

    def judge(study):
        monkeypatch.chdir(study.folder)
        report = verify("results/tiny", expected)
        output = "\n".join(report.lines("results/tiny", REPAIR_COMMAND, waiting=3))
        return int(not report.whole), listed(output), output

    return judge


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def zero_a_sector(path):
    """As a failing disk leaves it: 512 bytes, in an HDF5 file where its attributes lie."""
    content = bytearray(path.read_bytes())
    start = max(content.find(b"GCOL"), 0) + 64 if path.suffix == ".h5" else 0
    content[start : start + 512] = bytes(512)[: len(content) - start]
    path.write_bytes(content)


DAMAGES = {"deleted": Path.unlink, "truncated": truncate, "a bit flipped": flip, "a sector zeroed": zero_a_sector}


class Remembering(Reader):
    """Reads a file again only where it has changed."""

    answers: dict[tuple, tuple] = {}

    def __call__(self, function, path):
        status = os.stat(path)
        asked = path, status.st_mtime_ns, status.st_size
        if asked not in self.answers:
            self.answers[asked] = super().__call__(function, path)
        return self.answers[asked]


def test_one_damaged_file_of_each_kind_is_named_and_no_other(finished_study, expected, tmp_path, monkeypatch):
    study = copied(finished_study, tmp_path)
    monkeypatch.chdir(study.folder)
    monkeypatch.setattr(verification, "Reader", Remembering)
    named = {}
    for kind, path in FILES.items():
        content = Path(path).read_bytes()
        for damage, change in DAMAGES.items():
            change(Path(path))
            if not Path(path).exists() or Path(path).read_bytes() != content:  # from an empty file nothing can be cut
                named[kind, damage] = verify("results/tiny", expected).to_repair
            Path(path).write_bytes(content)
    wrong = {case: found for case, found in named.items() if found != [FILES[case[0]]]}
    print(f"{len(named) - len(wrong)} of {len(named)} named alone")
    assert wrong == {}
    assert verify("results/tiny", expected).whole


def test_a_deleted_intermediate_and_a_lost_mark_are_made_anew_without_a_training_or_anything_else_being_lost(
    small_study, tmp_path
):
    """Of a finished study `snakemake` alone would do nothing about it."""
    study = copied(small_study, tmp_path)
    before = bytes_of(study)
    (study.folder / FILES["checkpoints"]).unlink()
    (study.folder / FILES["mark"]).unlink()
    assert "Nothing to be done" in study.run("--dry-run").stdout
    _, lists, output = verified(study)
    assert paths(lists[DAMAGED]) == {FILES["checkpoints"], FILES["mark"]} and OUTDATED not in lists, output
    assert f"{FILES['mark']}: missing, though {LINEAR}/checkpoints.h5 is there" in lists[DAMAGED]
    # what was made from the checkpoints is as it was, and so is the other training: they are taken back
    repaired(study, lists)
    assert verified(study)[0] == 0 and bytes_of(study) == before
    attack, training = f"pgd/{RELU}/best".replace("results/tiny/bands/", ""), LINEAR.removeprefix("results/tiny/bands/")
    for log in (attack, f"train/{training}"):
        assert "it was kept from before" in (study.folder / f"results/tiny/logs/{log}.log").read_text()


def test_a_repair_that_fails_leaves_all_that_there_was(finished_study, tmp_path):
    study = copied(finished_study, tmp_path)
    (study.folder / f"{RELU}/history.csv").unlink()
    before = bytes_of(study)
    script = study.folder / "workflow/scripts/train.py"
    script.write_text(
        script.read_text().replace("    identity, settings =", "    raise MemoryError\n    identity, settings =")
    )
    done = study.snakemake("repair")
    assert done.returncode != 0 and "rule train: MemoryError" in done.stderr
    assert bytes_of(study) == before


def test_an_edited_verdict_is_named_and_not_what_was_made_from_it(finished_study, judged, tmp_path):
    study = copied(finished_study, tmp_path)
    claims = study.folder / "results/tiny/claims.json"
    claims.write_text(claims.read_text().replace('"verdict": "', '"verdict": "not ', 1))
    _, lists, output = judged(study)
    assert paths(lists[DAMAGED]) == {"results/tiny/claims.json"} and OUTDATED not in lists, output


def test_an_edited_learning_rate_is_named_and_not_what_was_made_from_it(finished_study, judged, tmp_path):
    study = copied(finished_study, tmp_path)
    settings = study.folder / FILES["settings"]
    settings.write_text(settings.read_text().replace('"learning_rate": 0.01', '"learning_rate": 0.02'))
    _, lists, output = judged(study)
    assert paths(lists[DAMAGED]) == {FILES["settings"]} and OUTDATED not in lists, output


def test_files_of_other_runs_states_and_images_are_named(finished_study, judged, tmp_path):
    study = copied(finished_study, tmp_path)
    swaps = {
        f"{RELU}/pgd/best/perturbations.h5": f"{LINEAR}/pgd/best/perturbations.h5",  # of another network
        f"{RELU}/minimal/best/lines.h5": f"{RELU}/minimal/step=0/lines.h5",  # of another state
        f"{LINEAR}/predictor.h5": f"{LINEAR}/checkpoints.h5",  # of another kind
    }
    for place, source in swaps.items():
        shutil.copy(finished_study.folder / source, study.folder / place)
    status, lists, output = judged(study)
    text = "\n".join(lists[DAMAGED] + lists.get(OUTDATED, []))
    assert status == 1
    for place in swaps:
        assert place in text, output


def test_numbers_that_no_computation_gives_and_shapes_that_do_not_fit_are_named(finished_study, judged, tmp_path):
    from advspectra.files.hdf5 import DIGEST, content_sha256

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
    _, lists, output = judged(study)
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
    from advspectra.files.hdf5 import DIGEST, content_sha256

    with h5py.File(path, "r+") as file:
        change(file)
        for group in file.get("states", {}).values():
            group.attrs[DIGEST] = content_sha256(group)
        file.attrs[DIGEST] = content_sha256(file)


def test_what_was_made_of_another_state_is_named(finished_study, judged, tmp_path):
    study = copied(finished_study, tmp_path)

    def train_on(file):
        for weights in file["states/best"].values():
            weights[...] = weights[()] * 2

    rewritten(study.folder / f"{RELU}/checkpoints.h5", train_on)
    status, lists, output = judged(study)
    named = "\n".join(lists[OUTDATED])
    assert status == 1 and DAMAGED not in lists and f"{RELU}/checkpoints.h5:" not in named, output
    for path in (f"{RELU}/pgd/best/perturbations.h5", f"{RELU}/minimal/best/lines.h5"):
        assert f"{path}: made from another checkpoint 'best'" in named, output
    assert "minimal/step=0" not in named


def test_what_was_made_from_other_images_is_named(finished_study, judged, tmp_path):
    study = copied(finished_study, tmp_path)

    def brighten(file):
        file["test/images"][0] = 255 - file["test/images"][0]

    rewritten(study.folder / FILES["images"], brighten)
    status, lists, output = judged(study)
    named = "\n".join(lists[OUTDATED])
    assert status == 1 and DAMAGED not in lists, output
    for path in (FILES["settings"], f"{RELU}/checkpoints.h5", f"{LINEAR}/pgd/best/perturbations.h5"):
        assert f"{path}: made from {FILES['images']}, which is gone or has changed since" in named, output
    assert "spectra.h5" not in named and f", which {IN_WORDS['outdated']}" in lists[WAITING][0]


def test_other_settings_of_the_training_are_named(finished_study, tmp_path, tiny_config):
    study = copied(finished_study, tmp_path)
    tiny_config["training"]["momentum"] = 0.8
    study.configure(tiny_config)
    status, lists, output = verified(study)
    assert status == 1, output
    assert any(line.startswith(f"{FILES['settings']}: other settings: training") for line in lists[OUTDATED]), output


def test_without_snakemakes_memory_what_the_configuration_would_make_otherwise_is_named(small_study, tmp_path):
    study, tiny_config = copied(small_study, tmp_path), copy.deepcopy(SMALL)
    shutil.rmtree(study.folder / ".snakemake")
    assert verified(study)[0] == 0
    tiny_config["attacks"][0]["options"]["parameters"]["steps"] = 4
    tiny_config["networks"][0]["seeds"] = [1, 0]
    study.configure(tiny_config)
    status, lists, output = verified(study)
    attacked = {f"{run}/pgd/best/perturbations.h5: other parameters: options" for run in (RELU, LINEAR)}
    assert status == 1 and attacked <= set(lists[OUTDATED]), output
    assert any("seed=1/checkpoints.h5" in path for path in lists[MISSING]) and DAMAGED not in lists
    repaired(study, lists)
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
    assert "results/tiny/notes.txt (4 B)" in output
    (command,) = lists[next(title for title in lists if title.startswith("to remove those"))]
    assert f"{RELU}/moved " in command and f"{RELU}/moved/" not in command, command
    before = {path for path in study.folder.rglob("*") if path.is_file()}
    subprocess.run(command, shell=True, check=True, cwd=study.folder)
    gone = before - {path for path in study.folder.rglob("*") if path.is_file()}
    assert {str(path.relative_to(study.folder)) for path in gone} == {*lists[LEFT], *lists[FOREIGN]}


def test_work_from_which_a_job_goes_on_is_not_called_a_leftover(finished_study, judged, tmp_path):
    study = copied(finished_study, tmp_path)
    (study.folder / f"{RELU}/pgd/best/perturbations.h5").unlink()
    (study.folder / f"{RELU}/pgd/best/perturbations.unfinished").mkdir()
    (study.folder / f"{RELU}/pgd/best/perturbations.unfinished/batch.h5").write_bytes(b"half")
    _, lists, output = judged(study)
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
            *("inputs_made_by", "outputs_sha256", "content_sha256"),
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
