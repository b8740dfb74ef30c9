"""Texts that may be a stranger's, so that a terminal shows them and obeys none.

Each job imports this: it stays free of all but the standard library.
"""

import re

# control characters (C0 and C1), and halves of characters: nothing can show them as they are
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
# the address of an object in memory, which YAML can name; it differs each time
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+(?=>)")


def escaped(text: str) -> str:
    """A text in one line, all of which a terminal shows and none of which it obeys: parts of it may be a stranger's.

    What cannot be printed becomes an escape as in Python: control characters, line breaks, what turns the direction of
    writing (U+202E) or has no width.
    """
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
