"""A step that is made over and over on the same tensors, as one CUDA graph: one launch in place of hundreds.

The kernels, and so the numbers, are those of the step itself; what the processor takes to launch them falls away.
"""

from collections.abc import Callable

import torch

# device types that have graphs
GRAPHED = {"cuda"}
# PyTorch sets up its libraries in the first runs, which cannot be captured
WARM_UP = 2


def possible(device: torch.device) -> bool:
    """Return whether a step on `device` can be captured."""
    return device.type in GRAPHED


def captured(step: Callable[[], None]) -> Callable[[], None]:
    """Return a function that replays `step`, on the current CUDA device.

    step : works on tensors that stay where they are, in place, without looking at their values on the processor and
    without random numbers. It is run a few times first: what it leaves in its tensors then does not count.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay
