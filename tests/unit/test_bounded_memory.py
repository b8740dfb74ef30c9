"""Memory does not grow with the number of runs, nor with images, where a part at a time will do."""

import tracemalloc

import h5py
import numpy as np
import pytest
import torch
from synthetic_results import identity, write_run, write_spectra

from advspectra import fourier
from advspectra.claims.study_measures import measures_table
from advspectra.files import layout, perturbations, spectra
from advspectra.files.predictors import read_predictor
from advspectra.lines import ends
from advspectra.results import runs
from advspectra.results.contents import Contents, bytes_of
from advspectra.results.runs import read_runs
from advspectra.spectra import Summaries
from advspectra.statistics import crossed, sample
from advspectra.tables import development

IMAGES = 1000
ROWS = 8 * IMAGES * (6 + 36 + 4)  # bytes of the arrays of a row for each image, in the spectra of images of 8 x 8


def test_contents_are_kept_until_others_need_their_room():
    contents, read = Contents(most=1999), []

    def get(name: str, numbers: int = 100) -> np.ndarray:
        return contents.of(name, lambda: read.append(name) or np.zeros(numbers))

    first = get("a")
    assert get("a") is first and get("b") is get("b")
    get("c", 50)  # "a" goes, which was not asked for longest
    assert read == ["a", "b", "c"] and contents.size == 1200
    get("large", 1000)
    assert get("large", 1000) is not get("large", 1000) and contents.size == 1200
    get("a")
    assert read[-1] == "a" and contents.size == 1200


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[list]:
    """The files of six runs, of many images."""
    folder = tmp_path_factory.mktemp("runs")
    who = [identity(seed=seed) | {"step": 200, "epoch": 2} for seed in range(6)]
    return [write_run(folder, who=one, images=IMAGES, size=8, conventions=("paper",)) for one in who]


def peak(make, paths: list) -> int:
    """The peak of the memory that `make` takes for the runs of some files (bytes)."""
    tracemalloc.start()
    try:
        make(read_runs(paths))
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [
        lambda found: measures_table(found, convention="paper"),
        lambda found: development.table(found, reference={}, config={}, convention="paper"),
    ],
    ids=["measures", "table"],
)
def test_the_memory_of_what_is_made_of_all_runs_hardly_grows_with_their_number(files, make, monkeypatch):
    # without the arrays of any run but the last one
    monkeypatch.setattr(runs, "CONTENTS", Contents(most=2 * ROWS))
    monkeypatch.setattr(crossed, "RESAMPLES", 50)
    few, many = (peak(make, [path for run in files[:count] for path in run]) for count in (2, 6))
    assert many - few < 4 * 0.25 * ROWS


def test_a_predictor_is_read_without_its_maps_and_each_map_when_asked_for(files):
    path = next(path for path in files[0] if path.name == "predictor.h5")
    predictor = read_predictor(path)
    with h5py.File(path) as file:
        beta = file["beta"][()]
    np.testing.assert_array_equal(predictor.beta, beta)
    np.testing.assert_array_equal(predictor.maps(np.array([0, 3])), beta[[0, 3]])
    np.testing.assert_array_equal(predictor.maps(7), beta[7])
    assert bytes_of(predictor) < beta.nbytes


def test_the_link_of_map_and_perturbation_is_the_same_for_any_part_at_once(files, monkeypatch):
    def link() -> list:
        table = measures_table(read_runs(files[0]), convention="paper")
        return [row for row in table.rows if row["measure"] == "spectral_link"]

    whole = link()
    monkeypatch.setattr(perturbations, "AT_ONCE", 3 * 8 * 8 * 7)
    assert link() == whole and whole[0]["values"] == IMAGES


@pytest.mark.parametrize("size", [2, 7, 1000])
def test_resamples_are_the_draws_of_one_generator_however_many_are_drawn_at_once(size, monkeypatch):
    monkeypatch.setattr(sample, "AT_ONCE", 3 * size + 1)
    drawn = np.random.default_rng(5).integers(size, size=(50, size))
    expected = np.stack([np.bincount(row, minlength=size) for row in drawn])
    found = sample._counts.__wrapped__(size, 50, 5)
    np.testing.assert_array_equal(found, expected)
    assert found.nbytes == 50 * size


