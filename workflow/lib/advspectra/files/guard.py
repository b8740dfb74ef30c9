"""Refuses HDF5 files that were made to fill the memory or to read other files, before reading any values in them.

HDF5 can do more than our files need: a file can declare a terabyte that it does not store, and can take data from any
other file that the user may read. No file that advspectra.files.hdf5 writes does so.
"""

import math
import mmap
import os
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import h5py
from h5py import h5a, h5d, h5g, h5l, h5o, h5s, h5t, h5z

from advspectra.machine import memory

DEPTH = 3  # of groups; checkpoints.h5 has states/<name>
ATTRIBUTES = 100  # of one object; ours have about 30
ATTRIBUTE_BYTES = 2**16  # of a list of numbers
NUMBERS = {h5t.INTEGER: (1, 2, 4, 8), h5t.FLOAT: (2, 4, 8), h5t.ENUM: (1,)}  # bytes of each; a bool is an enum
FILTERS = (h5z.FILTER_SHUFFLE, h5z.FILTER_DEFLATE)  # those of advspectra.files.hdf5.add
# arrays that files.images maps and does not read: bytes in one piece, however many
MAPPED = {"advspectra.images": ("/train/images", "/test/images")}
# deflate makes at most 1032 bytes of one (zlib, "Technical Details"); more needs deflate twice, or values never stored
INFLATION = 1100
TEXT_BYTES = 2**22  # of a text of fixed length; the texts on what made a file take some kilobytes
# HDF5's own attributes of dimension scales, which hold addresses in the file; nothing here reads them
ADDRESSES = ("DIMENSION_LIST", "REFERENCE_LIST")
# a collection of a global heap starts with these bytes (version 1), then its size; each object has a head, too
COLLECTION, HEAD = b"GCOL\x01\0\0\0", 16
OBJECT = ((0, 2), (8, 8))  # offset and width in the head of an object: of its number in the collection, of its size


def check_attributes(file: h5py.File) -> None:
    """Raise ValueError, naming the file, unless its root attributes are few: texts, numbers, lists of numbers."""
    if _check_attributes(file, file.id, "/"):
        _check_heaps(file)


def check_layout(file: h5py.File) -> None:
    """Raise ValueError, naming file and object, unless all datasets are numbers or text that the file itself stores.

    It refuses links, data in other files, objects reached twice, deep groups, types other than numbers and text of
    fixed length, arrays that are declared and not stored, and filters other than FILTERS. It raises memory.TooLarge if
    an array, or all arrays together, take more than memory.budget(). MAPPED arrays do not count, and each checkpoint in
    a checkpoints.h5 counts by itself, as nothing reads them all.
    About 0.06 ms for each object: 1 ms for a spectra.h5, 60 ms for eleven checkpoints of ResNet18 (one core).
    """
    most, stored, heaps = memory.budget(), 0, False
    together: Counter[str] = Counter()
    kind = file.attrs.get("format", "")
    mapped = MAPPED.get(kind.decode() if isinstance(kind, bytes) else kind, ())
    for name, item in _objects(file, file.id, "", depth=0, seen=set()):
        if not isinstance(item, h5g.GroupID | h5d.DatasetID):
            raise _refused(file, name, "is neither a group nor a dataset")
        heaps |= _check_attributes(file, item, name)
        if isinstance(item, h5d.DatasetID):
            part, whole = _sizes(file, item, name)
            stored += part
            in_one_piece = item.get_offset() is not None
            if in_one_piece and name in mapped and item.get_type() == h5t.STD_U8LE:
                continue
            if in_one_piece and whole > most:
                raise _too_large(file, name, f"has {whole} bytes", most)
            together["/".join(name.split("/")[:3]) if name.startswith("/states/") else "/"] += whole
    if heaps:
        _check_heaps(file)
    if stored > file.id.get_filesize():
        raise _refused(file, "/", "has arrays that share their bytes")
    for name, whole in together.items():
        if whole > most:
            raise _too_large(file, name, f"has {whole} bytes when decompressed", most)


def _objects(file: h5py.File, group: h5g.GroupID, path: str, *, depth: int, seen: set[int]) -> Iterator[tuple]:
    """Yield the name and the low-level identifier of each object below a group; `seen` holds addresses in the file."""
    for link in group:
        name = f"{path}/{link.decode(errors='backslashreplace')}"
        about = group.links.get_info(link)
        if about.type != h5l.TYPE_HARD:
            raise _refused(file, name, "is a link")
        if about.u in seen:
            raise _refused(file, name, "is there twice")
        seen.add(about.u)
        item = h5o.open(group, link)
        yield name, item
        if isinstance(item, h5g.GroupID):
            if depth == DEPTH:
                raise _refused(file, name, f"lies deeper than {DEPTH} groups")
            yield from _objects(file, item, name, depth=depth + 1, seen=seen)


