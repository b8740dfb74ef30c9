"""Images from a folder or a tar archive of train/<class>/<image> and test/<class>/<image>.

An archive (tar, plain or compressed with gzip, bzip2 or xz) is read as a stream; nothing of it goes to
disk. It may hold everything in one top-level folder. Links are followed in a folder, which is the user's
own, and refused in an archive, which may be a stranger's. Every file must be an image in its place: nothing
is skipped but what a desktop puts there by itself (advspectra.files.litter). Names that begin with a dot are
refused: such a folder, as .ipynb_checkpoints, is no class.

Images have as many rows as columns: frequencies are in cycles/image, and a ring of equal radius, in which
spectra are summed, is in cycles/pixel a circle only then.
"""

import bz2
import gzip
import hashlib
import io
import lzma
import re
import tarfile
import unicodedata
import warnings
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from advspectra.files.images import ImageSet
from advspectra.files.litter import is_litter
from advspectra.machine import memory

SPEC = {
    "options": {
        "path": {
            "type": "string",
            "minLength": 1,
            "description": "folder or tar archive (.tar, .gz, .bz2, .xz); relative to the working directory",
        },
        "image_size": {
            "type": ["array", "null"],
            "items": {"type": "integer", "minimum": 1},
            "minItems": 2,
            "maxItems": 2,
            "default": None,
            "description": "height and width (pixels), equal; null: those of the images, which must all be alike",
        },
        "resize": {
            "enum": ["none", "nearest", "bilinear", "bicubic", "lanczos"],
            "default": "none",
            "description": "filter for images of another size than image_size; none: that is an error",
        },
        "channels": {
            "enum": [1, 3],
            "default": 3,
            "description": "3: RGB; 1: gray (.299 R + .587 G + .114 B)",
        },
    },
    "required": ["path"],
    "reads": ["path"],
}

SPLITS = ("train", "test")
FILTERS = {name: Image.Resampling[name.upper()] for name in SPEC["options"]["resize"]["enum"] if name != "none"}
# Those whose decoders run nothing: Pillow gives EPS to Ghostscript, a program that executes it.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
# The start of other formats, which are named where an image is none of those.
OTHERS = {
    "AVIF": rb"....ftypavi[fs]",
    "HEIC": rb"....ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)",
    "JPEG 2000": rb"....jP  |\xff\x4f\xff\x51",
    "JPEG XL": rb"....JXL |\xff\x0a",
    "PDF": rb"%PDF",
    "SVG": rb"\s*(<\?xml[^>]*>\s*)?<svg",
}
# Limits against files made to fill the memory; photographs, and archives of them, stay far below each.
PIXEL_LIMIT = 50_000_000  # of one decoded image
BYTE_LIMIT = 256 * 2**20  # of one encoded image
HEADER_LIMIT = 2**18  # bytes of a long name or other header before a member of an archive
END_LIMIT = 64 * 2**20  # bytes after the last member; tar itself fills up to 10 KiB
XZ_LIMIT = 512 * 2**20  # bytes to decompress with; `xz -9` needs 65 MiB, a header can ask for 4 GiB
ENTRY_BYTES = 1000  # of memory for an image, besides its pixels
READ_BYTES = 2**20
PAX_TYPES = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
# Pillow modes whose values fit 8 bits; converting others (16-bit, float) would clip.
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV")


