"""ResNet18 at full size as the authors ran it, five seeds: files of a study, by the study's own writers.

First all seeds are trained and their main checkpoints attacked; then, seed by seed, the rest: the attack on the class
that the network predicts, as it is and with batch normalisation's statistics estimated anew; lines; the other
checkpoints; the smallest epsilon. The files join a study's tables and figures. Weights are left out: a checkpoint of
ResNet18 has 45 MB.
"""

import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import h5py
import numpy as np
import torch
import yaml

from advspectra_study.job import provenance
from advspectra.files.checkpoints import Checkpoint, Training, read_origin, write_checkpoints
from advspectra.files.images import read_images
from advspectra.files.lines import write_lines
from advspectra.files.perturbations import origin, read_perturbations, write_perturbations
from advspectra.lines.ends import measure_lines
from advspectra.machine import cuda_graph
from advspectra.machine.devices import place, precision, prepare
from advspectra.networks.build import build_network
from advspectra.perturb import balanced_subset, build_attack, perturb, transfer
from advspectra.spectra import write_spectra
from advspectra.split import Split, on_device
from advspectra.table import Column
from advspectra.training import Recipe, fit
from advspectra_study.config.load import load_config
from advspectra_study.fingerprint import code_fingerprint
from advspectra_study.study import Attack, Lines, Run, Study, Transfer, steps_and_epochs
from benchmarks.gpu import images
from benchmarks.gpu.pack import ORDER
from benchmarks.gpu.rows import Rows, seconds_left
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
COLUMNS = (
    Column("network", "network"),
    Column("seed", "seed"),
    Column("work", "work"),
    Column("checkpoint", "state"),
    Column("step", "step"),
    Column("test_accuracy", "test accuracy"),
    Column("images", "images"),
    Column("correct", "right before"),
    Column("success", "success"),
    Column("l2", "mean L2"),
    Column("linf", "median L∞"),
    Column("half_power_frequency", "half-power frequency of δ̂"),
    Column("seconds", "seconds"),
    Column("note", "note"),
)


def study_of(device: torch.device, *, toy: bool, seed: int) -> Study:
    """Return the study: config.yaml for ResNet18, with RECIPE and OVERRIDES; at toy size one of the same form."""
    with open(ROOT / "config.yaml", encoding="utf-8") as file:
        config = yaml.safe_load(file) | OVERRIDES
    config["seeds"] = [seed + number for number in range(SEEDS)]
    config["networks"] = [entry | RECIPE for entry in config["networks"] if entry["name"] == NETWORK]
    config["training"]["weight_decay"] = WEIGHT_DECAY
    config["attacks"] = [attack for attack in config["attacks"] if attack["family"] != "foolbox"]
    config["lines"] = [entry | LINES for entry in config["lines"]]
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
        config["lines"] = [entry | {"images": 2, "samples": 5} for entry in config["lines"]]
    schema = ROOT / "workflow/schemas/config.schema.yaml"
    return Study.of(load_config(config, schema_path=schema, library=LIBRARY), LIBRARY)


class Work:
    """The study in a folder: what it is made from, what it has come to, and the list of its files."""

    def __init__(self, described: Study, out: Path, work: Path, device: torch.device):
        folder, self.described, self.config = work / "study", described, described.written
        self.folder, self.device, self.rows = folder, device, Rows(out, "study", COLUMNS)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(yaml.safe_dump(self.config, sort_keys=False, allow_unicode=True))
        self.listed("config.yaml")
        self.images_path = work / "images.h5"
        while not self.images_path.exists() and seconds_left() > 0:  # benchmarks.gpu.images is at work on it
            time.sleep(0.1)
        self.images = read_images(self.images_path)
        self.train = on_device(self.images.train_images, self.images.train_labels, device)
        self.test = on_device(self.images.test_images, self.images.test_labels, device)
        self.form = {"image_shape": self.images.test_images.shape[1:], "classes": len(self.images.class_names)}

    def listed(self, name: str) -> None:
        """Add a file to those that come back; the first ones matter most."""
        with open(self.folder / ORDER, "a") as file:
            print(name, file=file)

    def made_by(self, script: str, parameters: Mapping, *plugins: str) -> dict[str, str]:
        """Return what says where a file comes from, as the study's scripts have it."""
        code = code_fingerprint(ROOT / "workflow/scripts" / script, package=LIBRARY / "advspectra", plugins=plugins)
        job = SimpleNamespace(params={**parameters, "code": code}, input=[self.images_path])
        facts = provenance(job)
        inputs = json.loads(facts["inputs_sha256"])
        return facts | {"inputs_sha256": json.dumps({Path(path).name: digest for path, digest in inputs.items()})}


class TrainedRun:
    """One network of the study, trained, and the work on its states."""

    def __init__(self, study: Work, run: Run):
        self.study, self.run, self.entry = study, run, run.entry
        self.identity = {"dataset": study.config["dataset"]["name"], **run.identity}
        self.folder = study.folder / run.folder
        self.module = f"advspectra.models.{self.entry.architecture}"
        self.form = {"architecture": self.entry.architecture, "options": self.entry.options}
        self.training: Training | None = None
        self.form |= {"activation": run.activation, "depth": run.depth, **study.form}
        self.states = [*self.entry.checkpoints]
        self.states.sort(key=lambda name: MAIN.index(name) if name in MAIN else len(MAIN))

    def train(self) -> None:
        """Train it; keep its states in memory, and all but their weights in checkpoints.h5."""
        study, config = self.study, self.study.config
        scaling = {"alpha_scaling": config["initialization"]["alpha_scaling"], "alpha": self.run.alpha}
        settings = {name: value for name, value in config["training"].items() if name not in ("search", "checkpoints")}
        start = time.perf_counter()
        used = TRAINING_PRECISION if study.device.type == "cuda" else "float32"
        with precision(study.device, used):
            self.training = fit(
                lambda: build_network(**self.form, **scaling, seed=self.run.seed).to(study.device),
                study.train,
                study.test,
                Recipe(checkpoints=steps_and_epochs(self.states), **settings),
                learning_rate=self.entry.learning_rate,
                search=None,
                seed=self.run.seed,
                report=lambda line: print(f"{self.entry.name}, seed {self.run.seed}: {line}", flush=True),
            )
        seconds = time.perf_counter() - start
        parameters = {"training": settings, "precision": used, "weights": "left out"}
        about = self.identity | self.study.made_by("train.py", parameters, self.module) | place(study.device)
        write_checkpoints(
            self.folder / "states.h5",
            self.training,
            architecture=self.form,
            attributes=about,
        )
        bare = {name: replace(state, tensors={}) for name, state in self.training.checkpoints.items()}
        path = self.folder / "checkpoints.h5"
        write_checkpoints(path, replace(self.training, checkpoints=bare), architecture=self.form, attributes=about)
        self.origins = {name: read_origin(self.folder / "states.h5", name=name) for name in self.states}
        (self.folder / "states.h5").unlink()
        study.listed(str(path.relative_to(study.folder)))
        best = self.training.best()
        note = f"{used}, {place(study.device)['determinism']}"
        self.row("training", "best", best["test_accuracy"], seconds=seconds, note=note)

    def row(self, work: str, name: str, accuracy: float | None = None, **more) -> None:
        """Add a row about a state."""
        state: Checkpoint = self.training.checkpoints[name]
        where = {"network": self.entry.name, "seed": self.run.seed, "work": work, "checkpoint": name}
        self.study.rows.add(**where, step=state.step, test_accuracy=accuracy or state.test_accuracy, **more)

    def network(self, name: str, *, recalibrated: bool = False) -> torch.nn.Module:
        """Return the network in a state, in inference mode.

        recalibrated : with the running statistics of batch normalisation estimated anew, on training images.
        """
        network = build_network(**self.form, alpha=1.0, alpha_scaling="plain", seed=0)
        network.load_state_dict(self.training.checkpoints[name].tensors)
        network = network.to(self.study.device)
        if recalibrated:
            recalibrate(network, self.study.train, **RECALIBRATION, seed=self.run.seed)
        return network.eval()

    def attack_predicted(self, settings: Attack, name: str, *, recalibrated: bool) -> None:
        """Attack the class that the network predicts, so that every image counts."""
        network = self.network(name, recalibrated=recalibrated)
        test = self.study.test
        with torch.no_grad():
            batches = torch.arange(len(test), device=test.labels.device).split(500)
            predicted = torch.cat([network(test.batch(index)[0]).argmax(dim=1) for index in batches])
        kind = f"{settings.name}_predicted{'_recalibrated' if recalibrated else ''}"
        about = {"target": "predicted class"}
        if recalibrated:
            about["batch_norm"] = "recalibrated: " + json.dumps(RECALIBRATION)
        self.attack(settings, name, kind=kind, network=network, test=replace(test, labels=predicted), more=about)

    def attack(
        self,
        settings: Attack,
        name: str,
        *,
        arithmetic: str | None = None,
        kind: str | None = None,
        network: torch.nn.Module | None = None,
        test: Split | None = None,
        more: Mapping = MappingProxyType({}),
    ) -> None:
        """Attack a state. arithmetic : another precision than the study's; what comes of it is then only a row.

        kind, network, test, more : name of the results, network, test images with labels, and attributes of its own.
        """
        study = self.study
        attack = build_attack(settings.family, **settings.options)
        used = arithmetic or study.config["compute"]["precision"]
        start = time.perf_counter()
        found = perturb(
            network or self.network(name),
            test or study.test,
            balanced_subset(study.images.test_labels, settings.images),
            attack,
            batch_size=settings.batch_size,
            simplify=settings.simplified,
            precision=used,
            seed=self.run.seed,
        )
        seconds = time.perf_counter() - start
        kind = kind or settings.name
        about = self.about("attack.py", kind, name, vars(settings), f"advspectra.attacks.{settings.family}")
        about |= {"norm": attack.norm, "epsilon": attack.epsilon, **more}
        if arithmetic is None:
            self.write(kind, name, found, about, seconds)
        else:
            folder = self.folder / "compared" / arithmetic
            self.write_spectra(folder / "spectra.h5", found, about)
            self.row(
                f"{settings.name} in {arithmetic}",
                name,
                **self.summary(found, folder / "spectra.h5"),
                seconds=seconds,
            )

    def transfer(self, settings: Transfer, source: Attack, name: str) -> None:
        """Try the perturbations that `source` found on another state."""
        study, start = self.study, time.perf_counter()
        path = self.folder / source.name / settings.found_on / "perturbations.h5"
        arrays, attributes = read_perturbations(path)
        bound = {"norm": float(attributes["norm"]), "epsilon": float(attributes["epsilon"])}
        batch = {"batch_size": source.batch_size}
        found = transfer(self.network(name), study.test, arrays["image"], arrays["perturbation"], **batch, **bound)
        about = self.about("transfer.py", settings.name, name, batch) | bound
        about |= {"source_attack": source.name, "found_on": settings.found_on}
        self.write(settings.name, name, found, about, time.perf_counter() - start)

    def lines(self, entry: Lines, attack: str, name: str, *, recalibrated: bool = False) -> None:
        """Follow a state along the lines to what an attack, or transfer, found."""
        study, start = self.study, time.perf_counter()
        path = self.folder / attack / name / "perturbations.h5"
        arrays, attributes = read_perturbations(path)
        settings = {key: getattr(entry, key) for key in ("images", "exact_images", "samples", "stretch_limit")}
        rows = balanced_subset(arrays["label"], settings["images"])
        chosen = {key: array[rows] for key, array in arrays.items()}
        about = self.identity | origin(attributes) | settings
        about |= self.study.made_by("lines.py", {"lines": settings}, self.module) | place(study.device)
        del settings["images"]
        lines = measure_lines(
            self.network(name, recalibrated=recalibrated),
            study.test.batch(torch.from_numpy(chosen["image"]).to(study.device))[0],
            torch.from_numpy(chosen["label"]).to(study.device),
            torch.from_numpy(chosen["perturbation"]).to(study.device),
            chosen["image"],
            **settings,
            seed=self.run.seed,
        )
        chosen["correct"] = chosen["clean_prediction"] == chosen["label"]
        write_lines(path.with_name("lines.h5"), images=chosen, lines=lines, attributes=about)
        study.listed(str(path.with_name("lines.h5").relative_to(study.folder)))
        changes = {end: float(np.median(arrays["relu_changes"])) for end, arrays in lines.items()}
        note = ", ".join(f"{end} {value:.4f}" for end, value in changes.items())
        seconds = time.perf_counter() - start
        note = f"{attack}: median share of ReLUs that change: {note}"
        self.row("lines", name, images=len(rows), seconds=seconds, note=note)

    def about(self, script: str, attack: str, name: str, parameters: Mapping, *plugins: str) -> dict:
        """Return the attributes of a file of perturbations."""
        names = {"attack": attack, "checkpoint": name, **self.origins[name]}
        made = self.study.made_by(script, parameters, self.module, *plugins)
        return self.identity | names | made | place(self.study.device)

    def write(self, attack: str, name: str, found, about: Mapping, seconds: float) -> None:
        """Write perturbations and their spectra, and a row about them."""
        folder = self.folder / attack / name
        write_perturbations(folder / "perturbations.h5", found, attributes=about)
        self.write_spectra(folder / "spectra.h5", found, about)
        for kind in ("spectra", "perturbations"):
            self.study.listed(str((folder / f"{kind}.h5").relative_to(self.study.folder)))
        self.row(attack, name, **self.summary(found, folder / "spectra.h5"), seconds=seconds)

    def write_spectra(self, path: Path, found, about: Mapping) -> None:
        """Write the spectra of perturbations."""
        write_spectra(
            path,
            perturbation=found.perturbation,
            success=found.success,
            image=found.image,
            **self.study.config["spectra"],
            attributes=self.identity | origin(about) | self.study.made_by("spectra.py", self.study.config["spectra"]),
        )

    def summary(self, found, spectra: Path) -> dict:
        """Return what a row says of perturbations: norms and frequency of the successful ones."""
        chosen = found.success
        with h5py.File(spectra) as file:
            half = file["paper/half_power_frequency"][()]
        return {
            "images": len(found.image),
            "correct": float((found.clean_prediction == found.label).mean()),
            "success": float(chosen.mean()),
            "l2": float(found.l2[chosen].mean()) if chosen.any() else None,
            "linf": float(np.median(found.linf[chosen])) if chosen.any() else None,
            "half_power_frequency": float(half.mean()) if len(half) else None,
        }


