"""Try the perturbations that an attack found on one checkpoint of a network on another checkpoint of it."""

from advspectra_study.job import job, provenance
from advspectra.attacking.seen import attacked_network, attacked_split, described
from advspectra.files.checkpoints import read_origin
from advspectra.files.images import read_images
from advspectra.files.perturbations import read_perturbations, write_perturbations
from advspectra.machine.devices import place, prepare
from advspectra.networks.stored import load_network
from advspectra.perturb import transfer

with job(snakemake):
    params, checkpoint = snakemake.params, snakemake.wildcards.checkpoint
    device = prepare(snakemake.resources.device, threads=snakemake.threads)
    images = read_images(snakemake.input.images)
    form = {"image_shape": images.test_images.shape[1:], "classes": len(images.class_names)}
    expected = {**params.architecture, **form}
    network, _ = load_network(snakemake.input.checkpoints, name=checkpoint, expected=expected)
    arrays, source = read_perturbations(snakemake.input.perturbations)
    seen = {"images_of": params.images_of, "against": params.against}
    bound = {"norm": float(source["norm"]), "epsilon": float(source["epsilon"])}
    perturbations = transfer(
        attacked_network(network, images, batch_norm=params.batch_norm, seed=params.identity["seed"], device=device),
        attacked_split(images, params.images_of, device),
        arrays["image"],
        arrays["perturbation"],
        zero_gradient=arrays.get("zero_gradient"),
        batch_size=params.batch_size,
        **seen,
        **bound,
    )
    tried_on = {"checkpoint": checkpoint, **read_origin(snakemake.input.checkpoints, name=checkpoint)}
    origin = {"source_attack": source["attack"], "found_on": source["checkpoint"]}
    names = {"attack": snakemake.wildcards.attack, **tried_on, **origin}
    names |= described(**seen, batch_norm=params.batch_norm)
    attributes = {**params.identity, **names, **bound, **place(device), **provenance(snakemake)}
    write_perturbations(
        snakemake.output.perturbations,
        perturbations,
        attributes=attributes,
        source_prediction=arrays["adversarial_prediction"],
    )
