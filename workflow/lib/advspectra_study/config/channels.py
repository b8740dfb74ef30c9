"""What a config asks of the channels of its images, whose number its data set's options tell, or else images.h5.

Nothing here imports numpy or torch: snakemake reads it each time.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from advspectra_study.config.faults import Fault

# the conventions of advspectra.fourier that take the luminance, which is that of gray or RGB images
OF_LUMINANCE = ("paper", "orthonormal")


def channel_faults(config: Mapping[str, Any], channels: int) -> Iterator[Fault]:
    """Yield what needs the luminance of images that have none: they have neither 1 nor 3 channels."""
    if channels in (1, 3):
        return
    why = f"needs images of 1 or 3 channels, and those of {config['dataset']['name']} have {channels}"
    for index, convention in enumerate(config["spectra"]["conventions"]):
        if convention in OF_LUMINANCE:
            text = f"found {convention}, which {why}; allowed: rgb, rgb_orthonormal"
            yield Fault(("spectra", "conventions", index), text)
    for index, entry in enumerate(config["networks"]):
        if "linear" in entry["activations"]:
            text = f"found linear, but the spectrum of a linear network's map {why}; allowed: other activations"
            yield Fault(("networks", index, "activations", entry["activations"].index("linear")), text)
