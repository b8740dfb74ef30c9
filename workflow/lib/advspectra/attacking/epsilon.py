"""Epsilon, the largest norm of a perturbation, as text."""


def written(epsilon: float, *, linf: bool) -> str:
    """Epsilon in steps of an 8-bit pixel, "8/255", if it bounds L∞ and is a whole number of them; else as a number."""
    steps = 255 * epsilon
    return f"{round(steps)}/255" if linf and abs(steps - round(steps)) < 1e-6 else f"{epsilon:g}"