def recalibrate(network: torch.nn.Module, train: Split, *, batches: int, batch_size: int, seed: int) -> None:
    """Estimate the running statistics of batch normalisation anew, as means over batches of training images."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.reset_running_stats()
            module.momentum = None
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))[: batches * batch_size]
    network.train()
    with torch.no_grad():
        for index in order.to(train.labels.device).split(batch_size):
            network(train.batch(index)[0])


Task = tuple[str, Callable[[], None]]


def main_work(run: TrainedRun) -> Iterator[Task]:
    """Yield what matters most of a run, each task with its kind."""
    study = run.study.described
    (item,), attacks = study.transfers, {attack.name: attack for attack in study.attacks}
    yield "training", run.train
    for state in (state for state in run.states if state in MAIN):
        yield "pgd", lambda state=state: run.attack(attacks["pgd"], state)
        yield "transfer", lambda state=state: run.transfer(item, attacks["pgd"], state)


def other_work(run: TrainedRun) -> Iterator[Task]:
    """Yield the rest, in the order of what it tells."""
    study = run.study.described
    (item,), (entry,), attacks = study.transfers, study.lines, {attack.name: attack for attack in study.attacks}
    pgd, minimal = attacks["pgd"], attacks["minimal_pgd"]
    early = [state for state in EARLY if state in run.states]
    main = [state for state in run.states if state in MAIN]
    rest = [state for state in run.states if state not in MAIN]
    for state in early[:3]:
        for anew in (False, True):
            yield "pgd", lambda state=state, anew=anew: run.attack_predicted(pgd, state, recalibrated=anew)
    for state in main[:2]:
        yield "lines", lambda state=state: run.lines(entry, item.name, state)
    for state in early[:1]:
        for anew, name in ((False, "pgd_predicted"), (True, "pgd_predicted_recalibrated")):
            yield "lines", lambda state=state, name=name, anew=anew: run.lines(entry, name, state, recalibrated=anew)
    for state in rest:
        yield "pgd", lambda state=state: run.attack(pgd, state)
        yield "transfer", lambda state=state: run.transfer(item, pgd, state)
    for state in early[:1]:
        for anew in (False, True):
            yield "minimal", lambda state=state, anew=anew: run.attack_predicted(minimal, state, recalibrated=anew)
    for state in main:
        yield "minimal", lambda state=state: run.attack(minimal, state)
    for state in early[3:]:
        for anew in (False, True):
            yield "pgd", lambda state=state, anew=anew: run.attack_predicted(pgd, state, recalibrated=anew)
    for state in main[2:] + rest:
        yield "lines", lambda state=state: run.lines(entry, item.name, state)
    for arithmetic in ("float32", "bfloat16"):
        yield arithmetic, lambda one=arithmetic: run.attack(pgd, "best", arithmetic=one)


def in_turns(runs: list[TrainedRun]) -> Iterator[tuple[TrainedRun, Task]]:
    """Yield the work: the main work run after run, then task by task of the rest, each for all runs."""
    for run in runs:
        for task in main_work(run):
            yield run, task
    for tasks in zip(*(other_work(run) for run in runs), strict=True):
        yield from zip(runs, tasks, strict=True)


def main() -> None:
    """Train and attack; what the time does not suffice for is left."""
    out, work, device_type = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    start = time.perf_counter()
    device = prepare(device_type, threads=1)
    study = Work(study_of(device, toy=sys.argv[4] == "toy", seed=int(sys.argv[5])), out, work, device)
    study.rows.add(work="images", seconds=time.perf_counter() - start, images=len(study.images.train_labels))
    longest: dict[str, float] = {}  # of each kind of work
    left_out = set()
    for run, (kind, task) in in_turns([TrainedRun(study, run) for run in study.described.runs.values()]):
        where = {"network": run.entry.name, "seed": run.run.seed, "work": kind}
        if kind != "training" and run.training is None:
            continue
        if seconds_left() < 1.1 * longest.get(kind, 0) + 2:
            if (run, kind) not in left_out:
                study.rows.add(**where, note="no time was left for it")
            left_out.add((run, kind))
            continue
        start = time.perf_counter()
        try:
            task()
        except Exception:  # whatever it is, the other work is still to be done
            traceback.print_exc()
            study.rows.add(**where, note="failed, see log.txt")
            if kind == "training":  # once more, without graphs
                cuda_graph.GRAPHED = set()
                task()
        longest[kind] = max(longest.get(kind, 0), time.perf_counter() - start)


if __name__ == "__main__":
    main()
