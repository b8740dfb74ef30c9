"""The FFT convolution against the spatial one, and our spectra against a loop over images."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch

from advspectra.layers import CircularConv2d
from advspectra.machine.devices import prepare
from advspectra.spectra import write_spectra
from benchmarks.timing import Contender, plain_torch
from benchmarks.training import SpatialCircularConv2d

CONVENTIONS = ("paper", "rgb", "orthonormal")  # those of the studies
ANGULAR_BINS = 12
IMAGE = (3, 32, 32)
OURS = "ours"


def start_convolution(*, spatial: bool, count: int, device: str, threads: int):
    """Forward and backward, to the images and the weights, of a full-width layer with 3 channels."""
    place = (plain_torch if spatial else prepare)(device, threads=threads)
    torch.manual_seed(0)
    layer = CircularConv2d(IMAGE[0], IMAGE[0], IMAGE[1:]).to(place)
    layer = SpatialCircularConv2d(layer).to(place) if spatial else layer
    inputs = torch.rand(count, *IMAGE, device=place, requires_grad=True)

    def run():
        torch.autograd.grad(layer(inputs).square().sum(), (inputs, layer.weight))

    return run, lambda _: {}


def start_spectra(*, loop: bool, count: int):
    """All that a spectra.h5 holds of each image, ours with the file written."""
    images = np.random.default_rng(0).standard_normal((count, *IMAGE)).astype(np.float32)
    folder = tempfile.TemporaryDirectory()

    def ours():
        write_spectra(
            Path(folder.name) / "spectra.h5",
            perturbation=images,
            success=np.ones(count, dtype=bool),
            image=np.arange(count),
            conventions=CONVENTIONS,
            images="all",
            angular_bins=ANGULAR_BINS,
            attributes={},
        )

    def plain():
        return {name: [spectrum_of(image, convention=name) for image in images] for name in CONVENTIONS}

    return (plain if loop else ours), lambda _: {}


def spectrum_of(image: np.ndarray, *, convention: str) -> dict[str, np.ndarray | float]:
    """Return what spectra.h5 holds of one image (C, H, W), written down as one reads it in the paper."""
    channels = image.astype(np.float64)
    if convention != "rgb":
        channels = (0.299 * channels[0] + 0.587 * channels[1] + 0.114 * channels[2])[None]
    height, width = channels.shape[1:]
    power = np.zeros((len(channels), height, width))
    for index, channel in enumerate(channels):
        transformed = np.fft.fftshift(np.fft.fft2(channel))
        if convention == "orthonormal":
            transformed = transformed / np.sqrt(height * width)
        power[index] = np.abs(transformed) ** 2
    ky, kx = np.meshgrid(np.arange(height) - height // 2, np.arange(width) - width // 2, indexing="ij")
    distance = np.round(np.sqrt(kx**2 + ky**2)).astype(int)
    radial = np.array([power[:, distance == k].sum() for k in range(distance.max() + 1)])
    spacing = 180 / ANGULAR_BINS
    direction = np.floor(np.degrees(np.arctan2(ky, kx)) % 180 / spacing + 0.5).astype(int) % ANGULAR_BINS
    direction[height // 2, width // 2] = -1
    angular = np.array([power[:, direction == k].sum() for k in range(ANGULAR_BINS)])
    angular += power[:, height // 2, width // 2].sum() / ANGULAR_BINS
    l1, l2 = np.sqrt(power).sum(), np.sqrt(power.sum())
    cumulative = np.concatenate([[0], np.cumsum(radial)])
    edges = np.concatenate([[0], np.arange(len(radial)) + 0.5])
    return {
        "norm_l1": l1,
        "norm_l2": l2,
        "flatness": l1 / (np.sqrt(power.size) * l2),
        "radial_energy": radial,
        "angular_energy": angular,
        "half_power_frequency": np.interp(cumulative[-1] / 2, cumulative, edges),
    }


def convolution_contenders(*, count: int, device: str, threads: int) -> list[Contender]:
    """Return the FFT and the spatial convolution; count : images at once."""
    start = partial(start_convolution, count=count, device=device, threads=threads)
    starts = {OURS: partial(start, spatial=False), "spatial": partial(start, spatial=True)}
    return [
        Contender(
            "convolution",
            "32x32 kernel, 3 channels",
            name,
            start,
            amount=start.keywords["count"],
            about={"images": start.keywords["count"]},
        )
        for name, start in starts.items()
    ]


def spectra_contenders(*, count: int, loop_count: int) -> list[Contender]:
    """Return our spectra of `count` images and the loop over `loop_count`."""
    starts = {
        OURS: partial(start_spectra, loop=False, count=count),
        "numpy loop": partial(start_spectra, loop=True, count=loop_count),
    }
    return [
        Contender(
            "spectra",
            f"3x32x32, {len(CONVENTIONS)} conventions",
            name,
            start,
            amount=start.keywords["count"],
            about={"images": start.keywords["count"]},
        )
        for name, start in starts.items()
    ]
