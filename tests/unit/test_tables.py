"""Tables: known numbers land in the right cells, beside the paper's."""

import csv
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import yaml
from study import CONFIG as STUDY
from synthetic_results import (
    STATES,
    identity,
    random_line,
    write_checkpoints,
    write_development,
    write_lines,
    write_perturbations,
    write_predictor,
    write_run,
    write_spectra,
)

from advspectra.perturb import build_attack
from advspectra.results.runs import read_runs
from advspectra.statistics.summaries import Estimate, Spread, statistics
from advspectra.table import FURTHER, Column, Table
from advspectra.tables import development, distances, success_accuracy, table1, table2, table3, table4, table5, table6

FULLY_CONNECTED, BOUNDED_WIDTH = STUDY["networks"]
SEEN = {"images_of": "test", "against": "label", "batch_norm": "as_is"}
CONFIG = STUDY | {
    "dataset": {"name": "cifar10"},
    "networks": [
        FULLY_CONNECTED | {"options": {"hidden_units": 2700}, "activations": ["linear", "relu"], "depths": [1, 3]},
        BOUNDED_WIDTH | {"activations": ["linear"], "alphas": [0.1, 1], "learning_rate": "search"},
        FULLY_CONNECTED
        | {"name": "toy", "architecture": "toy", "options": {}}
        | {"activations": ["relu"], "depths": [2], "learning_rate": 0.1},
    ],
    "training": STUDY["training"]
    | {"epochs": 40, "batch_size": 128, "schedule": {"factor": 0.3, "every": 4, "reset_at": 20}},
    "attacks": [
        {
            **SEEN, "name": "pgd", "family": "foolbox", "foolbox_class": "LinfPGD",
            "images": 2000, "networks": "all", "checkpoints": ["best"],
            "options": {
                "attack": "LinfPGD", "epsilon": "8/255",
                "parameters": {"steps": 1000, "rel_stepsize": 0.1, "random_start": True},
            },
        },
        {
            **SEEN, "name": "deepfool", "family": "foolbox", "foolbox_class": "L2DeepFoolAttack",
            "images": 100, "networks": ["vgg19", "resnet18"],
            "checkpoints": ["best", "step=0"],
            "options": {"attack": "L2DeepFoolAttack", "epsilon": 2 / 255, "parameters": {"abs_stepsize": 0.01}},
        },
        {
            **SEEN, "name": "smallest", "family": "minimal_linf_pgd", "foolbox_class": "LinfPGD",
            "images": 100, "networks": "all", "checkpoints": "all",
            "options": {"epsilon": "32/255", "tolerance": "1/2550", "loss": "cross_entropy", "parameters": {}},
        },
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def reference():
    return yaml.safe_load((Path(__file__).parents[2] / "workflow/reference/paper.yaml").read_text(encoding="utf-8"))


def spectra(folder, l1, l2, *, name="spectra", **who):
    """Write a spectra.h5 with these norms, one image each."""
    path = folder / f"{name}.h5"
    power = np.ones((len(l1), 1, 4, 4))
    return write_spectra(path, identity(**who), power=power, norms=(np.array(l1, float), np.array(l2, float)))


def make(module, paths, reference, *, convention="paper", config=CONFIG):
    return module.table(read_runs(paths), reference=reference, config=config, convention=convention)


def cells(table, model):
    (row,) = (row for row in csv.DictReader(StringIO(table.to_csv())) if row["model"] == model)
    return row


def notes(table, *words):
    return [note for note in table.notes if all(word in note for word in words)]


def test_sd_over_images_is_pooled_within_seeds_and_seeds_have_their_own():
    # by hand: means 2 and 11; squares 2 + 2 = 4 over 2 + 1 = 3 degrees of freedom
    found = statistics([np.array([1.0, 2.0, 3.0]), np.array([10.0, 12.0])])
    assert found.values.mean == pytest.approx((1 + 2 + 3 + 10 + 12) / 5)
    assert found.values.sd == pytest.approx(np.sqrt((2 + 2) / 3))
    assert found.seeds == pytest.approx((6.5, 9 / np.sqrt(2)))


def test_statistics_of_nothing_and_of_one_value_have_no_sd():
    assert statistics([]) is None and statistics([np.array([])]) is None
    assert statistics([np.array([3.0])]) == statistics([np.array([]), np.array([3.0])])
    assert statistics([np.array([3.0])]).values == (3.0, None)


def test_perturbation_norms_stand_beside_the_papers(tmp_path, reference):
    table = make(table1, [spectra(tmp_path, [300, 400], [16, 18], network="full_width")], reference)
    row = cells(table, "Full Width Convolution (linear)")
    assert float(row["delta_l1_mean"]) == 350 and float(row["delta_l1_sd"]) == pytest.approx(70.7107, abs=1e-3)
    assert (row["delta_l1_paper_mean"], row["delta_l1_paper_sd"]) == ("376.31", "32.66")
    assert float(row["delta_l1_difference"]) == pytest.approx((350 - 376.31) / 32.66, rel=1e-4)
    assert float(row["delta_l2_mean"]) == 17
    assert (row["seeds"], row["attacked"], row["images"]) == ("1", "2", "2")
    assert (row["delta_l1_seeds_mean"], row["beta_raw_l1_mean"]) == ("", "")


def test_predictor_norms_are_those_of_the_raw_and_the_rescaled_map(tmp_path, reference):
    beta = np.zeros((2, 1, 4, 4))
    beta[0, 0, 0, 0], beta[1, 0, 0, 0] = 1.0, 3.0  # a point: magnitude equal in all 16 bins
    path = write_predictor(tmp_path / "predictor.h5", identity(), beta)
    row = cells(make(table1, [path], reference), "Fully Connected (linear)")
    assert float(row["beta_raw_l1_mean"]) == pytest.approx(16 * 2)
    assert float(row["beta_raw_l2_mean"]) == pytest.approx(4 * 2)
    assert float(row["beta_l1_mean"]) == pytest.approx(16) and float(row["beta_l1_sd"]) == pytest.approx(0, abs=1e-9)
    assert float(row["beta_l1_difference"]) == pytest.approx((16 - 2232.46) / 166.27, rel=1e-4)
    assert row["delta_l1_mean"] == "" and row["images"] == ""


def test_rows_are_the_papers_then_the_studys_own(tmp_path, reference):
    paths = [
        spectra(tmp_path, [1, 2], [1, 2], name="a", network="toy"),
        spectra(tmp_path, [1, 2], [1, 2], name="b", network="locally_connected"),
        spectra(tmp_path, [1, 2], [1, 2], name="c", network="fully_connected", depth=3),
    ]
    table = make(table1, paths, reference)
    models = [row["model"] for row in csv.DictReader(StringIO(table.to_csv()))]
    assert models[:6] == [f"{row['model']} (linear)" for row in reference["tables"]["table1"]["rows"]]
    assert models[6:] == ["Locally Connected (linear)", "toy (linear)"]
    (missing,) = notes(table, "Not in this study")
    assert "Deep Full Width Convolution" in missing and "Deep Fully Connected" not in missing
    assert cells(table, "Full Width Convolution (linear)")["delta_l1_mean"] == ""
    assert cells(table, "Full Width Convolution (linear)")["delta_l1_paper_mean"] == "376.31"
    assert cells(table, "toy (linear)")["delta_l1_paper_mean"] == ""


@pytest.mark.parametrize(("module", "count"), [(table1, 6), (table2, 7), (table4, 13)])
def test_a_study_without_networks_has_the_papers_rows(reference, module, count):
    table = make(module, [], reference)
    assert len(table.rows) == count and notes(table, "Not in this study")
    assert "–" in table.to_markdown()


def test_depth_of_a_network_with_one_depth_does_not_matter(tmp_path, reference):
    path = spectra(tmp_path, [600], [20], network="vgg19", activation="relu", depth=16)
    assert float(cells(make(table2, [path], reference), "VGG19 (ReLU)")["delta_l1_mean"]) == 600


def test_no_selected_image_is_a_blank_and_a_note(tmp_path, reference):
    path = write_spectra(
        tmp_path / "a.h5", identity(), delta=np.ones((3, 3, 4, 4), np.float32), success=np.zeros(3, bool)
    )
    table = make(table1, [path], reference)
    row = cells(table, "Fully Connected (linear)")
    assert (row["delta_l1_mean"], row["attacked"], row["images"]) == ("", "3", "0")
    assert notes(table, "No successful attack", "Fully Connected (linear)")


def test_another_convention_is_not_held_against_the_paper_silently(tmp_path, reference):
    paths = write_run(tmp_path, who=identity(), images=3)
    table = make(table1, paths, reference, convention="rgb")
    row = cells(table, "Fully Connected (linear)")
    assert row["delta_l1_mean"] and row["delta_l1_difference"] == ""
    assert row["beta_l1_difference"]  # the predictor's are under the paper's convention always
    assert notes(table, "compared under the convention `paper` only")


def test_accuracy_is_in_percent_over_seeds_beside_the_papers(tmp_path, reference):
    paths = [
        write_checkpoints(tmp_path / "a.h5", identity(network="full_width"), 0.40, 0.002),
        write_checkpoints(tmp_path / "b.h5", identity(network="full_width", seed=1), 0.44, 0.002),
        write_checkpoints(tmp_path / "c.h5", identity(network="full_width", activation="relu"), 0.5, 0.002),
    ]
    table = make(table4, paths, reference)
    row = cells(table, "Full Width Convolution (linear)")
    assert (float(row["test_accuracy_mean"]), float(row["test_accuracy_sd"])) == pytest.approx((42, 2.82843), rel=1e-4)
    assert (row["test_accuracy_paper"], float(row["difference"])) == ("41", pytest.approx(1))
    assert (row["best_epoch"], row["epochs"], row["seeds"]) == ("2", "3", "2")
    assert cells(table, "Full Width Convolution (ReLU)")["test_accuracy_paper"] == ""


def test_learning_rates_come_from_the_checkpoints(tmp_path, reference):
    paths = [
        write_checkpoints(tmp_path / "a.h5", identity(network="full_width", depth=3), 0.4, 0.0004),
        write_checkpoints(tmp_path / "b.h5", identity(network="bounded_width_32"), 0.4, 0.01),
        write_checkpoints(tmp_path / "c.h5", identity(network="toy"), 0.4, 0.5),
        write_checkpoints(tmp_path / "d.h5", identity(network="bounded_width_3", activation="relu"), 0.4, 0.01),
    ]
    table = make(table5, paths, reference)
    deep = cells(table, "Deep Full Width Convolution (linear)")
    assert (deep["learning_rate"], deep["learning_rate_paper"]) == ("0.0004", "0.002")
    assert cells(table, "Bounded Width Convolution (linear)")["learning_rate_paper"] == "0.01"
    assert cells(table, "Bounded Width Convolution, 3 channels (ReLU)")["learning_rate_paper"] == "0.002"
    assert cells(table, "toy (linear)")["learning_rate_paper"] == ""
    assert cells(table, "Fully Connected")["learning_rate"] == ""
    linear_only = make(table5, paths[:2], reference)
    assert cells(linear_only, "Bounded Width Convolution (ReLU)")["learning_rate_paper"] == "0.002"
    assert notes(linear_only, "Not in this study", "Bounded Width Convolution (ReLU).")
    assert notes(table, "rate that the paper does not list", "Deep Full Width Convolution (linear)")
    assert notes(table, "rate that the paper does not list", "Bounded Width Convolution, 3 channels (ReLU).")
    assert deep["learning_rate_drop"] == "× 0.3 every 4 epochs, reset at epoch 20"


def test_architectures_come_from_the_config(reference):
    table = make(table3, [], reference)
    row = cells(table, "Bounded Width Convolution, 3 channels")
    assert (row["channels"], row["channels_paper"], row["options"]) == ("3", "3, 32", "kernel_size 3")
    assert (row["activations"], row["activations_paper"], row["alphas"]) == ("none", "none, ReLU", "0.1, 1")
    assert cells(table, "Fully Connected")["hidden_layers"] == "1, 3"
    assert cells(table, "toy")["channels_paper"] == ""
    assert notes(table, "Not in this study: Full Width Convolution, Locally Connected.")


def test_attacks_stand_below_the_papers(reference):
    rows = list(csv.DictReader(StringIO(make(table6, [], reference).to_csv())))
    paper, pgd, deepfool, smallest = rows
    assert (paper["steps"], paper["step"], paper["epsilon"]) == ("1000", "0.1", "8.0/255.0")
    assert (pgd["metric"], pgd["step"], pgd["steps"], pgd["epsilon"]) == ("L∞", "0.1 × ε", "1000", "8/255")
    assert pgd["parameters"] == "random_start True"
    assert (deepfool["metric"], deepfool["step"], deepfool["epsilon"]) == ("L2", "0.01, absolute", "0.00784314")
    assert (deepfool["networks"], deepfool["checkpoints"]) == ("vgg19, resnet18", "best, step=0")
    assert (smallest["metric"], smallest["networks"], smallest["checkpoints"]) == ("L∞", "all", "all")
    assert smallest["parameters"] == "tolerance 1/2550, loss cross_entropy"


def test_what_an_attack_saw_stands_in_its_row(reference):
    attack = CONFIG["attacks"][0] | {"images_of": "training", "against": "prediction", "images": 100}
    attack |= {"batch_norm": {"batches": 2, "batch_size": 8}}
    made = table6.table([], reference=reference, config={**CONFIG, "attacks": [attack]}, convention="paper")
    row = made.rows[1]
    assert row["images"] == "100 training"
    assert row["parameters"].endswith("against prediction, batch_norm of 2 batches of 8")


@pytest.mark.parametrize(
    ("family", "options", "step", "steps"),
    [
        ("linf_pgd", {"parameters": {}}, "0.0333333 × ε", "40"),
        ("foolbox", {"attack": "L2PGD", "parameters": {"steps": 7}}, "0.025 × ε", "7"),
        ("foolbox", {"attack": "L2DeepFoolAttack", "parameters": {}}, "", "50"),
        ("of_next_month", {"parameters": {}}, "0.0333333 × ε", "40"),
        ("mine", {"parameters": {}}, "", ""),
    ],
)
def test_what_an_attack_leaves_open_is_foolboxs_default(reference, family, options, step, steps):
    runs = {"linf_pgd": "LinfPGD", "of_next_month": "LinfPGD", "mine": None}.get(family, options.get("attack"))
    attack = CONFIG["attacks"][0] | {"family": family, "foolbox_class": runs}
    attack |= {"options": {"epsilon": "8/255", **options}}
    made = table6.table([], reference=reference, config={**CONFIG, "attacks": [attack]}, convention="paper")
    row = list(csv.DictReader(StringIO(made.to_csv())))[1]
    assert (row["step"], row["steps"]) == (step, steps)


@pytest.mark.parametrize(
    ("name", "parameters", "epsilon", "metric", "shown"),
    [
        ("FGM", {}, 1.0, "L2", "1"),
        ("FGSM", {}, 8 / 255, "L∞", "8/255"),
        ("SaltAndPepperNoiseAttack", {}, 10, "L2", "10"),
        ("DatasetAttack", {"distance": "l0"}, 10, "L0", "10"),
        ("HopSkipJumpAttack", {"constraint": "linf"}, 0.03, "L∞", "0.03"),
        ("HopSkipJumpAttack", {}, 2.0, "L2", "2"),
        ("SparseL1DescentAttack", {}, 12.0, "L1", "12"),
    ],
)
def test_the_metric_of_an_attack_is_its_norm_and_255ths_are_of_the_largest_magnitude(
    reference, name, parameters, epsilon, metric, shown
):
    options = {"attack": name, "epsilon": epsilon, "parameters": parameters}
    attack = CONFIG["attacks"][0] | {"family": "foolbox", "foolbox_class": name, "options": options}
    made = table6.table([], reference=reference, config={**CONFIG, "attacks": [attack]}, convention="paper")
    assert (made.rows[1]["metric"], made.rows[1]["epsilon"]) == (metric, shown)
    norm = build_attack("foolbox", **options).norm
    assert metric == ("L∞" if np.isinf(norm) else f"L{norm:g}")


def test_columns_of_a_panel_have_a_table_of_their_own_and_misses_are_bold():
    columns = (
        Column("model", "Model"),
        Column("seeds", "seeds"),
        Column("x", "X", 2, spread=True, panel="X", within="ours"),
        Column("difference", "X difference", 1, panel="X", within="difference", limit=2, optional=True),
        Column("y", "Y", 2, panel="Y", within="ours"),
    )
    rows = ({"model": "a", "seeds": 3, "x": Spread(497.69, 30.45), "difference": -3.2, "y": 1.0},)
    rows += ({"model": "b", "x": Spread(1.234, 0.0456), "difference": 2.0},)
    made = Table("T", columns, rows, ("A note.",))
    assert made.to_markdown().splitlines()[2:] == [
        "**X**", "", "| Model | ours | difference |", "| --- | ---: | ---: |",
        "| a | 498 ± 30 | **-3.2** |", "| b | 1.23 ± 0.05 | 2.0 |", "",
        # a panel with one column is none
        f"**{FURTHER}**", "", "| Model | seeds | Y |", "| --- | ---: | ---: |", "| a | 3 | 1.00 |", "| b | – | – |", "",
        "- A note.",
    ]  # fmt: skip
    alone = Table("T", columns, tuple({"model": "a", "x": row["x"]} for row in rows))
    assert "**X**" not in alone.to_markdown() and "| Model | seeds | X | Y |" in alone.to_markdown()


def test_markdown_rounds_and_leaves_out_empty_optional_columns_while_csv_keeps_them():
    columns = (Column("a", "A", 1, spread=True), Column("b", "B", optional=True), Column("c", "C|D"))
    table = Table("T", columns, ({"a": Spread(1.26, 0.5)}, {"a": Spread(2.0, None), "c": "x|y"}), ("a note",))
    assert table.to_csv() == "a_mean,a_sd,b,c\n1.26,0.5,,\n2,,,x|y\n"
    assert table.to_markdown().splitlines()[2:] == [
        "| A | C\\|D |", "| --- | ---: |", "| 1.3 ± 0.5 | – |", "| 2.0 | x\\|y |", "", "- a note",
    ]  # fmt: skip


def test_a_cell_without_a_column_is_refused():
    with pytest.raises(ValueError, match="'b', which no column has"):
        Table("T", (Column("a", "A"),), ({"b": 1},))


def test_intervals_have_three_columns_in_csv_and_significant_digits_keep_small_numbers():
    columns = (Column("d", "D", 3, interval=True, significant=True), Column("x", "X", 2))
    rows = ({"d": Estimate(0.0012345, 0.001, 0.01), "x": 0.5}, {"d": Estimate(1234.5, None, None)}, {})
    table = Table("T", columns, rows)
    assert table.to_csv() == "d,d_low,d_high,x\n0.0012345,0.001,0.01,0.5\n1234.5,,,\n,,,\n"
    assert table.to_markdown().splitlines()[4:] == ["| 0.00123 [0.001, 0.01] | 0.50 |", "| 1230 | – |", "| – | – |"]


def rows_of(module, paths, **where):
    """Return the rows of a table of states, as text, whose cells are those of `where`."""
    table = module.table(read_runs(paths), reference={}, config={}, convention="paper")
    rows = list(csv.DictReader(StringIO(table.to_csv())))
    return table, [row for row in rows if all(row[key] == value for key, value in where.items())]


def known_lines(folder, step, *, adversarial, random, seed=0, changed=True, **more):
    """Write a lines.h5 with known ReLU changes; a boundary control that is as the random one."""
    count = len(random)
    ends = {end: random_line(np.random.default_rng(0), count, 1) for end in ("adversarial", "random", "boundary")}
    for end, values in (("adversarial", adversarial), ("random", random), ("boundary", random)):
        ends[end] |= {"relu_changes": np.array(values, float), "changed": np.full(count, changed)} | more
    who = identity(activation="relu", seed=seed) | {"checkpoint": f"step={step}", "step": step, "epoch": step}
    return write_lines(folder / f"{seed}-{step}.h5", who, ends)


def test_distances_of_known_lines_and_the_sentence_on_start_and_end(tmp_path):
    same = np.linspace(0.1, 0.2, 20)
    paths = [
        known_lines(tmp_path, 0, adversarial=same, random=same),
        known_lines(tmp_path, 9, adversarial=same + 0.5, random=same),
    ]
    table, (first, _, last, _) = rows_of(distances, paths, quantity="relu_changes")
    assert (first["ks"], first["ks_p"], first["wasserstein"], first["control"]) == ("0", "1", "0", "random")
    assert (last["ks"], last["ks_low"], last["ks_high"], last["step"]) == ("1", "1", "1", "9")
    assert (float(last["wasserstein"]), float(last["ks_p"])) == (0.5, pytest.approx(1 / 1001, rel=1e-4))
    assert (float(last["median_adversarial"]), float(last["median_control"])) == (0.65, 0.15)
    assert (last["images"], last["reached"], last["unconverged"]) == ("20", "20", "0")
    (note,) = notes(table, "fraction of ReLU changes, x_a against the random control")
    assert "at step 0 the distributions **cannot be told apart** with 20 images (KS 0.00" in note
    assert "at step 9 the distributions **differ** (KS 1.00" in note and "larger, 0.65 against 0.15" in note


def test_distributions_of_one_median_differ_without_a_larger_one(tmp_path):
    same = np.linspace(0.1, 0.2, 41)
    wide = same[20] + 4 * (same - same[20])
    table, _ = rows_of(distances, [known_lines(tmp_path, 9, adversarial=wide, random=same)], quantity="relu_changes")
    (note,) = notes(table, "fraction of ReLU changes, x_a against the random control")
    assert "**differ**" in note and "median to x_a equal, 0.15 against 0.15" in note


def test_every_quantity_and_control_has_a_row_for_each_state_and_seed(tmp_path):
    sample = [0.1, 0.2, 0.3]
    paths = [
        known_lines(tmp_path, step, adversarial=sample, random=sample, seed=seed) for seed in (0, 1) for step in (0, 9)
    ]
    _, rows = rows_of(distances, paths)
    assert len(rows) == 2 * 2 * 10 * 2 == len({tuple(list(row.values())[2:9]) for row in rows})


def test_lines_short_of_the_boundary_not_converged_or_without_a_change_are_counted(tmp_path):
    sample = [0.1, 0.2, 0.3]
    more = {"converged": np.array([True, False, True]), "true_change": np.array([0.0, 1, 1])}
    path = known_lines(tmp_path, 3, adversarial=sample, random=sample, changed=False, **more)
    table, (row, *_) = rows_of(distances, [path], quantity="true_deviation_relative", control="boundary")
    assert (row["images"], row["reached"], row["unconverged"]) == ("2", "0", "1")
    assert notes(table, "this study has no lines at the initialisation")


def test_a_row_of_the_development_has_what_the_files_say(tmp_path):
    who = identity("vgg19", "relu", 16)
    paths = [write_checkpoints(tmp_path / "checkpoints.h5", who, 0.8, 0.01, epochs=20, states=STATES)]
    paths += write_development(tmp_path, who=who, size=8)
    paths += write_development(tmp_path, who=who, size=8, attack="moved", source="pgd", kinds=("perturbations",))
    (run,) = read_runs(paths)
    table, rows = rows_of(development, paths)
    assert [int(row["step"]) for row in rows] == 2 * [0, 1, 10, 30, 100, 200, 500, 1000, 2000]
    state = run.attacked("pgd")[-1]
    perturbations, row = state.perturbations(), rows[8]
    success, correct = perturbations.success, perturbations.correct
    for key, value in {
        "test_accuracy": 0.8,
        "accuracy": correct.mean(),
        "success_rate": success.mean(),
        "success_among_correct": success[correct].mean(),
        "without_success": (~success).sum(),
        "l2": perturbations.l2[success].mean(),
        "linf": perturbations.linf[success].mean(),
        "half_power_frequency": state.spectra("paper").half_power_frequency.mean(),
        "breakpoints": state.lines().adversarial.breakpoints.mean(),
        "images": 20,
        "lines": 20,
        "epoch": 20,
    }.items():
        assert float(row[key]) == pytest.approx(float(value), rel=1e-5)
    assert (rows[0]["l2"], rows[0]["success_rate"]) == ("", "0")  # no success at the initialisation
    assert (row["transfer"], rows[9]["transfer"], rows[9]["breakpoints"]) == ("", "pgd on best", "")


@pytest.mark.parametrize("seen", [{}, {"against": "prediction", "batch_norm": "16 batches"}])
def test_the_development_says_what_a_success_is_and_of_which_network_the_accuracy(tmp_path, seen):
    who = identity("resnet18", "relu", 17)
    paths = [write_checkpoints(tmp_path / "checkpoints.h5", who, 0.8, 0.01, epochs=20, states=STATES)]
    paths += write_development(tmp_path, who=who | seen, size=8, kinds=("perturbations",))
    table, rows = rows_of(development, paths)
    assert {bool(row["test_accuracy"]) for row in rows} == {not seen}
    assert notes(table, "It is blank where batch normalisation was recalibrated")
    said = notes(table, "Against the prediction (`pgd`), it succeeds if the prediction changes, within ε.")
    assert bool(said) == bool(seen)


def write_states(folder, success, correct, *, images=None, who=None):
    """Write perturbations.h5 of one attack at one state for each row of `success` and `correct`."""
    paths = []
    for step, (hit, right) in enumerate(zip(success, correct, strict=True)):
        about = (who or identity()) | {"checkpoint": f"step={step}", "step": step, "epoch": 1}
        count = len(hit) if images is None else images[step]
        delta = np.zeros((count, 1, 2, 2), np.float32)
        path = folder / f"{step}.h5"
        paths.append(write_perturbations(path, about, delta, np.array(hit)[:count], 10, np.array(right)[:count]))
    return paths


def test_success_and_accuracy_are_correlated_in_part_by_definition(tmp_path):
    correct = np.arange(40) < np.array([[4], [8], [16], [32]])
    success = np.arange(40) < np.array([[3], [5], [8], [10]])
    table, (row,) = rows_of(success_accuracy, write_states(tmp_path, success, correct))
    assert (row["states"], row["images"], row["success_rate"]) == ("4", "40", "1")
    assert float(row["success_among_correct"]) == -1
    assert float(row["success_among_correct_low"]) <= -0.8 <= 0.2 <= float(row["success_rate_high"])
    assert notes(table, "in part by definition")


def test_accuracy_bounds_no_success_against_the_prediction(tmp_path):
    correct = np.arange(40) < np.array([[4], [8], [16]])
    success = np.ones((3, 40), dtype=bool)
    label = write_states(tmp_path / "a", success & correct, correct, who=identity() | {"attack": "pgd"})
    predicted = identity() | {"attack": "predicted", "against": "prediction"}
    paths = write_states(tmp_path / "b", success, correct, who=predicted)
    table, _ = rows_of(success_accuracy, paths)
    assert notes(table, "An attack against the prediction (`predicted`) succeeds wherever the prediction changes")
    assert not notes(table, "cannot exceed the accuracy")
    table, _ = rows_of(success_accuracy, [*paths, *label])
    assert notes(table, "(`predicted`)") and notes(table, "against the label", "cannot exceed the accuracy")
    assert not notes(rows_of(success_accuracy, label)[0], "against the prediction")


def test_no_rank_correlation_without_success_or_with_two_states_only(tmp_path):
    correct = np.arange(10) < np.array([[2], [5], [8]])
    never = np.zeros((3, 10), dtype=bool)
    _, (row,) = rows_of(success_accuracy, write_states(tmp_path, never, correct))
    assert (row["success_rate"], row["success_among_correct"]) == ("", "")
    table, rows = rows_of(success_accuracy, write_states(tmp_path, never[:2], correct[:2]))
    assert rows == [] and notes(table, "No attack on three or more checkpoints")


def test_states_attacked_on_different_images_are_refused(tmp_path):
    correct = np.ones((3, 10), dtype=bool)
    with pytest.raises(ValueError, match="expected the images of"):
        rows_of(success_accuracy, write_states(tmp_path, correct, correct, images=[10, 10, 9]))


@pytest.mark.parametrize("module", [distances, development, success_accuracy])
def test_a_study_without_states_has_a_table_that_says_so(module):
    table, rows = rows_of(module, [])
    assert rows == [] and notes(table, "in this study")
