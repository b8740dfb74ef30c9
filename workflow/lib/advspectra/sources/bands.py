"""Noise with natural spectra, and patterns with their Fourier support in one band and sector of frequencies."""

import numpy as np


def background_amplitude(shape: tuple[int, int], *, exponent: float, rms: float) -> np.ndarray:
    """Factors (H, W) that turn the DFT of white unit noise into that of a background with this rms.

    Frequencies in the order of np.fft.fftfreq. The rms is over pixels and images, zero frequency included.
    """
    frequency_y, frequency_x = _frequencies(shape)
    factors = np.maximum(np.hypot(frequency_y, frequency_x), 1.0) ** -exponent
    return factors * rms / np.sqrt(np.mean(factors**2))


def band_support(shape: tuple[int, int], *, band: dict[str, float], orientation: dict[str, float] | None) -> np.ndarray:
    """The mask (H, W) bool of the frequencies in the band and sector, in the order of np.fft.fftfreq.

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
    amplitude: np.ndarray, support: np.ndarray, *, classes: int, contrast: float, generator: np.random.Generator
) -> np.ndarray:
    """Patterns (K, H, W), fractions of the pixel range, with Fourier support inside `support`.

    amplitude : (H, W) from `background_amplitude`. Rms of a pattern: contrast * (rms of background there).
    """
    noise = generator.standard_normal((classes, *amplitude.shape))
    patterns = np.fft.ifft2(np.fft.fft2(noise) * (amplitude * support)).real
    band_rms = np.sqrt(np.mean((amplitude * support) ** 2))
    return patterns * contrast * band_rms / np.sqrt(np.mean(patterns**2, axis=(1, 2), keepdims=True))


def backgrounds(
    amplitude: np.ndarray, *, images: int, channels: int, channel_correlation: float, generator: np.random.Generator
) -> np.ndarray:
    """Backgrounds (N, C, H, W) around zero, fractions of the pixel range.

    amplitude : (H, W) from `background_amplitude`.
    """
    noise = generator.standard_normal((images, channels + 1, *amplitude.shape))
    # (N, 1 + C, H, W) -> (N, C, H, W): one part common to the channels, one of each
    noise = np.sqrt(channel_correlation) * noise[:, :1] + np.sqrt(1 - channel_correlation) * noise[:, 1:]
    half = amplitude[:, : amplitude.shape[1] // 2 + 1]
    return np.fft.irfft2(np.fft.rfft2(noise) * half, s=amplitude.shape)


def _frequencies(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """k_y (H, 1) and k_x (1, W) in cycles/image, in the order of np.fft.fftfreq."""
    height, width = shape
    return height * np.fft.fftfreq(height)[:, None], width * np.fft.fftfreq(width)[None, :]
