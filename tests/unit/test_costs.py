"""Limits of jobs on a cluster: above what was measured, growing with what is computed and with each attempt."""

import copy
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml
from synthetic_results import identity, random_line, write_lines, write_run

from advspectra.files.images import ImageSet, write_images
from advspectra_study.config.load import load_config
from advspectra_study.config.study import study_faults
from advspectra_study.plan.costs import Costs
from advspectra_study.plugins import steps
from advspectra_study.study import Study

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "workflow/lib"
NOWHERE = Path("images.h5")

# Measured on one core of an AMD EPYC with AVX-512, on CIFAR-10 (JPEG): seconds, MB. From the benchmark files of runs of
# earlier forms of workflow/presets/workstation.yaml and dynamics.yaml, which the test restores: 20 epochs, 1000 images
# attacked, deep nonlinear fully connected networks and the shallow ResNet with batch normalisation; 200 images and
# lines of bounded width.
MEASURED = [
    ("workstation", "train", "fully_connected-relu/depth=1", None, 761, 6126),
    ("workstation", "train", "fully_connected-relu/depth=3", None, 2787, 3332),
    ("workstation", "train", "fully_connected-linear/depth=3", None, 1015, 4863),
    ("workstation", "train", "locally_connected-relu/depth=1", None, 447, 2593),
    ("workstation", "train", "full_width-relu/depth=1", None, 83, 996),
    ("workstation", "train", "bounded_width_32-relu/depth=1", None, 280, 1637),
    ("workstation", "train", "bounded_width_3-linear/depth=1", None, 35, 785),
    ("workstation", "train", "shallow_resnet-relu/depth=3", None, 2255, 2110),
    ("workstation", "attack", "fully_connected-relu/depth=3", "pgd", 1178, 863),
    ("workstation", "attack", "locally_connected-linear/depth=1", "pgd", 6, 1039),
    ("workstation", "attack", "shallow_resnet-relu/depth=3", "pgd", 1574, 1067),
    ("workstation", "predictor", "fully_connected-linear/depth=3", None, 4, 899),
    ("workstation", "spectra", "shallow_resnet-relu/depth=3", "pgd", 1, 171),
    ("dynamics", "train", "resnet18-relu/depth=17", None, 3475, 1732),
    ("dynamics", "attack", "resnet18-relu/depth=17", "pgd", 886, 898),
    # with cross-entropy 69 s; the logit difference took 68 s where cross-entropy took 16, at an eighth of the width
    ("dynamics", "attack", "resnet18-relu/depth=17", "minimal_snapshots", 293, 1021),
    ("dynamics", "transfer", "resnet18-relu/depth=17", "final_pgd", 9, 872),
    ("dynamics", "lines", "resnet18-relu/depth=17", "final_pgd", 127, 994),
    ("dynamics", "lines", "bounded_width_32-relu/depth=1", "final_pgd", 224, 3556),
]


def study(name):
    path = ROOT / ("config.yaml" if name == "paper" else f"workflow/presets/{name}.yaml")
    schema = ROOT / "workflow/schemas/config.schema.yaml"
    return load_config(yaml.safe_load(path.read_text()), schema_path=schema, library=LIBRARY)


def costs_of(config, images=NOWHERE):
    return Costs(Study.of(config, LIBRARY), images=images)


def limits(config, *job, threads=1, gpus=0, attempt=1, images=NOWHERE):
    """The limits of a job: minutes and MB."""
    costs = costs_of(config, images)
    return costs.minutes(*job, threads=threads, gpus=gpus, attempt=attempt), costs.megabytes(job[0], attempt=attempt)


@pytest.mark.parametrize("preset, rule, network, attack, seconds, megabytes", MEASURED)
def test_limits_are_above_what_was_measured_but_of_its_order(preset, rule, network, attack, seconds, megabytes):
    config = study(preset)
    if preset == "workstation":
        config["training"]["epochs"], config["attacks"][0]["images"] = 20, 1000
        nonlinear = ("fully_connected", ["relu"])
        (network_config,) = (one for one in config["networks"] if (one["name"], one["activations"]) == nonlinear)
        network_config["depths"] = [1, 3]
        (network_config,) = (one for one in config["networks"] if one["name"] == "shallow_resnet")
        network_config |= {"architecture": "shallow_resnet", "depths": [3]}
    if preset == "dynamics":
        for entry in (*config["attacks"], config["lines"][0]):
            entry["images"] = 200
        (snapshots,) = (entry for entry in config["attacks"] if entry["name"] == "pgd_snapshots")
        lines = config["lines"][0] | {"networks": ["bounded_width_32"], "samples": 51, "exact_images": 50}
        snapshots["networks"] = ["resnet18", "bounded_width_32"]
        config["lines"].append(lines | {"checkpoints": ["best"]})
    minutes, memory = limits(config, rule, f"{network}/alpha=1/seed=0", attack)
    assert 1.5 * seconds < 60 * minutes < 12 * seconds + 600
    assert 1.1 * megabytes < memory < 8000


