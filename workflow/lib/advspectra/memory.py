"""How much memory the content of one file may take: a bound on files that are small and say that they are huge."""

import os


def budget() -> int:
    """Return half of the memory of this machine (bytes): what is computed from a file takes as much again."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