def load(*, path: str, image_size: list[int] | None, resize: str, channels: int) -> ImageSet:
    """Return the images of a folder or archive, ordered by class, then name; no EXIF rotation.

    image_size : [H, W], or None if all images have one size. resize : Pillow filter, or "none".
    Of a JPEG with further pictures in it (MPO, as phones and cameras write) the first one, which viewers show.
    Raises ValueError, naming the file, if one is not an image in its place, has another size and resize is
    "none", is not square, is transparent or not 8-bit; if train and test differ in classes, or a class is empty; if the
    archive is damaged or holds links; if the images take more than a quarter of the memory that is left to the job.
    """
    location = Path(path)
    if image_size is None and resize != "none":
        raise ValueError(f"image_folder: resize {resize!r} needs image_size, found null")
    if location.is_dir():
        entries, digest = _folder_entries(location), hashlib.sha256()
    elif location.is_file():
        entries, digest = _archive_entries(location), None
    else:
        hint = "; ~ is not expanded here, write the folder out" if path.startswith("~") else ""
        raise ValueError(f"image_folder: expected a folder or a tar archive at {path}, found neither{hint}")

    found: dict[tuple[str, str, str], np.ndarray] = {}
    size = None if image_size is None else (int(image_size[0]), int(image_size[1]))
    most, held = memory.budget() // 2, 0  # the images are held twice while they are put in order
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for key, data in entries:
            name = "/".join(key)
            if key in found:
                raise ValueError(f"image_folder: {path}: {name} occurs twice")
            if digest is not None:
                digest.update(f"{name}\0{hashlib.sha256(data).hexdigest()}\n".encode())
            found[key] = _decode(data, name=f"{path}: {name}", size=size, resize=resize, channels=channels)
            size = size or found[key].shape[1:]
            if size[0] != size[1]:
                raise ValueError(
                    f"image_folder: {path}: {name} has {size[0]} x {size[1]} pixels; spectra, summed over rings of "
                    "equal cycles/image, need as many rows as columns: choose image_size and a resize filter, as "
                    f"image_size: [{min(size)}, {min(size)}], resize: bicubic"
                )
            held += found[key].nbytes + ENTRY_BYTES
            if held > most:
                raise ValueError(
                    f"image_folder: {path}: the images take more than {most} bytes of memory, {memory.why()}"
                )
    classes = _classes(found, path=path)
    if digest is None:
        with open(location, "rb") as file:
            checksum = {"archive_sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    else:
        checksum = {"folder_sha256": digest.hexdigest()}

    arrays = {}
    for split in SPLITS:
        keys = sorted(key for key in found if key[0] == split)
        arrays[f"{split}_images"] = np.stack([found[key] for key in keys])
        arrays[f"{split}_labels"] = np.array([classes.index(key[1]) for key in keys], dtype=np.int64)
    source = {"source": "image_folder", "name": location.resolve().name, "resize": resize, **checksum}
    return ImageSet(**arrays, class_names=classes, source=source)


def _classes(found: dict[tuple[str, str, str], np.ndarray], *, path: str) -> tuple[str, ...]:
    """Return the sorted class names; ValueError unless train and test have the same."""
    train, test = ({key[1] for key in found if key[0] == split} for split in SPLITS)
    for split, missing in (("train", test - train), ("test", train - test)):
        if missing:
            raise ValueError(f"image_folder: {path}: {split} has no images of the classes {sorted(missing)}")
    if len(train) < 2:
        raise ValueError(f"image_folder: {path}: expected 2 or more classes in train/, found {sorted(train)}")
    return tuple(sorted(train))


def _folder_entries(folder: Path) -> Iterator[tuple[tuple[str, str, str], bytes]]:
    """Yield (split, class, file name) and content of each file of a folder, sorted."""
    for split in _listed(folder):
        if split.name not in SPLITS or not split.is_dir():
            raise ValueError(f"image_folder: expected only the folders train and test in {folder}, found {split.name}")
        for category in _listed(split):
            if not category.is_dir():
                raise ValueError(f"image_folder: expected class folders in {split}, found {category.name}")
            files = _listed(category)
            if not files:
                raise ValueError(f"image_folder: {category} is empty, expected images")
            for file in files:
                if not file.is_file():
                    raise ValueError(f"image_folder: expected image files in {category}, found {file.name}")
                if file.stat().st_size > BYTE_LIMIT:
                    raise ValueError(f"image_folder: {file} has more than {BYTE_LIMIT} bytes")
                yield (split.name, category.name, file.name), file.read_bytes()


def _listed(folder: Path) -> list[Path]:
    """Return what is in a folder, sorted; ValueError for a name that is no plain text."""
    for path in (paths := sorted(path for path in folder.iterdir() if not is_litter(path.name))):
        _check_name(path.name, where=f"image_folder: {folder}: {path.name!r}")
        _check_shown(path.name, where=f"image_folder: {folder}: {path.name!r}")
    return paths


def _check_name(name: str, *, where: str) -> None:
    """Raise ValueError for control characters, which a terminal would obey, and for bytes that are not UTF-8."""
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise ValueError(f"{where}: expected a name without control characters, in UTF-8")


def _check_shown(*names: str, where: str) -> None:
    """Raise ValueError for a hidden file or folder, which a program may have put there unseen."""
    if hidden := [name for name in names if name.startswith(".")]:
        raise ValueError(f"{where}: {hidden[0]} is hidden, as its name begins with a dot: remove it, or rename it")


def _archive_entries(path: Path) -> Iterator[tuple[tuple[str, str, str], bytes]]:
    """Yield (split, class, file name) and content of each file of a tar archive, in its order."""
    tops, folders, filled = set(), set(), set()
    try:
        # tarfile's own decompression of streams leaves checksums unread; the modules' files verify them
        with (
            _decompressed(path) as stream,
            tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as archive,
        ):
            for member in archive:
                archive.members.clear()  # a stream never goes back; tarfile would keep every member
                if any(is_litter(part) for part in PurePosixPath(member.name).parts):
                    continue
                parts = _parts(member, path=path)
                if member.isdir():
                    folders.add(parts)
                    continue
                *top, split, category, file = parts
                filled.add(parts[:-1])
                tops.add("/".join(top))
                if len(tops) > 1:
                    raise ValueError(f"image_folder: {path}: expected one top-level folder, found {sorted(tops)}")
                yield (split, category, file), archive.extractfile(member).read()
            rest = 0
            while block := archive.fileobj.read(READ_BYTES):  # to the end, where the checksums are
                if block.strip(b"\0"):
                    raise ValueError(
                        f"image_folder: {path} goes on after its end, as archives do that were joined by cat: unpack "
                        "all of it (tar -i), and pack it anew"
                    )
                rest += len(block)
                if rest > END_LIMIT:
                    raise ValueError(f"image_folder: {path}: more than {END_LIMIT} bytes after the last image")
    # RecursionError: of headers that follow headers
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError, RecursionError) as error:
        raise ValueError(
            f"image_folder: {path} is not a tar archive (plain, gzip, bzip2, xz), or is truncated or damaged: {error}"
        ) from error
    empty = sorted("/".join(folder) for folder in folders - filled if len(folder) > 1 and folder[-2] in SPLITS)
    if empty:
        raise ValueError(f"image_folder: {path}: expected images in each class folder, found none in {empty}")


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
        return super()._proc_member(tarfile_)

    def _proc_sparse(self, *_) -> None:
        raise tarfile.ReadError("a file with holes (sparse), expected whole files")

    _proc_gnusparse_00 = _proc_gnusparse_01 = _proc_gnusparse_10 = _proc_sparse


