"""Where the lines from an image x end, and what a network does along them.

adversarial  x_a = x + delta, delta from an attack.
random       x_r = x + r, r a random direction (normal in each pixel and channel) of the 2-norm of delta: the control of
             Ortega Caro et al. (2020), Section 3.1. Near x no decision boundary need lie in that direction.
boundary     x_b = x + s r, stretched to the first boundary, or to a limit if there is none before it: a control that
             changes the prediction, as an adversarial image does. s is sought among factors that grow by 2^(1/4) from
             1/8, then by bisection, to a relative precision of 1e-3 (below 1/8: to 0.0005).
Neither control is clipped to [0, 1]: clipping would change the direction from x.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import Tensor

from advspectra.files.lines import FORMAT, LINE
from advspectra.files.progress import NOTHING_KEPT, Part
from advspectra.lines.follow import PiecewiseLinear, roughness
from advspectra.machine.countdown import Countdown
from advspectra.streams import stream

AT_ONCE = 2**20  # numbers of images: 341 of 3 x 32 x 32
FIRST_STRETCH, GROWTH, BISECTIONS = 1 / 8, 2 ** (1 / 4), 8


def random_directions(image: np.ndarray, *, shape: tuple[int, int, int], seed: int) -> Tensor:
    """A direction for each image, (N, C, H, W) float32, 2-norm 1; it depends on `seed` and the index alone."""
    own = stream(seed, "random directions")
    drawn = np.empty((len(image), *shape))
    for place, index in enumerate(image):
        np.random.default_rng([own, index]).standard_normal(out=drawn[place])
    directions = torch.from_numpy(drawn)
    return directions.div_(directions.flatten(1).norm(dim=1)[:, None, None, None]).float()


@torch.no_grad()
def stretched_to_boundary(network: torch.nn.Module, inputs: Tensor, direction: Tensor, *, limit: float) -> Tensor:
    """The stretch (N,) at which the predicted class first changes along inputs + s * direction; `limit` if none.

    inputs, direction : (N, C, H, W), of which the network sees AT_ONCE numbers at most. Between two factors tried, a
    class may change and change back unnoticed.
    """
    parts = [part.split(max(1, AT_ONCE // inputs[0].numel())) for part in (inputs, direction)]
    return torch.cat([_stretched(network, *pair, limit=limit) for pair in zip(*parts, strict=True)])


def _stretched(network: torch.nn.Module, inputs: Tensor, direction: Tensor, *, limit: float) -> Tensor:
    before = network(inputs).argmax(dim=1)

    def changes(stretch: Tensor) -> Tensor:
        return network(inputs + stretch[:, None, None, None] * direction).argmax(dim=1) != before

    low, high = torch.zeros(len(inputs)).to(inputs), torch.full((len(inputs),), float(limit)).to(inputs)
    crossed = torch.zeros_like(low, dtype=torch.bool)
    factor = FIRST_STRETCH
    while factor < limit:
        stretch = torch.full_like(low, factor)
        new = ~crossed & changes(stretch)
        high, low = torch.where(new, stretch, high), torch.where(crossed | new, low, stretch)
        crossed |= new
        factor *= GROWTH
    crossed |= changes(high)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        inside = changes(middle)
        high, low = torch.where(crossed & inside, middle, high), torch.where(crossed & ~inside, middle, low)
    return high


def measure_lines(
    network: torch.nn.Module,
    inputs: Tensor,
    labels: Tensor,
    perturbation: Tensor,
    image: np.ndarray,
    *,
    exact_images: int,
    samples: int,
    stretch_limit: float,
    seed: int,
    images_of: str = "test",
    final: np.ndarray | None = None,
    label: str = "",
    report: Callable[[str], None] = lambda line: None,
    part: Part = NOTHING_KEPT,
) -> dict[str, Mapping[str, np.ndarray]]:
    """The arrays of files.lines.LINE, each (N,), by the end of the line.

    network : in inference mode. inputs, perturbation : (N, C, H, W) float32; labels : (N,), the class of the true
        logit; image : (N,) index in the images of `images_of`, which fixes the random direction together with `seed`.
    final : (N,) the class whose logit is the final one; None for none.
    exact_images : how many of the images, evenly spaced, are followed exactly, the others with `samples` points; all if
        there are no more.
    stretch_limit : largest s. part : where the lines of finished images are saved; a killed job resumes from there.
    """
    length = perturbation.flatten(1).norm(dim=1)[:, None, None, None]
    random = random_directions(image, shape=tuple(inputs.shape[1:]), seed=seed).to(inputs).mul_(length)
    stretch = stretched_to_boundary(network, inputs, random, limit=stretch_limit)
    follower = PiecewiseLinear(network, image_shape=tuple(inputs.shape[1:]))
    count = min(exact_images, len(inputs))
    exactly = set(np.arange(count) * len(inputs) // max(count, 1))
    saved = part.load()
    rows = saved[1]["rows"] if saved else {end: [] for end in FORMAT.groups}
    done = len(rows["adversarial"])
    with Countdown(len(inputs), label=label, unit="image", done=done, report=report) as countdown:
        for number in range(done, len(inputs)):
            ends = {"adversarial": perturbation[number], "random": random[number]}
            ends["boundary"] = stretch[number] * random[number]
            exact = number in exactly
            classes = {"true": int(labels[number])} | ({} if final is None else {"final": int(final[number])})
            for end, row in _rows(follower, inputs[number], classes, ends, None if exact else samples):
                if wrong := [name for name, value in row.items() if not np.isfinite(value)]:
                    raise ValueError(
                        f"the line from {images_of} image {image[number]} (counted from 0) to its {end} end: "
                        f"{', '.join(wrong)} not finite; the perturbation or the network's answers are at fault: "
                        "attack again, or train with a smaller learning rate"
                    )
                rows[end].append(row)
            if part.due():
                part.save({}, rows=rows)
            countdown.add()
    names = [name for name in LINE if final is not None or not name.startswith("final_")]
    return {end: {name: np.array([row[name] for row in measured]) for name in names} for end, measured in rows.items()}


def _rows(
    follower: PiecewiseLinear,
    x: Tensor,
    classes: Mapping[str, int],
    displacements: Mapping[str, Tensor],
    samples: int | None,
) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield the measures of the line from `x`, (C, H, W), to each end; samples : None to follow it exactly.

    classes : of the true logit, and of the final one if there is one.
    """
    other = None
    for end, displacement in displacements.items():
        ends = torch.stack([x, x + displacement])
        logits, active = follower.states(ends)
        if other is None:  # the first end is x_a
            others = logits[1].clone()
            others[classes["true"]] = -torch.inf
            other = int(others.argmax())
        course = follower.exact(*ends) if samples is None else follower.sampled(*ends, samples=samples)
        row = {
            "length": displacement.norm().item(),
            "changed": bool(logits[0].argmax() != logits[1].argmax()),
            "relu_changes": (active[0] != active[1]).sum().item() / max(1, active.shape[1]),
            "breakpoints": int(course.breakpoints),
            "pool_switches": int(course.pool_switches),
            "converged": bool(course.converged),
        }
        for name, index in (*classes.items(), ("other", other)):
            measures = roughness(course.positions, course.logits[:, index])
            names = (f"{name}_change", f"{name}_deviation", f"{name}_curvature")
            row |= zip(names, measures, strict=True)
        yield end, row
