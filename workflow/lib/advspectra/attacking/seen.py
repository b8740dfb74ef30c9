"""What an attack sees by the keys of its entry in a configuration: which images, which classes, which network.

`images_of`: it attacks test images, or training images. `against`: it starts from the label, or from the class that the
network predicts. `batch_norm`: the network as it is, or with the running statistics of its batch normalisation
estimated again. A transfer and the lines of an attack see what their attack saw.
"""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from advspectra.files.images import ImageSet
from advspectra.networks.recalibrated import has_statistics, recalibrate
from advspectra.split import Split, on_device

BatchNorm = Literal["as_is"] | Mapping[str, int]


def attacked_split(images: ImageSet, images_of: str, device: torch.device) -> Split:
    """The images that an attack indexes, for computing on `device`; images_of : "test" or "training"."""
    if images_of == "training":
        return on_device(images.train_images, images.train_labels, device)
    return on_device(images.test_images, images.test_labels, device)


def attacked_network(
    network: nn.Module, images: ImageSet, *, batch_norm: BatchNorm, seed: int, device: torch.device
) -> nn.Module:
    """The network on `device`, in inference mode, as an attack sees it.

    batch_norm : "as_is", or the `batches` and `batch_size` of networks.recalibrated.recalibrate; a network without
    running statistics has none to estimate and stays as it is. seed : of the run. It draws the training images from a
    stream of its own, so that attack, transfer and lines of a checkpoint see the same network.
    """
    network = network.to(device)
    if batch_norm != "as_is" and has_statistics(network):
        recalibrate(network, attacked_split(images, "training", device), **batch_norm, seed=seed)
    return network.eval()


def described(*, images_of: str, against: str, batch_norm: BatchNorm) -> dict[str, str]:
    """The attributes of a result that say what its attack saw; batch_norm is "as_is" or as "16 batches of 128"."""
    if batch_norm != "as_is":
        batch_norm = f"{batch_norm['batches']} batches of {batch_norm['batch_size']}"
    return {"images_of": images_of, "against": against, "batch_norm": batch_norm}


@torch.no_grad()
def given_classes(network: nn.Module, inputs: Tensor, labels: Tensor, against: str) -> Tensor:
    """The classes that an attack is to leave, (N,): the labels, or the predictions of the network for `inputs`."""
    return network(inputs).argmax(dim=1) if against == "prediction" else labels


def zero_gradient(network: nn.Module, inputs: Tensor, classes: Tensor, loss: str | None) -> Tensor:
    """Whether the gradient of an attack's loss at the clean images is exactly zero in all pixels, (N,) bool.

    In float32, softmax minus the class's unit vector is zero where the margin is above about 100. A gradient attack
    then stays where it starts.
    loss : "cross_entropy" for `classes`, (N,); "logit_difference", z_t - z_y, whose gradients must be zero for every
    class t; None for an attack that ascends neither, whose answer is False.
    """
    if loss is None:
        return torch.zeros_like(classes, dtype=torch.bool)
    inputs = inputs.detach().requires_grad_()
    logits = network(inputs)
    if loss == "cross_entropy":
        values = [functional.cross_entropy(logits, classes, reduction="sum")]
    else:
        values = (logits - logits.gather(1, classes[:, None])).sum(dim=0)
    zero = torch.ones_like(classes, dtype=torch.bool)
    for value in values:
        (gradient,) = torch.autograd.grad(value, inputs, retain_graph=True)
        zero &= (gradient == 0).flatten(1).all(dim=1)
    return zero


def zero_gradient_warning(count: int, of: int) -> str:
    """The line of a job's log that says that so many images had no gradient, why, and what to do."""
    return (
        f"WARNING: {count} of {of} images have a gradient of exactly zero: the network's margins are above about 100, "
        "where the softmax rounds to 0 and 1, or its units are dead. The attack leaves them at its start; they stay "
        "in success rates and are left out of spectra. An attack that ascends the logit difference "
        "(minimal_linf_pgd with loss: logit_difference) is not affected by margins"
    )
