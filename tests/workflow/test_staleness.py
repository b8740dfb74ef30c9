"""Exactly the stale jobs rerun: after a change of code, of a parameter, of the study, and a touch of everything."""

import copy
import os
import re
from pathlib import Path

import pytest
from study import CONFIG, ROOT

LIBRARY = "workflow/lib/advspectra"
LINEAR, RELU = "fully_connected-linear/depth=1/alpha=1/seed=0", "bounded_width_3-relu/depth=1/alpha=1/seed=0"

STATES = ("best", "step=0")  # of the ReLU network under the attack `minimal` and its transfer `moved`
DEVELOPMENT = "bounded_width_3-relu/depth=1/alpha=1/minimal"

# The study's jobs and what each of them reads, written down by hand from the paper's tables and figures. What is made
# of a state reads the training too, but is not stale because of it: its settings are what tells of other states.
READS = {
    "images": set(),
    **{f"settings:{run}": {"images"} for run in (LINEAR, RELU)},
    **{f"train:{run}": {"images"} for run in (LINEAR, RELU)},
    f"predictor:{LINEAR}": {f"settings:{LINEAR}"},
    **{f"attack:{run}:pgd:best": {"images", f"settings:{run}"} for run in (LINEAR, RELU)},
    **{f"attack:{RELU}:minimal:{state}": {"images", f"settings:{RELU}"} for state in STATES},
    **{
        f"transfer:{RELU}:moved:{state}": {"images", f"settings:{RELU}", f"attack:{RELU}:minimal:best"}
        for state in STATES
    },
    **{f"spectra:{run}:pgd:best": {f"attack:{run}:pgd:best"} for run in (LINEAR, RELU)},
    **{f"spectra:{RELU}:minimal:{state}": {f"attack:{RELU}:minimal:{state}"} for state in STATES},
    **{f"spectra:{RELU}:moved:{state}": {f"transfer:{RELU}:moved:{state}"} for state in STATES},
    **{
        f"lines:{RELU}:minimal:{state}": {"images", f"settings:{RELU}", f"attack:{RELU}:minimal:{state}"}
        for state in STATES
    },
    "table_table1": {f"spectra:{LINEAR}:pgd:best", f"predictor:{LINEAR}"},
    "table_table2": {f"spectra:{RELU}:pgd:best"},
    "table_table3": set(),
    "table_table4": {f"train:{LINEAR}", f"train:{RELU}"},
    "table_table5": {f"train:{LINEAR}", f"train:{RELU}"},
    "table_table6": set(),
    "figure_fig04": {f"spectra:{RELU}:pgd:best", f"attack:{RELU}:pgd:best"},
    "figure_fig05": {f"spectra:{LINEAR}:pgd:best", f"spectra:{RELU}:pgd:best", f"predictor:{LINEAR}"},
    "figure_fig08": {f"spectra:{LINEAR}:pgd:best", f"attack:{LINEAR}:pgd:best", f"predictor:{LINEAR}"},
    "figure_fig09": {f"spectra:{LINEAR}:pgd:best"},
    "figure_fig10": {f"spectra:{RELU}:pgd:best"},
    "figure_fig11": {f"spectra:{LINEAR}:pgd:best", f"spectra:{RELU}:pgd:best"},
    # of the other attack
    "figure_with_note:fig04/minimal": {f"spectra:{RELU}:minimal:best", f"attack:{RELU}:minimal:best"},
    "figure_with_note:fig05/minimal": {f"spectra:{RELU}:minimal:best"},
    "figure_with_note:fig10/minimal": {f"spectra:{RELU}:minimal:best"},
}


def jobs(*rules):
    return [job for job in READS if job.split(":")[0] in rules]


def of_minimal(*rules):
    """The jobs of these rules of the attack `minimal`, whose development is drawn, and of its transfer."""
    return {job for job in jobs(*rules) if job.split(":")[2] != "pgd"}


