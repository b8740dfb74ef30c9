"""Why a part of a claim was not tested: what the study lacks, as fields, and the sentence that they make."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Lack(StrEnum):
    """The kinds of reasons."""

    NETWORK = "network"
    SHARED_SEED = "shared seed"
    SHARED_IMAGE = "shared image"
    ROLE = "role"
    RESULTS = "results"
    CHECKPOINT = "checkpoint"
    FILE = "file"
    PREDICTOR = "predictor"
    TRAINING = "training"
    VALUE = "value"


SENTENCES = {
    Lack.NETWORK: "not in this study: {network}",
    Lack.SHARED_SEED: "no seed has both networks",
    Lack.SHARED_IMAGE: "the two sides have no image in common",
    Lack.ROLE: "the configuration names no attack under claims.{role}",
    Lack.RESULTS: "{network} has no results of {attack}",
    Lack.CHECKPOINT: "{network} has no checkpoint {checkpoint} under {attack}",
    Lack.FILE: "no {file} of {attack} on checkpoint {checkpoint}",
    Lack.PREDICTOR: "{network} has no predictor",
    Lack.TRAINING: "{network} has no training",
    Lack.VALUE: "{text}",
}


@dataclass(frozen=True)
class Reason:
    """What the study lacks; fields that do not apply are empty.

    network : of NETWORK as claims name it, else its label. role : the key of the configuration's section `claims`.
    file : "perturbations", "spectra" or "lines". text : of VALUE, why the number is undefined.
    """

    kind: Lack
    network: str = ""
    role: str = ""
    attack: str = ""
    checkpoint: str = ""
    file: str = ""
    text: str = ""

    @property
    def sentence(self) -> str:
        """The reason in words."""
        return SENTENCES[self.kind].format(**asdict(self))

    def as_data(self) -> dict[str, str]:
        """Its kind and the fields that apply."""
        return {key: value for key, value in asdict(self).items() if value}


def read_reason(data: Mapping[str, Any]) -> Reason:
    """Read what Reason.as_data wrote."""
    return Reason(**{**data, "kind": Lack(data["kind"])})


class NotThere(Exception):
    """The study lacks what a measure is made of; `reason` says what."""

    def __init__(self, kind: Lack, **about: str):
        self.reason = Reason(kind, **about)
        super().__init__(self.reason.sentence)
