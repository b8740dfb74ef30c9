"""The figures of a study on a page: their titles, which of them a claim is about, and their bytes."""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from advspectra.claims.records import ClaimRecord
from advspectra.claims.wording import ATTACKS
from advspectra.page.words import title
from advspectra.results.runs import Run

# pixels: wider ones are scaled down; no screen or sheet of paper shows more of a page's column
WIDEST = 1600
DEVELOPMENT = re.compile(
    r"(?P<network>.+)-(?P<activation>\w+)/depth=(?P<depth>\d+)/alpha=(?P<alpha>[^/]+)/(?P<attack>\w+)"
)
NUMBER = re.compile(r"^Figure \d+\. ")


@dataclass(frozen=True)
class Picture:
    """A figure: its path below figures/, without suffix, its caption (Markdown), size in pixels and bytes as WebP."""

    path: str
    caption: str
    width: int
    height: int
    webp: bytes

    @property
    def figure(self) -> str:
        """The name that claims cite: the module that draws it."""
        return self.path.partition("/")[0]

    @property
    def id(self) -> str:
        """Its name in the page."""
        return "figure-" + re.sub(r"[^A-Za-z0-9]+", "-", self.path)

    @property
    def title(self) -> str:
        """ "Figure 5", "Figure 5, pgd_l2" of another attack than the summary's, or "Figure 1, ResNet18 (relu),
        pgd_transfer" of one that shows how an attack develops.
        """
        return ", ".join([title(self.figure), *self._about])

    @property
    def heading(self) -> str:
        """The first sentence of its caption, without the number of the figure."""
        return self._sentences[0]

    @property
    def description(self) -> str:
        """The rest of its caption (Markdown)."""
        return self._sentences[1]

    @property
    def _sentences(self) -> tuple[str, str]:
        first, end, rest = NUMBER.sub("", self.caption.strip()).partition(". ")
        return first + end.strip(), rest

    @property
    def of_another_attack(self) -> bool:
        """Whether it shows all networks under another attack than the study's summary does."""
        return "/" in self.path and not DEVELOPMENT.fullmatch(self.path.partition("/")[2])

    @property
    def _about(self) -> list[str]:
        about = self.path.partition("/")[2]
        if (development := DEVELOPMENT.fullmatch(about)) is None:
            return [about] if about else []
        network, activation, depth, alpha, attack = development.groups()
        return [Run(network, activation, int(depth), float(alpha), 0, {}).label, attack]

    @property
    def uri(self) -> str:
        return address(self.webp)

    def relevance(self, claim: ClaimRecord, attacks: Mapping[str, str]) -> int:
        """How many of network and attack a claim names; attacks : the study's, by their roles in claims."""
        if len(self._about) < 2:
            return 0
        words = _plain(" ".join(part.statement for part in claim.parts))
        network, attack = self._about
        roles = [ATTACKS[role] for role, name in attacks.items() if name == attack and role in ATTACKS]
        return (_plain(network.partition(" (")[0]) in words) + any(_plain(role) in words for role in roles)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def picture(path: str, png: Path, caption: str) -> Picture:
    """The figure at `png` recompressed without loss, but for its size if it is wider than WIDEST."""
    with Image.open(png) as image:
        flat = Image.new("RGB", image.size, "white")
        flat.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    flat = narrowed(flat, WIDEST)
    buffer = BytesIO()
    flat.save(buffer, "WEBP", lossless=True, quality=60, method=4)
    return Picture(path, caption, *flat.size, buffer.getvalue())


def narrowed(image: Image.Image, widest: int) -> Image.Image:
    """The image, scaled down to so many pixels if it is wider."""
    if image.width <= widest:
        return image
    return image.resize((widest, round(image.height * widest / image.width)), Image.Resampling.LANCZOS)


def address(webp: bytes) -> str:
    """A picture as the address of itself, for a page of one file."""
    return f"data:image/webp;base64,{base64.b64encode(webp).decode()}"


def cited(claim: ClaimRecord, pictures: Sequence[Picture], attacks: Mapping[str, str]) -> list[Picture]:
    """The pictures that a claim cites, in its order; of one figure the most relevant first.

    Claims are about the attack of the study's summary: figures of other attacks are not among them.
    """
    shown = []
    for name in claim.figures:
        members = [picture for picture in pictures if picture.figure == name and not picture.of_another_attack]
        shown += sorted(members, key=lambda picture: -picture.relevance(claim, attacks))
    return shown
