"""Where a layer bends on a line along which its inputs are piecewise linear, and the points that this adds to it."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

# Points that go through the network together, up to twice as many: they stay in the cache of a CPU.
CHUNK = 64


@dataclass(frozen=True)
class Bends:
    """Where a layer bends: (P,) tensors, the interval between two points and the fraction of it, ascending.

    count : of the bends, with those at a point that exists already.
    unit : (P,), the index of the layer's flattened input that is zero there; None for max-pooling.
    """

    count: int
    interval: Tensor
    fraction: Tensor
    unit: Tensor | None = None


def zero_crossings(inputs: Tensor) -> Bends:
    """Where ReLUs change state; inputs : (M, ...) at M points, linear between them."""
    inputs = inputs.flatten(1)
    active = inputs > 0
    interval, unit = (active[1:] != active[:-1]).nonzero(as_tuple=True)
    before, after = inputs[interval, unit], inputs[interval + 1, unit]
    fraction = before / (before - after)
    inside = (fraction > 0) & (fraction < 1)
    return _ordered(len(interval), interval[inside], fraction[inside], unit[inside])


def windows(inputs: Tensor, pool: nn.MaxPool2d) -> Tensor:
    """The inputs of each maximum: (M, C, H, W) -> (M, C * windows, k * k)."""
    if pool.ceil_mode:
        raise ValueError("expected max-pooling without ceil_mode")
    pad = nn.modules.utils._pair(pool.padding)
    # the padding must never be the largest, and must be linear along the line
    padded = functional.pad(inputs, (pad[1], pad[1], pad[0], pad[0]), value=inputs.min().item() - 1)
    patches = functional.unfold(padded, pool.kernel_size, dilation=pool.dilation, stride=pool.stride)
    return patches.unflatten(1, (inputs.shape[1], -1)).movedim(2, 3).flatten(1, 2)


def switches(windows: Tensor) -> Bends:
    """Where another input of a window becomes the largest; windows : (M, Q, k) at M points, linear between them.

    Inputs equal at a point, such as ReLUs at zero, are told apart by their slopes: a switch is where a larger slope
    takes over inside an interval.
    """
    low, slope = windows[:-1], windows.diff(dim=0)
    largest = [
        torch.where(side == side.amax(dim=2, keepdim=True), sign * slope, -torch.inf).argmax(dim=2)
        for side, sign in ((low, 1), (windows[1:], -1))
    ]
    interval, window = (largest[0] != largest[1]).nonzero(as_tuple=True)
    low, slope = low[interval, window], slope[interval, window]  # (S, k)
    current, last = (side[interval, window] for side in largest)
    intervals, fractions = [interval[:0]], [low.new_empty(0)]
    while len(current):
        ahead = slope - slope.gather(1, current[:, None])
        distance = (low.gather(1, current[:, None]) - low) / ahead
        fraction, following = torch.where(ahead > 0, distance, torch.inf).min(dim=1)
        going = (current != last) & (fraction < 1)
        intervals.append(interval[going])
        fractions.append(fraction[going])
        interval, low, slope, last, current = (part[going] for part in (interval, low, slope, last, following))
    interval, fraction = torch.cat(intervals), torch.cat(fractions)
    inside = fraction > 0
    return _ordered(len(interval), interval[inside], fraction[inside])


def _ordered(count: int, interval: Tensor, fraction: Tensor, unit: Tensor | None = None) -> Bends:
    order = fraction.argsort(stable=True)
    order = order[interval[order].argsort(stable=True)]
    return Bends(count, interval[order], fraction[order], None if unit is None else unit[order])


def parts(bends: Bends, *, points: int) -> Iterator[tuple[Tensor, Tensor, tuple[Tensor, Tensor] | None]]:
    """Yield the points of the line, old and new in their order, in parts that share their ends.

    A part is (left, weight, zeros): each point lies behind the old point `left` by the fraction `weight` of an
    interval; zeros : row and unit of each input that is zero there, None for max-pooling.
    """
    old = torch.arange(points, device=bends.interval.device)
    left = torch.cat([old, bends.interval])
    weight = torch.cat([torch.zeros_like(old, dtype=torch.float64), bends.fraction])
    order = left.argsort(stable=True)  # an old point comes before the new ones behind it
    left, weight = left[order], weight[order]
    number = max(1, len(left) // CHUNK)
    edges = [part * (len(left) - 1) // number for part in range(number + 1)]
    new = torch.empty_like(order)
    new[order] = torch.arange(len(order), device=order.device)
    row = new[points:]  # of each bend
    for first, last in zip(edges[:-1], edges[1:], strict=True):
        zeros = None
        if bends.unit is not None:
            within = (first <= row) & (row <= last)
            zeros = row[within] - first, bends.unit[within]
        yield left[first : last + 1], weight[first : last + 1], zeros


def between(values: Tensor, left: Tensor, weight: Tensor) -> Tensor:
    """`values`, (M, ...), behind the points `left`, (P,), by the fractions `weight`, (P,), of an interval: (P, ...)."""
    right = (left + 1).clamp(max=len(values) - 1)
    return torch.lerp(values[left], values[right], weight.view(-1, *(1,) * (values.dim() - 1)))
