"""Saved progress of unfinished work, with which a killed job resumes and comes to the same result.

A part of the work is one file: named tensors, facts as JSON, and the states of PyTorch's random generators, which
`load` restores. The file belongs to work of one description, `about`; other work ignores it. These files are no
results: a job removes its own when it is finished.
"""

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from advspectra.files.hdf5 import add, attributes_of, create, open_checked

if TYPE_CHECKING:
    from torch import Tensor

KIND, VERSION = "progress", 1

# seconds to the next saving, as a multiple of what the last one took: saving takes at most a twentieth of the time
PATIENCE = 20


@dataclass
class Progress:
    """The saved progress of one job, in the files of a folder; without a folder nothing is saved.

    about : all that determines the result. every : the least time between two savings (seconds). say : is told, once,
    that nothing can be saved, for example on a full disk; the work continues without it.
    """

    folder: Path | None = None
    about: str = ""
    every: float = 0.0
    say: Callable[[str], None] = lambda line: None
    _due_at: float = field(init=False)
    _said: bool = field(init=False, default=False)

    def __post_init__(self):
        self._due_at = time.monotonic() + self.every

    def part(self, name: str, *, tell: Callable[[float], None] = lambda share: None) -> "Part":
        """A part of the work by its name, which is that of its file.

        tell : is told how much of the part is done, 0 to 1.
        """
        return Part(self, name, tell)

    def remove(self) -> None:
        """Remove the saved progress of work that is finished."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Part:
    """A part of unfinished work; see Progress."""

    progress: Progress
    name: str
    tell: Callable[[float], None] = lambda share: None

    @property
    def _path(self) -> Path:
        return self.progress.folder / f"{self.name}.h5"

    def due(self) -> bool:
        """Whether it is time to save again."""
        return self.progress.folder is not None and time.monotonic() >= self.progress._due_at

    def save(self, tensors: Mapping[str, "Tensor"], **facts) -> None:
        """Save tensors (on any device) by name, and facts that JSON can hold, in place of what was saved before.

        If that fails, the earlier progress stays, and the next saving tries again when it is due.
        """
        began = time.monotonic()
        try:
            self._write(tensors, facts)
        except (OSError, MemoryError) as error:
            if not self.progress._said:
                self.progress.say(
                    f"{error}; the job continues; if it is stopped, it resumes from what was saved before"
                )
            self.progress._said = True
        else:
            self.progress._said = False
        now = time.monotonic()
        self.progress._due_at = now + max(self.progress.every, PATIENCE * (now - began))

    def _write(self, tensors: Mapping[str, "Tensor"], facts: Mapping) -> None:
        kept = {"tensors": tensors, "generators": _generators()}
        with create(self._path, kind=KIND, version=VERSION, attributes={"about": self.progress.about}) as file:
            text = np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
            add(file, "facts", text, units="1", long_name="facts (JSON)")
            for group, members in kept.items():
                for name, tensor in members.items():
                    add(file, f"{group}/{name}", tensor.detach().cpu().numpy(), units="1", long_name=name, finite=False)

    def load(self) -> tuple[dict[str, "Tensor"], dict] | None:
        """The tensors (on the CPU) and the facts that were saved; the random generators are restored.

        None if nothing was saved, or if it belongs to other work or cannot be used. Then the work starts from the
        beginning, and the generators stay as they are.
        """
        if self.progress.folder is None:
            return None
        try:
            with open_checked(self._path, kind=KIND, version=VERSION) as file:
                if attributes_of(file)["about"] != self.progress.about:
                    return None
                facts = dict(json.loads(file["facts"][()].tobytes()))
                generators = _tensors(file["generators"])
                tensors = _tensors(file["tensors"]) if "tensors" in file else {}
            _set_generators(**generators)
        except Exception:  # damaged, locked or from another machine: the work starts from the beginning
            return None
        return tensors, facts


NO_PROGRESS = Progress()
NOTHING_KEPT = NO_PROGRESS.part("")


# torch is imported where it is used, as modules that only read files do without it


def _generators() -> dict[str, "Tensor"]:
    import torch

    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {"cpu": torch.get_rng_state(), **{f"cuda {n}": state for n, state in enumerate(cuda)}}


def _set_generators(cpu: "Tensor", **cuda: "Tensor") -> None:
    import torch

    torch.Generator().set_state(cpu)  # RuntimeError or TypeError for what is no state, before any is set
    if len(cuda) > torch.cuda.device_count():
        raise ValueError(f"expected the states of at most {torch.cuda.device_count()} GPUs, found {len(cuda)}")
    if cuda:
        torch.cuda.set_rng_state_all([cuda[f"cuda {n}"] for n in range(len(cuda))])
    torch.set_rng_state(cpu)


def _tensors(group: h5py.Group) -> dict[str, "Tensor"]:
    import torch

    tensors = {}

    def take(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            tensors[name] = torch.from_numpy(np.asarray(item[()]))

    group.visititems(take)
    return tensors
