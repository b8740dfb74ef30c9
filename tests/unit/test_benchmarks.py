"""What the benchmarks compare computes the same thing, and their tables say what was measured."""

import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from advspectra import fourier
from advspectra.files.images import read_images
from advspectra.layers import CircularConv2d

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks import arrays, attacks, deep, identity, networks, precision, report, timing, training


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return networks.embedded_images(tmp_path_factory.mktemp("images") / "images.h5")


@pytest.fixture(scope="module")
def checkpoint(images, tmp_path_factory):
    """A small linear network, trained for a few epochs."""
    settings = {"found": None, "images": read_images(images), "cache": tmp_path_factory.mktemp("networks")}
    options = networks.NETWORKS["bounded_width_3-linear"].options
    return networks.prepared("bounded_width_3-linear", options, device=torch.device("cpu"), **settings).path


def test_the_spatial_convolution_is_the_fft_convolution():
    torch.manual_seed(0)
    layer = CircularConv2d(2, 3, (6, 5)).double()
    inputs = torch.rand(4, 2, 6, 5, dtype=torch.float64)
    torch.testing.assert_close(training.SpatialCircularConv2d(layer)(inputs), layer(inputs))


@pytest.mark.parametrize("convention", arrays.CONVENTIONS)
def test_the_loop_over_images_gives_the_librarys_spectra(convention):
    images = np.random.default_rng(0).standard_normal((3, 3, 9, 8)).astype(np.float32)
    power = fourier.power_spectrum(images, convention=convention)
    radial = fourier.radial_energy(power)
    l1, l2 = fourier.norms(power)
    expected = {
        "norm_l1": l1,
        "norm_l2": l2,
        "flatness": fourier.flatness(power),
        "radial_energy": radial,
        "angular_energy": fourier.angular_energy(power, bins=arrays.ANGULAR_BINS),
        "half_power_frequency": fourier.half_power_frequency(radial),
    }
    found = [arrays.spectrum_of(image, convention=convention) for image in images]
    for name, values in expected.items():
        np.testing.assert_allclose([one[name] for one in found], values, rtol=1e-10, err_msg=name)


@pytest.mark.slow
def test_every_attack_is_within_epsilon_and_counts_its_work(checkpoint, images):
    where = {"device": "cpu", "threads": 1}
    _, inputs, _, _ = attacks._load(checkpoint, images, 20, torch.device("cpu"))
    for name in (attacks.PLAIN, attacks.FROZEN):
        run, facts = attacks.start_peer(name, checkpoint, images, count=20, steps=10, **where)
        peer = run()
        assert 0 <= facts(peer)["accuracy_after"] < 0.5
    run, facts = attacks.start_ours(checkpoint, images, count=20, steps=10, **where)
    ours = run()
    assert facts(ours)["computed_share"] == pytest.approx(1, abs=0.2)
    assert (ours - inputs).abs().max() <= attacks.EPSILON * (1 + 1e-4)
    # plain and frozen Foolbox, from the same start as ours
    assert (ours == peer).float().mean() > 0.99


def test_perturbations_compared_with_themselves_and_with_changed_ones():
    rng = np.random.default_rng(0)
    one = {
        "perturbation": rng.standard_normal((8, 3, 6, 6)).astype(np.float32),
        "image": np.arange(8),
        "success": np.ones(8, dtype=bool),
        "l1": rng.random(8),
        "l2": rng.random(8),
    }
    same = identity.compare(one, one)
    assert (same["identical_images"], same["equal_pixels"], same["success_differs"]) == (1, 1, 0)
    assert same["l1_difference"] == same["radial_energy_difference"] == 0
    other = {name: values.copy() for name, values in one.items()}
    other["perturbation"][2, 0, 0, :2] += 1
    other["success"][5] = False
    other["l1"] += 0.5
    changed = identity.compare(one, other)
    assert changed["identical_images"] == 7 / 8
    assert changed["equal_pixels"] == pytest.approx(1 - 2 / (8 * 3 * 36))
    assert changed["success_differs"] == 1
    assert changed["l1_difference"] == pytest.approx(0.5)
    assert changed["radial_energy_difference"] > 0
    with pytest.raises(ValueError, match="same images"):
        identity.compare(one, other | {"image": np.arange(8) + 1})


def test_ratios_are_those_of_the_same_round():
    def contender(name, amount):
        return timing.Contender("attack", "network", name, partial(print), amount=amount)

    found = report.rows(
        [
            timing.Measurement(contender("ours", 10), seconds=[1.0, 2.0, 4.0], processor=[1.0, 1.0, 1.0]),
            timing.Measurement(contender(attacks.FROZEN, 1), seconds=[1.0, 2.0, 4.0], processor=[1.0, 1.0, 1.0]),
        ]
    )
    assert found[1]["times_ours"] == found[1]["times_ours_q1"] == pytest.approx(10)
    assert found[0]["per_second"] == pytest.approx(1000 * 10 / 2)
    assert found[0]["processor_share"] == pytest.approx(0.5)


