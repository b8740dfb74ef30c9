"""What tells a network from the others of a study, and what the paper calls it.

Nothing here imports numpy or torch: snakemake reads it each time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import isfinite
from textwrap import wrap

# The networks of the paper in the order of its Table 2: name in the configuration -> (the paper's name, short name).
# The tables' "Bounded Width Convolution" is the one with 32 channels.
NAMES = {
    "fully_connected": ("Fully Connected", "fully\nconnected"),
    "locally_connected": ("Locally Connected", "locally\nconnected"),
    "full_width": ("Full Width Convolution", "full\nwidth"),
    "bounded_width_3": ("Bounded Width Convolution, 3 channels", "bounded\nwidth (3)"),
    "bounded_width_32": ("Bounded Width Convolution", "bounded\nwidth (32)"),
    "shallow_resnet": ("Shallow ResNet", "shallow\nResNet"),
    "vgg19": ("VGG19", "VGG19"),
    "resnet18": ("ResNet18", "ResNet18"),
}
# these have one depth, which their name implies
FIXED_DEPTH = ("shallow_resnet", "vgg19", "resnet18")
ACTIVATIONS = {"relu": "ReLU"}


@dataclass(frozen=True)
class NetworkIdentity:
    """A network, whatever its seed.

    network : its name in the configuration. activation : "linear" or another. depth : hidden layers; None stands for
    any depth. alpha : initial weight scale.
    """

    network: str
    activation: str
    depth: int | None
    alpha: int | float

    @property
    def identity(self) -> "NetworkIdentity":
        """The bare identity, without what a subclass adds."""
        return NetworkIdentity(self.network, self.activation, self.depth, self.alpha)

    @property
    def linear(self) -> bool:
        """Whether it has no nonlinear activation."""
        return self.activation == "linear"

    @property
    def deep_variant(self) -> bool:
        """Whether the name also stands for a network of one hidden layer, and this one has more."""
        return (self.depth or 1) > 1 and self.network not in FIXED_DEPTH

    @property
    def label(self) -> str:
        """The paper's name of the network, such as "Deep Fully Connected (linear)"; unknown names as they are."""
        name = NAMES.get(self.network, (self.network,))[0]
        layers = f", {self.depth} hidden layers" if self._names_its_depth else ""
        label = f"{self._prefix}{name}{layers} ({ACTIVATIONS.get(self.activation, self.activation)})"
        return label if self.alpha == 1 else f"{label}, alpha = {self.alpha:g}"

    @property
    def short_label(self) -> str:
        """A name for panels, in lines of about 12 characters, without activation and alpha."""
        words = wrap(self.network.replace("_", " "), 12, break_long_words=False)
        name = NAMES.get(self.network, (None, "\n".join(words)))[1]
        return f"{self._prefix.lower()}{name}" + (f"\n{self.depth} layers" if self._names_its_depth else "")

    @property
    def _prefix(self) -> str:
        return "Deep " if self.deep_variant and self.depth == 3 else ""

    @property
    def _names_its_depth(self) -> bool:
        return self.deep_variant and self.depth != 3

    @property
    def order(self) -> tuple:
        """Sorts networks as in the paper: linear ones first, then one hidden layer before more, then as in NAMES.

        Networks that the paper does not have come last.
        """
        names = list(NAMES)
        position = names.index(self.network) if self.network in names else len(names)
        depth = self.depth or 1
        layers = 1 if self.network in FIXED_DEPTH else depth
        return not self.linear, self.activation, layers, position, self.network, depth, self.alpha

    @property
    def folder(self) -> str:
        """Where its results lie below results/<study>/<dataset>/, without a slash at either end; depth is not None."""
        return f"{self.network}-{self.activation}/depth={number(self.depth)}/alpha={number(self.alpha)}"

    @classmethod
    def of_row(cls, row: Mapping) -> "NetworkIdentity":
        """The network that a row of the paper's tables stands for; they have alpha = 1."""
        return cls(row["network"], row["activation"], row["depth"], 1)

    def includes(self, other: "NetworkIdentity") -> bool:
        """Whether `other` is this network, of any depth if this one's is None."""
        same = (other.network, other.activation, other.alpha) == (self.network, self.activation, self.alpha)
        return same and self.depth in (None, other.depth)


def number(x: int | float) -> str:
    """Write a number as it stands in a path: no exponent, no trailing zeros, nothing rounded.

    1 and 1.0 give "1", 0.0004 gives "0.0004". ValueError for a bool, nan, infinity, and what is not a number.
    """
    if isinstance(x, bool) or not (isinstance(x, int) or (isinstance(x, float) and isfinite(x))):
        raise ValueError(f"expected a finite number, got {x!r}")
    # repr of a float is the shortest text that reads back as the same float: two floats never share a path
    text = format(Decimal(x if isinstance(x, int) else repr(float(x))), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