READS |= {
    "table_development": set(jobs("train", "attack", "transfer", "spectra", "lines")),
    "measures": set(jobs("train", "predictor", "attack", "transfer", "spectra", "lines")),
    "claims": set(jobs("train", "predictor", "attack", "transfer", "spectra", "lines")),
    "audit": {"claims", *jobs("train", "predictor", "attack", "transfer", "spectra", "lines")},
    "table_distances": set(jobs("lines")),
    "table_success_accuracy": set(jobs("attack", "transfer")),
    **{f"figure_{name}:{DEVELOPMENT}": set(jobs("lines")) for name in ("fig01", "fig06", "fig07")},
    f"figure_fig02:{DEVELOPMENT}": {f"train:{RELU}", *of_minimal("attack", "transfer", "spectra")},
    f"figure_fig03:{DEVELOPMENT}": {
        job for job in of_minimal("attack", "spectra") if not job.startswith(f"spectra:{RELU}:moved")
    },
    f"figure_development:{DEVELOPMENT}": {f"train:{RELU}", *of_minimal("attack", "transfer", "spectra", "lines")},
}
TABLES = [job for job in READS if job.startswith("table_")]
FIGURES = [job for job in READS if job.startswith("figure_")]
NOTED = jobs("figure_with_note")
CLAIMS = ["claims", "audit"]
MEASURES = ["measures", *CLAIMS]
READS["report"] = {*CLAIMS, *TABLES, *FIGURES}
ALL = list(READS)
READERS = [*TABLES, *FIGURES, *MEASURES]
TRAINING = jobs("settings", "train")  # the settings of a run name the code that trains it


def figure_of(job):
    """The module that draws a figure."""
    return job.removeprefix("figure_with_note:").removeprefix("figure_").split(":")[0].split("/")[0]


def figures(*names):
    return [job for job in FIGURES if figure_of(job) in names]


def of(run, *rules):
    return [job for job in jobs(*rules) if job.split(":")[1] == run]


PAGE = ("audit", "doubts", "forest", "gaps", "pictures", "prose", "report", "verdicts", "views", "words")

