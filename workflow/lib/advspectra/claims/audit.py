"""Which verdicts depend on what the paper leaves open: the claims under each convention, one changed at a time, and in
studies that were run with other settings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from advspectra.claims.claim import Claim, cells
from advspectra.claims.readers import Conventions
from advspectra.claims.records import ClaimRecord
from advspectra.claims.terms import Kind
from advspectra.table import Column, Table

SPECTRA = {
    "paper": "luminance, unnormalised DFT",
    "rgb": "each colour channel by itself, unnormalised DFT",
    "orthonormal": "luminance, orthonormal DFT",
    "rgb_orthonormal": "each colour channel by itself, orthonormal DFT",
}
PREDICTORS = {"raw": "β̂ as it is", "rescaled": "β̂ of maps rescaled to [0, 1]"}


@dataclass(frozen=True)
class Variant:
    """Conventions that differ in one thing from the study's own; `title` says in which."""

    name: str
    title: str
    conventions: Conventions


def variants(own: Conventions, spectra: Sequence[str], attacks: Mapping[str, str]) -> Iterator[Variant]:
    """Yield the study's own conventions, then each that takes the place of one of them.

    spectra : the conventions of the study's spectra. attacks : those that may take the place of the final one, each
    with its difference.
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


def answers(claims: Sequence[Claim] | Sequence[ClaimRecord]) -> dict:
    """Return verdicts by claim, with the parts' verdicts (of one seed their directions) and values; and how many cells
    of each of the paper's tables lie within their bounds.
    """
    return {
        "claims": {
            claim.name: {
                "verdict": claim.verdict,
                # one seed gives no verdict on a part
                "parts": [part.direction if part.one_seed else part.verdict for part in claim.parts],
                "values": [part.value for part in claim.parts],
            }
            for claim in claims
        },
        "cells": {claim.name: asdict(cells(claim.parts)) for claim in claims if claim.kind is Kind.TABLE},
    }


def beside(own: Mapping, other: Mapping) -> dict:
    """Return the answers of another study, with `name` and `title`: the settings that differ.

    own, other : claims.json of the two studies. ValueError if `other` is no such file.
    """
    try:
        settings = [dict(_settings(answered["parameters"]["config"])) for answered in (own, other)]
        changed = [f"{key}: {value}" for key, value in settings[1].items() if value != settings[0].get(key)]
        title = f"study {other['study']}, {', '.join(changed) or 'the same settings'}"
        claims = [ClaimRecord.from_data(claim) for claim in other["claims"]]
        return {"name": other["study"], "title": title, **answers(claims)}
    except (KeyError, TypeError) as error:
        raise ValueError(f"expected the claims.json of a study, found one without {error}") from error
    except ValueError as error:
        raise ValueError(f"the study {other['study']}: {error}; rerun it up to its claims.json") from error


def _settings(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the settings of a configuration, each by the two innermost of its keys."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _settings(item, f"{name.split('.')[-1]}.{key}".lstrip("."))
    else:
        yield name, str(value)


def audit_csv(conventions: Sequence[Mapping]) -> str:
    """Return answers, each with `name` and `title` of its convention, as CSV: a row for each convention and part."""
    rows = [
        {"convention": convention["name"], "title": convention["title"], "claim": name, "verdict": claim["verdict"]}
        | {"part": place, "part_verdict": verdict, "value": value}
        for convention in conventions
        for name, claim in convention["claims"].items()
        for place, (verdict, value) in enumerate(zip(claim["parts"], claim["values"], strict=True), start=1)
    ]
    names = ("convention", "title", "claim", "verdict", "part", "part_verdict", "value")
    return Table("Conventions", tuple(Column(key, key) for key in names), tuple(rows)).to_csv()
