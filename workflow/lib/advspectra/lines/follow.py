"""A ReLU network on a line between two inputs: where it bends, how its logits run, and which ReLUs change state.

On x + t (x' - x), t in [0, 1], a network of affine layers, ReLU, sums and max-pooling is piecewise linear in t. Its
pieces are found exactly, layer by layer: a function that is linear between two points stays linear through an affine
layer, and bends in a ReLU where it crosses zero, in max-pooling where another input becomes the largest (ExactLine:
Sotoudeh & Thakur 2019, arXiv 1908.06214). Every breakpoint is found, whatever its distance to the next.

ReLU changes: fraction of the ReLUs, over all layers and positions, whose state (input > 0) differs between x and x'.
Breakpoints: changes of state of single ReLUs along the line. Switches of max-pooling are counted separately.
Roughness of a logit f along the line, two measures (Ortega Caro et al. 2020, Section 3.1: "deviation from the normal
vector", without a formula):
deviation   integral over t of |f(t) - f(0) - t (f(1) - f(0))|, the mean distance to the chord, in logits;
curvature   integral over t of |f''(t)|, the sum of the magnitudes of all changes of slope, in logits.
Either one divided by |f(1) - f(0)| is the relative roughness.
"""

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from advspectra.lines.bends import CHUNK, between, parts, switches, windows, zero_crossings
from advspectra.networks.simplified import Tracer, simplified

# Relative. Rounding of float64 is near 1e-13, a nonlinearity far above this.
AFFINE_TOLERANCE = 1e-9
# Breakpoints closer than this in t count as one where slopes are formed: rounding divided by less is no slope.
RESOLUTION = 1e-10
# A sampled count has converged if the count of every second sample is lower by at most this fraction.
CONVERGED = 0.01

Values = dict[fx.Node, Tensor]


@dataclass(frozen=True)
class Course:
    """A network along one line.

    positions : (M,) float64, t of the ends and of each breakpoint between them, ascending (sampled: even steps).
    logits : (M, K) float64 at the positions, linear between them.
    breakpoints : changes of state of single ReLUs; pool_switches : of max-pooling, -1 if they were not counted.
    converged : whether the count is reliable: always for an exact course, by CONVERGED for a sampled one.
    """

    positions: np.ndarray
    logits: np.ndarray
    breakpoints: int
    pool_switches: int
    converged: bool


