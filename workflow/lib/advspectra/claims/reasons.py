"""Why a part of a claim was not tested: what the study lacks, as fields, and the sentence that they make."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Lack(Enum):
    """The kinds of reasons, each with its sentence."""

    NETWORK = "not in this study: {network}"
    SHARED_SEED = "no seed trained both networks of a side"
    SHARED_IMAGE = "the two sides have no image in common"
    DEPTH = "the claim does not say of which depth: {network} has several in this study"
    ROLE = "the configuration names no attack under claims.{role}"
    RESULTS = "{network} has no results of {attack}"
    CHECKPOINT = "{network} has no checkpoint {checkpoint} under {attack}"
    FILE = "no {file} of {attack} on checkpoint {checkpoint}"
    LOGIT = "the lines of {attack} on checkpoint {checkpoint} do not follow the logit of the final network's class"
    PREDICTOR = "{network} has no predictor"
    PREDICTOR_OF = "{network} has no predictor on checkpoint {checkpoint}, only on the best one"
    PENALTY = "the least weights with the map of {network} are not known for its form"
    BAND = "the data set does not say in which band its classes differ"
    TRAINING = "{network} has no training"
    VALUE = "{cause}"


@dataclass(frozen=True)
class Reason:
    """What the study lacks; fields that do not apply are empty.

    network : of NETWORK and DEPTH as claims name it, else its label. role : the key of the section `claims` of the
    configuration. file : "perturbations", "spectra" or "lines". cause : of VALUE, why the number is undefined.
    """

    kind: Lack
    network: str = ""
    role: str = ""
    attack: str = ""
    checkpoint: str = ""
    file: str = ""
    cause: str = ""

    @property
    def sentence(self) -> str:
        """The reason in words."""
        return self.kind.value.format(**vars(self))

    def as_data(self) -> dict[str, str]:
        """The name of its kind and the fields that apply."""
        return {key: value for key, value in vars(self).items() if value} | {"kind": self.kind.name.lower()}


def read_reason(data: Mapping[str, Any]) -> Reason:
    """Read what Reason.as_data wrote."""
    return Reason(**{**data, "kind": Lack[data["kind"].upper()]})


class NotThere(Exception):
    """The study lacks what a measure is made of; `reason` says what."""

    def __init__(self, kind: Lack, **about: str):
        self.reason = Reason(kind, **about)
        super().__init__(self.reason.sentence)
