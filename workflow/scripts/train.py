"""Train one network; keep its checkpoints and its history."""

from pathlib import Path

from advspectra_study.job import job, provenance, sha256, unfinished
from advspectra.files.checkpoints import write_checkpoints, write_history
from advspectra.files.images import read_images
from advspectra.machine.devices import place, precision, prepare
from advspectra.networks.build import build_network
from advspectra.split import on_device
from advspectra.training.recipe import Recipe
from advspectra.training.train import fit

with job(snakemake) as report:
    identity, settings = snakemake.params.identity, snakemake.params.settings
    device = prepare(snakemake.resources.device, threads=snakemake.threads)
    images = read_images(snakemake.input.images)
    form = {"image_shape": images.train_images.shape[1:], "classes": len(images.class_names)}
    architecture = {**settings["architecture"], **form}
    scaling = {"alpha_scaling": settings["alpha_scaling"]} | {key: identity[key] for key in ("alpha", "seed")}
    about = {**identity, **provenance(snakemake), **place(device)}
    with unfinished(snakemake, snakemake.output.checkpoints, about=about) as progress:
        with precision(device, settings["precision"]):
            training = fit(
                lambda: build_network(**architecture, **scaling).to(device),
                on_device(images.train_images, images.train_labels, device),
                on_device(images.test_images, images.test_labels, device),
                Recipe(checkpoints=snakemake.params.checkpoints, **settings["training"]),
                learning_rate=settings["learning_rate"],
                search=settings["search"],
                seed=identity["seed"],
                label=snakemake.wildcards.run,
                report=report,
                progress=progress,
            )
        write_history(snakemake.output.history, training)
        # a checkpoint that an earlier list kept must not pass for one of this training
        for mark in {*Path(snakemake.output.kept[0]).parent.glob("[!.]*")} - {*map(Path, snakemake.output.kept)}:
            mark.unlink()
        attributes = about | place(device) | {"history_sha256": sha256(snakemake.output.history)}
        write_checkpoints(snakemake.output.checkpoints, training, architecture=architecture, attributes=attributes)