class PiecewiseLinear:
    """A network in inference mode and float64, to be followed along lines.

    network : of affine layers, ReLU, sums and max-pooling. It is copied, with batch normalisation folded into
    convolutions. ValueError, naming it, for any other operation.
    """

    def __init__(self, network: nn.Module, *, image_shape: tuple[int, int, int]):
        network = simplified(copy.deepcopy(network).double(), image_shape)
        module = fx.GraphModule(network, Tracer().trace(network))
        self._interpreter = fx.Interpreter(module)
        self._nodes = list(module.graph.nodes)
        self._last_use = {used: index for index, node in enumerate(self._nodes) for used in node.all_input_nodes}
        self._layers = {node: module.get_submodule(node.target) for node in self._nodes if node.op == "call_module"}
        self._constants = {node: self._call(node, {}) for node in self._nodes if node.op == "get_attr"}
        self._require_known_operations(image_shape)

    @torch.no_grad()
    def states(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The logits, (N, C, H, W) -> (N, K) float64, and which ReLUs are active, (N, R) bool."""
        values = self._first(inputs)
        active = [torch.empty(len(inputs), 0, dtype=torch.bool, device=inputs.device)]
        for place, node in enumerate(self._nodes):
            if self._is_relu(node):
                active.append(values[node.args[0]].flatten(1) > 0)
            self._compute(place, values)
        return values[self._nodes[-1]], torch.cat(active, dim=1)

    @torch.no_grad()
    def exact(self, start: Tensor, end: Tensor) -> Course:
        """The course from `start` to `end`, each (C, H, W), with every breakpoint."""
        counts = Counter()
        ends = torch.stack([start, end])
        positions, logits = self._follow(0, self._first(ends), ends.new_tensor([0, 1], dtype=torch.float64), counts)
        positions, logits = positions.cpu().numpy(), logits.cpu().numpy()
        return Course(positions, logits, counts["relu"], counts["max_pool"], converged=True)

    @torch.no_grad()
    def sampled(self, start: Tensor, end: Tensor, *, samples: int) -> Course:
        """The course through `samples` (odd, 3 or more) points in even steps.

        It counts the ReLUs whose states differ between neighbouring points. This count and the curvature of such a
        course are lower bounds.
        """
        if samples < 3 or samples % 2 == 0:
            raise ValueError(f"expected an odd number of samples, 3 or more, got {samples}")
        start, end = start.double(), end.double()
        positions = torch.linspace(0, 1, samples, dtype=torch.float64, device=start.device)
        fine = coarse = 0
        logits = []
        for first in range(0, samples - 1, 2 * CHUNK):  # neighbouring parts share a point
            part = positions[first : first + 2 * CHUNK + 1, None, None, None]
            values, active = self.states(torch.lerp(start, end, part))
            logits.append(values[min(first, 1) :])
            fine += (active[1:] != active[:-1]).sum().item()
            coarse += (active[2::2] != active[:-2:2]).sum().item()
        converged = fine - coarse <= CONVERGED * fine
        return Course(positions.cpu().numpy(), torch.cat(logits).cpu().numpy(), fine, -1, converged)

    def _first(self, inputs: Tensor) -> Values:
        return {node: inputs.double() for node in self._nodes if node.op == "placeholder"}

    def _is_relu(self, node: fx.Node) -> bool:
        return isinstance(self._layers.get(node), nn.ReLU) or node.target in (functional.relu, torch.relu, "relu")

    def _is_max_pool(self, node: fx.Node) -> bool:
        return isinstance(self._layers.get(node), nn.MaxPool2d)

    def _call(self, node: fx.Node, values: Mapping[fx.Node, Tensor]):
        args, kwargs = fx.map_arg(
            (node.args, node.kwargs), lambda used: self._constants[used] if used.op == "get_attr" else values[used]
        )
        return getattr(self._interpreter, node.op)(node.target, args, kwargs)

    def _compute(self, place: int, values: Values) -> None:
        """Add the value of the node at `place`, and remove those that no later node needs."""
        node = self._nodes[place]
        if node.op not in ("placeholder", "get_attr"):
            values[node] = self._call(node, values)
        for used in node.all_input_nodes:
            if self._last_use[used] == place:
                values.pop(used, None)

    def _follow(self, place: int, values: Values, positions: Tensor, counts: Counter) -> tuple[Tensor, Tensor]:
        """Positions (M',) and logits (M', K) of a part of the line; the breakpoints are counted in `counts`.

        values : of the nodes before `place`, (M, ...) each, at the M `positions` and linear between them.
        """
        for here in range(place, len(self._nodes)):
            node = self._nodes[here]
            bends = None
            if self._is_relu(node):
                bends = zero_crossings(values[node.args[0]])
                counts["relu"] += bends.count
            elif self._is_max_pool(node):
                bends = switches(windows(values[node.args[0]], self._layers[node]))
                counts["max_pool"] += bends.count
            if bends is None or not len(bends.interval):
                self._compute(here, values)
                continue
            courses = []
            for left, weight, zeros in parts(bends, points=len(positions)):
                there = {used: between(value, left, weight) for used, value in values.items()}
                if zeros is not None:
                    row, unit = zeros
                    at = torch.unravel_index(unit, there[node.args[0]].shape[1:])
                    there[node.args[0]][row, *at] = 0  # rounding would make it cross again further on
                self._compute(here, there)
                courses.append(self._follow(here + 1, there, between(positions, left, weight), counts))
            first, *others = courses  # each begins with the point that ends the one before
            return tuple(torch.cat([first[k], *(course[k][1:] for course in others)]) for k in range(2))
        return positions, values[self._nodes[-1]]

    @torch.no_grad()
    def _require_known_operations(self, image_shape: tuple[int, int, int]) -> None:
        """Raise ValueError for an operation that is neither ReLU nor max-pooling nor affine, as random inputs show."""
        generator = torch.Generator().manual_seed(0)

        def three_on_a_line(like: Tensor) -> Tensor:
            two = torch.randn(2, *like.shape[1:], dtype=torch.float64, generator=generator)
            return torch.cat([two, 2 * two[1:] - two[:1]]).to(like.device)

        device = next(iter(self._interpreter.module.parameters())).device
        values = self._first(three_on_a_line(torch.empty(3, *image_shape, device=device)))
        for place, node in enumerate(self._nodes):
            if node.op.startswith("call") and not self._is_relu(node) and not self._is_max_pool(node):
                inputs = {used: three_on_a_line(values[used]) for used in node.all_input_nodes if used in values}
                outputs = self._call(node, inputs)
                affine = isinstance(outputs, Tensor) and outputs.shape[:1] == (3,)
                if affine:
                    error = (outputs[2] - (2 * outputs[1] - outputs[0])).abs().max()
                    affine = bool(error <= AFFINE_TOLERANCE * outputs.abs().max())
                if not affine:
                    name = self._layers.get(node, node.target)
                    raise ValueError(f"{node.name}: expected an affine operation, ReLU or MaxPool2d, found {name}")
            self._compute(place, values)


def roughness(positions: np.ndarray, values: np.ndarray) -> tuple[float, float, float]:
    """|change|, deviation and curvature of a function that is linear between the positions; see the module.

    positions : (M,) ascending from 0 to 1; values : (M,).
    """
    change = values[-1] - values[0]
    distance = values - values[0] - positions * change
    low, high, width = distance[:-1], distance[1:], np.diff(positions)
    # mean of |distance| over an interval, in which it is linear: with a change of sign two triangles
    size = np.abs(low) + np.abs(high)
    opposite = low * high < 0
    mean = np.where(opposite, (low**2 + high**2) / np.where(opposite, 2 * size, 1), size / 2)
    kept = np.concatenate([[True], width > RESOLUTION])
    kept[-1] = True
    slopes = np.diff(values[kept]) / np.diff(positions[kept])
    return abs(float(change)), float((mean * width).sum()), float(np.abs(np.diff(slopes)).sum())
