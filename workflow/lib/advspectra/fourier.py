"""Spectra of perturbations and predictors: power, radial and angular energy, norms, half-power frequency, flatness.

Frequencies are in cycles/image: bin (ky, kx) of an (H, W) image completes ky periods over its height and kx over its
width. Power arrays are shifted: zero frequency at [H//2, W//2], as numpy.fft.fftshift leaves it.

A convention says how colour is reduced and how the DFT is scaled. The paper gives neither; PAPER.md infers them from
Ortega Caro et al. (2020), Sections 3.2 and 3.3 and Tables 1-2:

- `paper`           luminance of the image, unnormalised DFT, all H*W bins including zero
- `rgb`             each channel on its own, unnormalised DFT, C*H*W bins
- `orthonormal`     luminance, DFT divided by sqrt(H*W): the 2-norm equals that of the luminance in pixels
- `rgb_orthonormal` each channel on its own, DFT divided by sqrt(H*W): the 2-norm equals that of the pixels
"""

import numpy as np

# ITU-R BT.601, the weights of the usual RGB to gray conversion
LUMINANCE = np.array([0.299, 0.587, 0.114])

# name -> (reduce colour to luminance?, norm argument of numpy.fft.fft2)
CONVENTIONS = {
    "paper": (True, "backward"),
    "rgb": (False, "backward"),
    "orthonormal": (True, "ortho"),
    "rgb_orthonormal": (False, "ortho"),
}


def luminance(images: np.ndarray) -> np.ndarray:
    """The luminance of images, (N, C, H, W) -> (N, 1, H, W) float64.

    A single channel is its own luminance. Raises ValueError unless C is 1 or 3.
    """
    channels = images.shape[1]
    if channels == 1:
        return images.astype(np.float64)
    if channels != 3:
        raise ValueError(f"luminance is defined for 1 or 3 channels, got {channels}; use an rgb convention")
    return np.einsum("c,nchw->nhw", LUMINANCE, images.astype(np.float64))[:, None]


def power_spectrum(images: np.ndarray, *, convention: str) -> np.ndarray:
    """|DFT|^2 of images, (N, C, H, W) -> (N, C', H, W) float64, shifted; C' is 1 under luminance, else C.

    convention : a key of CONVENTIONS.
    Raises ValueError for images of another rank, an unknown convention or values that are not finite.
    """
    if images.ndim != 4:
        raise ValueError(f"expected images of shape (N, C, H, W), got {images.shape}")
    if convention not in CONVENTIONS:
        raise ValueError(f"expected a convention out of {sorted(CONVENTIONS)}, got {convention!r}")
    if not np.isfinite(images).all():
        raise ValueError("expected finite images, got NaN or infinity")
    gray, norm = CONVENTIONS[convention]
    values = luminance(images) if gray else images.astype(np.float64)
    transformed = np.fft.fft2(values, norm=norm)
    return np.fft.fftshift(transformed.real**2 + transformed.imag**2, axes=(-2, -1))


def frequencies(size: int) -> np.ndarray:
    """The shifted frequencies of an axis of `size` pixels, (size,) int64, cycles/image."""
    return np.arange(size) - size // 2


def radius(height: int, width: int) -> np.ndarray:
    """The radial bin of each frequency, (H, W) int64: distance to zero frequency in cycles/image, rounded."""
    distance = np.hypot(frequencies(height)[:, None], frequencies(width)[None, :])
    return np.rint(distance).astype(np.int64)


def angle_bin(height: int, width: int, *, bins: int) -> np.ndarray:
    """The angular bin of each frequency, (H, W) int64 in [0, bins).

    The angle is atan2(ky, kx) folded to [0, 180) degrees, since the spectrum of a real image is the same at k and -k;
    0 degrees is variation along the width. Bin i is centred at i * 180 / bins degrees.
    """
    angles = np.degrees(np.arctan2(frequencies(height)[:, None], frequencies(width)[None, :])) % 180.0
    return np.floor(angles / (180.0 / bins) + 0.5).astype(np.int64) % bins


def radial_energy(power: np.ndarray) -> np.ndarray:
    """The power in each radial bin, (N, C, H, W) -> (N, R) float64, R = largest radius + 1.

    The sum over rings (not their mean) and over channels: it adds up to the total power. Source: E(k_r), Section 3.2.
    """
    return _binned(power, radius(*power.shape[-2:]))


