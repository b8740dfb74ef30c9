"""Batch normalisation of a network early in its training, whose running statistics may lag behind its weights."""

import torch

from advspectra.split import Split


def recalibrate(network: torch.nn.Module, train: Split, *, batches: int, batch_size: int, seed: int) -> None:
    """Replace the running statistics of batch normalisation by means over batches of training images."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[: batches * batch_size]
    network.train()
    with torch.no_grad():
        for index in order.to(train.labels.device).split(batch_size):
            network(train.batch(index)[0])
