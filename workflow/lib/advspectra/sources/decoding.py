"""Decode one image file, perhaps a stranger's: 8 bits a channel, opaque, of a known format."""

import io
import re

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import Base

FILTERS = {name: Image.Resampling[name.upper()] for name in ("nearest", "bilinear", "bicubic", "lanczos")}
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
# Against files made to fill the memory; photographs stay far below.
PIXEL_LIMIT = 50_000_000  # of one decoded image
# Pillow modes whose values fit 8 bits; converting others (16-bit, float) would clip.
MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV")


def decode(data: bytes, *, name: str, size: tuple[int, int] | None, resize: str, channels: int) -> np.ndarray:
    """An encoded image as (C, H, W) uint8, as it is stored: what it says of its orientation does not count.

    size : (H, W) to resize to or, with "none", required.
    """
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
        if image.format == "TIFF":  # which Pillow, and no other format, rotates as it is loaded
            image.getexif().pop(Base.Orientation, None)
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
    """The bits a channel of an image that is not loaded yet, 8 for fewer.

    Its mode does not tell: Pillow takes the upper 8 of 16 bits of colour, and gives the image the mode of 8.
    """
    if image.format == "TIFF":
        return max([8, *image.tag_v2.get(258, ())])  # BitsPerSample
    if image.format == "PPM":  # the codec is given the largest value
        values = [value for tile in image.tile if isinstance(tile.args, tuple) for value in tile.args]
        return max([8, *(value.bit_length() for value in values if isinstance(value, int))])
    deep = (re.search(r";(\d+)[BLN]$", tile.args) for tile in image.tile if isinstance(tile.args, str))
    return max([8, *(int(match[1]) for match in deep if match)])
