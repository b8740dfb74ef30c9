"""Checks of which states of which networks a config attacks, tries transfers on, follows lines from and shows."""

from collections.abc import Iterator
from typing import Any

from advspectra_study.config_checks import entries, one_of
from advspectra_study.config_faults import Fault, Keys, found, key_path, untouched
from advspectra_study.states import kept_states, source_states, states_of

# where the attack stands that an entry of a section builds on
SOURCES = {"attacks": (), "transfers": ("attacks",), "lines": ("attacks", "transfers")}

Place = tuple[Keys, dict[str, Any]]


def state_faults(config: dict[str, Any], faults: list[Fault]) -> list[Fault]:
    """Return the faults of attacks, transfers, lines and summary that concern networks and their states.

    faults : those known so far. What one of them touches is skipped, and so is all that builds on it.
    """
    known = list(faults)
    known += _doubled_names(config, known)
    networks = _sound_networks(config, known)
    sound: dict[str, Place] = {}
    lines: list[Place] = []
    for section, sources in SOURCES.items():
        others = [place for source in sources for place in entries(config, source)]
        names = [other.get("name") for _, other in others]
        if not all(_all_named(config, source, known) for source in sources):
            continue
        for keys, entry in entries(config, section):
            parts = ["attack", "found_on", "networks", "checkpoints"] + ["images", "samples"] * (section == "lines")
            if not all(untouched((*keys, part), known) for part in parts):
                continue
            if sources and entry["attack"] not in names:
                known.append(Fault((*keys, "attack"), one_of(entry["attack"], names, " and ".join(sources))))
                continue
            if sources and entry["attack"] not in sound:
                continue
            new = list(_entry_faults(config, keys, entry, sound.get(entry.get("attack")), networks))
            known += new
            if section == "lines":
                lines.append((keys, entry))
            elif not new and untouched((*keys, "name"), known) and untouched((*keys, "images"), known):
                sound[entry["name"]] = keys, entry
    known += _doubled_lines(config, [place for place in lines if untouched(place[0], known)], networks)
    known += _summary_faults(config, sound, networks, known)
    known += _claims_faults(config, sound, known)
    return known[len(faults) :]


def _sound_networks(config: dict[str, Any], faults: list[Fault]) -> list[Place]:
    """Return the entries of networks of which it is known what they are called and which states they keep."""
    return [
        (keys, entry)
        for keys, entry in entries(config, "networks")
        if untouched((*keys, "name"), faults)
        and untouched((*keys, "checkpoints") if "checkpoints" in entry else ("training", "checkpoints"), faults)
    ]


def _all_named(config: dict[str, Any], section: str, faults: list[Fault]) -> bool:
    """Return whether it is known what every entry of a section is called."""
    return untouched((section,), [fault for fault in faults if len(fault.keys) < 3]) and all(
        untouched((*keys, "name"), faults) for keys, _ in entries(config, section)
    )


def _doubled_names(config: dict[str, Any], faults: list[Fault]) -> Iterator[Fault]:
    first: dict[str, Keys] = {}
    for keys, entry in [*entries(config, "attacks"), *entries(config, "transfers")]:
        if untouched((*keys, "name"), faults) and first.setdefault(entry["name"], keys) != keys:
            text = f"found {entry['name']!r}, also the name of {key_path(first[entry['name']])}; allowed: once"
            yield Fault((*keys, "name"), text)


def _entry_faults(
    config: dict[str, Any], keys: Keys, entry: dict[str, Any], source: Place | None, networks: list[Place]
) -> Iterator[Fault]:
    """Checks an entry of attacks, or one of transfers or lines with the entry `source` that it builds on."""
    section, whose = keys[0], key_path(source[0]) if source else ""
    there = [place for place in networks if source_states(config, section, entry, place[1])]
    names = list(dict.fromkeys(network["name"] for _, network in there))
    if entry["networks"] != "all":
        for index, name in enumerate(entry["networks"]):
            # a network that is at fault itself may have been meant
            if name not in names and networks and len(networks) == len(config["networks"]):
                text = one_of(name, names, f"networks of {whose}" if source else "networks")
                yield Fault((*keys, "networks", index), text)
        there = [place for place in there if place[1]["name"] in entry["networks"]]
    kept = [(_kept_by(*place), kept_states(config, place[1])) for place in there]
    attacked = [
        (f"those of {whose} on {network['name']}", source_states(config, section, entry, network))
        for _, network in there
    ]
    if "found_on" in entry:
        yield from _state_faults((*keys, "found_on"), entry["found_on"], attacked)
    for index, state in enumerate(entry["checkpoints"] if entry["checkpoints"] != "all" else []):
        yield from _state_faults((*keys, "checkpoints", index), state, attacked if section == "lines" else kept)
    if section == "lines":
        attack = source[1]
        if "images" not in attack:  # a transfer has those of its attack
            attack = next(other for other in config["attacks"] if other["name"] == attack["attack"])
        if entry["images"] > attack["images"]:
            text = f"found {entry['images']}; allowed: at most the {attack['images']} images of {attack['name']!r}"
            yield Fault((*keys, "images"), text)
        if entry["samples"] % 2 == 0:  # convergence is judged by every second point, with both ends
            yield Fault((*keys, "samples"), f"found {entry['samples']}; allowed: an odd number")


