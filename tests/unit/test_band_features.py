"""The controlled data set: what differs between classes lies in the chosen band, and nowhere else."""

import numpy as np
import pytest

from advspectra.datasets import band_features
from advspectra.files.images import read_images, write_images
from advspectra.sources import bands

DEFAULTS = {name: schema["default"] for name, schema in band_features.SPEC["options"].items() if "default" in schema}
BANDS = [{"low": 2, "high": 4}, {"low": 6, "high": 9}, {"low": 12, "high": 15}]


def load(**options):
    small = {"classes": 4, "train_per_class": 50, "test_per_class": 20, "band": BANDS[1]}
    return band_features.load(**DEFAULTS | small | options)


def distance(height: int, width: int) -> np.ndarray:
    """k in cycles/image of each bin of fft2, by counting."""
    rows = np.array([min(row, height - row) for row in range(height)])
    columns = np.array([min(column, width - column) for column in range(width)])
    return np.sqrt(rows[:, None] ** 2 + columns[None, :] ** 2)


def patterns(shape: tuple[int, int], *, band, orientation=None, contrast=0.5, exponent=1.0) -> np.ndarray:
    amplitude = bands.background_amplitude(shape, exponent=exponent, rms=0.15)
    support = bands.band_support(shape, band=band, orientation=orientation)
    generator = np.random.default_rng(3)
    return bands.class_patterns(amplitude, support, classes=5, contrast=contrast, generator=generator)


@pytest.mark.parametrize("shape", [(32, 32), (33, 27), (24, 40)])
@pytest.mark.parametrize("band", [*BANDS[:2], {"low": 2.5, "high": 2.9}, {"low": 10, "high": 99}])
def test_patterns_fill_the_band_and_nothing_else(shape, band):
    power = np.abs(np.fft.fft2(patterns(shape, band=band))) ** 2
    inside = (distance(*shape) >= band["low"]) & (distance(*shape) <= band["high"])
    assert power[:, ~inside].max() < 1e-25 * power.max()
    assert (power[:, inside] > 1e-12 * power.max()).all()


@pytest.mark.parametrize("center", [0, 30, 90, 170])
@pytest.mark.parametrize("shape", [(32, 32), (21, 30)])
def test_oriented_patterns_stay_in_their_sector(shape, center):
    orientation = {"center": center, "half_width": 20}
    power = np.abs(np.fft.fft2(patterns(shape, band={"low": 3, "high": 20}, orientation=orientation))) ** 2
    rows, columns = np.nonzero(power.max(axis=0) > 1e-20 * power.max())
    assert len(rows) > 10
    for row, column in zip(rows, columns, strict=True):
        vertical = row if row <= shape[0] / 2 else row - shape[0]
        horizontal = column if column <= shape[1] / 2 else column - shape[1]
        angle = np.degrees(np.arctan2(vertical, horizontal))
        assert min(abs(angle - center - turn) for turn in (-360, -180, 0, 180)) <= 20 + 1e-9


def test_orientation_is_the_angle_of_the_frequency_vector():
    # 0 degrees: brightness changes along a row only; 90 degrees: along a column only
    band = {"low": 3, "high": 5}
    along_rows = patterns((32, 32), band=band, orientation={"center": 0, "half_width": 1})
    along_columns = patterns((32, 32), band=band, orientation={"center": 90, "half_width": 1})
    assert np.ptp(along_rows, axis=1).max() < 1e-12 < np.ptp(along_rows, axis=2).min()
    assert np.ptp(along_columns, axis=2).max() < 1e-12 < np.ptp(along_columns, axis=1).min()


@pytest.mark.parametrize("band", BANDS)
def test_contrast_is_relative_to_the_background_inside_the_band(band):
    amplitude = bands.background_amplitude((32, 32), exponent=1.0, rms=0.15)
    generator = np.random.default_rng(0)
    noise = bands.backgrounds(amplitude, images=400, channels=1, channel_correlation=0.9, generator=generator)
    inside = (distance(32, 32) >= band["low"]) & (distance(32, 32) <= band["high"])
    filtered = np.fft.ifft2(np.fft.fft2(noise) * inside).real
    for contrast in (0.2, 1.5):
        rms = np.sqrt(np.mean(patterns((32, 32), band=band, contrast=contrast) ** 2, axis=(1, 2)))
        np.testing.assert_allclose(rms, contrast * filtered.std(), rtol=0.02)


@pytest.mark.parametrize("exponent", [0, 1, 1.5])
def test_the_background_amplitude_falls_with_the_exponent(exponent):
    images = load(contrast=0, exponent=exponent, train_per_class=200).train_images / 255
    amplitude = np.sqrt(np.mean(np.abs(np.fft.fft2(images - 0.5)) ** 2, axis=(0, 1)))
    k = distance(32, 32)
    some = (k >= 1) & (k <= 16)
    slope = np.polyfit(np.log(k[some]), np.log(amplitude[some]), 1)[0]
    assert slope == pytest.approx(-exponent, abs=0.02)


