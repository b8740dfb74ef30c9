"""A step that is repeated on the same tensors, as one CUDA graph: one launch in place of hundreds.

The kernels, and so the numbers, are those of the step itself; only the time that the CPU takes to launch them is saved.
"""

from collections.abc import Callable

import torch

# device types that have graphs
GRAPHED = {"cuda"}
# PyTorch sets up its libraries in the first runs, which cannot be captured
WARM_UP = 2


def possible(device: torch.device) -> bool:
    """Whether a step on `device` can be captured."""
    return device.type in GRAPHED


def captured(step: Callable[[], None]) -> Callable[[], None]:
    """A function that replays `step`, on the current CUDA device.

    step : works in place on tensors that stay in memory, reads none of their values on the CPU and draws no random
    numbers. It is run a few times first, so the caller must reset its tensors afterwards.
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