class _Streams(io.RawIOBase):
    """A file of compressed streams, open for reading; what follows a stream is another one, or zeros.

    bz2.BZ2File would leave out anything else, and lzma.open knows no limit of memory.
    start : returns the decompressor of a stream, whose errors are raised for damaged data and what is no stream.
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
    """Return the parts of a member's name; ValueError unless it is a folder or a file in its place."""
    name = PurePosixPath(member.name)
    where = f"image_folder: {path}: {member.name!r}"
    _check_name(member.name, where=where)
    if name.is_absolute() or ".." in name.parts:
        raise ValueError(f"{where} points outside the archive")
    if member.isdir():
        return name.parts
    if not member.isreg():
        raise ValueError(f"{where} is a link or a special file, expected only folders and files")
    if not (3 <= len(name.parts) <= 4 and name.parts[-3] in SPLITS):
        raise ValueError(f"{where}: expected train/<class>/<image> or test/<class>/<image>")
    _check_shown(*name.parts[-2:], where=where)
    if not 0 <= member.size <= BYTE_LIMIT:
        raise ValueError(f"{where} has {member.size} bytes, at most {BYTE_LIMIT} are read")
    return name.parts


def _decompressed(path: Path) -> BinaryIO:
    """Return the file at `path` open for reading, decompressed if its first bytes ask for it."""
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


def _decode(data: bytes, *, name: str, size: tuple[int, int] | None, resize: str, channels: int) -> np.ndarray:
    """Return an encoded image as (C, H, W) uint8; size : (H, W) to resize to or, with "none", demanded."""
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        pixels = image.width * image.height
        if pixels > PIXEL_LIMIT:
            raise ValueError(f"{pixels} pixels, at most {PIXEL_LIMIT} are decoded")
        # n_frames would look for all of them; the first of a JPEG is the picture, others are its details
        if getattr(image, "is_animated", False) and image.format != "MPO":
            raise ValueError("several frames, expected one")
        if (bits := _bits(image)) > 8:
            raise ValueError(f"{bits} bits a channel, expected 8")
        if image.mode not in MODES:
            raise ValueError(f"pixel mode {image.mode}, expected 8 bits a channel")
        if image.has_transparency_data and image.convert("RGBA").getextrema()[3][0] < 255:
            raise ValueError("transparent pixels, expected an opaque image")
        image = image.convert({1: "L", 3: "RGB"}[channels])
    except UnidentifiedImageError:
        known = ", ".join(FORMATS).replace("WEBP", "WebP")
        other = [kind for kind, start in OTHERS.items() if re.match(start, data[:256], re.DOTALL)]
        hint = f"; it is {other[0]}" if other else ", or damaged"
        raise ValueError(f"image_folder: {name} cannot be used as an image: none of {known}{hint}") from None
    except Exception as error:  # Pillow's decoders raise many types on damaged files
        raise ValueError(f"image_folder: {name} cannot be used as an image: {error}") from error
    if size is not None and (image.height, image.width) != size:
        if resize == "none":
            raise ValueError(
                f"image_folder: {name} has {image.height} x {image.width} pixels, expected "
                f"{size[0]} x {size[1]} (or choose image_size and a resize filter)"
            )
        image = image.resize((size[1], size[0]), FILTERS[resize])
    array = np.asarray(image)
    return array[None].copy() if channels == 1 else np.ascontiguousarray(array.transpose(2, 0, 1))


def _bits(image: Image.Image) -> int:
    """Return the bits a channel of an image that is not loaded yet, 8 for fewer, as far as its mode does not say them.

    Pillow takes the upper 8 of 16 bits of colour, and gives the image the mode of 8.
    """
    if image.format == "TIFF":
        return max([8, *image.tag_v2.get(258, ())])  # BitsPerSample
    if image.format == "PPM":  # the codec is given the largest value
        values = [value for tile in image.tile if isinstance(tile.args, tuple) for value in tile.args]
        return max([8, *(value.bit_length() for value in values if isinstance(value, int))])
    deep = (re.search(r";(\d+)[BLN]$", tile.args) for tile in image.tile if isinstance(tile.args, str))
    return max([8, *(int(match[1]) for match in deep if match)])
