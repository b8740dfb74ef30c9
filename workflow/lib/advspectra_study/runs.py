"""The runs of a study, in the config's order, and the one way in which their numbers become path components.

A run is one trained network: its name in the config, the activation, the number of hidden layers, the scale
alpha of the initial weights, and the seed. Nothing here imports numpy or torch: snakemake reads it each time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from typing import Any


@dataclass(frozen=True)
class RunKey:
    """Identity of one run: unique within a study, equal whether alpha was written 1 or 1.0."""

    network: str
    activation: str
    depth: int
    alpha: int | float
    seed: int


def number(x: int | float) -> str:
    """Return a number as it stands in a path: no exponent, no trailing zeros, nothing rounded.

    1 and 1.0 give "1", 0.0004 gives "0.0004". ValueError for a bool, nan, infinity, and what is not a number.
    """
    if isinstance(x, bool) or not (isinstance(x, int) or (isinstance(x, float) and isfinite(x))):
        raise ValueError(f"expected a finite number, got {x!r}")
    # repr of a float is the shortest text that reads back as the same float: two floats never share a path
    text = format(Decimal(x if isinstance(x, int) else repr(float(x))), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def fraction(value: str | int | float) -> float:
    """Return the float that a number or a fraction written as text, such as "8/255", stands for.

    ValueError for other text, a zero denominator, a bool, nan and infinity.
    """
    if isinstance(value, str):
        numerator, slash, denominator = value.partition("/")
        try:
            result = float(numerator) / float(denominator) if slash else float(value)
        except (ValueError, ZeroDivisionError) as error:
            raise ValueError(f"expected a number or a fraction such as 8/255, got {value!r}") from error
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number or a fraction such as 8/255, got {value!r}")
    else:
        result = float(value)
    if not isfinite(result):
        raise ValueError(f"expected a finite number or fraction, got {value!r}")
    return result


def enumerate_runs(config: Mapping[str, Any]) -> list[RunKey]:
    """Return every run of a validated config: networks in order, then activation, depth, alpha, seed."""
    return [
        RunKey(entry["name"], activation, depth, alpha, seed)
        for entry in config["networks"]
        for activation in entry["activations"]
        for depth in entry["depths"]
        for alpha in entry["alphas"]
        for seed in entry.get("seeds", config["seeds"])
    ]


def run_folder(key: RunKey) -> str:
    """Return the folder of a run below results/<study>/<dataset>/, without a slash at either end."""
    scale = f"depth={number(key.depth)}/alpha={number(key.alpha)}"
    return f"{key.network}-{key.activation}/{scale}/seed={number(key.seed)}"


def network_entry(config: Mapping[str, Any], key: RunKey) -> dict[str, Any]:
    """Return the entry of `networks` that makes the run (architecture, options, learning_rate, ...).

    ValueError if no entry of the config makes it.
    """
    for entry in config["networks"]:
        if (
            entry["name"] == key.network
            and key.activation in entry["activations"]
            and key.depth in entry["depths"]
            and key.alpha in entry["alphas"]
        ):
            return dict(entry)
    raise ValueError(f"no entry of networks makes the run {run_folder(key)}")
