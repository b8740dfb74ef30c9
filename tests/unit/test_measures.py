"""What measures give where the answer is known without them: white noise, an untrained network, extreme rates."""

import numpy as np
import pytest
from scipy.special import ellipe, ellipk
from synthetic_results import (
    EPSILON,
    identity,
    write_checkpoints,
    write_lines,
    write_perturbations,
    write_predictor,
    write_run,
    write_spectra,
)

from advspectra.claims.measures import MEASURES
from advspectra.claims.reasons import Lack, NotThere
from advspectra.claims.sides import Conventions
from advspectra.claims.terms import Side
from advspectra.results.runs import read_runs
from advspectra.statistics.crossed import Sample

SIZE, IMAGES = 32, 200
WHO = identity() | {"step": 200, "epoch": 2}
BAND = {"low": 6, "high": 10}
# x and y frequency and distance to zero of the shifted spectrum, written down again
KY, KX = np.mgrid[-SIZE // 2 : SIZE // 2, -SIZE // 2 : SIZE // 2]
DISTANCE = np.hypot(KX, KY)


def value(paths, name, *, checkpoint="best", end=None, band=BAND, attack="pgd", summary="best"):
    """The measure of a run with these files, the mean or other statistic of its images."""
    (run,) = read_runs(paths)
    conventions = Conventions("paper", {"final": attack}, band=band, checkpoint=summary)
    found = MEASURES[name].read(run, Side(checkpoint=checkpoint, end=end), conventions)
    return Sample(found.arrays, found.statistic).value()


def of_delta(folder, delta):
    """Write the perturbations and their spectra; all attacks succeed."""
    success = np.ones(len(delta), dtype=bool)
    return [
        write_perturbations(folder / "perturbations.h5", WHO, delta, success, 10),
        write_spectra(folder / "spectra.h5", WHO, delta=delta),
    ]


def of_power(folder, power):
    """Write spectra with this power (H, W), shifted."""
    delta = np.zeros((1, 1, *power.shape), dtype=np.float32)
    return [
        write_perturbations(folder / "perturbations.h5", WHO, delta, np.array([True]), 10),
        write_spectra(folder / "spectra.h5", WHO, power=power[None, None].astype(float)),
    ]


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """Random signs in each number of each image: white."""
    signs = np.random.default_rng(0).choice([-EPSILON, EPSILON], size=(IMAGES, 3, SIZE, SIZE))
    return of_delta(tmp_path_factory.mktemp("noise"), signs.astype(np.float32))


# ---- white noise


def test_densities_of_white_noise_are_alike_and_its_sums_are_not(noise):
    for third in ("low", "middle", "high"):  # four standard deviations: 45 independent frequencies in the low third
        assert value(noise, f"delta_{third}_density") == pytest.approx(1 / 3, abs=4 / 3 / np.sqrt(45 * IMAGES))
    outside = np.rint(DISTANCE) > 2 * SIZE / 6
    assert outside.mean() > 0.6
    assert value(noise, "delta_high_share") == pytest.approx(outside.mean(), abs=0.003)


def test_angular_entropy_of_white_noise_is_one_but_for_its_scatter(noise):
    scatter = 35 / (SIZE**2 * np.log(36))  # 36 directions
    assert value(noise, "delta_angular_entropy") == pytest.approx(1 - scatter, abs=0.002)
    assert value(noise, "delta_angular_entropy_of_sums") < value(noise, "delta_angular_entropy") - 0.002


def test_rings_and_bands_of_white_noise_do_not_stand_out(noise):
    assert value(noise, "ring_contrast") == pytest.approx(1, abs=0.05)
    assert value(noise, "band_enrichment") == pytest.approx(1, abs=0.02)


def test_half_of_the_power_of_white_noise_lies_below_12_8(noise):
    assert value(noise, "delta_frequency") == pytest.approx(12.8, abs=0.1)


def test_white_noise_is_not_linked_to_any_predictor(tmp_path):
    """Neither to a white one nor to one whose energy falls with frequency."""
    rng = np.random.default_rng(1)
    for number, amplitude in enumerate((np.ones((SIZE, SIZE)), 1 / np.maximum(np.fft.ifftshift(DISTANCE), 1))):
        folder = tmp_path / str(number)
        beta = np.fft.ifft2(np.fft.fft2(rng.standard_normal((10, 3, SIZE, SIZE))) * amplitude).real
        delta = rng.standard_normal((IMAGES, 3, SIZE, SIZE)).astype(np.float32)
        found = value([*of_delta(folder, delta), write_predictor(folder / "predictor.h5", WHO, beta)], "spectral_link")
        # each correlation has the standard deviation of 512 pairs of independent numbers; four of their mean
        assert abs(found) < 4 / np.sqrt(512 * IMAGES)


# ---- spectra with a known answer


def test_a_flat_spectrum_has_angular_entropy_one_and_one_direction_has_none(tmp_path):
    flat, one = np.ones((SIZE, SIZE)), np.where((KY == 0) & (KX != 0), 1.0, 0.0)
    assert value(of_power(tmp_path / "flat", flat), "delta_angular_entropy") == pytest.approx(1, abs=1e-12)
    assert value(of_power(tmp_path / "flat", flat), "delta_angular_entropy_of_sums") < 0.995
    paths = of_power(tmp_path / "one", one)
    assert value(paths, "delta_angular_entropy") == pytest.approx(0, abs=1e-12)
    zero = np.where(DISTANCE == 0, 100.0, one)  # which has no direction, and does not count
    assert value(of_power(tmp_path / "zero", zero), "delta_angular_entropy") == pytest.approx(0, abs=1e-9)


def test_a_ring_stands_out_by_its_height_and_a_blob_or_a_rise_does_not(tmp_path):
    rings = np.rint(DISTANCE)
    ring = np.where((rings >= 6) & (rings <= 8), 4.0, 1.0)
    assert value(of_power(tmp_path / "ring", ring), "ring_contrast") == pytest.approx(4)
    assert value(of_power(tmp_path / "blob", 1 / (1 + DISTANCE)), "ring_contrast") < 1
    assert value(of_power(tmp_path / "rise", 1 + DISTANCE), "ring_contrast") < 1


def test_enrichment_is_the_ratio_of_densities_inside_the_band_and_outside(tmp_path):
    rings = np.rint(DISTANCE)
    inside = np.where((rings >= BAND["low"]) & (rings <= BAND["high"]), 3.0, 1.0)
    assert value(of_power(tmp_path, inside), "band_enrichment") == pytest.approx(3)
    with pytest.raises(NotThere) as error:
        value(of_power(tmp_path, inside), "band_enrichment", band=None)
    assert error.value.reason.kind is Lack.BAND


def test_a_relative_density_is_that_of_its_third(tmp_path):
    high = np.where(np.rint(DISTANCE) > 2 * SIZE / 6, 2.0, 1.0)
    paths = of_power(tmp_path, high)
    assert [value(paths, f"delta_{third}_density") for third in ("low", "middle", "high")] == pytest.approx(
        [1 / 4, 1 / 4, 2 / 4]
    )


# ---- β and δ


def test_a_perturbation_along_the_difference_of_its_classes_is_fully_linked(tmp_path):
    beta = np.random.default_rng(2).standard_normal((10, 3, SIZE, SIZE))
    before = np.arange(IMAGES) % 10  # as the perturbations are written: from a class to the next
    delta = 0.01 * (beta[(before + 1) % 10] - beta[before])
    paths = [*of_delta(tmp_path, delta.astype(np.float32)), write_predictor(tmp_path / "predictor.h5", WHO, beta)]
    assert value(paths, "spectral_link") == pytest.approx(1, abs=1e-6)


def test_the_signs_of_an_untrained_networks_difference_are_linked_as_theory_says(tmp_path):
    """A sign has the correlation √(2/π) with its Gaussian number; so have the complex amplitudes, and their magnitudes
    that of two Rayleigh numbers (Rice 1944, in complete elliptic integrals of the modulus √(2/π)).
    """
    beta = np.random.default_rng(3).standard_normal((10, 3, SIZE, SIZE))
    before = np.arange(IMAGES) % 10
    delta = EPSILON * np.sign(beta[(before + 1) % 10] - beta[before])
    paths = [*of_delta(tmp_path, delta.astype(np.float32)), write_predictor(tmp_path / "predictor.h5", WHO, beta)]
    squared = 2 / np.pi
    rayleigh = 2 * ellipe(squared) - (1 - squared) * ellipk(squared) - np.pi / 2
    assert value(paths, "spectral_link") == pytest.approx(rayleigh / (2 - np.pi / 2), abs=0.03)


def test_only_successful_perturbations_of_the_best_checkpoint_are_linked(tmp_path):
    (run,) = read_runs(write_run(tmp_path, who=WHO, images=6, failed=(1, 4)))
    conventions = Conventions("paper", {"final": "pgd"})
    found = MEASURES["spectral_link"].read(run, Side(), conventions)
    assert np.flatnonzero(np.isnan(found.arrays[0])).tolist() == [1, 4]
    failed = write_run(tmp_path / "failed", who=WHO, images=6, failed=range(6))
    assert np.isnan(value(failed, "spectral_link"))
    early = write_run(tmp_path / "early", who=WHO | {"checkpoint": "step=3", "step": 3}, images=6)
    with pytest.raises(NotThere) as error:
        value(early, "spectral_link", checkpoint="step=3")
    assert error.value.reason.kind is Lack.PREDICTOR_OF
    with pytest.raises(NotThere) as error:  # nor over networks, where such an attack stands for the best one
        value(early, "norm_link", summary="step=3")
    assert error.value.reason.kind is Lack.PREDICTOR_OF
    nonlinear = write_run(tmp_path / "relu", who=WHO | {"activation": "relu"}, images=6)
    with pytest.raises(NotThere) as error:
        value(nonlinear, "spectral_link")
    assert error.value.reason.kind is Lack.PREDICTOR


# ---- rates


def development(folder, correct, success):
    """Write an attack on a checkpoint for each row of correct and success, (T, N)."""
    paths = []
    for step, (right, hit) in enumerate(zip(correct, success, strict=True)):
        about = WHO | {"checkpoint": f"step={step}", "step": step}
        delta = np.full((len(right), 1, 4, 4), 0.01, dtype=np.float32)
        paths.append(write_perturbations(folder / f"{step}/perturbations.h5", about, delta, hit, 10, right))
    return paths


def test_the_final_attack_is_on_the_checkpoint_that_the_summary_shows_whatever_else_was_attacked(tmp_path):
    correct = np.ones((4, 8), dtype=bool)
    success = np.arange(8) < np.array([[1], [2], [3], [4]])
    paths = development(tmp_path, correct, success)
    for step in range(4):
        assert value(paths, "success_rate", summary=f"step={step}") == (step + 1) / 8
    assert value(paths[1:2], "success_rate", summary="step=1") == 2 / 8
    with pytest.raises(NotThere) as error:
        value(paths, "success_rate", summary="step=9")
    assert error.value.reason.kind is Lack.CHECKPOINT


ACCURACY = np.arange(40) < np.array([[10], [20], [30], [40]])  # of 4 checkpoints: 25, 50, 75 and 100 %


def test_success_on_every_correct_image_follows_accuracy_only_because_it_is_bounded_by_it(tmp_path):
    paths = development(tmp_path, ACCURACY, ACCURACY)
    assert value(paths, "success_accuracy_correlation", checkpoint="last") == 1
    # among the correct images the rate is exactly 1 throughout: it follows nothing
    assert value(paths, "success_among_correct", checkpoint="first") == 1
    assert value(paths, "success_among_correct_accuracy_correlation", checkpoint="last") == 0


@pytest.mark.parametrize(("share", "expected"), [((0, 4, 12, 40), 1), ((10, 16, 15, 0), -1), ((0, 0, 0, 0), 0)])
def test_success_among_correct_images_follows_accuracy_if_it_rises_too(tmp_path, share, expected):
    success = np.arange(40) < np.array(share)[:, None]  # among the correct: 0, 20, 40, 100 %; 100, 80, 50, 0 %; 0 %
    paths = development(tmp_path, ACCURACY, success)
    found = value(paths, "success_among_correct_accuracy_correlation", checkpoint="last")
    assert found == pytest.approx(expected)


def test_a_checkpoint_that_is_right_about_no_image_has_no_share_and_is_left_out(tmp_path):
    correct = np.arange(40) < np.array([[0], [10], [20], [40]])
    success = np.arange(40) < np.array([[0], [1], [4], [40]])  # among the correct: none, 10, 20, 100 %
    paths = development(tmp_path, correct, success)
    assert value(paths, "success_among_correct_accuracy_correlation", checkpoint="last") == pytest.approx(1)
    assert value(paths, "success_accuracy_correlation", checkpoint="last") == pytest.approx(1)
    few = development(tmp_path / "few", correct[:3], success[:3])  # of two any order is perfect
    assert np.isnan(value(few, "success_among_correct_accuracy_correlation", checkpoint="last"))


def test_equal_shares_of_other_numbers_of_images_are_ties(tmp_path):
    """A third of 30, 60 and 90: as floating-point numbers they differ."""
    correct, success = (np.arange(100) < np.array([[count], [2 * count], [3 * count]]) for count in (30, 10))
    paths = development(tmp_path, correct, success)
    assert value(paths, "success_among_correct_accuracy_correlation", checkpoint="last") == 0


def test_of_a_network_that_is_never_right_the_success_among_correct_images_is_undefined(tmp_path):
    never = np.zeros((2, 8), dtype=bool)
    paths = development(tmp_path, never, never)
    assert np.isnan(value(paths, "success_among_correct", checkpoint="first"))
    assert np.isnan(value(paths, "success_among_correct_accuracy_correlation", checkpoint="last"))
    assert value(paths, "success_rate", checkpoint="first") == 0


def test_a_network_of_one_class_succeeds_among_the_images_of_that_class_alone(tmp_path):
    """It takes every image for class 0, rightly for a tenth; success among these is exactly 1, over all images 0.1."""
    right = np.arange(40)[None] % 10 == 0
    paths = development(tmp_path, right, right)
    assert value(paths, "success_rate", checkpoint="first") == pytest.approx(0.1)
    assert value(paths, "success_among_correct", checkpoint="first") == 1


def test_the_roughness_of_either_logit_is_that_of_its_lines(tmp_path):
    line = {name: np.full(3, 0.5) for name in ("length", "relu_changes")}
    line |= {name: np.ones(3, dtype=bool) for name in ("changed", "converged")}
    line |= {name: np.ones(3, dtype=int) for name in ("breakpoints", "pool_switches")}
    deviations = {"true": 2.0, "other": 7.0}
    for logit, deviation in deviations.items():
        line |= {f"{logit}_{name}": np.full(3, deviation) for name in ("change", "deviation", "curvature")}
    paths = [write_lines(tmp_path / "lines.h5", WHO, dict.fromkeys(("adversarial", "random", "boundary"), line))]
    assert value(paths, "true_roughness", end="adversarial") == 2
    assert value(paths, "roughness", end="adversarial") == 7
    with pytest.raises(NotThere) as error:  # of an attack, which is no transfer
        value(paths, "final_roughness", end="adversarial")
    assert error.value.reason.kind is Lack.LOGIT
    line |= {f"final_{name}": np.full(3, 11.0) for name in ("change", "deviation", "curvature")}
    ends = dict.fromkeys(("adversarial", "random", "boundary"), line)
    paths = [write_lines(tmp_path / "transfer/lines.h5", WHO, ends)]
    assert value(paths, "final_roughness", end="adversarial") == 11


def test_accuracies_of_exactly_0_and_1_are_kept(tmp_path):
    for accuracy in (0.0, 1.0):
        paths = [write_checkpoints(tmp_path / f"{accuracy}/checkpoints.h5", WHO, accuracy, 0.01)]
        assert value(paths, "test_accuracy") == accuracy
