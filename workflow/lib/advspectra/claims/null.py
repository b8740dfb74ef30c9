"""The null: what the cells of the paper's tables would be for noise, with no network at all.

The perturbation is a random sign for each number of an image, times epsilon: what an attack leaves that uses up its
budget and knows nothing. The predictor is Gaussian noise, rescaled as the paper's are. The accuracy is that of a guess.
A cell that noise passes says nothing for a network that passes it.

The convention of these norms was chosen by looking at the same tables, so that passes of either kind are not evidence
for the convention.
"""

import numpy as np

from advspectra.fourier import norms, power_spectrum
from advspectra.networks.end_to_end import rescaled

DRAWS = 500  # of each noise; norms scatter by 1.4 % over signs, 6 % over maps; their means by 0.06 and 0.3 %
SEED = 0


def null_values(*, image_shape: tuple[int, int, int], classes: int, epsilon: float) -> dict[str, float]:
    """Mean over draws of each measure of a table's cells, by its name, for noise.

    image_shape : (C, H, W); epsilon : the largest magnitude, in the pixel range [0, 1].
    delta_l1, delta_l2 : spectral norms of signs times epsilon, in expectation epsilon * H * W * sqrt(sum of the squared
    luminance weights) for delta_l2. beta_l1, beta_l2 : of rescaled Gaussian maps. test_accuracy : 1 / classes.
    """
    generator = np.random.default_rng(SEED)
    signs = epsilon * generator.choice([-1.0, 1.0], size=(DRAWS, *image_shape))
    maps = rescaled(generator.standard_normal((DRAWS, *image_shape)))
    values = {"test_accuracy": 1 / classes}
    for name, noise in (("delta", signs), ("beta", maps)):
        l1, l2 = norms(power_spectrum(noise, convention="paper"))
        values |= {f"{name}_l1": float(l1.mean()), f"{name}_l2": float(l2.mean())}
    return values
