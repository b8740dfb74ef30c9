"""Exactly the stale jobs rerun: after a change of code, of a parameter, of the study, and a touch of everything."""

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import pytest
from snakemake.io import is_flagged
from study import CONFIG, ROOT

from advspectra_study.config.load import load_config
from advspectra_study.plan.plan import Plan
from advspectra_study.plan.step import Step
from advspectra_study.study import Study

LIBRARY = "workflow/lib/advspectra"
LINEAR, RELU = "fully_connected-linear/depth=1/alpha=1/seed=0", "bounded_width_3-relu/depth=1/alpha=1/seed=0"

STATES = ("best", "step=0")  # of the ReLU network under the attack `minimal` and its transfer `moved`
DEVELOPMENT = "bounded_width_3-relu/depth=1/alpha=1/minimal"

# What advspectra_study imports from the library; then, for each code of a job, what its scripts and their plug-ins
# import, as Python does it: in children of a process that has the large packages loaded.
IMPORTING = """
import ast, json, os, sys
from pathlib import Path
import foolbox, h5py, matplotlib.pyplot, torchvision
library, scripts = map(Path, sys.argv[1:])
for code in [None, *json.load(sys.stdin)]:
    if os.fork() == 0:
        if code is None:
            import advspectra_study.config.claims, advspectra_study.job
        for file in code or ():
            if file.startswith("scripts/"):
                body = ast.parse((scripts.parent / file).read_bytes()).body
                body = [line for line in body if isinstance(line, ast.Import | ast.ImportFrom)]
                exec(compile(ast.Module(body, []), file, "exec"))
            elif file.split("/")[0] in ("datasets", "models", "attacks", "figures", "tables"):
                __import__("advspectra." + file.removesuffix(".py").replace("/", "."))
        files = [Path(module.__file__) for module in sys.modules.values() if getattr(module, "__file__", None)]
        ours = [file.relative_to(library).as_posix() for file in files if file.is_relative_to(library)]
        print(json.dumps([file for file in ours if not file.endswith("__init__.py")]), flush=True)
        os._exit(0)
    os.wait()
"""


def plan() -> Plan:
    schema = ROOT / "workflow/schemas/config.schema.yaml"
    config = load_config(CONFIG, schema_path=schema, library=ROOT / "workflow/lib")
    return Plan(Study.of(config, ROOT / "workflow/lib"), root=ROOT)


def jobs_of(steps: Sequence[Step]) -> Iterator[tuple[str, dict[str, str], Step]]:
    """Each job of a plan: its name here, its wildcards and its step."""
    for step in steps:
        for job in step.jobs:
            yield ":".join([step.name, *job.values()]), job, step


def reads(steps: Sequence[Step]) -> dict[str, set[str]]:
    """What each job of a plan reads: other jobs. What it reads as `ancient` does not make it stale."""
    makers = {
        path.format(**job): name
        for name, job, step in jobs_of(steps)
        for paths in step.outputs.values()
        for path in ([paths] if isinstance(paths, str) else paths)
    }
    found: dict[str, set[str]] = {}
    for name, job, step in jobs_of(steps):
        found[name] = set()
        for paths in step.inputs.values():
            paths = paths(SimpleNamespace(**job)) if callable(paths) else paths
            for path in [paths] if isinstance(paths, str) else paths:
                if not is_flagged(path, "ancient") and (maker := makers.get(path.format(**job))):
                    found[name].add(maker)
    return found


def runs_code_of(steps: Sequence[Step]) -> dict[str, list[str]]:
    """For each module of the library, the jobs whose digests of code have it; what follows from them is not among
    them.
    """
    modules = sorted(path.relative_to(ROOT / LIBRARY).as_posix() for path in (ROOT / LIBRARY).rglob("[!_]*.py"))
    found: dict[str, list[str]] = {module: [] for module in modules}
    for step in steps:
        for job, (_, _, params) in zip(step.jobs, step.files(), strict=True):
            for file in params["code"] | params.get("training_code", {}):
                if file in found:
                    found[file].append(":".join([step.name, *job.values()]))
    return found


STEPS = plan().steps
READS, RUNS_CODE_OF = reads(STEPS), runs_code_of(STEPS)
TABLES = [job for job in READS if job.startswith("table_")]
FIGURES = [job for job in READS if job.startswith("figure_")]
CLAIMS = ["claims", "audit"]
MEASURES = ["measures", *CLAIMS]


def jobs(*rules):
    return [job for job in READS if job.split(":")[0] in rules]


def of(run, *rules):
    return [job for job in jobs(*rules) if job.split(":")[1] == run]


def figures(*names):
    drawn = {job: job.removeprefix("figure_with_note:").removeprefix("figure_").split(":")[0] for job in FIGURES}
    return [job for job, name in drawn.items() if name.split("/")[0] in names]


TRAINING = jobs("settings", "train")  # the settings of a run name the code that trains it

