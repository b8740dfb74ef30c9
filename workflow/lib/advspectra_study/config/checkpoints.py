"""Checks of which checkpoints of which networks a study attacks, tries transfers on, follows lines from and shows."""

from collections.abc import Iterator, Sequence

from advspectra_study.config.faults import Fault, Keys, key_path, not_among, refused
from advspectra_study.entries import Attack, Lines, Network, Transfer
from advspectra_study.study import Study

Item = Attack | Transfer | Lines


def checkpoint_faults(study: Study) -> list[Fault]:
    """The faults of attacks or, if these have none, of transfers, then of lines, then of what is shown of them."""
    named: dict[str, Keys] = {}
    for section, items, sources in (
        ("attacks", study.attacks, ()),
        ("transfers", study.transfers, study.attacks),
        ("lines", study.lines, (*study.attacks, *study.transfers)),
    ):
        faults, names = [], [source.name for source in sources]
        for index, item in enumerate(items):
            keys = (section, index)
            if section != "lines" and named.setdefault(item.name, keys) != keys:
                text = f"found {item.name!r}, also the name of {key_path(named[item.name])}; allowed: once"
                faults.append(Fault((*keys, "name"), text))
            if section != "attacks" and item.attack not in names:
                built_on = "attacks" if section == "transfers" else "attacks and transfers"
                faults.append(not_among((*keys, "attack"), item.attack, names, built_on))
            else:
                faults += _item_faults(study, keys, item, named.get(getattr(item, "attack", None)))
        if section == "lines" and not faults:
            faults += _doubled_lines(study)
        if faults:
            return faults
    return list(_shown_faults(study, named))


def _item_faults(study: Study, keys: Keys, item: Item, source: Keys | None) -> Iterator[Fault]:
    """Checks an attack, or a transfer or lines with the keys of the item that it builds on."""
    whose = key_path(source) if source else ""
    there = [network for network in study.networks if study.choice_of(item, network)]
    names = list(dict.fromkeys(network.name for network in there))
    if item.networks != "all":
        for index, name in enumerate(item.networks):
            if name not in names:
                yield not_among(
                    (*keys, "networks", index), name, names, f"networks of {whose}" if source else "networks"
                )
        there = [network for network in there if network.name in item.networks]
    kept = [(_kept_by(study, network), network.checkpoints) for network in there]
    attacked = [(f"those of {whose} on {network.name}", study.choice_of(item, network)) for network in there]
    if isinstance(item, Transfer):
        yield from _lacking((*keys, "found_on"), item.found_on, attacked)
    if item.checkpoints == "kept" and not any(study.checkpoints_of(item, network) for network in there):
        yield refused((*keys, "checkpoints"), "kept", "all, or a list: its networks keep none besides the best")
    for index, checkpoint in enumerate(item.checkpoints if isinstance(item.checkpoints, tuple) else ()):
        yield from _lacking((*keys, "checkpoints", index), checkpoint, attacked if isinstance(item, Lines) else kept)
    if isinstance(item, Lines):
        attack = study.attack_named[item.attack]
        if item.images > attack.images:
            yield refused((*keys, "images"), item.images, f"at most the {attack.images} images of {attack.name!r}")
        if item.samples % 2 == 0:  # convergence is judged by every second point, with both ends
            yield refused((*keys, "samples"), item.samples, "an odd number")


def _kept_by(study: Study, network: Network) -> str:
    index = study.networks.index(network)
    own = "checkpoints" in study.config["networks"][index]
    return f"what {key_path(('networks', index, 'checkpoints')) if own else 'training.checkpoints'} keeps"


def _lacking(keys: Keys, checkpoint: str, choices: Sequence[tuple[str, Sequence[str]]]) -> Iterator[Fault]:
    """Yield a fault if a network lacks a checkpoint; choices : for each, where its checkpoints come from, and these."""
    for where, there in choices:
        if checkpoint not in there:
            yield refused(keys, checkpoint, f"{where}: {', '.join(there)}")
            return


def _doubled_lines(study: Study) -> Iterator[Fault]:
    first: dict[tuple[str, str], Keys] = {}
    for index, lines in enumerate(study.lines):
        for network in study.networks:
            keys, pair = ("lines", index), (lines.attack, network.name)
            if study.checkpoints_of(lines, network) and first.setdefault(pair, keys) != keys:
                text = f"found {pair[0]!r} on {pair[1]}, as in {key_path(first[pair])}; allowed: once for each network"
                yield Fault((*keys, "attack"), text)
                break


def _shown_faults(study: Study, named: dict[str, Keys]) -> Iterator[Fault]:
    """Checks that the attacks of the summary and of the audit are there for the checkpoint that is shown."""
    shown = study.summary.checkpoint
    attacks = {attack.name: attack for attack in study.attacks}
    if attack := attacks.get(study.summary.attack):
        for network in study.networks:  # of networks without it another attack is shown
            if (there := study.checkpoints_of(attack, network)) and shown not in there:
                yield not_among(("summary", "checkpoint"), shown, there, f"{key_path(named[attack.name])}.checkpoints")
                break
    for index, name in enumerate(study.claims.audit):
        lacks = name in attacks and attacks[name].checkpoints != "all" and shown not in attacks[name].checkpoints
        if lacks and name != study.attack_of_last_epoch:
            where = f"{key_path(named[name])}.checkpoints lacks summary.checkpoint, {shown}"
            text = f"found {name!r}, but {where}; allowed: an attack on that checkpoint"
            yield Fault(("claims", "audit", index), text)
