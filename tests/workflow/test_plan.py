"""The plan of a study: what each rule reads, takes and makes, without Snakemake."""

import itertools
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.io import get_flag_value
from snakemake.iocontainers import Wildcards
from study import CONFIG, ROOT

from advspectra_study.config.load import load_config
from advspectra_study.entries import Dataset
from advspectra_study.plan.conventions import band_of
from advspectra_study.plan.plan import Plan
from advspectra_study.plan.step import one_of
from advspectra_study.study import Study

LIBRARY = ROOT / "workflow/lib"
PINNED = Path(__file__).with_name("pinned_params.json")
DIGESTS = ("code", "training_code", "claims_as_read")  # of files that tests of their own change
RUNS = ["fully_connected-linear/depth=1/alpha=1/seed=0", "bounded_width_3-relu/depth=1/alpha=1/seed=0"]


def plan_of(config: dict) -> Plan:
    schema = ROOT / "workflow/schemas/config.schema.yaml"
    return Plan(Study.of(load_config(config, schema_path=schema, library=LIBRARY), LIBRARY), root=ROOT)


@pytest.fixture
def plan(monkeypatch) -> Plan:
    monkeypatch.chdir(ROOT)
    return plan_of(CONFIG)


def params(plan: Plan) -> dict:
    """The params of every job of a study by its rule and outputs, but for digests of code."""
    found: dict[str, dict] = {}
    for step in plan.steps:
        for outputs, _, given in step.files():
            without = {name: value for name, value in given.items() if name not in DIGESTS}
            found.setdefault(step.name, {})[outputs[0]] = without
    return json.loads(json.dumps(found))


def test_no_param_of_a_rule_changes_unseen(plan):
    # A param that changes makes the results of all users out of date. If that is meant, write the file
    # again: json.dumps(params(plan), indent=1, sort_keys=True, ensure_ascii=False).
    assert params(plan) == json.loads(PINNED.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("training", "attack", "changed"),
    [
        ("float32", "float32", set()),
        ("bfloat16", "float32", {"settings", "train", "report"}),
        ("float32", "bfloat16", {"attack", "report"}),
    ],
)
def test_the_precision_of_training_and_that_of_attacks_are_params_of_their_own_jobs(plan, training, attack, changed):
    given, usual = CONFIG | {"compute": {"precision": {"training": training, "attack": attack}}}, params(plan)
    assert {rule for rule, found in params(plan_of(given)).items() if found != usual[rule]} == changed


def test_a_setting_of_training_is_no_param_of_a_network_on_which_it_does_nothing():
    linear, relu = CONFIG["networks"]
    linear = linear | {"alphas": [1, 10]}

    def trained_anew(section, **change):
        given = CONFIG | {"networks": [linear, relu]}
        usual, other = (params(plan_of(one))["train"] for one in (given, given | {section: given[section] | change}))
        return [output for output in usual if usual[output] != other[output]]

    folders = [RUNS[0].replace("alpha=1", f"alpha={alpha}") for alpha in (1, 10)]
    both = [f"results/tiny/bands/{folder}/checkpoints.h5" for folder in folders]
    assert trained_anew("initialization", alpha_scaling="plain") == both[1:]
    assert trained_anew("training", simplified=False) == both


def test_the_order_of_keys_in_params_is_that_of_the_alphabet_in_what_the_configuration_gives(plan):
    # Snakemake compares params as text
    options = plan.study.config["attacks"][0]
    assert list(options) == sorted(options) and list(options["options"]) == sorted(options["options"])


def test_every_input_is_made_by_a_step_or_is_a_file_of_the_workflow(plan):
    made = {path for step in plan.steps for outputs, _, _ in step.files() for path in outputs}
    read = {path for step in plan.steps for _, inputs, _ in step.files() for path in inputs}
    assert all((ROOT / path).exists() for path in read - made)
    assert {path for path in read - made if not path.startswith("workflow/")} == set()


def test_no_file_is_made_by_two_jobs(plan):
    made = [path for step in plan.steps for outputs, _, _ in step.files() for path in outputs]
    assert len(made) == len(set(made)) and set(plan.targets) <= set(made)


def test_steps_come_after_what_they_read(plan):
    made: set[str] = set()
    for step in plan.steps:
        files = list(step.files())
        for _, inputs, _ in files:
            own = {path for outputs, _, _ in files for path in outputs}
            assert {path for path in inputs if path.startswith("results/")} <= made | own
        made |= {path for outputs, _, _ in files for path in outputs}


@pytest.mark.parametrize("name", ["attack", "transfer", "spectra", "lines"])
def test_wildcards_take_the_values_of_the_jobs_and_no_others(plan, name):
    step = getattr(plan, name)
    (output,) = step.outputs.values()
    pattern = re.sub(r"\\{(\w+)\\}", lambda match: f"(?P<{match[1]}>{step.constraints[match[1]]})", re.escape(output))
    known = {(job["run"], job["attack"], job["checkpoint"]) for job in step.jobs}
    assert known
    for run in RUNS:
        for attack in ("pgd", "minimal", "moved", "other"):
            for checkpoint in ("best", "step=0", "step=1"):
                path = output.format(run=run, attack=attack, checkpoint=checkpoint)
                match = re.fullmatch(pattern, path)
                assert bool(match) == ((run, attack, checkpoint) in known), path
                assert not match or match["run"] == run


