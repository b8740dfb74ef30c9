"""Files that a desktop leaves in folders and archives, and that are no data."""

LITTER = (".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX")  # the last one is a folder
APPLE_DOUBLE = "._"  # what macOS keeps beside a file <name> on other file systems, as ._<name>


def is_litter(name: str) -> bool:
    """Whether a desktop has left the file or folder of this name; `name` is without the folders around it."""
    return name in LITTER or name.startswith(APPLE_DOUBLE)