# The jobs that run the code of each module themselves; what follows from them is worked out below.
RUNS_CODE_OF = {
    "files/hdf5.py": ALL,
    "files/atomic.py": ALL,
    "files/guard.py": ALL,
    "files/layout.py": ALL,
    "machine/memory.py": ALL,
    "files/images.py": ["images", *TRAINING, *jobs("attack", "transfer", "lines"), *TABLES, *CLAIMS],
    "datasets/band_features.py": ["images"],
    "datasets/cifar10.py": [],
    "datasets/image_folder.py": [],
    "sources/bands.py": ["images"],
    "sources/image_tree.py": [],
    "sources/image_archive.py": [],
    "sources/decoding.py": [],
    "files/litter.py": [],
    "machine/countdown.py": [*TRAINING, *jobs("attack", "transfer", "lines")],
    "machine/devices.py": [*TRAINING, *jobs("attack", "transfer", "lines")],
    "machine/gpu_slots.py": [*TRAINING, *jobs("attack", "transfer", "lines")],
    "files/progress.py": [*TRAINING, *jobs("attack", "transfer", "lines")],
    "files/formats.py": [],
    "checks.py": [],
    "split.py": [*TRAINING, *jobs("attack", "transfer", "lines")],
    "networks/build.py": [*TRAINING, *jobs("predictor", "attack", "transfer", "lines")],
    "layers.py": [*TRAINING, *jobs("predictor", "attack", "transfer", "lines")],
    "models/fully_connected.py": of(LINEAR, "settings", "train", "predictor", "attack"),
    "models/bounded_width_convolution.py": of(RELU, "settings", "train", "attack", "transfer", "lines"),
    "models/full_width_convolution.py": [],
    "models/locally_connected.py": [],
    "models/resnet18.py": [],
    "models/shallow_resnet.py": [],
    "models/vgg19.py": [],
    "training/train.py": TRAINING,
    "training/recorder.py": TRAINING,
    "training/sgd.py": TRAINING,
    "machine/cuda_graph.py": [*TRAINING, *jobs("attack")],
    "files/checkpoints.py": [*TRAINING, *jobs("predictor", "attack", "transfer", "lines"), *READERS],
    "networks/stored.py": jobs("predictor", "attack", "transfer", "lines"),
    "networks/end_to_end.py": [*TRAINING, *jobs("predictor", "attack", "transfer", "lines")],
    "networks/simplified.py": jobs("attack", "transfer", "lines"),
    "files/predictors.py": [*jobs("spectra", "predictor"), *READERS],
    "perturb.py": jobs("attack", "transfer", "lines"),
    "attacking/resuming.py": jobs("attack"),
    "attacking/cycles.py": jobs("attack"),
    "attacking/pgd_graph.py": jobs("attack"),
    "attacks/foolbox.py": jobs("attack"),
    "attacks/linf_pgd.py": jobs("attack"),
    "attacks/linf_pgd_until_converged.py": [],
    "attacks/minimal_linf_pgd.py": [f"attack:{RELU}:minimal:{state}" for state in STATES],
    "files/perturbations.py": [*jobs("attack", "transfer", "spectra", "lines"), *READERS],
    "attacking/foolbox_classes.py": ["table_table6"],
    # figures: spectra of the example image
    "fourier.py": [*jobs("spectra", "predictor"), *MEASURES, *figures("fig04", "fig08")],
    "files/spectra.py": [*jobs("spectra", "predictor"), *READERS],
    "spectra.py": jobs("spectra", "predictor"),
    "lines/follow.py": jobs("lines"),
    "lines/bends.py": jobs("lines"),
    "lines/ends.py": jobs("lines"),
    "files/lines.py": [*jobs("lines"), *READERS],
    "networks/identity.py": [*TABLES, *FIGURES, *MEASURES],
    "results/runs.py": READERS,
    "results/replicates.py": [*TABLES, *FIGURES, *MEASURES],
    "drawing/captions.py": FIGURES,
    "drawing/plotting.py": FIGURES,
    "drawing/power_spectra.py": figures("fig03", "fig04", "fig08", "fig09", "fig10", "fig11"),
    "drawing/settled_layout.py": FIGURES,
    "drawing/mean_spectra.py": figures("fig09", "fig10"),
    "drawing/example.py": figures("fig04", "fig08"),
    "drawing/learning_curves.py": figures("development", "fig01", "fig02", "fig03", "fig06", "fig07"),
    "lines/comparison.py": [
        *("table_development", "table_distances"),
        *MEASURES,
        *figures("development", "fig01", "fig06", "fig07"),
    ],
    "drawing/line_histograms.py": figures("development", "fig01", "fig06", "fig07"),
    "claims/comparison.py": [*TABLES, *MEASURES],
    "statistics/summaries.py": [
        *TABLES,
        *MEASURES,
        *NOTED,
        *figures("development", "fig01", "fig05", "fig06", "fig07"),
    ],
    "statistics/paired.py": ["table_distances", "table_success_accuracy"],
    "table.py": [*TABLES, *MEASURES, *NOTED],
    "drawing/attack_note.py": NOTED,
    "claims/study_measures.py": ["measures"],
    "study.py": [],
    "claims/measures.py": MEASURES,
    "statistics/crossed.py": MEASURES,
    **{f"statistics/{name}.py": MEASURES for name in ("crossed_error", "inference", "sample", "scale", "side")},
    "claims/paper.py": MEASURES,
    "claims/terms.py": MEASURES,
    "claims/readers.py": MEASURES,
    "claims/reasons.py": MEASURES,
    "claims/wording.py": MEASURES,
    "claims/claim.py": MEASURES,
    "claims/records.py": CLAIMS,
    "claims/evaluate.py": MEASURES,
    "claims/evidence.py": ["claims"],
    "claims/audit.py": ["audit"],
    **{f"page/{name}.py": ["report"] for name in PAGE},
    **{f"tables/{name}.py": [f"table_{name}"] for name in (job.removeprefix("table_") for job in TABLES)},
    **{f"figures/{name}.py": figures(name) for name in map(figure_of, FIGURES)},
}


def with_what_follows(stale):
    """The jobs given and all that read, directly or not, what they make; READS names a job after those it reads."""
    stale = set(stale)
    for job, read in READS.items():
        if read & stale:
            stale.add(job)
    return sorted(stale)


@pytest.fixture
def study(finished_study):
    """The finished study; a test may change its code, its configuration and times of files, which are put back."""
    kept = {path: path.read_bytes() for path in sorted((finished_study.folder / LIBRARY).rglob("*.py"))}
    times = {path: path.stat().st_mtime_ns for path in files_of(finished_study)}
    yield finished_study
    for path, content in kept.items():
        if path.read_bytes() != content:
            path.write_bytes(content)
    for path, time in times.items():
        os.utime(path, ns=(time, time))
    finished_study.configure(CONFIG)


