"""The paper's networks at full size, as far as the time goes: files of a study, by the study's own writers.

For ResNet18, then VGG19, then the next seed: training with the recipe of config.yaml, PGD on each state, the transfer
of the final perturbations, lines to them, the smallest epsilon, and spectra of all. The files join a study's tables
and figures. Weights are left out: a state of ResNet18 has 45 MB.
"""

import json
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import torch
import yaml

from advspectra_study.job import provenance
from advspectra import cuda_graph
from advspectra.attack import balanced_subset, build_attack, perturb, transfer
from advspectra.checkpoint_file import State, read_origin, write_checkpoints
from advspectra.devices import place, precision, prepare
from advspectra.image_file import read_images
from advspectra.line_ends import measure_lines
from advspectra.line_file import write_lines
from advspectra.networks import build_network
from advspectra.perturbation_file import origin, read_perturbations, write_perturbations
from advspectra.spectrum_file import write_spectra
from advspectra.split import on_device
from advspectra.table import Column
from advspectra.training import fit
from advspectra_study.config import load_config
from advspectra_study.fingerprint import code_fingerprint
from advspectra_study.study import Attack, Lines, Run, Study, Transfer, steps_and_epochs
from benchmarks.gpu import images
from benchmarks.gpu.pack import ORDER
from benchmarks.gpu.rows import Rows, seconds_left
from benchmarks.timing import ROOT

LIBRARY = ROOT / "workflow/lib"

