"""Images from folders and archives: the pixels are those stored, and every bad input is one clear error."""

import hashlib
import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from advspectra.datasets import image_folder

PLACES = [
    ("train/cat/2.png", 0),
    ("train/cat/10.png", 1),
    ("train/bird/a.png", 2),
    ("test/cat/1.png", 3),
    ("test/bird/1.png", 4),
]


def pixels(seed: int, height: int = 6, width: int = 4) -> np.ndarray:
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
    gray = np.arange(24, dtype=np.uint8).reshape(6, 4)
    files |= {
        "train/bird/b.bmp": encode(pixels(7), "BMP"),
        "train/bird/c.webp": encode(pixels(7), "WEBP"),
        "train/cat/g.png": encode(gray),
        "train/cat/h.jpg": encode(pixels(8), "JPEG"),
    }
    images = load(write_folder(tmp_path, files))
    assert images.train_images.shape == (7, 3, 6, 4)
    np.testing.assert_array_equal(images.train_images[1], pixels(7).transpose(2, 0, 1))
    np.testing.assert_array_equal(images.train_images[5], np.stack([gray] * 3))


def test_one_channel_is_the_luminance(files, tmp_path):
    images = load(write_folder(tmp_path, files), channels=1)
    assert images.train_images.shape == (3, 1, 6, 4)
    luminance = pixels(2) @ [0.299, 0.587, 0.114]
    assert np.abs(images.train_images[0, 0] - luminance).max() <= 0.51


def test_resize_uses_the_chosen_filter(files, tmp_path):
    flat = np.full((12, 8, 3), 77, dtype=np.uint8)
    double = pixels(5).repeat(2, axis=0).repeat(2, axis=1)
    path = write_folder(tmp_path, files | {"train/bird/flat.png": encode(flat), "train/cat/x.png": encode(double)})
    for name in ("nearest", "bilinear", "bicubic", "lanczos"):
        images = load(path, image_size=[6, 4], resize=name)
        np.testing.assert_array_equal(images.train_images[1], np.full((3, 6, 4), 77))
        np.testing.assert_array_equal(images.train_images[0], pixels(2).transpose(2, 0, 1))  # already of that size
        exact = np.array_equal(images.train_images[4], pixels(5).transpose(2, 0, 1))
        assert exact == (name == "nearest")  # the nearest of a doubled pixel is that pixel; the others mix
    assert load(path, image_size=[3, 9], resize="bilinear").train_images.shape == (5, 3, 3, 9)


@pytest.mark.parametrize("options", [{}, {"image_size": [6, 4]}])
def test_another_size_without_resize_is_an_error_with_both_sizes(files, options, tmp_path):
    path = write_folder(tmp_path, files | {"train/cat/wide.png": encode(pixels(1, 5, 7))})
    with pytest.raises(ValueError, match="train/cat/wide.png has 5 x 7 pixels, expected 6 x 4"):
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
        ("train/cat/deep.png", encode(np.full((6, 4), 40000, dtype=np.uint16)), "deep.png .*pixel mode I.16"),
        ("train/cat/clear.png", encode(np.zeros((6, 4, 4), dtype=np.uint8)), "clear.png .*transparent"),
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


def test_an_empty_class_folder_is_an_error(files, tmp_path):
    path = write_folder(tmp_path / "folder", files)
    (tmp_path / "folder/train/frog").mkdir()
    with pytest.raises(ValueError, match="frog is empty"):
        load(path)
    frog = tarfile.TarInfo("train/frog")
    frog.type = tarfile.DIRTYPE
    with pytest.raises(ValueError, match=r"found none in \['train/frog'\]"):
        load(write_archive(tmp_path / "archive", files, extra=(frog,)))


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
        load(str(path), image_size=[6, 4], resize="nearest")


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
    monkeypatch.setattr(image_folder, "PIXEL_LIMIT", 9999)
    with pytest.raises(ValueError, match="big.png .*10000 pixels, at most 9999"):
        load(path)
    monkeypatch.setattr(image_folder, "PIXEL_LIMIT", 10**6)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 9999)  # where Pillow itself only warns
    with pytest.raises(ValueError, match="big.png .*decompression bomb"):
        load(path)
    monkeypatch.setattr(image_folder, "BYTE_LIMIT", 1000)
    bomb = tarfile.TarInfo("train/cat/long.png")
    bomb.size = 1001
    with tarfile.open(tmp_path / "b", "w:xz") as archive:
        archive.addfile(bomb, io.BytesIO(bytes(1001)))
    with pytest.raises(ValueError, match="long.png' has 1001 bytes, at most 1000"):
        load(str(tmp_path / "b"))


def test_real_images():
    path = os.environ.get("ADVSPECTRA_IMAGES")
    if not path:
        pytest.skip("ADVSPECTRA_IMAGES is not set to an archive of real images")
    images = load(path)
    assert images.train_images.shape[0] > images.test_images.shape[0] > 0
    # natural images are smooth: neighbours are far closer than two pixels at random
    neighbours = np.diff(images.test_images.astype(float), axis=3).var()
    assert neighbours < 0.3 * 2 * images.test_images.var()