def _kept_by(keys: Keys, network: dict[str, Any]) -> str:
    return f"what {key_path((*keys, 'checkpoints')) if 'checkpoints' in network else 'training.checkpoints'} keeps"


def _state_faults(keys: Keys, state: str, choices: list[tuple[str, list[str]]]) -> Iterator[Fault]:
    """Yield a fault if a network lacks that state; choices : for each, where its states come from, and the states."""
    for where, states in choices:
        if state not in states:
            yield Fault(keys, f"found {found(state)}; allowed: {where}: {', '.join(states)}")
            return


def _doubled_lines(config: dict[str, Any], lines: list[Place], networks: list[Place]) -> Iterator[Fault]:
    first: dict[tuple[str, str], Keys] = {}
    for keys, entry in lines:
        for _, network in networks:
            pair = entry["attack"], network["name"]
            if states_of(config, "lines", entry, network) and first.setdefault(pair, keys) != keys:
                text = f"found {pair[0]!r} on {pair[1]}, as in {key_path(first[pair])}; allowed: once for each network"
                yield Fault((*keys, "attack"), text)
                break


def _summary_faults(
    config: dict[str, Any], sound: dict[str, Place], networks: list[Place], faults: list[Fault]
) -> Iterator[Fault]:
    summary, attacks = config.get("summary"), entries(config, "attacks")
    if not isinstance(summary, dict):
        return
    names = [entry.get("name") for _, entry in attacks]
    if untouched(("summary", "attack"), faults) and _all_named(config, "attacks", faults):
        if summary["attack"] not in names:
            yield Fault(("summary", "attack"), one_of(summary["attack"], names, "the attacks"))
        elif summary["attack"] in sound:
            keys, attack = sound[summary["attack"]]
            shown = [states_of(config, "attacks", attack, network) for _, network in networks]
            if untouched(("summary", "checkpoint"), faults):
                for states in filter(None, shown):  # of networks without it another attack is shown
                    if summary["checkpoint"] not in states:
                        text = one_of(summary["checkpoint"], states, f"{key_path(keys)}.checkpoints")
                        yield Fault(("summary", "checkpoint"), text)
                        break
    if untouched(("summary", "convention"), faults) and untouched(("spectra", "conventions"), faults):
        conventions = config["spectra"]["conventions"]
        if summary["convention"] not in conventions:
            text = one_of(summary["convention"], conventions, "spectra.conventions")
            yield Fault(("summary", "convention"), text)


def _claims_faults(config: dict[str, Any], sound: dict[str, Place], faults: list[Fault]) -> Iterator[Fault]:
    if not untouched(("claims",), [fault for fault in faults if len(fault.keys) < 2]):
        return
    for key, section in (("snapshots", "attacks"), ("transfer", "transfers"), ("minimal", "attacks")):
        name = config["claims"].get(key)
        if name is not None and untouched(("claims", key), faults) and _all_named(config, section, faults):
            yield from _named_faults(("claims", key), name, config, section)
    if not (untouched(("claims", "audit"), faults) and _all_named(config, "attacks", faults)):
        return
    shown = config["summary"].get("checkpoint") if untouched(("summary",), faults) else None
    for index, name in enumerate(config["claims"]["audit"]):
        keys = ("claims", "audit", index)
        yield from _named_faults(keys, name, config, "attacks")
        states = sound[name][1]["checkpoints"] if name in sound else "all"
        if shown and states != "all" and shown not in states:
            where = f"{key_path(sound[name][0])}.checkpoints lacks summary.checkpoint, {shown}"
            yield Fault(keys, f"found {name!r}, but {where}; allowed: an attack on that state")
    if untouched(("claims", "beside"), faults) and config.get("study") in config["claims"]["beside"]:
        index = config["claims"]["beside"].index(config["study"])
        yield Fault(("claims", "beside", index), f"found {config['study']!r}; allowed: another study than this one")


def _named_faults(keys: Keys, name: str, config: dict[str, Any], section: str) -> Iterator[Fault]:
    names = [entry.get("name") for _, entry in entries(config, section)]
    if name not in names:
        yield Fault(keys, one_of(name, names, section))
