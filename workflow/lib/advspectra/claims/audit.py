"""Which verdicts depend on what the paper leaves open: the claims under each convention, one changed at a time, and in
studies that were run otherwise.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from advspectra.claims.evaluate import HOLDS, NOT_TESTED, Claim
from advspectra.claims.measures import Conventions
from advspectra.table import Column, Table

SPECTRA = {
    "paper": "luminance, unnormalised DFT",
    "rgb": "each colour channel by itself, unnormalised DFT",
    "orthonormal": "luminance, orthonormal DFT",
    "rgb_orthonormal": "each colour channel by itself, orthonormal DFT",
}
CELLS = "TABLE-"  # how the names of claims begin that a table's cells make
PREDICTORS = {"raw": "β̂ as it is", "rescaled": "β̂ of maps rescaled to [0, 1]"}


@dataclass(frozen=True)
class Variant:
    """Conventions that differ in one thing from the study's own; `title` says in which."""

    name: str
    title: str
    conventions: Conventions


def variants(own: Conventions, spectra: Sequence[str], attacks: Mapping[str, str]) -> Iterator[Variant]:
    """Yield the study's own conventions, then each that takes the place of one of them.

    spectra : the conventions that the study's spectra have. attacks : those that may take the place of the final one,
    with what is different in them.
    """
    yield Variant("own", f"δ̂: {SPECTRA[own.spectra]}; {PREDICTORS[own.predictor]}; {own.attacks['final']}", own)
    for name in spectra:
        if name != own.spectra:
            yield Variant(name, f"δ̂: {SPECTRA[name]}", replace(own, spectra=name))
    other = "rescaled" if own.predictor == "raw" else "raw"
    title = f"{PREDICTORS[other]} in claims, {PREDICTORS[own.predictor]} in Table 1"
    yield Variant(other, title, replace(own, predictor=other, cells=own.predictor))
    for name, difference in attacks.items():
        yield Variant(name, f"attack: {difference}", replace(own, attacks={**own.attacks, "final": name}))


def as_data(claims: Sequence[Claim]) -> dict:
    """Return verdicts by claim, with the parts' verdicts, of one seed their directions, and values; and how many cells
    of each of the paper's tables lie within their bounds.
    """
    tables = [claim for claim in claims if claim.name.startswith(CELLS)]
    return {
        "claims": {
            claim.name: {
                "verdict": claim.verdict,
                "parts": [_answer(part.verdict, part.direction, len(part.samples)) for part in claim.parts],
                "values": [None if part.found is None else part.found.value for part in claim.parts],
            }
            for claim in claims
        },
        "cells": {
            claim.name: {
                "within": sum(part.direction == HOLDS for part in claim.parts),
                "tested": len(claim.tested),
                "of": len(claim.parts),
            }
            for claim in tables
        },
    }


def _answer(verdict: str, direction: str | None, seeds: int) -> str:
    """Return the verdict on a part; of one seed, which has none, the direction."""
    return direction if seeds == 1 else verdict


def beside(own: Mapping, other: Mapping) -> dict:
    """Return the answers of another study as as_data gives them, with `name` and `title`: what it was run otherwise by.

    own, other : claims.json of the two studies. ValueError if `other` is no such file.
    """
    try:
        settings = [dict(_settings(answers["parameters"]["config"])) for answers in (own, other)]
        changed = [f"{key}: {other}" for key, other in settings[1].items() if other != settings[0].get(key)]
        claims = {
            claim["name"]: {
                "verdict": claim["verdict"],
                "parts": [_answer(part["verdict"], part["direction"], len(part["seeds"])) for part in claim["parts"]],
                "values": [part["value"] for part in claim["parts"]],
            }
            for claim in other["claims"]
        }
        cells = {
            claim["name"]: {
                "within": sum(part["direction"] == HOLDS for part in claim["parts"]),
                "tested": sum(part["verdict"] != NOT_TESTED for part in claim["parts"]),
                "of": len(claim["parts"]),
            }
            for claim in other["claims"]
            if claim["name"].startswith(CELLS)
        }
        title = f"study {other['study']}, {', '.join(changed) or 'the same settings'}"
        return {"name": other["study"], "title": title, "claims": claims, "cells": cells}
    except (KeyError, TypeError) as error:
        raise ValueError(f"expected the claims.json of a study, found one without {error}") from error


def _settings(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the settings of a configuration, each by the two innermost of its keys."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _settings(item, f"{name.split('.')[-1]}.{key}".lstrip("."))
    else:
        yield name, str(value)


def audit_csv(found: Sequence[Mapping]) -> str:
    """Return the verdicts, as as_data gives them with `name` and `title`, a row for each convention and part."""
    rows = [
        {"convention": one["name"], "title": one["title"], "claim": name, "verdict": claim["verdict"]}
        | {"part": place, "part_verdict": verdict, "value": value}
        for one in found
        for name, claim in one["claims"].items()
        for place, (verdict, value) in enumerate(zip(claim["parts"], claim["values"], strict=True), start=1)
    ]
    names = ("convention", "title", "claim", "verdict", "part", "part_verdict", "value")
    return Table("Conventions", tuple(Column(key, key) for key in names), tuple(rows)).to_csv()
