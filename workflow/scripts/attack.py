"""Attack one checkpoint of a network on the chosen test images."""

from advspectra_study.job import job, provenance, unfinished
from advspectra.files.checkpoints import read_origin
from advspectra.files.images import read_images
from advspectra.files.perturbations import write_perturbations
from advspectra.machine.devices import place, prepare
from advspectra.networks.stored import load_network
from advspectra.perturb import balanced_subset, build_attack, perturb
from advspectra.split import on_device

with job(snakemake) as report:
    params, checkpoint = snakemake.params, snakemake.wildcards.checkpoint
    device = prepare(snakemake.resources.device, threads=snakemake.threads)
    attack = build_attack(params.family, **params.options)
    images = read_images(snakemake.input.images)
    form = {"image_shape": images.test_images.shape[1:], "classes": len(images.class_names)}
    expected = {**params.architecture, **form}
    network, _ = load_network(snakemake.input.checkpoints, name=checkpoint, expected=expected)
    attacked = {"checkpoint": checkpoint, **read_origin(snakemake.input.checkpoints, name=checkpoint)}
    bound = {"norm": attack.norm, "epsilon": attack.epsilon or float("inf")}
    about = {**params.identity, "attack": snakemake.wildcards.attack, **attacked, **bound, **provenance(snakemake)}
    about |= place(device)
    with unfinished(snakemake, snakemake.output.perturbations, about=about) as progress:
        perturbations = perturb(
            network.to(device),
            on_device(images.test_images, images.test_labels, device),
            balanced_subset(images.test_labels, params.images),
            attack,
            batch_size=params.batch_size,
            simplify=params.simplified,
            precision=params.precision,
            seed=params.identity["seed"],
            label=f"{snakemake.wildcards.run}/{checkpoint}",
            report=report,
            progress=progress,
        )
        write_perturbations(snakemake.output.perturbations, perturbations, attributes=about | place(device))
