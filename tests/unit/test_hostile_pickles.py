"""Pickles in place of results: they are no HDF5 files, and do not run."""

import pickle

import pytest
import torch
from hostile_files import RESULTS, Evil, every_reader, write

from advspectra.results.runs import read_runs


@every_reader
@pytest.mark.parametrize("kind", ["torch zip", "torch legacy", "pickle"])
def test_a_pickle_in_place_of_a_result_is_no_hdf5_file_and_does_not_run(tmp_path, reader, kind):
    path, read, _ = write(tmp_path, reader)
    marker = tmp_path / "ran"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Evil(marker)))
    else:
        torch.save({"state": Evil(marker)}, path, _use_new_zipfile_serialization=kind == "torch zip")
    with pytest.raises(ValueError, match=f"{path.name}: expected an HDF5 file"):
        read(path)
    assert not marker.exists()


@pytest.mark.parametrize("kind", RESULTS)
def test_a_pickle_among_results_is_no_hdf5_file_and_does_not_run(tmp_path, kind):
    path, marker = tmp_path / f"{kind}.h5", tmp_path / "ran"
    path.write_bytes(pickle.dumps(Evil(marker)))
    with pytest.raises(ValueError, match=f"{kind}.h5: expected an HDF5 file"):
        read_runs([path])
    assert not marker.exists()
