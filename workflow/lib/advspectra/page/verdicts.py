"""What verdicts say in words and symbols: of a part, of a claim, and of all claims together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from advspectra.page.words import counted, listed, p_value


@dataclass(frozen=True)
class Mark:
    """How a verdict is shown: by a symbol, a word and a colour (a class of the style sheet)."""

    symbol: str
    word: str
    style: str


ONE_SEED = "one seed: direction only"
NOT_TESTED, NOT_APPLICABLE = "not tested", "not applicable"
# verdicts of claims, in the order in which the summary counts them, and of their parts
CLAIMS = {
    "supported": Mark("✓", "supported", "yes"),
    "partly": Mark("◐", "partly", "partly"),
    "contradicted": Mark("✗", "contradicted", "no"),
    "undecided": Mark("?", "undecided", "open"),
    ONE_SEED: Mark("→", "one seed", "seed"),
    NOT_TESTED: Mark("–", "not tested", "none"),
    NOT_APPLICABLE: Mark("–", "not applicable here", "none"),
}
PARTS = {
    "holds": Mark("✓", "holds", "yes"),
    "fails": Mark("✗", "fails", "no"),
    "open": Mark("?", "open", "open"),
    "not tested": Mark("–", "not tested", "none"),
}
# of one part and of several
VERBS = {
    "holds": ("holds", "hold"),
    "fails": ("fails", "fail"),
    "open": ("is open", "are open"),
    "not tested": ("was not tested", "were not tested"),
}
# what claims are about, by the first word of their names
GROUPS = {
    ("FNB", "DYN"): "How adversarial perturbations come about in training (Sections 3.1 and 3.2)",
    ("IFR", "ALPHA"): "Linear networks and implicit Fourier regularisation (Section 3.3.1)",
    ("NL", "RES", "DEEP"): "Nonlinear networks (Section 3.3.2)",
    ("CAPTION", "TABLE"): "Tables",
}


def mark(verdict: str) -> Mark:
    """Return how a verdict of a claim or of a part is shown."""
    return (CLAIMS | PARTS)[verdict]


def part_mark(part: Mapping) -> Mark:
    """Return how a part is shown: of one seed its direction is all that there is."""
    if len(part["seeds"]) != 1:
        return PARTS[part["verdict"]]
    return Mark("→", "points its way" if part["direction"] == "holds" else "points the other way", "seed")


def cells(claim: Mapping) -> dict[str, int] | None:
    """Return how many cells of a table are tested, and within the paper's bounds; None for a claim of another kind."""
    if not claim["name"].startswith("TABLE-") or claim["verdict"] == NOT_APPLICABLE:
        return None
    tested = [part for part in claim["parts"] if part["value"] is not None]
    within = [part for part in tested if part["direction"] == "holds"]
    return {"within": len(within), "tested": len(tested), "of": len(claim["parts"])}


def tally(claim: Mapping) -> str:
    """Return "3 of 4 parts hold" or what else there is to say of the parts in a few words."""
    parts = claim["parts"]
    if not parts:
        return claim["why"].removesuffix(".")
    if all(part["value"] is None for part in parts):
        return "no data"
    if (found := cells(claim)) is not None:
        untested = found["of"] - found["tested"]
        return f"{found['within']} of {found['tested']} cells within" + (f", {untested} not tested" * bool(untested))
    untested = _count(parts, "verdict", "not tested")
    if any(len(part["seeds"]) == 1 for part in parts):
        text = f"{_count(parts, 'direction', 'holds')} of {counted(len(parts) - untested, 'part')} in its direction"
        return text + (f", {untested} not tested" if untested else "")
    text = f"{_count(parts, 'verdict', 'holds')} of {counted(len(parts), 'part')} {'hold' if parts[1:] else 'holds'}"
    for verdict in ("fails", "open", "not tested"):
        if count := _count(parts, "verdict", verdict):
            text += f", {count} {'fail' if verdict == 'fails' and count > 1 else verdict}"
    return text + (", before correction" if _only_before_correction(claim) else "")