def test_spectra_that_come_in_parts_have_the_mean_power_of_all_to_the_bit():
    power = np.random.default_rng(0).random((50, 3, 8, 8))
    parts = Summaries()
    for some in np.split(power, [7, 8, 40]):
        parts.add(some)
    found = parts.arrays()
    np.testing.assert_array_equal(found["mean_power"], power.sum(axis=1).mean(axis=0))
    np.testing.assert_array_equal(found["norm_l1"], fourier.norms(power)[0])
    np.testing.assert_allclose(found["radial_energy"], fourier.radial_energy(power), rtol=1e-14)


def test_the_spectra_of_chosen_perturbations_do_not_depend_on_how_many_are_read_at_once(tmp_path, monkeypatch):
    delta = np.random.default_rng(0).standard_normal((40, 3, 8, 8)).astype(np.float32)
    success = np.arange(40) % 3 > 0
    success[10:20] = False  # a part without any
    about = {"delta": delta, "success": success}
    whole = write_spectra(tmp_path / "whole.h5", identity(), **about)
    monkeypatch.setattr(perturbations, "AT_ONCE", 3 * 8 * 8 * 5)
    parts = write_spectra(tmp_path / "parts.h5", identity(), **about)
    with h5py.File(whole) as one, h5py.File(parts) as other:
        np.testing.assert_array_equal(one["image"], other["image"])
        assert one["paper"].keys() == other["paper"].keys()
        for name in one["paper"]:
            np.testing.assert_allclose(one["paper"][name], other["paper"][name], rtol=1e-13, err_msg=name)


def test_chosen_images_are_read_with_their_perturbations_and_none_else(files, monkeypatch):
    path = next(path for path in files[0] if path.name == "perturbations.h5")
    whole, attributes = perturbations.read_perturbations(path)
    rows = np.array([0, 4, 5, 700, IMAGES - 1])
    monkeypatch.setattr(perturbations, "AT_ONCE", 3 * 8 * 8 * 100)
    some, of = perturbations.read_rows(path, lambda labels: rows)
    assert of.keys() == attributes.keys() and some.keys() == whole.keys()
    for name, array in some.items():
        np.testing.assert_array_equal(array, whole[name][rows], err_msg=name)


def test_the_boundary_is_found_for_a_part_of_the_images_at_once(monkeypatch):
    seen = []

    def network(inputs: torch.Tensor) -> torch.Tensor:
        seen.append(len(inputs))
        mean = inputs.flatten(1).mean(dim=1)
        return torch.stack([torch.full_like(mean, 0.5), mean], dim=1)

    inputs, direction = torch.rand(50, 3, 4, 4) / 4, torch.rand(50, 3, 4, 4) / 4
    whole = ends.stretched_to_boundary(network, inputs, direction, limit=16)
    monkeypatch.setattr(ends, "AT_ONCE", 3 * 4 * 4 * 7)
    seen.clear()
    np.testing.assert_array_equal(ends.stretched_to_boundary(network, inputs, direction, limit=16), whole)
    assert max(seen) == 7 and (whole < 16).any()


def test_numbers_that_are_not_finite_are_counted_a_part_of_an_array_at_once(tmp_path, monkeypatch):
    delta = np.random.default_rng(0).standard_normal((40, 3, 8, 8)).astype(np.float32)
    delta[5] = 0  # flatness and frequency are NaN where there is no power
    path = write_spectra(tmp_path / "spectra.h5", identity(), delta=delta)
    monkeypatch.setattr(layout, "SLAB", 7 * 8)
    with h5py.File(path, "r+") as file:
        spectra.FORMAT.check(file)
        file["paper/norm_l1"][[0, 39]] = np.nan
        file["paper/flatness"][4] = np.nan
        with pytest.raises(ValueError, match=r"paper/(norm_l1: .* found 2|flatness: .* found 1) that are not"):
            spectra.FORMAT.check(file)
