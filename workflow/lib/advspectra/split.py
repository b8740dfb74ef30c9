"""One part of a data set, kept on the device that computes."""

from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True)
class Split:
    """Images (N, C, H, W) uint8 and labels (N,) int64, both on the device that trains."""

    images: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, index: torch.Tensor | slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Return inputs (B, C, H, W) float32 in [0, 1] and labels (B,) int64."""
        return self.images[index].float() / 255, self.labels[index]


def on_device(images: np.ndarray, labels: np.ndarray, device: torch.device) -> Split:
    """Return the split with images (N, C, H, W) uint8 and labels (N,) int64 copied to `device`."""
    return Split(torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device))
