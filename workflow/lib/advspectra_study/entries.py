"""The entries of a study's configuration, typed and not to be changed.

A checkpoint of a network's training has a name: "best", "step=<n>" or "epoch=<n>". Nothing here imports numpy or torch:
snakemake reads it each time.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from math import inf
from typing import Any, Literal

from advspectra.networks.identity import NetworkIdentity, number

Data = Mapping[str, Any]
# assumed for a data set whose options do not say; its images are square, as spectra ask for
CIFAR10 = {"images": 60_000, "image_size": (32, 32), "channels": 3, "classes": 10}
# the parts of the claims that attacks and transfers on several checkpoints answer
DEVELOPING = tuple(part for kind in ("snapshots", "transfer", "minimal") for part in (kind, f"recalibrated_{kind}"))
Chosen = Literal["all", "kept"] | tuple[str, ...]


@dataclass(frozen=True)
class Dataset:
    """The images: what they are called, the module of advspectra.datasets that has them, and its options.

    What the options say of the images is known by the names that the sources here use. An own source may mean something
    else by such a name: a value of another kind says nothing, and the number is CIFAR-10's.
    """

    name: str
    source: str
    options: Data

    @property
    def channels(self) -> int:
        return self._count("channels") or CIFAR10["channels"]

    @property
    def classes(self) -> int:
        return self.stated_classes or CIFAR10["classes"]

    @property
    def stated_classes(self) -> int | None:
        """The same where the options say it."""
        return self._count("classes")

    @property
    def image_size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.stated_size or CIFAR10["image_size"]

    @property
    def stated_size(self) -> tuple[int, int] | None:
        """The same where the options say it."""
        size = self.options.get("image_size")
        told = isinstance(size, list) and len(size) == 2 and all(map(_is_count, size))
        return tuple(size) if told else None

    @property
    def band(self) -> Mapping[str, float] | None:
        """Where the classes differ: from `low` to `high` cycles/image; None where the options do not say it so."""
        band = self.options.get("band")
        low, high = map((band if isinstance(band, Mapping) else {}).get, ("low", "high"))
        return band if {type(low), type(high)} <= {int, float} and 0 <= low <= high < inf else None

    @property
    def images(self) -> int:
        """How many there are, of training and test together."""
        each = [self._count(f"{part}_per_class") for part in ("train", "test")]
        return self.classes * sum(filter(None, each)) if any(each) and self.stated_classes else CIFAR10["images"]

    def _count(self, option: str) -> int | None:
        value = self.options.get(option)
        return value if _is_count(value) else None


@dataclass(frozen=True)
class Precision:
    """The arithmetic of training and that of attacks, as devices.precision names them."""

    training: str
    attack: str

    @classmethod
    def of(cls, written: str | Mapping[str, str]) -> "Precision":
        """What a configuration says: one name for both, or one for each."""
        return cls(written, written) if isinstance(written, str) else cls(**written)

    def __str__(self) -> str:
        """The one name, or both in words."""
        one = self.training == self.attack
        return self.training if one else f"{self.training} in training, {self.attack} in attacks"


@dataclass(frozen=True)
class Network:
    """An entry of `networks`: one architecture, in each of its activations, depths, alphas and seeds.

    checkpoints : the names of those that its training keeps. training : how it is trained, complete, as
    training.train.Recipe takes it but for the checkpoints. precision : the arithmetic of its training and attacks.
    """

    name: str
    architecture: str
    options: Data
    activations: tuple[str, ...]
    depths: tuple[int, ...]
    alphas: tuple[int | float, ...]
    seeds: tuple[int, ...]
    learning_rate: float | Literal["search"]
    checkpoints: tuple[str, ...]
    training: Data
    precision: Precision


@dataclass(frozen=True)
class Run:
    """One trained network: an entry of `networks` with one activation, depth, alpha and seed."""

    entry: Network
    activation: str
    depth: int
    alpha: int | float
    seed: int

    @cached_property
    def network(self) -> NetworkIdentity:
        return NetworkIdentity(self.entry.name, self.activation, self.depth, self.alpha)

    @cached_property
    def folder(self) -> str:
        """Its folder below results/<study>/<dataset>/, without a slash at either end."""
        return f"{self.network.folder}/seed={number(self.seed)}"

    @property
    def identity(self) -> dict[str, str | int | float]:
        """What tells it from the other runs of a study on the same images: attributes of each of its files."""
        return asdict(self.network) | {"seed": self.seed}

    @property
    def linear(self) -> bool:
        return self.network.linear


@dataclass(frozen=True)
class Attack:
    """An entry of `attacks`.

    family : the module of advspectra.attacks. images_of, against, batch_norm : what it sees, as attacking.seen says;
    batch_norm is "as_is" or {"batches": ..., "batch_size": ...}. attempts : how often it runs on each image, as
    plugins.attempts says; steps : of each of these, as plugins.steps says. foolbox_class : the class of Foolbox that it
    runs; None without one, and where Foolbox is not there. minimal : whether it looks for the smallest epsilon, as far
    as is known.
    """

    name: str
    family: str
    options: Data
    images: int
    batch_size: int
    simplified: bool
    images_of: str
    against: str
    batch_norm: str | Data
    networks: Chosen
    checkpoints: Chosen
    attempts: int
    steps: int
    foolbox_class: str | None
    minimal: bool


@dataclass(frozen=True)
class Transfer:
    """An entry of `transfers`: perturbations that an attack found on one checkpoint, tried on others."""

    name: str
    attack: str
    found_on: str
    networks: Chosen
    checkpoints: Chosen


@dataclass(frozen=True)
class Lines:
    """An entry of `lines`: about an attack or a transfer, from each of its checkpoints or from some."""

    attack: str
    networks: Chosen
    checkpoints: Chosen
    images: int
    exact_images: int
    samples: int
    stretch_limit: int | float

    @property
    def name(self) -> str:
        return self.attack


@dataclass(frozen=True)
class Summary:
    """The attack, checkpoint and convention of tables and figures that show one."""

    attack: str
    checkpoint: str
    convention: str


@dataclass(frozen=True)
class Compute:
    """How jobs compute; save_every : seconds between two times that unfinished work is saved."""

    device: str
    threads: int
    save_every: int
    precision: Precision

    @classmethod
    def of(cls, written: Data) -> "Compute":
        return cls(**{**written, "precision": Precision.of(written["precision"])})


@dataclass(frozen=True)
class Claims:
    """What claims are answered from: by the names of attacks and transfers, None for none.

    recalibrated_<part> : the same as <part> on networks whose batch normalisation was recalibrated.
    """

    snapshots: str | None
    transfer: str | None
    minimal: str | None
    recalibrated_snapshots: str | None
    recalibrated_transfer: str | None
    recalibrated_minimal: str | None
    audit: tuple[str, ...]
    beside: tuple[str, ...]
    remarks: tuple[str, ...]
    files: tuple[str, ...] | None

    @property
    def developing(self) -> dict[str, str]:
        """The attacks and transfers that are shown on several checkpoints, by their part in the claims."""
        return {part: attack for part in DEVELOPING if (attack := getattr(self, part))}


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0
