"""Networks of any size or form that a checkpoint says it has: refused before one is built."""

import json

import h5py
import pytest
import torch
from damaged_files import changed
from hostile_files import make_checkpoints

from advspectra.networks import stored
from advspectra.networks.build import build_network
from advspectra.networks.stored import load_network


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"architecture": "os"}, "architecture 'os': expected one of"),
        ({"architecture": "../../x"}, "architecture '../../x': expected one of"),
        ({"architecture": "fully_connected.x"}, "architecture .*: expected one of"),
        ({"architecture": "__init__"}, "architecture .*: expected one of"),
        ({"options": '{"hidden_units": 1000000000000}'}, "hidden.0.weight.*expected shape"),
        ({"options": '{"hidden_units": 1e300}'}, "checkpoints.h5: no network can be built"),
        ({"options": '{"hidden_units": "x"}'}, "checkpoints.h5: no network can be built"),
        ({"options": json.dumps({"hidden_units": 10**30})}, "checkpoints.h5: no network can be built"),
        ({"options": '{"hidden_units": 3, "__class__": 1}'}, "expected the options"),
        ({"image_shape": (3, 10**6, 10**6)}, "hidden.0.weight.*expected shape"),
        ({"image_shape": (2**40, 2**40, 2**40)}, "checkpoints.h5: no network can be built"),
        ({"classes": 10**12}, "readout.bias.*expected shape"),
        ({"classes": -1}, "checkpoints.h5: no network can be built"),
        ({"depth": 10**9}, "depth 1000000000: expected at most the 3 entries"),
        ({"depth": -1}, "depth -1"),
    ],
    ids=str,
)
def test_a_network_of_any_size_is_refused_before_it_is_built(tmp_path, attributes, message, nothing_read, monkeypatch):
    make_checkpoints(tmp_path / "checkpoints.h5")
    monkeypatch.setattr(
        "advspectra.files.hdf5._require_whole", lambda *_: None
    )  # who forges a file puts its digest right
    with h5py.File(tmp_path / "checkpoints.h5", "r+") as file:
        file.attrs.update(attributes)
    devices = []

    def watched(**form):
        devices.append(torch.empty(0).device.type)
        return build_network(**form)

    monkeypatch.setattr(stored, "build_network", watched)
    with pytest.raises(ValueError, match=message):
        load_network(tmp_path / "checkpoints.h5", name="best", expected={})
    # where tensors have a shape and no memory; of a depth beyond what the file stores not even there
    assert devices == ([] if attributes.get("depth") == 10**9 else ["meta"])


def test_json_in_a_checkpoint_that_nests_without_end_is_an_error(tmp_path):
    make_checkpoints(tmp_path / "checkpoints.h5")
    with changed(tmp_path / "checkpoints.h5") as file:
        file.attrs["options"] = "[" * 10**6
    with pytest.raises(ValueError, match="checkpoints.h5: options: invalid JSON"):
        load_network(tmp_path / "checkpoints.h5", name="best", expected={})


def test_a_network_is_built_from_the_seed_of_its_training(tmp_path, monkeypatch):
    """What an architecture draws and does not store, such as an order of the pixels, is then as it was."""
    make_checkpoints(tmp_path / "checkpoints.h5")
    with changed(tmp_path / "checkpoints.h5") as file:
        file.attrs["seed"] = 5
    seeds = []
    monkeypatch.setattr(stored, "build_network", lambda **form: seeds.append(form["seed"]) or build_network(**form))
    load_network(tmp_path / "checkpoints.h5", name="best", expected={})
    assert seeds[-1] == 5
