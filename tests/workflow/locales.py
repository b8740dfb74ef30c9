"""Environments in which Python does not take texts and names for UTF-8."""

import shutil
import subprocess
from pathlib import Path

import pytest

# the locale C, without what Python (PEP 538, PEP 540) does to help
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def latin_1(folder: Path) -> dict[str, str]:
    """Return the variables of a Latin-1 locale, which is made in the folder; skip the test where that cannot be."""
    name = "en_US.ISO-8859-1"
    if shutil.which("localedef") is None or not Path("/usr/share/i18n/charmaps/ISO-8859-1.gz").exists():
        pytest.skip("needs localedef and the character map of ISO-8859-1")
    subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", folder / name], check=True, capture_output=True)
    return {**ASCII, "LC_ALL": name, "LOCPATH": str(folder)}
