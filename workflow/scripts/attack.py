"""Attack one checkpoint of a network on the chosen images."""

from advspectra_study.job import job, provenance, unfinished
from advspectra.attacking.seen import attacked_network, attacked_split, described, zero_gradient_warning
from advspectra.files.checkpoints import read_origin
from advspectra.files.images import read_images
from advspectra.files.perturbations import write_perturbations
from advspectra.machine.devices import place, prepare
from advspectra.networks.stored import load_network
from advspectra.perturb import balanced_subset, build_attack, perturb

with job(snakemake) as report:
    params, checkpoint = snakemake.params, snakemake.wildcards.checkpoint
    device = prepare(snakemake.resources.device, threads=snakemake.threads)
    attack = build_attack(params.family, **params.options)
    images = read_images(snakemake.input.images)
    form = {"image_shape": images.test_images.shape[1:], "classes": len(images.class_names)}
    expected = {**params.architecture, **form}
    network, _ = load_network(snakemake.input.checkpoints, name=checkpoint, expected=expected)
    attacked = {"checkpoint": checkpoint, **read_origin(snakemake.input.checkpoints, name=checkpoint)}
    bound = {"norm": attack.norm, "epsilon": float("inf") if attack.epsilon is None else attack.epsilon}
    about = {**params.identity, "attack": snakemake.wildcards.attack, **attacked, **bound, **provenance(snakemake)}
    seen = {"images_of": params.images_of, "against": params.against}
    about |= described(**seen, batch_norm=params.batch_norm) | place(device)
    seed, split = params.identity["seed"], attacked_split(images, params.images_of, device)
    with unfinished(snakemake, snakemake.output.perturbations, about=about) as progress:
        perturbations = perturb(
            attacked_network(network, images, batch_norm=params.batch_norm, seed=seed, device=device),
            split,
            balanced_subset(split.labels.cpu().numpy(), params.images, images_of=params.images_of),
            attack,
            batch_size=params.batch_size,
            simplify=params.simplified,
            precision=params.precision,
            seed=seed,
            **seen,
            label=f"{snakemake.wildcards.run}/{checkpoint}",
            report=report,
            progress=progress,
        )
        if count := int(perturbations.zero_gradient.sum()):
            report(zero_gradient_warning(count, of=params.images))
        write_perturbations(snakemake.output.perturbations, perturbations, attributes=about | place(device))