NETWORKS = ("resnet18", "vgg19")
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
IMAGES = {"pgd": 200, "minimal_pgd": 50}
LINES = {"images": 50, "exact_images": 0, "samples": 51}
# at toy size, on a CPU: whether it works
TOY = {"epochs": 1, "steps": 5, "images": 10, "width": 1 / 16, "checkpoints": {"steps": [0], "epochs": []}}
FIRST_STATES = ("best", "step=0", "epoch=1")
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
    """Return the study: config.yaml for ResNet18 and VGG19, with OVERRIDES; at toy size one of the same form."""
    with open(ROOT / "config.yaml", encoding="utf-8") as file:
        config = yaml.safe_load(file) | OVERRIDES
    config["seeds"] = [seed + number for number in config["seeds"]]
    config["networks"] = [entry for entry in config["networks"] if entry["name"] in NETWORKS]
    config["attacks"] = [attack for attack in config["attacks"] if attack["family"] != "foolbox"]
    config["lines"] = [entry | LINES for entry in config["lines"]]
    for attack in config["attacks"]:
        attack |= {"images": IMAGES[attack["name"]], "batch_size": IMAGES[attack["name"]]}
    if device.type == "cpu":
        config["compute"] = config["compute"] | {"device": "cpu", "precision": "float32"}
    if toy:
        config["seeds"] = config["seeds"][:1]
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
        self.form |= {"activation": run.activation, "depth": run.depth, **study.form}
        self.states = [*self.entry.checkpoints]
        self.states.sort(key=lambda name: FIRST_STATES.index(name) if name in FIRST_STATES else len(FIRST_STATES))

    def train(self) -> None:
        """Train it; keep its states in memory, and all but their weights in checkpoints.h5."""
        study, config = self.study, self.study.config
        scaling = {"alpha_scaling": config["initialization"]["alpha_scaling"], "alpha": self.run.alpha}
        settings = {name: value for name, value in config["training"].items() if name not in ("search", "checkpoints")}
        start = time.perf_counter()
        with precision(study.device, config["compute"]["precision"]):
            self.training = fit(
                lambda: build_network(**self.form, **scaling, seed=self.run.seed).to(study.device),
                study.train,
                study.test,
                learning_rate=self.entry.learning_rate,
                search=None,
                checkpoints=steps_and_epochs(self.states),
                seed=self.run.seed,
                report=lambda line: print(f"{self.entry.name}, seed {self.run.seed}: {line}", flush=True),
                **settings,
            )
        seconds = time.perf_counter() - start
        parameters = {"training": settings, "precision": config["compute"]["precision"], "weights": "left out"}
        about = self.identity | self.study.made_by("train.py", parameters, self.module) | place(study.device)
        write_checkpoints(
            self.folder / "states.h5",
            self.training,
            architecture=self.form,
            attributes=about,
        )
        bare = {name: replace(state, tensors={}) for name, state in self.training.states.items()}
        path = self.folder / "checkpoints.h5"
        write_checkpoints(path, replace(self.training, states=bare), architecture=self.form, attributes=about)
        self.origins = {name: read_origin(self.folder / "states.h5", name=name) for name in self.states}
        (self.folder / "states.h5").unlink()
        study.listed(str(path.relative_to(study.folder)))
        best = self.training.best()
        self.row("training", "best", best["test_accuracy"], seconds=seconds, note=place(study.device)["determinism"])

    def row(self, work: str, name: str, accuracy: float | None = None, **more) -> None:
        """Add a row about a state."""
        state: State = self.training.states[name]
        where = {"network": self.entry.name, "seed": self.run.seed, "work": work, "checkpoint": name}
        self.study.rows.add(**where, step=state.step, test_accuracy=accuracy or state.test_accuracy, **more)

    def network(self, name: str) -> torch.nn.Module:
        """Return the network in a state, in inference mode."""
        network = build_network(**self.form, alpha=1.0, alpha_scaling="plain", seed=0)
        network.load_state_dict(self.training.states[name].tensors)
        return network.eval().to(self.study.device)

    def attack(self, settings: Attack, name: str, *, arithmetic: str | None = None) -> None:
        """Attack a state. arithmetic : another precision than the study's; what comes of it is then only a row."""
        study = self.study
        attack = build_attack(settings.family, **settings.options)
        used = arithmetic or study.config["compute"]["precision"]
        start = time.perf_counter()
        found = perturb(
            self.network(name),
            study.test,
            balanced_subset(study.images.test_labels, settings.images),
            attack,
            batch_size=settings.batch_size,
            simplify=settings.simplified,
            precision=used,
            seed=self.run.seed,
        )
        seconds = time.perf_counter() - start
        about = self.about("attack.py", settings.name, name, vars(settings), f"advspectra.attacks.{settings.family}")
        about |= {"norm": attack.norm, "epsilon": attack.epsilon}
        if arithmetic is None:
            self.write(settings.name, name, found, about, seconds)
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

    def lines(self, attack: str, name: str) -> None:
        """Follow a state along the lines to what an attack, or transfer, found."""
        study, start = self.study, time.perf_counter()
        path = self.folder / attack / name / "perturbations.h5"
        arrays, attributes = read_perturbations(path)
        entry = study.described.lines_of(attack, self.entry)
        settings = {key: getattr(entry, key) for key in ("images", "exact_images", "samples", "stretch_limit")}
        rows = balanced_subset(arrays["label"], settings["images"])
        chosen = {key: array[rows] for key, array in arrays.items()}
        about = self.identity | origin(attributes) | settings
        about |= self.study.made_by("lines.py", {"lines": settings}, self.module) | place(study.device)
        del settings["images"]
        lines = measure_lines(
            self.network(name),
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
        self.row("lines", name, images=len(rows), seconds=seconds, note=f"median share of ReLUs that change: {note}")

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


def work_on(run: TrainedRun) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the work on a trained run, what matters most first, each with its kind."""
    study = run.study.described
    attacks = {attack.name: attack for attack in study.attacks}

    def states(item: Attack | Transfer | Lines) -> list[str]:
        chosen = study.checkpoints_of(item, run.entry)
        return [state for state in run.states if state in chosen]

    pgd, *others = study.attacks
    for state in states(pgd):
        yield pgd.name, lambda state=state: run.attack(pgd, state)
    for item in study.transfers:
        for state in states(item):
            yield item.name, lambda state=state, one=item: run.transfer(one, attacks[one.attack], state)
    for item in study.lines:
        for state in states(item)[:2]:
            yield "lines", lambda state=state, one=item: run.lines(one.attack, state)
    if run.entry.name == NETWORKS[0] and run.run.seed == study.config["seeds"][0]:
        for arithmetic in ("float32", "bfloat16"):
            yield arithmetic, lambda one=arithmetic: run.attack(pgd, "best", arithmetic=one)
    for item in others:
        for state in states(item):
            yield item.name, lambda state=state, one=item: run.attack(one, state)
    for item in study.lines:
        for state in states(item)[2:]:
            yield "lines", lambda state=state, one=item: run.lines(one.attack, state)


def main() -> None:
    """Train and attack, network after network and seed after seed; what the time does not suffice for is left."""
    out, work, device_type = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    start = time.perf_counter()
    device = prepare(device_type, threads=1)
    study = Work(study_of(device, toy=sys.argv[4] == "toy", seed=int(sys.argv[5])), out, work, device)
    study.rows.add(work="images", seconds=time.perf_counter() - start, images=len(study.images.train_labels))
    runs = sorted(study.described.runs.values(), key=lambda run: (run.seed, NETWORKS.index(run.entry.name)))
    longest: dict[str, float] = {}  # of each kind of work, by network
    for one in runs:
        run = TrainedRun(study, one)
        tasks = [("training", run.train)]
        done = 0
        while done < len(tasks):
            kind, task = tasks[done]
            name = f"{one.entry.name} {kind}"
            if seconds_left() < 1.1 * longest.get(name, 0) + 2:
                study.rows.add(network=one.entry.name, seed=one.seed, work=kind, note="no time was left for it")
                if kind == "training":
                    return
                tasks = [task for task in tasks[done:] if task[0] != kind]
                done = 0
                continue
            start = time.perf_counter()
            try:
                task()
            except Exception:  # whatever it is, the other work is still to be done
                traceback.print_exc()
                study.rows.add(network=one.entry.name, seed=one.seed, work=kind, note="failed, see log.txt")
                if kind == "training":  # once more, without graphs
                    cuda_graph.GRAPHED = set()
                    task()
            longest[name] = max(longest.get(name, 0), time.perf_counter() - start)
            done += 1
            if kind == "training":
                tasks += work_on(run)


if __name__ == "__main__":
    main()
