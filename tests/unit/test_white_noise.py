"""White noise through the whole chain, from perturbations to what readers give: flat densities, f 12.8, entropy 1."""

from pathlib import Path

import numpy as np
import pytest
from synthetic_results import identity, perturbations

from advspectra.claims.measures import MEASURES
from advspectra.claims.sides import Conventions
from advspectra.claims.terms import Side
from advspectra.files.perturbations import read_perturbations, write_perturbations
from advspectra.fourier import CONVENTIONS, angular_cells, radial_cells
from advspectra.results.runs import read_runs
from advspectra.spectra import write_spectra

DOCS = Path(__file__).parents[2] / "docs"
COUNT, SIZE, BINS = 600, 32, 12
EPSILON = np.float32(8 / 255)
ABOUT = {"attack": "noise", "checkpoint": "best", "step": 10, "epoch": 1}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose attack found random signs times epsilon on each image, with success on all of them: a rate of 1."""
    folder = tmp_path_factory.mktemp("noise")
    signs = np.random.default_rng(0).choice([-1, 1], size=(COUNT, 3, SIZE, SIZE)).astype(np.float32)
    found = perturbations(EPSILON * signs, np.ones(COUNT, dtype=bool), 10)
    about = identity() | ABOUT
    write_perturbations(folder / "perturbations.h5", found, attributes=about)
    arrays, _ = read_perturbations(folder / "perturbations.h5")
    given = {name: arrays[name] for name in ("perturbation", "success", "image", "zero_gradient")}
    settings = {"conventions": list(CONVENTIONS), "images": "successful", "angular_bins": BINS}
    write_spectra(folder / "spectra.h5", **given, **settings, attributes=about)
    (run,) = read_runs([folder / "perturbations.h5", folder / "spectra.h5"])
    return run


def independent(cells, convention):
    """The relative standard error of the mean power over so many frequencies of COUNT images.

    Power is exponential with relative deviation 1; k and -k, half of the frequencies, are one draw. Each of three
    channels of its own counts, luminance mixes them to one.
    """
    return np.sqrt(2 / (cells * COUNT * (3 if "rgb" in convention else 1)))


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_energy_per_frequency_is_flat_over_radius_and_angle(run, convention):
    spectra = run.spectra(convention)
    assert spectra.selected == COUNT
    rings, angles = radial_cells(SIZE, SIZE), angular_cells(SIZE, SIZE, bins=BINS)
    assert rings.sum() == angles.sum() == SIZE**2
    total = spectra.radial_energy.sum(axis=1).mean() / SIZE**2
    for energy, cells in ((spectra.radial_energy, rings), (spectra.angular_energy, angles)):
        density = energy.mean(axis=0) / cells / total
        assert np.all(np.abs(density - 1) < 4 * independent(cells, convention))
    # without the division they are far from flat: rings by their circumference, 45 degrees by the square's corners
    shares = spectra.angular_energy.mean(axis=0) / spectra.angular_energy.sum(axis=1).mean()
    assert shares[[0, 3]] == pytest.approx([0.066, 0.118], abs=0.002)
    assert spectra.radial_energy.mean(axis=0).argmax() in (15, 16)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_half_of_its_power_lies_below_12_8_cycles(run, convention):
    """Half of 32 x 32 frequencies lie in a disc of the area 512, so of the radius sqrt(512 / pi) = 12.77.

    Rings are whole numbers of frequencies: 489 lie below the radius 12.5 and 88 in the ring from there to 13.5,
    so the binned value is 12.7614.
    """
    axis = np.arange(-16, 16)
    distance = np.hypot(axis[:, None], axis[None])
    inner, ring = (distance < 12.5).sum(), ((distance > 12.5) & (distance < 13.5)).sum()
    expected = 12.5 + (512 - inner) / ring
    assert (inner, ring, expected) == (489, 88, 12.5 + 23 / 88)
    assert run.spectra(convention).half_power_frequency.mean() == pytest.approx(expected, abs=0.02)


def test_measures_of_it_are_those_of_flat_spectra(run):
    conventions = Conventions(spectra="paper", attacks={"this": "noise"})
    side = Side(attack="this", checkpoint="best")

    def measured(name):
        return MEASURES[name].read(run, side, conventions).arrays[0]

    assert measured("delta_frequency").mean() == pytest.approx(12.5 + 23 / 88, abs=0.02)
    # magnitudes are Rayleigh: mean / root of the mean square = sqrt(pi) / 2
    assert measured("delta_flatness").mean() == pytest.approx(np.sqrt(np.pi) / 2, abs=0.002)
    rate = measured("success_rate")
    assert len(rate) == COUNT and rate.min() == rate.max() == 1
    spectra = run.spectra("paper")
    density = spectra.angular_energy.mean(axis=0) / angular_cells(SIZE, SIZE, bins=BINS)
    share = density / density.sum()
    assert -(share * np.log(share)).sum() / np.log(BINS) == pytest.approx(1, abs=1e-4)


def test_its_norms_are_those_of_every_pixel_at_the_bound(run):
    found = run.perturbations()
    assert found.linf == pytest.approx(EPSILON)
    assert found.l2 == pytest.approx(EPSILON * np.sqrt(3 * SIZE**2), rel=1e-5)


def test_the_documentation_has_the_sums_of_white_noise_over_angles():
    cells = angular_cells(SIZE, SIZE, bins=BINS)
    straight, diagonal = cells[[0, 3]] / cells.sum()
    pages = ("reading-results.md", "results/dynamics-one-seed/README.md")
    reading, dynamics = ((DOCS / name).read_text(encoding="utf-8") for name in pages)
    assert f"{diagonal:.3f} at 45° and {straight:.3f} at 0°" in reading
    sums = f"{diagonal:.3f} of its energy in the bin at 45°, {straight:.3f} in the bin at 0°"
    assert f"{sums}, a ratio of {diagonal / straight:.1f}" in dynamics
