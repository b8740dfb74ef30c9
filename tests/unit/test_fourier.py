"""Spectra against truths of Fourier analysis and against direct sums."""

import numpy as np
import pytest

from advspectra import fourier

SIZES = [(8, 8), (7, 7), (8, 5), (9, 12)]


def random_images(height, width, channels=3, count=4):
    return np.random.default_rng(0).normal(size=(count, channels, height, width))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("convention", fourier.CONVENTIONS)
def test_radial_and_angular_energy_each_sum_to_the_total_power(size, convention):
    images = random_images(*size)
    gray = np.tensordot(images, [0.299, 0.587, 0.114], axes=(1, 0)) if "rgb" not in convention else images
    scale = 1 if "orthonormal" in convention else size[0] * size[1]
    # Parseval: the power of the DFT from the pixels alone
    total = scale * (gray**2).reshape(len(images), -1).sum(axis=1)
    power = fourier.power_spectrum(images, convention=convention)
    np.testing.assert_allclose(fourier.radial_energy(power).sum(axis=1), total, rtol=1e-12)
    for bins in (1, 4, 7, 36):
        np.testing.assert_allclose(fourier.angular_energy(power, bins=bins).sum(axis=1), total, rtol=1e-12)
    np.testing.assert_allclose(fourier.norms(power)[1], np.sqrt(total), rtol=1e-12)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("ky", "kx"), [(0, 0), (0, 2), (2, 0), (1, 2), (2, -1), (-2, 2)])
def test_a_pure_cosine_lands_in_its_one_bin(size, ky, kx):
    height, width = size
    y, x = np.mgrid[:height, :width]
    wave = np.cos(2 * np.pi * (ky * y / height + kx * x / width))[None, None]
    power = fourier.power_spectrum(wave, convention="paper")[0, 0]
    peaks = {(row - height // 2, column - width // 2) for row, column in np.argwhere(power > 1e-9 * power.max())}
    assert peaks == {(ky, kx), (-ky, -kx)}
    radial = fourier.radial_energy(power[None, None])[0]
    assert radial[round(np.hypot(ky, kx))] == pytest.approx(radial.sum())
    angular = fourier.angular_energy(power[None, None], bins=180)[0]
    if (ky, kx) != (0, 0):
        assert angular[round(np.degrees(np.arctan2(ky, kx)) % 180) % 180] == pytest.approx(angular.sum())
        for bins in (4, 12, 36):  # centred at multiples of 180 / bins degrees
            angular = fourier.angular_energy(power[None, None], bins=bins)[0]
            place = round((np.degrees(np.arctan2(ky, kx)) % 180) * bins / 180 + 1e-9) % bins
            assert angular[place] == pytest.approx(angular.sum())
    else:
        np.testing.assert_allclose(angular, angular.sum() / 180)


def test_norms_equal_a_direct_sum_over_the_transform():
    image = random_images(6, 5, count=1)
    gray = 0.299 * image[0, 0] + 0.587 * image[0, 1] + 0.114 * image[0, 2]
    y, x = np.arange(6), np.arange(5)
    transform = np.array(
        [
            [(gray * np.exp(-2j * np.pi * (u * y[:, None] / 6 + v * x[None, :] / 5))).sum() for v in range(5)]
            for u in range(6)
        ]
    )
    l1, l2 = fourier.norms(fourier.power_spectrum(image, convention="paper"))
    assert l1[0] == pytest.approx(np.abs(transform).sum())
    assert l2[0] == pytest.approx(np.sqrt((np.abs(transform) ** 2).sum()))


def test_flatness_is_one_for_an_impulse_and_lowest_for_a_constant():
    impulse = np.zeros((1, 1, 8, 8))
    impulse[0, 0, 3, 5] = 2.0
    images = np.concatenate([impulse, np.ones((1, 1, 8, 8)), np.zeros((1, 1, 8, 8)), 1e-6 * impulse])
    power = fourier.power_spectrum(images, convention="paper")
    with np.errstate(all="raise"):
        values = fourier.flatness(power)
    np.testing.assert_allclose(values[[0, 1, 3]], [1.0, 1 / 8, 1.0])
    assert np.isnan(values[2])
    np.testing.assert_allclose(fourier.flatness(power[:1]), 1.0)


def test_half_power_frequency_of_known_energies():
    energy = [[0, 0, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1], [0, 1, 1, 0], [0, 1, 3, 0], [0, 0, 0.2, 0.6], [0, 0, 0, 0]]
    with np.errstate(all="raise"):
        values = fourier.half_power_frequency(np.array(energy, dtype=float))
    # bin 2 covers 1.5 to 2.5; bin 0 covers 0 to 0.5; half of four equal bins is the edge of bin 1; of [1, 3] half lies
    # behind the first and a third of the second, of [0.2, 0.6] too
    np.testing.assert_allclose(values[:6], [2.0, 0.25, 1.5, 1.5, 1.5 + 1 / 3, 2.5 + 1 / 3])
    assert np.isnan(values[6])


@pytest.mark.parametrize("size", [(32, 32), (7, 7), (8, 8)])
def test_half_power_frequency_and_flatness_of_white_noise_are_those_of_noise(size):
    noise = np.random.default_rng(0).normal(size=(2000, 1, *size))
    power = fourier.power_spectrum(noise, convention="paper")
    mean_energy = fourier.radial_energy(power).mean(axis=0, keepdims=True)
    simulated = fourier.half_power_frequency(mean_energy)[0]
    assert fourier.white_noise_frequency(*size) == pytest.approx(simulated, rel=0.005)
    # the ratio of expectations, of which an image's own ratio falls short by 1 / (4 bins) or so
    magnitudes = np.sqrt(power).mean() / np.sqrt(power.mean())
    assert fourier.white_noise_flatness(*size) == pytest.approx(magnitudes, abs=0.002)


def test_white_noise_of_the_papers_images_has_a_known_half_power_frequency():
    # half of 32 x 32 frequencies, 512, lie within 12.8 cycles/image: counted one by one
    y, x = np.mgrid[-16:16, -16:16]
    rings = np.bincount(np.rint(np.hypot(y, x)).astype(int).ravel())
    below = rings[:13].sum()
    assert fourier.white_noise_frequency(32, 32) == pytest.approx(12.5 + (512 - below) / rings[13])
    assert round(fourier.white_noise_frequency(32, 32), 1) == 12.8


def test_no_images_give_no_rows():
    power = fourier.power_spectrum(np.zeros((0, 3, 8, 8)), convention="rgb")
    assert fourier.radial_energy(power).shape == (0, 7)
    assert fourier.angular_energy(power, bins=6).shape == (0, 6)
    assert fourier.flatness(power).shape == (0,)
    assert fourier.half_power_frequency(fourier.radial_energy(power)).shape == (0,)


@pytest.mark.parametrize(
    ("images", "convention", "message"),
    [
        (np.zeros((3, 8, 8)), "paper", r"\(N, C, H, W\).*\(3, 8, 8\)"),
        (np.zeros((1, 3, 8, 8)), "papers", "papers"),
        (np.full((1, 3, 8, 8), np.nan), "paper", "^expected finite images, got NaN or infinity$"),
        (np.zeros((1, 2, 8, 8)), "paper", "1 or 3 channels, got 2"),
    ],
)
def test_bad_images_are_refused(images, convention, message):
    with pytest.raises(ValueError, match=message):
        fourier.power_spectrum(images, convention=convention)
