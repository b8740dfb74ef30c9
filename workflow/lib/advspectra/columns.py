"""What the columns of a study's data frames are, with their units; measures and arrays of files say so themselves."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from advspectra.claims.measures import MEASURES
from advspectra.files import perturbations

if TYPE_CHECKING:
    from pandas import DataFrame

RUN = {
    "network": "name of the network in the configuration",
    "activation": "activation function; linear: none",
    "depth": "hidden layers",
    "alpha": "α, the scale of the initial weights",
    "seed": "seed of the training and of its attacks",
}
TRAINING = {
    "label": "the network as figures and tables name it",
    "learning_rate": "initial learning rate",
    "best_epoch": "epoch with the highest accuracy, that of the checkpoint `best`",
    "epochs": "epochs of the training",
    "train_accuracy": "accuracy on training images during the best epoch, while the weights change (fraction)",
    "test_accuracy": "accuracy on test images in the best epoch (fraction)",
}
ATTACK = {
    "attack": "attack or transfer",
    "transfer_of": "of a transfer: the attack whose perturbations it tries",
    "found_on": "of a transfer: the checkpoint on which that attack found them",
    "checkpoint": "checkpoint attacked",
    "step": "training steps up to the checkpoint",
    "epoch": "epoch of the checkpoint",
}
# what an attack saw, attributes of files.perturbations.AttackedImages
SEEN = {
    "images_of": "the set that `image` indexes: test or training",
    "against": "the class that the attack started from: label or prediction",
    "batch_norm": "batch normalisation: as_is, or on how many batches its running statistics were estimated again",
}
ARRAYS = {
    name: f"{array.text} ({array.units})" if array.units != "1" else array.text
    for name, array in perturbations.FORMAT.arrays.items()
}
IMAGE = {**RUN, **ATTACK, **SEEN, **ARRAYS, "correct": "whether the network is right about the clean image"}
# of measures.csv, see claims.study_measures
MEASURED = {
    **RUN,
    **ATTACK,
    "checkpoint": "checkpoint, or `all checkpoints` where checkpoints are compared",
    "step": "training steps up to the checkpoint; blank if seeds differ",
    "measure": "name of the measure in claims",
    "title": "the measure in words, with its unit",
    "variant": "of δ̂ the convention; of β̂ raw or rescaled; of lines their end",
    "mean": "mean over seeds, in the unit of the measure",
    "mean_low": "lower end of the 95 % interval of the mean",
    "mean_high": "upper end of the 95 % interval of the mean",
    "seeds": "number of seeds",
    "images": "number of attacked images of each seed",
    "values": "number of images with a value, summed over seeds",
    "why": "why there is no mean",
}


def titles(start: str, of: str) -> dict[str, str]:
    """Descriptions of the measures whose names begin with `start`; of : what they are taken of, "predictor raw"."""
    return {name: f"{measure.title}, {of}" for name, measure in MEASURES.items() if name.startswith(start)}


def described(frame: "DataFrame", about: Mapping[str, str]) -> "DataFrame":
    """The frame with what its columns are in `attrs["about"]`.

    about : descriptions by column; those of columns that it lacks are left out.
    """
    frame.attrs["about"] = {name: text for name, text in about.items() if name in frame}
    return frame
