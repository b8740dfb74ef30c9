"""Checks of what one part of a study demands of another. The study is sound in each of its parts: see config_checks."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from advspectra.networks.identity import number
from advspectra_study.config.channels import channel_faults
from advspectra_study.config.checkpoints import checkpoint_faults
from advspectra_study.config.checks import one_of
from advspectra_study.config.faults import Fault, Keys, found, key_path
from advspectra_study.plugins import spec
from advspectra_study.study import Network, Study

# a path that a shell, and nothing else, would expand
HOME = re.compile(r"~[^/]*/")


def study_faults(study: Study, library: Path) -> Iterator[Fault]:
    """Yield what is wrong between the parts of a study; library : source root that holds the package advspectra."""
    yield from _dataset_faults(study)
    for index, network in enumerate(study.networks):
        yield from _architecture_faults(("networks", index), network, library)
    yield from _run_faults(study)
    yield from _training_faults(study)
    if isinstance(channels := study.dataset.options.get("channels"), int):
        yield from channel_faults(study.config, channels)
    yield from checkpoint_faults(study)
    yield from _summary_faults(study)


def _dataset_faults(study: Study) -> Iterator[Fault]:
    for name, value in study.dataset.options.items():
        keys = ("dataset", "options", name)
        if isinstance(value, str) and (value == "~" or HOME.match(value)):
            text = f"found {found(value)}; ~ is not expanded here, write the folder out: {os.path.expanduser(value)}"
            yield Fault(keys, text)
        # rings of equal cycles/image, over which spectra are summed, would be ellipses in cycles/pixel
        if name == "image_size" and isinstance(value, list) and len(value) == 2 and value[0] != value[1]:
            least = min(value)
            text = f"found {found(value)}; allowed: as many rows as columns, as [{least}, {least}], since spectra"
            yield Fault(keys, f"{text} are summed over rings of equal cycles/image")


def _architecture_faults(keys: Keys, network: Network, library: Path) -> Iterator[Fault]:
    """Checks what the architecture of a network allows."""
    able = spec("models", network.architecture, library)
    for name in ("activations", "depths"):
        for index, value in enumerate(getattr(network, name)):
            if able[name] is not None and value not in able[name]:
                yield Fault((*keys, name, index), one_of(value, able[name], f"architecture {network.architecture}"))
    for index, alpha in enumerate(network.alphas):
        if alpha != 1 and not able["alpha"]:
            text = f"found {number(alpha)}; allowed: 1 (architecture {network.architecture} has no scale alpha)"
            yield Fault((*keys, "alphas", index), text)


def _run_faults(study: Study) -> Iterator[Fault]:
    """Checks that each run stands once, and each name for one architecture."""
    makers: dict[tuple, Keys] = {}
    architectures: dict[str, tuple[Keys, str]] = {}
    for index, network in enumerate(study.networks):
        keys, doubled = ("networks", index), {}
        for activation in network.activations:
            for depth in network.depths:
                for alpha in network.alphas:
                    earlier = makers.setdefault((network.name, activation, depth, alpha), keys)
                    if earlier != keys:
                        text = f"{network.name}-{activation} depth {depth} alpha {number(alpha)}"
                        doubled.setdefault(earlier, []).append(text)
        for earlier, texts in doubled.items():
            text = f"found {', '.join(texts)}, which {key_path(earlier)} makes already; allowed: each run once"
            yield Fault(keys, text)
        earlier, architecture = architectures.setdefault(network.name, (keys, network.architecture))
        if network.architecture != architecture:
            text = f"found {network.architecture!r}; allowed: {architecture!r}, as in {key_path(earlier)}"
            yield Fault((*keys, "architecture"), f"{text} of the same name {network.name!r}")


def _training_faults(study: Study) -> Iterator[Fault]:
    training, networks = study.config["training"], study.config["networks"]
    epochs, selection, search = training["epochs"], training["selection"], training["search"]
    if (reset := training["schedule"]["reset_at"]) is not None and reset >= epochs:
        text = f"found {reset}; allowed: less than training.epochs ({epochs}), or null for no reset"
        yield Fault(("training", "schedule", "reset_at"), text)
    kept = [(("training",), training), *((("networks", index), entry) for index, entry in enumerate(networks))]
    for keys, entry in kept:
        for index, epoch in enumerate(entry.get("checkpoints", {}).get("epochs", [])):
            if epoch > epochs:
                text = f"found {epoch}; allowed: at most training.epochs ({epochs})"
                yield Fault((*keys, "checkpoints", "epochs", index), text)
    if search["patience"] > epochs and any(network.learning_rate == "search" for network in study.networks):
        text = f"found {search['patience']}; allowed: at most training.epochs ({epochs})"
        yield Fault(("training", "search", "patience"), text)
    if search["divisors"] != sorted(search["divisors"]):
        text = f"found {found(search['divisors'])}; allowed: increasing numbers, the first >= 1"
        yield Fault(("training", "search", "divisors"), text)
    if selection["by"] == "held_out" and selection["held_out_fraction"] == 0:
        text = "found 0; allowed: a number > 0 and < 1, as training.selection.by is held_out"
        yield Fault(("training", "selection", "held_out_fraction"), text)


def _summary_faults(study: Study) -> Iterator[Fault]:
    """Checks what tables, figures and claims show."""
    attacks, transfers = [attack.name for attack in study.attacks], [transfer.name for transfer in study.transfers]
    if study.summary.attack not in attacks:
        yield Fault(("summary", "attack"), one_of(study.summary.attack, attacks, "the attacks"))
    conventions = study.config["spectra"]["conventions"]
    if study.summary.convention not in conventions:
        text = one_of(study.summary.convention, conventions, "spectra.conventions")
        yield Fault(("summary", "convention"), text)
    for key, names, section in (
        ("snapshots", attacks, "attacks"),
        ("transfer", transfers, "transfers"),
        ("minimal", attacks, "attacks"),
    ):
        name = getattr(study.claims, key)
        if name is not None and name not in names:
            yield Fault(("claims", key), one_of(name, names, section))
    for index, name in enumerate(study.claims.audit):
        if name not in attacks:
            yield Fault(("claims", "audit", index), one_of(name, attacks, "attacks"))
    if study.name in study.claims.beside:
        keys = ("claims", "beside", study.claims.beside.index(study.name))
        yield Fault(keys, f"found {study.name!r}; allowed: another study than this one")
