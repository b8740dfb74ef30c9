"""Archives of images made to leave their folder, to fill the memory or to be obeyed by a terminal: each is refused."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zlib

import pytest
from image_archives import OUTSIDE, SPECIAL, encode, everything, good_files, load, loaded, member, pixels, tar
from PIL import Image

from advspectra.files.images import read_images, write_images
from advspectra.machine import memory
from advspectra.sources import image_archive


def test_good_archives_are_read(tmp_path):
    for mode in ("w", "w:xz", "w:gz", "w:bz2"):
        assert len(loaded(tmp_path, tar(mode=mode)).train_images) == 2


@pytest.mark.parametrize("name", OUTSIDE)
def test_names_outside_the_archive_are_refused_and_nothing_is_written(tmp_path, name):
    inside = tmp_path / "inside"
    inside.mkdir()
    name = name.format(tmp_path)
    with pytest.raises(ValueError, match="images.tar: .*points outside the archive"):
        loaded(inside, tar(member(name, encode(pixels()))))
    assert everything(tmp_path) == ["inside", "inside/images.tar"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../../secret.png", "train/cat/1.png"])
@pytest.mark.parametrize("kind", [kind for kind in SPECIAL if kind != "contiguous"])
def test_links_and_special_files_are_refused_and_nothing_is_read_or_written(tmp_path, kind, target):
    (tmp_path / "secret.png").write_bytes(encode(pixels()))
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    info = member("train/cat/9.png", type=SPECIAL[kind], linkname=target)
    with pytest.raises(ValueError, match="image_folder: .*9.png"):
        loaded(inside, tar(info))
    assert everything(tmp_path) == ["a", "a/b", "a/b/images.tar", "secret.png"]


CONTROL = ["a\nb", "\x1b[2J", "\x1b]0;title\x07", "\x9b2J", "a\rb", "a\0b", "\udc80"]


@pytest.mark.parametrize("place", ["class", "file"])
@pytest.mark.parametrize("name", [name for name in CONTROL if "\0" not in name], ids=ascii)
@pytest.mark.parametrize("kind", ["archive", "folder"])
def test_names_that_a_terminal_would_obey_are_refused_in_words_that_it_does_not(tmp_path, kind, name, place):
    names = [f"{split}/{name}/1.png" if place == "class" else f"{split}/cat/{name}.png" for split in ("train", "test")]
    if kind == "archive":
        path = tmp_path / "images.tar"
        path.write_bytes(tar(*(member(each, encode(pixels())) for each in names)))
    else:
        path = tmp_path / "images"
        for each, data in (good_files() | dict.fromkeys(names, encode(pixels()))).items():
            (path / each).parent.mkdir(parents=True, exist_ok=True)
            (path / each).write_bytes(data)
    with pytest.raises(ValueError, match="expected a name without control characters") as caught:
        load(path)
    assert str(caught.value).isprintable()


SHOWN = [
    "<img src=x onerror=alert(1)>",
    "$(touch PWNED)",
    "`touch PWNED`",
    "x; touch PWNED",
    "{wildcards.run}",
    "Äpfel",
]


@pytest.mark.parametrize("name", SHOWN)
def test_other_names_are_kept_as_they_are(tmp_path, name):
    extra = [member(f"{split}/{name}/{name}.png", encode(pixels())) for split in ("train", "test")]
    images = loaded(tmp_path, tar(*extra))
    assert name in images.class_names
    write_images(tmp_path / "images.h5", images)
    assert read_images(tmp_path / "images.h5").class_names == images.class_names


def header(kind, size):
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.GNU_FORMAT)


def gnu_sparse_map():
    """A file with holes whose map, kept with the data, has no end."""
    info = tarfile.TarInfo("train/cat/9.png")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x"}
    info.size = 2**20
    return info.tobuf(tarfile.PAX_FORMAT) + b"9" * 100 + b"\n" + b"1" * 2**20


def gnu_sparse():
    buffer = bytearray(header(tarfile.GNUTYPE_SPARSE, 0))
    buffer[386:398], buffer[398:410] = b"00000000000\0", b"00000000001\0"
    buffer[482], buffer[483:495] = 1, b"77777777777\0"
    buffer[148:156] = b" " * 8
    buffer[148:156] = b"%06o\0 " % sum(buffer)
    return bytes(buffer) + bytes(512)


def pax(**values):
    info = tarfile.TarInfo("train/cat/9.png")
    info.pax_headers = values
    return info.tobuf(tarfile.PAX_FORMAT)


HEADERS = {
    "long name": (header(tarfile.GNUTYPE_LONGNAME, 2**33), "a header of 8589934592 bytes"),
    "long link": (header(tarfile.GNUTYPE_LONGLINK, 2**33), "a header of 8589934592 bytes"),
    "pax": (header(tarfile.XHDTYPE, 2**33), "a header of 8589934592 bytes"),
    "global pax": (header(tarfile.XGLTYPE, 2**33), "a header of 8589934592 bytes"),
    "solaris pax": (header(tarfile.SOLARIS_XHDTYPE, 2**33), "a header of 8589934592 bytes"),
    "headers of headers": (header(tarfile.GNUTYPE_LONGNAME, 0) * 10_000, "truncated or damaged: maximum recursion"),
    "sparse": (gnu_sparse(), "a file with holes"),
    "sparse map in the data": (gnu_sparse_map(), "a file with holes"),
    "sparse map in a header": (pax(**{"GNU.sparse.map": "0,1"}), "a file with holes"),
    "sparse size in a header": (pax(**{"GNU.sparse.size": "1"}), "a file with holes"),
    "huge member": (
        member("train/cat/9.png", size=2**40)[0].tobuf(),
        "1099511627776 bytes, at m",
    ),
    "huge member by pax": (pax(size=str(2**50)), "1125899906842624 bytes, at most"),
    "negative member by pax": (pax(size="-1"), "-1 bytes, at most"),
}


@pytest.mark.parametrize("case", HEADERS)
def test_headers_that_promise_more_than_an_image_are_refused_unread(tmp_path, case, monkeypatch):
    data, message = HEADERS[case]
    reads = []

    class Watched(io.BytesIO):
        def read(self, size=-1):
            reads.append(size)
            return super().read(size)

    monkeypatch.setattr(image_archive, "_decompressed", lambda path: Watched(path.read_bytes()))
    with pytest.raises(ValueError, match=f"images.tar.*{message}"):
        loaded(tmp_path, data + bytes(2**20))
    assert max(reads) <= 2**20


def test_names_that_would_fill_the_memory_are_refused(tmp_path, monkeypatch):
    long = member(f"train/{'x' * 5000}/", type=tarfile.DIRTYPE)
    with pytest.raises(ValueError, match="images.tar: a name of 5006 letters, at most 4096 are read"):
        loaded(tmp_path, tar(long))
    folders = [member(f"train/{number}{'x' * 200}/", type=tarfile.DIRTYPE) for number in range(20)]
    with pytest.raises(
        ValueError, match="expected images in each class folder, found none in .* and 15 more$"
    ) as error:
        loaded(tmp_path, tar(*folders))
    assert len(str(error.value)) < 2000
    monkeypatch.setattr(image_archive, "FOLDERS_LIMIT", 2000)
    with pytest.raises(ValueError, match="images.tar: too many folders, 10 so far"):
        loaded(tmp_path, tar(*folders))


def test_headers_for_all_members_are_few(tmp_path):
    def headers(count):
        some = [f"a{number}" for number in range(count)]
        return b"".join(tarfile.TarInfo.create_pax_global_header({name: "x"}) for name in some)

    assert len(loaded(tmp_path, headers(100) + tar()).train_images) == 2
    with pytest.raises(ValueError, match="more than 100 entries of global headers"):
        loaded(tmp_path, headers(102) + tar())


@pytest.mark.parametrize("mode", ["w:xz", "w:gz", "w:bz2", "w"])
def test_an_archive_that_goes_on_after_its_end_is_not_read_to_the_end(tmp_path, mode, monkeypatch):
    monkeypatch.setattr(image_archive, "END_LIMIT", 2**21)
    packed = {"w": bytes, "w:xz": lzma.compress, "w:gz": gzip.compress, "w:bz2": bz2.compress}[mode]
    with pytest.raises(ValueError, match="images.tar: more than 2097152 bytes after the last image"):
        loaded(tmp_path, packed(tar() + bytes(2**22)))
    assert len(loaded(tmp_path, packed(tar() + bytes(2**20))).train_images) == 2


def test_members_that_are_no_images_are_not_kept(tmp_path, monkeypatch):
    archives, held = [], []
    opened, parts = tarfile.open, image_archive._parts
    monkeypatch.setattr(image_archive.tarfile, "open", lambda **how: archives.append(opened(**how)) or archives[-1])

    def watched(*arguments, **how):
        held.append(len(archives[-1].members))
        return parts(*arguments, **how)

    monkeypatch.setattr(image_archive, "_parts", watched)
    folder, _ = member("train/cat", type=tarfile.DIRTYPE)
    images = tar()
    (tmp_path / "images.tar").write_bytes(folder.tobuf() * 1000 + images)
    load(tmp_path / "images.tar")
    assert len(held) == 1004 and max(held) <= 1


def xz_with_dictionary(data, code):
    """xz data whose header asks for the dictionary that `code` stands for (40: 4 GiB)."""
    packed = bytearray(lzma.compress(data, preset=0))
    length = (packed[12] + 1) * 4  # of the block's header, after that of the stream
    head = packed[12 : 12 + length]
    head[head.index(b"\x21\x01") + 2] = code
    head[-4:] = struct.pack("<I", zlib.crc32(bytes(head[:-4])))
    return bytes(packed[:12] + head + packed[12 + length :])


def test_an_xz_file_that_asks_for_gigabytes_of_memory_is_refused(tmp_path):
    assert len(loaded(tmp_path, xz_with_dictionary(tar(), 28)).train_images) == 2  # 64 MiB, as `xz -9` makes
    with pytest.raises(ValueError, match="images.tar .*Memory usage limit"):
        loaded(tmp_path, xz_with_dictionary(tar(), 40))


def test_xz_files_are_read_as_the_format_allows(tmp_path):
    data = tar()
    for packed in (
        lzma.compress(data[:1000]) + lzma.compress(data[1000:]),
        lzma.compress(data[:1000]) + bytes(8) + lzma.compress(data[1000:]) + bytes(4),
    ):
        assert len(loaded(tmp_path, packed).train_images) == 2
    for packed in (lzma.compress(data) + b"more", lzma.compress(data)[:-1]):
        with pytest.raises(ValueError, match="images.tar .*damaged"):
            loaded(tmp_path, packed)


@pytest.mark.parametrize("kind", ["archive", "folder"])
def test_images_that_fill_the_memory_only_together_are_refused(tmp_path, kind, monkeypatch):
    black = encode(Image.new("RGB", (450, 450)))
    files = {f"{split}/{name}/{n}.png": black for split in ("train", "test") for name in "ab" for n in range(5)}
    assert len(black) * 100 < 450 * 450 * 3
    path = tmp_path / "images"
    if kind == "archive":
        path.write_bytes(tar(*(member(*item) for item in files.items()), good=False))
    else:
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    monkeypatch.setattr(memory, "budget", lambda: 2 * 11_000_000)
    with pytest.raises(ValueError, match="images: the images take more than 11000000 bytes"):
        load(path)
    monkeypatch.setattr(memory, "budget", lambda: 2 * 13_000_000)
    assert len(load(path).train_images) == 10
