"""Checks of what one part of a study demands of another, once each part by itself is sound."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from advspectra.networks.identity import number
from advspectra_study.config.checkpoints import checkpoint_faults
from advspectra_study.config.faults import Fault, Keys, found, key_path, not_among, refused
from advspectra_study.entries import Network
from advspectra_study.plugins import spec
from advspectra_study.study import Study

# a path that a shell, and nothing else, would expand
HOME = re.compile(r"~[^/]*/")
# the conventions of advspectra.fourier that take the luminance, which is that of gray or RGB images
OF_LUMINANCE = ("paper", "orthonormal")
BESIDE = ("benchmarks", "figures", "logs", "tables")  # beside the folder of the data set in results/<study>


def study_faults(study: Study, library: Path) -> Iterator[Fault]:
    """Yield what is wrong between the parts of a study; library : source root that holds the package advspectra."""
    yield from _dataset_faults(study)
    yield from _precision_faults(study)
    for index, network in enumerate(study.networks):
        yield from _architecture_faults(("networks", index), network, library)
    yield from _run_faults(study)
    yield from _training_faults(study)
    yield from channel_faults(study.config, study.dataset.channels)
    yield from checkpoint_faults(study)
    yield from _name_faults(study, library)


def _dataset_faults(study: Study) -> Iterator[Fault]:
    for name, value in study.dataset.options.items():
        keys = ("dataset", "options", name)
        if isinstance(value, str) and (value == "~" or HOME.match(value)):
            text = f"found {found(value)}; ~ is not expanded here, write the folder out: {os.path.expanduser(value)}"
            yield Fault(keys, text)
    if study.dataset.name in BESIDE:
        yield refused(
            ("dataset", "name"), study.dataset.name, f"another name than {', '.join(BESIDE)}, folders of a study"
        )
    # rings of equal cycles/image, over which spectra are summed, would be ellipses in cycles/pixel
    rows, columns = study.dataset.image_size
    if rows != columns:
        square = [min(rows, columns)] * 2
        why = "since spectra are summed over rings of equal cycles/image"
        keys = ("dataset", "options", "image_size")
        yield refused(keys, [rows, columns], f"as many rows as columns, as {square}, {why}")


def _precision_faults(study: Study) -> Iterator[Fault]:
    """Checks that a device which is named has the arithmetic: attacks come after hours of training."""
    device, networks = study.compute.device, enumerate(study.config["networks"])
    places = [(("compute", "precision"), study.config["compute"]["precision"])]
    places += [
        (("networks", index, "precision"), entry["precision"]) for index, entry in networks if "precision" in entry
    ]
    for keys, written in places if device in ("cpu", "mps") else ():
        apart = isinstance(written, Mapping)
        for deeper, name in [((part,), written[part]) for part in sorted(written)] if apart else [((), written)]:
            if name == "tf32":
                yield refused((*keys, *deeper), name, f"float32, bfloat16 (compute.device is {device})")


def _architecture_faults(keys: Keys, network: Network, library: Path) -> Iterator[Fault]:
    """Checks what the architecture of a network allows."""
    able, source = spec("models", network.architecture, library), f"architecture {network.architecture}"
    for name in ("activations", "depths"):
        for index, value in enumerate(getattr(network, name)):
            if able[name] is not None and value not in able[name]:
                yield not_among((*keys, name, index), value, able[name], source)
    labels: dict[str, float] = {}
    for index, alpha in enumerate(network.alphas):
        if (other := labels.setdefault(f"{alpha:g}", alpha)) != alpha:
            yield refused((*keys, "alphas", index), alpha, f"numbers that differ in six digits, unlike {other}")
        if alpha != 1 and not able["alpha"]:
            yield refused((*keys, "alphas", index), alpha, f"1 ({source} has no scale alpha)")


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
    training, keys = study.config["training"], ("training",)
    search, selection, divisors = training["search"], training["selection"], training["search"]["divisors"]
    yield from _schedule_faults(keys, training, training["epochs"])
    yield from _epoch_faults(keys, training, training["epochs"], "training.epochs")
    for index, (network, entry) in enumerate(zip(study.networks, study.config["networks"], strict=True)):
        own, epochs = ("networks", index), network.training["epochs"]
        changed = entry.get("training", {})
        whose = key_path((*own, "training", "epochs")) if "epochs" in changed else "training.epochs"
        if changed:
            yield from _schedule_faults((*own, "training"), network.training, epochs)
        if "checkpoints" in entry:
            yield from _epoch_faults(own, entry, epochs, whose)
        elif kept := [epoch for epoch in training["checkpoints"]["epochs"] if epochs < epoch <= training["epochs"]]:
            allowed = f"at least {max(kept)}, as in training.checkpoints, or checkpoints of its own"
            yield refused((*own, "training", "epochs"), epochs, allowed)
        if network.learning_rate == "search" and search["patience"] > epochs:
            yield refused((*keys, "search", "patience"), search["patience"], f"at most {whose} ({epochs})")
    if divisors != sorted(divisors):
        yield refused((*keys, "search", "divisors"), divisors, "increasing numbers, the first >= 1")
    if (selection["by"] == "held_out") != (selection["held_out_fraction"] > 0):
        allowed = "a number > 0 and < 1" if selection["by"] == "held_out" else "0"
        allowed += f", as training.selection.by is {selection['by']}"
        yield refused((*keys, "selection", "held_out_fraction"), selection["held_out_fraction"], allowed)


def _schedule_faults(keys: Keys, training: Mapping[str, Any], epochs: int) -> Iterator[Fault]:
    """Checks that a schedule fits into the epochs. keys : of a section `training`, the study's or a network's."""
    schedule, of_it = training["schedule"], f"{key_path(keys)}.epochs ({epochs})"
    if (reset := schedule.get("reset_at")) is not None and reset >= epochs:
        yield refused((*keys, "schedule", "reset_at"), reset, f"less than {of_it}, or null for no reset")
    if schedule.get("peak", 0) > epochs:
        yield refused((*keys, "schedule", "peak"), schedule["peak"], f"at most {of_it}")


def _epoch_faults(keys: Keys, entry: Mapping[str, Any], epochs: int, whose: str) -> Iterator[Fault]:
    for index, epoch in enumerate(entry["checkpoints"]["epochs"]):
        if epoch > epochs:
            yield refused((*keys, "checkpoints", "epochs", index), epoch, f"at most {whose} ({epochs})")


def _name_faults(study: Study, library: Path) -> Iterator[Fault]:
    """Checks that what tables, figures and claims name is there."""
    claims, summary = study.claims, study.summary
    attacks, transfers = ([item.name for item in items] for items in (study.attacks, study.transfers))
    conventions = study.config["spectra"]["conventions"]
    for keys, name, names, source in (
        (("summary", "attack"), summary.attack, attacks, "the attacks"),
        (("summary", "convention"), summary.convention, conventions, "spectra.conventions"),
        *(
            (("claims", part), name, *((transfers, "transfers") if "transfer" in part else (attacks, "attacks")))
            for part, name in claims.developing.items()
        ),
        *((("claims", "audit", index), name, attacks, "attacks") for index, name in enumerate(claims.audit)),
    ):
        if name is not None and name not in names:
            yield not_among(keys, name, names, source)
    for index, path in enumerate(claims.files or ()):
        if {*"{}"} & {*path}:
            allowed = "a path without braces, which Snakemake takes for wildcards"
            yield refused(("claims", "files", index), path, allowed)
    yield from _recalibration_faults(study)
    yield from _minimal_faults(study)
    if study.name in claims.beside:
        keys = ("claims", "beside", claims.beside.index(study.name))
        yield Fault(keys, f"found {study.name!r}; allowed: another study than this one")


def _recalibration_faults(study: Study) -> Iterator[Fault]:
    """Checks that the parts of the claims on recalibrated networks have such attacks, and the other parts have not."""
    how = {entry["name"]: entry.get("batch_norm", "as_is") for entry in study.config["attacks"]}
    how |= {transfer.name: how.get(transfer.attack) for transfer in study.transfers}
    for part, name in study.claims.developing.items():
        recalibrated = part.startswith("recalibrated_")
        if how.get(name) is not None and (how[name] != "as_is") != recalibrated:
            wanted = "{batches: <number>, batch_size: <images>}" if recalibrated else "as_is"
            yield refused(("claims", part), name, f"one whose attack has batch_norm: {wanted}")


def _minimal_faults(study: Study) -> Iterator[Fault]:
    """Checks that claims about the smallest epsilon have no attack that is known not to look for it."""
    for part in ("minimal", "recalibrated_minimal"):
        name = getattr(study.claims, part)
        for attack in (attack for attack in study.attacks if attack.name == name):
            if attack.foolbox_class and not attack.minimal:
                allowed = f"one that looks for the smallest epsilon, as {attack.foolbox_class} does not"
                yield refused(("claims", part), name, allowed)


def channel_faults(config: Mapping[str, Any], channels: int) -> Iterator[Fault]:
    """Yield what needs the luminance of images that have none: they have neither 1 nor 3 channels."""
    if channels in (1, 3):
        return
    why = f"needs images of 1 or 3 channels, and those of {config['dataset']['name']} have {channels}"
    for index, convention in enumerate(config["spectra"]["conventions"]):
        if convention in OF_LUMINANCE:
            text = f"found {convention}, which {why}; allowed: rgb, rgb_orthonormal"
            yield Fault(("spectra", "conventions", index), text)
    for index, entry in enumerate(config["networks"]):
        if "linear" in entry["activations"]:
            text = f"found linear, but the spectrum of a linear network's map {why}; allowed: other activations"
            yield Fault(("networks", index, "activations", entry["activations"].index("linear")), text)
