"""Images from folders and archives: the pixels are those stored, and every bad input is one clear error."""

import hashlib
import io
import os
import re
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from advspectra.datasets import image_folder
from advspectra.sources import decoding, image_tree

PLACES = [
    ("train/cat/2.png", 0),
    ("train/cat/10.png", 1),
    ("train/bird/a.png", 2),
    ("test/cat/1.png", 3),
    ("test/bird/1.png", 4),
]


def pixels(seed: int, height: int = 6, width: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encode(array: np.ndarray, kind: str = "PNG", mode: str | None = None) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(array)
    (image if mode is None else image.convert(mode)).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def files() -> dict[str, bytes]:
    return {place: encode(pixels(seed)) for place, seed in PLACES}


def write_folder(path: Path, files: dict[str, bytes]) -> str:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return str(path)


def write_archive(
    path: Path, files: dict[str, bytes], *, mode: str = "w", extra: tuple[tarfile.TarInfo, ...] = ()
) -> str:
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for member in extra:
            archive.addfile(member)
    return str(path)


def load(path: str, **options):
    return image_folder.load(**{"path": path, "image_size": None, "resize": "none", "channels": 3} | options)


def expect(images) -> None:
    stored = {place: pixels(seed).transpose(2, 0, 1) for place, seed in PLACES}
    # classes sorted, then names sorted as text: "10.png" before "2.png"
    train = [stored[place] for place in ("train/bird/a.png", "train/cat/10.png", "train/cat/2.png")]
    np.testing.assert_array_equal(images.train_images, train)
    np.testing.assert_array_equal(images.test_images, [stored["test/bird/1.png"], stored["test/cat/1.png"]])
    assert images.class_names == ("bird", "cat")
    assert images.train_labels.tolist() == [0, 1, 1] and images.test_labels.tolist() == [0, 1]


def test_a_folder_gives_the_stored_pixels_by_class_then_name(files, tmp_path):
    expect(load(write_folder(tmp_path, files)))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("top", ["", "./", "pictures/", "./pictures/"])
def test_an_archive_gives_the_same_in_any_compression_and_order(files, mode, top, tmp_path):
    shuffled = {top + name: files[name] for name in sorted(files, key=lambda name: hashlib.md5(name.encode()).digest())}
    path = write_archive(tmp_path / "images", shuffled, mode=mode)
    images = load(path)
    expect(images)
    assert images.source["archive_sha256"] == hashlib.sha256(Path(path).read_bytes()).hexdigest()
    assert list(tmp_path.iterdir()) == [tmp_path / "images"]


def test_the_checksum_of_a_folder_depends_on_names_and_contents_alone(files, tmp_path):
    first = load(write_folder(tmp_path / "a", files)).source["folder_sha256"]
    again = load(write_folder(tmp_path / "b", dict(reversed(files.items())))).source["folder_sha256"]
    renamed = {name.replace("2.png", "3.png"): data for name, data in files.items()}
    changed = files | {"test/cat/1.png": encode(pixels(9))}
    others = [
        load(write_folder(tmp_path / name, new)).source["folder_sha256"]
        for name, new in (("c", renamed), ("d", changed))
    ]
    assert first == again and len({first, *others}) == 3


def test_formats_can_be_mixed_and_gray_fills_three_channels(files, tmp_path):
    gray = np.arange(36, dtype=np.uint8).reshape(6, 6)
    files |= {
        "train/bird/b.bmp": encode(pixels(7), "BMP"),
        "train/bird/c.webp": encode(pixels(7), "WEBP"),
        "train/cat/g.png": encode(gray),
        "train/cat/h.jpg": encode(pixels(8), "JPEG"),
    }
    images = load(write_folder(tmp_path, files))
    assert images.train_images.shape == (7, 3, 6, 6)
    np.testing.assert_array_equal(images.train_images[1], pixels(7).transpose(2, 0, 1))
    np.testing.assert_array_equal(images.train_images[5], np.stack([gray] * 3))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [2, 6])
def test_pixels_are_read_as_they_are_stored_whatever_their_orientation(files, kind, orientation, tmp_path):
    tags, plain, turned = Image.Exif(), io.BytesIO(), io.BytesIO()
    tags[0x0112] = orientation
    image = Image.fromarray(pixels(7))
    image.save(plain, kind)
    image.save(turned, kind, exif=tags)
    files |= {"train/bird/b": plain.getvalue(), "train/bird/c": turned.getvalue()}
    _, as_it_is, as_tagged, *_ = load(write_folder(tmp_path, files)).train_images
    np.testing.assert_array_equal(as_tagged, as_it_is)


