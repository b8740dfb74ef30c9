"""Exactly the stale jobs rerun: after a change of code, of a parameter, of the study, and a touch of everything."""

import ast
import copy
import re
from pathlib import Path

import pytest
from study import CONFIG, ROOT

LIBRARY = "workflow/lib/advspectra"
LINEAR, RELU = "fully_connected-linear/depth=1/alpha=1/seed=0", "bounded_width_3-relu/depth=1/alpha=1/seed=0"

# The study's jobs and what each of them reads, written down by hand from the paper's tables and figures.
READS = {
    "images": set(),
    **{f"train:{run}": {"images"} for run in (LINEAR, RELU)},
    f"predictor:{LINEAR}": {f"train:{LINEAR}"},
    **{f"attack:{run}:pgd:best": {"images", f"train:{run}"} for run in (LINEAR, RELU)},
    **{f"spectra:{run}:pgd:best": {f"attack:{run}:pgd:best"} for run in (LINEAR, RELU)},
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
}
TABLES = [f"table_table{number}" for number in range(1, 7)]
FIGURES = [job for job in READS if job.startswith("figure_")]
ALL = list(READS)


def jobs(*rules):
    return [job for job in ALL if job.split(":")[0] in rules]


# The jobs that run the code of each module themselves; what follows from them is worked out below.
RUNS_CODE_OF = {
    "hdf5.py": ALL,
    "image_file.py": jobs("images", "train", "attack"),
    "datasets/band_features.py": ["images"],
    "datasets/cifar10.py": [],
    "datasets/image_folder.py": [],
    "devices.py": jobs("train", "attack"),
    "split.py": jobs("train", "attack"),
    "networks.py": jobs("train", "predictor", "attack"),
    "layers.py": jobs("train", "predictor", "attack"),
    "models/fully_connected.py": [f"train:{LINEAR}", f"predictor:{LINEAR}", f"attack:{LINEAR}:pgd:best"],
    "models/bounded_width_convolution.py": [f"train:{RELU}", f"attack:{RELU}:pgd:best"],
    "models/full_width_convolution.py": [],
    "models/locally_connected.py": [],
    "models/resnet18.py": [],
    "models/shallow_resnet.py": [],
    "models/vgg19.py": [],
    "training.py": jobs("train"),
    "checkpoint_file.py": jobs("train", "predictor", "attack"),
    "predictors.py": jobs("train", "predictor", "attack"),
    "simplified.py": jobs("attack"),
    "predictor_file.py": jobs("predictor"),
    "attack.py": jobs("attack"),
    "attacks/foolbox.py": jobs("attack"),
    "attacks/linf_pgd.py": jobs("attack"),
    "attacks/linf_pgd_until_converged.py": [],
    "perturbation_file.py": jobs("attack", "spectra"),
    "fourier.py": [*jobs("spectra", "predictor"), "figure_fig04", "figure_fig08"],  # spectra of the example image
    "spectrum_file.py": jobs("spectra", "predictor"),
    "results.py": [*TABLES, *FIGURES],
    "captions.py": FIGURES,
    "plotting.py": FIGURES,
    "mean_spectra.py": ["figure_fig09", "figure_fig10"],
    "example.py": ["figure_fig04", "figure_fig08"],
    "comparison.py": ["table_table1", "table_table2", "table_table4"],
    "statistics.py": [*TABLES, "figure_fig05"],
    "table.py": TABLES,
    **{f"tables/{name}.py": [f"table_{name}"] for name in (job.removeprefix("table_") for job in TABLES)},
    **{f"figures/{name}.py": [f"figure_{name}"] for name in (job.removeprefix("figure_") for job in FIGURES)},
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
    """The finished study; a test may change its code and configuration, which are put back."""
    kept = {path: path.read_bytes() for path in sorted((finished_study.folder / LIBRARY).rglob("*.py"))}
    yield finished_study
    for path, content in kept.items():
        if path.read_bytes() != content:
            path.write_bytes(content)
    finished_study.configure(CONFIG)


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
    assert found and colon
    path.write_text(f"{head}{found}{signature}{colon}print\n    {body}")
    assert study.planned() == with_what_follows(RUNS_CODE_OF[module])


def test_the_reason_names_the_module(study):
    path = study.folder / LIBRARY / "fourier.py"
    path.write_text(path.read_text().replace("np.hypot(", "np.hypot(0 + ", 1))
    reasons = re.findall(r"reason: Params have changed.* before: ({.*}) now: ({.*})", study.run("--dry-run").stdout)
    assert len(reasons) == 3  # two spectra and a predictor; the figures wait for those, which is their reason
    for before, now in (map(ast.literal_eval, reason) for reason in reasons):
        assert [name for name in before | now if before.get(name) != now.get(name)] == ["fourier.py"]


def test_comments_docstrings_and_formatting_rerun_nothing(study):
    for path in (study.folder / LIBRARY).rglob("*.py"):
        if source := path.read_text():
            path.write_text(
                "# a comment\n" + source.replace('    """Return', '    """Give back').replace("\n\n\n", "\n\n\n\n")
            )
    assert study.planned() == []


def test_a_touch_of_everything_reruns_nothing(study):
    for path in study.folder.rglob("*"):
        if path.is_file() and ".snakemake" not in path.parts:
            path.touch()
    assert study.planned() == []


def test_a_touch_of_everything_backwards_reruns_nothing(study):
    for path in sorted(study.folder.rglob("*"), reverse=True):
        if path.is_file() and ".snakemake" not in path.parts:
            path.touch()
    assert study.planned() == []


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
            [*jobs("attack"), "table_table6"],
        ),
        ({"training": lambda training: training.update(momentum=0.8)}, jobs("train")),
        (
            {"networks": lambda networks: networks[0].update(learning_rate=0.02)},
            [f"train:{LINEAR}", "table_table3"],
        ),
        ({"dataset": lambda dataset: dataset["options"].update(contrast=0.9)}, jobs("images")),
        ({"compute": lambda compute: compute.update(precision="bfloat16")}, jobs("train", "attack")),
        # where a job runs is recorded in its result, and is no reason to run it again
        ({"compute": lambda compute: compute.update(threads=2, device="auto")}, []),
    ],
    ids=["figures", "spectra", "attack", "training", "network", "dataset", "precision", "compute"],
)
def test_a_changed_setting_reruns_what_uses_it(study, change, stale):
    study.configure(changed(**change))
    assert study.planned() == with_what_follows(stale)


def test_an_added_alpha_or_seed_runs_its_own_jobs_and_the_aggregates(study):
    new = LINEAR.replace("alpha=1", "alpha=10")
    own = [f"train:{new}", f"attack:{new}:pgd:best", f"spectra:{new}:pgd:best"]
    study.configure(changed(networks=lambda networks: networks[0].update(alphas=[1, 10])))
    # what shows several alpha, or lists the networks, is drawn anew; what shows alpha = 1 alone is not
    assert study.planned() == sorted([*own, "table_table3", "table_table5", "figure_fig11"])

    new = [run.replace("seed=0", "seed=1") for run in (LINEAR, RELU)]
    own = [job for run in new for job in (f"train:{run}", f"attack:{run}:pgd:best", f"spectra:{run}:pgd:best")]
    reading = ["table_table1", "table_table2", "table_table4", "table_table5", *FIGURES]
    study.configure(CONFIG | {"seeds": [0, 1]})
    assert study.planned() == sorted([*own, f"predictor:{new[0]}", *reading])