def files_of(study):
    return [path for path in study.folder.rglob("*") if path.is_file() and ".snakemake" not in path.parts]


def test_every_module_of_the_library_is_in_the_table():
    found = {path.relative_to(ROOT / LIBRARY).as_posix() for path in (ROOT / LIBRARY).rglob("*.py")}
    assert {name for name in found if Path(name).name != "__init__.py"} == set(RUNS_CODE_OF)


def test_a_finished_study_has_nothing_to_do(study):
    assert study.planned() == []


@pytest.mark.parametrize("module", RUNS_CODE_OF)
def test_a_change_of_one_function_reruns_exactly_what_depends_on_it(study, module):
    path = study.folder / LIBRARY / module
    source = path.read_text()
    head, found, tail = source.partition("\ndef ")
    signature, colon, body = tail.partition(":\n    ")  # the first function gets one more statement
    assert colon or not found
    path.write_text(f"{head}{found}{signature}{colon}print\n    {body}" if found else f"{source}\nprint\n")
    assert study.planned() == with_what_follows(RUNS_CODE_OF[module])


def test_the_reason_names_the_module(study):
    path = study.folder / LIBRARY / "fourier.py"
    path.write_text(path.read_text().replace("np.hypot(", "np.hypot(0 + ", 1))
    plan = study.run("--dry-run").stdout
    reasons = re.findall(r"reason: Params have changed since last execution: (.*)$", plan, re.MULTILINE)
    # the figures wait for those, which is their reason
    assert reasons == ["fourier.py"] * len(jobs("spectra", "predictor"))


def test_comments_docstrings_and_formatting_rerun_nothing(study):
    for path in (study.folder / LIBRARY).rglob("*.py"):
        if source := path.read_text():
            path.write_text(
                "# a comment\n" + source.replace('    """Return', '    """Give back').replace("\n\n\n", "\n\n\n\n")
            )
    assert study.planned() == []


def test_a_touch_of_everything_reruns_nothing(study):
    for path in files_of(study):
        path.touch()
    assert study.planned() == []


def test_a_touch_of_everything_backwards_reruns_nothing(study):
    for path in sorted(files_of(study), reverse=True):
        path.touch()
    assert study.planned() == []