def _sizes(file: h5py.File, dataset: h5d.DatasetID, name: str) -> tuple[int, int]:
    """The bytes of a dataset in the file, and decompressed."""
    kind, space, stored = dataset.get_type(), dataset.get_space(), dataset.get_storage_size()
    text = kind.get_class() == h5t.STRING and not kind.is_variable_str()
    if not (text or _is_number(kind)) or space.get_simple_extent_type() == h5s.NULL:
        raise _refused(file, name, "holds neither numbers nor text of fixed length")
    shape = space.get_simple_extent_dims()
    declared = math.prod(shape) * kind.get_size()
    if dataset.get_offset() is not None:  # in one piece, in this file
        if declared > stored:
            raise _refused(file, name, f"declares {declared} bytes, of which the file stores {stored}")
        return stored, declared
    plist = dataset.get_create_plist()
    layout = plist.get_layout()
    if layout == h5d.VIRTUAL or plist.get_external_count():
        raise _refused(file, name, "has its values in another file")
    filters = [plist.get_filter(index)[0] for index in range(plist.get_nfilters())]
    if layout == h5d.CHUNKED:
        chunk = plist.get_chunk()
        # chunks at the edge are allocated in full, too
        counts = [-(-length // side) for length, side in zip(shape, chunk, strict=True)]
        declared = math.prod(counts) * math.prod(chunk) * kind.get_size()
    if not set(filters) <= set(FILTERS):
        raise _refused(file, name, "has a filter other than shuffle and deflate")
    if stored * (INFLATION if filters else 1) < declared:
        raise _refused(file, name, f"declares {declared} bytes, of which the file stores {stored}")
    return stored, declared


def _check_attributes(file: h5py.File, item: h5g.GroupID | h5d.DatasetID, name: str) -> bool:
    """Whether any attribute has its values in a heap; ValueError for one that none of our files has."""
    heap = False
    count = h5a.get_num_attrs(item)
    if count > ATTRIBUTES:
        raise _refused(file, name, f"has {count} attributes, at most {ATTRIBUTES} are read")
    for index in range(count):
        attribute = h5a.open(item, index=index)
        kind, shape = attribute.get_type(), attribute.shape
        variable = kind.get_class() == h5t.VLEN or kind.get_class() == h5t.STRING and kind.is_variable_str()
        heap |= variable
        if attribute.name.decode(errors="replace") in ADDRESSES:
            continue
        text = kind.get_class() == h5t.STRING and shape == ()
        if not (text or _is_number(kind)) or attribute.get_space().get_simple_extent_type() == h5s.NULL:
            raise _refused(file, name, f"has an attribute {attribute.name!r} that is neither a text nor numbers")
        if math.prod(shape) * kind.get_size() > (most := TEXT_BYTES if text else ATTRIBUTE_BYTES):
            raise _refused(file, name, f"has an attribute {attribute.name!r} of more than {most} bytes")
    return heap


def _check_heaps(file: h5py.File) -> None:
    """Raise ValueError if HDF5 would read a heap for ever, or beyond its end.

    Values of any length lie in global heaps. They have no checksum, and HDF5 (2.0) finds each object by the size of the
    one before. Our files have a heap for the scales of arrays only; older files had one for texts, too.
    """
    status = os.stat(file.filename)
    if not _heaps_end(file.filename, (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)):
        raise _refused(file, "/", "has a damaged heap")


@lru_cache(maxsize=1000)
def _heaps_end(path: str, version: tuple[int, ...]) -> bool:
    with open(path, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = content.find(COLLECTION)
        while start >= 0:
            end = start + int.from_bytes(content[start + 8 : start + 16], "little")
            if not start + HEAD <= end <= len(content):
                return False
            position = start + HEAD
            while position + HEAD <= end:
                index, size = (
                    int.from_bytes(content[position + at : position + at + width], "little") for at, width in OBJECT
                )
                # objects are padded to 8 bytes; the size of the free space at the end, number 0, includes its head
                position += HEAD + -(-size // 8) * 8 if index else size
                if size < HEAD and not index or position > end:
                    return False
            start = content.find(COLLECTION, start + len(COLLECTION))
    return True


def _is_number(kind: h5t.TypeID) -> bool:
    return kind.get_size() in NUMBERS.get(kind.get_class(), ())


def _refused(file: h5py.File, name: str, why: str) -> ValueError:
    # repr escapes control characters in a name that comes from the file
    return ValueError(f"{file.filename}: refused, as {name!r} {why}")


def _too_large(file: h5py.File, name: str, what: str, most: int) -> memory.TooLarge:
    return memory.TooLarge(str(_refused(file, name, f"{what}, {most} at most are read, {memory.why()}")))
