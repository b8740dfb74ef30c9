"""Independent streams of random numbers from one seed.

A generator that gets the seed itself gives the same numbers wherever it serves: the random start of an attack would
repeat the initial weights of the first layer, number by number. Each purpose has a seed of its own instead.
"""

import hashlib


def stream(seed: int, purpose: str) -> int:
    """The seed of a purpose's own generator, in [0, 2^63): the first 63 bits of SHA-256 of "<purpose>/<seed>"."""
    digest = hashlib.sha256(f"{purpose}/{seed}".encode()).digest()
    return int.from_bytes(digest[:8]) >> 1
