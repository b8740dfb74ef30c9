"""Networks without numbers, to know their shapes: they take no memory, and next to no time."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.overrides import TorchFunctionMode


class _Undrawn(TorchFunctionMode):
    """Leaves out the drawing of normal numbers, for which PyTorch's device meta imports its compiler: three seconds."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function in (torch.Tensor.normal_, torch.nn.init.normal_):
            return args[0] if args else kwargs["tensor"]
        return function(*args, **kwargs)


@contextmanager
def shapes_only() -> Iterator[None]:
    """What is built here has shapes and no numbers: it lies on PyTorch's device meta.

    RuntimeError, TypeError or OverflowError there for sizes that no tensor can have.
    """
    with torch.device("meta"), _Undrawn():
        yield
