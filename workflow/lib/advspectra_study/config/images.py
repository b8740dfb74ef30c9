"""Checks of a config that need its images: run by the job that makes images.h5, and again before trainings and attacks.

A training tries its own network alone: those of a study together may take longer than itself. An attack tries none.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from advspectra.files.images import ImageSet, read_images
from advspectra.networks.build import build_network
from advspectra.networks.shapes import shapes_only
from advspectra_study.config.faults import Fault
from advspectra_study.config.load import ConfigError, load_config
from advspectra_study.config.study import channel_faults
from advspectra_study.study import Study, recipe

ROOT = Path(__file__).resolve().parents[4]
LIBRARY = ROOT / "workflow/lib"
LARGE = 2_000_000  # weights


def require_fit(
    raw: Mapping[str, Any], path: str | Path, run: Mapping[str, Any] | None = None, *, networks: bool = True
) -> None:
    """Raise ConfigError with all faults that a config has with the images.h5 at `path`.

    raw : as Snakemake has it. run, networks : see `image_faults`.
    """
    config = load_config(raw, schema_path=ROOT / "workflow/schemas/config.schema.yaml", library=LIBRARY)
    if faults := image_faults(config, read_images(path), run, networks=networks):
        raise ConfigError(faults, what=f"with the images of {config['dataset']['name']} the config has")


def image_faults(
    config: Mapping[str, Any], images: ImageSet, run: Mapping[str, Any] | None = None, *, networks: bool = True
) -> list[Fault]:
    """What a valid config asks of its images that they cannot give.

    run : network, activation and depth of the run of which alone the network is tried; None for all. networks : whether
    any is tried.
    """
    count = _trained_on(config, len(images.train_labels))
    if count is None:
        text = f"found {config['training']['selection']['held_out_fraction']}, which leaves one part of "
        text += f"{len(images.train_labels)} training images empty; allowed: a fraction that leaves none"
        return [Fault(("training", "selection", "held_out_fraction"), text)]
    faults = list(_class_faults(config, images))
    faults += _statistics_faults(config, len(images.train_labels))
    faults += channel_faults(config, images.train_images.shape[1])
    faults += _recipe_faults(config, images, count)
    if not networks:
        return faults
    of_networks = list(_network_faults(config, images, count, run))
    return faults + (of_networks or list(_line_faults(config, images, run)))


def _trained_on(config: Mapping[str, Any], count: int) -> int | None:
    """How many images are left to train on, None if none is left or none is held out that should be."""
    selection = config["training"]["selection"]
    if selection["by"] != "held_out":
        return count
    held = round(count * selection["held_out_fraction"])
    return count - held if 0 < held < count else None


def _class_faults(config: Mapping[str, Any], images: ImageSet) -> Iterator[Fault]:
    for index, attack in enumerate(config["attacks"]):
        labels = images.train_labels if attack["images_of"] == "training" else images.test_labels
        have = np.bincount(labels, minlength=len(images.class_names))
        # equally many of each class, and one more of the first ones: see perturb.balanced_subset
        most = int(have.min()) * len(have) + int(have.argmin())
        if attack["images"] > most:
            each, more = divmod(attack["images"], len(have))
            need = each + (np.arange(len(have)) < more)
            first = int(np.flatnonzero(need > have)[0])
            text = f"found {attack['images']}, which needs {need[first]} {attack['images_of']} images of class "
            text += f"{images.class_names[first]!r}, which has {have[first]}; allowed: at most {most}"
            yield Fault(("attacks", index, "images"), text)


def _statistics_faults(config: Mapping[str, Any], count: int) -> Iterator[Fault]:
    """Checks that there are enough training images to estimate the statistics of batch normalisation on."""
    for index, attack in enumerate(config["attacks"]):
        if (about := attack["batch_norm"]) != "as_is" and about["batches"] * about["batch_size"] > count:
            text = f"found {about['batches']} batches of {about['batch_size']} images; allowed: at most the {count} "
            yield Fault(("attacks", index, "batch_norm"), text + "training images in all")


def _recipe_faults(config: Mapping[str, Any], images: ImageSet, count: int) -> Iterator[Fault]:
    """Checks the steps of checkpoints, and the crops, of each way to train: the study's and the networks'."""
    usual, side = config["training"], min(images.train_images.shape[2:])
    whole = {"training": usual, "checkpoints": usual["checkpoints"]}

    def last_step(training: Mapping[str, Any]) -> int:
        return training["epochs"] * -(-count // training["batch_size"])

    reached = [step for step in usual["checkpoints"]["steps"] if step <= last_step(usual)]
    for index, entry in [(None, whole), *enumerate(config["networks"])]:
        keys, training = () if index is None else ("networks", index), recipe(config, entry)
        last = last_step(training)
        kept = ("training", "checkpoints") if index is None else (*keys, "checkpoints")
        for place, step in enumerate(entry.get("checkpoints", {}).get("steps", ())):
            if step > last:
                yield Fault((*kept, "steps", place), f"found {step}; allowed: at most {last}, the last step")
        if last < max(reached, default=0) and "checkpoints" not in entry:
            text = f"found {last} steps in all; allowed: at least {max(reached)}, as in training.checkpoints, or "
            yield Fault((*keys, "training"), text + "checkpoints of its own")
        crop = training["augmentation"]["crop"]
        if "augmentation" in entry.get("training", {}) and crop >= side:
            text = f"found {crop}; allowed: less than the {side} pixels of a side of the images"
            yield Fault((*keys, "training", "augmentation", "crop"), text)


def _network_faults(config: Mapping[str, Any], images: ImageSet, count: int, run: Mapping | None) -> Iterator[Fault]:
    """Tries the last batch of an epoch, the smallest, in training mode."""
    for index, entry in enumerate(config["networks"]):
        batch_size = recipe(config, entry)["batch_size"]
        last = count % batch_size or min(batch_size, count)
        for about in _forms(entry, images, run):
            if not (fault := _forward_fault(about, last)):
                continue
            if last > 1 or _forward_fault(about, 2):
                keys, text = ("networks", index), f"{entry['name']} with these images: {fault}"
            else:
                better = next(size for size in range(batch_size + 1, count + 2) if count % size != 1)
                own = ("networks", index) if "batch_size" in entry.get("training", {}) else ()
                keys = (*own, "training", "batch_size")
                text = f"found {batch_size}, with which the last batch of {count} training images has 1, too few for "
                text += f"the batch normalisation of {entry['name']}; allowed: another number, such as {better}"
            yield Fault(keys, text)
            break


def _line_faults(config: Mapping[str, Any], images: ImageSet, run: Mapping | None) -> Iterator[Fault]:
    """Checks that lines can be followed through the networks that they are about: they come after all else."""
    study = Study.of(config, LIBRARY)
    for index, lines in enumerate(study.lines):
        for network, entry in zip(study.networks, config["networks"], strict=True):
            for about in _forms(entry, images, run) if study.checkpoints_of(lines, network) else ():
                if about["activation"] == "linear":  # lines are about the others alone
                    continue
                # here, as a study without lines need not import it
                from advspectra.lines.follow import PiecewiseLinear

                try:
                    PiecewiseLinear(_built(about), image_shape=about["image_shape"])
                except Exception as error:  # whatever a user's network may do that no tracing can follow
                    text = f"found {network.name}-{about['activation']}, which no line can be followed through "
                    text += f"({error}); allowed: networks of affine operations, ReLU and max-pooling"
                    yield Fault(("lines", index, "networks"), text)
                    break


def _forms(entry: Mapping[str, Any], images: ImageSet, run: Mapping | None) -> Iterator[dict[str, Any]]:
    """The arguments of build_network for each activation and depth of an entry of `networks`, or for those of `run`."""
    form = {"image_shape": images.train_images.shape[1:], "classes": len(images.class_names)}
    for activation, depth in product(entry["activations"], entry["depths"]):
        one = {"network": entry["name"], "activation": activation, "depth": depth}
        if not run or one.items() <= run.items():
            about = {"architecture": entry["architecture"], "options": entry["options"]}
            yield about | {"activation": activation, "depth": depth, **form}


def _built(about: dict[str, Any]) -> nn.Module:
    return build_network(**about, alpha=1, alpha_scaling="plain", seed=0)


def _forward_fault(about: dict[str, Any], count: int) -> str:
    """Why a network cannot be trained on batches of `count` images; empty if it can.

    Large networks are tried without numbers, if PyTorch can do so what they do. Its imports for that take two seconds,
    in which a small network is long through.
    """

    def forward() -> None:
        with torch.no_grad():
            logits = _built(about).train()(torch.zeros(min(count, 2), *about["image_shape"]))  # more are as good as two
        expected, got = (min(count, 2), about["classes"]), tuple(getattr(logits, "shape", ()))
        if got != expected:
            raise ValueError(f"expected logits (images, classes) of the shape {expected}, got {got}")

    with suppress(ValueError, RuntimeError), shapes_only():
        if sum(weights.numel() for weights in _built(about).parameters()) > LARGE:
            forward()
            return ""
    try:
        forward()
    except (ValueError, RuntimeError) as error:
        return str(error)
    return ""
