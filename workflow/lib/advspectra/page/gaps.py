"""What a study lacks to test or decide more, and the lines of configuration that would provide it."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from advspectra.claims.claim import NOT_TESTED, ONE_SEED
from advspectra.claims.reasons import Lack, Reason
from advspectra.claims.records import ClaimRecord
from advspectra.claims.terms import network

WHERE = "or of single networks"
MOST_WRITTEN = 20  # seeds
AS_IN = "as in workflow/presets/dynamics.yaml"


@dataclass(frozen=True)
class Gap:
    """Why parts were not tested, or claims not decided, and lines of configuration that help.

    claims : how many parts of each claim, by its name; 0 where it is about the whole claim.
    """

    why: str
    lines: str
    claims: dict[str, int] = field(default_factory=dict)


def gaps(claims: Sequence[ClaimRecord], seeds: Sequence[int], beside: Sequence[str]) -> list[Gap]:
    """What the study lacks, in the order of the claims.

    beside : claims.json of the studies that belong beside this one and have not been run.
    """
    by_reason: dict[Reason, Gap] = {}
    for claim in claims:
        for part in claim.parts:
            if part.verdict == NOT_TESTED:
                gap = by_reason.setdefault(part.reason, Gap(part.reason.sentence, _remedy(part.reason)))
                gap.claims[claim.name] = gap.claims.get(claim.name, 0) + 1
    gaps = list(by_reason.values())
    if len(seeds) == 1:
        names = [claim.name for claim in claims if claim.verdict == ONE_SEED]
        gaps.append(Gap("one seed only: no verdict", _seeds(seeds, 3)[0], dict.fromkeys(names, 0)))
    needed = {claim.name: claim.seeds_needed for claim in claims if claim.seeds_needed}
    for count in sorted(set(needed.values())):
        names = [name for name, of in needed.items() if of == count]
        why = f"undecided; {count} seeds would decide the open parts"
        lines, *notes = _seeds(seeds, count)
        gaps.append(Gap(why, f"{lines}  # {', '.join([*notes, WHERE])}", dict.fromkeys(names, 0)))
    for path in beside:
        study = path.split("/")[-2]
        gaps.append(Gap(f"{path} is missing", f"# run the study {study}: see workflow/presets/beside"))
    return gaps


def _seeds(there: Sequence[int], count: int) -> list[str]:
    """The configuration of so many seeds, those of the study, whose results stay, and the lowest others; and a note if
    not all are written.
    """
    others = (seed for seed in itertools.count() if seed not in there)
    seeds = [*there, *itertools.islice(others, max(count - len(there), 0))]
    if len(seeds) <= MOST_WRITTEN:
        return [f"seeds: [{', '.join(map(str, seeds))}]"]
    return [f"seeds: [{', '.join(map(str, there))}, ...]", f"{count} in all"]


def _remedy(reason: Reason) -> str:
    """Lines of configuration that would fill a gap; "" where none would."""
    match reason.kind:
        case Lack.NETWORK:
            named = network(reason.network)
            lines = [
                "networks:",
                f"  - name: {named.network}  # architecture, options, learning_rate: as in config.yaml",
            ]
            lines.append(f"    activations: [{named.activation}]")
            lines += [f"    depths: [{named.depth}]"] * bool(named.depth) + [f"    alphas: [{named.alpha:g}]"]
            return "\n".join(lines)
        case Lack.ROLE:
            return f"claims:\n  {reason.role}:  # the name of an attack or transfer, {AS_IN}"
        case Lack.RESULTS | Lack.CHECKPOINT | Lack.FILE:
            return f"# `networks` and `checkpoints` of attacks, transfers and lines: {AS_IN}"
    return ""
