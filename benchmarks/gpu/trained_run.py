"""One network of the study, trained, and what is done with its checkpoints; files by the study's own writers."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import torch

from advspectra.attacking.seen import attacked_network, described
from advspectra.files.checkpoints import Checkpoint, Training, read_origin, write_checkpoints
from advspectra.files.lines import write_lines
from advspectra.files.perturbations import origin, read_perturbations, write_perturbations
from advspectra.lines.ends import measure_lines
from advspectra.machine.devices import place, precision
from advspectra.networks.build import build_network
from advspectra.perturb import balanced_subset, build_attack, perturb, transfer
from advspectra.spectra import write_spectra
from advspectra.training.recipe import Recipe
from advspectra.training.train import fit
from advspectra_study.study import Attack, Lines, Run, Transfer, steps_and_epochs
from benchmarks.gpu.recipe import MAIN, RECALIBRATION, TRAINING_PRECISION
from benchmarks.gpu.study_folder import StudyFolder


class TrainedRun:
    """One network of the study, trained, and the work on its checkpoints."""

    def __init__(self, study: StudyFolder, run: Run):
        self.study, self.run, self.entry = study, run, run.entry
        self.identity = {"dataset": study.config["dataset"]["name"], **run.identity}
        self.folder = study.folder / run.folder
        self.module = f"advspectra.models.{self.entry.architecture}"
        self.form = {"architecture": self.entry.architecture, "options": self.entry.options}
        self.training: Training | None = None
        # at toy size as many batches of fewer images
        fewer = len(study.images.train_labels) // RECALIBRATION["batches"]
        self.recalibration = RECALIBRATION | {"batch_size": min(RECALIBRATION["batch_size"], fewer)}
        self.form |= {"activation": run.activation, "depth": run.depth, **study.form}
        self.checkpoints = [*self.entry.checkpoints]
        self.checkpoints.sort(key=lambda name: MAIN.index(name) if name in MAIN else len(MAIN))

    def train(self) -> None:
        """Train it; keep its checkpoints in memory, and all but their weights in checkpoints.h5."""
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
                Recipe(checkpoints=steps_and_epochs(self.checkpoints), **settings),
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
        bare = {name: replace(kept, tensors={}) for name, kept in self.training.checkpoints.items()}
        path = self.folder / "checkpoints.h5"
        write_checkpoints(path, replace(self.training, checkpoints=bare), architecture=self.form, attributes=about)
        self.origins = {name: read_origin(self.folder / "states.h5", name=name) for name in self.checkpoints}
        (self.folder / "states.h5").unlink()
        study.listed(str(path.relative_to(study.folder)))
        best = self.training.best()
        note = f"{used}, {place(study.device)['determinism']}"
        self.row("training", "best", best["test_accuracy"], seconds=seconds, note=note)

    def row(self, work: str, name: str, accuracy: float | None = None, **more) -> None:
        """Add a row about a checkpoint."""
        checkpoint: Checkpoint = self.training.checkpoints[name]
        where = {"network": self.entry.name, "seed": self.run.seed, "work": work, "checkpoint": name}
        self.study.rows.add(**where, step=checkpoint.step, test_accuracy=accuracy or checkpoint.test_accuracy, **more)

    def network(self, name: str, *, recalibrated: bool = False) -> torch.nn.Module:
        """The network at a checkpoint, in inference mode.

        recalibrated : its running statistics of batch normalisation are estimated again, on training images.
        """
        network = build_network(**self.form, alpha=1.0, alpha_scaling="plain", seed=0)
        network.load_state_dict(self.training.checkpoints[name].tensors)
        about = {"batch_norm": self.recalibration if recalibrated else "as_is", "seed": self.run.seed}
        return attacked_network(network, self.study.images, **about, device=self.study.device)

    def attack_predicted(self, settings: Attack, name: str, *, recalibrated: bool) -> None:
        """Attack the class that the network predicts, so that every image counts."""
        kind = f"{settings.name}_predicted{'_recalibrated' if recalibrated else ''}"
        seen = {"against": "prediction", "batch_norm": self.recalibration if recalibrated else "as_is"}
        self.attack(replace(settings, **seen), name, kind=kind)

    def attack(
        self,
        settings: Attack,
        name: str,
        *,
        arithmetic: str | None = None,
        kind: str | None = None,
    ) -> None:
        """Attack a checkpoint. arithmetic : another precision than the study's; its result is then a row and spectra.

        kind : name of the results, if not the attack's.
        """
        study = self.study
        attack = build_attack(settings.family, **settings.options)
        used = arithmetic or study.config["compute"]["precision"]
        start = time.perf_counter()
        perturbations = perturb(
            self.network(name, recalibrated=settings.batch_norm != "as_is"),
            study.test,
            balanced_subset(study.images.test_labels, settings.images),
            attack,
            batch_size=settings.batch_size,
            simplify=settings.simplified,
            precision=used,
            seed=self.run.seed,
            against=settings.against,
        )
        seconds = time.perf_counter() - start
        kind = kind or settings.name
        about = self.about("attack.py", kind, name, vars(settings), f"advspectra.attacks.{settings.family}")
        seen = {name: getattr(settings, name) for name in ("images_of", "against", "batch_norm")}
        about |= {"norm": attack.norm, "epsilon": attack.epsilon, **described(**seen)}
        if arithmetic is None:
            self.write(kind, name, perturbations, about, seconds)
        else:
            folder = self.folder / "compared" / arithmetic
            self.write_spectra(folder / "spectra.h5", perturbations, about)
            self.row(
                f"{settings.name} in {arithmetic}",
                name,
                **self.summary(perturbations, folder / "spectra.h5"),
                seconds=seconds,
            )

    def transfer(self, settings: Transfer, source: Attack, name: str) -> None:
        """Try the perturbations that `source` found, on another checkpoint."""
        study, start = self.study, time.perf_counter()
        path = self.folder / source.name / settings.found_on / "perturbations.h5"
        arrays, attributes = read_perturbations(path)
        bound = {"norm": float(attributes["norm"]), "epsilon": float(attributes["epsilon"])}
        batch = {"batch_size": source.batch_size}
        perturbations = transfer(
            self.network(name),
            study.test,
            arrays["image"],
            arrays["perturbation"],
            zero_gradient=arrays["zero_gradient"],
            **batch,
            **bound,
        )
        about = self.about("transfer.py", settings.name, name, batch) | bound
        about |= {"source_attack": source.name, "found_on": settings.found_on}
        self.write(settings.name, name, perturbations, about, time.perf_counter() - start)

    def lines(self, entry: Lines, attack: str, name: str, *, recalibrated: bool = False) -> None:
        """Follow the network at a checkpoint along the lines to what an attack or a transfer found there."""
        study, start = self.study, time.perf_counter()
        path = self.folder / attack / name / "perturbations.h5"
        arrays, attributes = read_perturbations(path)
        settings = {key: getattr(entry, key) for key in ("images", "exact_images", "samples", "stretch_limit")}
        rows = images_of_lines(study.images.test_labels, arrays["image"], settings["images"])
        chosen = {key: array[rows] for key, array in arrays.items()}
        about = self.identity | origin(attributes) | settings
        about |= self.study.made_by("lines.py", {"lines": settings}, self.module) | place(study.device)
        del settings["images"]
        left = "clean_prediction" if attributes.get("against") == "prediction" else "label"
        lines = measure_lines(
            self.network(name, recalibrated=recalibrated),
            study.test.batch(torch.from_numpy(chosen["image"]).to(study.device))[0],
            torch.from_numpy(chosen[left]).to(study.device),
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
        """The attributes of a file of perturbations."""
        names = {"attack": attack, "checkpoint": name, **self.origins[name]}
        made = self.study.made_by(script, parameters, self.module, *plugins)
        return self.identity | names | made | place(self.study.device)

    def write(self, attack: str, name: str, perturbations, about: Mapping, seconds: float) -> None:
        """Write perturbations and their spectra, and a row about them."""
        folder = self.folder / attack / name
        write_perturbations(folder / "perturbations.h5", perturbations, attributes=about)
        self.write_spectra(folder / "spectra.h5", perturbations, about)
        for kind in ("spectra", "perturbations"):
            self.study.listed(str((folder / f"{kind}.h5").relative_to(self.study.folder)))
        self.row(attack, name, **self.summary(perturbations, folder / "spectra.h5"), seconds=seconds)

    def write_spectra(self, path: Path, perturbations, about: Mapping) -> None:
        """Write the spectra of perturbations."""
        write_spectra(
            path,
            perturbation=perturbations.perturbation,
            success=perturbations.success,
            image=perturbations.image,
            zero_gradient=perturbations.zero_gradient,
            **self.study.config["spectra"],
            attributes=self.identity | origin(about) | self.study.made_by("spectra.py", self.study.config["spectra"]),
        )

    def summary(self, perturbations, spectra: Path) -> dict:
        """What a row says of perturbations: norms and frequency of the successful ones."""
        successful = perturbations.success
        with h5py.File(spectra) as file:
            half = file["paper/half_power_frequency"][()]
        return {
            "images": len(perturbations.image),
            "correct": float((perturbations.clean_prediction == perturbations.label).mean()),
            "success": float(successful.mean()),
            "l2": float(perturbations.l2[successful].mean()) if successful.any() else None,
            "linf": float(np.median(perturbations.linf[successful])) if successful.any() else None,
            "half_power_frequency": float(half.mean()) if len(half) else None,
        }


def images_of_lines(test_labels: np.ndarray, attacked: np.ndarray, count: int) -> np.ndarray:
    """Places of `count` of the attacked images, equally many of each true class, (count,) int64 ascending.

    test_labels : (N,) of all test images; attacked : (n,) indices among them. The true classes serve where the attack
    was on predicted ones too: an early network predicts one or two classes for nearly all images.
    """
    return balanced_subset(test_labels[attacked], count)
