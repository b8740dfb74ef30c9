"""Random changes of training images: mirrored left to right, and shifted, each time that a network sees them.

Source: He et al. 2016 (arXiv 1512.03385), Section 4.2. There zeros come into view at the border of a shifted image;
here the image mirrored at its border does, so that no black edges enter the spectra of what is learnt.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from advspectra.streams import stream


@dataclass(frozen=True)
class Augmentation:
    """What may change. flip : mirror with probability 1/2. crop : the largest shift, of rows and of columns (pixels),
    less than both sides of the images; all shifts are equally likely.
    """

    flip: bool = False
    crop: int = 0

    def __bool__(self) -> bool:
        return self.flip or self.crop > 0

    def drawn(self, count: int, *, seed: int, step: int) -> Tensor:
        """The changes of the images of one step, (3, count) int64: shift of rows, shift of columns, mirrored (0 or 1).

        Drawn on the CPU, so that they are the same on every device. Each step has a stream of its own.
        """
        generator = torch.Generator().manual_seed(stream(seed, f"augmentation of step {step}"))
        shifts = torch.randint(-self.crop, self.crop + 1, (2, count), generator=generator)
        mirrored = torch.randint(0, 2, (1, count), generator=generator)
        return torch.cat([shifts, mirrored if self.flip else torch.zeros_like(mirrored)])


def changed(images: Tensor, changes: Tensor) -> Tensor:
    """The images (B, C, H, W), each changed: pixel (r, c) comes from row r + shift and column c + shift of the image
    that was mirrored before. changes : (3, B), as drawn.
    """
    height, width = images.shape[2:]
    rows = _inside(torch.arange(height, device=images.device) + changes[0, :, None], height)
    columns = _inside(torch.arange(width, device=images.device) + changes[1, :, None], width)
    columns = torch.where(changes[2, :, None] == 1, width - 1 - columns, columns)
    index = (rows[:, :, None] * width + columns[:, None, :]).flatten(1)[:, None]
    return images.flatten(2).gather(2, index.expand(-1, images.shape[1], -1)).view_as(images)


def _inside(index: Tensor, size: int) -> Tensor:
    """Indices mirrored at the first and the last one."""
    return size - 1 - (size - 1 - index.abs()).abs()
