"""What `verify` says of a study: each file by its own content, by what it was made from, and by the configuration."""

import copy
import fcntl
import json
import os
import shutil
from contextlib import chdir, contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from small_study import (
    BEST,
    CHECKPOINTS,
    CSV,
    DELTA,
    DELTA_START,
    FOLDER,
    HISTORY,
    IMAGES,
    MARKDOWN,
    NOTES,
    PREDICTOR,
    REPORT,
    RUN,
    SETTINGS,
    SPECTRA,
    START,
    TABLE,
    rewrite,
    rewrite_json,
    write_small_study,
)

from advspectra_study.job import reader
from advspectra.files.hdf5 import DIGEST, content_sha256
from advspectra_study.verify import one_file, verification
from advspectra_study.verify.verification import verify

GONE_OR_CHANGED = "which is gone or has changed since"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    with chdir(folder):
        return folder, write_small_study()


class Here:
    """Reads in this process, which takes less time than a process of its own, and says what."""

    opened = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __call__(self, function, path):
        self.opened.append(path)
        return function(path)


@pytest.fixture
def expected(made, tmp_path, monkeypatch):
    """What the study would be made from; the working folder is a copy of it."""
    shutil.copytree(made[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(verification, "Reader", Here)
    return copy.deepcopy(made[1])


def found(expected):
    """Return what is said of the files that are not whole, by path, under the name of each list."""
    report = verify(FOLDER, expected)
    lists = {name: getattr(report, name) for name in ("damaged", "outdated", "waiting", "unread", "missing")}
    said = sum(map(len, lists.values()))
    assert len(report.good) + said == len(expected)
    return {name: content for name, content in lists.items() if content}


def waiting(how, root, why, *paths):
    return dict.fromkeys(paths, f"{how} {root}, which {why}")


def test_a_whole_study_is_named_good_file_by_file_in_order(expected):
    report = verify(FOLDER, expected)
    assert report.good == list(expected) and report.whole and report.to_repair == []
    assert report.foreign == report.leftovers == report.unfinished == report.missing == []


def test_what_is_missing_and_not_needed_by_anything_there_is_not_made_yet(expected):
    Path(REPORT).unlink()
    assert found(expected) == {"missing": [REPORT]}
    shutil.rmtree(FOLDER)
    report = verify(FOLDER, expected)
    assert report.missing == list(expected) and report.good == [] and report.whole


def test_missing_checkpoints_are_damage_and_what_was_made_of_them_waits(expected):
    Path(CHECKPOINTS).unlink()
    assert found(expected) == {
        "damaged": {CHECKPOINTS: f"missing, though {HISTORY} is there"},
        "waiting": waiting("vouched for by", CHECKPOINTS, "is missing", HISTORY, BEST, START)
        | waiting("made from a checkpoint in", CHECKPOINTS, "is missing", PREDICTOR, DELTA, DELTA_START)
        | waiting("made from", CHECKPOINTS, "is missing", SPECTRA, TABLE, REPORT),
    }


def test_damaged_checkpoints_alone_are_named_damaged(expected):
    Path(CHECKPOINTS).write_bytes(Path(CHECKPOINTS).read_bytes()[:1000])
    said = found(expected)
    assert list(said["damaged"]) == [CHECKPOINTS] and "outdated" not in said and "missing" not in said
    assert said["waiting"][BEST] == f"vouched for by {CHECKPOINTS}, which is damaged"
    assert said["waiting"][DELTA] == f"made from a checkpoint in {CHECKPOINTS}, which is damaged"
    assert set(said["waiting"]) == {HISTORY, BEST, START, PREDICTOR, DELTA, DELTA_START, SPECTRA, TABLE, REPORT}


def test_of_a_missing_mark_the_checkpoints_know_and_of_a_foreign_one_not(expected):
    Path(BEST).unlink()
    assert found(expected) == {"damaged": {BEST: f"missing, though {CHECKPOINTS} is there"}}
    Path(BEST).touch()
    other = f"{RUN}/checkpoints.kept/step=7"
    expected[other] = expected[BEST]
    assert found(expected) == {"missing": [other]}
    Path(other).touch()
    assert found(expected) == {"damaged": {other: f"{CHECKPOINTS} does not know it"}}


def test_a_mark_with_content_is_damaged(expected):
    Path(START).write_text("x")
    assert found(expected) == {
        "damaged": {START: f"changed since it was made with {CHECKPOINTS}, which states another digest"}
    }


def test_the_history_is_held_against_its_checkpoints(expected):
    content = Path(HISTORY).read_text()
    Path(HISTORY).write_text(content.replace("0.5", "0.6"))
    assert found(expected) == {
        "damaged": {HISTORY: f"changed since it was made with {CHECKPOINTS}, which states another digest"}
    }
    Path(HISTORY).unlink()
    assert found(expected) == {"damaged": {HISTORY: f"missing, though {CHECKPOINTS} is there"}}


def test_a_missing_intermediate_is_damage_as_what_was_made_from_it_is_there(expected):
    Path(SPECTRA).unlink()
    assert found(expected) == {
        "damaged": {SPECTRA: f"missing, though {TABLE} is there"},
        "waiting": waiting("made from", SPECTRA, "is missing", TABLE, REPORT),
    }
    Path(TABLE).unlink()  # of which the report and its own other files know
    assert found(expected) == {
        "damaged": {TABLE: f"missing, though {CSV} is there"},
        "missing": [SPECTRA],
        "waiting": waiting("vouched for by", TABLE, "is missing", CSV, MARKDOWN)
        | waiting("made from", TABLE, "is missing", REPORT),
    }


def test_missing_images_are_needed_by_the_first_file_made_from_them(expected):
    Path(IMAGES).unlink()
    said = found(expected)
    assert said["damaged"] == {IMAGES: f"missing, though {SETTINGS} is there"}
    roots = waiting("made from", IMAGES, "is missing", SETTINGS, CHECKPOINTS, PREDICTOR, DELTA, SPECTRA, TABLE, REPORT)
    assert said["waiting"] == roots | waiting("made from", IMAGES, "is missing", DELTA_START)


@pytest.mark.parametrize("path", [CSV, MARKDOWN])
def test_a_table_is_held_against_the_digest_beside_it(expected, path):
    Path(path).write_text("1.1")
    assert found(expected) == {
        "damaged": {path: f"changed since it was made with {TABLE}, which states another digest"}
    }
    Path(path).unlink()
    assert found(expected) == {"damaged": {path: f"missing, though {TABLE} is there"}}
    Path(path).mkdir()
    assert found(expected) == {"damaged": {path: "expected a file, found a folder"}}


def test_a_table_of_which_the_file_beside_it_does_not_know_is_damaged(expected):
    rewrite_json(TABLE, outputs_sha256={CSV: json.loads(Path(TABLE).read_text())["outputs_sha256"][CSV]})
    said = found(expected)
    assert said["damaged"] == {MARKDOWN: f"{TABLE} does not know it"}
    assert said["outdated"] == {REPORT: f"made from {TABLE}, {GONE_OR_CHANGED}"}


def test_an_edited_json_file_is_named_itself_and_what_it_vouches_for_waits(expected):
    Path(TABLE).write_text(Path(TABLE).read_text().replace('"a.py": "1"', '"a.py": "3"'))
    assert found(expected) == {
        "damaged": {TABLE: "damaged or changed: its digest is not the one that it states"},
        "waiting": waiting("vouched for by", TABLE, "is damaged", CSV, MARKDOWN)
        | waiting("made from", TABLE, "is damaged", REPORT),
    }


def test_an_edited_learning_rate_is_named_where_it_stands(expected):
    Path(SETTINGS).write_text(Path(SETTINGS).read_text().replace("0.01", "0.02"))
    said = found(expected)
    assert said["damaged"] == {SETTINGS: "damaged or changed: its digest is not the one that it states"}
    assert said["waiting"] == waiting(
        "made from", SETTINGS, "is damaged", PREDICTOR, DELTA, DELTA_START, SPECTRA, TABLE, REPORT
    )


def test_a_json_file_of_an_older_version_is_out_of_date(expected):
    facts = json.loads(Path(TABLE).read_text())
    del facts["content_sha256"]
    Path(TABLE).write_text(json.dumps(facts))
    said = found(expected)
    assert said["outdated"] == {TABLE: "states no digest of its own; an older version of the workflow has made it"}
    assert said["waiting"][CSV] == f"vouched for by {TABLE}, which is out of date"
    assert said["waiting"][REPORT] == f"made from {TABLE}, which is out of date"


# what the study would make otherwise -> what is said of the file
OTHERWISE = {
    "another value": (DELTA, {"parameters": {"options": {"steps": 4}}}, "other parameters: options"),
    "one more": (DELTA, {"parameters": {"seed": 0}}, "other parameters: seed"),
    "null is not nothing": (DELTA, {"parameters": {"seed": None}}, "other parameters: seed"),
    "another code": (SPECTRA, {"code": {"a.py": "3"}}, "other code: a.py"),
    "two modules": (SPECTRA, {"code": {"b.py": "3", "a.py": "3"}}, "other code: a.py, b.py"),
    "another setting": (SETTINGS, {"settings": {"learning_rate": 0.02}}, "other settings: learning_rate"),
    "one setting more": (SETTINGS, {"settings": {"precision": None}}, "other settings: precision"),
    "parameters before code": (SPECTRA, {"code": {"a.py": "3"}, "parameters": {"z": 1}}, "other parameters: z"),
}


@pytest.mark.parametrize("case", OTHERWISE)
def test_what_the_study_would_make_otherwise_is_named_with_what_differs(expected, case):
    path, change, why = OTHERWISE[case]
    for section, values in change.items():
        expected[path][section] = expected[path][section] | values
    assert found(expected)["outdated"] == {path: why}


def test_settings_that_a_file_has_and_the_study_would_not_are_named(expected):
    del expected[SETTINGS]["settings"]["search"]  # which is null there
    assert found(expected)["outdated"] == {SETTINGS: "other settings: search"}
    del expected[SETTINGS]["settings"]
    assert found(expected)["outdated"] == {SETTINGS: "other settings: learning_rate, search"}


def test_other_inputs_are_named_first_and_the_first_of_several(expected):
    expected[REPORT] |= {"inputs": [TABLE, "a.csv"], "code": {}}
    assert found(expected) == {"outdated": {REPORT: "other inputs: a.csv"}}
    expected[REPORT]["inputs"] = ["b.csv"]
    assert found(expected) == {"outdated": {REPORT: "other inputs: b.csv ..."}}


def test_other_data_are_named_by_their_path(expected):
    expected[IMAGES]["parameters"]["data"] = {"photos.tar": "1"}
    rewrite(IMAGES, parameters=json.dumps(expected[IMAGES]["parameters"]))
    expected[IMAGES]["parameters"]["data"] = {"photos.tar": "2", "labels.csv": "2"}
    said = found(expected)["outdated"]
    assert said[IMAGES] == "made from other data than there are now in photos.tar, labels.csv"
    del expected[IMAGES]["parameters"]["data"]
    assert found(expected)["outdated"][IMAGES] == "other parameters: data"
    expected[IMAGES]["parameters"] |= {"data": {}, "more": 1}
    assert found(expected)["outdated"][IMAGES] == "other parameters: data, more"


def test_a_list_and_a_tuple_are_the_same_setting_as_both_are_written_alike(expected):
    expected[DELTA]["parameters"]["options"] = {"steps": 3, "rates": (1, 2)}
    rewrite(DELTA, parameters=json.dumps(expected[DELTA]["parameters"]))
    assert DELTA not in found(expected).get("outdated", {})


def test_files_of_the_workflow_are_known_by_one_name_wherever_it_lies(expected):
    from advspectra_study.job.origin import ROOT, sha256

    name = "workflow/reference/paper.yaml"
    expected[REPORT]["inputs"] = [TABLE, str(ROOT / name)]
    inputs = json.loads(Path(REPORT).read_text())["inputs_sha256"]
    rewrite_json(REPORT, inputs_sha256=inputs | {name: sha256(ROOT / name)})
    assert found(expected) == {}
    rewrite_json(REPORT, inputs_sha256=inputs | {name: "0"})
    assert found(expected) == {"outdated": {REPORT: f"made from {name}, {GONE_OR_CHANGED}"}}


def test_an_input_that_is_no_result_is_named_when_it_changes_or_goes(expected):
    table = {"outdated": {TABLE: f"made from {NOTES}, {GONE_OR_CHANGED}"}}
    rest = {"waiting": waiting("made from", TABLE, "is out of date", REPORT)}
    Path(NOTES).write_text("other")
    assert found(expected) == table | rest
    Path(NOTES).unlink()
    assert found(expected) == table | rest


def test_of_two_faults_the_one_that_needs_a_remedy_of_its_own_is_named(expected):
    Path(NOTES).unlink()  # the table is out of date by itself
    Path(SPECTRA).write_bytes(b"")  # and waits
    said = found(expected)
    assert said["outdated"] == {TABLE: f"made from {NOTES}, {GONE_OR_CHANGED}"} and list(said["damaged"]) == [SPECTRA]


def test_other_images_are_named_by_all_that_was_made_from_the_first(expected):
    with h5py.File(IMAGES, "r+") as file:
        file["test/images"][0] = 255 - file["test/images"][0]
        file.attrs[DIGEST] = content_sha256(file)
    said = found(expected)
    direct = (SETTINGS, CHECKPOINTS, DELTA, DELTA_START)
    assert said["outdated"] == dict.fromkeys(direct, f"made from {IMAGES}, {GONE_OR_CHANGED}")
    assert said["waiting"] == {
        PREDICTOR: f"made from {SETTINGS}, which is out of date",
        SPECTRA: f"made from {DELTA}, which is out of date",
        TABLE: f"made from {DELTA}, which is out of date",
        REPORT: f"made from {DELTA}, which is out of date",
    }


def retrained():
    """Have another state best, as another training would, with the same marks and history."""
    with h5py.File(CHECKPOINTS, "r+") as file:
        group = file["states/best"]
        for weights in group.values():
            weights[...] = weights[()] * 2
        group.attrs[DIGEST] = content_sha256(group)
        file.attrs[DIGEST] = content_sha256(file)


def test_what_was_made_of_another_state_is_out_of_date_and_what_of_the_same_is_not(expected):
    retrained()
    why = f"made from another checkpoint 'best' than the one in {CHECKPOINTS}"
    said = found(expected)
    assert said["outdated"] == {PREDICTOR: why, DELTA: why, SPECTRA: why} and "damaged" not in said
    assert DELTA_START not in said["waiting"]


def test_a_state_of_a_training_that_the_study_does_not_have_is_not_vouched_for(expected):
    for path in (CHECKPOINTS, HISTORY, BEST, START):
        del expected[path]
    said = found(expected)["waiting"]
    assert said[DELTA] == "made from a checkpoint in a checkpoints.h5, which is missing"
    assert said[SPECTRA] == "made from a checkpoints.h5, which is missing"


def test_a_predictor_is_of_the_best_state_whatever_it_says(expected):
    rewrite(PREDICTOR, state_sha256=None)
    assert "waiting" in found(expected)  # the table: its content is another one
    with h5py.File(CHECKPOINTS) as file:
        start = file["states/step=0"].attrs[DIGEST]
    rewrite(PREDICTOR, state_sha256=start)
    assert (
        found(expected)["outdated"][PREDICTOR] == f"made from another checkpoint 'best' than the one in {CHECKPOINTS}"
    )


def test_a_state_that_its_group_misstates_is_known_by_its_weights(expected):
    with h5py.File(CHECKPOINTS, "r+") as file:
        file["states/best"].attrs[DIGEST] = "0"
        file.attrs[DIGEST] = content_sha256(file)
    assert found(expected) == {}


def test_checkpoints_out_of_date_still_vouch_for_what_was_made_with_them(expected):
    expected[CHECKPOINTS] = {**expected[CHECKPOINTS], "code": {}}
    for path in (HISTORY, BEST, START):
        expected[path] = expected[CHECKPOINTS]
    assert found(expected) == {"outdated": {CHECKPOINTS: "other code: a.py, b.py"}}


def test_the_states_that_a_training_keeps_are_no_reason(expected):
    with h5py.File(CHECKPOINTS) as file:
        assert "checkpoints" in json.loads(file.attrs["parameters"])
    assert "checkpoints" not in expected[CHECKPOINTS]["parameters"] and found(expected) == {}


def test_sizes_of_images_are_those_of_the_first_file(expected):
    delta = np.zeros((4, 3, 8, 9), dtype=np.float32)
    with h5py.File(DELTA, "r+") as file:
        del file["perturbation"]
        file["perturbation"] = delta
        file.attrs[DIGEST] = content_sha256(file)
    assert found(expected)["damaged"] == {DELTA: "expected images with W = 8, found 9"}


@pytest.mark.parametrize(("path", "sizes"), [(IMAGES, "CHWK"), (DELTA, "CHWK"), (SPECTRA, "HW"), (PREDICTOR, "CHW")])
def test_each_kind_of_file_is_held_to_the_sizes_that_it_has(expected, path, sizes):
    study = verification._Study(expected, None)
    others = dict.fromkeys("CHWKN", 7)
    assert study._other_form("results/s/d/images.h5", others) == ""
    for letter in "CHWKN":
        said = study._other_form(path, others | {letter: 8})
        assert said == (f"expected images with {letter} = 7, found 8" if letter in sizes else "")
    assert study._other_form("images.csv", {}) == study._other_form("x/lines.h5", {"N": 8}) == ""


def test_inputs_after_a_replaceable_one_count(expected):
    """As those of lines and of transfers: the perturbations stand after the checkpoints."""
    expected[TABLE]["inputs"] = [CHECKPOINTS, SPECTRA]
    rewrite_json(TABLE, inputs_sha256={CHECKPOINTS: "0", SPECTRA: "0"})
    assert found(expected)["outdated"][TABLE] == f"made from {SPECTRA}, {GONE_OR_CHANGED}"


@contextmanager
def locked(path):
    """Have another program write to an HDF5 file: this one's own process would be let in."""
    with open(path, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def test_what_another_program_has_open_is_unread_with_all_that_was_made_from_it(expected):
    with locked(DELTA):
        said = found(expected)
    opened = "cannot be read now, as another program has it open for writing; close it there"
    assert said == {
        "unread": {DELTA: opened, **waiting("made from", DELTA, "cannot be read now", SPECTRA, TABLE, REPORT)}
    }
    with locked(CHECKPOINTS):
        said = found(expected)
    assert set(said["unread"]) == {
        CHECKPOINTS,
        HISTORY,
        BEST,
        START,
        PREDICTOR,
        DELTA,
        DELTA_START,
        SPECTRA,
        TABLE,
        REPORT,
    }
    assert "waiting" not in said and said["unread"][HISTORY] == (
        f"vouched for by {CHECKPOINTS}, which cannot be read now"
    )


def test_an_unreadable_table_file_is_unread_with_what_it_vouches_for(expected, monkeypatch):
    def look(path):
        return ("unread", "the disk failed") if path == TABLE else real(path)

    real = verification.look
    monkeypatch.setattr(verification, "look", look)
    assert found(expected) == {
        "unread": {TABLE: "the disk failed"}
        | waiting("vouched for by", TABLE, "cannot be read now", CSV, MARKDOWN)
        | waiting("made from", TABLE, "cannot be read now", REPORT)
    }


def test_each_file_is_opened_once(expected, monkeypatch):
    """But for the input that is no result."""
    monkeypatch.setattr(Here, "opened", [])
    assert verify(FOLDER, expected).whole
    assert sorted(Here.opened) == sorted([*expected, NOTES])


def end_at_spectra(path):
    return os._exit(3) if path == SPECTRA else one_file.look(path)


def test_a_file_that_ends_the_process_that_reads_it_is_one_line(expected, monkeypatch):
    monkeypatch.setattr(verification, "Reader", reader.Reader)
    assert verify(FOLDER, expected).whole
    monkeypatch.setattr(verification, "look", end_at_spectra)
    assert found(expected) == {
        "damaged": {SPECTRA: "cannot be read: it ends the process that reads it (exit status 3)"},
        "waiting": waiting("made from", SPECTRA, "is damaged", TABLE, REPORT),
    }


def test_files_that_are_no_results_are_listed_beside(expected):
    Path(f"{FOLDER}/notes.txt").write_text("mine")
    report = verify(FOLDER, expected)
    assert report.foreign == [f"{FOLDER}/notes.txt"] and report.whole
