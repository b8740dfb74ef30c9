"""Synthetic images whose class information lies in one frequency band: a controlled experiment.

An image is a background plus the pattern of its class, plus a mean of 0.5 (half of the pixel range):

- Background: Gaussian noise whose expected amplitude falls as k^-exponent, k = distance to the zero frequency
  in cycles/image, as in natural images (exponent about 1: Field 1987, J. Opt. Soc. Am. A 4:2379). The zero
  frequency has the amplitude of k = 1. New for each image; its channels have the given correlation.
- Pattern: one fixed draw of the same noise for each class, equal in all channels, with its Fourier support
  exactly in low <= k <= high, and, if an orientation is given, in that sector. Outside, classes do not
  differ.
- contrast = rms of a pattern / expected rms of the background inside the same band and sector. As
  background and pattern fall alike, the expected signal-to-noise ratio is the same at each frequency of
  each band; a wider band, or a higher one, has more frequencies and is the easier one at equal contrast.
"""

import numpy as np

from advspectra.files.images import ImageSet

SPEC = {
    "options": {
        "classes": {"type": "integer", "minimum": 2, "default": 10, "description": "number of classes"},
        "train_per_class": {
            "type": "integer",
            "minimum": 1,
            "default": 400,
            "description": "training images of each class",
        },
        "test_per_class": {
            "type": "integer",
            "minimum": 1,
            "default": 100,
            "description": "test images of each class",
        },
        "image_size": {
            "type": "array",
            "items": {"type": "integer", "minimum": 4},
            "minItems": 2,
            "maxItems": 2,
            "default": [32, 32],
            "description": "height and width (pixels)",
        },
        "channels": {"type": "integer", "minimum": 1, "default": 3, "description": "colour channels"},
        "band": {
            "type": "object",
            "properties": {
                "low": {"type": "number", "exclusiveMinimum": 0, "description": "lowest k (cycles/image)"},
                "high": {"type": "number", "exclusiveMinimum": 0, "description": "highest k (cycles/image)"},
            },
            "required": ["low", "high"],
            "additionalProperties": False,
            "description": "where the classes differ: low <= k <= high",
        },
        "orientation": {
            "type": ["object", "null"],
            "properties": {
                "center": {
                    "type": "number",
                    "minimum": 0,
                    "exclusiveMaximum": 180,
                    "description": "angle of the frequency vector, atan2(k_y, k_x), y downwards (degrees)",
                },
                "half_width": {
                    "type": "number",
                    "exclusiveMinimum": 0,
                    "maximum": 90,
                    "description": "largest distance from the center (degrees)",
                },
            },
            "required": ["center", "half_width"],
            "additionalProperties": False,
            "default": None,
            "description": "sector of the band that the patterns fill; null: all orientations",
        },
        "contrast": {
            "type": "number",
            "minimum": 0,
            "default": 0.4,
            "description": "rms of a pattern / rms of the background inside the same band and sector",
        },
        "background_rms": {
            "type": "number",
            "exclusiveMinimum": 0,
            "default": 0.15,
            "description": "rms of the background (fraction of the pixel range)",
        },
        "exponent": {
            "type": "number",
            "minimum": 0,
            "default": 1,
            "description": "the amplitude falls as k^-exponent; natural images: about 1",
        },
        "channel_correlation": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "default": 0.9,
            "description": "correlation of the background between two channels",
        },
        "seed": {
            "type": "integer",
            "minimum": 0,
            "default": 0,
            "description": "seed of patterns, noise and order",
        },
    },
    "required": ["band"],
}

# Above this fraction of clipped values the clipping itself would carry the pattern to other frequencies.
CLIPPED_LIMIT = 0.01
CHUNK = 256  # images computed at once, to bound the memory


