"""What was read of result files last: kept, as far as it fits into a fixed number of bytes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, is_dataclass
from typing import Any

import numpy as np

MOST = 2**28  # bytes; of spectra of 1,000 images it holds some 500 files, of 10,000 images 50


@dataclass
class Contents:
    """Contents by their keys; those not asked for longest are forgotten, so that all take at most `most` bytes."""

    most: int = MOST
    size: int = 0
    _held: OrderedDict[Hashable, tuple[Any, int]] = field(default_factory=OrderedDict)

    def of(self, key: Hashable, read: Callable[[], Any]) -> Any:
        """What is held under a key, or what `read` returns. Nobody may change it. Larger contents are not held."""
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key][0]
        content = read()
        size = bytes_of(content)
        if size <= self.most:
            self._held[key] = content, size
            self.size += size
        while self.size > self.most:
            self.size -= self._held.popitem(last=False)[1][1]
        return content


def bytes_of(content: Any) -> int:
    """The bytes of the arrays in a dataclass, a mapping or a tuple, and some for each other value."""
    if isinstance(content, np.ndarray):
        return content.nbytes
    if is_dataclass(content):
        content = vars(content)
    if isinstance(content, Mapping):
        content = tuple(content.values())
    return sum(map(bytes_of, content)) if isinstance(content, tuple) else 100
