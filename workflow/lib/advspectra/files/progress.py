"""What unfinished work has come to, kept on disk, so that a killed job goes on from there to the same result.

A part of the work is one file: named tensors, facts as JSON, and the state of PyTorch's random generators, which `load`
puts back. It belongs to work of one description, `about`: to other work it is as if it were not there. Files are of the
format advspectra.files.progress; they are no results and are removed with the last of them.
"""

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import torch

from advspectra.files.hdf5 import add, attributes_of, create, open_checked

KIND, VERSION = "progress", 1

# Seconds to the next saving, as a multiple of what the last one took: at most a twentieth of the time is spent on it.
PATIENCE = 20


@dataclass
class Progress:
    """The unfinished work of one job, in the files of a folder; without a folder nothing is kept.

    about : all that determines the result. every : seconds between two savings, at least. say : is told, once, that
    nothing can be kept, as on a full disk: the work goes on without it.
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
        """Return a part of the work by its name, which is that of its file.

        tell : is told how much of the part is done, 0 to 1.
        """
        return Part(self, name, tell)

    def remove(self) -> None:
        """Remove what is kept: the work is finished."""
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
        """Return whether it is time to save again."""
        return self.progress.folder is not None and time.monotonic() >= self.progress._due_at

    def save(self, tensors: Mapping[str, torch.Tensor], **facts) -> None:
        """Keep tensors (on any device) by their names and facts that JSON can hold, in place of what was kept.

        Where that fails, what was kept before stays, and it is tried again when it is time for the next saving.
        """
        began = time.monotonic()
        try:
            self._write(tensors, facts)
        except (OSError, MemoryError) as error:
            if not self.progress._said:
                self.progress.say(f"{error}; the job goes on, and if it is stopped it starts from what was kept before")
            self.progress._said = True
        else:
            self.progress._said = False
        now = time.monotonic()
        self.progress._due_at = now + max(self.progress.every, PATIENCE * (now - began))

    def _write(self, tensors: Mapping[str, torch.Tensor], facts: Mapping) -> None:
        generators = {"cpu": torch.get_rng_state()}
        generators |= {f"cuda {n}": state for n, state in enumerate(_cuda_generators())}
        kept = {"tensors": tensors, "generators": generators}
        with create(self._path, kind=KIND, version=VERSION, attributes={"about": self.progress.about}) as file:
            text = torch.frombuffer(bytearray(json.dumps(facts).encode()), dtype=torch.uint8)
            add(file, "facts", text.numpy(), units="1", long_name="facts (JSON)")
            for group, members in kept.items():
                for name, tensor in members.items():
                    add(file, f"{group}/{name}", tensor.detach().cpu().numpy(), units="1", long_name=name, finite=False)

    def load(self) -> tuple[dict[str, torch.Tensor], dict] | None:
        """Return the tensors (on the CPU) and the facts that were kept, and put the random generators back.

        None where nothing was kept, or what was is of other work or cannot be used: the work starts anew, with the
        generators as they are.
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
        except Exception:  # damaged, locked, of another machine: unfinished work is worth no failure
            return None
        return tensors, facts


NO_PROGRESS = Progress()
NOTHING_KEPT = NO_PROGRESS.part("")


def _cuda_generators() -> list[torch.Tensor]:
    return torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []


def _set_generators(cpu: torch.Tensor, **cuda: torch.Tensor) -> None:
    torch.Generator().set_state(cpu)  # RuntimeError or TypeError for what is no state, before any is set
    if len(cuda) > torch.cuda.device_count():
        raise ValueError(f"expected the states of at most {torch.cuda.device_count()} GPUs, found {len(cuda)}")
    if cuda:
        torch.cuda.set_rng_state_all([cuda[f"cuda {n}"] for n in range(len(cuda))])
    torch.set_rng_state(cpu)


def _tensors(group: h5py.Group) -> dict[str, torch.Tensor]:
    found = {}

    def take(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = torch.from_numpy(np.asarray(item[()]))

    group.visititems(take)
    return found
