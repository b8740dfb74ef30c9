"""The answer of the first screen: a sentence for each topic, made by rules from verdicts and their numbers.

A sentence names the claims of the paper's abstract on its topic, which were chosen before any result, with the verdict
of each and the numbers that decide it; the other claims on the topic are counted. Where the study has none of these
claims, the first that it tests stand in for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from advspectra.claims.cells import FAILS, HOLDS, OPEN
from advspectra.claims.claim import (
    CONTRADICTED,
    NOT_APPLICABLE,
    NOT_TESTED,
    ONE_SEED,
    PARTLY,
    SUPPORTED,
    UNDECIDED,
)
from advspectra.claims.measures import MEASURES
from advspectra.claims.readers import MadeOf
from advspectra.claims.records import ClaimRecord, PartRecord
from advspectra.claims.terms import Group, Kind, Side, network
from advspectra.page.verdicts import CLAIMS, PARTS, Mark, mark, points_its_way
from advspectra.page.words import counted, estimate, listed, paper_value

MOST_NAMED = 2


@dataclass(frozen=True)
class Topic:
    """What a sentence is about: how it begins, the groups of its claims, and the names of those that it gives first."""

    title: str
    groups: tuple[Group, ...]
    first: tuple[str, ...]


FEATURES = Topic("In nonlinear networks and the data", (Group.FURTHER, Group.NONLINEAR), ("FEAT-1", "NL-1"))
TOPICS = (
    Topic("During training", (Group.TRAINING,), ("FNB-5", "DYN-2")),
    Topic("In linear networks", (Group.LINEAR,), ("IFR-2", "IFR-7")),
    FEATURES,
)
VERBS = {
    SUPPORTED: ("supports", "that"),
    PARTLY: ("supports in part", "that"),
    CONTRADICTED: ("contradicts", "that"),
    UNDECIDED: ("leaves undecided", "whether"),
    ONE_SEED: ("cannot decide with one seed", "whether"),
}
# of which parts a verdict's numbers are: the first of each of these
DECISIVE = {
    SUPPORTED: (HOLDS,),
    PARTLY: (HOLDS, FAILS),
    CONTRADICTED: (FAILS,),
    UNDECIDED: (HOLDS, FAILS, OPEN),
}
ATTACKS = {
    "snapshots": "attacks on each checkpoint",
    "transfer": "perturbations of the final network",
    "minimal": "smallest ε",
    "recalibrated_snapshots": "batch normalisation recalibrated",
    "recalibrated_transfer": "perturbations of the final network, batch normalisation recalibrated",
    "recalibrated_minimal": "batch normalisation recalibrated",
}
CHECKPOINTS = {"first": "initialisation", "last": "the end", "first_epoch": "the first epoch"}
ENDS = {"adversarial": "adversarial directions", "random": "random directions", "boundary": "the boundary"}


@dataclass(frozen=True)
class Number:
    """A part in a few words, its value with its interval, and what stands beside it, such as the paper's number.

    mark : its verdict, None where that is the claim's.
    """

    mark: Mark | None
    text: str
    value: str
    beside: str


@dataclass(frozen=True)
class Said:
    """A claim in a sentence: "supports", "that", its title inside a sentence, its name, verdict and numbers.

    verb : "" where it is that of the claim before. tally : of one seed, how many parts point the claim's way.
    """

    verb: str
    conjunction: str
    title: str
    name: str
    mark: Mark
    tally: str
    numbers: tuple[Number, ...]


@dataclass(frozen=True)
class Sentence:
    """A topic, what the study says of the claims that it names, and how many others have which verdict.

    nothing : what it says where it names none, "tests none of the 11 claims".
    """

    topic: str
    said: tuple[Said, ...]
    others: str
    nothing: str


def answer(claims: Sequence[ClaimRecord], *, own: bool) -> list[Sentence]:
    """The sentences of all topics. Those about what the data make come first where the images are not the paper's
    (`own`) and a claim knows where their classes differ, those without a tested claim last.
    """
    of = {claim.name: claim for claim in claims}
    known = "FEAT-1" in of and of["FEAT-1"].verdict not in (NOT_TESTED, NOT_APPLICABLE)
    topics = sorted(TOPICS, key=lambda topic: topic is not FEATURES) if own and known else TOPICS
    sentences = [_sentence(topic, claims, with_paper=not own) for topic in topics]
    return sorted(sentences, key=lambda sentence: not sentence.said)


def _sentence(topic: Topic, claims: Sequence[ClaimRecord], *, with_paper: bool) -> Sentence:
    about = [
        claim
        for claim in claims
        if claim.kind is Kind.STATEMENT and claim.group in topic.groups and claim.verdict != NOT_APPLICABLE
    ]
    tested = [claim for claim in about if claim.verdict != NOT_TESTED]
    first = [claim for name in topic.first for claim in tested if claim.name == name]
    named = (first or tested)[:MOST_NAMED]
    said = [_said(claim, with_paper=with_paper) for claim in named]
    for before, after in pairwise(named):
        if before.verdict == after.verdict:
            place = named.index(after)
            said[place] = replace(said[place], verb="")
    others = [claim for claim in about if claim not in named]
    nothing = f"tests none of the {len(about)} claims" if len(about) > 1 else "tests no claim"
    return Sentence(topic.title, tuple(said), _others(others) if named else "", nothing)


def _others(claims: Sequence[ClaimRecord]) -> str:
    """How many claims have which verdict, "of 10 other claims: 1 supported and 9 undecided"; "" for none."""
    if not claims:
        return ""
    of = f"of {counted(len(claims), 'other claim')}"
    directions = [claim for claim in claims if claim.verdict == ONE_SEED]
    if directions and {claim.verdict for claim in claims} <= {ONE_SEED, NOT_TESTED}:
        count = sum(map(points_its_way, directions))
        return f"{of}, {count} {'points' if count == 1 else 'point'} the paper's way in all tested parts"
    counts = {shown.word: sum(claim.verdict == verdict for claim in claims) for verdict, shown in CLAIMS.items()}
    return f"{of}: {listed([f'{count} {word}' for word, count in counts.items() if count])}"


def _said(claim: ClaimRecord, *, with_paper: bool) -> Said:
    shown = _decisive(claim)
    differ = claim.verdict != ONE_SEED and len({part.verdict for part in shown}) > 1
    numbers = [_number(part, PARTS[part.verdict] if differ else None, with_paper=with_paper) for part in shown]
    tested = [part for part in claim.parts if part.value is not None]
    way = sum(part.direction == HOLDS for part in tested)
    points = f"{way} of {counted(len(tested), 'part')} {'points' if way == 1 else 'point'} its way"
    tally = points if claim.verdict == ONE_SEED else ""
    return Said(*VERBS[claim.verdict], inside(claim.title), claim.name, mark(claim.verdict), tally, tuple(numbers))


def _decisive(claim: ClaimRecord) -> list[PartRecord]:
    """The parts whose numbers stand for the verdict: the first of each of DECISIVE, or simply the first."""
    tested = [part for part in claim.parts if part.value is not None]
    shown = [[part for part in tested if part.verdict == verdict][:1] for verdict in DECISIVE.get(claim.verdict, ())]
    return sum(shown, []) or tested[:1]


def _number(part: PartRecord, verdict: Mark | None, *, with_paper: bool) -> Number:
    measure = MEASURES.get(part.left.measure)
    text = part.statement.rpartition(": ")[0] or part.statement
    if measure is not None:
        text = ", ".join(filter(None, [measure.title, _sides(part.left, part.right), _how(part.left)]))
    beside = ""
    if part.right is None and not part.is_cell:
        beside += f" where {part.statement.rpartition(': ')[2]} is expected"
    if with_paper and part.paper is not None:
        raw = measure is not None and measure.made_of is MadeOf.PREDICTOR and part.left.predictor != "rescaled"
        beside += f" (the paper {paper_value(part)}{' of rescaled β̂' if raw else ''})"
    return Number(verdict, text, estimate(part), beside)


def _sides(left: Side, right: Side | None) -> str:
    """What a part compares: "VGG19 against ResNet18", "the end against initialisation", or of one side its network and
    checkpoint.
    """
    if right is None:
        return " at ".join(filter(None, [_network(left), CHECKPOINTS.get(left.checkpoint)]))
    if _network(left) != _network(right):
        return f"{_network(left)} against {_network(right)}"
    for words, ours, theirs in (
        (CHECKPOINTS, left.checkpoint, right.checkpoint),
        (ENDS, left.end, right.end),
        (ATTACKS, left.attack, right.attack),
    ):
        if ours != theirs:
            return f"{words.get(ours, ours)} against {words.get(theirs, theirs)}"
    return _network(left)


def _how(side: Side) -> str:
    """The attack of a side, unless it is the study's own on the checkpoint itself."""
    return "" if side.attack in ("final", "snapshots", "minimal") else ATTACKS.get(side.attack, side.attack)


def _network(side: Side) -> str:
    names = [network(name) for name in (side.network, side.over) if name]
    scale = [f" (α = {one.alpha:g})" if one.alpha != 1 else "" for one in names]
    return " over ".join(one.label.partition(" (")[0] + of for one, of in zip(names, scale, strict=True))


def inside(title: str) -> str:
    """A title inside a sentence: with a small letter, unless it begins with a name such as VGG19 or ReLU."""
    rest = title.partition(" ")[0][1:]
    return title[:1].lower() + title[1:] if rest == rest.lower() else title