def test_one_channel_is_the_luminance(files, tmp_path):
    images = load(write_folder(tmp_path, files), channels=1)
    assert images.train_images.shape == (3, 1, 6, 6)
    luminance = pixels(2) @ [0.299, 0.587, 0.114]
    assert np.abs(images.train_images[0, 0] - luminance).max() <= 0.51


def test_resize_uses_the_chosen_filter(files, tmp_path):
    flat = np.full((12, 9, 3), 77, dtype=np.uint8)
    double = pixels(5).repeat(2, axis=0).repeat(2, axis=1)
    path = write_folder(tmp_path, files | {"train/bird/flat.png": encode(flat), "train/cat/x.png": encode(double)})
    for name in ("nearest", "bilinear", "bicubic", "lanczos"):
        images = load(path, image_size=[6, 6], resize=name)
        np.testing.assert_array_equal(images.train_images[1], np.full((3, 6, 6), 77))
        np.testing.assert_array_equal(images.train_images[0], pixels(2).transpose(2, 0, 1))  # already of that size
        exact = np.array_equal(images.train_images[4], pixels(5).transpose(2, 0, 1))
        assert exact == (name == "nearest")  # the nearest of a doubled pixel is that pixel; the others mix
    assert load(path, image_size=[9, 9], resize="bilinear").train_images.shape == (5, 3, 9, 9)


@pytest.mark.parametrize("options", [{}, {"image_size": [6, 6]}])
def test_another_size_without_resize_is_an_error_with_both_sizes(files, options, tmp_path):
    path = write_folder(tmp_path, files | {"train/cat/wide.png": encode(pixels(1, 5, 7))})
    with pytest.raises(ValueError, match="train/cat/wide.png has 5 x 7 pixels, expected 6 x 6"):
        load(path, **options)


def test_resize_without_image_size_is_refused(files, tmp_path):
    with pytest.raises(ValueError, match="resize 'bicubic' needs image_size"):
        load(write_folder(tmp_path, files), resize="bicubic")


@pytest.mark.parametrize("kind", ["folder", "archive"])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train/cat/notes.txt", b"not an image", "train/cat/notes.txt cannot be used as an image"),
        ("train/cat/empty.png", b"", "train/cat/empty.png cannot be used as an image"),
        ("train/cat/cut.png", encode(pixels(1))[:-40], "train/cat/cut.png cannot be used as an image"),
        (
            "train/cat/cut.jpg",
            encode(pixels(1, 64, 64), "JPEG")[:-900],
            "train/cat/cut.jpg cannot be used as an image",
        ),
        ("train/cat/deep.png", encode(np.full((6, 6), 40000, dtype=np.uint16)), "deep.png .*16"),
        ("train/cat/clear.png", encode(np.zeros((6, 6, 4), dtype=np.uint8)), "clear.png .*transparent"),
        ("train/frog/1.png", encode(pixels(1)), r"test has no images of the classes \['frog'\]"),
        ("test/frog/1.png", encode(pixels(1)), r"train has no images of the classes \['frog'\]"),
        ("README", b"hello", "README"),
        ("validation/cat/1.png", encode(pixels(1)), "validation"),
        ("train/cat/deeper/1.png", encode(pixels(1)), "deeper"),
        ("train/1.png", encode(pixels(1)), "1.png"),
    ],
)
def test_a_file_that_does_not_belong_is_one_error_naming_it(files, kind, name, content, message, tmp_path):
    write = write_folder if kind == "folder" else write_archive
    path = write(tmp_path / "images", files | {name: content})
    with pytest.raises(ValueError, match=message):
        load(path)


