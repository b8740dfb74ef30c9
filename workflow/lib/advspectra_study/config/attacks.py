"""Checks of the options of attacks, as the SPEC of their modules asks for them; Foolbox is read, not imported."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from advspectra.attacking import foolbox_classes
from advspectra.attacking.foolbox_classes import REQUIRED, Argument, AttackClass
from advspectra_study.config.faults import found, suggestion
from advspectra_study.numbers import fraction

Keys = tuple[str, ...]
Faults = Iterator[tuple[Keys, str]]  # keys below `options`, and what is wrong there

FINEST = 2.0**-23  # where a bisection can end, as attacks/minimal_linf_pgd.py says
DISTANCES = ("l0", "l1", "l2", "linf")
# classes of Foolbox that no study can use, and why
UNUSABLE = {
    "GenAttack": "looks for images of a class that is given, and studies attack without such a target",
    "SpatialAttack": "moves and turns images, and has no norm that could be bounded or compared",
    "DatasetAttack": "takes its images from others that a program must feed to it",
    "BinarizationRefinementAttack": "refines what another attack has found, which a program must hand to it",
}


def attack_faults(specification: dict[str, Any], options: dict[str, Any]) -> Faults:
    """Yield what is wrong with options that their schema allows; specification : SPEC of the attack's module."""
    if bisects := specification.get("bisects"):
        largest, smallest = (options[name] for name in bisects)
        if not FINEST <= fraction(smallest) < fraction(largest):
            allowed = f"at least {FINEST:.2g} and less than {bisects[0]}, {largest}"
            yield (bisects[1],), f"found {smallest}; allowed: {allowed}"
    if name := specification.get("foolbox_class"):
        yield from class_faults(options) if name in options else argument_faults(name, options["parameters"])


def argument_faults(name: str, parameters: dict[str, Any], keys: Keys = ("parameters",)) -> Faults:
    """Yield what is wrong with the arguments of a class of Foolbox's; an integer written as 10.0 becomes 10 in place.

    name : of the class, which Foolbox has. keys : where `parameters` stands.
    """
    if not foolbox_classes.installed():
        return
    about = foolbox_classes.attack_class(name)
    arguments = dict(about.arguments)
    if "FlexibleDistanceMinimizationAttack" in about.bases:
        arguments.setdefault("distance", Argument(frozenset({"Distance"}), (), None))
    for key, value in list(parameters.items()):
        if key not in arguments:
            known = f"{', '.join(arguments) or 'none'}{suggestion(key, arguments)}"
            yield (*keys, key), f"found {found(value)}, but {name} has no such argument; allowed: {known}"
            continue
        argument = arguments[key]
        if "MinimizationAttack" in argument.kinds:
            yield from _start_faults(value, (*keys, key))
            continue
        if isinstance(value, float) and value.is_integer() and "int" in argument.kinds:
            parameters[key] = value = int(value)
        if key == "tensorboard" and value is not False and find_spec("tensorboardX") is None:
            yield (*keys, key), f"found {found(value)}, which needs the package tensorboardX; allowed: false"
            continue
        allowed, fits = _allowed(key, argument)
        if not fits(value):
            yield (*keys, key), f"found {found(value)}; allowed: {allowed}"
    if "rel_stepsize" in parameters and parameters.get("abs_stepsize") is not None:
        text = f"found {found(parameters['rel_stepsize'])} beside abs_stepsize, which {name} then takes alone"
        yield (*keys, "rel_stepsize"), f"{text}; allowed: one of them"
    for key, argument in arguments.items():
        if argument.default is REQUIRED and key not in parameters:
            yield (*keys, key), f"missing; {name} requires {_allowed(key, argument)[0]}"


