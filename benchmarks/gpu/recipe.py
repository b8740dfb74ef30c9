"""The study of ResNet18 as the authors ran it: config.yaml with their recipe, cut to what a GPU does in ten minutes."""

import torch
import yaml

from advspectra_study.config.load import load_config
from advspectra_study.study import Study
from benchmarks.gpu import images
from benchmarks.timing import ROOT

LIBRARY = ROOT / "workflow/lib"
NETWORK = "resnet18"
# the authors' public repository, files of 2020: rate and weight decay; the schedule is that of config.yaml
RECIPE = {"learning_rate": 0.1, "checkpoints": {"steps": [0, 3, 10, 30, 100], "epochs": [1, 2, 5, 10, 20, 40]}}
WEIGHT_DECAY = 5e-4
SEEDS = 5
TRAINING_PRECISION = "bfloat16"  # the attack's is below
MAIN = ("best", "step=0", "step=30", "epoch=1", "epoch=5")  # checkpoints
EARLY = ("step=0", "step=30", "epoch=1", "step=3")  # where the running statistics may lag behind the weights
RECALIBRATION = {"batches": 16, "batch_size": 128}  # of training images
# what differs from config.yaml: one process, images from an archive, a tenth of the images, what a GPU is fast at
OVERRIDES = {
    "study": "gpu",
    "dataset": {
        "name": "cifar10_jpeg",
        "source": "image_folder",
        "options": {"path": "images.tar.xz"},
    },
    "compute": {"device": "cuda", "threads": 1, "precision": "tf32", "save_every": 60},
}
# the smallest epsilon is looked for in float32, which takes seven times as long as tf32
IMAGES = {"pgd": 100, "minimal_pgd": 50}
LINES = {"images": 50, "exact_images": 0, "samples": 51}
# at toy size, on a CPU: whether it works
TOY = {"epochs": 1, "steps": 5, "images": 10, "width": 1 / 16, "checkpoints": {"steps": [0], "epochs": []}}


def study_of(device: torch.device, *, toy: bool, seed: int) -> Study:
    """The study: config.yaml for ResNet18, with RECIPE and OVERRIDES; at toy size one of the same form."""
    with open(ROOT / "config.yaml", encoding="utf-8") as file:
        config = yaml.safe_load(file) | OVERRIDES
    config["seeds"] = [seed + number for number in range(SEEDS)]
    config["networks"] = [entry | RECIPE for entry in config["networks"] if entry["name"] == NETWORK]
    config["training"]["weight_decay"] = WEIGHT_DECAY
    config["attacks"] = [attack for attack in config["attacks"] if attack["name"] in IMAGES]
    config["transfers"] = [entry for entry in config["transfers"] if entry["attack"] in IMAGES]
    names = [entry["name"] for entry in config["transfers"]]
    config["lines"] = [entry | LINES for entry in config["lines"] if entry["attack"] in names]
    config["claims"] |= {part: None for part in config["claims"] if part.startswith("recalibrated_")}
    for attack in config["attacks"]:
        attack |= {"images": IMAGES[attack["name"]], "batch_size": IMAGES[attack["name"]]}
    if device.type == "cpu":
        config["compute"] = config["compute"] | {"device": "cpu", "precision": "float32"}
    if toy:
        config["seeds"] = config["seeds"][:2]
        config["dataset"] = {"name": "bands", "source": "band_features", "options": images.TOY}
        config["training"] |= {"epochs": TOY["epochs"]}
        config["training"]["schedule"] |= {"reset_at": None}
        for entry in config["networks"]:
            entry["options"] = {"width": TOY["width"]}
            if "checkpoints" in entry:
                entry["checkpoints"] = TOY["checkpoints"]
        for attack in config["attacks"]:
            attack |= {"images": TOY["images"], "batch_size": TOY["images"]}
            attack["options"]["parameters"]["steps"] = TOY["steps"]
        config["lines"] = [entry | {"images": TOY["images"], "samples": 5} for entry in config["lines"]]
    schema = ROOT / "workflow/schemas/config.schema.yaml"
    return Study.of(load_config(config, schema_path=schema, library=LIBRARY), LIBRARY)
