"""Write the arrays of an archived study, as h5py alone reads them, beside it: type, shape and digest of each."""

import hashlib
import json
import sys
import tarfile
import tempfile
from pathlib import Path

import h5py


def pinned(folder: Path) -> dict[str, dict[str, str]]:
    """Return by file and array its type, shape and the first 16 digits of the SHA-256 of its bytes."""
    files = {}
    for path in sorted(folder.rglob("*.h5")):
        arrays = files.setdefault(path.relative_to(folder).as_posix(), {})

        def take(name: str, item, arrays=arrays) -> None:
            if isinstance(item, h5py.Dataset):
                digest = hashlib.sha256(item[()].tobytes()).hexdigest()[:16]
                arrays[name] = f"{item.dtype.name} {item.shape} {digest}"

        with h5py.File(path) as file:
            file.visititems(take)
    return files


if __name__ == "__main__":
    archive = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(archive) as packed:
            packed.extractall(folder, filter="data")
        text = json.dumps(pinned(Path(folder)), indent=1)
    archive.with_suffix("").with_suffix(".json").write_text(text + "\n", encoding="utf-8")
