"""The penalty of Lemma 1 as a number: the least squared weights with which a linear network can have a given map.

Two layers, a convolution with C filters w of k x k pixels that wraps around the image, and a readout v:

    R(beta) = min |w|^2 + |v|^2   over all weights whose map is beta, (classes, M, H, W); biases are free

(Lemma 1 of Ortega Caro et al. 2020 with L = 2; Gunasekar et al. 2018, arXiv 1806.00468). Given w, the least v is known
at each frequency f, and the two norms are equal at the minimum, so that

    R(beta) = 2 min_w sqrt( |w|^2 mean_f tr(P_f G_f^-1) ),   P_f = B_f^H B_f,   G_f = W_f^H W_f

where B_f, (classes, M), and W_f, (C, M), are unnormalised DFTs of beta and of the filters. With C >= M k k filters this
is convex in their Gram matrix Q (Jagadeesan, Razenshteyn & Gunasekar 2021, arXiv 2102.12238, for one class and
channel): a matrix fractional function on the positive semidefinite matrices of trace 1. Its tangents bound it from
below. With g = mean_f tr(P_f G_f^-1) at a Q of trace 1, and s the largest eigenvalue of its gradient's negative,

    2 g / sqrt(s) <= R(beta) <= 2 sqrt(g)

for any Q: the bounds prove how near the minimum the search came. With fewer filters the problem is not convex; the
upper bound is then the best of the starts, and the lower one, which holds for any number of filters, may lie farther
below.

Where the minimum has a closed form (|.|_* is the sum of the singular values):

    k = 1, C >= M                      2 |beta as (classes H W, M)|_*         one channel: 2 |beta|_2
    k x k = the whole image, C >= M    2 / (H W) sum_f |B_f|_*                one class or channel: of |B_f|_2
    fully connected, enough units      2 |beta as (classes, M H W)|_*

Training reaches R of its own beta only in theory: by gradient flow, from small weights, on separable data.
"""

from dataclasses import dataclass

import numpy as np
import scipy  # imports optimize when it is first used, which the report never does

STEPS = 5000  # of L-BFGS, at most
STARTS = 5  # with fewer filters than make the problem convex
SEED = 0
SAME = 1e-4  # of the largest number: of products of float32


@dataclass(frozen=True)
class Penalty:
    """R(beta) lies between the two: `value` is that of weights that were found, none have less than `least`."""

    value: float
    least: float


def penalty(beta: np.ndarray, *, kernel: tuple[int, int], channels: int | None = None) -> Penalty:
    """R of a map (classes, M, H, W), for kernels of so many pixels and so many channels; None: as many as help.

    In the unit of the map. ValueError for a kernel that is empty or larger than the image, for no channels and for a
    map that is 0.
    """
    count, size = beta.shape[1], beta.shape[2:]
    if not all(1 <= side <= most for side, most in zip(kernel, size, strict=True)):
        raise ValueError(f"expected a kernel of 1 to {size} pixels, got {kernel}")
    if channels is not None and channels < 1:
        raise ValueError(f"expected at least one channel, got {channels}")
    if not np.any(beta):
        raise ValueError("expected a map other than 0")
    convex = count * kernel[0] * kernel[1]
    whole = channels is None or channels >= convex
    if tuple(kernel) == tuple(size) and (channels is None or channels >= count):
        return _exact(nuclear_norm(np.fft.fft2(beta).transpose(2, 3, 0, 1)).mean())
    problem = _Problem.of(beta / np.linalg.norm(beta), kernel)
    starts = [np.eye(convex).reshape(convex, count, *kernel)]
    if not whole:
        starts = np.random.default_rng(SEED).standard_normal((STARTS, channels, count, *kernel))
    found = [problem.solved(start) for start in starts]
    scale = float(np.linalg.norm(beta))
    value, least = min(one.value for one in found), max(one.least for one in found)
    return Penalty(scale * value, scale * min(value, least))


def penalty_of_network(hidden: np.ndarray, readout: np.ndarray, beta: np.ndarray) -> Penalty | None:
    """R of the map of a network with these weights, among networks of its form; None for a form that has none here.

    hidden : (units, M H W) of a fully connected layer, or (C, M, k, k) of a convolution. readout : (classes, units).
    None unless the layers are as at the head of this module, so that their product is beta, and wide enough for a
    minimum that is proved: two bounds that meet.
    """
    classes, count, *size = beta.shape
    if hidden.ndim == 2:
        known = len(hidden) >= min(classes, hidden.shape[1]) and _alike(readout @ hidden, beta.reshape(classes, -1))
        return fully_connected_penalty(beta) if known else None
    if hidden.ndim != 4 or readout.shape[1] != len(hidden) * size[0] * size[1]:
        return None
    kernel = hidden.shape[2:]
    enough = count if kernel == tuple(size) else count * kernel[0] * kernel[1]
    if len(hidden) < enough or not _wraps_around(hidden, readout, beta):
        return None
    return penalty(beta, kernel=kernel)


