"""Sentences of captions: how many images and seeds, which convention, what a band is, what is missing."""

from collections.abc import Sequence

from advspectra.networks.identity import NetworkIdentity
from advspectra.results.replicates import Replicates

# the networks that the paper's text and figures name: (network, hidden layers), None = its only depth
LINEAR = (
    ("fully_connected", 1),
    ("locally_connected", 1),
    ("full_width", 1),
    ("bounded_width_3", 1),
    ("bounded_width_32", 1),
    ("fully_connected", 3),
    ("full_width", 3),
    ("bounded_width_32", 3),
)
NONLINEAR = (
    ("fully_connected", 1),
    ("locally_connected", 1),
    ("full_width", 1),
    ("bounded_width_32", 1),
    ("shallow_resnet", None),
    ("vgg19", None),
    ("resnet18", None),
)
SCALES = {
    "paper": "luminance, unnormalised DFT",
    "rgb": "each channel, unnormalised DFT",
    "orthonormal": "luminance, DFT / sqrt(HW)",
    "rgb_orthonormal": "each channel, DFT / sqrt(HW)",
}


def counts(groups: Sequence[Replicates], *, convention: str, named: bool = True) -> str:
    """The sentences that state n images, n seeds, the convention, and the networks without a selected image.

    named : whether to name the convention.
    """
    of = {group.first.label: group.spectra(convention) for group in groups}
    numbers = [sum(seed.selected for seed in spectra) for spectra in of.values() if spectra]
    attacked = [sum(seed.attacked for seed in spectra) for spectra in of.values() if spectra]
    without = [sum(seed.zero_gradients for seed in spectra) for spectra in of.values() if spectra]
    which = sorted({seed.images for spectra in of.values() for seed in spectra})
    sentences = []
    if numbers:
        words = {"successful": "successfully attacked", "all": "attacked"}
        kind = " / ".join(words.get(name, name) for name in which)
        out_of = f" of {span(attacked)}" if which != ["all"] or any(without) else ""
        out_of += f", {span(without)} without a gradient left out" if any(without) else ""
        sets = " / ".join(sorted({seed.images_of for spectra in of.values() for seed in spectra}))
        sentences.append(f"n = {span(numbers)} {kind} {sets} images{out_of},")
    if groups:
        sentences.append(of_seeds([len(group.runs) for group in groups]))
    if named:
        sentences.append(convention_sentence(convention))
    if empty := [label for label, spectra in of.items() if spectra and not any(seed.selected for seed in spectra)]:
        sentences.append(f"No successful attack: {', '.join(empty)}.")
    if none := [label for label, spectra in of.items() if not spectra]:
        sentences.append(f"No spectra: {', '.join(none)}.")
    return " ".join(sentences)


def of_seeds(counts: Sequence[int]) -> str:
    """The end of a sentence that states how many seeds networks have, such as "3 to 5 seeds for each network."."""
    seeds = span(counts)
    return f"{seeds} seed{'' if seeds == '1' else 's'} for each network."


def missing(groups: Sequence[Replicates], *, linear: bool) -> str:
    """The sentence that names the paper's linear or nonlinear networks which the study lacks; empty if none."""
    present = {(group.first.network, group.first.depth) for group in groups if group.first.linear is linear}
    networks = {network for network, _ in present}
    lacking = [
        (network, depth)
        for network, depth in (LINEAR if linear else NONLINEAR)
        if (network not in networks if depth is None else (network, depth) not in present)
    ]
    activation = "linear" if linear else "relu"
    names = [NetworkIdentity(network, activation, depth, 1).label for network, depth in lacking]
    return f"Not in this study: {', '.join(names)}." if names else ""


def convention_sentence(convention: str) -> str:
    """The sentence that says how colour is reduced and how the DFT is scaled."""
    return f"Convention {convention}: {SCALES.get(convention, 'as named')}."


def joined(*sentences: str) -> str:
    """The caption made of all sentences that are not empty."""
    return " ".join(sentence for sentence in sentences if sentence)


def span(numbers: Sequence[int]) -> str:
    """Write numbers as their range, "5" or "5 to 10"."""
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"
