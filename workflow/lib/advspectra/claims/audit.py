"""Which verdicts depend on what the paper leaves open: the claims under each convention, one changed at a time, and in
studies that were run with other settings.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from advspectra.claims.cells import NOT_TESTED, cells
from advspectra.claims.claim import Claim
from advspectra.claims.records import ClaimRecord
from advspectra.claims.sides import Conventions
from advspectra.claims.terms import Kind
from advspectra.table import Column, Table

SPECTRA = {
    "paper": "luminance, unnormalised DFT",
    "rgb": "each colour channel by itself, unnormalised DFT",
    "orthonormal": "luminance, orthonormal DFT",
    "rgb_orthonormal": "each colour channel by itself, orthonormal DFT",
}
LAST_EPOCH = "last_epoch"
STUDY = "study"  # `kind` of an entry that is another study and no convention
PREDICTORS = {"raw": "β̂ as it is", "rescaled": "β̂ of maps rescaled to [0, 1]"}


@dataclass(frozen=True)
class Variant:
    """Conventions that differ in one thing from the study's own; `title` says in which."""

    name: str
    title: str
    conventions: Conventions


def variants(
    own: Conventions, spectra: Sequence[str], attacks: Mapping[str, str], *, last: str | None = None
) -> Iterator[Variant]:
    """Yield the study's own conventions, then each that takes the place of one of them.

    spectra : the conventions of the study's spectra. attacks : those that may take the place of the final one, each
    with its difference. last : the attack on the last epoch that is kept, if that may take the place of the best.
    """
    yield Variant("own", f"δ̂: {SPECTRA[own.spectra]}; {PREDICTORS[own.predictor]}; {own.attacks['final']}", own)
    for name in spectra:
        if name != own.spectra:
            yield Variant(name, f"δ̂: {SPECTRA[name]}", replace(own, spectra=name))
    other = "rescaled" if own.predictor == "raw" else "raw"
    title = f"{PREDICTORS[other]} in claims, {PREDICTORS[own.predictor]} in Table 1"
    yield Variant(other, title, replace(own, predictor=other, cells=own.predictor))
    if last:
        title = "the last epoch that is kept instead of the best; β̂, of the best epoch alone, is not comparable"
        yield Variant(LAST_EPOCH, title, replace(own, last=True, attacks={**own.attacks, "final": last}))
    for name, difference in attacks.items():
        yield Variant(name, f"attack: {difference}", replace(own, attacks={**own.attacks, "final": name}))


@dataclass(frozen=True)
class Comparison:
    """What differs between the answers to a claim under two conventions.

    verdict : whether the verdict differs; None where it cannot be compared. parts : those of other verdicts. missing :
    those that only one of the two tests, which therefore cannot be compared, and nor can the verdict. Counted from 1.
    """

    verdict: bool | None
    parts: tuple[int, ...]
    missing: tuple[int, ...]


def comparison(own: Mapping, other: Mapping | None) -> Comparison:
    """Compare an entry of `claims` of `answers` with the study's own; None for a claim that the other lacks."""
    if other is None:
        tested = tuple(place for place, part in enumerate(own["parts"], 1) if part != NOT_TESTED)
        return Comparison(None, (), tested)
    pairs = list(enumerate(zip(own["parts"], other["parts"], strict=True), 1))
    missing = tuple(place for place, pair in pairs if (pair[0] == NOT_TESTED) != (pair[1] == NOT_TESTED))
    parts = tuple(place for place, (part, now) in pairs if part != now and place not in missing)
    return Comparison(None if missing else own["verdict"] != other["verdict"], parts, missing)


def answers(claims: Sequence[Claim] | Sequence[ClaimRecord]) -> dict:
    """Verdicts by claim, with the parts' verdicts (of one seed their directions) and values; and how many cells
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
    """The answers of another study, with `name`, `kind` and `title`: the settings that differ.

    own, other : claims.json of the two studies. ValueError if `other` is no such file.
    """
    try:
        changed = _changed(*(dict(_settings(answered["parameters"]["config"])) for answered in (own, other)))
        title = f"study {other['study']}, {', '.join(changed) or 'the same settings'}"
        claims = [ClaimRecord.from_data(claim) for claim in other["claims"]]
        return {"name": other["study"], "kind": STUDY, "title": title, **answers(claims)}
    except (KeyError, TypeError) as error:
        raise ValueError(f"expected the claims.json of a study, found one without {error}") from error
    except ValueError as error:
        raise ValueError(f"the study {other['study']}: {error}; rerun it up to its claims.json") from error


def _changed(own: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The settings that differ, "key: value"; those of several networks that are alike once, with a count."""
    changes: dict[str, list[str]] = {}
    for key in dict.fromkeys([*other, *own]):
        network, _, name = key.rpartition("/")
        there = {known.rpartition("/")[0] for known in (own if key in other else other)}
        if other.get(key) != own.get(key) and network in there:  # a network of one study alone makes no setting
            text = f"{name}: {other.get(key, 'not given')}"
            changes.setdefault(text, []).extend([network] if network else [])
    return [text + _of_networks(names) for text, names in changes.items()]


def _of_networks(names: Sequence[str]) -> str:
    if len(names) > 2:
        return f" of {len(names)} networks"
    return f" of {' and '.join(names)}" if names else ""


def _settings(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the settings of a configuration, each by the two innermost of its keys; those of a network behind its name
    and a slash.
    """
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "networks":
                names = [network["name"] for network in item]
                for network in item:
                    about = {key: part for key, part in network.items() if key not in ("name", "seeds", "checkpoints")}
                    whose = network["name"]
                    if names.count(whose) > 1:
                        whose += f" of depth {', '.join(map(str, network['depths']))}"
                    yield from ((f"{whose}/{inner}", text) for inner, text in _settings(about))
            else:
                yield from _settings(item, f"{name.split('.')[-1]}.{key}".lstrip("."))
    else:
        yield name, str(value)


def audit_csv(conventions: Sequence[Mapping]) -> str:
    """Answers, each with `name` and `title` of its convention, as CSV: a row for each convention and part.

    comparable : whether the verdict can be compared with the study's own, the first: "no" names the parts that only one
    of the two tests.
    """
    own = conventions[0]["claims"] if conventions else {}
    missing = {
        (convention["name"], name): comparison(own[name], claim).missing
        for convention in conventions
        for name, claim in convention["claims"].items()
        if name in own and len(own[name]["parts"]) == len(claim["parts"])
    }
    rows = [
        {"convention": convention["name"], "title": convention["title"], "claim": name, "verdict": claim["verdict"]}
        | {"comparable": _comparable(missing.get((convention["name"], name)))}
        | {"part": place, "part_verdict": verdict, "value": value}
        for convention in conventions
        for name, claim in convention["claims"].items()
        for place, (verdict, value) in enumerate(zip(claim["parts"], claim["values"], strict=True), start=1)
    ]
    names = ("convention", "title", "claim", "verdict", "comparable", "part", "part_verdict", "value")
    return Table("Conventions", tuple(Column(key, key) for key in names), tuple(rows)).to_csv()


def _comparable(missing: Sequence[int] | None) -> str:
    if missing is None:
        return "no: not the same parts"
    return f"no: part{'s' * (len(missing) > 1)} {' '.join(map(str, missing))}" if missing else "yes"