def angular_energy(power: np.ndarray, *, bins: int) -> np.ndarray:
    """The power in each angular bin, (N, C, H, W) -> (N, bins) float64; adds up to the total power.

    Zero frequency has no direction, so its power is shared equally by all bins. Source: E(k_phi), Section 3.2.
    """
    height, width = power.shape[-2:]
    zero = power[..., height // 2, width // 2].sum(axis=1)
    directed = power.copy()
    directed[..., height // 2, width // 2] = 0.0
    return _binned(directed, angle_bin(height, width, bins=bins), bins) + zero[:, None] / bins


def radial_cells(height: int, width: int) -> np.ndarray:
    """How many frequencies each radial bin has, (R,) float64: what white noise gives, up to a factor."""
    return radial_energy(np.ones((1, 1, height, width)))[0]


def angular_cells(height: int, width: int, *, bins: int) -> np.ndarray:
    """How many frequencies each angular bin has, (bins,) float64; zero frequency is shared equally by all."""
    return angular_energy(np.ones((1, 1, height, width)), bins=bins)[0]


def _binned(power: np.ndarray, bins: np.ndarray, count: int = 0) -> np.ndarray:
    """Sum (N, C, H, W) over channels and over the pixels of each bin -> (N, B)."""
    membership = np.eye(max(count, bins.max() + 1))[bins.ravel()]  # (H*W, B)
    return power.sum(axis=1).reshape(len(power), bins.size) @ membership


def norms(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 1- and the 2-norm of each spectrum over all its bins and channels, two (N,) float64 arrays.

    power : (N, C, H, W), |DFT|^2. Source: the norms of Tables 1 and 2.
    """
    flat = power.reshape(len(power), np.prod(power.shape[1:]))
    return np.sqrt(flat).sum(axis=1), np.sqrt(flat.sum(axis=1))


def flatness(power: np.ndarray) -> np.ndarray:
    """The 1-norm over sqrt(bins) times the 2-norm of each spectrum, (N,) float64 in (0, 1].

    1 for equal magnitude in every bin, 1/sqrt(bins) for a single bin: a sparsity index free of scale and of the DFT's
    normalisation (the l1/l2 ratio of Hurley & Rickard, 2009, normalised). NaN for a spectrum that is zero everywhere.
    """
    l1, l2 = norms(power)
    bins = power[0].size if len(power) else 1
    return np.divide(l1, np.sqrt(bins) * l2, out=np.full(len(power), np.nan), where=l2 > 0)


def half_power_frequency(energy: np.ndarray) -> np.ndarray:
    """f_0.5, the radial frequency below which half of the power lies, (N, R) -> (N,) float64, cycles/image.

    energy : radial energy. Bin k covers [k - 1/2, k + 1/2] (bin 0 covers [0, 1/2]); inside a bin the power is taken as
    uniform in radius, so the cumulative power is piecewise linear. NaN where the energy is zero everywhere.
    """
    edges = np.concatenate([[0.0], np.arange(energy.shape[1]) + 0.5])
    half = np.full(len(energy), np.nan)
    for row, values in enumerate(energy):
        cumulative = np.concatenate([[0.0], np.cumsum(values)])
        target = cumulative[-1] / 2
        if target > 0:
            k = np.searchsorted(cumulative, target)  # first edge at which half is reached
            share = (target - cumulative[k - 1]) / (cumulative[k] - cumulative[k - 1])
            half[row] = edges[k - 1] + share * (edges[k] - edges[k - 1])
    return half


def white_noise_frequency(height: int, width: int) -> float:
    """f_0.5 of white noise, cycles/image: 12.8 for images of 32 x 32 pixels."""
    return float(half_power_frequency(radial_cells(height, width)[None])[0])


def white_noise_flatness(height: int, width: int) -> float:
    """The flatness of Gaussian white noise, for many pixels: sqrt(pi) / 2 = 0.886 less what bins without phase take.

    The DFT of Gaussian noise has complex Gaussian bins of equal variance s^2, where the mean magnitude is
    sqrt(pi) / 2 s; in the bins that are their own mirror image (zero and Nyquist) it is real: sqrt(2 / pi) s.
    """
    real = (2 - height % 2) * (2 - width % 2)
    return float(np.sqrt(np.pi) / 2 + (np.sqrt(2 / np.pi) - np.sqrt(np.pi) / 2) * real / (height * width))


def rescaled(beta: np.ndarray) -> np.ndarray:
    """Each class's map rescaled to [0, 1] by its own minimum and maximum over C, H, W.

    beta : (classes, C, H, W), any units -> the same shape, float64. It reproduces the paper's norms of the
    predictors (Table 1); the constant that it adds dominates them. ValueError for a constant map.
    """
    beta = np.asarray(beta, dtype=np.float64)
    low = beta.min(axis=(1, 2, 3), keepdims=True)
    span = beta.max(axis=(1, 2, 3), keepdims=True) - low
    flat = np.flatnonzero(~(span.ravel() > 0))
    if flat.size:
        raise ValueError(f"expected maps that vary over the image, found constant or NaN ones: classes {flat.tolist()}")
    return (beta - low) / span
