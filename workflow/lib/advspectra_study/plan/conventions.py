"""The conventions of a study, as advspectra.claims.sides.Conventions takes them, and what its attacks differ in."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from advspectra.attacking import foolbox_classes
from advspectra_study.entries import Attack
from advspectra_study.study import ASIDE, Study


def conventions_of(study: Study) -> dict[str, Any]:
    """The convention of the spectra, the attack or transfer for each part that one has in claims, and the checkpoint
    that is shown in place of the best one.
    """
    summary, parts = study.summary, {"final": study.summary.attack} | study.claims.developing
    shown = {} if summary.checkpoint == "best" else {"checkpoint": summary.checkpoint}
    return {"spectra": summary.convention, "attacks": parts, **shown, **band_of(study)}


def band_of(study: Study) -> dict[str, Any]:
    """Where the classes of the images differ, as `band`; nothing where the options of the data set do not say it."""
    return {"band": study.dataset.band} if study.dataset.band else {}


def largest_magnitudes(study: Study) -> dict[str, float]:
    """Epsilon of each attack that perturbs within one of the maximum norm, by its name.

    Such an attack runs a class of Foolbox that does so, and does not look for the smallest epsilon; or it runs none,
    and its family is named linf_....
    """
    return {
        attack.name: attack.options["epsilon"]
        for attack in study.attacks
        if _within_largest_magnitude(attack) and attack.options.get("epsilon") is not None
    }


def _within_largest_magnitude(attack: Attack) -> bool:
    if attack.foolbox_class is None:
        return attack.family.startswith("linf_")
    about = foolbox_classes.attack_class(attack.foolbox_class)
    return not attack.minimal and about.distance == "linf" and "FixedEpsilonAttack" in about.bases


def audited_attacks(study: Study) -> dict[str, str]:
    """For each attack of claims.audit, in which settings it differs from summary.attack."""
    entries = {attack["name"]: dict(_settings(attack)) for attack in study.config["attacks"]}
    own = entries[study.summary.attack]
    return {
        name: ", ".join(
            f"{key} {entries[name].get(key, 'not given')}"
            for key in sorted({*own, *entries[name]})
            if entries[name].get(key) != own.get(key)
        )
        for name in study.claims.audit
        if name != study.attack_of_last_epoch
    }


def _settings(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield what determines perturbations, each setting by the innermost of its keys."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key not in ASIDE:
                yield from _settings(item, key)
    else:
        yield name, value if isinstance(value, str) else json.dumps(value)
