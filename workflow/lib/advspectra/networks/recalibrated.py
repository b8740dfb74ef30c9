"""Batch normalisation's running statistics, estimated again for the weights that a network has.

In training, running statistics are an average over the last steps (momentum 0.1 for each). At a checkpoint from the
first steps they are still those of the initialisation, means 0 and variances 1, while the network is attacked in
inference mode, which uses them: layers that should put out unit variance put out almost nothing. Estimating the
statistics on training images shows the network that the weights define.

Source: Precise BatchNorm, section 3.2 of Wu and Johnson (2021), arXiv 2105.07576.
"""

import torch
from torch import nn

from advspectra.split import Split
from advspectra.streams import stream

NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def has_statistics(network: nn.Module) -> bool:
    """Whether the network has running statistics that could be estimated again."""
    return any(isinstance(layer, NORMALISATIONS) and layer.track_running_stats for layer in network.modules())


@torch.no_grad()
def recalibrate(network: nn.Module, train: Split, *, batches: int, batch_size: int, seed: int) -> None:
    """Estimate the running statistics again, in place, as means over `batches` batches of training images.

    The images are drawn without replacement from `seed`, on the CPU, so that they are the same on every device; weights
    stay as they are, and the network is left in inference mode. Each batch is normalised by its own
    statistics, so those of a layer come from the same images as those of the layers before it.
    ValueError if the training set has fewer images, or a batch has fewer than two.
    """
    wanted = batches * batch_size
    if not 2 <= batch_size or not batch_size <= wanted <= len(train):
        raise ValueError(
            f"expected one or more batches of two or more images out of {len(train)}, got {batches} of {batch_size}"
        )
    layers = [layer for layer in network.modules() if isinstance(layer, NORMALISATIONS)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # PyTorch then takes the plain mean over batches
    order = torch.randperm(
        len(train), generator=torch.Generator().manual_seed(stream(seed, "images of the statistics"))
    )[:wanted]
    network.eval()  # dropout must not change the statistics of what follows it
    for layer in layers:
        layer.train()
    for index in order.to(train.labels.device).split(batch_size):
        network(train.batch(index)[0])
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    network.eval()