@pytest.mark.parametrize(
    "band",
    [None, 3, [1, 2], {"low": 1}, {"low": 5, "high": 2}, {"low": 1, "high": float("nan")}],
)
def test_an_option_of_own_images_that_only_happens_to_be_called_band_is_none(band):
    options = CONFIG["dataset"]["options"] | {"band": band}
    own = Dataset("own", "of_next_month", options)
    assert band_of(SimpleNamespace(dataset=own)) == {}
    assert band_of(SimpleNamespace(dataset=Dataset("own", "of_next_month", CONFIG["dataset"]["options"])))


def test_a_step_without_jobs_matches_nothing(plan):
    assert plan.table_with_note.jobs == ()
    assert plan.table_with_note.constraints == {"noted": "(?!)"}


def test_a_light_run_is_one_submission_on_a_cluster_and_none_here(plan):
    wildcards = Wildcards(fromdict={"run": RUNS[0], "attack": "pgd", "checkpoint": "best"})
    assert plan.attack.group(wildcards) is None
    plan.on_cluster = lambda: True
    assert plan.attack.group(wildcards) == plan.spectra.group(wildcards) == "light"
    plan.costs.is_light = lambda run: False
    assert (plan.attack.group(wildcards), plan.spectra.group(wildcards)) == (None, "small")


def test_a_rule_about_the_whole_study_may_ask_for_memory_and_time_on_a_cluster(plan):
    plan.on_cluster = lambda: True
    step = plan._step("new", inputs={}, outputs={}, params={}, stem="new", cost_of="new")
    assert step.group(Wildcards()) is None
    needed = {name: step.resources[name] for name in ("mem_mb", "runtime")}
    assert needed["mem_mb"](Wildcards(), attempt=2) == 2 * needed["mem_mb"](Wildcards(), attempt=1) > 0
    assert needed["runtime"](Wildcards(), threads=1, attempt=1) >= 1


def test_nonlinear_networks_and_deep_ones_start_first(plan):
    linear, relu = (type("Wildcards", (), {"run": run}) for run in RUNS)
    assert plan.priority(relu) > plan.priority(linear)


def test_a_pattern_takes_its_names_and_no_others_and_does_not_grow_with_every_run():
    names = [f"net-{kind}/alpha={alpha}/seed={seed}" for kind in "ab" for alpha in (0.1, 1) for seed in range(50)]
    names += ["net-a/alpha=10/seed=7", "fig", "fig/a.b", "fig/c"]
    pattern = re.compile(one_of(names))
    parts = [[*"ab", "c"], ["0.1", "0x1", "1", "10"], [0, 7, 49, 50]]
    tried = {f"net-{kind}/alpha={alpha}/seed={seed}" for kind, alpha, seed in itertools.product(*parts)}
    tried |= {*names, "fig/", "fig/axb", "net-a/alpha=1", "fig/c/seed=7"}
    assert {name for name in tried if pattern.fullmatch(name)} == {*names}
    more = [name.replace("net", other) for name in names for other in ("net", "one", "two", "six")]
    assert len(one_of(more)) < 1.5 * len(one_of(names)) < 0.5 * len("".join(names))


def in_snakemakes_report(plan: Plan) -> dict[str, list[dict[str, str]]]:
    """What Snakemake's report calls results: the labels of each by their category."""
    found: dict[str, list[dict[str, str]]] = {}
    for step in plan.steps:
        for path in step.outputs.values():
            if isinstance(path, str) and (about := get_flag_value(path, "report")):
                labels = [
                    about.labels(Wildcards(fromdict=job)) if callable(about.labels) else about.labels
                    for job in step.jobs
                ]
                found.setdefault(about.category, []).extend(labels)
    return found


def test_snakemakes_report_has_sorted_categories_and_names_that_people_read(plan):
    found = in_snakemakes_report(plan)
    assert sorted(found) == ["1. Report and verdicts", "2. Tables", "3. Figures"]
    assert {labels["name"] for labels in found["1. Report and verdicts"]} == {
        *("All on one page", "Claims", "Conventions", "Explorer")
    }

    def as_a_browser_sorts(category: str) -> list[str]:  # a figure space is a space to it, which comes before digits
        return sorted(labels["name"].replace("\N{FIGURE SPACE}", " ") for labels in found[category])

    tables = as_a_browser_sorts("2. Tables")
    numbered = [int(name.split()[-1]) for name in tables if name.startswith("Table")]
    assert numbered == sorted(numbered) == [1, 2, 3, 4, 5, 6]
    figures = as_a_browser_sorts("3. Figures")
    numbered = [int(name.split()[-1]) for name in figures if name.startswith("Figure")]
    assert numbered == sorted(numbered) and {1, 2, 9, 10, 11} <= set(numbered)
    assert {"Bounded Width Convolution, 3 channels (ReLU), minimal", "all networks", "minimal"} == {
        labels["of"] for labels in found["3. Figures"]
    }
    # no name of a file or folder, and each says what it shows
    text = [label for labels in itertools.chain(*found.values()) for label in labels.values()]
    assert all(text) and not [one for one in text if re.search(r"[/=]|fig\d|table\d|\.csv", one)]
