"""Sums and densities of energy: white noise through the whole chain is flat, and a known ring is where it belongs."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from synthetic_results import identity, write_predictor, write_spectra

from advspectra import fourier
from advspectra.drawing import energy
from advspectra.results.replicates import by_network
from advspectra.results.runs import read_runs


def white_noise(folder, size=16, images=300, conventions=("paper", "rgb")):
    """The run whose perturbations are white noise, as read back from its file."""
    delta = np.random.default_rng(0).standard_normal((images, 3, size, size)).astype(np.float32)
    path = write_spectra(folder / "white.h5", identity(), delta=delta, conventions=conventions)
    (group,) = by_network(read_runs([path]))
    return group


@pytest.mark.parametrize("convention", ["paper", "rgb"])
def test_white_noise_has_the_density_1_in_every_ring_and_angle(tmp_path, convention):
    spectra = white_noise(tmp_path).spectra(convention)
    for of in (energy.radial, energy.angular):
        measured = of(spectra)
        assert measured.shares.sum(axis=1) == pytest.approx(1)
        cells = np.rint(measured.white * 256)
        error = measured.density.std(axis=0) / np.sqrt(len(measured.density))
        assert (np.abs(measured.density.mean(axis=0) - 1) < 5 * error).all()
        # the sums are far from flat
        assert cells.max() > 2 * cells[cells > 0.5].min()


def test_white_noise_has_its_half_power_frequency(tmp_path):
    (spectra,) = white_noise(tmp_path).spectra("paper")
    assert energy.white_noise(spectra) == fourier.white_noise_frequency(16, 16)
    assert spectra.half_power_frequency.mean() == pytest.approx(energy.white_noise(spectra), rel=0.01)
    assert spectra.flatness.mean() == pytest.approx(fourier.white_noise_flatness(16, 16), rel=0.01)


def test_a_diagonal_has_more_energy_than_an_axis_for_white_noise_and_the_same_density(tmp_path):
    measured = energy.angular(white_noise(tmp_path, size=32, images=50).spectra("paper"))
    axis, diagonal = 0, np.flatnonzero(measured.x == 45)[0]
    assert measured.white[diagonal] > 1.4 * measured.white[axis]
    density = measured.density.mean(axis=0)
    assert density[diagonal] / density[axis] == pytest.approx(1, abs=0.1)


def test_the_density_of_a_predictor_is_that_of_its_own_sums(tmp_path):
    beta = np.zeros((2, 1, 8, 8))
    beta[:, 0, 0, 0] = 1, 3  # a point: every frequency has the same power
    (run,) = read_runs([write_predictor(tmp_path / "predictor.h5", identity(), beta)])
    predictor = run.predictor()
    measured = energy.radial([predictor], [predictor.raw.radial_energy])
    np.testing.assert_allclose(measured.density, 1)
    np.testing.assert_allclose(measured.shares, np.tile(fourier.radial_cells(8, 8) / 64, (2, 1)))


def test_a_panel_of_densities_spans_four_decades_at_the_most_and_has_white_noise():
    shares = np.array([[1e-9, 0.5, 0.5]])
    measured = energy.Energy(np.arange(3), energy.RADIAL, shares, np.array([0.1, 0.4, 0.5]))
    sums, densities = Figure().subplots(1, 2)
    energy.plot(sums, densities, measured, color="k")
    energy.finish(sums, densities, [measured])
    low, high = densities.get_ylim()
    assert densities.get_yscale() == "log" and low >= 1.25e-4 and high > 1.25
    assert sums.lines[-1].get_ydata().tolist() == [0.1, 0.4, 0.5] and sums.get_ylim()[0] == 0


def test_panels_without_any_energy_are_finished():
    sums, densities = Figure().subplots(1, 2)
    energy.finish(sums, densities, [])
    assert sums.get_ylabel() == "share of energy" and not sums.lines and not densities.lines
