"""Follow one checkpoint of a network along lines from images to their adversarial images and to the controls."""

import torch

from advspectra_study.job import job, provenance, unfinished
from advspectra.attacking.seen import attacked_network, attacked_split
from advspectra.files.images import read_images
from advspectra.files.lines import write_lines
from advspectra.files.perturbations import origin, read_rows
from advspectra.lines.ends import measure_lines
from advspectra.machine.devices import place, prepare, with_float64
from advspectra.networks.stored import load_network
from advspectra.perturb import balanced_subset

with job(snakemake) as report:
    params = snakemake.params
    device = with_float64(prepare(snakemake.resources.device, threads=snakemake.threads))
    images = read_images(snakemake.input.images)
    network, _ = load_network(
        snakemake.input.checkpoints, name=snakemake.wildcards.checkpoint, expected=params.architecture
    )
    settings, seed = dict(params.lines), params.identity["seed"]
    wanted = settings.pop("images")
    chosen, attributes = read_rows(snakemake.input.perturbations, lambda labels: balanced_subset(labels, wanted))
    split = attacked_split(images, params.images_of, device)
    left = chosen["clean_prediction" if params.against == "prediction" else "label"]
    about = {**params.identity, **origin(attributes), **settings, **provenance(snakemake), **place(device)}
    with unfinished(snakemake, snakemake.output.lines, about=about) as progress:
        lines = measure_lines(
            attacked_network(network, images, batch_norm=params.batch_norm, seed=seed, device=device),
            split.batch(torch.from_numpy(chosen["image"]).to(device))[0],
            torch.from_numpy(left).to(device),
            torch.from_numpy(chosen["perturbation"]).to(device),
            chosen["image"],
            **settings,
            seed=seed,
            images_of=params.images_of,
            final=chosen.get("source_prediction"),
            label=f"{snakemake.wildcards.run}/{snakemake.wildcards.checkpoint}",
            report=report,
            part=progress.part("lines"),
        )
        chosen["correct"] = chosen["clean_prediction"] == chosen["label"]
        write_lines(snakemake.output.lines, images=chosen, lines=lines, attributes=about | place(device))
