"""The kinds of files that are damaged in tests: the HDF5 files of a study, as they are and as they once were, and
what unfinished work is kept in.
"""

from pathlib import Path

import h5py
import torch
from damaged_files import Kind, values_of
from test_hostile_input import MAKE

from advspectra.checks import check_result
from advspectra.files.images import read_images
from advspectra.files.perturbations import read_perturbations
from advspectra.files.progress import Progress
from advspectra.networks.stored import load_network
from advspectra.study import read_arrays

READ = {
    "images": read_images,
    "checkpoints": lambda path: load_network(path, name="best", expected={}),
    "perturbations": read_perturbations,
}


def _checked(kind: str, path: Path) -> bytes:
    """Read a result as a job or a table does and as verify does: both have to refuse what is damaged."""
    try:
        READ.get(kind, read_arrays)(path)
    except ValueError:
        check_result(path, kind=kind)
        raise AssertionError(f"{path}: refused by its reader, and whole to verify") from None
    check_result(path, kind=kind)
    return values_of(path)


def _written(kind: str, folder: Path) -> Path:
    MAKE[kind](folder / f"{kind}.h5")
    return folder / f"{kind}.h5"


def _as_once(kind: str, folder: Path) -> Path:
    """Write a file with texts of any length, as all were once."""
    path = _written(kind, folder)

    def take(_, item) -> None:
        for name in list(item.attrs):
            if isinstance(value := item.attrs[name], bytes) and name not in ("CLASS", "NAME"):
                item.attrs[name] = value.decode()

    with h5py.File(path, "r+") as file:
        take("", file)
        file.visititems(take)
    return path


def _kept(folder: Path) -> Path:
    part = Progress(folder, about="this work").part("work")
    part.save({"x": torch.arange(1000.0), "nested/y": torch.zeros(3, dtype=torch.int64)}, rows=[{"value": 0.5}])
    return folder / "work.h5"


def _taken_up(path: Path) -> bytes | None:
    found = Progress(path.parent, about="this work").part("work").load()
    if found is None:
        return None
    tensors, facts = found
    return repr(([(name, tensor.tolist()) for name, tensor in tensors.items()], facts, torch.get_rng_state())).encode()


def _hdf5(kind: str, write) -> Kind:
    return Kind(lambda folder: write(kind, folder), lambda path: _checked(kind, path))


KINDS = {
    **{kind: _hdf5(kind, _written) for kind in MAKE},
    **{f"{kind}, as once": _hdf5(kind, _as_once) for kind in MAKE},
    "progress": Kind(_kept, _taken_up),
}
