"""Measure everything in one run; see `python -m benchmarks --help`."""

import argparse
import sys
import time
from pathlib import Path

from advspectra.files.images import read_images
from advspectra.machine.devices import prepare
from benchmarks import arrays, attacks, networks, report, training, workflow
from benchmarks.timing import ROOT, Measurement, take_turns

PARTS = ("attack", "training", "convolution", "spectra", "snakemake")
QUICK = ["fully_connected-linear", "bounded_width_32-relu", "resnet18-relu"]
PEER_IMAGES = {"cpu": 128, "cuda": 2048}


def arguments() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    option = parser.add_argument
    option("--name", default="local", help="results go to benchmarks/results/<name>/")
    option("--parts", nargs="+", choices=PARTS, default=PARTS)
    option("--only", nargs="+", choices=networks.NETWORKS, help="networks; default all, three with --quick")
    option(
        "--images", type=Path, help=f"images.h5; default that of {networks.STUDY.relative_to(ROOT)}, or embedded ones"
    )
    option("--networks", type=Path, help="folder of trained runs; default that of images.h5. Missing ones are trained")
    option("--checkpoint", nargs="+", default=[], metavar="NETWORK=FILE", help="checkpoints.h5 of single networks")
    option("--width", type=float, help="width of ResNet18 and VGG19 (1: 64 to 512 channels); default 0.25")
    option("--repeats", type=int, help="rounds; default 3, 2 with --quick")
    option("--threads", type=int, default=1, help="CPU threads of PyTorch")
    option("--device", default="cpu", choices=["cpu", "cuda"], help="cuda is not yet tested")
    option("--attack-images", type=int, help="images of our attack; default by network, 100 to 1000, or 2000 on cuda")
    option("--peer-images", type=int, help="images of the other attacks; default 128, or 2048 on cuda")
    option("--peer-steps", type=int, help="steps of the other attacks; default 100")
    option("--finished", nargs=2, metavar=("FOLDER", "CONFIG"), help="a finished study: its working folder and file")
    option(
        "--quick",
        action="store_true",
        help="small networks, few images, memory of the convolution alone: whether it works, not how fast it is",
    )
    chosen = parser.parse_args()
    quick = {"repeats": 2, "attack_images": 20, "peer_images": 32, "peer_steps": 5, "only": QUICK}
    full = {"repeats": 3, "attack_images": None, "peer_images": PEER_IMAGES[chosen.device], "peer_steps": 100}
    full["only"] = list(networks.NETWORKS)
    for name, value in (quick if chosen.quick else full).items():
        if getattr(chosen, name) is None:
            setattr(chosen, name, value)
    chosen.checkpoint = {name: Path(file) for name, file in (pair.split("=", 1) for pair in chosen.checkpoint)}
    return chosen


def options_of(label: str, chosen: argparse.Namespace, found: Path | None) -> dict:
    """The architecture's options: with the width asked for; small ones in a quick run without that network."""
    network = networks.NETWORKS[label]
    options = network.options | (network.small if chosen.quick and found is None else {})
    return options | {"width": chosen.width} if chosen.width and "width" in options else options


def main() -> None:
    """Measure, case by case; write the report again after each."""
    chosen = arguments()
    device = prepare(chosen.device, threads=chosen.threads)
    folder = ROOT / "benchmarks/results" / chosen.name
    cache = folder / "networks"
    cache.mkdir(parents=True, exist_ok=True)
    studied = networks.STUDY / "images.h5"
    if chosen.images is None and (chosen.quick or not studied.exists()):
        chosen.images = networks.embedded_images(cache / "images.h5")
    images = (chosen.images or studied).resolve()
    files = {
        label: networks.find(label, folder=chosen.networks or images.parent, given=chosen.checkpoint)
        for label in networks.NETWORKS
    }
    stored = read_images(images)
    measurements: list[Measurement] = []
    facts = report.machine(device, chosen.threads)
    facts["run"] = f"{chosen.repeats} rounds; in each the contenders of a case take turns"
    facts["images"] = f"{len(stored.train_labels)} for training, {len(stored.test_labels)} for testing"
    accuracies: list[str] = []

    def measure(contenders, *, warm_up: bool) -> None:
        began = time.perf_counter()
        found = take_turns(contenders, repeats=chosen.repeats, device=device, warm_up=warm_up)
        measurements.extend(found)
        report.write(folder, measurements, about=facts)
        case = contenders[0]
        print(f"{case.part}: {case.case}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)

    place = {"device": device.type, "threads": chosen.threads}
    for label in chosen.only if "attack" in chosen.parts else ():
        network = networks.NETWORKS[label]
        if not network.attack_images:
            continue
        count = chosen.attack_images or (network.attack_images if chosen.device == "cpu" else 2000)
        options = options_of(label, chosen, files[label])
        trained = networks.prepared(label, options, found=files[label], images=stored, cache=cache, device=device)
        accuracies.append(f"{label} {trained.accuracy:.3f}{' (trained here)' if trained.trained_here else ''}")
        facts["test accuracy of the attacked networks"] = ", ".join(accuracies)
        attacked = attacks.contenders(
            label,
            trained.path,
            images,
            count=min(count, len(stored.test_labels)),
            peers=network.peers,
            peer_images=min(chosen.peer_images, len(stored.test_labels)),
            peer_steps=chosen.peer_steps,
            proportionality=len(accuracies) == 1,
            device=device,
            threads=chosen.threads,
        )
        # the others have run while their batch size was chosen, and ours is long enough
        measure(attacked, warm_up=False)
    for label in chosen.only if "training" in chosen.parts else ():
        epoch = networks.NETWORKS[label].train_images * (1 if chosen.device == "cpu" else 10)
        count = 256 if chosen.quick else min(epoch, len(stored.train_labels))
        options = options_of(label, chosen, files[label])
        measure(training.contenders(label, options, images, count=count, **place), warm_up=True)
    if "convolution" in chosen.parts:
        measure(arrays.convolution_contenders(count=128, **place), warm_up=True)
    if "spectra" in chosen.parts:
        count = 100 if chosen.quick else 1000
        measure(arrays.spectra_contenders(count=count, loop_count=count // 10), warm_up=True)
    if "snakemake" in chosen.parts:
        for case in workflow.contenders(chosen.finished and (Path(chosen.finished[0]), chosen.finished[1])):
            measure(case, warm_up=False)
    print(folder / "bench.md")


if __name__ == "__main__":
    main()