def class_faults(options: dict[str, Any]) -> Faults:
    """Yield what is wrong with `attack`, `epsilon` and `parameters` of the family foolbox."""
    if not foolbox_classes.installed():
        return
    about, fault = _known(options["attack"])
    if fault:
        yield ("attack",), fault
        return
    epsilon = options["epsilon"]
    if epsilon is None and "FixedEpsilonAttack" in about.bases:
        yield ("epsilon",), f"found null; allowed: a number, as {options['attack']} does not look for the smallest one"
    parameters = options["parameters"]
    distance = about.distance_with(parameters)
    if distance is None and "FlexibleDistanceMinimizationAttack" in about.bases:
        yield (
            ("parameters", "distance"),
            f"missing; {options['attack']} requires what it is to make small: one of {', '.join(DISTANCES)}",
        )
    if epsilon is not None and distance == "linf":
        yield from bound_faults(epsilon)
    if epsilon is not None and distance == "l0":
        yield ("epsilon",), f"found {found(epsilon)}; allowed: null, as Foolbox cannot bound the distance l0"
    yield from argument_faults(options["attack"], parameters)


def bound_faults(epsilon: str | float) -> Faults:
    """Yield a fault if an epsilon bounds no magnitude of a perturbation of pixels in [0, 1]."""
    if fraction(epsilon) > 1:
        hint = f"; did you mean {epsilon}/255?" if isinstance(epsilon, int) and epsilon <= 255 else ""
        yield ("epsilon",), f"found {found(epsilon)}; allowed: at most 1, the largest change of a pixel in [0, 1]{hint}"


def _known(name: Any) -> tuple[AttackClass | None, str]:
    """A class of foolbox.attacks, or why it cannot be used."""
    names = foolbox_classes.class_names()
    if name not in names:
        hint = suggestion(name, names) or f": {', '.join(sorted(set(names) - set(UNUSABLE)))}"
        return None, f"found {found(name)}; allowed: a class of foolbox.attacks{hint}"
    about = foolbox_classes.attack_class(name)
    reason = UNUSABLE.get(about.name)
    if "BrendelBethgeAttack" in about.bases and find_spec("numba") is None:
        reason = "needs the package numba, which is not installed"
    return about, f"found {found(name)}, which {reason}; allowed: another class of foolbox.attacks" if reason else ""


def _start_faults(value: Any, keys: Keys) -> Faults:
    """Yield what is wrong with an attack that finds the starting points of another: {attack: ..., parameters: ...}."""
    if value is None:
        return
    if not isinstance(value, dict) or "attack" not in value or set(value) - {"attack", "parameters"}:
        yield keys, f"found {found(value)}; allowed: a mapping with the keys attack and parameters, or null"
        return
    about, fault = _known(value["attack"])
    if not fault and "MinimizationAttack" not in about.bases:
        fault = f"found {found(value['attack'])}; allowed: an attack that looks for the smallest perturbation"
    if fault:
        yield (*keys, "attack"), fault
    elif isinstance(parameters := value.get("parameters", {}), dict):
        yield from argument_faults(value["attack"], parameters, (*keys, "parameters"))
    else:
        yield (*keys, "parameters"), f"found {found(parameters)}; allowed: a mapping"


def _allowed(key: str, argument: Argument):
    """What an argument may be, in words, and a function that says whether a value is that."""
    kinds = argument.kinds
    choices = [*argument.literals]
    if "Distance" in kinds:
        choices += DISTANCES
    words, checks = [], []
    if choices:
        words.append("one of " + ", ".join(map(found, choices)))
        # by type too: 0 is equal to False
        checks.append(lambda value: (type(value), value) in [(type(choice), choice) for choice in choices])
    if "bool" in kinds:
        words.append("true or false")
        checks.append(lambda value: isinstance(value, bool))
    if "Tuple" in kinds:
        words.append("a list of integers >= 1")
        checks.append(lambda value: isinstance(value, list) and all(type(item) is int and item >= 1 for item in value))
    elif "int" in kinds:
        least = 1 if argument.default is not None else None  # an axis may be counted from the end
        words.append("an integer" + (" >= 1" if least else ""))
        checks.append(lambda value: type(value) is int and (least is None or value >= least))
    elif "float" in kinds:
        positive = key.endswith("stepsize")
        words.append("a number" + (" > 0" if positive else ""))
        checks.append(lambda value: type(value) in (int, float) and (not positive or value > 0))
    if "str" in kinds:
        words.append("text")
        checks.append(lambda value: isinstance(value, str))
    if "Optional" in kinds:
        words.append("null")
        checks.append(lambda value: value is None)
    return ", or ".join(words) or "nothing that YAML can write", lambda value: any(check(value) for check in checks)
