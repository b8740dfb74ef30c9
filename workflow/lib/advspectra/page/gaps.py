"""What a study lacks to test or decide more, and the lines of configuration that would make it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from advspectra.page.verdicts import ONE_SEED

WHERE = "  # or of single networks"
MOST_WRITTEN = 20  # seeds


@dataclass(frozen=True)
class Gap:
    """Why parts were not tested, or claims not decided, and lines of configuration that help.

    claims : how many parts of each claim, by its name; 0 where it is about the whole claim.
    """

    why: str
    lines: str
    claims: dict[str, int] = field(default_factory=dict)


def gaps(claims: Sequence[Mapping], seeds: Sequence[int], beside: Sequence[str]) -> list[Gap]:
    """Return what the study lacks, in the order of the claims.

    beside : claims.json of the studies that belong beside this one and have not been run.
    """
    found: dict[str, Gap] = {}
    for claim in claims:
        for part in claim["parts"]:
            if part["verdict"] == "not tested":
                why = part["why"] or "no reason given"
                gap = found.setdefault(why, Gap(why, _remedy(why)))
                gap.claims[claim["name"]] = gap.claims.get(claim["name"], 0) + 1
    gaps = list(found.values())
    if len(seeds) == 1:
        names = [claim["name"] for claim in claims if claim["verdict"] == ONE_SEED]
        gaps.append(Gap("one seed only: no verdict", "seeds: [0, 1, 2]", dict.fromkeys(names, 0)))
    needed = {claim["name"]: claim["seeds_needed"] for claim in claims if claim["seeds_needed"]}
    for count in sorted(set(needed.values())):
        names = [name for name, of in needed.items() if of == count]
        shown = range(count) if count <= MOST_WRITTEN else (0, 1, "...", count - 1)
        lines = f"seeds: [{', '.join(map(str, shown))}]"
        gaps.append(Gap(f"undecided; {count} seeds would decide", lines + WHERE, dict.fromkeys(names, 0)))
    for path in beside:
        study = path.split("/")[-2]
        gaps.append(Gap(f"{path} is not there", f"# run the study {study}: see workflow/presets/beside"))
    return gaps


def _remedy(why: str) -> str:
    """Return lines of configuration that would fill a gap; "" where the reason does not say which."""
    if network := re.fullmatch(r"not in this study: (\w+)-(\w+)(?:/depth=(\d+))?(?:/alpha=([\d.]+))?", why):
        name, activation, depth, alpha = network.groups()
        lines = ["networks:", f"  - name: {name}  # architecture, options, learning_rate: as in config.yaml"]
        lines.append(f"    activations: [{activation}]")
        lines += [f"    depths: [{depth}]"] * bool(depth) + [f"    alphas: [{alpha or 1}]"]
        return "\n".join(lines)
    if part := re.fullmatch(r"the study names no attack for '(\w+)'", why):
        return f"claims:\n  {part[1]}:  # the name of an attack or transfer, as in workflow/presets/dynamics.yaml"
    if re.search(r"has no results of|has no state|^no (spectra|lines|perturbations) of", why):
        return "# `networks` and `checkpoints` of attacks, transfers and lines: as in workflow/presets/dynamics.yaml"
    return ""
