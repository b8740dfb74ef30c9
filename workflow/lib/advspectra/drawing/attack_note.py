"""Figures and tables that say of which attack they are: of another than the summary's, or not of the same for all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from advspectra.drawing import captions
from advspectra.networks.identity import NetworkIdentity
from advspectra.results.replicates import by_network
from advspectra.results.runs import Run
from advspectra.table import Table


def noted(make: Callable, *, attack: str, others: str | Sequence[Mapping]) -> Callable:
    """The `draw` of a figure or the `table` of a table, with sentences about its attack in the caption or the notes.

    attack : whose results are shown. others : what networks without it have there: "none", they are left out, or
    their first other attack; then it is the list of those that have no attack at all, each network, activation, depth
    and alpha.
    """

    def made(runs: Sequence[Run], **options):
        found = make(runs, **options)
        said = _sentences(runs, attack, others)
        if isinstance(found, Table):
            return replace(found, notes=(*said, *map(_shown, found.notes)))
        figure, caption = found
        return figure, captions.joined(_shown(caption), *said)

    return made


def _sentences(runs: Sequence[Run], attack: str, others: str | Sequence[Mapping]) -> list[str]:
    if others == "none":
        return [f"Attack: {attack}. Networks that it was not tried on are not shown."]
    by_attack: dict[str, list[str]] = {}
    for group in by_network(runs):
        if group.attack not in (attack, None):
            by_attack.setdefault(group.attack, []).append(group.first.label)
    lacking = [NetworkIdentity(**network).label for network in others]
    return [
        f"Attack: {attack}.",
        *(f"{', '.join(labels)}: {other}, as {attack} was not tried on it." for other, labels in by_attack.items()),
        *([f"Without an attack on this checkpoint, and not shown: {', '.join(lacking)}."] if lacking else []),
    ]


def _shown(text: str) -> str:
    # what is left out here may well be in the study
    return text.replace("Not in this study:", "Not shown:")