def _count(parts: Sequence[Mapping], key: str, value: str) -> int:
    return sum(part[key] == value for part in parts)


def finding(claim: Mapping) -> str:
    """Return what was found of a claim beyond the word of its verdict."""
    if claim["verdict"] == ONE_SEED:
        return f"{tally(claim)}. One seed says no more than this."
    if claim["verdict"] == NOT_APPLICABLE:
        return claim["why"]
    text = _found_of_cells(claim) if cells(claim) is not None else _found_of_parts(claim)
    if claim["p_value"] is not None:
        short = ", which does not suffice" if _only_before_correction(claim) else ""
        text += f" ({p_value(claim['p_value'])}, corrected for the number of claims{short})"
    return f"{text}.{_needed(claim)}"


def _only_before_correction(claim: Mapping) -> bool:
    return claim["verdict"] == "undecided" and not _count(claim["parts"], "verdict", "open")


def _found_of_cells(claim: Mapping) -> str:
    found = cells(claim)
    inside, outside = (_count(claim["parts"], "verdict", verdict) for verdict in ("holds", "fails"))
    return (
        f"of {counted(found['tested'], 'cell')} tested, {found['within']} lie within the paper's bounds, "
        f"{inside} of them with the whole interval; {outside} lie outside with the whole interval"
    )


def _found_of_parts(claim: Mapping) -> str:
    parts = claim["parts"]
    said = []
    for verdict, (one, several) in VERBS.items():
        which = [place for place, part in enumerate(parts, 1) if part["verdict"] == verdict]
        if len(which) == len(parts):
            whole = {1: "its one part", 2: "both parts"}.get(len(parts), f"all {len(parts)} parts")
            return f"{whole} {one if len(parts) == 1 else several}"
        if which:
            said.append(f"part{'s' * (len(which) > 1)} {listed(which)} {several if which[1:] else one}")
    return "; ".join(said)


def _needed(claim: Mapping) -> str:
    if claim["verdict"] != "undecided":
        return ""
    if claim["seeds_needed"] is None:
        return " A hundred seeds would not decide all of its parts if values and spread stay as they are."
    return (
        f" {claim['seeds_needed']} seeds in all would decide each part, as surely as the correction asks, if values "
        "and spread stay as they are."
    )


@dataclass(frozen=True)
class Summary:
    """How many claims have each verdict, tables apart, and the cells of tables that apply here.

    directions : how many of the claims with one seed only point the paper's way in all of their parts.
    """

    claims: int
    verdicts: tuple[tuple[Mark, int], ...]
    directions: int
    tables: tuple[tuple[str, dict[str, int]], ...]

    @property
    def cells(self) -> dict[str, int]:
        return {key: sum(found[key] for _, found in self.tables) for key in ("within", "tested", "of")}


def summary(claims: Sequence[Mapping]) -> Summary:
    """Return the Summary of all claims."""
    tables = tuple((claim["name"].removeprefix("TABLE-"), found) for claim in claims if (found := cells(claim)))
    stated = [claim for claim in claims if cells(claim) is None and claim["verdict"] != NOT_APPLICABLE]
    verdicts = ((shown, sum(claim["verdict"] == verdict for claim in stated)) for verdict, shown in CLAIMS.items())
    directions = sum(
        claim["verdict"] == ONE_SEED and all(part["direction"] == "holds" for part in claim["parts"])
        for claim in stated
    )
    return Summary(len(stated), tuple((shown, count) for shown, count in verdicts if count), directions, tables)


def grouped(claims: Sequence[Mapping]) -> list[tuple[str, list[Mapping]]]:
    """Return the claims by what they are about, in the order given, each group with its title."""
    titles = {prefix: title for prefixes, title in GROUPS.items() for prefix in prefixes}
    found: dict[str, list[Mapping]] = {}
    for claim in claims:
        found.setdefault(titles.get(claim["name"].partition("-")[0], "Further claims"), []).append(claim)
    return list(found.items())