def load(
    *,
    classes: int,
    train_per_class: int,
    test_per_class: int,
    image_size: list[int],
    channels: int,
    band: dict[str, float],
    orientation: dict[str, float] | None,
    contrast: float,
    background_rms: float,
    exponent: float,
    channel_correlation: float,
    seed: int,
) -> ImageSet:
    """Return balanced training and test sets in shuffled order; the same options give the same bytes.

    Raises ValueError if no frequency of the image lies in the band, or if more than 1 % of all values would
    be clipped. source holds the options and `clipped_fraction`, the fraction of values outside the
    pixel range.
    """
    shape = (int(image_size[0]), int(image_size[1]))
    amplitude = background_amplitude(shape, exponent=exponent, rms=background_rms)
    support = band_support(shape, band=band, orientation=orientation)
    streams = np.random.SeedSequence(seed).spawn(3)
    patterns = class_patterns(
        amplitude, support, classes=classes, contrast=contrast, generator=np.random.default_rng(streams[0])
    )

    arrays, clipped, total = {}, 0, 0
    for split, per_class, stream in (
        ("train", train_per_class, streams[1]),
        ("test", test_per_class, streams[2]),
    ):
        generator = np.random.default_rng(stream)
        labels = generator.permutation(np.repeat(np.arange(classes, dtype=np.int64), per_class))
        images = np.empty((len(labels), channels, *shape), dtype=np.uint8)
        for start in range(0, len(labels), CHUNK):
            part = slice(start, start + CHUNK)
            values = 0.5 + patterns[labels[part], None]  # (N, H, W) -> (N, 1, H, W), the same in each channel
            values = values + backgrounds(
                amplitude,
                images=len(values),
                channels=channels,
                channel_correlation=channel_correlation,
                generator=generator,
            )
            clipped += int(np.count_nonzero((values < 0) | (values > 1)))
            images[part] = np.rint(255 * np.clip(values, 0, 1))
        total += images.size
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = images, labels

    fraction = clipped / total
    if fraction > CLIPPED_LIMIT:
        raise ValueError(
            f"band_features: {fraction:.1%} of the values lie outside the pixel range, at most "
            f"{CLIPPED_LIMIT:.0%} may; lower background_rms ({background_rms}) or contrast ({contrast})"
        )
    source = {
        "source": "band_features",
        "seed": seed,
        "band_low": band["low"],
        "band_high": band["high"],
        "contrast": contrast,
        "background_rms": background_rms,
        "exponent": exponent,
        "channel_correlation": channel_correlation,
        "clipped_fraction": fraction,
    }
    if orientation is not None:
        source |= {f"orientation_{key}": orientation[key] for key in ("center", "half_width")}
    width = len(str(classes - 1))
    names = tuple(f"class_{index:0{width}d}" for index in range(classes))
    return ImageSet(**arrays, class_names=names, source=source)


def background_amplitude(shape: tuple[int, int], *, exponent: float, rms: float) -> np.ndarray:
    """Return factors (H, W) that turn the DFT of white unit noise into that of a background with this rms.

    Frequencies in the order of np.fft.fftfreq. The rms is over pixels and images, zero frequency included.
    """
    frequency_y, frequency_x = _frequencies(shape)
    factors = np.maximum(np.hypot(frequency_y, frequency_x), 1.0) ** -exponent
    return factors * rms / np.sqrt(np.mean(factors**2))


def band_support(shape: tuple[int, int], *, band: dict[str, float], orientation: dict[str, float] | None) -> np.ndarray:
    """Return the mask (H, W) bool of the frequencies in the band and sector, in the order of np.fft.fftfreq.

    Both ends of the band and of the sector belong to it. ValueError if nothing does.
    """
    frequency_y, frequency_x = _frequencies(shape)
    distance = np.hypot(frequency_y, frequency_x)
    inside = (distance >= band["low"]) & (distance <= band["high"])
    if orientation is not None:
        angle = np.degrees(np.arctan2(frequency_y, frequency_x))
        # angles of waves repeat every 180 degrees
        apart = np.abs((angle - orientation["center"] + 90) % 180 - 90)
        inside &= apart <= orientation["half_width"]
        # A Nyquist wave belongs to two angles; it stays only if both are inside, so that patterns are real.
        inside &= np.roll(inside[::-1, ::-1], 1, axis=(0, 1))
    if not inside.any():
        raise ValueError(
            f"band_features: no frequency of a {shape[0]} x {shape[1]} image lies in band {band}, "
            f"orientation {orientation}; k goes from 0 to {distance.max():.1f} cycles/image"
        )
    return inside


def class_patterns(
    amplitude: np.ndarray,
    support: np.ndarray,
    *,
    classes: int,
    contrast: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return the patterns (K, H, W), fractions of the pixel range, with Fourier support inside `support`.

    amplitude : (H, W) from `background_amplitude`. Rms of a pattern: contrast * (rms of background there).
    """
    noise = generator.standard_normal((classes, *amplitude.shape))
    patterns = np.fft.ifft2(np.fft.fft2(noise) * (amplitude * support)).real
    band_rms = np.sqrt(np.mean((amplitude * support) ** 2))
    return patterns * contrast * band_rms / np.sqrt(np.mean(patterns**2, axis=(1, 2), keepdims=True))


def backgrounds(
    amplitude: np.ndarray,
    *,
    images: int,
    channels: int,
    channel_correlation: float,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return backgrounds (N, C, H, W) around zero, fractions of the pixel range.

    amplitude : (H, W) from `background_amplitude`.
    """
    noise = generator.standard_normal((images, channels + 1, *amplitude.shape))
    # (N, 1 + C, H, W) -> (N, C, H, W): one part common to the channels, one of each
    noise = np.sqrt(channel_correlation) * noise[:, :1] + np.sqrt(1 - channel_correlation) * noise[:, 1:]
    half = amplitude[:, : amplitude.shape[1] // 2 + 1]
    return np.fft.irfft2(np.fft.rfft2(noise) * half, s=amplitude.shape)


def _frequencies(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return k_y (H, 1) and k_x (1, W) in cycles/image, in the order of np.fft.fftfreq."""
    height, width = shape
    return height * np.fft.fftfreq(height)[:, None], width * np.fft.fftfreq(width)[None, :]