# Measured at 3 x 224 x 224 with 1,000 classes and images: MB of the process, benchmarks/results/cpu-scale/memory.md.
@pytest.mark.parametrize(
    ("rule", "network", "megabytes"),
    [
        ("train", "linear", 4860),
        ("train", "relu", 3720),
        ("train", "resnet18", 3820),
        ("attack", "linear", 4380),
        ("attack", "relu", 2910),
        ("attack", "resnet18", 3700),
        ("transfer", "resnet18", 1960),
        ("lines", "resnet18", 4450),
        ("predictor", "linear", 3450),
    ],
)
def test_limits_of_large_images_are_above_what_was_measured_and_at_most_four_times_as_much(rule, network, megabytes):
    config = study("demo")
    config["dataset"]["options"] |= {
        "image_size": [224, 224],
        "classes": 1000,
        "train_per_class": 1,
        "test_per_class": 1,
    }
    config["training"]["batch_size"] = 32
    for entry in config["networks"]:
        if entry["architecture"] in ("bounded_width_convolution", "resnet18"):
            entry["options"] |= {"resnet18": {"width": 1 / 16}}.get(entry["architecture"], {"channels": 3})
    for entry in config["attacks"]:
        entry |= {"images": 1000, "batch_size": 100}
    config["lines"][0]["images"] = 3
    name = {"resnet18": "resnet18-relu/depth=17"}.get(network, f"bounded_width_3-{network}/depth=1")
    if network == "relu":
        name = "bounded_width_32-relu/depth=1"
    attack = {"attack": "pgd", "transfer": "pgd_transfer", "lines": "pgd_transfer"}.get(rule)
    limit = costs_of(config).megabytes(rule, f"{name}/alpha=1/seed=0", attack, attempt=1)
    assert 1.1 * megabytes < limit < 4 * megabytes


@pytest.mark.parametrize("kind", ["perturbations", "spectra", "lines", "predictor"])
def test_the_size_of_a_result_is_stated_before_it_is_made_and_is_that_of_its_arrays(kind, tmp_path):
    config, images = study("demo"), 300
    config["attacks"][0]["images"] = config["lines"][0]["images"] = images
    run = f"{'resnet18-relu/depth=17' if kind == 'lines' else 'fully_connected-linear/depth=1'}/alpha=1/seed=0"
    rule, attack = {"perturbations": ("attack", "pgd"), "lines": ("lines", "pgd_transfer")}.get(kind, (kind, "pgd"))
    if kind == "lines":
        line = random_line(np.random.default_rng(0), images, 1.0)
        line |= {f"final_{name}": line[f"other_{name}"] for name in ("change", "deviation", "curvature")}
        ends = dict.fromkeys(("adversarial", "random", "boundary"), line)
        path = write_lines(tmp_path / "lines.h5", identity(), ends)
    else:
        given = {"images": images, "size": 32, "conventions": config["spectra"]["conventions"], "kinds": [kind]}
        (path,) = write_run(tmp_path, who=identity(), **given)
    sizes = []
    with h5py.File(path) as file:
        file.visititems(lambda name, item: sizes.append(item.nbytes if isinstance(item, h5py.Dataset) else 0))
    stated = costs_of(config).result_bytes(rule, run, attack)
    if kind == "spectra":  # of 36 angular bins and not of the demo's 12
        stated += len(config["spectra"]["conventions"]) * images * 8 * 24
    assert 0.98 * sum(sizes) < stated < 1.1 * sum(sizes)


def test_memory_grows_with_the_images_of_an_attack_and_spectra_take_a_part_of_them_at_once():
    config, job = study("demo"), ("attack", "fully_connected-linear/depth=1/alpha=1/seed=0", "pgd")
    more, larger = copy.deepcopy(config), copy.deepcopy(config)
    more["attacks"][0]["images"] = 10_000
    larger["dataset"]["options"]["image_size"] = [224, 224]
    few, many = (costs_of(one).megabytes(*job, attempt=1) for one in (config, more))
    assert 3 * 120 < many - few < 3 * 125
    of_spectra, of_attack = (
        [costs_of(one).megabytes(rule, *job[1:], attempt=1) for one in (config, larger)]
        for rule in ("spectra", "attack")
    )
    assert of_spectra[0] == of_spectra[1] and of_attack[1] > 2.5 * of_attack[0]


