"""One part of a data set: its images as one uint8 tensor, on the device that computes if they fit there."""

import warnings
from dataclasses import dataclass

import numpy as np
import torch

# Share of the device's free memory that one split may take. What is left is for the other split (again half at most)
# and for the network: ResNet18 at full width keeps 4.5 MB for each image of a batch, some 10 GB for 2,000.
DEVICE_SHARE = 0.5


@dataclass(frozen=True)
class Split:
    """N images and labels.

    images : (M, C, H, W) uint8, on the device that computes or on the host; may be a map of a file; never written to.
    labels : (N,) int64, on the device that computes, where batches are put.
    rows : (N,) int64, the rows of `images` that belong to the split, beside the images; None for all (N = M).
    """

    images: torch.Tensor
    labels: torch.Tensor
    rows: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, index: torch.Tensor | slice) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs (B, C, H, W) float32 in [0, 1] and labels (B,) int64."""
        rows = self._rows(index)
        # index_select: five times as fast as indexing on a CPU; bytes, not floats, travel to the device
        pixels = self.images[rows] if isinstance(rows, slice) else self.images.index_select(0, rows)
        return pixels.to(self.labels.device).float() / 255, self.labels[index]

    def subset(self, index: torch.Tensor) -> "Split":
        """The images with the indices `index`, (B,) int64, without copying one."""
        return Split(self.images, self.labels[index], self._rows(index))

    def _rows(self, index: torch.Tensor | slice) -> torch.Tensor | slice:
        if isinstance(index, torch.Tensor):
            index = index.to(self.images.device)
        return index if self.rows is None else self.rows[index]


def on_device(images: np.ndarray, labels: np.ndarray, device: torch.device) -> Split:
    """The split with images (N, C, H, W) uint8 and labels (N,) int64 for computing on `device`.

    Images are copied to the device if they take at most DEVICE_SHARE of its free memory. Otherwise they stay on the
    host and each batch is copied when it is asked for: the same numbers, more slowly.
    """
    with warnings.catch_warnings():
        # a map of a file: PyTorch knows no read-only tensors, and nothing here writes to it
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        pixels = torch.from_numpy(images)  # shares the array's memory
    if device.type != "cpu" and images.nbytes <= DEVICE_SHARE * _free_memory(device):
        pixels = pixels.to(device)
    return Split(pixels, torch.from_numpy(labels).to(device))


def _free_memory(device: torch.device) -> int:
    """The bytes that are free on a GPU."""
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    return torch.cuda.mem_get_info(device)[0]
