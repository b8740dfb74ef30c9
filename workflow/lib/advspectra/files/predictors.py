"""predictor.h5: the end-to-end map of a linear network and its spectrum (format version 1).

Root datasets: `beta` (K, C, H, W) and `intercept` (K,), logits = <beta, inputs> + intercept for inputs in [0, 1];
scales as in spectra.h5. Groups `raw` (beta as it is) and `rescaled` (each class's map to [0, 1]: the paper's Table 1,
see advspectra.networks.end_to_end.rescaled), each under the paper's convention: `norm_l1`, `norm_l2`, `flatness`,
`half_power_frequency` (K,), `radial_energy` (K, R), `mean_power` (H, W) over classes.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from advspectra import fourier
from advspectra.files.hdf5 import add, create
from advspectra.files.spectra import POWER_SHAPES, add_frequency_scales, add_power

KIND, VERSION = "predictor", 1

# each letter is one size in all arrays of a file; the rows of spectra are the classes here
SHAPES = {**POWER_SHAPES, "beta": "NCHW", "intercept": "N"}


def write_predictor(
    path: str | Path, *, beta: np.ndarray, rescaled: np.ndarray, intercept: np.ndarray, attributes: Mapping
) -> None:
    """Write the end-to-end map to `path`.

    beta, rescaled : (K, C, H, W) float64; intercept : (K,) float64.
    """
    with create(path, kind=KIND, version=VERSION, attributes=attributes) as file:
        scales = add_frequency_scales(file, *beta.shape[-2:])
        add(file, "beta", beta, units="logit", long_name="end-to-end map", compression=True)
        add(file, "intercept", intercept, units="logit", long_name="logits of a zero input")
        for name, maps in {"raw": beta, "rescaled": rescaled}.items():
            add_power(file.create_group(name), fourier.power_spectrum(maps, convention="paper"), scales)