def test_each_attempt_may_take_twice_as_much():
    job = study("demo"), "train", "resnet18-relu/depth=17/alpha=1/seed=0"
    first, second, third = (limits(*job, attempt=attempt) for attempt in (1, 2, 3))
    assert second == tuple(2 * limit for limit in first) and third == tuple(2 * limit for limit in second)


def test_limits_grow_with_epochs_steps_and_width_and_shrink_with_threads_and_a_gpu():
    config = study("dynamics")
    train = "train", "resnet18-relu/depth=17/alpha=1/seed=0"
    attack = "attack", train[1], "pgd"
    larger = copy.deepcopy(config)
    own = [network["training"] for network in larger["networks"] if "training" in network]
    for training in (larger["training"], *own):
        training["epochs"] = 10 * training.get("epochs", config["training"]["epochs"])
    larger["attacks"][0]["options"]["parameters"]["steps"] *= 10
    for network in larger["networks"]:
        for name in {"hidden_units", "channels", "width"} & set(network["options"]):
            network["options"][name] *= 2
    # ten times the steps, of four times the work
    assert limits(larger, *train)[0] > 25 * limits(config, *train)[0]
    assert limits(larger, *attack)[0] > 25 * limits(config, *attack)[0]
    assert limits(config, *train, gpus=1)[0] < limits(config, *train, threads=4)[0] < limits(config, *train)[0]


def test_images_that_the_options_do_not_count_are_counted_once_they_are_there(tmp_path):
    config, job = study("workstation"), ("train", "bounded_width_32-relu/depth=1/alpha=1/seed=0")
    minutes, memory = limits(config, *job, images=tmp_path / "images.h5")
    with open(tmp_path / "images.h5", "wb") as file:
        file.truncate(10 * 60_000 * 3072)  # ten times CIFAR-10
    more_minutes, more_memory = limits(config, *job, images=tmp_path / "images.h5")
    assert more_minutes > 8 * minutes and more_memory > 7 * memory


def of_own_images(size, images=NOWHERE, **more):
    options = {"path": "mine.tar", "image_size": size, "resize": "bicubic" if size else "none", "channels": 3, **more}
    dataset = {"name": "mine", "source": "image_folder", "options": options}
    return costs_of(study("demo") | {"dataset": dataset}, images)


def test_the_size_of_images_and_the_classes_that_the_options_do_not_say_are_those_of_images_h5(tmp_path):
    pixels, labels = np.zeros((4, 3, 96, 96), dtype=np.uint8), np.arange(4) % 2
    images, run = tmp_path / "images.h5", "fully_connected-linear/depth=1/alpha=1/seed=0"
    write_images(images, ImageSet(pixels, labels, pixels, labels, ("cat", "dog"), {"source": "made up"}))
    stated = of_own_images([96, 96], images, classes=2)
    found, before = of_own_images(None, images), of_own_images(None)
    for rule, attack in [("train", None), ("attack", "pgd"), ("transfer", "pgd_transfer"), ("predictor", None)]:
        assert found.megabytes(rule, run, attack, attempt=1) == stated.megabytes(rule, run, attack, attempt=1)
        assert found.of_job(rule, run, attack) == stated.of_job(rule, run, attack)
        assert found.result_bytes(rule, run, attack) == stated.result_bytes(rule, run, attack)
        assert found.seconds(rule, run, attack) == before.seconds(rule, run, attack)  # by it a run is light or not
    larger, assumed = (costs.seconds("attack", run, "pgd", measured=True) for costs in (found, before))
    assert larger == pytest.approx(9 * assumed)


@pytest.mark.parametrize("damage", ["zeros", "no array", "a group", "no images", "two dimensions"])
def test_a_damaged_images_h5_stops_no_plan(damage, tmp_path):
    path, run = tmp_path / "images.h5", "fully_connected-linear/depth=1/alpha=1/seed=0"
    if damage == "zeros":
        path.write_bytes(bytes(100))
    else:
        with h5py.File(path, "w") as file:
            file.attrs["format"], file.attrs["format_version"] = np.bytes_("advspectra.images"), 1
            if damage == "a group":
                file.create_group("train/images")
            elif damage != "no array":
                file["train/images"] = np.zeros((4, 3, 0, 8) if damage == "no images" else (4, 8), dtype=np.uint8)
    without, damaged = of_own_images(None), of_own_images(None, path)
    assert damaged.megabytes("attack", run, "pgd", attempt=1) == without.megabytes("attack", run, "pgd", attempt=1)