def test_animations_are_refused(files, tmp_path):
    buffer = io.BytesIO()
    frames = [Image.fromarray(pixels(seed)) for seed in (1, 2)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(ValueError, match="train/cat/moving.gif .*several frames"):
        load(write_folder(tmp_path, files | {"train/cat/moving.gif": buffer.getvalue()}))


def deep_png(color: int) -> bytes:
    """A PNG of 6 x 6 pixels with 16 bits a channel; color : 2 for RGB, 4 for gray and alpha, 6 for RGB and alpha."""
    channels = {2: 3, 4: 2, 6: 4}[color]

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(range(12 * channels)) for _ in range(6))
    header = struct.pack(">IIBBBBB", 6, 6, 16, color, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def deep_tiff() -> bytes:
    """An uncompressed TIFF of 6 x 6 RGB pixels with 16 bits a channel."""
    tags = {256: 6, 257: 6, 259: 1, 262: 2, 273: 8, 277: 3, 278: 6, 279: 216, 284: 1}
    data = bytes(range(216))
    entries = {key: struct.pack("<HHII", key, 4, 1, value) for key, value in tags.items()}
    entries[258] = struct.pack("<HHII", 258, 3, 3, 8 + len(data))
    directory = struct.pack("<H", len(entries)) + b"".join(entries[key] for key in sorted(entries)) + bytes(4)
    return struct.pack("<2sHI", b"II", 42, 8 + len(data) + 6) + data + struct.pack("<HHH", 16, 16, 16) + directory


@pytest.mark.parametrize(
    ("name", "content", "bits"),
    [
        ("deep.png", deep_png(2), 16),
        ("deep.png", deep_png(4), 16),
        ("deep.png", deep_png(6), 16),
        ("deep.tif", deep_tiff(), 16),
        ("deep.ppm", b"P6 6 6 65535\n" + bytes(216), 16),
        ("deep.ppm", b"P6 6 6 4095\n" + bytes(216), 12),
        ("plain.ppm", b"P3 6 6 1023\n" + b"1000 " * 108, 10),
    ],
)
def test_colours_of_more_than_8_bits_are_refused_and_not_cut(files, name, content, bits, tmp_path):
    assert Image.open(io.BytesIO(content)).mode in ("RGB", "RGBA", "LA")  # as if they had 8
    with pytest.raises(ValueError, match=f"train/cat/{name} .*: {bits} bits a channel, expected 8"):
        load(write_folder(tmp_path, files | {f"train/cat/{name}": content}))


def test_colours_of_fewer_bits_are_read(files, tmp_path):
    few = encode(pixels(1) // 128 * 255)
    path = write_folder(tmp_path, files | {"train/cat/a.ppm": b"P6 6 6 15\n" + bytes([15]) * 108})
    assert load(path).train_images[3].min() == 255
    for kind in ("PPM", "TIFF", "BMP"):
        (tmp_path / "train/cat/a.ppm").write_bytes(encode(np.asarray(Image.open(io.BytesIO(few))), kind))
        np.testing.assert_array_equal(load(path).train_images[3], (pixels(1) // 128 * 255).transpose(2, 0, 1))


def test_of_a_jpeg_with_further_pictures_the_first_is_read(files, tmp_path):
    buffer = io.BytesIO()
    first, second = (Image.fromarray(np.full((6, 6, 3), value, dtype=np.uint8)) for value in (200, 20))
    first.save(buffer, "MPO", save_all=True, append_images=[second])
    images = load(write_folder(tmp_path, files | {"train/cat/z.jpg": buffer.getvalue()}))
    assert np.abs(images.train_images[3].astype(int) - 200).max() <= 1


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\0\0\0\x20ftypavif\0\0\0\0", "it is AVIF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "it is HEIC"),
        (b"\xff\x0a\xfa\x1f", "it is JPEG XL"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "it is SVG"),
        (b"notes", "or damaged"),
    ],
)
def test_what_is_no_image_is_said_in_the_same_words_each_time(files, content, kind, tmp_path):
    path = write_folder(tmp_path, files | {"train/cat/9.jpg": content})
    with pytest.raises(ValueError) as caught:
        load(path)
    expected = "train/cat/9.jpg cannot be used as an image: none of BMP, GIF, JPEG, PNG, PPM, TIFF, WebP"
    assert expected in str(caught.value) and str(caught.value).endswith(kind)
    assert "0x" not in str(caught.value).removeprefix(path)


@pytest.mark.parametrize("kind", ["folder", "archive"])
def test_what_a_desktop_puts_beside_images_does_not_count(files, kind, tmp_path):
    write = write_folder if kind == "folder" else write_archive
    places = (".DS_Store", "train/.DS_Store", "train/cat/Thumbs.db", "test/cat/desktop.ini", "train/cat/._2.png")
    litter = dict.fromkeys([*places, "__MACOSX/train/cat/._2.png", "train/__MACOSX/1.png"], encode(pixels(9)))
    images = load(write(tmp_path / "littered", files | litter))
    expect(images)
    if kind == "folder":
        clean = load(write(tmp_path / "clean", files))
        assert images.source["folder_sha256"] == clean.source["folder_sha256"]


@pytest.mark.parametrize("kind", ["folder", "archive"])
@pytest.mark.parametrize("place", [".ipynb_checkpoints/1.png", ".Trash-1000/1.png", "cat/.hidden.png"])
def test_hidden_folders_are_no_classes_and_hidden_files_no_images(files, kind, place, tmp_path):
    write = write_folder if kind == "folder" else write_archive
    hidden = {f"{split}/{place}": encode(pixels(9)) for split in ("train", "test")}
    name = next(part for part in place.split("/") if part.startswith("."))
    with pytest.raises(ValueError, match=f"{re.escape(name)} is hidden, .*: remove it, or rename it"):
        load(write(tmp_path / "images", files | hidden))


def test_images_that_are_not_square_are_refused_with_the_cure(tmp_path):
    path = write_folder(tmp_path, {place: encode(pixels(seed, 6, 4)) for place, seed in PLACES})
    with pytest.raises(ValueError, match=r"6 x 4 pixels; .* as image_size: \[4, 4\], resize: bicubic"):
        load(path)
    with pytest.raises(ValueError, match="as many rows as columns"):
        load(path, image_size=[8, 9], resize="bicubic")
    assert load(path, image_size=[4, 4], resize="bicubic").train_images.shape == (3, 3, 4, 4)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("second", ["archive", "text", "in the last record"])
def test_an_archive_that_goes_on_after_its_end_is_refused(files, mode, second, tmp_path):
    path = Path(write_archive(tmp_path / "images", files, mode=mode))
    renamed = {name.replace(".png", "b.png"): data for name, data in files.items()}
    first = path.read_bytes()
    if second == "archive":  # as `cat a.tar b.tar`
        path.write_bytes(first + Path(write_archive(tmp_path / "b", renamed, mode=mode)).read_bytes())
    elif second == "text" and mode == "w":
        path.write_bytes(first + b"x")
    elif mode == "w":  # the end of the archive is two blocks of zeros; its last record is filled up with more of them
        path.write_bytes(first[:-512] + b"x" * 512)
    else:
        path.write_bytes(first + b"more, and not compressed")
    with pytest.raises(ValueError, match="has content after its end|truncated or damaged"):
        load(str(path))


def test_a_tilde_is_named_where_it_is_why_nothing_is_found():
    with pytest.raises(ValueError, match="found neither; ~ is not expanded here, write the folder out"):
        load("~/no_such_images.tar")


def test_an_empty_class_folder_is_an_error(files, tmp_path):
    path = write_folder(tmp_path / "folder", files)
    (tmp_path / "folder/train/frog").mkdir()
    with pytest.raises(ValueError, match="frog is empty"):
        load(path)
    frog = folder_member("train/frog")
    with pytest.raises(ValueError, match=r"found none in \['train/frog'\]"):
        load(write_archive(tmp_path / "archive", files, extra=(frog,)))


def folder_member(name: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = tarfile.DIRTYPE
    return member


@pytest.mark.parametrize("top", ["train", "test"])
def test_the_top_level_folder_of_an_archive_may_be_called_train_or_test(files, top, tmp_path):
    inside = {f"{top}/{name}": data for name, data in files.items()}
    folders = tuple(map(folder_member, {str(parent) for name in inside for parent in Path(name).parents[:-1]}))
    expect(load(write_archive(tmp_path / "archive", inside, extra=folders)))
    frog = folder_member(f"{top}/train/frog")
    with pytest.raises(ValueError, match=rf"found none in \['{top}/train/frog'\]"):
        load(write_archive(tmp_path / "archive", inside, extra=(*folders, frog)))


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_missing_split_is_an_error(files, split, tmp_path):
    rest = {name: data for name, data in files.items() if not name.startswith(split)}
    with pytest.raises(ValueError, match=f"{split} has no images"):
        load(write_folder(tmp_path, rest))


def test_a_missing_path_is_named(tmp_path):
    with pytest.raises(ValueError, match="expected a folder or a tar archive at .*nowhere"):
        load(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("kept", [0.0, 0.2, 0.5, 0.8, -4])
def test_a_truncated_archive_is_refused(files, mode, kept, tmp_path):
    # big enough that a cut falls between and inside members; the plain tar loses its end mark with the tail
    more = {f"train/cat/more{number}.png": encode(pixels(number, 30, 30)) for number in range(20)}
    path = Path(write_archive(tmp_path / "images", files | more, mode=mode))
    data = path.read_bytes()
    end = data.rindex(b"IEND") + 12 if mode == "w" else len(data)
    path.write_bytes(data[: int(kept * end) if kept >= 0 else end + int(kept)])
    with pytest.raises(ValueError, match="truncated or damaged"):
        load(str(path), image_size=[6, 6], resize="nearest")


def test_a_tar_cut_exactly_between_members_is_refused(files, tmp_path):
    path = Path(write_archive(tmp_path / "images", files))
    data = path.read_bytes()
    last = data.rindex(b"test/bird/1.png")
    path.write_bytes(data[:last])
    with pytest.raises(ValueError, match="truncated or damaged"):
        load(str(path))


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_an_altered_byte_in_a_compressed_archive_is_found(files, mode, tmp_path):
    path = Path(write_archive(tmp_path / "images", files, mode=mode))
    data = bytearray(path.read_bytes())
    for position in range(20, len(data), len(data) // 25):
        altered = data.copy()
        altered[position] ^= 0x10
        path.write_bytes(altered)
        with pytest.raises(ValueError, match="image_folder"):
            load(str(path))


def test_an_altered_header_in_a_plain_archive_is_found(files, tmp_path):
    path = Path(write_archive(tmp_path / "images", files))
    data = bytearray(path.read_bytes())
    data[data.index(b"test/cat/1.png") + 110] ^= 0x10  # tarfile alone would take this for the end of the archive
    path.write_bytes(data)
    with pytest.raises(ValueError, match="truncated or damaged"):
        load(str(path))


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "images.tar").write_bytes(b"some text " * 300)
    with pytest.raises(ValueError, match="images.tar is not a tar archive"):
        load(str(tmp_path / "images.tar"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/train/cat/9.png", "points outside"),
        ("../train/cat/9.png", "points outside"),
        ("train/cat/../../../9.png", "points outside"),
    ],
)
def test_names_that_leave_the_archive_are_refused(files, name, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load(write_archive(tmp_path / "images", files | {name: encode(pixels(1))}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_special_files_in_an_archive_are_refused(files, kind, tmp_path):
    link = tarfile.TarInfo("train/cat/9.png")
    link.type, link.linkname = kind, "train/cat/2.png"
    with pytest.raises(ValueError, match="train/cat/9.png' is a link or a special file"):
        load(write_archive(tmp_path / "images", files, extra=(link,)))


def test_two_top_level_folders_and_repeated_names_are_refused(files, tmp_path):
    with pytest.raises(ValueError, match="one top-level folder"):
        load(
            write_archive(
                tmp_path / "a",
                {f"x/{name}": data for name, data in files.items()} | {"y/train/cat/1.png": b""},
            )
        )
    path = write_archive(tmp_path / "b", files)
    with tarfile.open(path, "a") as archive:
        archive.addfile(tarfile.TarInfo("train/cat/2.png"))
    with pytest.raises(ValueError, match="train/cat/2.png occurs twice"):
        load(path)


def test_images_made_to_fill_the_memory_are_refused(files, tmp_path, monkeypatch):
    big = encode(np.zeros((100, 100), dtype=np.uint8))
    path = write_folder(tmp_path / "a", files | {"train/cat/big.png": big})
    monkeypatch.setattr(decoding, "PIXEL_LIMIT", 9999)
    with pytest.raises(ValueError, match="big.png .*10000 pixels, at most 9999"):
        load(path)
    monkeypatch.setattr(decoding, "PIXEL_LIMIT", 10**6)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9999)  # where Pillow itself only warns
    with pytest.raises(ValueError, match="big.png .*decompression bomb"):
        load(path)
    monkeypatch.setattr(image_tree, "BYTE_LIMIT", 1000)
    bomb = tarfile.TarInfo("train/cat/long.png")
    bomb.size = 1001
    with tarfile.open(tmp_path / "b", "w:xz") as archive:
        archive.addfile(bomb, io.BytesIO(bytes(1001)))
    with pytest.raises(ValueError, match="long.png' has 1001 bytes, at most 1000"):
        load(str(tmp_path / "b"))


def test_real_images(tmp_path):
    path = os.environ.get("ADVSPECTRA_IMAGES")
    if not path:
        pytest.skip("ADVSPECTRA_IMAGES is not set to an archive of real images")
    with tarfile.open(path) as every, tarfile.open(tmp_path / "some", "w") as some:  # one in twenty: 3,000 of CIFAR-10
        for number, member in enumerate(member for member in every if member.isfile()):
            if number % 20 == 0:
                some.addfile(member, every.extractfile(member))
    images = load(str(tmp_path / "some"))
    assert images.train_images.shape[0] > images.test_images.shape[0] > 0
    # natural images are smooth: neighbours are far closer than two pixels at random
    neighbours = np.diff(images.test_images.astype(float), axis=3).var()
    assert neighbours < 0.3 * 2 * images.test_images.var()