def _wraps_around(hidden: np.ndarray, readout: np.ndarray, beta: np.ndarray) -> bool:
    """Whether beta is the circular convolution of the layers: by magnitudes of DFTs, which no shift of pixels changes.

    The readout's axes may be (C, H, W) or (H, W, C), and the layer a convolution or a correlation.
    """
    classes, channels, size = len(beta), len(hidden), beta.shape[2:]
    filters = np.fft.fft2(hidden.astype(float), s=size)
    rows = readout.astype(float).reshape(classes, channels, *size)
    last = readout.astype(float).reshape(classes, *size, channels).transpose(0, 3, 1, 2)
    return any(
        _alike(np.abs(np.einsum("kcyx,cmyx->kmyx", np.fft.fft2(each), way)), np.abs(np.fft.fft2(beta)))
        for each in (rows, last)
        for way in (filters, filters.conj())
    )


def _alike(first: np.ndarray, second: np.ndarray) -> bool:
    return bool(np.abs(first - second).max() <= SAME * np.abs(second).max())


def fully_connected_penalty(beta: np.ndarray) -> Penalty:
    """R of a map (classes, M, H, W) with a fully connected hidden layer of at least as many units as classes."""
    return _exact(nuclear_norm(beta.reshape(len(beta), -1)))


def nuclear_norm(matrices: np.ndarray) -> np.ndarray:
    """The sum of the singular values of matrices, (..., A, B) -> (...)."""
    return np.linalg.svd(matrices, compute_uv=False).sum(axis=-1)


def _exact(half: float) -> Penalty:
    return Penalty(2 * float(half), 2 * float(half))


@dataclass(frozen=True)
class _Problem:
    """P_f, (H, W, M, M), and the sides of the kernel."""

    power: np.ndarray
    kernel: tuple[int, int]

    @classmethod
    def of(cls, beta: np.ndarray, kernel: tuple[int, int]) -> "_Problem":
        spectrum = np.fft.fft2(beta)
        return cls(np.einsum("kmyx,knyx->yxmn", spectrum.conj(), spectrum), kernel)

    def solved(self, start: np.ndarray) -> Penalty:
        """The bounds at the filters that L-BFGS finds from these, (C, M, k, k)."""
        shape = start.shape

        def objective(weights: np.ndarray) -> tuple[float, np.ndarray]:
            filters = weights.reshape(shape)
            value, slope = self._share(filters)
            if not np.isfinite(value):
                return np.inf, weights
            return value + float((filters**2).sum()), (2 * filters - 2 * self._image(filters, slope)).ravel()

        options = {"maxiter": STEPS, "maxfun": 2 * STEPS, "ftol": 1e-14, "gtol": 1e-9, "maxcor": 30}
        filters = scipy.optimize.minimize(objective, start.ravel(), jac=True, method="L-BFGS-B", options=options).x
        filters = filters.reshape(shape) / np.linalg.norm(filters)
        share, slope = self._share(filters)
        basis = np.eye(filters[0].size).reshape(-1, *shape[1:])
        curved = self._image(basis, slope).reshape(len(basis), -1)
        largest = float(np.linalg.eigvalsh((curved + curved.T) / 2)[-1])
        return Penalty(2 * share**0.5, 2 * share / largest**0.5)

    def _spectra(self, filters: np.ndarray) -> np.ndarray:
        """The filters' DFT on the image's frequencies, (H, W, C, M)."""
        return np.fft.fft2(filters, s=self.power.shape[:2]).transpose(2, 3, 0, 1)

    def _share(self, filters: np.ndarray) -> tuple[float, np.ndarray]:
        """mean_f tr(P_f G_f^-1), infinite where filters lack a frequency, and G_f^-1 P_f G_f^-1, (H, W, M, M)."""
        spectra = self._spectra(filters)
        try:
            inverse = np.linalg.inv(spectra.conj().swapaxes(-1, -2) @ spectra)
        except np.linalg.LinAlgError:
            return np.inf, self.power
        share = inverse @ self.power
        return float(np.trace(share, axis1=-2, axis2=-1).real.mean()), share @ inverse

    def _image(self, filters: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """Half the gradient's negative, by the filters, of mean_f tr(P_f G_f^-1), whose `slope` _share gives."""
        moved = np.fft.ifft2((self._spectra(filters) @ slope).transpose(2, 3, 0, 1)).real
        return moved[..., : self.kernel[0], : self.kernel[1]]
