"""Whether perturbations are within the bound of their attack, up to rounding."""

import math

from torch import Tensor

# x_a - x and x + delta each round every number once, by at most half the float32 spacing below 1
ROUNDING = 2.0**-23
# relative, of the norm of thousands of numbers, which an attack and this module sum in float32
ROUNDING_OF_SUM = 2.0**-20


def within(perturbation: Tensor, *, norm: float, epsilon: float) -> Tensor:
    """Whether the norm of each perturbation is at most `epsilon`, (N,) bool.

    perturbation : (N, D) float32. norm : its order p, inf for the largest magnitude, 0 for how many numbers are not 0,
    which is exact. If each of D numbers is off by ROUNDING, the norm is off by ROUNDING * D^(1/p) at most.
    """
    largest = epsilon
    if math.isinf(norm):
        largest = epsilon + ROUNDING
    elif norm:
        largest = (epsilon + ROUNDING * perturbation.shape[1] ** (1 / norm)) * (1 + ROUNDING_OF_SUM)
    return perturbation.norm(norm, dim=1) <= largest