def test_the_background_has_the_chosen_mean_rms_and_channel_correlation():
    images = load(contrast=0, train_per_class=200, background_rms=0.12, channel_correlation=0.8).train_images
    values = images / 255
    assert values.mean() == pytest.approx(0.5, abs=0.01)
    assert values.std() == pytest.approx(0.12, rel=0.02)
    correlation = np.corrcoef(values.transpose(1, 0, 2, 3).reshape(3, -1))
    np.testing.assert_allclose(correlation[~np.eye(3, dtype=bool)], 0.8, atol=0.02)


@pytest.mark.parametrize("band", BANDS)
def test_an_image_is_its_background_plus_the_pattern_of_its_class(band):
    # a small background, so that nothing is clipped
    with_pattern, without = (load(band=band, contrast=c, background_rms=0.08) for c in (0.8, 0))
    assert with_pattern.source["clipped_fraction"] == 0
    np.testing.assert_array_equal(with_pattern.train_labels, without.train_labels)
    difference = (with_pattern.train_images.astype(float) - without.train_images) / 255
    inside = (distance(32, 32) >= band["low"]) & (distance(32, 32) <= band["high"])
    for label in range(4):
        shown = difference[with_pattern.train_labels == label]
        pattern = shown.mean(axis=(0, 1))
        assert np.abs(shown - pattern).max() < 1.5 / 255  # rounding of both images, the same in all channels
        power = np.abs(np.fft.fft2(pattern)) ** 2
        # outside, only what is left of the rounding: 1/12 of a squared step for each image, averaged over 150
        step = 32 * 32 / 255**2
        assert power[~inside].mean() < 3 * step * 2 / 12 / 150 < 0.01 * power[inside].mean()


@pytest.mark.parametrize("band", BANDS)
def test_class_means_differ_in_the_band_only(band):
    images = load(band=band, contrast=0.8, train_per_class=400)
    gray = images.train_images.mean(axis=1) / 255
    labels = images.train_labels
    spectrum = np.fft.fft2(gray)
    means = np.array([spectrum[labels == label].mean(axis=0) for label in range(4)])
    between = (np.abs(means - means.mean(axis=0)) ** 2).sum(axis=0) / 3
    within = np.mean([np.var(spectrum[labels == label], axis=0) for label in range(4)], axis=0)
    # F ratio of one-way analysis of variance: 1 where the class says nothing
    ratio = 400 * between / within
    inside = (distance(32, 32) >= band["low"]) & (distance(32, 32) <= band["high"])
    assert np.mean(ratio[~inside]) == pytest.approx(1, abs=0.15)
    assert np.mean(ratio[inside]) > 50


def test_classes_are_balanced_and_shuffled():
    images = load()
    assert np.bincount(images.train_labels).tolist() == [50] * 4
    assert np.bincount(images.test_labels).tolist() == [20] * 4
    assert 100 < np.count_nonzero(np.diff(images.train_labels)) < 190  # 3/4 of 199 in random order
    assert images.class_names == ("class_0", "class_1", "class_2", "class_3")


def test_shapes_follow_the_options():
    images = load(image_size=[20, 36], channels=1, classes=11, train_per_class=2, test_per_class=1)
    assert images.train_images.shape == (22, 1, 20, 36) and images.test_images.shape == (11, 1, 20, 36)
    assert images.class_names[0] == "class_00" and images.class_names[10] == "class_10"


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_images(tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        write_images(tmp_path / name, load(seed=seed))
    first, again, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == again != other
    assert not np.array_equal(read_images(tmp_path / "a").train_images, read_images(tmp_path / "c").train_images)


def test_test_images_do_not_depend_on_the_number_of_training_images():
    few, many = load(train_per_class=10), load(train_per_class=60)
    np.testing.assert_array_equal(few.test_images, many.test_images)


def test_no_image_is_drawn_twice():
    images = load(contrast=0)
    both = np.concatenate([images.train_images, images.test_images])
    assert len(np.unique(both.reshape(len(both), -1), axis=0)) == len(both)


def test_the_source_tells_where_the_information_lies():
    source = load(orientation={"center": 45, "half_width": 20}).source
    expected = {
        "band_low": 6,
        "band_high": 9,
        "orientation_center": 45,
        "orientation_half_width": 20,
        "seed": 0,
    }
    assert expected.items() <= source.items()


def test_the_clipped_fraction_is_measured_and_limited():
    # Gaussian values: a fraction erfc(0.5 / (rms sqrt 2)) lies outside [0, 1]; 0.17 %, 4.6 %
    images = load(contrast=0, background_rms=0.159, train_per_class=200, exponent=0)
    assert images.source["clipped_fraction"] == pytest.approx(0.00166, rel=0.1)
    with pytest.raises(ValueError, match=r"4\.[4-8]% of the values .* at most 1% .*background_rms \(0\.25\)"):
        load(contrast=0, background_rms=0.25, train_per_class=200, exponent=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"band": {"low": 9, "high": 6}}, "no frequency .* lies in band"),
        ({"band": {"low": 30, "high": 40}}, "k goes from 0 to 22.6"),
        ({"band": {"low": 2.3, "high": 2.7}, "orientation": {"center": 45, "half_width": 1}}, "no frequency"),
    ],
)
def test_a_band_without_frequencies_is_an_error(options, message):
    with pytest.raises(ValueError, match=message):
        load(**options)
