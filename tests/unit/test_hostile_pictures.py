"""Images made to fill the memory or to run a program, and formats that are not listed: refused, naming the file."""

import io
import pickle
import struct
import subprocess
import zlib

import pytest
from image_archives import encode, loaded, member, pixels, tar
from PIL import Image

from advspectra.sources import decoding


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, *chunks, rows=b""):
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", head), *chunks, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


ROWS = bytes(4 * 13)
EMPTY = zlib.compress(bytes(2**27))  # 128 MiB


def gif(frames):
    buffer = io.BytesIO()
    images = [Image.new("L", (4, 4), shade % 256) for shade in range(frames)]
    images[0].save(buffer, "GIF", save_all=True, append_images=images[1:])
    return buffer.getvalue()


def bmp_header(width, height):
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, *[0] * 6)


BOMBS = {
    "png of 2.5e9 pixels": (png(50_000, 50_000), "decompression bomb|2500000000 pixels"),
    "png of 7e7 pixels": (png(10_000, 7_000), "70000000 pixels, at most"),
    "png of 2^31 - 1 squared": (png(2**31 - 1, 2**31 - 1), "decompression bomb|pixels"),
    "png larger than it says": (png(400, 400, rows=ROWS), "truncated"),
    "png without pixels": (png(0, 0), ""),
    "png with a long text": (png(4, 4, chunk(b"zTXt", b"a\0\0" + EMPTY), rows=ROWS), "Decompressed data too large"),
    "png with a long itxt": (
        png(4, 4, chunk(b"iTXt", b"a\0\1\0\0\0" + EMPTY), rows=ROWS),
        "Decompressed data too large",
    ),
    "png with a long profile": (png(4, 4, chunk(b"iCCP", b"a\0\0" + EMPTY), rows=ROWS), "Decompressed data too large"),
    "png with a chunk that lies": (png(4, 4)[:33] + b"\xff\xff\xff\xffIDAT", ""),
    "gif of many frames": (gif(200), "several frames"),
    "bmp of 1e9 pixels": (bmp_header(31_623, 31_623), "decompression bomb|pixels"),
    "ppm of 1e10 pixels": (b"P6 100000 100000 255 ", "decompression bomb|pixels"),
    "tiff of 1e8 pixels": (
        b"II*\0\x08\0\0\0\x03\0"
        + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in ((256, 10_000), (257, 10_000), (259, 1)))
        + bytes(4),
        "",
    ),
    "eps": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n%%EndComments\nshowpage\n%%EOF\n", "none of BMP, GIF"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "none of BMP, GIF"),
    "pdf": (b"%PDF-1.7\n", "none of BMP, GIF"),
    "psd": (b"8BPS" + bytes(60), "none of BMP, GIF"),
    "wmf": (b"\xd7\xcd\xc6\x9a\0\0" + bytes(60), "none of BMP, GIF"),
    "fli": (bytes(4) + b"\x12\xaf" + bytes(200), "none of BMP, GIF"),
    "pickle": (pickle.dumps({"a": 1}), "none of BMP, GIF"),
}


@pytest.mark.parametrize("case", BOMBS)
def test_images_made_to_fill_the_memory_or_run_programs_are_refused(tmp_path, case, monkeypatch):
    data, message = BOMBS[case]
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a program was started"))
    with pytest.raises(ValueError, match=f"bomb.png cannot be used as an image: .*({message})"):
        loaded(tmp_path, tar(member("train/cat/bomb.png", data)))


@pytest.mark.parametrize("kind", ["EPS", "PDF", "ICO", "TGA", "PCX", "SGI", "IM", "MSP"])
def test_formats_that_are_not_listed_are_not_decoded(tmp_path, kind):
    with pytest.raises(ValueError, match="bomb.png cannot be used as an image: none of BMP, GIF, JPEG, PNG"):
        loaded(
            tmp_path, tar(member("train/cat/bomb.png", encode(pixels(16, 16, "1" if kind == "MSP" else "RGB"), kind)))
        )


@pytest.mark.parametrize("kind", decoding.FORMATS)
def test_formats_that_are_listed_are_decoded(tmp_path, kind):
    more = encode(pixels(), kind)
    assert len(loaded(tmp_path, tar(member(f"train/cat/more.{kind}", more))).train_images) == 3