@pytest.mark.slow
def test_contenders_take_turns_in_processes_of_their_own():
    start = partial(arrays.start_convolution, spatial=False, device="cpu", threads=1)
    contenders = [
        timing.Contender("convolution", "case", str(count), partial(start, count=count), amount=count)
        for count in (1, 2000)
    ]
    small, large = timing.take_turns(contenders, repeats=2, device=torch.device("cpu"), warm_up=True)
    assert len(small.seconds) == len(large.processor) == 2
    assert large.memory - small.memory > 2000 * 3 * 32 * 32 * 4 / 2**20


def test_a_contender_that_fails_is_named():
    broken = timing.Contender("convolution", "case", "broken", partial(int, "no number"), amount=1)
    with pytest.raises(ValueError, match="case: broken"):
        timing.take_turns([broken], repeats=1, device=torch.device("cpu"), warm_up=False)


def test_errors_of_bfloat16_stand_beside_the_spread_over_seeds():
    def seed(plain, start, rounded):
        ways = ("float32", "start", "bfloat16")
        return {
            how: dict.fromkeys(precision.MEASURES, value)
            for how, value in zip(ways, (plain, start, rounded), strict=True)
        }

    row, *others = precision.compared([seed(1.0, 2.0, 1.1), seed(3.0, 2.0, 2.9)])
    assert len(others) == 2 and row["spread"] == pytest.approx(2**0.5)
    assert (row["error"], row["shift"], row["start"]) == pytest.approx((0.1, 0.0, 1.0))
    assert (row["of_spread"], row["start_of_spread"]) == pytest.approx((0.1 / 2**0.5, 1 / 2**0.5))
    still, *_ = precision.compared([seed(1.0, 1.0, 1.1), seed(1.0, 1.0, 1.1)])
    assert (still["of_spread"], still["start_of_spread"]) == (float("inf"), 0)


def test_statistics_have_settled_from_the_step_after_which_they_stay_within_a_tenth_of_the_spread():
    def after(norm):
        return {"l1": norm, "l2": 2 * norm, "radial_energy": np.array([0.5, 0.5]), "wrong": 1.0}

    # norms of two seeds after the last step: 1 and 3, so the relative spread is the root of a half
    seen = [
        {5: after(1.0), 10: after(1.2), 20: after(1.005), 30: after(1.0)},
        {5: after(3.0), 10: after(3.0), 20: after(3.0), 30: after(3.0)},
    ]
    rows, notes = precision.settling(seen)
    assert [row["most"] for row in rows] == pytest.approx([0, 0.1 * 2**0.5, 0.0025 * 2**0.5, 0])
    settled = "L1 norm from step 20 on, L2 norm from step 20 on, radial energy from step 5 on"
    assert notes[1].startswith(
        f"Less than 0.1 from where it is after 30 steps: {settled}, classified wrongly from step 5"
    )
    assert notes[2].endswith("would make 20, 5 steps.")


def test_the_rows_of_deep_networks_compare_within_a_round_by_processor_time():
    processor = {
        "matrix product": {"float32": [1, 2], "bfloat16": [9, 9]},
        "ours": {"float32": [2, 4], "bfloat16": [1, 2]},
    }
    processor["convolution"] = {"float32": [9, 9], "bfloat16": [0.5, 1]}
    processor["peer"] = {"float32": [3, 6], "bfloat16": [2, 4]}

    class Bench:
        amounts = {"training": 10}
        operations = staticmethod(lambda work: 20)

    found = {}
    for way in deep.ways("training", 1):
        kind = way.how if way.work == "peak" else "peer" if way.how == deep.PEERS["training"] else "ours"
        found[way] = deep.Times(seconds=[4, 8], processor=processor[kind][way.precision])
    assert len(found) == 14
    row = next(
        one
        for one in deep.rows(found, Bench)
        if (one["batch"], one["how"], one["precision"]) == (32, deep.OURS, "bfloat16")
    )
    assert (row["of_float32"], row["of_peer"], row["of_peer_float32"]) == pytest.approx((2, 2, 3))
    # 10 images of 20 operations in 1 s, against the convolution, the faster peak in bfloat16, in half a second
    assert (row["of_peak"], row["share"]) == pytest.approx((200 * 0.5 / deep.PEAKS["convolution"], 0.25))
