"""Lines to adversarial points compared with lines to random ones: the quantities, and their values in pairs."""

from collections.abc import Sequence

import numpy as np

from advspectra.files.lines import Line, Lines

# where a line from the image x ends; the first is what the controls are compared with
ADVERSARIAL, CONTROLS = "adversarial", ("random", "boundary")
ENDS = {ADVERSARIAL: "x_a", "random": "x_r", "boundary": "x_b"}

# as files.lines.Line.quantity takes them -> in words
QUANTITIES = {
    "relu_changes": "fraction of ReLU changes",
    "breakpoints": "breakpoints",
    "true_deviation": "deviation of the true logit",
    "true_deviation_relative": "deviation of the true logit, relative",
    "other_deviation": "deviation of the other logit",
    "other_deviation_relative": "deviation of the other logit, relative",
    "true_curvature": "curvature of the true logit",
    "true_curvature_relative": "curvature of the true logit, relative",
    "other_curvature": "curvature of the other logit",
    "other_curvature_relative": "curvature of the other logit, relative",
}

DEFINITIONS = {
    "lines": "Lines run from an image x to x_a = x + δ of the attack, to x_r in a random direction at the same L2 "
    "distance, and to x_b in that direction, stretched until the predicted class changes or to a limit.",
    "relu_changes": "Fraction of ReLU changes: of all ReLUs, those whose state differs between the ends of the line.",
    "breakpoints": "Breakpoints: how many times a ReLU switches along the line.",
    "other": "The other logit is that of the class, other than the true one, that is highest at x_a.",
    "deviation": "Deviation: mean over the line of |f − chord|, f a logit and the chord the straight line between its "
    "values at the ends.",
    "curvature": "Curvature: sum over the breakpoints of |change of slope| of a logit, with slopes per whole line; of "
    "a line followed at samples, a lower bound.",
    "relative": "Relative: divided by the change of the logit between the ends.",
}


def line(lines: Lines, end: str) -> Line:
    """The lines to an end of ENDS."""
    return getattr(lines, end)


def values(lines: Sequence[Lines], quantity: str, end: str) -> np.ndarray:
    """A quantity of the lines to `end`, of all seeds, (n,); lines where it is undefined are left out."""
    measured = np.concatenate([line(seed, end).quantity(quantity) for seed in lines])
    return measured[np.isfinite(measured)]


def pairs(lines: Sequence[Lines], quantity: str, control: str) -> tuple[np.ndarray, np.ndarray]:
    """A quantity of the adversarial and of the control's lines, (n,) and (n,), an image in the same row.

    Images where it is undefined on one of the two lines are left out.
    """
    first, second = (
        np.concatenate([line(seed, end).quantity(quantity) for seed in lines]) for end in (ADVERSARIAL, control)
    )
    defined = np.isfinite(first) & np.isfinite(second)
    return first[defined], second[defined]
