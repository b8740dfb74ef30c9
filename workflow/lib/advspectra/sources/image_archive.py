"""A tar archive of train/<class>/<image> and test/<class>/<image>, plain or compressed with gzip, bzip2 or xz.

It is read as a stream; nothing of it goes to disk. It may hold everything in one top-level folder. It may be a
stranger's: links are refused, and limits hold against files made to fill the memory, which archives of photographs stay
far below.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from advspectra.files.litter import is_litter
from advspectra.sources import image_tree
from advspectra.sources.image_tree import SPLITS, Key, check_name, check_shown

HEADER_LIMIT = 2**18  # bytes of a long name or other header before a member of an archive
NAME_LIMIT = 2**12  # letters of a name; Linux has no longer ones
FOLDERS_LIMIT = 2**24  # letters of the names of all folders; 20,000 classes have some 400,000
GLOBAL_LIMIT = 100  # entries of headers that hold for all members; git writes one
END_LIMIT = 64 * 2**20  # bytes after the last member; tar itself fills up to 10 KiB
XZ_LIMIT = 512 * 2**20  # bytes to decompress with; `xz -9` needs 65 MiB, a header can ask for 4 GiB
READ_BYTES = 2**20
PAX_TYPES = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)


def archive_entries(path: Path) -> Iterator[tuple[Key, bytes]]:
    """Yield the key and the content of each file of a tar archive, in its order."""
    tops, folders, filled, letters = set(), set(), set(), 0
    try:
        # tarfile's own decompression of streams leaves checksums unread; the modules' files verify them
        with _decompressed(path) as stream, tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as archive:
            for member in archive:
                archive.members.clear()  # a stream never goes back; tarfile would keep every member
                if any(is_litter(part) for part in PurePosixPath(member.name).parts):
                    continue
                parts = _parts(member, path=path)
                if member.isdir():
                    folders.add(parts)
                    letters += len(member.name)
                    if letters > FOLDERS_LIMIT:
                        raise ValueError(f"image_folder: {path}: too many folders, {len(folders)} so far")
                    continue
                *top, split, category, file = parts
                filled.add(parts[:-1])
                tops.add("/".join(top))
                if len(tops) > 1:
                    raise ValueError(f"image_folder: {path}: expected one top-level folder, found {sorted(tops)}")
                yield (split, category, file), archive.extractfile(member).read()
            _require_end(archive.fileobj, path=path)
    # RecursionError: of headers that follow headers
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError, RecursionError) as error:
        raise ValueError(
            f"image_folder: {path} is not a tar archive (plain, gzip, bzip2, xz), or is truncated or damaged: {error}"
        ) from error
    splits = {PurePosixPath(*tops, split).parts for split in SPLITS}  # the top-level folder may have their name, too
    empty = folders - filled - splits
    empty = sorted("/".join(folder) for folder in empty if len(folder) > 1 and folder[-2] in SPLITS)
    if empty:
        shown = f"{empty[:5]}" + (f" and {len(empty) - 5} more" if len(empty) > 5 else "")
        raise ValueError(f"image_folder: {path}: expected images in each class folder, found none in {shown}")


def _require_end(stream: BinaryIO, *, path: Path) -> None:
    """Read a stream to its end, where the checksums are; ValueError unless zeros alone follow the last member."""
    rest = 0
    while block := stream.read(READ_BYTES):
        if block.strip(b"\0"):
            raise ValueError(
                f"image_folder: {path} has content after its end, as archives do that were joined by cat: unpack all "
                "of it (tar -i), and pack it again"
            )
        rest += len(block)
        if rest > END_LIMIT:
            raise ValueError(f"image_folder: {path}: more than {END_LIMIT} bytes after the last image")


class _Member(tarfile.TarInfo):
    """Member of an archive that must end properly: tarfile takes a damaged or missing header for the end.

    Headers are limited in size, and files with holes refused: tarfile would read a map of the holes of any size.
    """

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> "_Member":
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error

    def _proc_member(self, tarfile_: tarfile.TarFile) -> tarfile.TarInfo:  # tarfile's own place for subclasses
        if self.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, *PAX_TYPES) and self.size > HEADER_LIMIT:
            raise tarfile.ReadError(f"a header of {self.size} bytes, at most {HEADER_LIMIT} are read")
        if len(tarfile_.pax_headers) > GLOBAL_LIMIT:
            raise tarfile.ReadError(f"more than {GLOBAL_LIMIT} entries of global headers")
        return super()._proc_member(tarfile_)

    def _proc_sparse(self, *_) -> None:
        raise tarfile.ReadError("a file with holes (sparse), expected whole files")

    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _proc_sparse


class _Streams(io.RawIOBase):
    """A file of compressed streams, open for reading; a stream is followed by another one, or by zeros.

    bz2.BZ2File would leave out anything else, and lzma.open has no limit of memory.
    start : makes the decompressor of a stream, whose errors are raised for damaged data and for other files.
    Raises EOFError for a truncated file.
    """

    def __init__(self, path: Path, start: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor]):
        self._file, self._start = open(path, "rb"), start
        self._stream = start()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        data = b""
        while not data:
            given = b""
            if self._stream.eof:  # another stream may follow, after zeros
                given = self._stream.unused_data.lstrip(b"\0")
                while not given and (block := self._file.read(READ_BYTES)):
                    given = block.lstrip(b"\0")
                if not given:
                    return 0
                self._stream = self._start()
            elif self._stream.needs_input and not (given := self._file.read(READ_BYTES)):
                raise EOFError("compressed data end before their end mark")
            data = self._stream.decompress(given, max_length=len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _parts(member: tarfile.TarInfo, *, path: Path) -> tuple[str, ...]:
    """The parts of a member's name; ValueError unless it is a folder or a file in its place."""
    if len(member.name) > NAME_LIMIT:
        raise ValueError(f"image_folder: {path}: a name of {len(member.name)} letters, at most {NAME_LIMIT} are read")
    name = PurePosixPath(member.name)
    where = f"image_folder: {path}: {member.name!r}"
    check_name(member.name, where=where)
    if name.is_absolute() or ".." in name.parts:
        raise ValueError(f"{where} points outside the archive")
    if member.isdir():
        return name.parts
    if not member.isreg():
        raise ValueError(f"{where} is a link or a special file, expected only folders and files")
    if not (3 <= len(name.parts) <= 4 and name.parts[-3] in SPLITS):
        raise ValueError(f"{where}: expected train/<class>/<image> or test/<class>/<image>")
    check_shown(*name.parts[-2:], where=where)
    if not 0 <= member.size <= image_tree.BYTE_LIMIT:
        raise ValueError(f"{where} has {member.size} bytes, at most {image_tree.BYTE_LIMIT} are read")
    return name.parts


def _decompressed(path: Path) -> BinaryIO:
    """The file at `path` open for reading, decompressed if its first bytes ask for it."""
    with open(path, "rb") as file:
        start = file.read(6)
    if start.startswith(b"\x1f\x8b"):
        return io.BufferedReader(gzip.GzipFile(path), READ_BYTES)
    if start.startswith(b"BZh"):
        return io.BufferedReader(_Streams(path, bz2.BZ2Decompressor), READ_BYTES)
    if start.startswith(b"\xfd7zXZ\0"):
        xz = partial(lzma.LZMADecompressor, lzma.FORMAT_XZ, memlimit=XZ_LIMIT)
        return io.BufferedReader(_Streams(path, xz), READ_BYTES)
    return open(path, "rb")
