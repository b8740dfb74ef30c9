"""Synthetic images whose classes differ in one frequency band only: a controlled experiment.

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
from advspectra.sources.bands import background_amplitude, backgrounds, band_support, class_patterns

SPEC = {
    "options": {
        "classes": {"type": "integer", "minimum": 2, "default": 10, "description": "number of classes"},
        "train_per_class": {
            "type": "integer",
            "minimum": 1,
            "default": 400,
            "description": "training images of each class",
        },
        "test_per_class": {"type": "integer", "minimum": 1, "default": 100, "description": "test images of each class"},
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
        "seed": {"type": "integer", "minimum": 0, "default": 0, "description": "seed of patterns, noise and order"},
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
    """Balanced training and test sets in shuffled order; the same options give the same bytes.

    Raises ValueError if no frequency of the image lies in the band, or if more than 1 % of all values would be clipped.
    The source holds the options and `clipped_fraction`, the fraction of values outside the pixel range.
    """
    shape = (int(image_size[0]), int(image_size[1]))
    amplitude = background_amplitude(shape, exponent=exponent, rms=background_rms)
    support = band_support(shape, band=band, orientation=orientation)
    streams = list(map(np.random.default_rng, np.random.SeedSequence(seed).spawn(3)))
    patterns = class_patterns(amplitude, support, classes=classes, contrast=contrast, generator=streams[0])

    arrays, clipped, total = {}, 0, 0
    for split, per_class, generator in (("train", train_per_class, streams[1]), ("test", test_per_class, streams[2])):
        labels = generator.permutation(np.repeat(np.arange(classes, dtype=np.int64), per_class))
        images, beyond = _drawn(patterns, labels, amplitude, channels, channel_correlation, generator)
        clipped, total = clipped + beyond, total + images.size
        arrays |= {f"{split}_images": images, f"{split}_labels": labels}

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


def _drawn(
    patterns: np.ndarray,
    labels: np.ndarray,
    amplitude: np.ndarray,
    channels: int,
    channel_correlation: float,
    generator: np.random.Generator,
) -> tuple[np.ndarray, int]:
    """Images of the classes `labels`, (N, C, H, W) uint8, and how many of their values were clipped."""
    images, clipped = np.empty((len(labels), channels, *amplitude.shape), dtype=np.uint8), 0
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
    return images, clipped