# Written down by hand from the paper's tables and figures, to hold what is derived from the plan against: what some
# jobs read. What is made of a state reads the training too, but is not stale because of it: its settings are what
# tells of other states.
BY_HAND_READS = {
    "images": set(),
    f"predictor:{LINEAR}": {f"settings:{LINEAR}"},
    f"attack:{RELU}:minimal:step=0": {"images", f"settings:{RELU}"},
    f"transfer:{RELU}:moved:step=0": {"images", f"settings:{RELU}", f"attack:{RELU}:minimal:best"},
    f"spectra:{RELU}:moved:step=0": {f"transfer:{RELU}:moved:step=0"},
    f"lines:{RELU}:minimal:best": {"images", f"settings:{RELU}", f"attack:{RELU}:minimal:best"},
    "table_table1": {"images", f"spectra:{LINEAR}:pgd:best", f"predictor:{LINEAR}"},
    "table_table2": {"images", f"spectra:{RELU}:pgd:best"},
    "table_table3": set(),
    "table_table4": {"images", f"train:{LINEAR}", f"train:{RELU}"},
    "figure_fig04": {"images", f"spectra:{RELU}:pgd:best", f"attack:{RELU}:pgd:best"},
    "figure_fig05": {"images", f"spectra:{LINEAR}:pgd:best", f"spectra:{RELU}:pgd:best", f"predictor:{LINEAR}"},
    "figure_fig08": {"images", f"spectra:{LINEAR}:pgd:best", f"attack:{LINEAR}:pgd:best", f"predictor:{LINEAR}"},
    "figure_with_note:fig04/minimal": {"images", f"spectra:{RELU}:minimal:best", f"attack:{RELU}:minimal:best"},
    "figure_paper_against_ours": {"claims"},
    "figure_examples": {"images", f"attack:{LINEAR}:pgd:best", f"attack:{RELU}:pgd:best"},
    "figure_predictor_link": {f"predictor:{LINEAR}", f"attack:{LINEAR}:pgd:best", f"spectra:{LINEAR}:pgd:best"},
    "figure_with_note:band/minimal": {f"spectra:{RELU}:minimal:best"},
    f"figure_fig01:{DEVELOPMENT}": set(jobs("lines")),
    "figure_alpha_response": {
        *(f"train:{run}" for run in (LINEAR, RELU)),
        *(f"spectra:{run}:pgd:best" for run in (LINEAR, RELU)),
    },
    "figure_recalibrated": set(),  # no attack of this study sees batch normalisation recalibrated
    "table_distances": {"images", *jobs("lines")},
    "table_success_accuracy": {"images", *jobs("attack", "transfer")},
    "measures": set(jobs("train", "predictor", "attack", "transfer", "spectra", "lines")),
    "explorer": {"images", *jobs("train", "attack", "transfer", "spectra")},
    "audit": {"claims", *jobs("train", "predictor", "attack", "transfer", "spectra", "lines")},
}
# and which jobs run the code of some modules themselves
BY_HAND_RUNS_CODE_OF = {
    "files/hdf5.py": list(READS),
    "datasets/band_features.py": ["images"],
    "datasets/cifar10.py": [],
    "layers.py": [*TRAINING, *jobs("predictor", "attack", "transfer", "lines")],
    "models/fully_connected.py": of(LINEAR, "settings", "train", "predictor", "attack"),
    "models/bounded_width_convolution.py": of(RELU, "settings", "train", "attack", "transfer", "lines"),
    "models/resnet18.py": [],
    "training/train.py": TRAINING,
    "networks/simplified.py": jobs("attack", "transfer", "lines"),
    "attacking/seen.py": jobs("attack", "transfer", "lines"),
    "networks/recalibrated.py": jobs("attack", "transfer", "lines"),
    "attacks/linf_pgd.py": jobs("attack"),
    "attacks/minimal_linf_pgd.py": [f"attack:{RELU}:minimal:{state}" for state in STATES],
    "attacking/foolbox_classes.py": ["table_table6"],
    # spectra, white noise in tables beside the paper's and behind curves of energy, also where no network is drawn
    "fourier.py": [
        *jobs("spectra", "predictor", "table_table1", "table_table2", "table_table4", "table_development"),
        *MEASURES,
        "explorer",
        *figures("development", "fig02", "fig04", "fig08", "fig11", "alpha_response", "recalibrated"),
    ],
    "claims/null.py": ["table_table1", "table_table2", "table_table4", "claims", "audit", "report"],
    "spectra.py": jobs("spectra", "predictor"),
    "lines/follow.py": jobs("lines"),
    "drawing/captions.py": FIGURES,
    "drawing/artists.py": FIGURES,
    "drawing/mean_spectra.py": figures("fig09", "fig10"),
    "drawing/attack_note.py": jobs("figure_with_note"),
    # Figure 5 has the paper's numbers if the images are the paper's
    "table.py": [*TABLES, *MEASURES, *jobs("figure_with_note"), *figures("fig05")],
    "study.py": [],
    "columns.py": [],
    "statistics/crossed.py": MEASURES,
    "claims/evidence.py": ["claims"],
    "claims/audit.py": ["audit"],
    "page/report.py": ["report"],
    "explorer/content.py": ["explorer"],
    "tables/table1.py": ["table_table1"],
    "figures/fig04.py": figures("fig04"),
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


def test_the_plan_says_what_a_person_expects_of_jobs_and_of_code():
    assert {job: READS[job] for job in BY_HAND_READS} == BY_HAND_READS
    expected = {module: with_what_follows(found) for module, found in BY_HAND_RUNS_CODE_OF.items()}
    assert {module: with_what_follows(RUNS_CODE_OF[module]) for module in expected} == expected


@pytest.mark.slow
def test_every_script_imports_what_its_digests_are_of_and_no_other_code():
    asked = sorted({tuple(params["code"]) for step in STEPS for _, _, params in step.files()})
    done = subprocess.run(
        [sys.executable, "-c", IMPORTING, ROOT / LIBRARY, ROOT / "workflow/scripts"],
        input=json.dumps(asked),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow/lib"), "MPLBACKEND": "Agg"},
    )
    not_of_results, *imported = [set(json.loads(line)) for line in done.stdout.splitlines()]
    assert len(imported) == len(asked) and len(not_of_results) < 10
    extra = [files - not_of_results - set(code) for files, code in zip(imported, asked, strict=True)]
    assert extra == [set()] * len(asked)


def test_a_finished_study_has_nothing_to_do(study):
    assert study.planned() == []


def _own_module(job):
    return min((module for module, found in RUNS_CODE_OF.items() if job in found), key=lambda m: len(RUNS_CODE_OF[m]))


# For each job, the module that the fewest others run: Snakemake compares digests, whose modules the tests above are
# about. Nothing but the report follows from a figure or a table, so that several of their modules change at once. Each
# has a number; a group has those whose number has one digit in one place, and no two modules are in the same groups.
OWN = list(dict.fromkeys(_own_module(job) for job in READS))
SHOWING = [module for module in OWN if module.startswith(("figures/", "tables/"))]
ALONE = [[module] for module in OWN if module not in SHOWING]
GROUPS = [
    [module for number, module in enumerate(SHOWING) if (number >> place) % 2 == digit]
    for place in range(len(SHOWING).bit_length())
    for digit in (0, 1)
]


@pytest.mark.parametrize("modules", ALONE + GROUPS, ids=" ".join)
def test_a_change_of_modules_reruns_exactly_what_depends_on_them(study, modules):
    for module in modules:
        with open(study.folder / LIBRARY / module, "a") as file:
            file.write("\nprint\n")
    assert study.planned() == with_what_follows(job for module in modules for job in RUNS_CODE_OF[module])


def test_the_reason_names_the_module(study):
    path = study.folder / LIBRARY / "fourier.py"
    path.write_text(path.read_text().replace("np.hypot(", "np.hypot(0 + ", 1))
    plan = study.run("--dry-run").stdout
    reasons = re.findall(r"reason: Params have changed since last execution: (.*)$", plan, re.MULTILINE)
    # other figures and tables wait for those, which is their reason
    first = jobs("spectra", "predictor", "table_table4", "figure_recalibrated")
    assert reasons == ["fourier.py"] * len(first)


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


def apart(training, attack):
    return {"training": training, "attack": attack}


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
        ({"compute": lambda compute: compute.update(precision=apart("float32", "float32"))}, []),
        ({"compute": lambda compute: compute.update(precision=apart("bfloat16", "float32"))}, [*TRAINING]),
        (
            {"compute": lambda compute: compute.update(precision=apart("float32", "bfloat16"))},
            jobs("attack"),
        ),
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
        "one precision, written twice",
        "precision of training",
        "precision of attacks",
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
    reading = ["table_table3", "table_table5", "table_development", "table_success_accuracy"]
    reading += figures("fig11", "alpha_response", "paper_against_ours")
    assert study.planned() == sorted([*own, *reading, *MEASURES, "explorer", "report"])

    own = [job.replace("seed=0", "seed=1") for job in READS if ":" in job and not job.startswith("figure_")]
    reading = ["measures", *(table for table in TABLES if table not in ("table_table3", "table_table6"))]
    study.configure(CONFIG | {"seeds": [0, 1]})
    drawn = [figure for figure in FIGURES if figure not in figures("recalibrated")]  # which shows no network here
    assert study.planned() == sorted([*own, *reading, *drawn, *CLAIMS, "explorer", "report"])


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
    *figures("development", "fig01", "fig02", "fig03", "fig06", "fig07", "filmstrip"),
    *figures("alpha_response"),  # whose learning rates and accuracies are of the training
    *MEASURES,
    *figures("paper_against_ours"),
    "explorer",
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
    gone = figures("development", "fig01", "fig02", "fig03", "fig06", "fig07", "filmstrip")  # of a single state now
    of_training = ["table_table4", *figures("alpha_response")]
    showing = [job for job in SHOWING_IT if job not in gone + of_training]
    assert study.planned() == sorted([*showing, "table_table3"])
