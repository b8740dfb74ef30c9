"""Names of a configuration as readers see them: "PGD snapshots" for pgd_snapshots, the paper's names of networks."""

import re
from collections.abc import Iterable, Mapping
from typing import TypeVar

from advspectra.claims.terms import network
from advspectra.networks.identity import NAMES

WORDS = {
    "pgd": "PGD",
    "rgb": "RGB",
    "l2": "L2",
    "linf": "L∞",
    "cifar10": "CIFAR-10",
    "jpeg": "JPEG",
    "fgsm": "FGSM",
}
# a network as claims name it, such as full_width-relu/depth=3/alpha=0.1
NETWORK = r"[a-z0-9_]+-(?:linear|relu)(?:/depth=\d+)?(?:/alpha=[0-9.]*[0-9])?"
Text = TypeVar("Text", bound=str)


def spoken(name: str) -> str:
    """A name of a configuration in words."""
    if name in NAMES:
        return NAMES[name][0]
    return " ".join(WORDS.get(word, word) for word in name.split("_"))


class Names:
    """Replaces the names of networks, attacks, data sets, conventions and plug-ins in a text by their spoken forms."""

    def __init__(self, config: Mapping, further: Iterable[str]):
        entries = [*config["networks"], *config["attacks"], *config["transfers"], config["dataset"]]
        names = {entry[key] for entry in entries for key in ("name", "family", "architecture") if key in entry}
        names |= {*further, *config["spectra"]["conventions"]}
        self.names = {name: spoken(name) for name in names if spoken(name) != name}
        each = "|".join(re.escape(name) for name in sorted(self.names, key=len, reverse=True))
        named = rf"(?P<name>{each})" if each else r"(?P<name>(?!))"
        self.pattern = re.compile(rf"`?(?<![\w/.=-])(?:(?P<network>{NETWORK})|{named})(?![\w/=-])`?")

    def __call__(self, text: Text) -> Text:
        """The text with names as readers see them."""

        def shown(match: re.Match) -> str:
            return network(match["network"]).label if match["network"] else self.names[match["name"]]

        return type(text)(self.pattern.sub(shown, text))
