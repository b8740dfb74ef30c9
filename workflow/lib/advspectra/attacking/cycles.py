"""Cycles of iterates: where to look for them, and what they save.

The iterates of a deterministic map on a finite set, such as a step of L-infinity PGD on float32 images, end in a cycle.
An iterate that comes back exactly closes it, and the iterate after the last step is the one of its phase in the cycle.
Cycles of PGD: Doldo et al. (2025), arXiv 2503.19347; comparison with an anchor that moves on at growing distances:
Brent (1980), BIT 20:176.
"""

import torch


def close_cycles(
    x: torch.Tensor, anchor: torch.Tensor, end: torch.Tensor, *, step: int, since: int, steps: int
) -> None:
    """Set `end`, (N,), of the iterates that are back at `anchor`: the step after which they are the last ones.

    x : iterates after `step`, (N, C, H, W); anchor : those after the step `since`. end : `steps`, the last step, for
    iterates whose cycle is not known yet.
    """
    period = step - since
    # every second step: a cycle of odd length is also one of twice that
    if period > 0 and period % 2 == 0:
        returned = equal_images(x, anchor) & (end == steps)
        end[returned] = step + (steps - step) % period


def equal_images(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Which images, (N, C, H, W), are equal in every value, (N,) bool."""
    # the largest difference, 0 for equal floats alone, is several times faster than (one == other).all(dim=1)
    return (one - other).flatten(1).abs_().amax(dim=1) == 0


def anchors(steps: int) -> list[int]:
    """The steps whose iterates are compared with those that follow, from 0 to `steps`.

    A cycle is found if it is no longer than the distance between two of them. The distance grows with the step, so that
    it exceeds every length in time. By an eighth and not by Brent's doubling: a 3x3 network with ReLU then computes
    0.106 of its 1000 steps, where 0.099 come before the first return and doubling takes 0.135 (fully connected: 0.473,
    0.460, 0.544).
    """
    chosen = [0]
    while chosen[-1] < steps:
        chosen.append(min(steps, chosen[-1] + max(8, chosen[-1] // 8)))
    return chosen
