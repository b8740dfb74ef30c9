"""The scale on which the values of a measure are compared."""

from enum import StrEnum


class Scale(StrEnum):
    """How two values of a measure are compared, and where their interval is symmetric.

    RATIO : a natural zero and a unit, such as a norm: by left / right - 1. DIFFERENCE : by left - right. RATE : a
    fraction of images in [0, 1], by left - right. CORRELATION : in [-1, 1], by left - right.
    """

    RATIO = "ratio"
    DIFFERENCE = "difference"
    RATE = "rate"
    CORRELATION = "correlation"