@pytest.mark.parametrize(
    "options",
    [
        {"image_size": 32},
        {"image_size": ["large", 32]},
        {"image_size": [0, 0]},
        {"image_size": None},
        {"classes": ["cat", "dog"]},
        {"classes": True, "channels": "rgb", "train_per_class": {"cat": 5}, "test_per_class": 0.5},
    ],
)
def test_options_of_an_own_source_that_mean_something_else_say_nothing_of_its_images(options):
    def estimates(given):
        config = copy.deepcopy(study("demo"))
        config["dataset"] = {"name": "own", "source": "of_next_month", "options": given}
        (minimal,) = (attack for attack in config["attacks"] if attack["name"] == "minimal_pgd")
        minimal["options"]["loss"] = "logit_difference"  # tries each class
        costs = costs_of(config)
        jobs = [(rule, run, "minimal_pgd") for rule in ("train", "attack", "predictor") for run in costs._study.runs]
        assert not list(study_faults(costs._study, LIBRARY))
        return [(costs.seconds(*job), costs.megabytes(*job, attempt=1), costs.result_bytes(*job)) for job in jobs]

    assert estimates(options) == estimates({})
    assert estimates(options) != estimates({"image_size": [16, 16], "classes": 3, "train_per_class": 5})


@pytest.mark.parametrize(
    ("options", "written_out"),
    [
        ({"attack": "L2CarliniWagnerAttack", "epsilon": None}, {"steps": 10_000, "binary_search_steps": 9}),
        ({"attack": "BoundaryAttack", "epsilon": None}, {"steps": 25_000}),
        ({"attack": "PGD", "epsilon": 0.1}, {"steps": 40}),
    ],
)
def test_steps_that_are_not_given_are_those_of_foolbox(options, written_out):
    def seconds(parameters):
        config = copy.deepcopy(study("demo"))
        config["attacks"][0] |= {"family": "foolbox", "options": options | {"parameters": parameters}}
        return costs_of(config).seconds("attack", "resnet18-relu/depth=17/alpha=1/seed=0", config["attacks"][0]["name"])

    assert seconds({}) == seconds(written_out) == pytest.approx(seconds({"steps": 1}) * written_out["steps"])


def test_an_attack_of_foolbox_without_steps_makes_one_and_an_unknown_one_a_thousand():
    assert steps({"foolbox_class": "attack"}, {"attack": "LinfFastGradientAttack", "parameters": {}}) == 1
    assert steps({"foolbox_class": "attack"}, {"attack": "VirtualAdversarialAttack", "parameters": {"steps": 7}}) == 7
    assert steps({}, {"parameters": 3}) == steps({}, {"parameters": {"steps": "many"}}) == steps({}, {}) == 1000


def test_an_architecture_without_a_cost_has_limits():
    config = copy.deepcopy(study("demo"))
    for network in config["networks"]:
        network["architecture"] = "of_next_month"
    minutes, memory = limits(config, "train", "resnet18-relu/depth=17/alpha=1/seed=0")
    assert minutes > 1 and memory > 1000


def test_runs_of_the_demo_study_are_light_and_those_of_full_size_are_not():
    demo, paper = study("demo"), study("paper")
    assert all(costs_of(demo).is_light(run) for run in Study.of(demo, LIBRARY).runs)
    assert not any(
        costs_of(paper).is_light(folder)
        for folder, run in Study.of(paper, LIBRARY).runs.items()
        if run.entry.name in ("resnet18", "vgg19", "fully_connected", "shallow_resnet")
    )


def test_a_run_stays_light_when_its_images_are_made(tmp_path):
    config, run = study("demo"), "resnet18-relu/depth=17/alpha=1/seed=0"
    costs = costs_of(config, tmp_path / "images.h5")
    before = costs.is_light(run)
    with open(tmp_path / "images.h5", "wb") as file:
        file.truncate(10**10)
    assert costs_of(config, tmp_path / "images.h5").is_light(run) == before


def test_both_profiles_rerun_for_the_same_reasons():
    files = (ROOT / f"profiles/{name}/config.yaml" for name in ("default", "slurm"))
    default, slurm = (yaml.safe_load(file.read_text()) for file in files)
    for setting in ("rerun-triggers", "max-checksum-file-size", "rerun-incomplete"):
        assert slurm[setting] == default[setting]


def test_costs_are_read_without_numpy_and_torch():
    program = "import sys, advspectra_study.plan.costs; sys.exit(bool({'numpy', 'torch', 'h5py'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT / "workflow/lib").returncode == 0
