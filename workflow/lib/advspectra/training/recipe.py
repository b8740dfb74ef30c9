"""How to train a network: epochs, batches, SGD, and the learning rate in each epoch.

Source: Ortega Caro et al. (2020), Section B.3 and Table 5; what the paper leaves open stands in the configuration.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from advspectra.training.augmentation import Augmentation


@dataclass(frozen=True)
class Recipe:
    """How to train a network, but for the learning rate and the seed.

    schedule : factor, every, reset_at of `scheduled_rate`, or peak of `one_cycle_rate`.
    selection : `by` "test" picks the best epoch by test accuracy (the paper's choice), "held_out" by accuracy on
        `held_out_fraction` of the training set, on which the network is then not trained. The earliest of equals wins;
        the initialisation is no candidate.
    checkpoints : `steps` and `epochs`. Kept besides "best" are "step=<n>", after n updates (0 is the initialisation),
        and "epoch=<n>", after n epochs, each with its accuracy on the whole test set.
    simplified : train a linear network through its end-to-end map, which gives the weights that training layer by layer
        gives, up to rounding. Other networks are trained layer by layer in any case.
    augmentation : flip and crop of Augmentation. The accuracy and loss of training are then those of changed images.
    """

    epochs: int
    batch_size: int
    momentum: float
    weight_decay: float
    schedule: Mapping
    selection: Mapping
    checkpoints: Mapping[str, Collection[int]]
    simplified: bool
    augmentation: Mapping = field(default_factory=dict)

    @property
    def of_a_step(self) -> dict[str, Any]:
        """What training.sgd.Steps takes of it."""
        return {
            "batch_size": self.batch_size,
            "momentum": self.momentum,
            "weight_decay": self.weight_decay,
            "augmentation": Augmentation(**self.augmentation),
        }

    def rate(self, epoch: int, maximum: float) -> float:
        """The learning rate in `epoch`, counted from 0."""
        if "peak" in self.schedule:
            return one_cycle_rate(epoch, maximum=maximum, epochs=self.epochs, **self.schedule)
        return scheduled_rate(epoch, maximum=maximum, **self.schedule)


def scheduled_rate(epoch: int, *, maximum: float, factor: float, every: int, reset_at: int | None) -> float:
    """The learning rate in `epoch` (counted from 0): maximum * factor^(epochs since the start or the reset // every).

    It drops every `every` epochs and returns to the maximum at epoch `reset_at`. Source: Section B.3; `every` = 4 is
    from the authors' notebooks.
    """
    since = epoch - reset_at if reset_at is not None and epoch >= reset_at else epoch
    return maximum * factor ** (since // every)


def one_cycle_rate(epoch: int, *, maximum: float, peak: int, epochs: int) -> float:
    """The learning rate in `epoch` (counted from 0) of one cycle: linear up to the maximum, and down again.

    It has its maximum in the epoch number `peak` (counted from 1) and would be 0 in that before the first and after the
    last. Source: Smith and Topin 2017 (arXiv 1708.07120), in steps of an epoch.
    """
    return maximum * min((epoch + 1) / peak, (epochs - epoch) / (epochs - peak + 1))
