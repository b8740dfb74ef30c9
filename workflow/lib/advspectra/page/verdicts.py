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
# verdicts of claims, in the order in which the summary counts them, and of their parts
CLAIMS = {
    "supported": Mark("✓", "supported", "yes"),
    "partly": Mark("◐", "partly", "partly"),
    "contradicted": Mark("✗", "contradicted", "no"),
    "undecided": Mark("?", "undecided", "open"),
    ONE_SEED: Mark("→", "one seed", "seed"),
    "not tested": Mark("–", "not tested", "none"),
}
PARTS = {
    "holds": Mark("✓", "holds", "yes"),
    "fails": Mark("✗", "fails", "no"),
    "open": Mark("?", "open", "open"),
    "not tested": Mark("–", "not tested", "none"),
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


def part_mark(claim: Mapping, part: Mapping) -> Mark:
    """Return how a part is shown: of one seed its direction is all that there is."""
    if claim["verdict"] != ONE_SEED or part["direction"] is None:
        return PARTS[part["verdict"]]
    return Mark("→", "points so" if part["direction"] == "holds" else "points the other way", "seed")


def cells(claim: Mapping) -> dict[str, int] | None:
    """Return how many cells of a table are tested, and within the paper's bounds; None for a claim of another kind."""
    if not claim["name"].startswith("TABLE-"):
        return None
    tested = [part for part in claim["parts"] if part["value"] is not None]
    within = [part for part in tested if part["direction"] == "holds"]
    return {"within": len(within), "tested": len(tested), "of": len(claim["parts"])}


def tally(claim: Mapping) -> str:
    """Return "3 of 4 parts hold" or what else there is to say of the parts in a few words."""
    parts = claim["parts"]
    if (found := cells(claim)) is not None:
        untested = found["of"] - found["tested"]
        return f"{found['within']} of {found['tested']} cells within" + (f", {untested} not tested" * bool(untested))
    tested = [part for part in parts if part["value"] is not None]
    if claim["verdict"] == ONE_SEED:
        return f"{_count(tested, 'direction', 'holds')} of {counted(len(parts), 'part')} in the paper's direction"
    if not tested:
        return "no data"
    text = f"{_count(parts, 'verdict', 'holds')} of {counted(len(parts), 'part')} {'hold' if len(parts) > 1 else 'holds'}"
    for verdict, word in (("fails", "fail" if _count(parts, "verdict", "fails") > 1 else "fails"), ("open", "open")):
        if count := _count(parts, "verdict", verdict):
            text += f", {count} {word}"
    untested = _count(parts, "verdict", "not tested")
    return text + (f", {untested} not tested" if untested else "")


def _count(parts: Sequence[Mapping], key: str, value: str) -> int:
    return sum(part[key] == value for part in parts)


def sentence(claim: Mapping) -> str:
    """Return what was found of a claim, in one or two sentences."""
    parts = claim["parts"]
    if claim["verdict"] == ONE_SEED:
        return f"One seed says in which direction the numbers point, not more: {tally(claim)}."
    found = {word: [index for index, part in enumerate(parts, 1) if part["verdict"] == word] for word in PARTS}
    word = claim["verdict"].capitalize()
    if (within := cells(claim)) is not None:
        text = f"{word}: of {counted(within['tested'], 'cell')} tested, {within['within']} lie within the paper's bounds"
        if claim["verdict"] != "not tested":
            text += f"; {len(found['holds'])} certainly, {len(found['fails'])} certainly not"
        if untested := within["of"] - within["tested"]:
            text += f"; {counted(untested, 'cell')} not tested"
    elif len(parts) == 1 and claim["verdict"] != "not tested":
        text = f"{word}: its one part {'is open' if found['open'] else next(key for key, of in found.items() if of)}"
    elif len(found["holds"]) == len(parts):
        text = f"{word}: all {len(parts)} parts hold"
    else:
        verbs = {"holds": "hold", "fails": "fail", "open": "is open", "not tested": "was not tested"}
        said = []
        for key, which in found.items():
            if which:
                verb = {"holds": "holds", "fails": "fails"}.get(key, verbs[key])
                plural = {"open": "are open", "not tested": "were not tested"}.get(key, verbs[key])
                said.append(f"{counted(len(which), 'part').split()[1]} {listed(which)} {plural if which[1:] else verb}")
        text = f"{word}: {'; '.join(said)}"
    if claim["p_value"] is not None:
        text += f" ({p_value(claim['p_value'])}, corrected for the number of claims)"
    return f"{text}.{_needed(claim)}"


def _needed(claim: Mapping) -> str:
    if claim["verdict"] != "undecided":
        return ""
    if claim["seeds_needed"] is None:
        return " A hundred seeds would not decide it if values and spread stay as they are."
    return f" {claim['seeds_needed']} seeds in all would decide it if values and spread stay as they are."


@dataclass(frozen=True)
class Summary:
    """How many claims have each verdict, tables apart, and their cells."""

    claims: int
    verdicts: tuple[tuple[Mark, int], ...]
    tables: tuple[tuple[str, dict[str, int]], ...]

    @property
    def cells(self) -> dict[str, int]:
        return {key: sum(found[key] for _, found in self.tables) for key in ("within", "tested", "of")}


def summary(claims: Sequence[Mapping]) -> Summary:
    """Return the Summary of all claims."""
    tables = tuple((claim["name"].removeprefix("TABLE-"), cells(claim)) for claim in claims if cells(claim) is not None)
    stated = [claim for claim in claims if cells(claim) is None]
    verdicts = ((shown, sum(claim["verdict"] == verdict for claim in stated)) for verdict, shown in CLAIMS.items())
    return Summary(len(stated), tuple((shown, count) for shown, count in verdicts if count), tables)


def grouped(claims: Sequence[Mapping]) -> list[tuple[str, list[Mapping]]]:
    """Return the claims by what they are about, in the order given, each group with its title."""
    titles = {prefix: title for prefixes, title in GROUPS.items() for prefix in prefixes}
    found: dict[str, list[Mapping]] = {}
    for claim in claims:
        found.setdefault(titles.get(claim["name"].partition("-")[0], "Further claims"), []).append(claim)
    return list(found.items())
