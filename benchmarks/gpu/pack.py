"""The files of a study as one compressed archive, in pieces of the size that comes back.

cat study.tar.xz.* | tar --extract --xz
"""

import lzma
import tarfile
from pathlib import Path

PIECE, PIECES = 15 * 2**20, 4  # bytes; the rest of the archive would not come back
# transfers repeat the perturbations that they try: within the window they cost nothing
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 1, "dict_size": 2**27}]


class _Pieces:
    """A file for writing that is cut into <path>.1, <path>.2, ...; what is more than PIECES of them is dropped."""

    def __init__(self, path: Path):
        self._path, self._written = path, 0

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        while len(rest):
            number, offset = divmod(self._written, PIECE)
            taken = rest[: PIECE - offset]
            if number < PIECES:
                with open(f"{self._path}.{number + 1}", "ab" if offset else "wb") as piece:
                    piece.write(taken)
            self._written += len(taken)
            rest = rest[len(taken) :]
        return len(data)

    @property
    def dropped(self) -> int:
        """Bytes at the end of the archive that had no room."""
        return max(0, self._written - PIECE * PIECES)


def pack(order: Path, out: Path) -> None:
    """Write the files that `order` lists to OUT/study.tar.xz.<n>; nothing where there is no list.

    order : of each file a line, its path, a tab and its name in the archive, the most valuable first.
    """
    if not order.exists():
        return
    pieces = _Pieces(out / "study.tar.xz")
    with lzma.LZMAFile(pieces, "w", filters=FILTERS) as compressed:
        with tarfile.open(fileobj=compressed, mode="w|") as archive:
            for line in order.read_text().splitlines():
                path, name = line.split("\t")
                archive.add(path, arcname=f"study/{name}")
    if pieces.dropped:
        print(f"study.tar.xz: the last {pieces.dropped} bytes had no room", flush=True)