def backwards(value):
    """The same value, the keys of each mapping in it the other way round."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(one) for one in value] if isinstance(value, list) else value


def test_the_order_of_keys_is_no_reason_to_compute(study):
    study.configure(backwards(CONFIG))
    assert study.planned() == ["report"]  # which shows the configuration as it is written


def changed(**sections):
    config = copy.deepcopy(CONFIG)
    for name, change in sections.items():
        change(config[name])
    return config


@pytest.mark.parametrize(
    ("change", "stale"),
    [
        ({"figures": lambda figures: figures.update(dpi=60)}, FIGURES),
        ({"spectra": lambda spectra: spectra.update(angular_bins=6)}, jobs("spectra")),
        (
            {"attacks": lambda attacks: attacks[0]["options"]["parameters"].update(steps=4)},
            [f"attack:{LINEAR}:pgd:best", f"attack:{RELU}:pgd:best", "table_table6"],
        ),
        (
            {"attacks": lambda attacks: attacks[1]["options"].update(tolerance="2/255")},
            [*(f"attack:{RELU}:minimal:{state}" for state in STATES), "table_table6"],
        ),
        ({"transfers": lambda transfers: transfers[0].update(found_on="step=0")}, jobs("transfer")),
        ({"lines": lambda lines: lines[0].update(images=6)}, jobs("lines")),
        ({"training": lambda training: training.update(momentum=0.8)}, TRAINING),
        (
            {"networks": lambda networks: networks[0].update(learning_rate=0.02)},
            [f"settings:{LINEAR}", f"train:{LINEAR}", "table_table3"],
        ),
        ({"dataset": lambda dataset: dataset["options"].update(contrast=0.9)}, jobs("images")),
        ({"compute": lambda compute: compute.update(precision="bfloat16")}, [*TRAINING, *jobs("attack")]),
        # where a job runs is recorded in its result, and is no reason to run it again
        ({"compute": lambda compute: compute.update(threads=2, device="auto")}, []),
    ],
    ids=[
        "figures",
        "spectra",
        "attack",
        "tolerance",
        "transfer",
        "lines",
        "training",
        "network",
        "dataset",
        "precision",
        "compute",
    ],
)
def test_a_changed_setting_reruns_what_uses_it(study, change, stale):
    study.configure(changed(**change))
    assert study.planned() == with_what_follows(stale)


def test_an_added_alpha_or_seed_runs_its_own_jobs_and_the_aggregates(study):
    new = LINEAR.replace("alpha=1", "alpha=10")
    own = [f"settings:{new}", f"train:{new}", f"predictor:{new}", f"attack:{new}:pgd:best", f"spectra:{new}:pgd:best"]
    study.configure(changed(networks=lambda networks: networks[0].update(alphas=[1, 10])))
    # what shows several alpha, or lists the networks, is drawn anew; what shows alpha = 1 alone is not
    reading = ["table_table3", "table_table5", "table_development", "table_success_accuracy", "figure_fig11"]
    assert study.planned() == sorted([*own, *reading, *MEASURES, "report"])

    own = [job.replace("seed=0", "seed=1") for job in READS if ":" in job and not job.startswith("figure_")]
    reading = ["measures", *(table for table in TABLES if table not in ("table_table3", "table_table6"))]
    study.configure(CONFIG | {"seeds": [0, 1]})
    assert study.planned() == sorted([*own, *reading, *FIGURES, *CLAIMS, "report"])


# what follows from a state `step=2` of the ReLU network, which its `checkpoints` or those of the training add
NEW_STATE = [
    f"attack:{RELU}:minimal:step=2",
    f"transfer:{RELU}:moved:step=2",
    f"spectra:{RELU}:minimal:step=2",
    f"spectra:{RELU}:moved:step=2",
    f"lines:{RELU}:minimal:step=2",
]
SHOWING_IT = [
    *("table_table4", "table_table5", "table_development", "table_distances", "table_success_accuracy"),
    *figures("development", "fig01", "fig02", "fig03", "fig06", "fig07"),
    *MEASURES,
    "report",
]


def with_a_further_state(networks):
    networks[1].update(checkpoints={"steps": [0, 2], "epochs": []})


def test_an_added_state_trains_its_run_again_and_attacks_that_state_alone(study):
    study.configure(changed(networks=with_a_further_state))
    again = f"train_bounded_width_3:{RELU}"  # the rule of networks with a list of states of their own
    assert study.planned() == sorted([again, *NEW_STATE, *SHOWING_IT, "table_table3"])

    # added for every network, it trains again those of which it is attacked
    study.configure(changed(training=lambda training: training["checkpoints"].update(steps=[0, 2])))
    assert study.planned() == sorted([f"train:{RELU}", *NEW_STATE, *SHOWING_IT])


def test_with_an_added_state_everything_else_that_changed_is_seen_too(study):
    study.configure(changed(networks=with_a_further_state, spectra=lambda spectra: spectra.update(angular_bins=6)))
    also = with_what_follows(jobs("spectra"))
    assert set(study.planned()) == {f"train_bounded_width_3:{RELU}", *NEW_STATE, *SHOWING_IT, "table_table3", *also}

    study.configure(changed(networks=with_a_further_state, training=lambda training: training.update(momentum=0.8)))
    also = [job.replace(f"train:{RELU}", f"train_bounded_width_3:{RELU}") for job in with_what_follows(TRAINING)]
    assert set(study.planned()) == {*NEW_STATE, *SHOWING_IT, "table_table3", *also}


def test_a_removed_state_leaves_the_rest_as_it_is(study):
    study.configure(changed(networks=lambda networks: networks[1].update(checkpoints={"steps": [], "epochs": []})))
    gone = [*figures("development", "fig01", "fig02", "fig03", "fig06", "fig07")]  # of a single state now
    showing = [job for job in SHOWING_IT if job not in gone and job not in ("table_table4", "table_table5")]
    assert study.planned() == sorted([*showing, "table_table3"])
