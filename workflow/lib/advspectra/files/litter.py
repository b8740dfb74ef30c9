"""Which files of a folder or archive of data count: all but those that a desktop puts there by itself."""

LITTER = (".DS_Store", "Thumbs.db", "desktop.ini", "__MACOSX")  # the last one is a folder
APPLE_DOUBLE = "._"  # what macOS keeps beside a file <name> on other file systems, as ._<name>


def is_litter(name: str) -> bool:
    """Return whether a file or folder of that name, without its folders, holds what a desktop keeps for itself."""
    return name in LITTER or name.startswith(APPLE_DOUBLE)
